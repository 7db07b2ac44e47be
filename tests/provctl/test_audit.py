"""audit verify: a whole chain is found whole, and each way of tampering is named with its first bad record."""
import uuid

import pytest

from support.history import History

DATA = 65


@pytest.fixture
def history(database):
    database.rows("TRUNCATE provd.change_log, provd.fence")
    return History(database, "cluster", f"topic-{uuid.uuid4().hex[:8]}")


@pytest.fixture
def verify(provctl_db):
    def run(*arguments, code=0):
        return provctl_db("audit", "verify", "-o", "json", *arguments, code=code)

    return run


def test_no_fence_is_no_error(verify, database):
    database.rows("TRUNCATE provd.change_log, provd.fence")
    assert verify().json == []


def test_a_whole_chain_is_whole(verify, history, database):
    history.changes(4321)  # more than a chunk
    other = History(database, "cluster", history.topic, partition=1)
    other.changes(1)
    History(database, "cluster", history.topic, partition=2)
    rows = verify().json
    assert [(row["partition"], row["records"], row["verdict"]) for row in rows] == [(0, 4321, "ok"), (1, 1, "ok"), (2, 0, "ok")]
    assert rows[0]["head"] == history.head.hex()
    (row,) = verify("--topic", history.topic, "--partition", 1).json
    assert row["partition"] == 1


def alter(history, seq, statement):
    history.database.rows(f"UPDATE provd.change_log SET {statement} WHERE fence_id = {history.fence_id} AND seq = {seq}")


def rebuilt(history, seq, body):
    """Puts another body in the place of a record, with the right hash of its own."""
    history.database.rows(
        "UPDATE provd.change_log SET body = %s, hash = sha256(%s) WHERE fence_id = %s AND seq = %s",
        body, body, history.fence_id, seq,
    )  # fmt: skip


@pytest.mark.parametrize(
    "tamper, seq, reason",
    [
        (lambda h: alter(h, 3, "body = set_byte(body, 60, get_byte(body, 60) # 1)"), 3, "not the SHA-256"),
        (lambda h: alter(h, 3, "hash = sha256('x')"), 3, "not the SHA-256"),
        (lambda h: h.database.rows(f"DELETE FROM provd.change_log WHERE fence_id = {h.fence_id} AND seq = 4"), 4, "missing"),
        (lambda h: h.database.rows(f"DELETE FROM provd.change_log WHERE fence_id = {h.fence_id} AND seq = 1"), 1, "--from"),
        (lambda h: h.database.rows(f"DELETE FROM provd.change_log WHERE fence_id = {h.fence_id} AND seq > 8"), 9, "missing"),
        (lambda h: rebuilt(h, 5, h.body(5, bytes(32))), 5, "prev_hash"),
        (lambda h: rebuilt(h, 5, h.body(6, bytes(32))), 5, "another number"),
        (lambda h: rebuilt(h, 5, b"\x00garbage"), 5, "byte"),
        (lambda h: h.database.rows(f"UPDATE provd.fence SET chain_head = sha256('x') WHERE fence_id = {h.fence_id}"), 10, "head"),
    ],
    ids=["body", "hash", "gap", "beginning", "end", "replaced", "exchanged", "garbage", "head"],
)
def test_the_first_bad_record_is_named(verify, history, tamper, seq, reason):
    history.changes(10)
    tamper(history)
    (row,) = verify(code=DATA).json
    assert (row["verdict"], row["bad_seq"]) == ("bad", seq) and reason in row["reason"]


def test_a_record_that_is_replaced_with_all_its_hashes_is_given_away_by_the_next(verify, history):
    history.changes(10)
    good = history.database.value(f"SELECT hash FROM provd.change_log WHERE fence_id = {history.fence_id} AND seq = 4")
    rebuilt(history, 5, history.body(5, bytes(good), reason="nothing to see here"))
    (row,) = verify(code=DATA).json
    assert row["bad_seq"] == 6 and "prev_hash" in row["reason"]


def test_months_that_were_dropped_are_passed_over_on_demand(verify, history):
    history.changes(10)
    history.database.rows(f"DELETE FROM provd.change_log WHERE fence_id = {history.fence_id} AND seq < 6")
    verify(code=DATA)
    (row,) = verify("--from", 6).json
    assert (row["records"], row["verdict"]) == (5, "ok")


def test_records_that_come_meanwhile_are_left_for_the_next_time(verify, history):
    history.changes(3)
    history.database.rows(f"UPDATE provd.fence SET chain_seq = 2, chain_head = (SELECT hash FROM provd.change_log"
                          f" WHERE fence_id = {history.fence_id} AND seq = 2) WHERE fence_id = {history.fence_id}")  # fmt: skip
    (row,) = verify().json
    assert (row["records"], row["verdict"]) == (2, "ok")


def test_records_behind_an_empty_fence_are_bad(verify, history):
    history.changes(3)
    history.database.rows(f"UPDATE provd.fence SET chain_seq = 0, chain_head = %s WHERE fence_id = {history.fence_id}", bytes(32))
    (row,) = verify(code=DATA).json
    assert row["bad_seq"] == 1


def test_the_table_says_it_in_a_line(provctl_db, history):
    history.changes(2)
    head, row = provctl_db("audit", "verify").out.splitlines()
    assert head.split()[:4] == ["topic", "partition", "records", "verdict"] and row.split()[1:4] == ["0", "2", "ok"]
