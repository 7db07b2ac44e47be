-- Revert provd:atmail-views from pg

BEGIN;

SET LOCAL ROLE provd_owner;

DROP VIEW provd.atmail_api_accounts;
DROP VIEW provd.atmail_accounts;

CREATE OR REPLACE FUNCTION provd.schema_version() RETURNS int
    LANGUAGE sql STABLE PARALLEL SAFE AS 'SELECT 6';

COMMIT;
