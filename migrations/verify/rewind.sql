-- Verify provd:rewind on pg

BEGIN;

SELECT republish_below FROM provd.fence WHERE false;

DO $$
BEGIN
    IF has_column_privilege('provd_operator', 'provd.fence', 'republish_below', 'UPDATE') THEN
        RAISE EXCEPTION 'provd_operator must not say what is published again';
    END IF;
END
$$;

ROLLBACK;
