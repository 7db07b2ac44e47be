"""Somebody else is faster: rows, ledger and locks that another session holds or changes while a batch is applied.

The other worker is played by a session of ours that commits at exactly the moment the test wants.
"""
import contextlib
import time

import psycopg2
import pytest

from support.events import make_event, uuid7
from support.waiting import stays_true, wait_until

# Another worker that is always first at the domains, until it is told to stop.
ALWAYS_FIRST = """
CREATE OR REPLACE FUNCTION provd.always_first() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'somebody was faster' USING ERRCODE = 'unique_violation';
END $$;
CREATE TRIGGER always_first BEFORE UPDATE ON provd.domain FOR EACH ROW EXECUTE FUNCTION provd.always_first();
"""
NOT_FIRST_ANY_MORE = """
CREATE OR REPLACE FUNCTION provd.always_first() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
"""
# What the server says at COMMIT when it was told not to wait for the standby any longer.
NO_STANDBY = """
CREATE OR REPLACE FUNCTION provd.warn_at_commit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE WARNING 'canceling wait for synchronous replication' USING ERRCODE = '01000';
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER warn_at_commit AFTER UPDATE ON provd.fence DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION provd.warn_at_commit();
"""
STANDBY_AGAIN = """
CREATE OR REPLACE FUNCTION provd.warn_at_commit() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
"""

ASIDE_S = 0.5  # an idle turn takes 0.2


@pytest.fixture(scope="module")
def world(make_world):
    return make_world(partitions=2).start()


@pytest.fixture(autouse=True)
def contract_holds_after_each(world):
    yield
    world.check()


@pytest.fixture
def rival(world):
    """A cursor of a session of its own, in a transaction."""
    with contextlib.closing(world.database.connect()) as connection, connection.cursor() as cursor:
        yield cursor


def create(world):
    return make_event("CreateAccount", {"address": world.name()})


def address_of(event):
    return event["payload"]["CreateAccount"]["address"]


def comment(address, text):
    return make_event("UpdateAccount", {"ref": {"address": address}, "fields": ["comment"], "comment": text})


def wait_for_lane_at_lock(world):
    """The lane waits for what the rival holds. Returns the statement that waits."""
    waiting = (
        "SELECT query FROM pg_stat_activity"
        " WHERE datname = current_database() AND usename = 'provd' AND wait_event_type = 'Lock'"
    )
    ((statement,),) = wait_until(lambda: world.database.rows(waiting), what="the lane waits for a lock")
    return statement


def lost_races(world):
    return world.worker.metric("provd_pg_lost_races_total")


def test_a_row_that_changed_meanwhile_is_loaded_again(world, rival):
    """Neither change is lost: the batch is planned again over the row as it is now."""
    made = create(world)
    world.ask([made], partition=0)
    before = lost_races(world)
    rival.execute(
        "UPDATE provd.account SET department = 'sales', version = version + 1, revision = revision + 1 WHERE address = %s",
        (address_of(made),),
    )
    (source,) = world.send([comment(address_of(made), "ours")], partition=0)
    wait_for_lane_at_lock(world)
    rival.connection.commit()
    (result,) = world.answers([source])
    assert (result["status"], result["version_before"], result["version_after"]) == ("APPLIED", 2, 3)
    row = world.database.rows("SELECT department, comment FROM provd.account WHERE address = %s", address_of(made))
    assert row == [("sales", "ours")] and lost_races(world) > before


def test_what_was_a_dead_letter_stays_one_when_its_batch_loses_a_race(world, rival):
    """It was buried and not published: read again, with an event behind it whose row somebody else has."""
    made = create(world)
    world.ask([made], partition=0)
    world.worker.set_failpoints("after_commit=stop:1")
    sources = world.send([{"key": b"k", "value": b"\x7fno event"}], partition=0)
    wait_until(lambda: world.database.value("SELECT count(*) FROM provd.record_outcome") > 0, what="buried")
    world.worker.destroy()
    world.worker.set_failpoints("")
    rival.execute(
        "UPDATE provd.account SET department = 'sales', revision = revision + 1 WHERE address = %s", (address_of(made),)
    )
    sources += world.send([comment(address_of(made), "ours")], partition=0)
    world.worker.start(wait=False)
    wait_for_lane_at_lock(world)
    rival.connection.commit()
    letter, result = world.answers(sources)
    assert (letter.stage, letter.code) == ("FRAME", "BAD_MAGIC")
    assert result["status"] == "APPLIED" and lost_races(world) >= 1


def test_a_batch_that_keeps_losing_locks_its_rows_first(world, rival):
    """However often others are faster: in the end nobody else is let in."""
    made = create(world)
    world.ask([made, make_event("CreateDomain", {"domain": "busy.example"})], partition=0)
    world.database.rows(ALWAYS_FIRST)
    rival.execute("SELECT FROM provd.account WHERE address = %s FOR UPDATE", (address_of(made),))
    world.worker.stop()  # so that both events come in one batch
    limits = {"domain": "busy.example", "fields": ["limits"], "limits": {"max_accounts": 5}}
    sources = world.send([make_event("UpdateDomain", limits), comment(address_of(made), "at last")], partition=0)
    world.worker.start(wait=False)
    statement = wait_for_lane_at_lock(world)
    assert "FOR NO KEY UPDATE" in statement and "provd.account" in statement, "it waits where it loads"
    world.database.rows(NOT_FIRST_ANY_MORE)
    rival.connection.rollback()
    assert {result["status"] for result in world.answers(sources)} == {"APPLIED"}
    world.database.rows("DROP FUNCTION provd.always_first CASCADE")


def wait_for_idle_lane(world):
    """What is published is noted: the next statement that waits at a fence is the next batch's."""
    wait_until(lambda: all(fence["published_upto"] == fence["next_offset"] for fence in world.fences().values()),
               what="all that is published is noted")  # fmt: skip


def lock_fences(world, rival):
    """Returns their ids."""
    rival.execute("SELECT fence_id FROM provd.fence WHERE topic = %s ORDER BY partition FOR UPDATE", (world.topics.events,))
    return [row[0] for row in rival.fetchall()]


def test_what_the_ledger_learns_while_a_batch_waits_for_its_fence_is_seen_at_once(world, rival):
    """The ledger is read behind the lock, not before it: no race is lost, nothing is done twice."""
    before = lost_races(world)
    forged = create(world)
    wait_for_idle_lane(world)
    fences = lock_fences(world, rival)
    (source,) = world.send([forged], partition=0)
    assert "FOR NO KEY UPDATE" in wait_for_lane_at_lock(world)
    rival.execute(
        "INSERT INTO provd.event_ledger (event_id, fence_id, kafka_offset, status, payload_hash, result, change_count,"
        " applied_at) VALUES (%s, %s, 1000000, 0, decode(repeat('00', 16), 'hex'), '', 0, now())",
        (forged["event_id"], fences[1]),
    )
    rival.connection.commit()
    (refused,) = world.answers([source])
    assert (refused["status"], refused["code"]) == ("REJECTED", "ID_REUSED") and lost_races(world) == before
    world.database.rows("DELETE FROM provd.event_ledger WHERE kafka_offset = 1000000")


def test_rows_that_change_while_a_batch_waits_for_its_fence_are_seen_at_once(world, rival):
    """They too are read behind the lock."""
    made = create(world)
    world.ask([made], partition=0)
    before = lost_races(world)
    wait_for_idle_lane(world)
    lock_fences(world, rival)
    (source,) = world.send([comment(address_of(made), "ours")], partition=0)
    assert "FOR NO KEY UPDATE" in wait_for_lane_at_lock(world)
    rival.execute("UPDATE provd.account SET revision = revision + 1 WHERE address = %s", (address_of(made),))
    rival.connection.commit()
    (applied,) = world.answers([source])
    assert applied["status"] == "APPLIED" and lost_races(world) == before


def test_a_lane_survives_that_it_cannot_note_what_is_published(world, rival):
    """The note waits for a lock, and is cancelled: it is made another time, and the connection goes on."""
    pids = world.worker.lane_pids()
    world.worker.set_failpoints("before_kafka_commit=sleep-1000:*")
    (source,) = world.send([create(world)], partition=0)
    wait_until(lambda: world.fences()[0]["next_offset"] == source[1] + 1, what="applied")
    lock_fences(world, rival)
    world.worker.set_failpoints("")
    statement = wait_for_lane_at_lock(world)
    assert "published_upto" in statement
    world.database.rows(
        "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE usename = 'provd' AND wait_event_type = 'Lock'"
        " AND datname = current_database()"
    )
    time.sleep(ASIDE_S)
    rival.connection.rollback()
    assert {result["status"] for result in world.ask([create(world)], partition=0)} == {"APPLIED"}
    assert world.worker.lane_pids() == pids


def test_rows_are_written_in_the_order_of_their_keys(world, rival):
    """Two lanes that write the same accounts wait for each other in turn, instead of dying of a deadlock."""
    # The one that comes first by its key comes last by its address, by which accounts are loaded.
    made = [make_event("CreateAccount", {"address": world.name(stem)}) for stem in ("zoe", "abe")]
    for second, event in enumerate(made):
        event["event_id"] = uuid7(event["occurred_at"] + second * 1_000_000)
    results = world.ask(made, partition=0)
    first, last = sorted(zip([result["account_uuid"] for result in results], map(address_of, made)))
    assert first[1] > last[1]
    world.worker.stop()  # so that both events come in one batch
    sources = world.send([comment(last[1], "sent first"), comment(first[1], "sent last")], partition=0)
    rival.execute("SELECT FROM provd.account WHERE uuid = %s FOR UPDATE", (last[0],))
    world.worker.start(wait=False)
    wait_for_lane_at_lock(world)
    with contextlib.closing(world.database.connect()) as third, third.cursor() as cursor:
        with pytest.raises(psycopg2.errors.LockNotAvailable):
            cursor.execute("SELECT FROM provd.account WHERE uuid = %s FOR UPDATE NOWAIT", (first[0],))
    rival.connection.rollback()
    assert {result["status"] for result in world.answers(sources)} == {"APPLIED"}


def test_nothing_is_published_before_a_standby_has_it(world):
    """Committed here, and nowhere else: a failover would take back what readers were told."""
    world.database.rows(NO_STANDBY)
    made = create(world)
    (source,) = world.send([made], partition=0)
    here = "SELECT count(*) FROM provd.account WHERE address = %s"
    wait_until(lambda: world.database.value(here, address_of(made)) == 1, what="committed")
    stays_true(lambda: world.outputs.wait_for([source], 0.2), for_s=1.0, what="nothing is published")
    world.database.rows(STANDBY_AGAIN)
    (result,) = world.answers([source])
    assert result["status"] == "APPLIED"
    world.database.rows("DROP FUNCTION provd.warn_at_commit CASCADE")


def test_a_domain_cannot_go_while_an_account_is_made_in_it(world, rival):
    """The account waits for whoever is deleting its domain, and finds none."""
    world.ask([make_event("CreateDomain", {"domain": "going.example"})], partition=0)
    rival.execute("SELECT FROM provd.domain WHERE name = 'going.example' FOR UPDATE")
    (source,) = world.send([make_event("CreateAccount", {"address": "late@going.example"})], partition=0)
    wait_for_lane_at_lock(world)
    rival.execute("DELETE FROM provd.domain WHERE name = 'going.example'")
    rival.execute("UPDATE provd.context SET domain_count = domain_count - 1, revision = revision + 1")
    rival.connection.commit()
    (result,) = world.answers([source])
    assert (result["status"], result["code"]) == ("REJECTED", "NO_SUCH_DOMAIN")
