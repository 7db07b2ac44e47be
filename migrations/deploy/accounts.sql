-- Deploy provd:accounts to pg
-- requires: tenants
-- No foreign keys here: provd locks what an event relies on FOR KEY SHARE, a foreign key would cost
-- 4 us a row.

BEGIN;

SET LOCAL ROLE provd_owner;

CREATE TABLE provd.account (
    uuid uuid PRIMARY KEY,
    account_id int8 NOT NULL CHECK (account_id > 0),
    address text COLLATE "C" NOT NULL CHECK (address <> ''),
    tombstone int8 NOT NULL DEFAULT 0 CHECK (tombstone IN (0, account_id)),
    domain text COLLATE "C" NOT NULL,
    context text COLLATE "C" NOT NULL,
    status text NOT NULL CHECK (status IN ('ACTIVE', 'PENDING', 'LOCKED', 'MAINTENANCE', 'CLOSED')),
    status_reason text,
    password text,
    first_name text,
    last_name text,
    department text,
    telephone text,
    mail_group text COLLATE "C",
    quota_bytes int8 CHECK (quota_bytes >= 0),
    quota_messages int8 CHECK (quota_messages >= 0),
    mailbox_type text NOT NULL DEFAULT 'Maildir',
    storage_node text,
    services int2 NOT NULL CHECK (services BETWEEN 0 AND 7),
    service_mode text NOT NULL CHECK (service_mode IN ('EAGER', 'LAZY')),
    flags int4 NOT NULL DEFAULT 0 CHECK (flags BETWEEN 0 AND 524287), -- all bits up to 0x40000
    forward text,
    autoreply_subject text,
    autoreply_body text,
    autoreply_start timestamptz,
    autoreply_end timestamptz,
    autoreply_enabled boolean NOT NULL DEFAULT false,
    comment text,
    created_by text,
    last_login_at timestamptz,
    last_login_ip text,
    last_login_protocol text,
    deleted_at timestamptz,
    purge_at timestamptz,
    version int8 NOT NULL,
    revision int8 NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT account_address_tombstone UNIQUE (address, tombstone),
    CONSTRAINT account_deleted_at CHECK ((tombstone = 0) = (deleted_at IS NULL))
) WITH (fillfactor = 90); -- room for updates in place: most of them change no indexed column
CREATE INDEX account_domain_live ON provd.account (domain) WHERE tombstone = 0;

COMMENT ON TABLE provd.account IS 'Mail accounts, live and soft-deleted';
COMMENT ON COLUMN provd.account.uuid
    IS 'Identity, made from the id of the creating event; the home directory is made from it';
COMMENT ON COLUMN provd.account.account_id
    IS 'Number that results and the atmail views name; drawn from account_id_block';
COMMENT ON COLUMN provd.account.address
    IS 'Normalised: lower-case local part, domain in A-labels; an attribute, not the identity';
COMMENT ON COLUMN provd.account.tombstone
    IS '0 for a live account, else its account_id: one live account per address, any number of '
        'deleted ones';
COMMENT ON COLUMN provd.account.domain IS 'Domain of the address';
COMMENT ON COLUMN provd.account.context IS 'Context of the domain';
COMMENT ON COLUMN provd.account.status
    IS 'ACTIVE; PENDING and CLOSED: not there for mail; LOCKED: no login; MAINTENANCE: no login, '
        'delivery deferred';
COMMENT ON COLUMN provd.account.status_reason IS 'Why the status is what it is, as the event says';
COMMENT ON COLUMN provd.account.password
    IS 'Scheme-prefixed hash, e.g. {ARGON2ID}$argon2id$...; null: nobody can log in. Never shown '
        'to provd_reader';
COMMENT ON COLUMN provd.account.first_name IS 'First name';
COMMENT ON COLUMN provd.account.last_name IS 'Last name';
COMMENT ON COLUMN provd.account.department IS 'Department';
COMMENT ON COLUMN provd.account.telephone IS 'Telephone number';
COMMENT ON COLUMN provd.account.mail_group
    IS 'Name of the mail_group of the context that the account is in';
COMMENT ON COLUMN provd.account.quota_bytes IS 'Quota in bytes; null or 0 is unlimited';
COMMENT ON COLUMN provd.account.quota_messages IS 'Quota in messages; null or 0 is unlimited';
COMMENT ON COLUMN provd.account.mailbox_type
    IS 'Mailbox format: Maildir, mdbox or sdbox; views show anything else as Maildir';
COMMENT ON COLUMN provd.account.storage_node IS 'Mail store that holds the mailbox';
COMMENT ON COLUMN provd.account.services
    IS 'Wanted services: 1 mail, 2 calendar, 4 contacts; what exists is in service_account';
COMMENT ON COLUMN provd.account.service_mode
    IS 'EAGER: services are created with the account; LAZY: at the first login';
COMMENT ON COLUMN provd.account.flags
    IS 'vpopmail''s bits, 0x01 (no password change) to 0x40000 (no maildrop)';
COMMENT ON COLUMN provd.account.forward
    IS 'Address that mail is forwarded to; a copy stays in the mailbox';
COMMENT ON COLUMN provd.account.autoreply_subject IS 'Subject of the automatic reply';
COMMENT ON COLUMN provd.account.autoreply_body IS 'Text of the automatic reply';
COMMENT ON COLUMN provd.account.autoreply_start
    IS 'Automatic replies are sent from then on; null: no beginning';
COMMENT ON COLUMN provd.account.autoreply_end
    IS 'Automatic replies are sent until then; null: no end';
COMMENT ON COLUMN provd.account.autoreply_enabled IS 'Automatic replies are switched on';
COMMENT ON COLUMN provd.account.comment IS 'Remark of an administrator';
COMMENT ON COLUMN provd.account.created_by IS 'id of the actor of the creating event';
COMMENT ON COLUMN provd.account.last_login_at IS 'Latest observed login; a maximum';
COMMENT ON COLUMN provd.account.last_login_ip IS 'IP address of the latest observed login';
COMMENT ON COLUMN provd.account.last_login_protocol IS 'Protocol of the latest observed login';
COMMENT ON COLUMN provd.account.deleted_at
    IS 'occurred_at of the event that deleted it; null while it lives';
COMMENT ON COLUMN provd.account.purge_at
    IS 'The address is reserved, and the account can be restored, until then';
COMMENT ON COLUMN provd.account.version
    IS 'Events that changed the account or its services, from 1, logins not counted; what '
        'expected_version means';
COMMENT ON COLUMN provd.account.revision
    IS 'Writes of the row, from 1; a store that finds another revision has lost a race';
COMMENT ON COLUMN provd.account.created_at IS 'occurred_at of the event that created it';
COMMENT ON COLUMN provd.account.updated_at IS 'occurred_at of the event that last changed it';

CREATE TABLE provd.service_account (
    account_uuid uuid NOT NULL,
    service int2 NOT NULL CHECK (service IN (1, 2, 4)),
    service_id int8 NOT NULL CHECK (service_id > 0),
    active boolean NOT NULL DEFAULT true,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (account_uuid, service)
);

COMMENT ON TABLE provd.service_account
    IS 'What an account has been provisioned with: at most one row for each service';
COMMENT ON COLUMN provd.service_account.account_uuid IS 'The account';
COMMENT ON COLUMN provd.service_account.service IS '1 MAIL, 2 CALENDAR, 4 CONTACTS';
COMMENT ON COLUMN provd.service_account.service_id
    IS 'Number that results and the atmail views name; drawn from service_id_block';
COMMENT ON COLUMN provd.service_account.active
    IS 'True as long as the row is there: a deprovisioned service loses its row, a deleted '
        'account keeps them for a restore';
COMMENT ON COLUMN provd.service_account.created_at
    IS 'occurred_at of the event that provisioned it';

CREATE TABLE provd.mail_group (
    context text COLLATE "C" NOT NULL REFERENCES provd.context (name),
    name text COLLATE "C" NOT NULL CHECK (name <> ''),
    number int8 NOT NULL,
    version int8 NOT NULL,
    revision int8 NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (context, name),
    CONSTRAINT mail_group_number UNIQUE (context, number)
);

COMMENT ON TABLE provd.mail_group IS 'Groups of accounts of a context';
COMMENT ON COLUMN provd.mail_group.context IS 'The context that the group belongs to';
COMMENT ON COLUMN provd.mail_group.name IS 'Name within the context; what account.mail_group names';
COMMENT ON COLUMN provd.mail_group.number IS 'Number within the context; what group events name';
COMMENT ON COLUMN provd.mail_group.version
    IS 'Events that changed the object, from 1; what expected_version means';
COMMENT ON COLUMN provd.mail_group.revision
    IS 'Writes of the row, from 1; a store that finds another revision has lost a race';
COMMENT ON COLUMN provd.mail_group.created_at IS 'occurred_at of the event that created it';
COMMENT ON COLUMN provd.mail_group.updated_at IS 'occurred_at of the event that last changed it';

CREATE TABLE provd.role_grant (
    account_uuid uuid NOT NULL,
    role text NOT NULL CHECK (role IN ('GROUP_ADMIN', 'MAILBOX_ADMIN')),
    scope_type text NOT NULL CHECK (scope_type IN ('GROUP', 'CONTEXT', 'DOMAIN')),
    scope text COLLATE "C" NOT NULL,
    granted_by text,
    granted_at timestamptz NOT NULL,
    PRIMARY KEY (account_uuid, role, scope_type, scope)
);

COMMENT ON TABLE provd.role_grant
    IS 'Administrators: which account may act on which group, context or domain';
COMMENT ON COLUMN provd.role_grant.account_uuid IS 'The account that holds the role';
COMMENT ON COLUMN provd.role_grant.role IS 'GROUP_ADMIN or MAILBOX_ADMIN';
COMMENT ON COLUMN provd.role_grant.scope_type
    IS 'GROUP for a group admin; CONTEXT or DOMAIN for a mailbox admin';
COMMENT ON COLUMN provd.role_grant.scope IS 'Name of the group, context or domain';
COMMENT ON COLUMN provd.role_grant.granted_by IS 'id of the actor who granted it';
COMMENT ON COLUMN provd.role_grant.granted_at IS 'occurred_at of the event that granted it';

CREATE TABLE provd.recovery (
    account_uuid uuid PRIMARY KEY,
    question text,
    answer text,
    wrong_answers int2 NOT NULL DEFAULT 0 CHECK (wrong_answers >= 0),
    first_wrong_at timestamptz,
    locked_until timestamptz,
    version int8 NOT NULL,
    revision int8 NOT NULL,
    updated_at timestamptz NOT NULL
);

COMMENT ON TABLE provd.recovery IS 'Recovery question of an account and the count of wrong answers';
COMMENT ON COLUMN provd.recovery.account_uuid IS 'The account';
COMMENT ON COLUMN provd.recovery.question IS 'The question that is asked';
COMMENT ON COLUMN provd.recovery.answer
    IS 'Hash of the answer, trimmed, NFKC and case-folded. Never shown to provd_reader';
COMMENT ON COLUMN provd.recovery.wrong_answers
    IS 'Wrong answers within the window that begins at first_wrong_at';
COMMENT ON COLUMN provd.recovery.first_wrong_at
    IS 'Event time of the first wrong answer that is counted';
COMMENT ON COLUMN provd.recovery.locked_until
    IS 'Recovery, not the mailbox, is locked until then, by event time';
COMMENT ON COLUMN provd.recovery.version
    IS 'Events that changed the object, from 1; what expected_version means';
COMMENT ON COLUMN provd.recovery.revision
    IS 'Writes of the row, from 1; a store that finds another revision has lost a race';
COMMENT ON COLUMN provd.recovery.updated_at IS 'occurred_at of the event that last changed it';

-- A lane draws whole blocks, so that 15,000 ids are 150 calls of nextval.
CREATE SEQUENCE provd.account_id_block;
COMMENT ON SEQUENCE provd.account_id_block
    IS 'Value n stands for the account ids (n-1)*100+1 to n*100';
CREATE SEQUENCE provd.service_id_block;
COMMENT ON SEQUENCE provd.service_id_block
    IS 'Value n stands for the service ids (n-1)*100+1 to n*100';

GRANT SELECT, INSERT, UPDATE, DELETE
    ON provd.account, provd.service_account, provd.mail_group, provd.role_grant, provd.recovery
    TO provd_writer;
GRANT USAGE ON SEQUENCE provd.account_id_block, provd.service_id_block TO provd_writer;

GRANT SELECT ON provd.service_account, provd.mail_group, provd.role_grant TO provd_reader;
GRANT SELECT (uuid, account_id, address, tombstone, domain, context, status, status_reason,
    first_name, last_name, department, telephone, mail_group, quota_bytes, quota_messages,
    mailbox_type, storage_node, services, service_mode, flags, forward, autoreply_subject,
    autoreply_body, autoreply_start, autoreply_end, autoreply_enabled, comment, created_by,
    last_login_at, last_login_ip, last_login_protocol, deleted_at, purge_at, version, revision,
    created_at, updated_at) ON provd.account TO provd_reader;
GRANT SELECT (account_uuid, question, wrong_answers, first_wrong_at, locked_until, version,
    revision, updated_at)
    ON provd.recovery TO provd_reader;

CREATE OR REPLACE FUNCTION provd.schema_version() RETURNS int
    LANGUAGE sql STABLE PARALLEL SAFE AS 'SELECT 3';

COMMIT;
