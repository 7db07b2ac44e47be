-- Verify provd:machinery on pg

BEGIN;

SELECT fence_id, cluster_id, topic, partition, group_id, next_offset, owner_epoch, published_upto,
    chain_seq, chain_head, permission, permission_reason, permission_by, updated_at
FROM provd.fence WHERE false;
SELECT event_id, fence_id, kafka_offset, status, payload_hash, result, chain_seq, change_count,
    applied_at
FROM provd.event_ledger WHERE false;
SELECT fence_id, kafka_offset, status, event_id, content_hash, result, stage, code, message,
    recorded_at
FROM provd.record_outcome WHERE false;
SELECT fence_id, seq, changed_at, event_id, object_type, object_id, frame, body, hash
FROM provd.change_log WHERE false;

DO $$
DECLARE
    wrong text;
BEGIN
    -- Nobody but the owner can change or delete what ledger, outcomes and change log once hold.
    SELECT string_agg(format('%s on %s: "%s" instead of "%s"', role, name, actual, rights), ', ')
    INTO wrong
    FROM (VALUES
            ('provd_writer', 'provd.event_ledger', 'INSERT SELECT'),
            ('provd_writer', 'provd.record_outcome', 'INSERT SELECT'),
            ('provd_writer', 'provd.change_log', 'INSERT SELECT'),
            ('provd_writer', 'provd.fence', 'INSERT SELECT UPDATE'),
            ('provd_operator', 'provd.event_ledger', 'SELECT'),
            ('provd_operator', 'provd.record_outcome', 'SELECT'),
            ('provd_operator', 'provd.change_log', 'INSERT SELECT'),
            ('provd_operator', 'provd.fence', 'INSERT SELECT'),
            ('provd_reader', 'provd.event_ledger', 'SELECT'),
            ('provd_reader', 'provd.record_outcome', 'SELECT'),
            ('provd_reader', 'provd.change_log', 'SELECT'),
            ('provd_reader', 'provd.fence', 'SELECT')
        ) AS rule (role, name, rights),
        LATERAL (SELECT coalesce(string_agg(p, ' ' ORDER BY p), '')
            FROM unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE']) AS p
            WHERE has_table_privilege(role, name, p)) AS has (actual)
    WHERE actual <> rights;
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'wrong rights: %', wrong;
    END IF;
    IF NOT has_column_privilege('provd_operator', 'provd.fence', 'permission', 'UPDATE')
        OR has_column_privilege('provd_operator', 'provd.fence', 'next_offset', 'UPDATE') THEN
        RAISE EXCEPTION 'provd_operator must be able to give a permission, not to move an offset';
    END IF;

    SELECT string_agg(parent, ', ') INTO wrong
    FROM unnest(ARRAY['provd.event_ledger', 'provd.change_log']) AS parent
    WHERE NOT EXISTS (SELECT FROM pg_partitioned_table
        WHERE partrelid = parent::regclass AND partdefid <> 0);
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'not partitioned, or without a default partition: %', wrong;
    END IF;
END
$$;

ROLLBACK;
