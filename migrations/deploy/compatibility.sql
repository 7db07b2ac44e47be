-- Deploy provd:compatibility to pg
-- requires: rewind

BEGIN;

SET LOCAL ROLE provd_owner;

-- Workers are upgraded one after the other, after the database: those that are not yet upgraded ask
-- here whether they may go on. A change that they cannot live with raises it to its own number.
CREATE FUNCTION provd.schema_serves_from() RETURNS int LANGUAGE sql STABLE PARALLEL SAFE AS 'SELECT 8';
COMMENT ON FUNCTION provd.schema_serves_from()
    IS 'Workers that were built for this schema version or a later one work with this database';

CREATE OR REPLACE FUNCTION provd.schema_version() RETURNS int
    LANGUAGE sql STABLE PARALLEL SAFE AS 'SELECT 10';

COMMIT;
