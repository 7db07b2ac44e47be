-- Verify provd:mail-views on pg

BEGIN;

SELECT "user", password, nologin, reason, allow_nets, protocols
FROM provd.dovecot_passdb WHERE false;
SELECT "user", home, mail, mail_driver, mail_path, quota_rule, quota_storage_size,
    quota_message_count
FROM provd.dovecot_userdb WHERE false;
SELECT name FROM provd.postfix_domains WHERE false;
SELECT address, home_dir FROM provd.postfix_mailboxes WHERE false;
SELECT address, destination FROM provd.postfix_aliases WHERE false;
SELECT sender, login FROM provd.postfix_sender_login WHERE false;
SELECT address, action FROM provd.postfix_recipient_access WHERE false;

DO $$
DECLARE
    wrong text;
BEGIN
    -- mta sees Postfix's views, mda sees Dovecot's, and neither sees anything else of the schema.
    SELECT string_agg(format('%s %s', role, c.relname), ', ') INTO wrong
    FROM pg_class c, (VALUES ('mta', '^postfix_'), ('mda', '^dovecot_')) AS rule (role, pattern)
    WHERE c.relnamespace = 'provd'::regnamespace AND c.relkind IN ('r', 'p', 'v')
        AND (has_any_column_privilege(role, c.oid, 'SELECT') <> (c.relname ~ pattern)
            OR has_any_column_privilege(role, c.oid, 'INSERT, UPDATE'));
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'rights that are missing or too many: %', wrong;
    END IF;
    IF has_column_privilege('provd_reader', 'provd.dovecot_passdb', 'password', 'SELECT')
        OR has_any_column_privilege('provd_reader', 'provd.mail_account', 'SELECT') THEN
        RAISE EXCEPTION 'provd_reader must not see passwords';
    END IF;
    IF 'smtp' = ANY (provd.mail_protocols(0, 0, true))
        OR NOT 'smtp' = ANY (provd.mail_protocols(0, 0, false)) THEN
        RAISE EXCEPTION 'mail_protocols must take smtp from those, and only those, without login';
    END IF;
    PERFORM 'provd.domain_catch_all'::regclass;
END
$$;

ROLLBACK;
