-- Revert provd:mail-views from pg

BEGIN;

SET LOCAL ROLE provd_owner;

DROP VIEW provd.postfix_recipient_access;
DROP VIEW provd.postfix_sender_login;
DROP VIEW provd.postfix_aliases;
DROP INDEX provd.domain_catch_all;
DROP VIEW provd.postfix_mailboxes;
DROP VIEW provd.postfix_domains;
DROP VIEW provd.dovecot_userdb;
DROP VIEW provd.dovecot_passdb;
DROP VIEW provd.mail_account;
DROP FUNCTION provd.mail_protocols(int, int, boolean);
DROP FUNCTION provd.home_dir(uuid);

CREATE OR REPLACE FUNCTION provd.schema_version() RETURNS int
    LANGUAGE sql STABLE PARALLEL SAFE AS 'SELECT 5';

COMMIT;
