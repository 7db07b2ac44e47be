"""The migrations: each way to deploy them ends in the same schema, each revert undoes its change,
each verify notices what is broken; and the partitions of ledger and change log."""
import contextlib
import datetime
import os
import re
import subprocess
import uuid

import psycopg2
import pytest
from support.database import Database, fresh_database, run_migrate
from support.stack import ROOT

PLAN = (ROOT / "migrations" / "sqitch.plan").read_text(encoding="utf-8")
CHANGES = [line.split()[0] for line in PLAN.splitlines() if line and not line.startswith("%")]
COMMAND_LIMIT_S = 60


def migrate(*arguments):
    """Exit code and output, also of what must fail."""
    done = subprocess.run(
        [ROOT / "tools" / "migrate", *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=COMMAND_LIMIT_S,
        check=False,
    )
    return done.returncode, done.stdout


def schema_of(database):
    """pg_dump's description of schema provd, with owners, rights and comments."""
    done = subprocess.run(
        ["pg_dump", "--schema-only", "--schema=provd", database.url],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        timeout=COMMAND_LIMIT_S,
        check=False,
    )
    # Newer versions of pg_dump guard their output with a random word.
    lines = re.sub(r"^\\(un)?restrict .*$", "", done.stdout, flags=re.M)
    return lines if done.returncode == 0 else done.stderr


@pytest.fixture
def empty(stack):
    with fresh_database(stack.database_url, "empty", migrate=False) as made:
        yield made


@pytest.fixture
def deployed(empty):
    run_migrate("deploy", empty.url)
    return empty


# --- deploy, verify, revert -----------------------------------------------------------------------


def test_install_sql_is_up_to_date():
    written = (ROOT / "migrations" / "install.sql").read_text(encoding="utf-8")
    assert written == run_migrate("install-sql", "--stdout"), "run: tools/migrate install-sql"


def test_install_sql_makes_the_schema_that_sqitch_makes(database, deployed):
    """`database` comes from the template, which install.sql was loaded into."""
    schema = schema_of(deployed)
    assert "CREATE TABLE provd.account" in schema
    assert schema_of(database) == schema


def test_install_sql_changes_nothing_where_the_schema_is(database):
    before = schema_of(database)
    with pytest.raises(psycopg2.errors.DuplicateSchema):
        database.rows((ROOT / "migrations" / "install.sql").read_text(encoding="utf-8"))
    assert schema_of(database) == before


def test_each_revert_undoes_its_change_and_each_deploy_brings_it_back(empty):
    after = {}
    for change in CHANGES:
        run_migrate("deploy", empty.url, "--to", change)
        after[change] = schema_of(empty)
        assert empty.value("SELECT provd.schema_version()") == len(after)
    for change in reversed(CHANGES[:-1]):
        run_migrate("revert", "--yes", "--to", change, empty.url)
        assert schema_of(empty) == after[change], f"revert of the change after {change}"
    run_migrate("revert", "--yes", empty.url)
    assert empty.value("SELECT to_regnamespace('provd') IS NULL")
    run_migrate("deploy", empty.url)
    assert schema_of(empty) == after[CHANGES[-1]]


def test_schema_version_is_the_number_of_changes(database):
    version = database.value("SELECT provd.schema_version()")
    assert version == len(CHANGES) == int(run_migrate("version"))


def test_second_deploy_changes_nothing(deployed):
    before = schema_of(deployed)
    assert "up-to-date" in run_migrate("deploy", deployed.url)
    assert schema_of(deployed) == before


def test_revert_of_the_partitions_keeps_their_rows(deployed):
    ids = [v7_at(datetime.datetime.now(datetime.timezone.utc)) for _ in range(3)]
    add_events(deployed, ids)
    run_migrate("revert", "--yes", "--to", "machinery", deployed.url)
    run_migrate("deploy", deployed.url)
    rows = deployed.rows("SELECT event_id::text, tableoid::regclass::text FROM provd.event_ledger")
    assert sorted(row[0] for row in rows) == sorted(ids)
    assert {row[1] for row in rows} == {"provd.event_ledger_" + f"{month_start(0):%Y_%m}"}


def test_revert_must_be_meant(deployed):
    code, output = migrate("revert", deployed.url)
    assert (code, "--yes" in output) == (64, True)
    assert deployed.value("SELECT provd.schema_version()") == len(CHANGES)


BREAKAGES = [
    ("roles", "REVOKE USAGE ON SCHEMA provd FROM mda", "mda"),
    ("roles", "GRANT CREATE ON SCHEMA provd TO provd_writer", "provd_writer"),
    ("tenants", "ALTER TABLE provd.domain DROP COLUMN catch_all CASCADE", "catch_all"),
    ("tenants", "ALTER TABLE provd.domain DROP CONSTRAINT domain_context_fkey", "foreign key"),
    ("accounts", "REVOKE DELETE ON provd.account FROM provd_writer", "provd.account"),
    ("accounts", "GRANT SELECT (password) ON provd.account TO provd_reader", "password"),
    ("accounts", "CREATE INDEX slow ON provd.service_account (service_id)", "slow"),
    ("machinery", "GRANT UPDATE ON provd.event_ledger TO provd_writer", "provd.event_ledger"),
    ("machinery", "GRANT DELETE ON provd.change_log TO provd_writer", "provd.change_log"),
    ("machinery", "GRANT UPDATE (next_offset) ON provd.fence TO provd_operator", "move an offset"),
    ("machinery", "DROP TABLE provd.change_log_default", "provd.change_log"),
    ("partitions", "GRANT EXECUTE ON FUNCTION provd.drop_partitions TO provd_writer", "drop_part"),
    ("mail-views", "GRANT SELECT ON provd.dovecot_passdb TO mta", "mta dovecot_passdb"),
    ("mail-views", "GRANT SELECT ON provd.account TO mda", "mda account"),
    ("mail-views", "DROP INDEX provd.domain_catch_all", "domain_catch_all"),
    ("atmail-views", "GRANT SELECT ON provd.atmail_accounts TO provd_reader", "no password"),
    ("readable-views", "DROP VIEW provd.outcome_readable", "outcome_readable"),
    ("rewind", "GRANT UPDATE (republish_below) ON provd.fence TO provd_operator", "published again"),
]


def test_verify_names_what_is_broken(deployed):
    code, output = migrate("verify", deployed.url)
    assert (code, "Verify successful" in output) == (0, True), output
    for change, breakage, named in BREAKAGES:
        script = (ROOT / "migrations" / "verify" / f"{change}.sql").read_text(encoding="utf-8")
        script = script.replace("BEGIN;\n", "", 1).replace("ROLLBACK;\n", "")
        with contextlib.closing(deployed.connect()) as connection, connection.cursor() as cursor:
            cursor.execute(script)
            cursor.execute(breakage)
            with pytest.raises(psycopg2.Error, match=re.escape(named)):
                cursor.execute(script)


def test_verify_fails_with_an_exit_code(deployed):
    deployed.rows("REVOKE SELECT ON provd.domain FROM provd_reader")
    code, output = migrate("verify", deployed.url)
    assert code == 1 and 'provd_reader on provd.domain: "" instead of "SELECT"' in output


def test_owner_of_the_database_can_deploy_without_being_superuser(stack, empty):
    server = Database(stack.database_url)
    deployer = f"deployer_{uuid.uuid4().hex[:10]}"
    server.rows(f"CREATE ROLE {deployer} LOGIN CREATEROLE")
    try:
        empty.rows(f'ALTER DATABASE "{empty.name}" OWNER TO {deployer}')
        run_migrate("deploy", empty.url_as(deployer))
        assert empty.value("SELECT provd.schema_version()") == len(CHANGES)
        owners = "SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = 'provd'"
        assert empty.rows(owners) == [("provd_owner",)]
        run_migrate("revert", "--yes", empty.url_as(deployer))
    finally:
        empty.rows(f"REASSIGN OWNED BY {deployer} TO postgres; DROP OWNED BY {deployer}")
        server.rows(f"DROP ROLE {deployer}")


def test_passwords_stay_out_of_argument_lists_and_messages(stack):
    code, output = migrate("status", "postgresql://nobody:s3cr3t@127.0.0.1:1/none")
    assert code == 1
    assert "s3cr3t" not in output


def test_everything_has_a_comment(database):
    bare = database.rows(
        """SELECT c.relname, NULL FROM pg_class c
        WHERE c.relnamespace = 'provd'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'S')
            AND obj_description(c.oid, 'pg_class') IS NULL
            AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = c.oid AND deptype = 'i'
                AND classid = 'pg_class'::regclass AND c.relkind = 'S')
        UNION ALL
        SELECT c.relname, a.attname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
        WHERE c.relnamespace = 'provd'::regnamespace AND c.relkind IN ('r', 'p', 'v')
            AND NOT c.relispartition AND attnum > 0 AND NOT attisdropped
            AND col_description(c.oid, attnum) IS NULL
        UNION ALL
        SELECT proname, NULL FROM pg_proc
        WHERE pronamespace = 'provd'::regnamespace AND obj_description(oid, 'pg_proc') IS NULL"""
    )
    assert bare == []


# --- databases for tests --------------------------------------------------------------------------


def test_fresh_makes_a_new_database_with_a_url_for_each_role(stack):
    name = f"test_fresh_{uuid.uuid4().hex[:10]}"
    try:
        url = run_migrate("fresh", stack.database_url, name).strip()
        Database(url).rows("CREATE TABLE left_over ()")
        exports = run_migrate("fresh", "--env", stack.database_url, name)
        urls = dict(re.findall(r"^export (\w+)='(.*)'$", exports, flags=re.M))
        assert urls["DATABASE_URL"] == url
        assert Database(url).value("SELECT to_regclass('left_over') IS NULL")
        for user in ("provd", "provctl", "reader", "postfix", "dovecot"):
            assert Database(urls[f"DATABASE_URL_{user.upper()}"]).value("SELECT user") == user
    finally:
        run_migrate("drop", stack.database_url, name)
    exists = "SELECT count(*) FROM pg_database WHERE datname = %s"
    assert Database(stack.database_url).value(exists, name) == 0


def test_fresh_leaves_a_database_alone_that_it_did_not_make(stack, empty):
    empty.rows("CREATE TABLE precious ()")
    for command in ("fresh", "drop"):
        code, output = migrate(command, stack.database_url, empty.name)
        assert code == 1 and "left alone" in output
    assert empty.value("SELECT to_regclass('precious') IS NOT NULL")


def test_fresh_databases_can_be_made_at_the_same_time(stack):
    names = [f"test_race_{uuid.uuid4().hex[:10]}" for _ in range(4)]
    commands = [[ROOT / "tools" / "migrate", "fresh", stack.database_url, name] for name in names]
    running = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        for command in commands
    ]
    try:
        for process in running:
            output, _ = process.communicate(timeout=COMMAND_LIMIT_S)
            assert process.returncode == 0, output
            assert Database(output.strip()).value("SELECT provd.schema_version()") == len(CHANGES)
    finally:
        for name in names:
            run_migrate("drop", stack.database_url, name)


# --- partitions -----------------------------------------------------------------------------------


def v7_at(moment):
    """A UUIDv7 of that moment, as text."""
    head = int(moment.timestamp() * 1000).to_bytes(6, "big")
    tail = bytearray(os.urandom(10))
    tail[0] = 0x70 | tail[0] & 0x0F
    tail[2] = 0x80 | tail[2] & 0x3F
    return str(uuid.UUID(bytes=head + bytes(tail)))


def month_start(months_ahead):
    today = datetime.datetime.now(datetime.timezone.utc)
    month = today.year * 12 + today.month - 1 + months_ahead
    return datetime.datetime(month // 12, month % 12 + 1, 1, tzinfo=datetime.timezone.utc)


def add_events(database, ids):
    database.rows(
        "INSERT INTO provd.event_ledger SELECT id, 1, row_number() OVER (), 0, "
        "decode(repeat('ab', 16), 'hex'), '', NULL, 0, now() FROM unnest(%s::uuid[]) AS id",
        ids,
    )


def add_change(database, seq, changed_at):
    database.rows(
        "INSERT INTO provd.change_log VALUES (1, %s, %s, NULL, 'account', NULL, '', '', "
        "decode(repeat('cd', 32), 'hex'))",
        seq,
        changed_at,
    )


def home_of_event(database, event_id):
    place = "SELECT tableoid::regclass::text FROM provd.event_ledger WHERE event_id = %s"
    return database.value(place, event_id)


def test_event_lies_in_the_month_of_its_uuidv7(database):
    start = month_start(1)
    last = start - datetime.timedelta(milliseconds=1)
    for moment in (start, last, month_start(2) - datetime.timedelta(milliseconds=1)):
        event_id = v7_at(moment)
        add_events(database, [event_id])
        assert home_of_event(database, event_id) == f"provd.event_ledger_{moment:%Y_%m}"


def test_other_ids_lie_in_the_default(database):
    homes = {
        "00000000-0000-1000-8000-000000000000": "low",
        v7_at(datetime.datetime(2001, 2, 3, tzinfo=datetime.timezone.utc)): "low",
        v7_at(month_start(500)): "low",
        "04000000-0000-4000-8000-000000000000": "high",
        "ffffffff-ffff-4fff-bfff-ffffffffffff": "high",
    }
    add_events(database, list(homes))
    for event_id, part in homes.items():
        assert home_of_event(database, event_id) == f"provd.event_ledger_default_{part}"


def test_event_id_is_unique_across_partitions(database):
    event_id = v7_at(month_start(0))
    add_events(database, [event_id, str(uuid.uuid4())])
    with pytest.raises(psycopg2.errors.UniqueViolation):
        add_events(database, [v7_at(month_start(1)), event_id])


def test_making_partitions_twice_makes_none(database):
    ahead = 5
    database.rows("SELECT provd.make_partitions(%s)", ahead)
    assert database.rows("SELECT provd.make_partitions(%s)", ahead) == []
    months = "SELECT count(*) FROM pg_inherits WHERE inhparent = %s::regclass"
    for parent in ("provd.event_ledger", "provd.change_log"):
        assert database.value(months, parent) == ahead + 2, "this month, those ahead, the default"


@pytest.mark.parametrize("ahead", [-1, 121])
def test_making_partitions_has_a_limit(database, ahead):
    with pytest.raises(psycopg2.errors.InvalidParameterValue, match="give 0 to 120"):
        database.rows("SELECT provd.make_partitions(%s)", ahead)


def test_rows_that_came_too_early_move_into_their_new_month(database):
    month = month_start(20)
    inside, outside = v7_at(month), v7_at(month_start(21))
    add_events(database, [inside, outside])
    add_change(database, 1, month)
    assert home_of_event(database, inside) == "provd.event_ledger_default_low"
    database.rows("SELECT provd.make_partition('event_ledger', %s)", month.date())
    database.rows("SELECT provd.make_partition('change_log', %s)", month.date())
    assert home_of_event(database, inside) == f"provd.event_ledger_{month:%Y_%m}"
    assert home_of_event(database, outside) == "provd.event_ledger_default_low"
    change = "SELECT tableoid::regclass::text FROM provd.change_log WHERE seq = 1"
    assert database.value(change) == f"provd.change_log_{month:%Y_%m}"


def test_new_month_does_not_scan_the_random_ids(database):
    """Their partition may be large, and it is locked meanwhile."""
    with contextlib.closing(database.connect()) as connection, connection.cursor() as cursor:
        cursor.execute("SET client_min_messages = debug1")
        cursor.execute("SELECT provd.make_partition('event_ledger', '2049-05-17')")
        assert cursor.fetchone() == ("event_ledger_2049_05",)
        told = "".join(connection.notices)
        connection.rollback()
    assert 'verifying table "event_ledger_default_low"' in told
    assert 'verifying table "event_ledger_default_high"' not in told


def test_new_month_fails_soon_while_somebody_holds_the_default(database):
    with contextlib.closing(database.connect()) as other, other.cursor() as cursor:
        cursor.execute("LOCK TABLE provd.change_log_default IN ACCESS SHARE MODE")
        with pytest.raises(psycopg2.errors.LockNotAvailable):
            database.rows("SELECT provd.make_partitions(30)")


def test_dropping_lists_first_and_keeps_what_is_young(stack):
    def names(*months):
        return {f"{parent}_{month_start(number):%Y_%m}" for parent, number in months}

    old = names(("event_ledger", -14), ("event_ledger", -6), ("change_log", -14))
    young = names(("event_ledger", -2), ("change_log", -6), ("change_log", -2))
    with fresh_database(stack.database_url, "drop") as own:
        for parent in ("event_ledger", "change_log"):
            for month in (-14, -6, -2):
                own.rows("SELECT provd.make_partition(%s, %s)", parent, month_start(month).date())
        dropping = "SELECT partition, action FROM provd.drop_partitions(%s, dry_run => %s)"
        this_month = month_start(0).date()
        listed = own.rows(dropping, this_month, True)
        assert {name for name, action in listed if action == "would drop"} == old
        assert {name for name, action in listed if action.startswith("refused")} == young
        assert "kept for at least 12 months" in dict(listed)[max(names(("change_log", -6)))]
        assert own.rows(dropping, month_start(-14).date(), True) == [], "none has ended by then"

        dropped = own.rows(dropping, this_month, False)
        assert {name for name, action in dropped if action == "dropped"} == old
        left = own.rows("SELECT relname FROM pg_class WHERE relname = ANY (%s)", list(old | young))
        assert {name for (name,) in left} == young


def test_pruning_as_documented_takes_only_old_rows_of_the_default(stack):
    readme = (ROOT / "migrations" / "README.md").read_text(encoding="utf-8")
    (pruning,) = re.findall(r"(?ms)^ {4}(DELETE FROM .*?;)$", readme)
    old, young, monthly = str(uuid.uuid4()), str(uuid.uuid4()), v7_at(month_start(0))
    with fresh_database(stack.database_url, "prune") as own:
        add_events(own, [old, young, monthly])
        aged = "UPDATE provd.event_ledger SET applied_at = '2020-01-01' WHERE event_id <> %s"
        own.rows(aged, young)
        own.rows(pruning)
        left = own.rows("SELECT event_id::text FROM provd.event_ledger")
        assert {event_id for (event_id,) in left} == {young, monthly}


def test_ledger_lookup_uses_the_index_of_each_partition(database):
    """As the worker asks: a cached plan that does not know the ids; it must survive a new month."""
    with contextlib.closing(database.connect()) as connection, connection.cursor() as cursor:
        cursor.execute("SET plan_cache_mode = force_generic_plan")
        cursor.execute(
            "PREPARE recall (uuid[]) AS SELECT result FROM provd.event_ledger "
            "WHERE event_id = ANY ($1)"
        )
        cursor.execute("EXPLAIN (COSTS OFF) EXECUTE recall ('{}')")
        plan = "\n".join(line for (line,) in cursor.fetchall())
    assert "Seq Scan" not in plan and f"event_ledger_{month_start(0):%Y_%m}_pkey" in plan
