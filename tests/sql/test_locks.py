"""What the statements of worker/sql hold against others while their transaction is open, and what they never overwrite.

Two sessions of the worker's role: what the first one has locked, the second one does not get.
"""
import contextlib
import re

import psycopg2
import pytest

from support.database import fresh_database
from support.stack import ROOT

WORKER = "provd"
SQL = ROOT / "worker" / "sql"
ALICE, BOB = "00000000-0000-7000-8000-00000000000a", "00000000-0000-7000-8000-00000000000b"
HASH = "decode(repeat('11', 32), 'hex')"

SEED = f"""
INSERT INTO provd.context (name, version, revision, created_at, updated_at) VALUES ('acme', 1, 1, now(), now());
INSERT INTO provd.mail_group (context, name, number, version, revision, created_at, updated_at)
    VALUES ('acme', 'staff', 1, 1, 1, now(), now());
INSERT INTO provd.domain (name, context, status, max_accounts, version, revision, created_at, updated_at)
    VALUES ('example.org', 'acme', 'ACTIVE', 100, 1, 1, now(), now());
INSERT INTO provd.account (uuid, account_id, address, domain, context, status, services, service_mode, version, revision,
        created_at, updated_at)
    VALUES ('{ALICE}', 1, 'alice@example.org', 'example.org', 'acme', 'ACTIVE', 7, 'EAGER', 1, 1, now(), now()),
           ('{BOB}', 2, 'bob@example.org', 'example.org', 'acme', 'ACTIVE', 7, 'EAGER', 1, 1, now(), now());
INSERT INTO provd.recovery (account_uuid, question, answer, version, revision, updated_at)
    SELECT uuid, 'pet', 'hash', 1, 1, now() FROM provd.account;
INSERT INTO provd.fence (cluster_id, topic, partition, group_id, next_offset, published_upto, chain_seq, updated_at)
    SELECT 'cluster', 'events', n, 'group', 10, 5, 7, now() FROM generate_series(0, 1) n;
"""

# What each statement is called with, and what of the other session it must keep waiting, or not.
FENCE_1, FENCE_2 = "UPDATE provd.fence SET owner_epoch = 9 WHERE partition = 0", "UPDATE provd.fence SET owner_epoch = 9 WHERE partition = 1"  # fmt: skip
KEEPS_WAITING = {
    "lock_fences": ("'{1}'", FENCE_1),
    "load_fence": ("'cluster', 'events', 0", FENCE_1),
    "load_contexts": ("'{acme}'", "DELETE FROM provd.context WHERE name = 'acme'"),
    "load_contexts_locked": ("'{acme}'", "SELECT FROM provd.context WHERE name = 'acme' FOR KEY SHARE"),
    "load_domains": ("'{example.org}'", "DELETE FROM provd.domain WHERE name = 'example.org'"),
    "load_domains_limited": ("'{example.org}'", "UPDATE provd.domain SET used_accounts = 1 WHERE name = 'example.org'"),
    "load_domains_locked": ("'{example.org}'", "SELECT FROM provd.domain WHERE name = 'example.org' FOR KEY SHARE"),
    "load_groups": ("'{acme}', '{staff}'", "UPDATE provd.mail_group SET name = 'crew' WHERE name = 'staff'"),
    "load_groups_numbered": ("'{acme}', '{1}'", "DELETE FROM provd.mail_group WHERE name = 'staff'"),
    "hold_accounts": (f"'{{{ALICE}}}'", "DELETE FROM provd.account WHERE account_id = 1"),
    "load_accounts_locked": ("'{alice@example.org}', '{}', '{}'", "UPDATE provd.account SET flags = 1 WHERE account_id = 1"),
    "fanout_accounts": ("'example.org'", "UPDATE provd.account SET flags = 1 WHERE account_id = 2"),
}
LETS_PASS = {
    "lock_fences": FENCE_2,
    "load_contexts": "SELECT FROM provd.context WHERE name = 'acme' FOR KEY SHARE",
    "load_domains": "SELECT FROM provd.domain WHERE name = 'example.org' FOR KEY SHARE",
    "load_domains_limited": "SELECT FROM provd.domain WHERE name = 'example.org' FOR KEY SHARE",
    "load_groups": "UPDATE provd.mail_group SET version = version + 1 WHERE name = 'staff'",
    "hold_accounts": "UPDATE provd.account SET flags = 1 WHERE account_id = 1",
    "load_accounts_locked": "UPDATE provd.account SET flags = 1 WHERE account_id = 2",
}
# Writes of rows that are at another revision by now: a table, and the values of its keys.
GUARDED_WRITES = {
    "update_accounts": ("account", "uuid"),
    "update_contexts": ("context", "name"),
    "update_domains": ("domain", "name"),
    "update_groups": ("mail_group", "number"),
    "delete_accounts": ("account", "uuid"),
    "delete_contexts": ("context", "name"),
    "delete_domains": ("domain", "name"),
    "delete_recoveries": ("recovery", "account_uuid"),
}


@pytest.fixture(scope="module")
def database(stack):
    with fresh_database(stack.database_url, "locks") as fresh:
        fresh.rows(SEED)
        yield fresh


@pytest.fixture
def sessions(database):
    """Two cursors in transactions of their own, which are rolled back."""
    with contextlib.ExitStack() as closing:
        cursors = []
        for _ in range(2):
            connection = closing.enter_context(contextlib.closing(database.connect(WORKER)))
            cursors.append(connection.cursor())
            cursors[-1].execute("SET lock_timeout = '100ms'")
        yield cursors


def text_of(name):
    return (SQL / f"{name}.sql").read_text(encoding="utf-8")


def run(session, name, arguments):
    """Runs a statement of the worker; returns its rows, or how many it wrote."""
    session.execute(f"PREPARE {name} AS {text_of(name)}")
    session.execute(f"EXECUTE {name} ({arguments})")
    return session.fetchall() if session.description else session.rowcount


@pytest.mark.parametrize("name", KEEPS_WAITING)
def test_what_is_relied_on_cannot_change_before_the_commit(sessions, name):
    ours, other = sessions
    arguments, write = KEEPS_WAITING[name]
    assert run(ours, name, arguments), "the row is there"
    with pytest.raises(psycopg2.errors.LockNotAvailable):
        other.execute(write)


@pytest.mark.parametrize("name", LETS_PASS)
def test_what_does_not_disturb_is_not_kept_waiting(sessions, name):
    ours, other = sessions
    assert run(ours, name, KEEPS_WAITING[name][0])
    other.execute(LETS_PASS[name])


def columns_of(name):
    """The columns that a write takes as arrays."""
    found = re.search(r"AS u \(([^()]*)\)\nWHERE", text_of(name), re.DOTALL)
    return re.split(r",\s*", found.group(1).strip())


@pytest.mark.parametrize("name", GUARDED_WRITES)
def test_a_row_at_another_revision_is_not_overwritten(sessions, name):
    """Another worker was faster: nothing is written, and the count of rows says so."""
    session = sessions[0]
    table, key = GUARDED_WRITES[name]
    columns = ["revision - 1" if column == "revision" else column for column in columns_of(name)]
    session.execute(f"SELECT count(*), {', '.join(f'array_agg({c} ORDER BY {key})' for c in columns)} FROM provd.{table}")
    count, *arrays = session.fetchone()
    session.execute(f"PREPARE {name} AS {text_of(name)}")
    session.execute(f"SELECT parameter_types::text[] FROM pg_prepared_statements WHERE name = '{name}'")
    types = session.fetchone()[0]
    session.execute(f"EXECUTE {name} (" + ", ".join(f"%s::{kind}" for kind in types) + ")", arrays)
    assert count > 0 and session.rowcount == 0


def fence_ids(session):
    session.execute("SELECT fence_id FROM provd.fence ORDER BY partition")
    return [row[0] for row in session.fetchall()]


def test_a_fence_never_goes_back(sessions):
    session = sessions[0]
    fence = fence_ids(session)[0]
    run(session, "advance_fences", f"'{{{fence}}}', '{{4}}', '{{2}}', '{{8}}', ARRAY[{HASH}], now()")
    session.execute("SELECT next_offset, published_upto, chain_seq FROM provd.fence WHERE fence_id = %s", (fence,))
    assert session.fetchone() == (10, 5, 8)


def test_what_was_published_is_noted_by_the_owner_only(sessions):
    session = sessions[0]
    fence = fence_ids(session)[0]
    assert run(session, "note_published", f"'{{{fence}}}', '{{99}}', '{{9}}'") == 0, "the epoch of somebody else"


def test_a_new_owner_has_a_new_epoch(sessions):
    session = sessions[0]
    fence = fence_ids(session)[0]
    arguments = f"{fence}, 'group', 10, 5, false, now(), 7, {HASH}, 0"
    ((first,),) = run(session, "own_fence", arguments)
    session.execute(f"EXECUTE own_fence ({arguments})")
    assert session.fetchone()[0] == first + 1


def test_a_permission_is_used_once(sessions):
    session = sessions[0]
    fence = fence_ids(session)[0]
    session.execute("RESET ROLE")
    arguments = f"{fence}, 'group', 10, 5, %s, now(), 7, {HASH}, 0"
    give = "UPDATE provd.fence SET permission = 'accept', permission_reason = 'r', permission_by = 'me' WHERE fence_id = %s"
    look = "SELECT permission, permission_reason, permission_by FROM provd.fence WHERE fence_id = %s"
    session.execute(give, (fence,))
    run(session, "own_fence", arguments % "false")
    session.execute(look, (fence,))
    assert session.fetchone() == ("accept", "r", "me"), "not needed: it stays"
    session.execute(f"EXECUTE own_fence ({arguments % 'true'})")
    session.execute(look, (fence,))
    assert session.fetchone() == (None, None, None)


def test_the_fence_of_another_cluster_is_another_fence(sessions):
    """The same topic on a second cluster, e.g. of a copy for tests that points to the wrong database."""
    session = sessions[0]
    assert run(session, "load_fence", "'elsewhere', 'events', 0") == []
    assert run(session, "fence_permissions", "'elsewhere', 'events', '{0}'") == [(0,)]
    assert run(session, "insert_fence", "'elsewhere', 'events', 0, 'group', 0, now()") == 1


def test_two_live_accounts_cannot_have_one_address(sessions):
    session = sessions[0]
    again = (
        "INSERT INTO provd.account (uuid, account_id, address, tombstone, deleted_at, domain, context, status, services,"
        " service_mode, version, revision, created_at, updated_at)"
        " VALUES (gen_random_uuid(), %s, 'alice@example.org', %s, %s, 'example.org', 'acme', 'ACTIVE', 7, 'EAGER', 1, 1, now(), now())"
    )
    session.execute(again, (3, 3, "2026-01-01"))
    session.execute(again, (4, 4, "2026-01-02"))  # any number of deleted ones may have had it
    with pytest.raises(psycopg2.errors.UniqueViolation):
        session.execute(again, (5, 0, None))
