"""Every right of every role, as a table that a reviewer reads: tests/sql/expected/rights.txt. What PostgreSQL's catalog
says is then tried, each verb on each column of each relation, and more that nobody may do at all.

PROVD_TEST_WRITE_EXPECTED=1 writes the table anew: look at the difference before it is committed.
"""
import collections
import contextlib
import os
import pathlib
import re

import psycopg2
import pytest
from psycopg2 import errorcodes

EXPECTED = pathlib.Path(__file__).parent / "expected" / "rights.txt"
USERS = {"provd": "provd_writer", "provctl": "provd_operator", "reader": "provd_reader", "postfix": "mta", "dovecot": "mda"}
VERBS = ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER")
BY_COLUMN = ("SELECT", "INSERT", "UPDATE", "REFERENCES")
MONTH = re.compile(r"_\d{4}_\d{2}$")


@contextlib.contextmanager
def as_user(database, user):
    with contextlib.closing(database.connect(user)) as connection, connection.cursor() as cursor:
        yield cursor
        connection.rollback()


def relations(database):
    """name -> (kind, its columns)."""
    rows = database.rows(
        "SELECT relname, relkind::text, array_remove(array_agg(attname::text ORDER BY attnum), NULL) FROM pg_class c"
        " LEFT JOIN pg_attribute a ON attrelid = c.oid AND attnum > 0 AND NOT attisdropped AND relkind <> 'S'"
        " WHERE relnamespace = 'provd'::regnamespace AND relkind IN ('r', 'p', 'v', 'm', 'f', 'S') GROUP BY 1, 2"
    )
    return {name: (kind, columns) for name, kind, columns in rows}


def rights_on(database, user, name, kind, columns):
    """verb -> columns, or None for all of them; verbs that it has not are absent."""
    found = {}
    if kind == "S":
        for verb in ("USAGE", "SELECT", "UPDATE"):
            if database.value("SELECT has_sequence_privilege(%s, %s, %s)", user, f"provd.{name}", verb):
                found[verb] = None
        return found
    rows = database.rows(
        "SELECT verb, has_table_privilege(%s, %s, verb) FROM unnest(%s) AS verb", user, f"provd.{name}", list(VERBS)
    )
    for verb, whole in rows:
        some = [] if whole or verb not in BY_COLUMN else database.rows(
            "SELECT name FROM unnest(%s) WITH ORDINALITY AS c (name, n)"
            " WHERE has_column_privilege(%s, %s, name, %s) ORDER BY n", columns, user, f"provd.{name}", verb,
        )  # fmt: skip
        if whole or some:
            found[verb] = None if whole else [column for (column,) in some]
    return found


@pytest.fixture(scope="module")
def rights(database):
    """(user, relation) -> verb -> columns."""
    return {
        (user, name): rights_on(database, user, name, kind, columns)
        for user in USERS
        for name, (kind, columns) in relations(database).items()
    }


def functions(database, user):
    rows = database.rows(
        "SELECT oid::regprocedure::text FROM pg_proc WHERE pronamespace = 'provd'::regnamespace"
        " AND has_function_privilege(%s, oid, 'EXECUTE') ORDER BY 1",
        user,
    )
    return [name for (name,) in rows]


def table_of(database, rights):
    """What is the same for each month is said once, and what is nothing not at all."""
    lines = []
    for user, role in USERS.items():
        lines.append(f"{role}")
        told = collections.defaultdict(list)
        for name in sorted(relations(database)):
            text = ", ".join(
                verb + ("" if columns is None else f" ({', '.join(columns)})")
                for verb, columns in rights[user, name].items()
            )
            name = MONTH.sub("_MONTH", name)
            if text and name not in told[text]:
                told[text].append(name)
        lines += [f"    {name}: {text}" for text, names in told.items() for name in names]
        lines += [f"    {name}: EXECUTE" for name in functions(database, user)]
    return "\n".join(lines) + "\n"


def test_the_rights_of_each_role_are_those_that_were_reviewed(database, rights):
    found = table_of(database, rights)
    if os.environ.get("PROVD_TEST_WRITE_EXPECTED"):
        EXPECTED.write_text(found, encoding="utf-8")
    assert found == EXPECTED.read_text(encoding="utf-8")


# --- what the catalog says is what happens ----------------------------------------------------------------------------


def attempts(name, columns, generated):
    """(verb, column, statement) of everything that can be tried without changing a row."""
    for column in columns:
        if (name, column) in generated:
            continue  # nobody writes these
        quoted = f'"{column}"'
        yield "SELECT", column, f"SELECT {quoted} FROM provd.{name} WHERE false"
        yield "UPDATE", column, f"UPDATE provd.{name} SET {quoted} = DEFAULT WHERE false"
        yield "INSERT", column, f"INSERT INTO provd.{name} ({quoted}) SELECT NULL WHERE false"
    yield "DELETE", None, f"DELETE FROM provd.{name} WHERE false"


def is_refused(cursor, statement):
    """True: by a missing right. False: it was done, or would have been but for something else."""
    cursor.execute("SAVEPOINT before")
    try:
        cursor.execute(statement)
        return False
    except psycopg2.Error as error:
        return error.pgcode == errorcodes.INSUFFICIENT_PRIVILEGE
    finally:
        cursor.execute("ROLLBACK TO before")


@pytest.mark.parametrize("user", USERS)
def test_every_verb_on_every_column_is_refused_but_those_of_the_table(database, rights, user):
    tried = 0
    generated = database.rows("SELECT attrelid::regclass::text, attname FROM pg_attribute WHERE attgenerated <> '' OR attidentity <> ''")
    generated = {(name.removeprefix("provd."), column) for name, column in generated}
    with as_user(database, user) as cursor:
        for name, (kind, columns) in relations(database).items():
            if kind == "S":
                continue
            for verb, column, statement in attempts(name, columns, generated):
                if kind == "v" and verb != "SELECT":
                    continue  # a view that cannot be written says so before it looks at rights; see the next test
                granted = rights[user, name].get(verb, ())
                allowed = granted is None or column in granted
                assert is_refused(cursor, statement) != allowed, f"{user}: {statement}"
                tried += 1
    assert tried > 500


@pytest.mark.parametrize("user", USERS)
def test_nobody_writes_through_a_view(database, rights, user):
    views = [name for name, (kind, _) in relations(database).items() if kind == "v"]
    assert len(views) >= 8
    for name in views:
        assert set(rights[user, name]) <= {"SELECT"}


@pytest.mark.parametrize("user", USERS)
def test_sequences_are_drawn_from_by_the_worker_alone(database, user):
    sequences = [name for name, (kind, _) in relations(database).items() if kind == "S"]
    assert len(sequences) >= 2
    with as_user(database, user) as cursor:
        for name in sequences:
            drawn = not is_refused(cursor, f"SELECT nextval('provd.{name}')")
            assert drawn == (user == "provd" and name.endswith("_id_block")), name
            assert is_refused(cursor, f"SELECT setval('provd.{name}', 1)")


# --- what nobody may do -----------------------------------------------------------------------------------------------

MORE = [
    # another role
    *(f"SET ROLE {role}" for role in ("provd_owner", "postgres", "pg_read_all_data", "pg_write_all_data")),
    "SET SESSION AUTHORIZATION postgres",
    "ALTER ROLE CURRENT_USER SUPERUSER",
    "CREATE ROLE mine LOGIN",
    "GRANT provd_owner TO CURRENT_USER",
    "ALTER TABLE provd.account OWNER TO CURRENT_USER",
    "ALTER DEFAULT PRIVILEGES FOR ROLE provd_owner GRANT ALL ON TABLES TO PUBLIC",
    # the machine below
    "COPY (SELECT 1) TO PROGRAM 'true'",
    "COPY (SELECT 1) TO '/tmp/mine'",
    "COPY provd.change_log FROM PROGRAM 'true'",
    "COPY provd.change_log FROM '/etc/passwd'",
    "SELECT pg_read_file('/etc/passwd')",
    "SELECT pg_ls_dir('.')",
    "SELECT lo_import('/etc/passwd')",
    "SELECT lo_export(1, '/tmp/mine')",
    # the server
    "SELECT pg_reload_conf()",
    "SET session_replication_role = replica",
    "SELECT rolpassword FROM pg_authid",
    "SELECT * FROM pg_subscription",
    # objects
    "CREATE SCHEMA mine",
    "CREATE TABLE public.mine ()",
    "CREATE FUNCTION public.mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "CREATE FUNCTION provd.mine() RETURNS int LANGUAGE c AS 'libc', 'getpid'",
    "CREATE EXTENSION dblink",
    "CREATE EVENT TRIGGER mine ON ddl_command_start EXECUTE FUNCTION provd.mine()",
    "CREATE PUBLICATION mine FOR ALL TABLES",
    "CREATE RULE mine AS ON INSERT TO provd.change_log DO INSTEAD NOTHING",
    "CREATE TRIGGER mine BEFORE INSERT ON provd.change_log EXECUTE FUNCTION suppress_redundant_updates_trigger()",
    "CREATE INDEX mine ON provd.account (comment)",
    "ALTER TABLE provd.change_log DISABLE TRIGGER ALL",
    "ALTER TABLE provd.change_log DETACH PARTITION provd.change_log_default",
    "ALTER TABLE provd.account ENABLE ROW LEVEL SECURITY",
    "COMMENT ON TABLE provd.account IS 'mine'",
    "REINDEX TABLE provd.account",
    "LOCK TABLE provd.fence IN ACCESS EXCLUSIVE MODE",
    "DROP SCHEMA provd CASCADE",
]
OUTSIDE_TRANSACTIONS = ("ALTER SYSTEM SET log_statement = 'all'", "CREATE DATABASE mine", "VACUUM FULL provd.account")
# Whoever may change rows may lock the table.
LOCKS = {"LOCK TABLE provd.fence IN ACCESS EXCLUSIVE MODE": {"provd", "provctl"}}


@pytest.mark.parametrize("user", USERS)
def test_nobody_leaves_the_role_the_schema_or_the_database(database, user):
    with as_user(database, user) as cursor:
        done = [
            statement for statement in MORE
            if user not in LOCKS.get(statement, ()) and not is_refused(cursor, statement)
        ]  # fmt: skip
    assert done == []


@pytest.mark.parametrize("user", USERS)
def test_nobody_commands_the_server(database, user):
    with contextlib.closing(database.connect(user)) as connection, connection.cursor() as cursor:
        connection.autocommit = True
        for statement in OUTSIDE_TRANSACTIONS[:2]:
            with pytest.raises(psycopg2.errors.InsufficientPrivilege):
                cursor.execute(statement)
        connection.notices.clear()
        cursor.execute(OUTSIDE_TRANSACTIONS[2])
        assert "permission denied" in connection.notices[0] or "skipping" in connection.notices[0]


@pytest.mark.parametrize("user", USERS)
def test_nobody_ends_the_session_of_another(database, user):
    """A role may cancel its own sessions, and no others."""
    other = next(one for one in USERS if one != user)
    with as_user(database, other) as others, as_user(database, user) as cursor:
        others.execute("SELECT pg_backend_pid()")
        (pid,) = others.fetchone()
        assert is_refused(cursor, f"SELECT pg_terminate_backend({pid})")
        assert is_refused(cursor, f"SELECT pg_cancel_backend({pid})")


@pytest.mark.parametrize("role", [*USERS.values(), "provd_owner"])
def test_no_role_is_more_than_its_grants(database, role):
    (attributes,) = database.rows(
        "SELECT rolsuper, rolcreaterole, rolcreatedb, rolcanlogin, rolreplication, rolbypassrls FROM pg_roles"
        " WHERE rolname = %s",
        role,
    )
    assert not any(attributes)
    members = database.rows(
        "SELECT r.rolname FROM pg_auth_members m JOIN pg_roles r ON r.oid = m.roleid JOIN pg_roles u ON u.oid = m.member"
        " WHERE u.rolname = %s",
        role,
    )
    assert members == ([("provd_reader",)] if role == "provd_operator" else [])


def test_functions_with_their_owners_rights_cannot_be_misled(database):
    """Without a search path of its own such a function would call what its caller has put in front."""
    loose = database.rows(
        "SELECT oid::regprocedure::text FROM pg_proc WHERE pronamespace = 'provd'::regnamespace AND prosecdef"
        " AND NOT EXISTS (SELECT FROM unnest(proconfig) AS c WHERE c LIKE 'search_path=%%')"
    )
    assert loose == []
