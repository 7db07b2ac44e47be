-- Revert provd:machinery from pg

BEGIN;

SET LOCAL ROLE provd_owner;

DROP TABLE provd.change_log;
DROP TABLE provd.record_outcome;
DROP TABLE provd.event_ledger;
DROP TABLE provd.fence;

CREATE OR REPLACE FUNCTION provd.schema_version() RETURNS int
    LANGUAGE sql STABLE PARALLEL SAFE AS 'SELECT 3';

COMMIT;
