-- Deploy provd:mail-views to pg
-- requires: accounts
-- What a mail installation asks; the queries to configure there are in migrations/README.md.

BEGIN;

SET LOCAL ROLE provd_owner;

-- SHA-256, not MD5: a server in FIPS mode has no MD5.
CREATE FUNCTION provd.home_dir(uuid uuid) RETURNS text
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT '/var/vmail/' || substr(encode(sha256(uuid_send(uuid)), 'hex'), 1, 2)
        || '/' || substr(encode(sha256(uuid_send(uuid)), 'hex'), 3, 2) || '/' || uuid::text
$$;
COMMENT ON FUNCTION provd.home_dir(uuid)
    IS 'Home directory, from the uuid: whoever gets a freed address never sees the old mail';

-- Bits of disabled_protocols and flags: see the comments of domain and account. `submission` is
-- Dovecot's own SMTP. `smtp` is never there for one that may not log in, since nologin alone does
-- not stop Postfix: Dovecot answers its SMTP AUTH with OK.
CREATE FUNCTION provd.mail_protocols(disabled int, flags int, no_login boolean) RETURNS text[]
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT array_remove(ARRAY[
        CASE WHEN disabled & 1 = 0 AND flags & x'02'::int = 0 THEN 'pop3' END,
        CASE WHEN disabled & 2 = 0 AND flags & x'08'::int = 0 THEN 'imap' END,
        CASE WHEN disabled & 4 = 0 AND flags & x'800'::int = 0 AND NOT no_login THEN 'smtp' END,
        CASE WHEN disabled & 4 = 0 AND flags & x'800'::int = 0 THEN 'submission' END,
        CASE WHEN disabled & 8 = 0 THEN 'sieve' END,
        CASE WHEN disabled & 16 = 0 AND flags & x'04'::int = 0 THEN 'webmail' END], NULL)
$$;
COMMENT ON FUNCTION provd.mail_protocols(int, int, boolean)
    IS 'Dovecot services that an account may use; smtp only if it may log in at all';

-- Common ground of the views below, which nobody else may read.
CREATE VIEW provd.mail_account AS
    SELECT a.uuid, a.address, a.domain, a.password, a.flags, a.quota_bytes, a.quota_messages,
        a.mailbox_type, a.forward, d.disabled_protocols,
        CASE
            WHEN 'MAINTENANCE' IN (a.status, d.status) THEN 'MAINTENANCE'
            WHEN 'LOCKED' IN (a.status, d.status) THEN 'LOCKED'
            ELSE 'ACTIVE'
        END AS status
    FROM provd.account a
    JOIN provd.domain d ON d.name = a.domain
    WHERE a.tombstone = 0
        AND a.services & 1 = 1
        AND a.status IN ('ACTIVE', 'LOCKED', 'MAINTENANCE')
        AND d.status IN ('ACTIVE', 'LOCKED', 'MAINTENANCE');
COMMENT ON VIEW provd.mail_account
    IS 'Accounts that have a mailbox, with the stricter of their own and their domain''s status';
COMMENT ON COLUMN provd.mail_account.uuid IS 'Identity of the account';
COMMENT ON COLUMN provd.mail_account.address IS 'Address';
COMMENT ON COLUMN provd.mail_account.domain IS 'Domain of the address';
COMMENT ON COLUMN provd.mail_account.password IS 'Scheme-prefixed hash';
COMMENT ON COLUMN provd.mail_account.flags IS 'vpopmail''s bits';
COMMENT ON COLUMN provd.mail_account.quota_bytes IS 'Quota in bytes; null or 0 is unlimited';
COMMENT ON COLUMN provd.mail_account.quota_messages IS 'Quota in messages; null or 0 is unlimited';
COMMENT ON COLUMN provd.mail_account.mailbox_type IS 'Mailbox format, as the event named it';
COMMENT ON COLUMN provd.mail_account.forward IS 'Address that mail is forwarded to';
COMMENT ON COLUMN provd.mail_account.disabled_protocols
    IS 'Protocols that the domain has switched off';
COMMENT ON COLUMN provd.mail_account.status IS 'ACTIVE, LOCKED or MAINTENANCE';

CREATE VIEW provd.dovecot_passdb AS
    SELECT address AS "user",
        password,
        CASE WHEN status <> 'ACTIVE' THEN 'Y' END AS nologin,
        CASE status
            WHEN 'LOCKED' THEN 'This account is locked.'
            WHEN 'MAINTENANCE' THEN 'This mailbox is under maintenance, please try again later.'
        END AS reason,
        NULL::text AS allow_nets,
        provd.mail_protocols(disabled_protocols, flags, status <> 'ACTIVE') AS protocols
    FROM provd.mail_account;
COMMENT ON VIEW provd.dovecot_passdb IS 'Dovecot passdb: who may log in, by which protocol';
COMMENT ON COLUMN provd.dovecot_passdb."user" IS 'Address; the login name';
COMMENT ON COLUMN provd.dovecot_passdb.password
    IS 'Scheme-prefixed hash; null: no password is right';
COMMENT ON COLUMN provd.dovecot_passdb.nologin
    IS 'Y: the password may be right, yet the login is refused; null otherwise (to Dovecot any '
        'value means true)';
COMMENT ON COLUMN provd.dovecot_passdb.reason IS 'What the user is told when nologin is set';
COMMENT ON COLUMN provd.dovecot_passdb.allow_nets
    IS 'Networks that logins may come from; null: any';
COMMENT ON COLUMN provd.dovecot_passdb.protocols
    IS 'Dovecot services that the account may use; the query compares %Ls with it';

-- mailbox_type comes from an event: only names of drivers that are known here reach a mail
-- location.
CREATE VIEW provd.dovecot_userdb AS
    SELECT address AS "user",
        provd.home_dir(uuid) AS home,
        driver || ':' || path AS mail,
        driver AS mail_driver,
        path AS mail_path,
        format('*:bytes=%s:messages=%s', bytes, messages) AS quota_rule,
        bytes || 'B' AS quota_storage_size,
        messages AS quota_message_count
    FROM (
        SELECT address, uuid,
            CASE lower(mailbox_type)
                WHEN 'mdbox' THEN 'mdbox' WHEN 'sdbox' THEN 'sdbox' ELSE 'maildir'
            END AS driver,
            CASE lower(mailbox_type)
                WHEN 'mdbox' THEN '~/mdbox' WHEN 'sdbox' THEN '~/sdbox' ELSE '~/Maildir'
            END AS path,
            coalesce(quota_bytes, 0) AS bytes,
            coalesce(quota_messages, 0) AS messages
        FROM provd.mail_account
    ) AS mailbox;
COMMENT ON VIEW provd.dovecot_userdb
    IS 'Dovecot userdb and iteration: where the mail of an account lies, and its quota';
COMMENT ON COLUMN provd.dovecot_userdb."user" IS 'Address';
COMMENT ON COLUMN provd.dovecot_userdb.home IS 'Home directory, made from the uuid';
COMMENT ON COLUMN provd.dovecot_userdb.mail IS 'Mail location for Dovecot 2.3';
COMMENT ON COLUMN provd.dovecot_userdb.mail_driver IS 'Mailbox format for Dovecot 2.4';
COMMENT ON COLUMN provd.dovecot_userdb.mail_path IS 'Path of the mail for Dovecot 2.4';
COMMENT ON COLUMN provd.dovecot_userdb.quota_rule IS 'Quota for Dovecot 2.3; 0 is unlimited';
COMMENT ON COLUMN provd.dovecot_userdb.quota_storage_size
    IS 'Quota for Dovecot 2.4 in bytes; 0 is unlimited';
COMMENT ON COLUMN provd.dovecot_userdb.quota_message_count
    IS 'Message quota for Dovecot 2.4; 0 is unlimited';

CREATE VIEW provd.postfix_domains AS
    SELECT name FROM provd.domain WHERE status IN ('ACTIVE', 'LOCKED', 'MAINTENANCE');
COMMENT ON VIEW provd.postfix_domains IS 'Postfix virtual_mailbox_domains';
COMMENT ON COLUMN provd.postfix_domains.name IS 'Domain';

CREATE VIEW provd.postfix_mailboxes AS
    SELECT address, provd.home_dir(uuid) AS home_dir FROM provd.mail_account;
COMMENT ON VIEW provd.postfix_mailboxes IS 'Postfix virtual_mailbox_maps';
COMMENT ON COLUMN provd.postfix_mailboxes.address IS 'Address';
COMMENT ON COLUMN provd.postfix_mailboxes.home_dir IS 'Home directory, made from the uuid';

-- Every mailbox has a row of its own, else a catch-all would take its mail. The target of a
-- catch-all must itself be deliverable, else Postfix would accept mail for unknown addresses and
-- bounce it later.
CREATE VIEW provd.postfix_aliases AS
    SELECT address, address AS destination FROM provd.mail_account
    UNION ALL
    SELECT address, forward COLLATE "C" FROM provd.mail_account WHERE forward <> ''
    UNION ALL
    SELECT '@' || d.name, d.catch_all
    FROM provd.domain d
    JOIN provd.mail_account m ON m.address = d.catch_all
    WHERE d.catch_all IS NOT NULL;
CREATE INDEX domain_catch_all ON provd.domain (('@' || name)) WHERE catch_all IS NOT NULL;
COMMENT ON VIEW provd.postfix_aliases
    IS 'Postfix virtual_alias_maps: a row for each destination; a forward keeps a copy here';
COMMENT ON COLUMN provd.postfix_aliases.address IS 'Address, or @domain for the catch-all';
COMMENT ON COLUMN provd.postfix_aliases.destination IS 'Where the mail goes';

CREATE VIEW provd.postfix_sender_login AS
    SELECT address AS sender, address AS login FROM provd.mail_account;
COMMENT ON VIEW provd.postfix_sender_login
    IS 'Postfix smtpd_sender_login_maps: who may send under which address';
COMMENT ON COLUMN provd.postfix_sender_login.sender IS 'Envelope sender';
COMMENT ON COLUMN provd.postfix_sender_login.login IS 'Login name that may use it';

-- The 550 rows matter where a catch-all would otherwise take the mail of an address that is taken,
-- but closed.
CREATE VIEW provd.postfix_recipient_access AS
    SELECT address, action
    FROM (
        SELECT a.address,
            CASE
                WHEN a.status IN ('PENDING', 'CLOSED') THEN '550 5.2.1 This mailbox is closed'
                WHEN a.services & 1 = 0 THEN '550 5.1.1 This address has no mailbox'
                WHEN 'MAINTENANCE' IN (a.status, d.status) THEN
                    '450 4.2.1 This mailbox is under maintenance'
                WHEN a.flags & x'10'::int <> 0 THEN '550 5.2.1 This mailbox does not accept mail'
            END AS action
        FROM provd.account a
        JOIN provd.domain d ON d.name = a.domain
        WHERE a.tombstone = 0 AND d.status IN ('ACTIVE', 'LOCKED', 'MAINTENANCE')
    ) judged
    WHERE action IS NOT NULL
    UNION ALL
    SELECT name, '450 4.2.1 This domain is under maintenance'
    FROM provd.domain
    WHERE status = 'MAINTENANCE';
COMMENT ON VIEW provd.postfix_recipient_access
    IS 'Postfix check_recipient_access: addresses, and domains, whose mail is deferred or refused';
COMMENT ON COLUMN provd.postfix_recipient_access.address
    IS 'Address; or the domain, which Postfix asks for after the address';
COMMENT ON COLUMN provd.postfix_recipient_access.action IS '450: try again later; 550: refused';

GRANT SELECT ON provd.postfix_domains, provd.postfix_mailboxes, provd.postfix_aliases,
    provd.postfix_sender_login, provd.postfix_recipient_access TO mta, provd_reader;
GRANT SELECT ON provd.dovecot_passdb, provd.dovecot_userdb TO mda;
GRANT SELECT ON provd.dovecot_userdb TO provd_reader;
GRANT SELECT ("user", nologin, reason, allow_nets, protocols) ON provd.dovecot_passdb
    TO provd_reader;

CREATE OR REPLACE FUNCTION provd.schema_version() RETURNS int
    LANGUAGE sql STABLE PARALLEL SAFE AS 'SELECT 6';

COMMIT;
