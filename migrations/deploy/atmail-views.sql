-- Deploy provd:atmail-views to pg
-- requires: mail-views
-- The columns of atmail's mailserver.accounts and apiserver.Accounts under their own names, for
-- programs that ask those.

BEGIN;

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

COMMIT;
