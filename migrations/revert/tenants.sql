-- Revert provd:tenants from pg

BEGIN;

SET LOCAL ROLE provd_owner;

DROP TABLE provd.domain;
DROP TABLE provd.context;

CREATE OR REPLACE FUNCTION provd.schema_version() RETURNS int
    LANGUAGE sql STABLE PARALLEL SAFE AS 'SELECT 1';

COMMIT;
