"""The transaction of the next batch is opened as soon as a batch is applied. Whatever comes between, nothing is lost,
nothing is done twice, and its locks do not outlast their use."""
import pytest
from psycopg2.errors import LockNotAvailable

from support.events import make_event
from support.lines import Lines
from support.proxy import kafka_request
from support.provd import process_state
from support.waiting import wait_until

BATCH = 10
BATCHES = 6
HELD_MS = 6000  # longer than another worker needs to join
LOOK_MS = 2000  # between two looks at the fences of halted partitions
JOINED_LIMIT_S = 30
LET_GO_LIMIT_S = 5  # PostgreSQL itself would end the session after 10 s
FROZEN_LIMIT_S = 60


@pytest.fixture
def world(make_world):
    """Its worker is stopped, and full batches wait for it."""
    made = stopped(make_world(partitions=1, settings={"batch.max_events": BATCH}).start())
    made.sources = made.send(creations(made, BATCH * BATCHES))
    return made


def stopped(world):
    world.settle()
    assert world.worker.stop() == 0
    return world


def creations(world, count):
    return [make_event("CreateAccount", {"address": world.name()}) for _ in range(count)]


def start_with(world, failpoint):
    world.worker.set_failpoints(failpoint)
    world.worker.start(wait=False)


def opened(world):
    """The sessions that hold a transaction open and are asked nothing."""
    return [
        pid for (pid,) in world.database.rows(
            "SELECT pid FROM pg_stat_activity WHERE usename = 'provd' AND datname = %s AND state = 'idle in transaction'",
            world.database.name,
        )
    ]  # fmt: skip


def fence_is_free(world):
    try:
        world.database.rows("SELECT 1 FROM provd.fence FOR UPDATE NOWAIT")
    except LockNotAvailable:
        return False
    return True


def each_is_applied(world, sources):
    assert [answer["status"] for answer in world.answers(sources, FROZEN_LIMIT_S)] == ["APPLIED"] * len(sources)


def each_was_applied_once(world):
    each_is_applied(world, world.sources)
    world.check()


def test_it_goes_on_where_its_lane_has_read_ahead(world):
    start_with(world, "opened_ahead=sleep-1000:1")
    wait_until(lambda: opened(world), what="opened")
    assert not fence_is_free(world)
    transaction = world.database.value("SELECT backend_xid FROM pg_stat_activity WHERE pid = ANY (%s)", opened(world))
    each_was_applied_once(world)
    assert world.database.value("SELECT count(*) FROM provd.account WHERE xmin = %s::xid", transaction) == BATCH


@pytest.mark.parametrize("point", ["opened_ahead=sleep-2000:1", "after_prepare=sleep-2000:2"])
def test_its_session_ends(world, point):
    """Before its answers were read, and after that."""
    start_with(world, point)
    for pid in wait_until(lambda: opened(world), what="opened"):
        assert world.database.value("SELECT pg_terminate_backend(%s)", pid)
    each_was_applied_once(world)


def test_its_partition_goes_to_another_worker(world):
    """It hears of that when it reads ahead: who comes next finds no lock of it."""
    start_with(world, f"opened_ahead=sleep-{HELD_MS}:1")
    wait_until(lambda: opened(world), what="opened")
    successor = world.make_worker()
    successor.start(wait=False)
    wait_until(lambda: "partitions revoked" in world.worker.log_text(), JOINED_LIMIT_S, "a rebalance")
    each_was_applied_once(world)
    assert world.worker.metric("provd_lane_restarts_total", lane=0) == 0, world.worker.log_tail()
    assert "lane died" not in world.worker.log_text() + successor.log_text()


def test_another_partition_is_halted(make_world):
    """Its fence is looked at now and then, on the same connection, whether an operator has acted."""
    world = make_world(partitions=2, settings={"batch.max_events": BATCH}).start()
    world.ask(creations(world, 1), partition=1)
    stopped(world)
    world.database.rows("UPDATE provd.fence SET next_offset = next_offset - 1 WHERE partition = 1")
    sources = world.send(creations(world, BATCH * BATCHES), partition=0)
    start_with(world, f"opened_ahead=sleep-{LOOK_MS + 500}:1")
    each_is_applied(world, sources)
    assert "halted" in world.worker.get("/readyz").text
    assert "lane died" not in world.worker.log_text()


def test_the_database_refuses_one_of_its_events(world):
    """The batch is unrolled: only the culprit is buried, and what was opened for all of them is let go."""
    world.database.rows("ALTER TABLE provd.account ADD CONSTRAINT no_unlucky_names CHECK (first_name <> 'Friday')")
    unlucky = make_event("CreateAccount", {"address": world.name(), "first_name": "Friday"})
    world.sources += world.send([*creations(world, BATCH // 2), unlucky, *creations(world, BATCH * 2)])
    start_with(world, "opened_ahead=sleep-50:*")
    answers = world.answers(world.sources)
    letter = answers.pop(BATCH * BATCHES + BATCH // 2)
    assert (letter.stage, letter.code) == ("APPLY", "STORAGE_REFUSED")
    assert {answer["status"] for answer in answers} == {"APPLIED"}
    assert world.worker.metric("provd_pg_unrolled_batches_total") == 1
    world.check()


def test_somebody_is_faster_at_one_of_its_rows(make_world):
    """Its rows were loaded when another session changes one: loaded again, nothing is lost."""
    world = make_world(partitions=1, settings={"batch.max_events": BATCH}).start()
    (made,) = creations(world, 1)
    world.ask([made])
    stopped(world)
    address = made["payload"]["CreateAccount"]["address"]
    update = make_event("UpdateAccount", {"ref": {"address": address}, "fields": ["comment"], "comment": "ours"})
    sources = world.send([*creations(world, BATCH), update, *creations(world, BATCH * 2)])
    start_with(world, "after_prepare=sleep-2000:2")
    wait_until(lambda: opened(world), what="its rows are loaded")
    world.database.rows("UPDATE provd.account SET department = 'sales', revision = revision + 1 WHERE address = %s", address)
    each_is_applied(world, sources)
    assert world.worker.metric("provd_pg_lost_races_total") == 1
    row = world.database.rows("SELECT department, comment FROM provd.account WHERE address = %s", address)
    assert row == [("sales", "ours")]


def test_its_lane_is_killed(world):
    start_with(world, "opened_ahead=kill:2")
    wait_until(lambda: "lane died" in world.worker.log_text(), what="killed")
    world.worker.set_failpoints("")
    each_was_applied_once(world)


def test_its_lane_is_frozen(world):
    """The server ends what is idle for too long (10 s); the successor waits for that and no longer."""
    start_with(world, "opened_ahead=stop:1")
    wait_until(lambda: opened(world), what="opened")
    (lane,) = wait_until(lambda: [pid for pid in world.worker.lane_pids() if process_state(pid) == "T"], what="frozen")
    world.worker.set_failpoints("")
    world.worker.freeze()
    world.make_worker().start(wait=False)
    world.answers(world.sources, FROZEN_LIMIT_S)
    world.worker.thaw()
    each_was_applied_once(world)


def test_kafka_is_away(world):
    """What was applied cannot be published. The one behind it is not applied either, and lets go of its locks."""
    lines = Lines(world)
    through_lines = world.make_worker(kafka__transaction_timeout="30s")
    lines.kafka.set(kafka_request("EndTxn", then="black hole"))
    through_lines.set_failpoints("opened_ahead=sleep-200:*")
    through_lines.start(wait=False)
    try:
        wait_until(lambda: opened(world), what="opened")
        wait_until(lambda: BATCH * 2 == world.fences()[0]["next_offset"] - world.sources[0][1], what="two batches applied")
        wait_until(lambda: not opened(world) and fence_is_free(world), LET_GO_LIMIT_S, "let go")
        lines.kafka.let_go()
        each_was_applied_once(world)
        through_lines.stop()
    finally:
        lines.close()
