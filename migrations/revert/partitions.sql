-- Revert provd:partitions from pg
-- Rows of the monthly partitions go to the default, so that a revert and a new deploy lose none of
-- them.

BEGIN;

SET LOCAL ROLE provd_owner;

DO $$
DECLARE
    monthly regclass;
    parent regclass;
BEGIN
    FOR monthly, parent IN
        SELECT inhrelid::regclass, inhparent::regclass
        FROM pg_inherits JOIN pg_class c ON c.oid = inhrelid
        WHERE inhparent IN ('provd.event_ledger'::regclass, 'provd.change_log'::regclass)
            AND c.relname ~ '_[0-9]{4}_[0-9]{2}$'
    LOOP
        EXECUTE format('ALTER TABLE %s DETACH PARTITION %s', parent, monthly);
        EXECUTE format('INSERT INTO %s SELECT * FROM %s', parent, monthly);
        EXECUTE format('DROP TABLE %s', monthly);
    END LOOP;
END
$$;

DROP FUNCTION provd.drop_partitions(date, boolean);
DROP FUNCTION provd.make_partitions(int);
DROP FUNCTION provd.make_partition(text, date);
DROP FUNCTION provd.partition_bound(text, date);
DROP FUNCTION provd.uuid_floor(timestamptz);

CREATE OR REPLACE FUNCTION provd.schema_version() RETURNS int
    LANGUAGE sql STABLE PARALLEL SAFE AS 'SELECT 4';

COMMIT;
