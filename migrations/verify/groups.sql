-- Verify provd:groups on pg

BEGIN;

SELECT context, number, account_uuid, is_own, created_at FROM provd.group_member WHERE false;
SELECT context, number, name, address, account_id, account_uuid, is_own, created_at
FROM provd.group_members WHERE false;
SELECT "groupId" FROM provd.atmail_accounts WHERE false;

DO $$
DECLARE
    wrong text;
BEGIN
    SELECT string_agg(format('%s: "%s" instead of "%s"', role, actual, rights), ', ')
    INTO wrong
    FROM (VALUES ('provd_writer', 'DELETE INSERT SELECT'), ('provd_reader', 'SELECT'),
            ('mta', ''), ('mda', '')) AS rule (role, rights),
        LATERAL (SELECT coalesce(string_agg(p, ' ' ORDER BY p), '')
            FROM unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE']) AS p
            WHERE has_table_privilege(role, 'provd.group_member', p)) AS has (actual)
    WHERE actual <> rights;
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'wrong rights on group_member: %', wrong;
    END IF;
    IF NOT has_column_privilege('provd_writer', 'provd.group_member', 'is_own', 'UPDATE') THEN
        RAISE EXCEPTION 'provd_writer cannot make a group an account''s own';
    END IF;
    IF to_regclass('provd.account_account_id') IS NULL THEN
        RAISE EXCEPTION 'account has no index by number';
    END IF;
END
$$;

ROLLBACK;
