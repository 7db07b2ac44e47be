-- Deploy provd:partitions to pg
-- requires: machinery
-- Months are those of UTC. How to run these functions by a timer: migrations/README.md.

BEGIN;

SET LOCAL ROLE provd_owner;

CREATE FUNCTION provd.uuid_floor(moment timestamptz) RETURNS uuid
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT rpad(lpad(to_hex((extract(epoch FROM moment) * 1000)::int8), 12, '0'), 32, '0')::uuid
$$;
COMMENT ON FUNCTION provd.uuid_floor(timestamptz)
    IS 'Lower bound of the UUIDv7s made at or after that moment';

CREATE FUNCTION provd.partition_bound(parent text, month date) RETURNS text
    LANGUAGE sql STABLE STRICT AS $$
    SELECT CASE parent
        WHEN 'event_ledger' THEN provd.uuid_floor(month::timestamp AT TIME ZONE 'UTC')::text
        WHEN 'change_log' THEN (month::timestamp AT TIME ZONE 'UTC')::text
    END
$$;
COMMENT ON FUNCTION provd.partition_bound(text, date)
    IS 'Lower bound of a month in the partition key of event_ledger or change_log';

CREATE FUNCTION provd.make_partition(parent text, month date) RETURNS text
    LANGUAGE plpgsql STRICT
    SET search_path = pg_catalog, pg_temp
    SET timezone = 'UTC'
AS $$
DECLARE
    key text := CASE parent
        WHEN 'event_ledger' THEN 'event_id' WHEN 'change_log' THEN 'changed_at' END;
    first_day date := date_trunc('month', month);
    lower_bound text := provd.partition_bound(parent, first_day);
    upper_bound text := provd.partition_bound(parent, (first_day + interval '1 month')::date);
    spare text := parent || '_default';
    made text := parent || to_char(month, '_YYYY_MM');
BEGIN
    IF to_regclass('provd.' || made) IS NOT NULL THEN
        RETURN NULL;
    END IF;
    -- Nobody may add a row of this month to the default between moving them and attaching.
    EXECUTE format('LOCK TABLE provd.%I IN ACCESS EXCLUSIVE MODE', spare);
    EXECUTE format('CREATE TABLE provd.%I (LIKE provd.%I INCLUDING ALL)', made, parent);
    EXECUTE format('WITH moved AS ('
        'DELETE FROM provd.%1$I WHERE %2$I >= %3$L AND %2$I < %4$L RETURNING *'
        ') INSERT INTO provd.%5$I SELECT * FROM moved', spare, key, lower_bound, upper_bound, made);
    EXECUTE format('ALTER TABLE provd.%I ATTACH PARTITION provd.%I FOR VALUES FROM (%L) TO (%L)',
        parent, made, lower_bound, upper_bound);
    EXECUTE format('COMMENT ON TABLE provd.%I IS %L',
        made, format('%s of %s', to_char(month, 'YYYY-MM'), parent));
    RETURN made;
END
$$;
COMMENT ON FUNCTION provd.make_partition(text, date)
    IS 'Makes the partition of a month, if missing, with its rows from the default; its name';

CREATE FUNCTION provd.make_partitions(months_ahead int) RETURNS SETOF text
    LANGUAGE plpgsql STRICT SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    SET lock_timeout = '5s' -- rather fail, and run again, than make every lane wait behind us
AS $$
DECLARE
    months_ahead_max CONSTANT int := 120;
    this_month CONSTANT date := date_trunc('month', now() AT TIME ZONE 'UTC')::date;
BEGIN
    IF months_ahead NOT BETWEEN 0 AND months_ahead_max THEN
        RAISE EXCEPTION 'make_partitions: % months ahead: give 0 to %',
            months_ahead, months_ahead_max USING ERRCODE = 'invalid_parameter_value';
    END IF;
    RETURN QUERY
        SELECT name
        FROM generate_series(0, months_ahead) AS ahead,
            unnest(ARRAY['event_ledger', 'change_log']) AS parent,
            provd.make_partition(parent, (this_month + ahead * interval '1 month')::date) AS name
        WHERE name IS NOT NULL;
END
$$;
COMMENT ON FUNCTION provd.make_partitions(int)
    IS 'Makes what is missing of this month and so many ahead; a second call makes none';

CREATE FUNCTION provd.drop_partitions(before date, dry_run boolean DEFAULT true)
    RETURNS TABLE (partition text, first_day date, bytes int8, action text)
    LANGUAGE plpgsql STRICT
    SET search_path = pg_catalog, pg_temp
    SET lock_timeout = '5s'
AS $$
DECLARE
    -- The ledger must outlive whatever may be replayed, the change log what auditors ask for.
    ledger_months_min CONSTANT int := 3;
    change_log_months_min CONSTANT int := 12;
    months_min int;
    after_last_day date;
    parent text;
BEGIN
    FOR parent, partition, first_day, bytes IN
        SELECT p.relname, c.relname, to_date(right(c.relname, 7), 'YYYY_MM'),
            pg_total_relation_size(c.oid)
        FROM pg_inherits i
        JOIN pg_class p ON p.oid = i.inhparent
        JOIN pg_class c ON c.oid = i.inhrelid
        WHERE i.inhparent IN ('provd.event_ledger'::regclass, 'provd.change_log'::regclass)
            AND c.relname ~ '_[0-9]{4}_[0-9]{2}$'
        ORDER BY 3, 1
    LOOP
        after_last_day := (first_day + interval '1 month')::date;
        months_min := CASE parent
            WHEN 'event_ledger' THEN ledger_months_min ELSE change_log_months_min END;
        CONTINUE WHEN after_last_day > before;
        IF after_last_day > now() AT TIME ZONE 'UTC' - months_min * interval '1 month' THEN
            action := format('refused: %s is kept for at least %s months', parent, months_min);
        ELSIF dry_run THEN
            action := 'would drop';
        ELSE
            EXECUTE format('DROP TABLE provd.%I', partition);
            action := 'dropped';
        END IF;
        RETURN NEXT;
    END LOOP;
END
$$;
COMMENT ON FUNCTION provd.drop_partitions(date, boolean)
    IS 'Lists, or with dry_run => false drops, the months that end by that day; for the owner';

REVOKE EXECUTE ON FUNCTION provd.make_partition(text, date), provd.make_partitions(int),
    provd.drop_partitions(date, boolean) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION provd.make_partitions(int) TO provd_operator;

DO $$ BEGIN PERFORM provd.make_partitions(3); END $$;

CREATE OR REPLACE FUNCTION provd.schema_version() RETURNS int
    LANGUAGE sql STABLE PARALLEL SAFE AS 'SELECT 5';

COMMIT;
