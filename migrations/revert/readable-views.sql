-- Revert provd:readable-views from pg

BEGIN;

SET LOCAL ROLE provd_owner;

DROP VIEW provd.outcome_readable;
DROP VIEW provd.ledger_readable;
DROP FUNCTION provd.outcome_name(int2);

CREATE OR REPLACE FUNCTION provd.schema_version() RETURNS int
    LANGUAGE sql STABLE PARALLEL SAFE AS 'SELECT 7';

COMMIT;
