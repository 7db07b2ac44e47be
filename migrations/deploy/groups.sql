-- Deploy provd:groups to pg
-- requires: accounts
-- requires: atmail-views
-- requires: compatibility
-- Who is in which group becomes a table of its own. account.mail_group stays for workers of the
-- version before, which never found a group to write there; nobody reads it any more.

BEGIN;

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

COMMIT;
