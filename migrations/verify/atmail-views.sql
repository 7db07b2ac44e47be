-- Verify provd:atmail-views on pg

BEGIN;

SELECT "accountId", "createdByUserId", username, password, "domainId", "dateModified", "dateCreate",
    "userStatus", "homeDir", forward, "autoReply", quota, "lastLogin", "autoReplyEnabled",
    "autoReplySubject", "autoReplyStart", "autoReplyEnd", "mboxServer", "mboxType", "groupId",
    "firstName", "lastName"
FROM provd.atmail_accounts WHERE false;
SELECT "idAccount", "idUsers", "Name", "IsPrimary", "Active", "idMailAccount", "idContactAccount",
    "idCalendarAccount"
FROM provd.atmail_api_accounts WHERE false;

DO $$
BEGIN
    IF has_column_privilege('provd_reader', 'provd.atmail_accounts', 'password', 'SELECT')
        OR NOT has_column_privilege('provd_reader', 'provd.atmail_accounts', 'username', 'SELECT')
        OR NOT has_table_privilege('provd_reader', 'provd.atmail_api_accounts', 'SELECT') THEN
        RAISE EXCEPTION 'provd_reader must see the atmail views but no password';
    END IF;
END
$$;

ROLLBACK;
