"""Connections that break at a byte of our choice, and lines on which nothing passes: what was done is done once."""
import time

import pytest

from support.avro_schema import versions
from support.events import confluent, event_record, make_event
from support.lines import Lines, black_hole
from support.proxy import REPLY, REQUEST, AfterBytes, KafkaReply, commit_reply, commit_request, kafka_request
from support.registry import Registry, register_all
from support.traffic import Traffic
from support.waiting import wait_until

EVENTS = 12
TRAP_LIMIT_S = 60
RECOVERY_LIMIT_S = 90
NOTICED_S = 0.5  # an idle lane notices after 0.2 that a transaction has ended
PRODUCERS = 2  # of a lane, in turn
COMMIT_BYTES = 12  # of the answer to a COMMIT
THINKS_MS = 8000  # of a lane between records and offsets
KAFKA_HEAD_BYTES = 14  # length, number, version, correlation id of a request
# So that a lane is dropped by its group before its transaction is.
SLOW = {"kafka.consumer.max.poll.interval.ms": 6000, "kafka.transaction_timeout": "12s"}
# Answers that a lane waits for in each transaction, in their order.
TRANSACTION = ("AddPartitionsToTxn", "Produce", "AddOffsetsToTxn", "TxnOffsetCommit", "EndTxn")


@pytest.fixture(scope="module")
def world(make_world, stack):
    made = make_world(
        settings={
            "registry.url": stack.registry_url,
            "schemas.bare": "",
            "batch.max_events": EVENTS,
            "database.statement_timeout": "2s",
            "database.commit_timeout": "2s",
        }
    )
    made.ids = register_all(Registry(stack.registry_url), made.topics)
    made.framing = confluent(made.ids["ProvisioningEvent"][-1])
    made.lines = Lines(made)
    made.traffic = Traffic(made, 31)
    try:
        yield made.start()
        made.check()
        made.worker.stop()  # while the way is open: the world ends it after us
    finally:
        made.lines.close()


@pytest.fixture(autouse=True)
def lines_are_well_afterwards(world):
    yield
    world.lines.clear()


def creations(world):
    return [make_event("CreateAccount", {"address": world.name()}) for _ in range(EVENTS)]


def each_is_applied(world, sources):
    answers = world.answers(sources, RECOVERY_LIMIT_S)
    assert [answer["status"] for answer in answers] == ["APPLIED"] * len(sources), "as if nothing had been"


def events_stored(world):
    return world.database.value("SELECT count(*) FROM provd.event_ledger")


# --- PostgreSQL -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("byte", [0, 1, 5, COMMIT_BYTES - 1])
def test_a_commit_whose_answer_is_lost_at_that_byte_has_happened_once(world, byte):
    """The server has committed, and the lane cannot know: it runs the batch again and the ledger tells it."""
    before = events_stored(world)
    trap = world.lines.database.set(commit_reply(byte))
    sources = world.send(creations(world), partition=0)
    trap.wait(TRAP_LIMIT_S)
    assert events_stored(world) > before
    each_is_applied(world, sources)
    assert events_stored(world) == before + EVENTS


def test_a_commit_whose_answer_does_not_come_is_given_up_in_time(world):
    trap = world.lines.database.set(commit_reply(then="hold"))
    sources = world.send(creations(world), partition=1)
    trap.wait(TRAP_LIMIT_S)
    each_is_applied(world, sources)


@pytest.mark.parametrize("byte", [0, 3, None])
def test_a_connection_that_ends_while_commit_is_sent(world, byte):
    """Cut before, in, and right behind it: not done, not done, and nobody knows."""
    trap = world.lines.database.set(commit_request(byte))
    sources = world.send(creations(world), partition=2)
    trap.wait(TRAP_LIMIT_S)
    each_is_applied(world, sources)


@pytest.mark.parametrize("side", [REQUEST, REPLY])
def test_a_connection_to_the_database_that_is_cut_here_and_there(world, side):
    sources = []
    for byte in (1, 700, 1500, 5000):
        trap = world.lines.database.set(AfterBytes(side, byte))
        while not trap.is_sprung:
            sources += world.send(creations(world))
            each_is_applied(world, sources[-EVENTS:])


def test_a_database_behind_a_black_hole_is_waited_for(world):
    with black_hole(world.lines.database):
        sources = world.send(creations(world))
        wait_until(lambda: not world.worker.get("/readyz").ok, what="/readyz says that something is wrong")
        assert world.worker.get("/livez").ok
    each_is_applied(world, sources)


# --- Kafka ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("request_name", TRANSACTION)
def test_a_transaction_whose_answer_is_lost_is_published_once(world, request_name):
    """The broker has done it. For EndTxn: the results are out, and the lane cannot know."""
    trap = world.lines.kafka.set(KafkaReply(request_name, byte=3))
    sources = world.send(world.traffic.records(EVENTS))
    trap.wait(TRAP_LIMIT_S)
    world.published(sources, RECOVERY_LIMIT_S)


@pytest.mark.parametrize("request_name", ["Produce", "TxnOffsetCommit", "EndTxn"])
def test_a_transaction_that_is_cut_in_the_middle_of_a_request(world, request_name):
    trap = world.lines.kafka.set(kafka_request(request_name, byte=KAFKA_HEAD_BYTES))
    sources = world.send(world.traffic.records(EVENTS))
    trap.wait(TRAP_LIMIT_S)
    world.published(sources, RECOVERY_LIMIT_S)


@pytest.mark.parametrize("trap", [kafka_request("EndTxn", then="hold"), KafkaReply("EndTxn", then="hold")])
def test_an_endtxn_that_nobody_answers(world, trap):
    """It did not get there, or its answer did not get here; other connections work."""
    world.lines.kafka.set(trap)
    sources = world.send(creations(world), partition=0)
    trap.wait(TRAP_LIMIT_S)
    each_is_applied(world, sources)


def in_doubt(world):
    return world.worker.metric("provd_kafka_transactions_total", result="in_doubt")


@pytest.mark.parametrize("byte", [0, None])
def test_a_commit_in_doubt_is_looked_up(world, byte):
    """The broker is out of reach from EndTxn on, which has arrived (None) or not, until the session is over."""
    before = in_doubt(world)
    trap = world.lines.kafka.set(kafka_request("EndTxn", byte, then="black hole"))
    sources = world.send(creations(world), partition=1)
    trap.wait(TRAP_LIMIT_S)
    wait_until(lambda: in_doubt(world) > before, what="in doubt")
    assert world.worker.get("/livez").ok
    world.lines.kafka.let_go()
    each_is_applied(world, sources)


def test_an_abort_that_arrives_late_takes_nothing_with_it(world):
    """EndTxn is sent again when nobody answers. The first one gets there seconds later, in the next transaction of the
    same producer, between the results and the offsets: those would be committed, and these would be gone."""
    world.worker.stop()
    slow = world.make_worker(**SLOW).start()
    hits = int(slow.metric("provd_batch_events_count"))
    # The second batch thinks so long that the group drops the lane, and then the first one is to be published. Later
    # there is enough time to be overtaken by the past.
    slow.set_failpoints(
        f"before_send_offsets=sleep-8000:{hits + 1},in_transaction=sleep-9000:{hits + 2},"
        f"before_send_offsets=sleep-4000:{hits + 2}"
    )
    abort = world.lines.kafka.set(kafka_request("EndTxn", then="hold"))
    sources = world.send(creations(world) + creations(world), partition=0)
    abort.wait(RECOVERY_LIMIT_S)
    world.lines.kafka.set(KafkaReply("EndTxn", byte=None, then="pass")).wait(RECOVERY_LIMIT_S)
    # Results and changes are two requests.
    world.lines.kafka.set(KafkaReply("Produce", byte=None, then="pass", skip=1)).wait(RECOVERY_LIMIT_S)
    world.lines.kafka.let_go()
    each_is_applied(world, sources)
    slow.stop()
    world.worker.start()


def transactions(world):
    """How many the lane has committed, once it has noticed the last one."""
    time.sleep(NOTICED_S)
    return int(world.worker.metric("provd_kafka_transactions_total", result="committed"))


def test_a_commit_that_arrives_late_takes_nothing_with_it(world):
    """Nobody answers the first one, the second one is. The first one gets there in the next transaction of the same
    producer, when the results are there and the offsets are not: it would commit those alone."""
    worn = world.worker.metric("provd_producer_recycled_total")
    before = transactions(world)
    late = world.lines.kafka.set(kafka_request("EndTxn", then="hold"))
    sources = world.send(creations(world), partition=0)
    late.wait(TRAP_LIMIT_S)
    each_is_applied(world, sources)
    while (transactions(world) - before) % PRODUCERS:  # that are the other producer's
        each_is_applied(world, world.send(creations(world)[:1], partition=0))
    world.worker.set_failpoints(f"before_send_offsets=sleep-{THINKS_MS}:*")
    # Results and changes are two requests.
    there = world.lines.kafka.set(KafkaReply("Produce", byte=None, then="pass", skip=1))
    sources = world.send(creations(world), partition=0)
    there.wait(RECOVERY_LIMIT_S)
    world.lines.kafka.let_go()
    assert len(world.outputs.wait_for(sources, THINKS_MS / 4000)) == EVENTS, "nothing is seen before the commit"
    world.worker.set_failpoints("")
    each_is_applied(world, sources)
    assert world.worker.metric("provd_producer_recycled_total") > worn


# --- the registry -----------------------------------------------------------------------------------------------------


def test_a_registry_behind_a_black_hole_is_waited_for_and_nothing_becomes_a_dead_letter(world, stack):
    oldest = versions("ProvisioningEvent")[0]
    fresh = Registry(stack.registry_url).register(world.topics.events + "-other", oldest)
    world.worker.stop()
    world.worker.start()  # it has forgotten all schemas but its own
    with black_hole(world.lines.registry):
        sources = world.send([event_record(event, confluent(fresh), oldest) for event in creations(world)])
        wait_until(lambda: "registry" in world.worker.get("/readyz").text.lower(), what="/readyz names the registry")
    each_is_applied(world, sources)
