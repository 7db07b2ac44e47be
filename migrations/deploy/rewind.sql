-- Deploy provd:rewind to pg
-- requires: machinery

BEGIN;

SET LOCAL ROLE provd_owner;

ALTER TABLE provd.fence ADD COLUMN republish_below int8 NOT NULL DEFAULT 0;

COMMENT ON COLUMN provd.fence.republish_below
    IS 'Results of records below this offset had been published before the database went back; '
        '0: it never did';

CREATE OR REPLACE FUNCTION provd.schema_version() RETURNS int
    LANGUAGE sql STABLE PARALLEL SAFE AS 'SELECT 9';

COMMIT;
