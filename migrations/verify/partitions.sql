-- Verify provd:partitions on pg

BEGIN;

DO $$
DECLARE
    wrong text;
    first_v7 CONSTANT uuid := '01a19467-e800-0000-0000-000000000000';
BEGIN
    SELECT string_agg(format('%s %s', role, function), ', ') INTO wrong
    FROM (VALUES
            ('provd_operator', 'provd.make_partitions(int)', true),
            ('provd_writer', 'provd.make_partitions(int)', false),
            ('provd_operator', 'provd.make_partition(text, date)', false),
            ('provd_operator', 'provd.drop_partitions(date, boolean)', false),
            ('provd_writer', 'provd.drop_partitions(date, boolean)', false)
        ) AS rule (role, function, allowed)
    WHERE has_function_privilege(role, function, 'EXECUTE') <> allowed;
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'rights that are missing or too many: %', wrong;
    END IF;
    IF NOT (SELECT prosecdef AND proowner = 'provd_owner'::regrole FROM pg_proc
            WHERE oid = 'provd.make_partitions(int)'::regprocedure) THEN
        RAISE EXCEPTION 'make_partitions must run with the rights of provd_owner';
    END IF;
    IF provd.uuid_floor('2026-11-01 00:00:00+00') <> first_v7 THEN
        RAISE EXCEPTION 'uuid_floor is wrong: %', provd.uuid_floor('2026-11-01 00:00:00+00');
    END IF;

    PERFORM provd.make_partitions(0);
    SELECT string_agg(name, ', ') INTO wrong
    FROM unnest(ARRAY['event_ledger', 'change_log']) AS parent,
        concat('provd.', parent, to_char(now() AT TIME ZONE 'UTC', '_YYYY_MM')) AS name
    WHERE NOT EXISTS (SELECT FROM pg_inherits
        WHERE inhparent = ('provd.' || parent)::regclass AND inhrelid = to_regclass(name));
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'this month has no partition: %', wrong;
    END IF;
END
$$;

ROLLBACK;
