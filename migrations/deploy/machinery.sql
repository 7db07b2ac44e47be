-- Deploy provd:machinery to pg
-- requires: roles

BEGIN;

SET LOCAL ROLE provd_owner;

-- A few rows, each written by every batch: much room in the page, so that no index is ever touched.
CREATE TABLE provd.fence (
    fence_id int4 PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    cluster_id text COLLATE "C" NOT NULL,
    topic text COLLATE "C" NOT NULL,
    partition int4 NOT NULL CHECK (partition >= 0),
    group_id text NOT NULL,
    next_offset int8 NOT NULL CHECK (next_offset >= 0),
    owner_epoch int8 NOT NULL DEFAULT 0,
    published_upto int8 NOT NULL DEFAULT 0,
    chain_seq int8 NOT NULL DEFAULT 0 CHECK (chain_seq >= 0),
    chain_head bytea NOT NULL DEFAULT decode(repeat('00', 32), 'hex')
        CHECK (octet_length(chain_head) = 32),
    permission text CHECK (permission IN ('accept', 'adopt')),
    permission_reason text,
    permission_by text,
    updated_at timestamptz NOT NULL,
    CONSTRAINT fence_partition UNIQUE (cluster_id, topic, partition)
) WITH (fillfactor = 20, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500);

COMMENT ON TABLE provd.fence
    IS 'One row for each source partition: how far it is, who owns it, its audit chain''s head';
COMMENT ON COLUMN provd.fence.fence_id
    IS 'Short name of the source partition in the ledger, the outcomes and the change log';
COMMENT ON COLUMN provd.fence.cluster_id IS 'id of the Kafka cluster';
COMMENT ON COLUMN provd.fence.topic IS 'Topic';
COMMENT ON COLUMN provd.fence.partition IS 'Partition';
COMMENT ON COLUMN provd.fence.group_id IS 'Consumer group that works on it';
COMMENT ON COLUMN provd.fence.next_offset IS 'Offset of the first record that is not applied';
COMMENT ON COLUMN provd.fence.owner_epoch
    IS 'Raised by each assignment; a worker that finds another epoch has lost the partition and '
        'writes nothing';
COMMENT ON COLUMN provd.fence.published_upto
    IS 'Results of records below this offset are known to be published';
COMMENT ON COLUMN provd.fence.chain_seq IS 'seq of the newest change record; 0: none yet';
COMMENT ON COLUMN provd.fence.chain_head
    IS 'hash of the newest change record; 32 zero bytes: none yet';
COMMENT ON COLUMN provd.fence.permission
    IS 'One-use permission to go on after a halt, consumed at the next assignment: accept or adopt';
COMMENT ON COLUMN provd.fence.permission_reason
    IS 'Why the permission was given; goes to the change log';
COMMENT ON COLUMN provd.fence.permission_by IS 'Who gave the permission; goes to the change log';
COMMENT ON COLUMN provd.fence.updated_at IS 'Time of the last write, by the clock';

-- An event id stays unique across partitions since the partitions are ranges of the id itself.
CREATE TABLE provd.event_ledger (
    event_id uuid NOT NULL,
    fence_id int4 NOT NULL,
    kafka_offset int8 NOT NULL,
    status int2 NOT NULL CHECK (status BETWEEN 0 AND 8),
    payload_hash bytea NOT NULL CHECK (octet_length(payload_hash) = 16),
    result bytea NOT NULL,
    chain_seq int8,
    change_count int4 NOT NULL CHECK (change_count >= 0),
    applied_at timestamptz NOT NULL,
    PRIMARY KEY (event_id)
) PARTITION BY RANGE (event_id);

COMMENT ON TABLE provd.event_ledger
    IS 'Every event id that is used up, and its result; partitioned by the month in the UUIDv7';
COMMENT ON COLUMN provd.event_ledger.event_id IS 'id of the event';
COMMENT ON COLUMN provd.event_ledger.fence_id IS 'Source partition of the record that used it up';
COMMENT ON COLUMN provd.event_ledger.kafka_offset IS 'Offset of that record';
COMMENT ON COLUMN provd.event_ledger.status
    IS 'Outcome: 0 APPLIED, 1 NO_CHANGE, 2 DUPLICATE, 3 PLANNED, 4 REJECTED, 5 FAILED, 6 EXPIRED, '
        '7 PARKED, 8 HELD';
COMMENT ON COLUMN provd.event_ledger.payload_hash
    IS 'Hash of the decoded event, 16 bytes: tells a retry from a reused id';
COMMENT ON COLUMN provd.event_ledger.result
    IS 'The published result, byte for byte with its framing';
COMMENT ON COLUMN provd.event_ledger.chain_seq
    IS 'seq of its first change record; null: it made none';
COMMENT ON COLUMN provd.event_ledger.change_count
    IS 'Change records it made, in unbroken order from chain_seq';
COMMENT ON COLUMN provd.event_ledger.applied_at IS 'Time of the batch, by the clock';

-- The default holds ids that are no UUIDv7 of a month at hand. It is split at the greatest time
-- that a UUIDv7 of this century can have, since attaching a month scans the default for rows that
-- belong there, under an exclusive lock: the upper part, where 98 of 100 random ids lie, is left
-- out of that scan thanks to its CHECK (bounds alone do not do that).
CREATE TABLE provd.event_ledger_default PARTITION OF provd.event_ledger
    DEFAULT PARTITION BY RANGE (event_id);
CREATE TABLE provd.event_ledger_default_low PARTITION OF provd.event_ledger_default
    FOR VALUES FROM (MINVALUE) TO ('04000000-0000-0000-0000-000000000000');
CREATE TABLE provd.event_ledger_default_high PARTITION OF provd.event_ledger_default (
    CONSTRAINT event_ledger_default_high_bound
        CHECK (event_id >= '04000000-0000-0000-0000-000000000000')
) FOR VALUES FROM ('04000000-0000-0000-0000-000000000000') TO (MAXVALUE);
COMMENT ON TABLE provd.event_ledger_default
    IS 'Ids without a month of their own; pruned by deleting, see migrations/README.md';
COMMENT ON TABLE provd.event_ledger_default_low
    IS 'Of the default: ids that begin as a UUIDv7 made before the year 2109';
COMMENT ON TABLE provd.event_ledger_default_high
    IS 'Of the default: ids that begin as no UUIDv7 made before the year 2109';

-- Coordinates come again when a topic was made again and its fence adopted: the newest row is of the
-- present topic. Nothing is ever overwritten.
CREATE TABLE provd.record_outcome (
    fence_id int4 NOT NULL,
    kafka_offset int8 NOT NULL,
    status int2 NOT NULL CHECK (status BETWEEN 0 AND 8 OR status = 100),
    event_id text,
    content_hash bytea,
    result bytea,
    stage text,
    code text,
    message text,
    recorded_at timestamptz NOT NULL,
    PRIMARY KEY (fence_id, kafka_offset, recorded_at)
);

COMMENT ON TABLE provd.record_outcome
    IS 'Outcomes of records that use up no event id, by coordinates, so that a re-read publishes '
        'the same';
COMMENT ON COLUMN provd.record_outcome.fence_id IS 'Source partition';
COMMENT ON COLUMN provd.record_outcome.kafka_offset IS 'Offset of the record';
COMMENT ON COLUMN provd.record_outcome.status IS 'As in event_ledger; 100: a dead letter';
COMMENT ON COLUMN provd.record_outcome.event_id
    IS 'Event id as it was sent, at most 64 characters; it need not be a UUID';
COMMENT ON COLUMN provd.record_outcome.content_hash
    IS 'Hash of the record''s value; the value itself is never kept';
COMMENT ON COLUMN provd.record_outcome.result
    IS 'The published result, byte for byte with its framing; null for a dead letter';
COMMENT ON COLUMN provd.record_outcome.stage
    IS 'Dead letters: FRAME, SCHEMA, DECODE, VALIDATE, APPLY or PUBLISH';
COMMENT ON COLUMN provd.record_outcome.code IS 'Code of the result or dead letter';
COMMENT ON COLUMN provd.record_outcome.message IS 'What was wrong, one line';
COMMENT ON COLUMN provd.record_outcome.recorded_at IS 'Time of the batch, by the clock';

CREATE TABLE provd.change_log (
    fence_id int4 NOT NULL,
    seq int8 NOT NULL CHECK (seq > 0),
    changed_at timestamptz NOT NULL,
    event_id uuid,
    object_type text NOT NULL,
    object_id uuid,
    frame bytea NOT NULL,
    body bytea NOT NULL,
    hash bytea NOT NULL CHECK (octet_length(hash) = 32),
    PRIMARY KEY (fence_id, seq, changed_at)
) PARTITION BY RANGE (changed_at);
CREATE INDEX change_log_object ON provd.change_log (object_id) WHERE object_id IS NOT NULL;

COMMENT ON TABLE provd.change_log
    IS 'Audit: every change record, append-only, hash-chained for each source partition; '
        'partitioned by month';
COMMENT ON COLUMN provd.change_log.fence_id IS 'Source partition: the chain';
COMMENT ON COLUMN provd.change_log.seq IS 'Number in the chain, dense from 1';
COMMENT ON COLUMN provd.change_log.changed_at IS 'Time of the applying batch, by the clock';
COMMENT ON COLUMN provd.change_log.event_id IS 'The event; null for an act of an operator';
COMMENT ON COLUMN provd.change_log.object_type IS 'Kind of object: account, domain, context, ...';
COMMENT ON COLUMN provd.change_log.object_id IS 'uuid of the account; null for other objects';
COMMENT ON COLUMN provd.change_log.frame IS 'Framing prefix of the published value';
COMMENT ON COLUMN provd.change_log.body
    IS 'Avro bytes of the change record without its last field; they hold seq and prev_hash';
COMMENT ON COLUMN provd.change_log.hash
    IS 'SHA-256 of body; the published value is frame, body, hash';

CREATE TABLE provd.change_log_default PARTITION OF provd.change_log DEFAULT;
COMMENT ON TABLE provd.change_log_default IS 'Change records of months that have no partition';

GRANT SELECT, INSERT, UPDATE ON provd.fence TO provd_writer;
GRANT SELECT, INSERT ON provd.event_ledger, provd.record_outcome, provd.change_log TO provd_writer;
GRANT SELECT ON provd.fence, provd.event_ledger, provd.record_outcome, provd.change_log
    TO provd_reader;
GRANT INSERT, UPDATE (permission, permission_reason, permission_by, updated_at) ON provd.fence
    TO provd_operator;
GRANT INSERT ON provd.change_log TO provd_operator;

CREATE OR REPLACE FUNCTION provd.schema_version() RETURNS int
    LANGUAGE sql STABLE PARALLEL SAFE AS 'SELECT 4';

COMMIT;
