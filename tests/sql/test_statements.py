"""Every statement of worker/sql as the worker runs it: prepared by its role in its session, run twice, by index.

Plans are made as in the worker: generic, with the settings that worker/wire/postgres_session.c gives the session.
"""
import contextlib
import dataclasses
import re

import pytest

from support.database import fresh_database
from support.stack import ROOT

WORKER = "provd"
SQL = ROOT / "worker" / "sql"
STATEMENTS = {path.stem: path.read_text(encoding="utf-8") for path in sorted(SQL.glob("*.sql"))}
SESSION = ROOT / "worker" / "wire" / "postgres_session.c"
SESSION_TIMEOUT_MS = 30000

ACCOUNTS, DOMAINS, FENCES, RECORDS = 20000, 200, 1000, 20000
# Large tables, or tables that may grow large: never read as a whole.
GUARDED = ("account", "service_account", "recovery", "domain", "context", "mail_group", "group_member", "fence",
           "event_ledger", "record_outcome", "change_log")  # fmt: skip

SEED = f"""
INSERT INTO provd.context (name, version, revision, created_at, updated_at)
    SELECT 'c' || n, 1, 1, now(), now() FROM generate_series(1, 50) n;
INSERT INTO provd.mail_group (context, name, number, version, revision, created_at, updated_at)
    SELECT 'c' || n, 'g' || m, m, 1, 1, now(), now() FROM generate_series(1, 50) n, generate_series(1, 20) m;
INSERT INTO provd.domain (name, context, status, max_accounts, version, revision, created_at, updated_at)
    SELECT 'd' || n || '.test', 'c' || n % 50 + 1, 'ACTIVE', nullif(n % 2, 0) * 1000, 1, 1, now(), now()
    FROM generate_series(1, {DOMAINS}) n;
INSERT INTO provd.account (uuid, account_id, address, domain, context, status, password, services, service_mode,
        quota_bytes, version, revision, created_at, updated_at)
    SELECT md5('a' || n)::uuid, n, 'u' || n || '@' || d.name, d.name, d.context, 'ACTIVE', 'hash' || n, 7, 'EAGER',
        1000, 1, 1, now(), now()
    FROM generate_series(1, {ACCOUNTS}) n JOIN provd.domain d ON d.name = 'd' || n % {DOMAINS} + 1 || '.test';
INSERT INTO provd.group_member (context, number, account_uuid, is_own, created_at)
    SELECT context, account_id % 10 + 1, uuid, true, now() FROM provd.account
    UNION ALL
    SELECT context, account_id % 10 + 11, uuid, false, now() FROM provd.account;
INSERT INTO provd.service_account (account_uuid, service, service_id, created_at)
    SELECT a.uuid, s.service, a.account_id * 4 + s.service, now()
    FROM provd.account a, unnest('{{1,2,4}}'::int2[]) s (service);
INSERT INTO provd.recovery (account_uuid, question, answer, version, revision, updated_at)
    SELECT uuid, 'pet', 'hash', 1, 1, now() FROM provd.account;
INSERT INTO provd.fence (cluster_id, topic, partition, group_id, next_offset, published_upto, updated_at)
    SELECT 'cluster', 'events', n, 'group', 10, 5, now() FROM generate_series(1, {FENCES}) n;
INSERT INTO provd.event_ledger (event_id, fence_id, kafka_offset, status, payload_hash, result, change_count, applied_at)
    SELECT md5('e' || n)::uuid, n % {FENCES} + 1, n, 0, decode(md5('h' || n), 'hex'), 'result', 0, now()
    FROM generate_series(1, {RECORDS}) n;
INSERT INTO provd.record_outcome (fence_id, kafka_offset, status, recorded_at)
    SELECT n % {FENCES} + 1, n, 100, now() FROM generate_series(1, {RECORDS}) n;
INSERT INTO provd.change_log (fence_id, seq, changed_at, object_type, frame, body, hash)
    SELECT n % {FENCES} + 1, n / {FENCES} + 1, now(), 'account', 'f', 'body', sha256('body')
    FROM generate_series(1, {RECORDS}) n;
ANALYZE;
"""


# --- what each statement is asked -------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Case:
    """How a statement is called and what is expected. `again`: what the second run does: the "same" answer, "nothing"
    (a write that finds nothing left to do), "settled" (a write that leaves the table as it is), "more" (goes on)."""

    arguments: tuple
    rows: int
    again: str
    indexes: frozenset = frozenset()
    table: str = ""  # that is written


def uuids(*numbers):
    return "ARRAY[" + ", ".join(f"md5('a{n}')::uuid" for n in numbers) + "]"


def addresses(*numbers):
    return "ARRAY[" + ", ".join(f"'u{n}@d{n % DOMAINS + 1}.test'" for n in numbers) + "]"


def case(rows, again, indexes, *arguments, table=""):
    return Case(arguments, rows, again, frozenset(indexes.split()), table)


def members(*numbers):
    """Of the own groups of accounts: context, group, account."""
    of_each = f"FROM provd.group_member WHERE is_own AND account_uuid = ANY ({uuids(*numbers)})"
    return tuple(f"(SELECT array_agg({column} ORDER BY account_uuid) {of_each})"
                 for column in ("context", "number", "account_uuid"))  # fmt: skip


def load(rows, indexes, *arguments):
    return case(rows, "same", indexes, *arguments)


def names(table, key, wanted):
    """The columns that an update takes, as arrays, with what is in the rows now."""
    columns = re.search(r"\) AS u \((.*?)\)\nWHERE", STATEMENTS[f"update_{table}s"], re.DOTALL).group(1)
    return tuple(
        f"(SELECT array_agg({column} ORDER BY {key}) FROM provd.{table} WHERE {key} = ANY ({wanted}))"
        for column in re.split(r",\s*", columns.strip())
    )


NOW, OFFSETS = "now()", "ARRAY[11, 12]"
ZEROS = "ARRAY[decode(repeat('00', 32), 'hex'), decode(repeat('00', 32), 'hex')]"
BY_ADDRESS, BY_UUID, BY_NAME = "account_address_tombstone", "account_pkey", "domain_pkey"
BY_ALL = f"{BY_ADDRESS} {BY_UUID} account_account_id"

CASES = {
    "advance_fences": case(2, "settled", "fence_pkey", "ARRAY[1, 2]", OFFSETS, OFFSETS, "ARRAY[0, 0]", ZEROS, NOW,
                           table="fence"),
    "delete_accounts": case(2, "nothing", BY_UUID, uuids(1, 2), "ARRAY[1, 1]", table="account"),
    "delete_context_groups": case(20, "nothing", "mail_group_name group_member_pkey", "ARRAY['c7']",
                                  table="mail_group"),
    "delete_contexts": case(1, "nothing", "context_pkey", "ARRAY['spare']", "ARRAY[1]", table="context"),
    "delete_domains": case(1, "nothing", BY_NAME, "ARRAY['d1.test']", "ARRAY[1]", table="domain"),
    "delete_group_members": case(2, "nothing", "group_member_pkey", *members(1, 2), table="group_member"),
    "delete_memberships": case(4, "nothing", "group_member_account", uuids(1, 2), table="group_member"),
    "delete_recoveries": case(2, "nothing", "recovery_pkey", uuids(1, 2), "ARRAY[1, 1]", table="recovery"),
    "delete_services": case(2, "nothing", "service_account_pkey", uuids(1, 2), "ARRAY[1, 4]",
                            table="service_account"),
    "draw_account_ids": case(3, "more", "", "3"),
    "draw_service_ids": case(3, "more", "", "3"),
    "fanout_accounts": load(ACCOUNTS // DOMAINS, "account_domain_live", "'d7.test'"),
    "fanout_delete": case(ACCOUNTS // DOMAINS, "nothing", "account_domain_live", "'d7.test'", NOW, "1000",
                          table="account"),
    "fanout_flags": case(ACCOUNTS // DOMAINS, "nothing", "account_domain_live", "'d7.test'", NOW, "-2", "4",
                         table="account"),
    "fanout_quota": case(ACCOUNTS // DOMAINS, "nothing", "account_domain_live", "'d7.test'", NOW, "5000", "NULL",
                         table="account"),
    "fence_permissions": load(1, "fence_partition", "'cluster'", "'events'", "ARRAY[7, 8]"),
    "hold_accounts": load(2, BY_UUID, uuids(1, 2, 99999)),
    "insert_fence": case(1, "nothing", "", "'cluster'", "'events'", "9999", "'group'", "0", NOW, table="fence"),
    "load_accounts": load(4, BY_ALL, addresses(1, 2), uuids(3), "ARRAY[4, 99999]"),
    "load_accounts_locked": load(4, BY_ALL, addresses(1, 2), uuids(3), "ARRAY[4, 99999]"),
    "load_contexts": load(2, "context_pkey", "ARRAY['c1', 'c2', 'none']"),
    "load_contexts_locked": load(2, "context_pkey", "ARRAY['c1', 'c2', 'none']"),
    "load_domain_usage": load(2, "account_domain_live", "ARRAY['d1.test', 'd2.test', 'none']"),
    "load_domains": load(2, BY_NAME, "ARRAY['d1.test', 'd2.test', 'none']"),
    "load_domains_limited": load(2, BY_NAME, "ARRAY['d1.test', 'd2.test', 'none']"),
    "load_domains_locked": load(2, BY_NAME, "ARRAY['d1.test', 'd2.test', 'none']"),
    "load_fence": load(1, "fence_partition", "'cluster'", "'events'", "7"),
    "load_group_members": load(100, f"group_member_pkey {BY_UUID}", "ARRAY['c2', 'c2', 'c9']", "ARRAY[1, 11, 77]", "50"),
    "load_groups": load(1, "mail_group_name", "ARRAY['c1', 'c1']", "ARRAY['g1', 'none']"),
    "load_groups_numbered": load(1, "mail_group_pkey", "ARRAY['c1', 'c1']", "ARRAY[1, 77]"),
    "load_memberships": load(4, f"group_member_account {BY_UUID}", uuids(1, 2, 99999)),
    "load_passwords": load(2, f"{BY_ADDRESS} {BY_UUID}", "ARRAY['c2', 'c3', 'c9']",
                           "ARRAY['u200@d1.test', NULL, 'u1@d2.test']",
                           "ARRAY[NULL, md5('a1')::uuid, NULL]"),
    "load_recoveries": load(2, "recovery_pkey", uuids(1, 2)),
    "load_services": load(6, "service_account_pkey", uuids(1, 2)),
    "lock_fences": load(2, "fence_pkey", "ARRAY[1, 2]"),
    "note_published": case(1, "settled", "fence_pkey", "ARRAY[1, 2]", "ARRAY[0, 99]", OFFSETS, table="fence"),
    "own_fence": case(1, "more", "fence_pkey", "1", "'group'", "10", "5", "false", NOW, "0",
                      "decode(repeat('00', 32), 'hex')", "20"),
    "recall_changes": load(3, "change_log_pkey", "ARRAY[1, 2]", "ARRAY[2, 3]", "ARRAY[3, 3]"),
    "recall_events": load(2, "event_ledger_pkey fence_pkey", "ARRAY[md5('e1')::uuid, md5('e2')::uuid]",
                          "'00000000-0000-0000-0000-000000000000'", "'ffffffff-ffff-ffff-ffff-ffffffffffff'"),
    "recall_records": load(2, "record_outcome_pkey", "ARRAY[2, 3]", "ARRAY[1, 2]", "ARRAY[1, 2]"),
    "schema_version": load(1, ""),
    "update_accounts": case(2, "nothing", BY_UUID, *names("account", "uuid", uuids(1, 2)), table="account"),
    "update_contexts": case(2, "nothing", "context_pkey", *names("context", "name", "'{c1,c2}'"), table="context"),
    "update_domains": case(2, "nothing", BY_NAME, *names("domain", "name", "'{d1.test,d2.test}'"), table="domain"),
    "update_group_members": case(2, "settled", "group_member_pkey", *members(1, 2), "ARRAY[true, true]",
                                 table="group_member"),
    "update_groups": case(2, "nothing", "mail_group_pkey", "ARRAY['c1', 'c1']", "ARRAY[1, 2]", "ARRAY['x', 'g2']",
                          "ARRAY[2, 2]", "ARRAY[1, 1]", "ARRAY[now(), now()]", table="mail_group"),
}  # fmt: skip


# --- a session like the worker's --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def database(stack):
    with fresh_database(stack.database_url, "statements") as fresh:
        fresh.rows(SEED)
        fresh.rows("INSERT INTO provd.context (name, version, revision, created_at, updated_at)"
                   " VALUES ('spare', 1, 1, now(), now())")  # fmt: skip
        yield fresh


def session_settings():
    """The SET commands of the source, so that this test cannot fall behind them."""
    source = SESSION.read_text(encoding="utf-8")
    text = re.search(r'session_sql\[\] =\s*((?:"[^"]*"\s*)+);', source).group(1)
    return "".join(re.findall(r'"([^"]*)"', text)).replace("%lld", str(SESSION_TIMEOUT_MS))


@pytest.fixture
def session(database):
    """A cursor of the worker's role in a transaction that is rolled back."""
    with contextlib.closing(database.connect(WORKER)) as connection, connection.cursor() as cursor:
        cursor.execute(session_settings())
        yield cursor
        connection.rollback()


def prepare(session, name):
    session.execute(f"PREPARE {name} AS {STATEMENTS[name]}")


def call(session, name):
    """Values are computed first: EXECUTE takes no subqueries."""
    case_of = CASES[name]
    if not case_of.arguments:
        return f"EXECUTE {name}"
    session.execute(f"SELECT parameter_types::text[] FROM pg_prepared_statements WHERE name = '{name}'")
    types = session.fetchone()[0]
    assert len(types) == len(case_of.arguments), f"{name} has {len(types)} parameters"
    values = ", ".join(f"({value})::{kind}::text" for value, kind in zip(case_of.arguments, types))
    session.execute(f"SELECT {values}")
    texts = session.fetchone()
    return session.mogrify(
        f"EXECUTE {name} (" + ", ".join(f"%s::{kind}" for kind in types) + ")", texts
    ).decode()  # fmt: skip


def run(session, command):
    """Rows, or how many rows were written."""
    session.execute(command)
    return session.fetchall() if session.description else session.rowcount


def table_of(session, name):
    session.execute(f"SELECT * FROM provd.{CASES[name].table} t ORDER BY t")
    return session.fetchall()


# --- tests ------------------------------------------------------------------------------------------------------------


def test_every_statement_has_a_case():
    assert set(CASES) == set(STATEMENTS)


@pytest.mark.parametrize("name", STATEMENTS)
def test_the_worker_may_run_it_and_the_second_time_is_harmless(session, name):
    prepare(session, name)
    command, expected = call(session, name), CASES[name]
    first = run(session, command)
    assert (len(first) if isinstance(first, list) else first) == expected.rows
    between = table_of(session, name) if expected.table else None
    second = run(session, command)
    if expected.again == "same":
        assert second == first
    elif expected.again == "more":
        assert not set(second) & set(first), "a number is given away twice"
    elif expected.again == "nothing":
        assert second == 0
    if expected.table:
        assert table_of(session, name) == between, "the second run changed something"


@pytest.mark.parametrize("name", STATEMENTS)
def test_it_goes_by_index(session, name):
    prepare(session, name)
    session.execute(f"EXPLAIN (FORMAT JSON) {call(session, name)}")
    nodes = list(flat(session.fetchone()[0][0]["Plan"]))
    whole = [node for node in nodes if node["Node Type"] == "Seq Scan" and is_guarded(node["Relation Name"])]
    assert not whole, f"reads all of {whole[0]['Relation Name']}"
    used = {}
    for node in nodes:
        if "Index Name" in node:
            used.setdefault(unpartitioned(node["Index Name"]), []).append(node)
    assert set(used) == CASES[name].indexes
    for index, scans in used.items():
        assert all("Index Cond" in scan for scan in scans), f"reads all of {index}"


def flat(node):
    yield node
    for child in node.get("Plans", ()):
        yield from flat(child)


def unpartitioned(name):
    """The index of the whole table for that of a month or of the default."""
    return re.sub(r"^(event_ledger|change_log)_(\d{4}_\d{2}|default(_low|_high)?)", r"\1", name)


def is_guarded(relation):
    return unpartitioned(relation) in GUARDED
