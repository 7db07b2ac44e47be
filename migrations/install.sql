-- Written by tools/migrate install-sql from migrations/deploy: change those.
-- The whole schema in one transaction, for a database without sqitch:
--   psql -v ON_ERROR_STOP=1 -f install.sql

BEGIN;

-- Deploy provd:roles to pg
-- The roles belong to the whole server and may serve several databases: made only when missing.


DO $$
DECLARE
    wanted text;
BEGIN
    FOREACH wanted IN ARRAY
        ARRAY['provd_owner', 'provd_writer', 'provd_reader', 'provd_operator', 'mta', 'mda'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = wanted) THEN
            BEGIN
                EXECUTE format('CREATE ROLE %I NOLOGIN', wanted);
            EXCEPTION WHEN duplicate_object OR unique_violation THEN
                NULL; -- another database of this server was migrated in the same moment
            END;
        END IF;
    END LOOP;
    IF NOT pg_has_role('provd_operator', 'provd_reader', 'MEMBER') THEN
        GRANT provd_reader TO provd_operator;
    END IF;
    -- Whoever migrates, if not a superuser, must be able to become the owner.
    IF NOT pg_has_role(current_user, 'provd_owner', 'MEMBER') THEN
        EXECUTE format('GRANT provd_owner TO %I', current_user);
    END IF;
END
$$;

CREATE SCHEMA provd AUTHORIZATION provd_owner;

SET LOCAL ROLE provd_owner;

COMMENT ON SCHEMA provd
    IS 'Accounts provisioned by provd, and what provd remembers about the events';
GRANT USAGE ON SCHEMA provd TO provd_writer, provd_reader, provd_operator, mta, mda;

-- One more with every change of sqitch.plan; provd starts only against the number it was built for.
CREATE FUNCTION provd.schema_version() RETURNS int LANGUAGE sql STABLE PARALLEL SAFE AS 'SELECT 1';
COMMENT ON FUNCTION provd.schema_version()
    IS 'Number of the newest change of migrations/sqitch.plan that is deployed here';

RESET ROLE;

-- Deploy provd:tenants to pg
-- requires: roles
-- Names sort by byte (COLLATE "C"), as provd sorts its lock order, whatever the locale of the
-- database.


SET LOCAL ROLE provd_owner;

CREATE TABLE provd.context (
    name text COLLATE "C" PRIMARY KEY CHECK (name <> ''),
    domains_on_the_fly boolean NOT NULL DEFAULT false,
    max_accounts int8 CHECK (max_accounts >= 0),
    quota_bytes int8 CHECK (quota_bytes >= 0),
    max_messages int8 CHECK (max_messages >= 0),
    disabled_protocols int4 NOT NULL DEFAULT 0 CHECK (disabled_protocols BETWEEN 0 AND 31),
    domain_count int8 NOT NULL DEFAULT 0 CHECK (domain_count >= 0),
    version int8 NOT NULL,
    revision int8 NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
);

COMMENT ON TABLE provd.context
    IS 'Tenants: a context owns domains, groups and, through its domains, accounts';
COMMENT ON COLUMN provd.context.name IS 'Name of the context, as in the envelope of events';
COMMENT ON COLUMN provd.context.domains_on_the_fly IS 'CreateAccount may create a missing domain';
COMMENT ON COLUMN provd.context.max_accounts
    IS 'Default limit of new domains: accounts; null is unlimited';
COMMENT ON COLUMN provd.context.quota_bytes
    IS 'Default limit of new domains: sum of the quotas of its accounts in bytes; null is '
        'unlimited';
COMMENT ON COLUMN provd.context.max_messages
    IS 'Default limit of new domains: sum of the message quotas of its accounts; null is unlimited';
COMMENT ON COLUMN provd.context.disabled_protocols
    IS 'Default of new domains: bit mask 1 pop3, 2 imap, 4 smtp, 8 sieve, 16 webmail';
COMMENT ON COLUMN provd.context.domain_count
    IS 'Domains that the context has; it can be deleted at 0';
COMMENT ON COLUMN provd.context.version
    IS 'Events that changed the object, from 1; what expected_version means';
COMMENT ON COLUMN provd.context.revision
    IS 'Writes of the row, from 1; a store that finds another revision has lost a race';
COMMENT ON COLUMN provd.context.created_at IS 'occurred_at of the event that created it';
COMMENT ON COLUMN provd.context.updated_at IS 'occurred_at of the event that last changed it';

CREATE TABLE provd.domain (
    name text COLLATE "C" PRIMARY KEY CHECK (name <> ''),
    context text COLLATE "C" NOT NULL REFERENCES provd.context (name),
    status text NOT NULL CHECK (status IN ('ACTIVE', 'PENDING', 'LOCKED', 'MAINTENANCE', 'CLOSED')),
    default_services int2 CHECK (default_services BETWEEN 0 AND 7),
    default_quota_bytes int8 CHECK (default_quota_bytes >= 0),
    default_quota_messages int8 CHECK (default_quota_messages >= 0),
    max_accounts int8 CHECK (max_accounts >= 0),
    quota_bytes int8 CHECK (quota_bytes >= 0),
    max_messages int8 CHECK (max_messages >= 0),
    disabled_protocols int4 NOT NULL DEFAULT 0 CHECK (disabled_protocols BETWEEN 0 AND 31),
    catch_all text COLLATE "C",
    used_accounts int8 NOT NULL DEFAULT 0,
    used_quota_bytes int8 NOT NULL DEFAULT 0,
    used_messages int8 NOT NULL DEFAULT 0,
    version int8 NOT NULL,
    revision int8 NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    limited boolean NOT NULL GENERATED ALWAYS AS
        (max_accounts IS NOT NULL OR quota_bytes IS NOT NULL OR max_messages IS NOT NULL) STORED
);
CREATE INDEX domain_context ON provd.domain (context);

COMMENT ON TABLE provd.domain
    IS 'Mail domains; those with limits carry their own counts and serialise the lanes that use '
        'them';
COMMENT ON COLUMN provd.domain.name IS 'Domain in lower-case A-labels (IDNA2008)';
COMMENT ON COLUMN provd.domain.context IS 'The one context that the domain belongs to';
COMMENT ON COLUMN provd.domain.status
    IS 'As the status of an account; changes what the mail views show, not what events may do';
COMMENT ON COLUMN provd.domain.default_services
    IS 'Services of new accounts: bit mask 1 mail, 2 calendar, 4 contacts; null takes the '
        'configured default';
COMMENT ON COLUMN provd.domain.default_quota_bytes
    IS 'Quota that a new account copies when its event names none, in bytes';
COMMENT ON COLUMN provd.domain.default_quota_messages
    IS 'Quota that a new account copies when its event names none, in messages';
COMMENT ON COLUMN provd.domain.max_accounts
    IS 'Limit: live accounts without flag 0x2000; 0 is none, null unlimited';
COMMENT ON COLUMN provd.domain.quota_bytes
    IS 'Limit: sum of the quotas of its accounts in bytes; null unlimited';
COMMENT ON COLUMN provd.domain.max_messages
    IS 'Limit: sum of the message quotas of its accounts; null unlimited';
COMMENT ON COLUMN provd.domain.disabled_protocols
    IS 'Bit mask 1 pop3, 2 imap, 4 smtp, 8 sieve, 16 webmail; works in the mail views at once';
COMMENT ON COLUMN provd.domain.catch_all
    IS 'Address of the account of this domain that takes mail for unknown addresses';
COMMENT ON COLUMN provd.domain.used_accounts
    IS 'Accounts that count against max_accounts; kept only while the domain is limited';
COMMENT ON COLUMN provd.domain.used_quota_bytes
    IS 'Bytes that count against quota_bytes; kept only while the domain is limited';
COMMENT ON COLUMN provd.domain.used_messages
    IS 'Messages that count against max_messages; kept only while the domain is limited';
COMMENT ON COLUMN provd.domain.version
    IS 'Events that changed the object, from 1; what expected_version means';
COMMENT ON COLUMN provd.domain.revision
    IS 'Writes of the row, from 1; a store that finds another revision has lost a race';
COMMENT ON COLUMN provd.domain.created_at IS 'occurred_at of the event that created it';
COMMENT ON COLUMN provd.domain.updated_at IS 'occurred_at of the event that last changed it';
COMMENT ON COLUMN provd.domain.limited
    IS 'One of the three limits is set; derived, so that loading can decide how to lock';

GRANT SELECT, INSERT, UPDATE, DELETE ON provd.context, provd.domain TO provd_writer;
GRANT SELECT ON provd.context, provd.domain TO provd_reader;

CREATE OR REPLACE FUNCTION provd.schema_version() RETURNS int
    LANGUAGE sql STABLE PARALLEL SAFE AS 'SELECT 2';

RESET ROLE;

-- Deploy provd:accounts to pg
-- requires: tenants
-- No foreign keys here: provd locks what an event relies on FOR KEY SHARE, a foreign key would cost
-- 4 us a row.


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

RESET ROLE;

-- Deploy provd:machinery to pg
-- requires: roles


SET LOCAL ROLE provd_owner;

-- A few rows, each written by every batch: much room in the page, so that no index is ever touched.
CREATE TABLE provd.fence (
    fence_id int4 PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    cluster_id text COLLATE "C" NOT NULL,
    topic text COLLATE "C" NOT NULL,
    partition int4 NOT NULL CHECK (partition >= 0),
    group_id text NOT NULL,
    next_offset int8 NOT NULL CHECK (next_offset >= 0),
    owner_epoch int8 NOT NULL DEFAULT 0,
    published_upto int8 NOT NULL DEFAULT 0,
    chain_seq int8 NOT NULL DEFAULT 0 CHECK (chain_seq >= 0),
    chain_head bytea NOT NULL DEFAULT decode(repeat('00', 32), 'hex')
        CHECK (octet_length(chain_head) = 32),
    permission text CHECK (permission IN ('accept', 'adopt')),
    permission_reason text,
    permission_by text,
    updated_at timestamptz NOT NULL,
    CONSTRAINT fence_partition UNIQUE (cluster_id, topic, partition)
) WITH (fillfactor = 20, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500);

COMMENT ON TABLE provd.fence
    IS 'One row for each source partition: how far it is, who owns it, its audit chain''s head';
COMMENT ON COLUMN provd.fence.fence_id
    IS 'Short name of the source partition in the ledger, the outcomes and the change log';
COMMENT ON COLUMN provd.fence.cluster_id IS 'id of the Kafka cluster';
COMMENT ON COLUMN provd.fence.topic IS 'Topic';
COMMENT ON COLUMN provd.fence.partition IS 'Partition';
COMMENT ON COLUMN provd.fence.group_id IS 'Consumer group that works on it';
COMMENT ON COLUMN provd.fence.next_offset IS 'Offset of the first record that is not applied';
COMMENT ON COLUMN provd.fence.owner_epoch
    IS 'Raised by each assignment; a worker that finds another epoch has lost the partition and '
        'writes nothing';
COMMENT ON COLUMN provd.fence.published_upto
    IS 'Results of records below this offset are known to be published';
COMMENT ON COLUMN provd.fence.chain_seq IS 'seq of the newest change record; 0: none yet';
COMMENT ON COLUMN provd.fence.chain_head
    IS 'hash of the newest change record; 32 zero bytes: none yet';
COMMENT ON COLUMN provd.fence.permission
    IS 'One-use permission to go on after a halt, consumed at the next assignment: accept or adopt';
COMMENT ON COLUMN provd.fence.permission_reason
    IS 'Why the permission was given; goes to the change log';
COMMENT ON COLUMN provd.fence.permission_by IS 'Who gave the permission; goes to the change log';
COMMENT ON COLUMN provd.fence.updated_at IS 'Time of the last write, by the clock';

-- An event id stays unique across partitions since the partitions are ranges of the id itself.
CREATE TABLE provd.event_ledger (
    event_id uuid NOT NULL,
    fence_id int4 NOT NULL,
    kafka_offset int8 NOT NULL,
    status int2 NOT NULL CHECK (status BETWEEN 0 AND 8),
    payload_hash bytea NOT NULL CHECK (octet_length(payload_hash) = 16),
    result bytea NOT NULL,
    chain_seq int8,
    change_count int4 NOT NULL CHECK (change_count >= 0),
    applied_at timestamptz NOT NULL,
    PRIMARY KEY (event_id)
) PARTITION BY RANGE (event_id);

COMMENT ON TABLE provd.event_ledger
    IS 'Every event id that is used up, and its result; partitioned by the month in the UUIDv7';
COMMENT ON COLUMN provd.event_ledger.event_id IS 'id of the event';
COMMENT ON COLUMN provd.event_ledger.fence_id IS 'Source partition of the record that used it up';
COMMENT ON COLUMN provd.event_ledger.kafka_offset IS 'Offset of that record';
COMMENT ON COLUMN provd.event_ledger.status
    IS 'Outcome: 0 APPLIED, 1 NO_CHANGE, 2 DUPLICATE, 3 PLANNED, 4 REJECTED, 5 FAILED, 6 EXPIRED, '
        '7 PARKED, 8 HELD';
COMMENT ON COLUMN provd.event_ledger.payload_hash
    IS 'Hash of the decoded event, 16 bytes: tells a retry from a reused id';
COMMENT ON COLUMN provd.event_ledger.result
    IS 'The published result, byte for byte with its framing';
COMMENT ON COLUMN provd.event_ledger.chain_seq
    IS 'seq of its first change record; null: it made none';
COMMENT ON COLUMN provd.event_ledger.change_count
    IS 'Change records it made, in unbroken order from chain_seq';
COMMENT ON COLUMN provd.event_ledger.applied_at IS 'Time of the batch, by the clock';

-- The default holds ids that are no UUIDv7 of a month at hand. It is split at the greatest time
-- that a UUIDv7 of this century can have, since attaching a month scans the default for rows that
-- belong there, under an exclusive lock: the upper part, where 98 of 100 random ids lie, is left
-- out of that scan thanks to its CHECK (bounds alone do not do that).
CREATE TABLE provd.event_ledger_default PARTITION OF provd.event_ledger
    DEFAULT PARTITION BY RANGE (event_id);
CREATE TABLE provd.event_ledger_default_low PARTITION OF provd.event_ledger_default
    FOR VALUES FROM (MINVALUE) TO ('04000000-0000-0000-0000-000000000000');
CREATE TABLE provd.event_ledger_default_high PARTITION OF provd.event_ledger_default (
    CONSTRAINT event_ledger_default_high_bound
        CHECK (event_id >= '04000000-0000-0000-0000-000000000000')
) FOR VALUES FROM ('04000000-0000-0000-0000-000000000000') TO (MAXVALUE);
COMMENT ON TABLE provd.event_ledger_default
    IS 'Ids without a month of their own; pruned by deleting, see migrations/README.md';
COMMENT ON TABLE provd.event_ledger_default_low
    IS 'Of the default: ids that begin as a UUIDv7 made before the year 2109';
COMMENT ON TABLE provd.event_ledger_default_high
    IS 'Of the default: ids that begin as no UUIDv7 made before the year 2109';

-- Coordinates come again when a topic was made again and its fence adopted: the newest row is of the
-- present topic. Nothing is ever overwritten.
CREATE TABLE provd.record_outcome (
    fence_id int4 NOT NULL,
    kafka_offset int8 NOT NULL,
    status int2 NOT NULL CHECK (status BETWEEN 0 AND 8 OR status = 100),
    event_id text,
    content_hash bytea,
    result bytea,
    stage text,
    code text,
    message text,
    recorded_at timestamptz NOT NULL,
    PRIMARY KEY (fence_id, kafka_offset, recorded_at)
);

COMMENT ON TABLE provd.record_outcome
    IS 'Outcomes of records that use up no event id, by coordinates, so that a re-read publishes '
        'the same';
COMMENT ON COLUMN provd.record_outcome.fence_id IS 'Source partition';
COMMENT ON COLUMN provd.record_outcome.kafka_offset IS 'Offset of the record';
COMMENT ON COLUMN provd.record_outcome.status IS 'As in event_ledger; 100: a dead letter';
COMMENT ON COLUMN provd.record_outcome.event_id
    IS 'Event id as it was sent, at most 64 characters; it need not be a UUID';
COMMENT ON COLUMN provd.record_outcome.content_hash
    IS 'Hash of the record''s value; the value itself is never kept';
COMMENT ON COLUMN provd.record_outcome.result
    IS 'The published result, byte for byte with its framing; null for a dead letter';
COMMENT ON COLUMN provd.record_outcome.stage
    IS 'Dead letters: FRAME, SCHEMA, DECODE, VALIDATE, APPLY or PUBLISH';
COMMENT ON COLUMN provd.record_outcome.code IS 'Code of the result or dead letter';
COMMENT ON COLUMN provd.record_outcome.message IS 'What was wrong, one line';
COMMENT ON COLUMN provd.record_outcome.recorded_at IS 'Time of the batch, by the clock';

CREATE TABLE provd.change_log (
    fence_id int4 NOT NULL,
    seq int8 NOT NULL CHECK (seq > 0),
    changed_at timestamptz NOT NULL,
    event_id uuid,
    object_type text NOT NULL,
    object_id uuid,
    frame bytea NOT NULL,
    body bytea NOT NULL,
    hash bytea NOT NULL CHECK (octet_length(hash) = 32),
    PRIMARY KEY (fence_id, seq, changed_at)
) PARTITION BY RANGE (changed_at);
CREATE INDEX change_log_object ON provd.change_log (object_id) WHERE object_id IS NOT NULL;

COMMENT ON TABLE provd.change_log
    IS 'Audit: every change record, append-only, hash-chained for each source partition; '
        'partitioned by month';
COMMENT ON COLUMN provd.change_log.fence_id IS 'Source partition: the chain';
COMMENT ON COLUMN provd.change_log.seq IS 'Number in the chain, dense from 1';
COMMENT ON COLUMN provd.change_log.changed_at IS 'Time of the applying batch, by the clock';
COMMENT ON COLUMN provd.change_log.event_id IS 'The event; null for an act of an operator';
COMMENT ON COLUMN provd.change_log.object_type IS 'Kind of object: account, domain, context, ...';
COMMENT ON COLUMN provd.change_log.object_id IS 'uuid of the account; null for other objects';
COMMENT ON COLUMN provd.change_log.frame IS 'Framing prefix of the published value';
COMMENT ON COLUMN provd.change_log.body
    IS 'Avro bytes of the change record without its last field; they hold seq and prev_hash';
COMMENT ON COLUMN provd.change_log.hash
    IS 'SHA-256 of body; the published value is frame, body, hash';

CREATE TABLE provd.change_log_default PARTITION OF provd.change_log DEFAULT;
COMMENT ON TABLE provd.change_log_default IS 'Change records of months that have no partition';

GRANT SELECT, INSERT, UPDATE ON provd.fence TO provd_writer;
GRANT SELECT, INSERT ON provd.event_ledger, provd.record_outcome, provd.change_log TO provd_writer;
GRANT SELECT ON provd.fence, provd.event_ledger, provd.record_outcome, provd.change_log
    TO provd_reader;
GRANT INSERT, UPDATE (permission, permission_reason, permission_by, updated_at) ON provd.fence
    TO provd_operator;
GRANT INSERT ON provd.change_log TO provd_operator;

CREATE OR REPLACE FUNCTION provd.schema_version() RETURNS int
    LANGUAGE sql STABLE PARALLEL SAFE AS 'SELECT 4';

RESET ROLE;

-- Deploy provd:partitions to pg
-- requires: machinery
-- Months are those of UTC. How to run these functions by a timer: migrations/README.md.


SET LOCAL ROLE provd_owner;

CREATE FUNCTION provd.uuid_floor(moment timestamptz) RETURNS uuid
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT rpad(lpad(to_hex((extract(epoch FROM moment) * 1000)::int8), 12, '0'), 32, '0')::uuid
$$;
COMMENT ON FUNCTION provd.uuid_floor(timestamptz)
    IS 'Lower bound of the UUIDv7s made at or after that moment';

CREATE FUNCTION provd.partition_bound(parent text, month date) RETURNS text
    LANGUAGE sql STABLE STRICT AS $$
    SELECT CASE parent
        WHEN 'event_ledger' THEN provd.uuid_floor(month::timestamp AT TIME ZONE 'UTC')::text
        WHEN 'change_log' THEN (month::timestamp AT TIME ZONE 'UTC')::text
    END
$$;
COMMENT ON FUNCTION provd.partition_bound(text, date)
    IS 'Lower bound of a month in the partition key of event_ledger or change_log';

CREATE FUNCTION provd.make_partition(parent text, month date) RETURNS text
    LANGUAGE plpgsql STRICT
    SET search_path = pg_catalog, pg_temp
    SET timezone = 'UTC'
AS $$
DECLARE
    key text := CASE parent
        WHEN 'event_ledger' THEN 'event_id' WHEN 'change_log' THEN 'changed_at' END;
    first_day date := date_trunc('month', month);
    lower_bound text := provd.partition_bound(parent, first_day);
    upper_bound text := provd.partition_bound(parent, (first_day + interval '1 month')::date);
    spare text := parent || '_default';
    made text := parent || to_char(month, '_YYYY_MM');
BEGIN
    IF to_regclass('provd.' || made) IS NOT NULL THEN
        RETURN NULL;
    END IF;
    -- Nobody may add a row of this month to the default between moving them and attaching.
    EXECUTE format('LOCK TABLE provd.%I IN ACCESS EXCLUSIVE MODE', spare);
    EXECUTE format('CREATE TABLE provd.%I (LIKE provd.%I INCLUDING ALL)', made, parent);
    EXECUTE format('WITH moved AS ('
        'DELETE FROM provd.%1$I WHERE %2$I >= %3$L AND %2$I < %4$L RETURNING *'
        ') INSERT INTO provd.%5$I SELECT * FROM moved', spare, key, lower_bound, upper_bound, made);
    EXECUTE format('ALTER TABLE provd.%I ATTACH PARTITION provd.%I FOR VALUES FROM (%L) TO (%L)',
        parent, made, lower_bound, upper_bound);
    EXECUTE format('COMMENT ON TABLE provd.%I IS %L',
        made, format('%s of %s', to_char(month, 'YYYY-MM'), parent));
    RETURN made;
END
$$;
COMMENT ON FUNCTION provd.make_partition(text, date)
    IS 'Makes the partition of a month, if missing, with its rows from the default; its name';

CREATE FUNCTION provd.make_partitions(months_ahead int) RETURNS SETOF text
    LANGUAGE plpgsql STRICT SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    SET lock_timeout = '5s' -- rather fail, and run again, than make every lane wait behind us
AS $$
DECLARE
    months_ahead_max CONSTANT int := 120;
    this_month CONSTANT date := date_trunc('month', now() AT TIME ZONE 'UTC')::date;
BEGIN
    IF months_ahead NOT BETWEEN 0 AND months_ahead_max THEN
        RAISE EXCEPTION 'make_partitions: % months ahead: give 0 to %',
            months_ahead, months_ahead_max USING ERRCODE = 'invalid_parameter_value';
    END IF;
    RETURN QUERY
        SELECT name
        FROM generate_series(0, months_ahead) AS ahead,
            unnest(ARRAY['event_ledger', 'change_log']) AS parent,
            provd.make_partition(parent, (this_month + ahead * interval '1 month')::date) AS name
        WHERE name IS NOT NULL;
END
$$;
COMMENT ON FUNCTION provd.make_partitions(int)
    IS 'Makes what is missing of this month and so many ahead; a second call makes none';

CREATE FUNCTION provd.drop_partitions(before date, dry_run boolean DEFAULT true)
    RETURNS TABLE (partition text, first_day date, bytes int8, action text)
    LANGUAGE plpgsql STRICT
    SET search_path = pg_catalog, pg_temp
    SET lock_timeout = '5s'
AS $$
DECLARE
    -- The ledger must outlive whatever may be replayed, the change log what auditors ask for.
    ledger_months_min CONSTANT int := 3;
    change_log_months_min CONSTANT int := 12;
    months_min int;
    after_last_day date;
    parent text;
BEGIN
    FOR parent, partition, first_day, bytes IN
        SELECT p.relname, c.relname, to_date(right(c.relname, 7), 'YYYY_MM'),
            pg_total_relation_size(c.oid)
        FROM pg_inherits i
        JOIN pg_class p ON p.oid = i.inhparent
        JOIN pg_class c ON c.oid = i.inhrelid
        WHERE i.inhparent IN ('provd.event_ledger'::regclass, 'provd.change_log'::regclass)
            AND c.relname ~ '_[0-9]{4}_[0-9]{2}$'
        ORDER BY 3, 1
    LOOP
        after_last_day := (first_day + interval '1 month')::date;
        months_min := CASE parent
            WHEN 'event_ledger' THEN ledger_months_min ELSE change_log_months_min END;
        CONTINUE WHEN after_last_day > before;
        IF after_last_day > now() AT TIME ZONE 'UTC' - months_min * interval '1 month' THEN
            action := format('refused: %s is kept for at least %s months', parent, months_min);
        ELSIF dry_run THEN
            action := 'would drop';
        ELSE
            EXECUTE format('DROP TABLE provd.%I', partition);
            action := 'dropped';
        END IF;
        RETURN NEXT;
    END LOOP;
END
$$;
COMMENT ON FUNCTION provd.drop_partitions(date, boolean)
    IS 'Lists, or with dry_run => false drops, the months that end by that day; for the owner';

REVOKE EXECUTE ON FUNCTION provd.make_partition(text, date), provd.make_partitions(int),
    provd.drop_partitions(date, boolean) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION provd.make_partitions(int) TO provd_operator;

DO $$ BEGIN PERFORM provd.make_partitions(3); END $$;

CREATE OR REPLACE FUNCTION provd.schema_version() RETURNS int
    LANGUAGE sql STABLE PARALLEL SAFE AS 'SELECT 5';

RESET ROLE;

-- Deploy provd:mail-views to pg
-- requires: accounts
-- What a mail installation asks; the queries to configure there are in migrations/README.md.


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

RESET ROLE;

-- Deploy provd:atmail-views to pg
-- requires: mail-views
-- The columns of atmail's mailserver.accounts and apiserver.Accounts under their own names, for
-- programs that ask those.


SET LOCAL ROLE provd_owner;

CREATE VIEW provd.atmail_accounts AS
    SELECT a.account_id AS "accountId",
        a.created_by AS "createdByUserId",
        a.address AS username,
        a.password,
        a.domain AS "domainId",
        a.updated_at AS "dateModified",
        a.created_at AS "dateCreate",
        CASE a.status
            WHEN 'ACTIVE' THEN 0
            WHEN 'LOCKED' THEN 1
            WHEN 'MAINTENANCE' THEN 2
            WHEN 'PENDING' THEN 3
            ELSE 4
        END AS "userStatus",
        provd.home_dir(a.uuid) || '/' AS "homeDir",
        a.forward,
        a.autoreply_body AS "autoReply",
        (coalesce(a.quota_bytes, 0) + 1048575) / 1048576 AS quota,
        a.last_login_at AS "lastLogin",
        a.autoreply_enabled::int AS "autoReplyEnabled",
        coalesce(a.autoreply_subject, '') AS "autoReplySubject",
        a.autoreply_start AS "autoReplyStart",
        a.autoreply_end AS "autoReplyEnd",
        a.storage_node AS "mboxServer",
        a.mailbox_type AS "mboxType",
        g.number AS "groupId",
        coalesce(a.first_name, '') AS "firstName",
        coalesce(a.last_name, '') AS "lastName"
    FROM provd.account a
    LEFT JOIN provd.mail_group g ON g.context = a.context AND g.name = a.mail_group
    WHERE a.tombstone = 0;
COMMENT ON VIEW provd.atmail_accounts
    IS 'Live accounts with the columns of the table accounts of atmail''s mail server';
COMMENT ON COLUMN provd.atmail_accounts."accountId" IS 'account.account_id';
COMMENT ON COLUMN provd.atmail_accounts."createdByUserId"
    IS 'account.created_by: id of the actor who created it';
COMMENT ON COLUMN provd.atmail_accounts.username IS 'account.address';
COMMENT ON COLUMN provd.atmail_accounts.password IS 'account.password; not for provd_reader';
COMMENT ON COLUMN provd.atmail_accounts."domainId"
    IS 'account.domain: domains have no number, the name identifies them';
COMMENT ON COLUMN provd.atmail_accounts."dateModified" IS 'account.updated_at';
COMMENT ON COLUMN provd.atmail_accounts."dateCreate" IS 'account.created_at';
COMMENT ON COLUMN provd.atmail_accounts."userStatus"
    IS 'account.status: 0 ACTIVE, 1 LOCKED, 2 MAINTENANCE, 3 PENDING, 4 CLOSED';
COMMENT ON COLUMN provd.atmail_accounts."homeDir" IS 'Home directory, made from account.uuid';
COMMENT ON COLUMN provd.atmail_accounts.forward IS 'account.forward';
COMMENT ON COLUMN provd.atmail_accounts."autoReply" IS 'account.autoreply_body';
COMMENT ON COLUMN provd.atmail_accounts.quota
    IS 'account.quota_bytes in MiB, rounded up; 0 is unlimited';
COMMENT ON COLUMN provd.atmail_accounts."lastLogin" IS 'account.last_login_at';
COMMENT ON COLUMN provd.atmail_accounts."autoReplyEnabled" IS 'account.autoreply_enabled as 0 or 1';
COMMENT ON COLUMN provd.atmail_accounts."autoReplySubject"
    IS 'account.autoreply_subject, empty for null';
COMMENT ON COLUMN provd.atmail_accounts."autoReplyStart" IS 'account.autoreply_start';
COMMENT ON COLUMN provd.atmail_accounts."autoReplyEnd" IS 'account.autoreply_end';
COMMENT ON COLUMN provd.atmail_accounts."mboxServer" IS 'account.storage_node';
COMMENT ON COLUMN provd.atmail_accounts."mboxType" IS 'account.mailbox_type';
COMMENT ON COLUMN provd.atmail_accounts."groupId"
    IS 'Number of the group that account.mail_group names';
COMMENT ON COLUMN provd.atmail_accounts."firstName" IS 'account.first_name, empty for null';
COMMENT ON COLUMN provd.atmail_accounts."lastName" IS 'account.last_name, empty for null';

-- As in atmail, an account is there from the moment it has been provisioned with a service.
CREATE VIEW provd.atmail_api_accounts AS
    SELECT a.account_id AS "idAccount",
        a.account_id AS "idUsers",
        a.address AS "Name",
        1 AS "IsPrimary",
        (a.status = 'ACTIVE')::int AS "Active",
        s."idMailAccount",
        s."idContactAccount",
        s."idCalendarAccount"
    FROM provd.account a
    CROSS JOIN LATERAL (
        SELECT max(service_id) FILTER (WHERE service = 1) AS "idMailAccount",
            max(service_id) FILTER (WHERE service = 4) AS "idContactAccount",
            max(service_id) FILTER (WHERE service = 2) AS "idCalendarAccount"
        FROM provd.service_account
        WHERE account_uuid = a.uuid AND active
        HAVING count(*) > 0
    ) s
    WHERE a.tombstone = 0;
COMMENT ON VIEW provd.atmail_api_accounts
    IS 'Provisioned live accounts with the columns of the table Accounts of atmail''s API server';
COMMENT ON COLUMN provd.atmail_api_accounts."idAccount" IS 'account.account_id';
COMMENT ON COLUMN provd.atmail_api_accounts."idUsers"
    IS 'account.account_id: here a user has one account';
COMMENT ON COLUMN provd.atmail_api_accounts."Name" IS 'account.address';
COMMENT ON COLUMN provd.atmail_api_accounts."IsPrimary"
    IS '1: every account is its user''s primary one';
COMMENT ON COLUMN provd.atmail_api_accounts."Active" IS '1 when account.status is ACTIVE';
COMMENT ON COLUMN provd.atmail_api_accounts."idMailAccount"
    IS 'id of the active service account MAIL';
COMMENT ON COLUMN provd.atmail_api_accounts."idContactAccount"
    IS 'id of the active service account CONTACTS';
COMMENT ON COLUMN provd.atmail_api_accounts."idCalendarAccount"
    IS 'id of the active service account CALENDAR';

GRANT SELECT ON provd.atmail_api_accounts TO provd_reader;
GRANT SELECT ("accountId", "createdByUserId", username, "domainId", "dateModified", "dateCreate",
    "userStatus", "homeDir", forward, "autoReply", quota, "lastLogin", "autoReplyEnabled",
    "autoReplySubject", "autoReplyStart", "autoReplyEnd", "mboxServer", "mboxType", "groupId",
    "firstName", "lastName") ON provd.atmail_accounts TO provd_reader;

CREATE OR REPLACE FUNCTION provd.schema_version() RETURNS int
    LANGUAGE sql STABLE PARALLEL SAFE AS 'SELECT 7';

RESET ROLE;

-- Deploy provd:readable-views to pg
-- requires: partitions


SET LOCAL ROLE provd_owner;

CREATE FUNCTION provd.outcome_name(status int2) RETURNS text
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT CASE status
        WHEN 0 THEN 'APPLIED'
        WHEN 1 THEN 'NO_CHANGE'
        WHEN 2 THEN 'DUPLICATE'
        WHEN 3 THEN 'PLANNED'
        WHEN 4 THEN 'REJECTED'
        WHEN 5 THEN 'FAILED'
        WHEN 6 THEN 'EXPIRED'
        WHEN 7 THEN 'PARKED'
        WHEN 8 THEN 'HELD'
        WHEN 100 THEN 'DEAD_LETTER'
    END
$$;
COMMENT ON FUNCTION provd.outcome_name(int2)
    IS 'Name of a status in event_ledger and record_outcome';

CREATE VIEW provd.ledger_readable AS
    SELECT l.event_id, provd.outcome_name(l.status) AS status, f.topic, f.partition, l.kafka_offset,
        encode(l.payload_hash, 'hex') AS payload_hash, l.change_count, l.chain_seq AS first_change,
        l.applied_at, f.cluster_id
    FROM provd.event_ledger l
    LEFT JOIN provd.fence f USING (fence_id);
COMMENT ON VIEW provd.ledger_readable IS 'The event ledger for people';
COMMENT ON COLUMN provd.ledger_readable.event_id IS 'id of the event';
COMMENT ON COLUMN provd.ledger_readable.status IS 'Outcome';
COMMENT ON COLUMN provd.ledger_readable.topic IS 'Topic of the record that used up the id';
COMMENT ON COLUMN provd.ledger_readable.partition IS 'Partition of that record';
COMMENT ON COLUMN provd.ledger_readable.kafka_offset IS 'Offset of that record';
COMMENT ON COLUMN provd.ledger_readable.payload_hash
    IS 'Hash of the decoded event in hexadecimal digits';
COMMENT ON COLUMN provd.ledger_readable.change_count IS 'Change records that it made';
COMMENT ON COLUMN provd.ledger_readable.first_change IS 'seq of the first of them';
COMMENT ON COLUMN provd.ledger_readable.applied_at IS 'Time of the batch, by the clock';
COMMENT ON COLUMN provd.ledger_readable.cluster_id IS 'id of the Kafka cluster';

CREATE VIEW provd.outcome_readable AS
    SELECT provd.outcome_name(o.status) AS status, f.topic, f.partition, o.kafka_offset, o.event_id,
        o.stage, o.code, o.message, encode(o.content_hash, 'hex') AS content_hash, o.recorded_at,
        f.cluster_id
    FROM provd.record_outcome o
    LEFT JOIN provd.fence f USING (fence_id);
COMMENT ON VIEW provd.outcome_readable
    IS 'Outcomes of records that used up no event id, for people';
COMMENT ON COLUMN provd.outcome_readable.status IS 'Outcome, or DEAD_LETTER';
COMMENT ON COLUMN provd.outcome_readable.topic IS 'Topic of the record';
COMMENT ON COLUMN provd.outcome_readable.partition IS 'Partition of the record';
COMMENT ON COLUMN provd.outcome_readable.kafka_offset IS 'Offset of the record';
COMMENT ON COLUMN provd.outcome_readable.event_id IS 'Event id as it was sent';
COMMENT ON COLUMN provd.outcome_readable.stage IS 'Stage at which a dead letter failed';
COMMENT ON COLUMN provd.outcome_readable.code IS 'Code of the result or dead letter';
COMMENT ON COLUMN provd.outcome_readable.message IS 'What was wrong';
COMMENT ON COLUMN provd.outcome_readable.content_hash
    IS 'Hash of the record''s value in hexadecimal digits';
COMMENT ON COLUMN provd.outcome_readable.recorded_at IS 'Time of the batch, by the clock';
COMMENT ON COLUMN provd.outcome_readable.cluster_id IS 'id of the Kafka cluster';

GRANT SELECT ON provd.ledger_readable, provd.outcome_readable TO provd_reader;

CREATE OR REPLACE FUNCTION provd.schema_version() RETURNS int
    LANGUAGE sql STABLE PARALLEL SAFE AS 'SELECT 8';

RESET ROLE;

-- Deploy provd:rewind to pg
-- requires: machinery


SET LOCAL ROLE provd_owner;

ALTER TABLE provd.fence ADD COLUMN republish_below int8 NOT NULL DEFAULT 0;

COMMENT ON COLUMN provd.fence.republish_below
    IS 'Results of records below this offset had been published before the database went back; '
        '0: it never did';

CREATE OR REPLACE FUNCTION provd.schema_version() RETURNS int
    LANGUAGE sql STABLE PARALLEL SAFE AS 'SELECT 9';

RESET ROLE;

-- Deploy provd:compatibility to pg
-- requires: rewind


SET LOCAL ROLE provd_owner;

-- Workers are upgraded one after the other, after the database: those that are not yet upgraded ask
-- here whether they may go on. A change that they cannot live with raises it to its own number.
CREATE FUNCTION provd.schema_serves_from() RETURNS int LANGUAGE sql STABLE PARALLEL SAFE AS 'SELECT 8';
COMMENT ON FUNCTION provd.schema_serves_from()
    IS 'Workers that were built for this schema version or a later one work with this database';

CREATE OR REPLACE FUNCTION provd.schema_version() RETURNS int
    LANGUAGE sql STABLE PARALLEL SAFE AS 'SELECT 10';

RESET ROLE;

-- Deploy provd:groups to pg
-- requires: accounts
-- requires: atmail-views
-- requires: compatibility
-- Who is in which group becomes a table of its own. account.mail_group stays for workers of the
-- version before, which never found a group to write there; nobody reads it any more.


SET LOCAL ROLE provd_owner;

-- The number is what stays of a group, its name may change.
ALTER TABLE provd.mail_group
    DROP CONSTRAINT mail_group_pkey,
    DROP CONSTRAINT mail_group_number,
    ADD PRIMARY KEY (context, number),
    ADD CONSTRAINT mail_group_name UNIQUE (context, name),
    ADD CONSTRAINT mail_group_number_positive CHECK (number > 0);

CREATE TABLE provd.group_member (
    context text COLLATE "C" NOT NULL,
    number int8 NOT NULL,
    account_uuid uuid NOT NULL,
    is_own boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (context, number, account_uuid)
);
CREATE INDEX group_member_account ON provd.group_member (account_uuid);
CREATE UNIQUE INDEX group_member_own ON provd.group_member (account_uuid) WHERE is_own;

COMMENT ON TABLE provd.group_member
    IS 'Accounts in groups. Rows of a deleted account stay, as its services do: it may be restored';
COMMENT ON COLUMN provd.group_member.context IS 'Context of the group and of the account';
COMMENT ON COLUMN provd.group_member.number IS 'Number of the group';
COMMENT ON COLUMN provd.group_member.account_uuid IS 'The account';
COMMENT ON COLUMN provd.group_member.is_own
    IS 'The group is the account''s own, which CreateAccount and UpdateAccount set: one at most';
COMMENT ON COLUMN provd.group_member.created_at
    IS 'occurred_at of the event that brought the account into the group';

INSERT INTO provd.group_member (context, number, account_uuid, is_own, created_at)
SELECT g.context, g.number, a.uuid, true, a.updated_at
FROM provd.account a
JOIN provd.mail_group g ON g.context = a.context AND g.name = a.mail_group;

COMMENT ON COLUMN provd.account.mail_group
    IS 'Of workers before schema 11; see group_member. Goes away in the next release';
COMMENT ON COLUMN provd.mail_group.name IS 'Name within the context; what account events name';

-- Group events may name accounts by the number that results carry.
CREATE INDEX account_account_id ON provd.account (account_id);

CREATE OR REPLACE VIEW provd.atmail_accounts AS
    SELECT a.account_id AS "accountId",
        a.created_by AS "createdByUserId",
        a.address AS username,
        a.password,
        a.domain AS "domainId",
        a.updated_at AS "dateModified",
        a.created_at AS "dateCreate",
        CASE a.status
            WHEN 'ACTIVE' THEN 0
            WHEN 'LOCKED' THEN 1
            WHEN 'MAINTENANCE' THEN 2
            WHEN 'PENDING' THEN 3
            ELSE 4
        END AS "userStatus",
        provd.home_dir(a.uuid) || '/' AS "homeDir",
        a.forward,
        a.autoreply_body AS "autoReply",
        (coalesce(a.quota_bytes, 0) + 1048575) / 1048576 AS quota,
        a.last_login_at AS "lastLogin",
        a.autoreply_enabled::int AS "autoReplyEnabled",
        coalesce(a.autoreply_subject, '') AS "autoReplySubject",
        a.autoreply_start AS "autoReplyStart",
        a.autoreply_end AS "autoReplyEnd",
        a.storage_node AS "mboxServer",
        a.mailbox_type AS "mboxType",
        g.number AS "groupId",
        coalesce(a.first_name, '') AS "firstName",
        coalesce(a.last_name, '') AS "lastName"
    FROM provd.account a
    LEFT JOIN LATERAL (
        SELECT m.number FROM provd.group_member m
        WHERE m.account_uuid = a.uuid
        ORDER BY m.is_own DESC, m.number
        LIMIT 1
    ) g ON true
    WHERE a.tombstone = 0;
COMMENT ON COLUMN provd.atmail_accounts."groupId"
    IS 'Number of the account''s own group, else of the first that it is a member of';

CREATE VIEW provd.group_members AS
    SELECT g.context, g.number, g.name, a.address, a.account_id, m.account_uuid, m.is_own,
        m.created_at
    FROM provd.mail_group g
    JOIN provd.group_member m ON m.context = g.context AND m.number = g.number
    JOIN provd.account a ON a.uuid = m.account_uuid
    WHERE a.tombstone = 0;
COMMENT ON VIEW provd.group_members IS 'Groups with their live members';
COMMENT ON COLUMN provd.group_members.context IS 'Context of the group';
COMMENT ON COLUMN provd.group_members.number IS 'Number of the group';
COMMENT ON COLUMN provd.group_members.name IS 'Name of the group';
COMMENT ON COLUMN provd.group_members.address IS 'Address of the member';
COMMENT ON COLUMN provd.group_members.account_id IS 'Number of the member';
COMMENT ON COLUMN provd.group_members.account_uuid IS 'UUID of the member';
COMMENT ON COLUMN provd.group_members.is_own IS 'The group is the member''s own one';
COMMENT ON COLUMN provd.group_members.created_at IS 'When the member came into the group';

GRANT SELECT, INSERT, UPDATE (is_own), DELETE ON provd.group_member TO provd_writer;
GRANT SELECT ON provd.group_member, provd.group_members TO provd_reader;

CREATE OR REPLACE FUNCTION provd.schema_version() RETURNS int
    LANGUAGE sql STABLE PARALLEL SAFE AS 'SELECT 11';

RESET ROLE;

COMMIT;
