-- Revert provd:rewind from pg

BEGIN;

SET LOCAL ROLE provd_owner;

ALTER TABLE provd.fence DROP COLUMN republish_below;

CREATE OR REPLACE FUNCTION provd.schema_version() RETURNS int
    LANGUAGE sql STABLE PARALLEL SAFE AS 'SELECT 8';

COMMIT;
