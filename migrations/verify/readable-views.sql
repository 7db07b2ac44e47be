-- Verify provd:readable-views on pg

BEGIN;

SELECT event_id, status, topic, partition, kafka_offset, payload_hash, change_count, first_change,
    applied_at, cluster_id
FROM provd.ledger_readable WHERE false;
SELECT status, topic, partition, kafka_offset, event_id, stage, code, message, content_hash,
    recorded_at, cluster_id
FROM provd.outcome_readable WHERE false;

DO $$
BEGIN
    IF (SELECT count(provd.outcome_name(n::int2)) FROM generate_series(0, 8) AS n) <> 9
        OR provd.outcome_name(100::int2) <> 'DEAD_LETTER' THEN
        RAISE EXCEPTION 'outcome_name does not know every status';
    END IF;
    IF NOT has_table_privilege('provd_reader', 'provd.ledger_readable', 'SELECT')
        OR NOT has_table_privilege('provd_reader', 'provd.outcome_readable', 'SELECT') THEN
        RAISE EXCEPTION 'provd_reader must see ledger_readable and outcome_readable';
    END IF;
END
$$;

ROLLBACK;
