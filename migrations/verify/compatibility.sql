-- Verify provd:compatibility on pg

BEGIN;

DO $$
BEGIN
    IF provd.schema_serves_from() NOT BETWEEN 1 AND provd.schema_version() THEN
        RAISE EXCEPTION 'the schema serves no worker of its own version';
    END IF;
END
$$;

ROLLBACK;
