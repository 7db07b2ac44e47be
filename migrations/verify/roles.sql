-- Verify provd:roles on pg

BEGIN;

DO $$
DECLARE
    wrong text;
BEGIN
    SELECT string_agg(name, ', ') INTO wrong
    FROM unnest(ARRAY['provd_owner', 'provd_writer', 'provd_reader', 'provd_operator', 'mta',
        'mda']) AS name
    WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name AND NOT rolsuper)
        OR NOT has_schema_privilege(name, 'provd', 'USAGE')
        OR (name <> 'provd_owner' AND has_schema_privilege(name, 'provd', 'CREATE'));
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'roles missing, superuser, without USAGE or with CREATE: %', wrong;
    END IF;
    IF (SELECT nspowner FROM pg_namespace WHERE nspname = 'provd') <> 'provd_owner'::regrole THEN
        RAISE EXCEPTION 'schema provd does not belong to provd_owner';
    END IF;
    IF NOT pg_has_role('provd_operator', 'provd_reader', 'USAGE') THEN
        RAISE EXCEPTION 'provd_operator does not have the rights of provd_reader';
    END IF;
    IF provd.schema_version() < 1 THEN
        RAISE EXCEPTION 'schema_version() is %, below 1', provd.schema_version();
    END IF;
END
$$;

ROLLBACK;
