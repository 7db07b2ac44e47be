-- Revert provd:compatibility from pg

BEGIN;

SET LOCAL ROLE provd_owner;

DROP FUNCTION provd.schema_serves_from();

CREATE OR REPLACE FUNCTION provd.schema_version() RETURNS int
    LANGUAGE sql STABLE PARALLEL SAFE AS 'SELECT 9';

COMMIT;
