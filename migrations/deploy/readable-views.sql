-- Deploy provd:readable-views to pg
-- requires: partitions

BEGIN;

SET LOCAL ROLE provd_owner;

CREATE FUNCTION provd.outcome_name(status int2) RETURNS text
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT CASE status
        WHEN 0 THEN 'APPLIED'
        WHEN 1 THEN 'NO_CHANGE'
        WHEN 2 THEN 'DUPLICATE'
        WHEN 3 THEN 'PLANNED'
        WHEN 4 THEN 'REJECTED'
        WHEN 5 THEN 'FAILED'
        WHEN 6 THEN 'EXPIRED'
        WHEN 7 THEN 'PARKED'
        WHEN 8 THEN 'HELD'
        WHEN 100 THEN 'DEAD_LETTER'
    END
$$;
COMMENT ON FUNCTION provd.outcome_name(int2)
    IS 'Name of a status in event_ledger and record_outcome';

CREATE VIEW provd.ledger_readable AS
    SELECT l.event_id, provd.outcome_name(l.status) AS status, f.topic, f.partition, l.kafka_offset,
        encode(l.payload_hash, 'hex') AS payload_hash, l.change_count, l.chain_seq AS first_change,
        l.applied_at, f.cluster_id
    FROM provd.event_ledger l
    LEFT JOIN provd.fence f USING (fence_id);
COMMENT ON VIEW provd.ledger_readable IS 'The event ledger for people';
COMMENT ON COLUMN provd.ledger_readable.event_id IS 'id of the event';
COMMENT ON COLUMN provd.ledger_readable.status IS 'Outcome';
COMMENT ON COLUMN provd.ledger_readable.topic IS 'Topic of the record that used up the id';
COMMENT ON COLUMN provd.ledger_readable.partition IS 'Partition of that record';
COMMENT ON COLUMN provd.ledger_readable.kafka_offset IS 'Offset of that record';
COMMENT ON COLUMN provd.ledger_readable.payload_hash
    IS 'Hash of the decoded event in hexadecimal digits';
COMMENT ON COLUMN provd.ledger_readable.change_count IS 'Change records that it made';
COMMENT ON COLUMN provd.ledger_readable.first_change IS 'seq of the first of them';
COMMENT ON COLUMN provd.ledger_readable.applied_at IS 'Time of the batch, by the clock';
COMMENT ON COLUMN provd.ledger_readable.cluster_id IS 'id of the Kafka cluster';

CREATE VIEW provd.outcome_readable AS
    SELECT provd.outcome_name(o.status) AS status, f.topic, f.partition, o.kafka_offset, o.event_id,
        o.stage, o.code, o.message, encode(o.content_hash, 'hex') AS content_hash, o.recorded_at,
        f.cluster_id
    FROM provd.record_outcome o
    LEFT JOIN provd.fence f USING (fence_id);
COMMENT ON VIEW provd.outcome_readable
    IS 'Outcomes of records that used up no event id, for people';
COMMENT ON COLUMN provd.outcome_readable.status IS 'Outcome, or DEAD_LETTER';
COMMENT ON COLUMN provd.outcome_readable.topic IS 'Topic of the record';
COMMENT ON COLUMN provd.outcome_readable.partition IS 'Partition of the record';
COMMENT ON COLUMN provd.outcome_readable.kafka_offset IS 'Offset of the record';
COMMENT ON COLUMN provd.outcome_readable.event_id IS 'Event id as it was sent';
COMMENT ON COLUMN provd.outcome_readable.stage IS 'Stage at which a dead letter failed';
COMMENT ON COLUMN provd.outcome_readable.code IS 'Code of the result or dead letter';
COMMENT ON COLUMN provd.outcome_readable.message IS 'What was wrong';
COMMENT ON COLUMN provd.outcome_readable.content_hash
    IS 'Hash of the record''s value in hexadecimal digits';
COMMENT ON COLUMN provd.outcome_readable.recorded_at IS 'Time of the batch, by the clock';
COMMENT ON COLUMN provd.outcome_readable.cluster_id IS 'id of the Kafka cluster';

GRANT SELECT ON provd.ledger_readable, provd.outcome_readable TO provd_reader;

CREATE OR REPLACE FUNCTION provd.schema_version() RETURNS int
    LANGUAGE sql STABLE PARALLEL SAFE AS 'SELECT 8';

COMMIT;
