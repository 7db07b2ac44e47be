"""What a fan-out's statement does to the table is what its edit in C does to each row (domain/fanout.h).

Both are given the same accounts; the rows must be the same afterwards, in every column.
"""
import contextlib
import itertools
import os
import pathlib
import sys

import pytest

from support.stack import ROOT

sys.path.insert(0, str(ROOT / "tests" / "oracle"))
from histories import Fold  # noqa: E402

PROGRAM = pathlib.Path(os.environ.get("PROVD_TEST_BUILD_DIR", "build/dev")) / "tests/oracle/fold"
TIMES = ("autoreply_start", "autoreply_end", "last_login_at", "deleted_at", "purge_at",
         "created_at", "updated_at")
NOT_STORED = ("provisioned", "recovery_question", "recovery_answer", "group_number")
WHEN_US = 1_770_000_000_123_456
GRACE_US = 30 * 86_400_000_000
FLAGS_ALL = 0x7FFFF


def when(us):
    return f"'epoch'::timestamptz + {us} * interval '1 microsecond'"


# The event of each case, and the parameters behind domain and time of the statement that it becomes.
CASES = {
    "quota of bytes": ("fanout_quota", "SetQuota", {"bytes": 5}, "5, NULL"),
    "quota of messages": ("fanout_quota", "SetQuota", {"messages": 0}, "NULL, 0"),
    "quota of both": ("fanout_quota", "SetQuota", {"quota": "5S,7C"}, "5, 7"),
    "no quota": ("fanout_quota", "SetQuota", {"quota": "NOQUOTA"}, "0, 0"),
    "flags set": ("fanout_flags", "SetFlags", {"set_mask": 3}, f"{FLAGS_ALL}, 3"),
    "flags cleared": ("fanout_flags", "SetFlags", {"clear_mask": 0x2001},
                      f"{FLAGS_ALL & ~0x2001}, 0"),
    "flags cleared and set": ("fanout_flags", "SetFlags", {"clear_mask": 3, "set_mask": 2},
                              f"{FLAGS_ALL & ~3}, 2"),
    "all flags cleared": ("fanout_flags", "SetFlags", {"clear_all": True, "set_mask": 0x40000},
                          f"0, {0x40000}"),
    "flags left alone": ("fanout_flags", "SetFlags", {}, f"{FLAGS_ALL}, 0"),
    "domain deleted": ("fanout_delete", "DeleteDomain", {"cascade": True}, str(GRACE_US)),
}


def event(kind, payload, **envelope):
    return {"kind": kind, "payload": payload, **envelope}


def begin():
    """Accounts of all sorts in example.org, one of them deleted, and one in another domain."""
    events = [event("CreateContext", {"name": "1"})]
    events += [event("CreateDomain", {"domain": d}) for d in ("example.org", "a.org")]
    sorts = itertools.product((None, 0, 5), (None, 0, 7), (0, 1, 2, 0x2000))
    events += [event("CreateAccount", {"address": f"u{i}@example.org", "quota_bytes": b,
                                       "quota_messages": m, "flags": f})
               for i, (b, m, f) in enumerate(sorts)]
    events += [event("CreateAccount", {"address": a}) for a in ("old@example.org", "u@a.org")]
    return [*events, event("DeleteAccount", {"ref": "old@example.org"})]


@pytest.fixture(scope="module")
def fold():
    program = Fold(str(PROGRAM))
    yield program
    program.close()


def stored(row):
    return {k: v for k, v in row.items() if k not in NOT_STORED}


def insert(cursor, row):
    columns = stored(row)
    places = [when("%s") if c in TIMES else "%s" for c in columns]
    cursor.execute(f"INSERT INTO provd.account ({', '.join(columns)}) VALUES ({', '.join(places)})",
                   list(columns.values()))


def table(cursor, columns):
    names = [f"(extract(epoch FROM {c}) * 1000000)::int8" if c in TIMES else
             "uuid::text" if c == "uuid" else c for c in columns]
    cursor.execute(f"SELECT {', '.join(names)} FROM provd.account")
    return {row[0]: dict(zip(columns, row)) for row in cursor.fetchall()}


@pytest.mark.parametrize("case", CASES)
def test_statement_and_edit_do_the_same(fold, database, case):
    statement, kind, payload, parameters = CASES[case]
    target = {"domain": "example.org"} | ({} if kind == "DeleteDomain" else {"scope": "DOMAIN"})
    before = [stored(r) for r in fold.run(begin(), [])[1]["account"]]
    fan_out = event(kind, target | payload, occurred_at=WHEN_US, timestamp=WHEN_US)
    outcomes, tables = fold.run([*begin(), fan_out], [])
    expected = {r["uuid"]: stored(r) for r in tables["account"]}
    with contextlib.closing(database.connect()) as connection, connection.cursor() as cursor:
        for row in before:
            insert(cursor, row)
        cursor.execute(f"PREPARE it AS {(ROOT / 'worker/sql' / (statement + '.sql')).read_text()}")
        run = f"EXECUTE it ('example.org', {when(WHEN_US)}, {parameters})"
        cursor.execute(run)
        assert cursor.rowcount == outcomes[-1]["applied"]
        assert table(cursor, list(before[0])) == expected
        cursor.execute(run)
        assert cursor.rowcount == 0, "the second run changes something"
        connection.rollback()
