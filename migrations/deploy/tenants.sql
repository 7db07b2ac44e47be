-- Deploy provd:tenants to pg
-- requires: roles
-- Names sort by byte (COLLATE "C"), as provd sorts its lock order, whatever the locale of the
-- database.

BEGIN;

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

COMMIT;
