-- Revert provd:accounts from pg

BEGIN;

SET LOCAL ROLE provd_owner;

DROP SEQUENCE provd.service_id_block;
DROP SEQUENCE provd.account_id_block;
DROP TABLE provd.recovery;
DROP TABLE provd.role_grant;
DROP TABLE provd.mail_group;
DROP TABLE provd.service_account;
DROP TABLE provd.account;

CREATE OR REPLACE FUNCTION provd.schema_version() RETURNS int
    LANGUAGE sql STABLE PARALLEL SAFE AS 'SELECT 2';

COMMIT;
