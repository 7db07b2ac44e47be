-- Verify provd:tenants on pg

BEGIN;

SELECT name, domains_on_the_fly, max_accounts, quota_bytes, max_messages, disabled_protocols, domain_count, version, revision,
    created_at, updated_at
FROM provd.context WHERE false;

SELECT name, context, status, default_services, default_quota_bytes, default_quota_messages, max_accounts, quota_bytes,
    max_messages, disabled_protocols, catch_all, used_accounts, used_quota_bytes, used_messages, version, revision, created_at,
    updated_at, limited
FROM provd.domain WHERE false;

DO $$
DECLARE
    wrong text;
BEGIN
    SELECT string_agg(format('%s %s on %s', role, privilege, relation), ', ') INTO wrong
    FROM unnest(ARRAY['context', 'domain']) AS relation,
        (VALUES ('provd_writer', 'SELECT', true), ('provd_writer', 'INSERT', true), ('provd_writer', 'UPDATE', true),
            ('provd_writer', 'DELETE', true), ('provd_writer', 'TRUNCATE', false), ('provd_reader', 'SELECT', true),
            ('provd_reader', 'UPDATE', false), ('mta', 'SELECT', false), ('mda', 'SELECT', false)
        ) AS rule (role, privilege, allowed)
    WHERE has_table_privilege(role, 'provd.' || relation, privilege) <> allowed;
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'rights that are missing or too many: %', wrong;
    END IF;
    IF NOT EXISTS (SELECT FROM pg_constraint WHERE conrelid = 'provd.domain'::regclass
            AND confrelid = 'provd.context'::regclass AND contype = 'f' AND convalidated) THEN
        RAISE EXCEPTION 'domain.context has no foreign key to context';
    END IF;
    PERFORM 'provd.domain_context'::regclass;
END
$$;

ROLLBACK;
