-- Deploy provd:roles to pg
-- The roles belong to the whole server and may serve several databases: made only when missing.

BEGIN;

DO $$
DECLARE
    wanted text;
BEGIN
    FOREACH wanted IN ARRAY
        ARRAY['provd_owner', 'provd_writer', 'provd_reader', 'provd_operator', 'mta', 'mda'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = wanted) THEN
            BEGIN
                EXECUTE format('CREATE ROLE %I NOLOGIN', wanted);
            EXCEPTION WHEN duplicate_object OR unique_violation THEN
                NULL; -- another database of this server was migrated in the same moment
            END;
        END IF;
    END LOOP;
    IF NOT pg_has_role('provd_operator', 'provd_reader', 'MEMBER') THEN
        GRANT provd_reader TO provd_operator;
    END IF;
    -- Whoever migrates, if not a superuser, must be able to become the owner.
    IF NOT pg_has_role(current_user, 'provd_owner', 'MEMBER') THEN
        EXECUTE format('GRANT provd_owner TO %I', current_user);
    END IF;
END
$$;

CREATE SCHEMA provd AUTHORIZATION provd_owner;

SET LOCAL ROLE provd_owner;

COMMENT ON SCHEMA provd
    IS 'Accounts provisioned by provd, and what provd remembers about the events';
GRANT USAGE ON SCHEMA provd TO provd_writer, provd_reader, provd_operator, mta, mda;

-- One more with every change of sqitch.plan; provd starts only against the number it was built for.
CREATE FUNCTION provd.schema_version() RETURNS int LANGUAGE sql STABLE PARALLEL SAFE AS 'SELECT 1';
COMMENT ON FUNCTION provd.schema_version()
    IS 'Number of the newest change of migrations/sqitch.plan that is deployed here';

COMMIT;
