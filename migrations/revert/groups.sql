-- Revert provd:groups from pg
-- An account keeps its own group, and loses those that it is only a member of.

BEGIN;

SET LOCAL ROLE provd_owner;

UPDATE provd.account a SET mail_group = g.name
FROM provd.group_member m
JOIN provd.mail_group g ON g.context = m.context AND g.number = m.number
WHERE m.account_uuid = a.uuid AND m.is_own;

DROP VIEW provd.group_members;

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
    LEFT JOIN provd.mail_group g ON g.context = a.context AND g.name = a.mail_group
    WHERE a.tombstone = 0;
COMMENT ON COLUMN provd.atmail_accounts."groupId"
    IS 'Number of the group that account.mail_group names';

DROP INDEX provd.account_account_id;
DROP TABLE provd.group_member;

ALTER TABLE provd.mail_group
    DROP CONSTRAINT mail_group_number_positive,
    DROP CONSTRAINT mail_group_name,
    DROP CONSTRAINT mail_group_pkey,
    ADD PRIMARY KEY (context, name),
    ADD CONSTRAINT mail_group_number UNIQUE (context, number);

COMMENT ON COLUMN provd.account.mail_group
    IS 'Name of the mail_group of the context that the account is in';
COMMENT ON COLUMN provd.mail_group.name IS 'Name within the context; what account.mail_group names';

CREATE OR REPLACE FUNCTION provd.schema_version() RETURNS int
    LANGUAGE sql STABLE PARALLEL SAFE AS 'SELECT 10';

COMMIT;
