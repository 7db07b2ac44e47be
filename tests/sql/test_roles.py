"""Least privilege: each role can do its work, and nothing else. A refusal is PostgreSQL's own."""
import contextlib
import io

import psycopg2
import pytest

WORKER, OPERATOR, READER, MTA, MDA = "provd", "provctl", "reader", "postfix", "dovecot"
USERS = (WORKER, OPERATOR, READER, MTA, MDA)
HASH = "{ARGON2ID}$argon2id$secret"
ACCOUNT = "6f1d9c1e-0000-4000-8000-000000000001"
EVENT = "01a19467-e800-7000-8000-000000000001"

# name: the table's columns in the order in which the worker copies them, and one row.
COPIED = {
    "account": (
        "uuid, account_id, address, domain, context, status, password, services, service_mode, "
        "version, revision, created_at, updated_at",
        f"{ACCOUNT}\t1\tann@one.test\tone.test\tmain\tACTIVE\t{HASH}\t7\tEAGER\t1\t1\tnow\tnow",
    ),
    "service_account": (
        "account_uuid, service, service_id, created_at",
        f"{ACCOUNT}\t1\t1\tnow",
    ),
    "recovery": (
        "account_uuid, question, answer, version, revision, updated_at",
        f"{ACCOUNT}\tpet\t{HASH}\t1\t1\tnow",
    ),
    "event_ledger": (
        "event_id, fence_id, kafka_offset, status, payload_hash, result, change_count, applied_at",
        f"{EVENT}\t1\t0\t0\t0123456789abcdef\tresult\t1\tnow",
    ),
    "record_outcome": (
        "fence_id, kafka_offset, status, recorded_at",
        "1\t1\t100\tnow",
    ),
    "change_log": (
        "fence_id, seq, changed_at, object_type, frame, body, hash",
        "1\t1\tnow\taccount\tframe\tbody\t" + "x" * 32,
    ),
}


@pytest.fixture(scope="module")
def filled(database):
    """A batch as the worker stores it, by the worker's own role."""
    with contextlib.closing(database.connect(WORKER)) as connection, connection:
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO provd.context (name, version, revision, created_at, updated_at)"
                " VALUES ('main', 1, 1, now(), now());"
                "INSERT INTO provd.domain (name, context, status, version, revision, created_at,"
                " updated_at) VALUES ('one.test', 'main', 'ACTIVE', 1, 1, now(), now());"
                "INSERT INTO provd.fence (cluster_id, topic, partition, group_id, next_offset,"
                " updated_at) VALUES ('c', 't', 0, 'g', 0, now())"
            )
            for table, (columns, row) in COPIED.items():
                copy = f"COPY provd.{table} ({columns}) FROM STDIN"
                cursor.copy_expert(copy, io.StringIO(row + "\n"))
    return database


@contextlib.contextmanager
def as_user(database, user):
    """A cursor whose work is undone at the end."""
    with contextlib.closing(database.connect(user)) as connection, connection.cursor() as cursor:
        yield cursor
        connection.rollback()


def refused(database, user, *statements):
    with as_user(database, user) as cursor:
        for statement in statements:
            with pytest.raises(psycopg2.errors.InsufficientPrivilege):
                cursor.execute(statement)
            cursor.connection.rollback()


def relations(database):
    """All tables and views of the schema, partitions too."""
    found = database.rows(
        "SELECT relname FROM pg_class WHERE relnamespace = 'provd'::regnamespace"
        " AND relkind IN ('r', 'p', 'v')"
    )
    return [name for (name,) in found]


# --- the worker -----------------------------------------------------------------------------------

WORKER_STATEMENTS = [
    "SELECT provd.schema_version()",
    "SELECT * FROM provd.fence WHERE fence_id = 1 FOR UPDATE",
    "UPDATE provd.fence SET next_offset = 2, owner_epoch = owner_epoch + 1, permission = NULL",
    "SELECT * FROM provd.domain WHERE name = 'one.test' FOR KEY SHARE",
    "SELECT * FROM provd.context WHERE name = 'main' FOR UPDATE",
    "SELECT * FROM provd.account WHERE address = 'ann@one.test' FOR NO KEY UPDATE",
    "SELECT nextval('provd.account_id_block'), nextval('provd.service_id_block')",
    "UPDATE provd.account SET password = 'x', revision = revision + 1 WHERE revision = 1",
    "DELETE FROM provd.service_account",
    "DELETE FROM provd.recovery",
    "DELETE FROM provd.account",
    "INSERT INTO provd.mail_group VALUES ('main', 'staff', 1, 1, 1, now(), now())",
    "INSERT INTO provd.group_member VALUES ('main', 1, gen_random_uuid(), false, now())",
    "UPDATE provd.group_member SET is_own = true",
    "DELETE FROM provd.group_member",
    "INSERT INTO provd.role_grant (account_uuid, role, scope_type, scope, granted_at)"
    " VALUES (gen_random_uuid(), 'GROUP_ADMIN', 'GROUP', 'staff', now())",
    "SELECT result FROM provd.event_ledger WHERE event_id = ANY (ARRAY[gen_random_uuid()])",
    "SELECT * FROM provd.record_outcome WHERE fence_id = 1",
    "SELECT body, hash FROM provd.change_log WHERE fence_id = 1 ORDER BY seq",
]


def test_worker_can_do_all_that_a_batch_needs(filled):
    with as_user(filled, WORKER) as cursor:
        for statement in WORKER_STATEMENTS:
            cursor.execute(statement)


@pytest.mark.parametrize("user", USERS)
def test_nobody_changes_or_deletes_what_is_written(filled, user):
    for table in ("event_ledger", "change_log", "record_outcome"):
        column = COPIED[table][0].split(",", maxsplit=1)[0]
        refused(
            filled,
            user,
            f"UPDATE provd.{table} SET {column} = {column}",
            f"DELETE FROM provd.{table}",
            f"TRUNCATE provd.{table}",
        )


def test_nobody_goes_around_by_the_partitions(filled):
    """Rights on the parent do not give rights on its parts."""
    prefixes = ("event_ledger_", "change_log_")
    parts = [name for name in relations(filled) if name.startswith(prefixes)]
    assert len(parts) >= 5
    for user in USERS:
        for statement in ("SELECT FROM", "DELETE FROM", "DROP TABLE"):
            refused(filled, user, *(f"{statement} provd.{part}" for part in parts))


SCHEMA_CHANGES = [
    "CREATE TABLE provd.mine ()",
    "ALTER TABLE provd.account ADD COLUMN mine int",
    "DROP TABLE provd.recovery",
    "CREATE OR REPLACE FUNCTION provd.home_dir(uuid uuid) RETURNS text LANGUAGE sql AS ''",
    "SET ROLE provd_owner",
    "SELECT provd.drop_partitions('2030-01-01', false)",
    "SELECT provd.make_partition('event_ledger', '2030-01-01')",
    "TRUNCATE provd.account",
]


@pytest.mark.parametrize("user", USERS)
def test_nobody_but_the_owner_changes_the_schema(filled, user):
    refused(filled, user, *SCHEMA_CHANGES)


# --- the operator ---------------------------------------------------------------------------------


def test_operator_gives_a_permission_and_records_it(filled):
    with as_user(filled, OPERATOR) as cursor:
        cursor.execute(
            "UPDATE provd.fence SET permission = 'accept', permission_reason = 'moved', "
            "permission_by = 'ann', updated_at = now() WHERE topic = 't'"
        )
        assert cursor.rowcount == 1
        columns, row = COPIED["change_log"]
        copy = f"COPY provd.change_log ({columns}) FROM STDIN"
        cursor.copy_expert(copy, io.StringIO(row.replace("1\t1\t", "1\t2\t", 1) + "\n"))


def test_operator_makes_a_fence_and_partitions(filled):
    with as_user(filled, OPERATOR) as cursor:
        cursor.execute(
            "INSERT INTO provd.fence (cluster_id, topic, partition, group_id, next_offset, "
            "permission, updated_at) VALUES ('c', 't', 1, 'g', 0, 'adopt', now())"
        )
        cursor.execute("SELECT count(*) FROM provd.make_partitions(7)")
        assert cursor.fetchone()[0] > 0


def test_operator_cannot_move_a_fence(filled):
    for column in ("next_offset", "owner_epoch", "published_upto", "chain_seq", "chain_head"):
        refused(filled, OPERATOR, f"UPDATE provd.fence SET {column} = {column}")
    refused(filled, OPERATOR, "DELETE FROM provd.fence")


def test_a_permission_is_one_of_two_words(filled):
    with as_user(filled, OPERATOR) as cursor, pytest.raises(psycopg2.errors.CheckViolation):
        cursor.execute("UPDATE provd.fence SET permission = 'whatever'")


# --- secrets --------------------------------------------------------------------------------------

SECRETS = [
    "SELECT password FROM provd.account",
    "SELECT * FROM provd.account",
    "SELECT a FROM provd.account a",
    "SELECT answer FROM provd.recovery",
    "SELECT to_json(r) FROM provd.recovery r",
    "SELECT password FROM provd.dovecot_passdb",
    "SELECT password FROM provd.atmail_accounts",
    "SELECT password FROM provd.mail_account",
    "SELECT address FROM provd.account ORDER BY password",
]


@pytest.mark.parametrize("user", [OPERATOR, READER, MTA])
def test_hashes_are_shown_to_nobody_who_does_not_check_them(filled, user):
    refused(filled, user, *SECRETS)


def test_what_the_reader_can_see_holds_no_hash(filled):
    """Reads every column of everything that the reader may read at all."""
    readable = filled.rows(
        "SELECT attrelid::regclass::text, string_agg(quote_ident(attname), ', ' ORDER BY attnum)"
        " FROM pg_attribute JOIN pg_class c ON c.oid = attrelid"
        " WHERE relnamespace = 'provd'::regnamespace AND relkind IN ('r', 'p', 'v') AND attnum > 0"
        " AND NOT attisdropped AND has_column_privilege('reader', attrelid, attnum, 'SELECT')"
        " GROUP BY 1"
    )
    assert len(readable) >= 20
    with as_user(filled, READER) as cursor:
        for relation, columns in readable:
            cursor.execute(f"SELECT {columns} FROM {relation}")
            assert HASH not in repr(cursor.fetchall()), relation
    names = {relation for relation, _ in readable}
    assert names >= {"provd.account", "provd.event_ledger", "provd.dovecot_passdb"}


@pytest.mark.parametrize("user", [READER, MTA, MDA])
def test_who_only_reads_cannot_write(filled, user):
    may_write = filled.rows(
        "SELECT oid::regclass::text FROM pg_class, (SELECT %s::name AS name) AS who"
        " WHERE relnamespace = 'provd'::regnamespace AND relkind IN ('r', 'p', 'v', 'S')"
        " AND CASE relkind WHEN 'S' THEN has_sequence_privilege(name, oid, 'USAGE, UPDATE')"
        " ELSE has_any_column_privilege(name, oid, 'INSERT, UPDATE')"
        " OR has_table_privilege(name, oid, 'DELETE, TRUNCATE, TRIGGER') END",
        user,
    )
    assert may_write == []
    refused(filled, user, "UPDATE provd.domain SET status = 'CLOSED'")


# --- mail servers ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("user", "prefix"), [(MTA, "postfix_"), (MDA, "dovecot_")])
def test_mail_server_reads_its_own_views_only(filled, user, prefix):
    names = relations(filled)
    own = [name for name in names if name.startswith(prefix)]
    assert len(own) >= 2
    with as_user(filled, user) as cursor:
        for name in own:
            cursor.execute(f"SELECT * FROM provd.{name}")
    others = sorted(set(names) - set(own))
    refused(filled, user, *(f"SELECT FROM provd.{name}" for name in others))


def test_mta_does_not_read_passwords_and_mda_does(filled):
    refused(filled, MTA, "SELECT * FROM provd.dovecot_passdb")
    with as_user(filled, MDA) as cursor:
        cursor.execute("SELECT password FROM provd.dovecot_passdb WHERE \"user\" = 'ann@one.test'")
        assert cursor.fetchone() == (HASH,)
