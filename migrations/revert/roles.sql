-- Revert provd:roles from pg
-- The roles stay: they belong to the whole server, other databases and login users may depend on
-- them, and without this schema they may do nothing here. To remove them by hand:
--   DROP ROLE provd_owner, provd_writer, provd_operator, provd_reader, mta, mda;

BEGIN;

SET LOCAL ROLE provd_owner;

DROP FUNCTION provd.schema_version();
DROP SCHEMA provd;

COMMIT;
