-- Verify provd:tenants on pg

BEGIN;

SELECT name, domains_on_the_fly, max_accounts, quota_bytes, max_messages, disabled_protocols,
    domain_count, version, revision, created_at, updated_at
FROM provd.context WHERE false;

SELECT name, context, status, default_services, default_quota_bytes, default_quota_messages,
    max_accounts, quota_bytes, max_messages, disabled_protocols, catch_all, used_accounts,
    used_quota_bytes, used_messages, version, revision, created_at, updated_at, limited
FROM provd.domain WHERE false;

DO $$
DECLARE
    wrong text;
BEGIN
    SELECT string_agg(format('%s on %s: "%s" instead of "%s"', role, name, actual, rights), ', ')
    INTO wrong
    FROM unnest(ARRAY['provd.context', 'provd.domain']) AS name,
        (VALUES ('provd_writer', 'DELETE INSERT SELECT UPDATE'), ('provd_reader', 'SELECT'),
            ('provd_operator', 'SELECT'), ('mta', ''), ('mda', '')) AS rule (role, rights),
        LATERAL (SELECT coalesce(string_agg(p, ' ' ORDER BY p), '')
            FROM unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE']) AS p
            WHERE has_table_privilege(role, name, p)) AS has (actual)
    WHERE actual <> rights;
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'wrong rights: %', wrong;
    END IF;
    IF NOT EXISTS (SELECT FROM pg_constraint WHERE conrelid = 'provd.domain'::regclass
            AND confrelid = 'provd.context'::regclass AND contype = 'f' AND convalidated) THEN
        RAISE EXCEPTION 'domain.context has no foreign key to context';
    END IF;
    PERFORM 'provd.domain_context'::regclass;
END
$$;

ROLLBACK;
