"""Where a partition starts: the fence row and Kafka's offsets disagree in each of the six ways of the design."""
import dataclasses

import pytest
from confluent_kafka import Producer

from support.events import event_record, make_event
from support.provctl import Provctl
from support.waiting import stays_true, wait_until
from support.world import MakeWorld

BEFORE = 12  # records per partition, in the past


@dataclasses.dataclass
class Past:
    """A world that has worked for a while and was stopped; each test gets one of its own partition's history."""

    world: object
    fences: dict
    state: dict


@pytest.fixture
def make_world(stack):
    """Worlds of one test, not of the whole module: here each has its own."""
    maker = MakeWorld(stack, "fences")
    yield maker
    maker.close()


@pytest.fixture
def past(make_world):
    """A worker with one partition that has applied BEFORE accounts, and was stopped in order."""
    world = make_world(partitions=1).start()
    world.ask([create(world) for _ in range(BEFORE)])
    world.settle()
    assert world.worker.stop() == 0
    return Past(world, world.fences(), world.state())


def create(world):
    return make_event("CreateAccount", {"address": world.name()})


def halted(world):
    """Starts the worker, and returns what /readyz says about the halted partition."""
    world.worker.start(wait=False)
    return wait_until(lambda: halt_reason(world), what="halted")


def halt_reason(world):
    answer = world.worker.get("/readyz")
    return not answer.ok and "partition 0" in answer.text and "halted" in answer.text and answer.text


def nothing_happens(world):
    (source,) = world.send([create(world)])
    before = world.fences(), world.account_count()
    stays_true(lambda: (world.fences(), world.account_count()) == before, for_s=1.0)
    return source


def permit(world, what, reason="the test says so"):
    """`provctl fence accept|adopt`: one permission, used up by the next assignment."""
    as_operator = Provctl({**world.base_settings(), "database.url": world.database.url_as("provctl")})
    as_operator("fence", what, "--partition", 0, "--reason", reason)


def operator_records(world):
    return world.database.value("SELECT count(*) FROM provd.change_log WHERE event_id IS NULL")


def test_equal_is_clean(past):
    world = past.world
    world.worker.start()
    (result,) = world.ask([create(world)])
    assert result["status"] == "APPLIED"
    assert '"decision":"clean"' in world.worker.log_text()
    assert world.fences()[0]["owner_epoch"] > past.fences[0]["owner_epoch"], "each assignment raises the epoch"
    world.check()


def test_fence_ahead_is_read_again(past):
    """Died between the two commits, or somebody has set the offsets back."""
    world = past.world
    world.set_offsets({0: past.fences[0]["next_offset"] - 5})
    world.worker.start()
    (result,) = world.ask([create(world)])
    assert result["status"] == "APPLIED" and world.account_count() == BEFORE + 1
    assert '"decision":"reread"' in world.worker.log_text()
    world.check()


def test_fence_behind_halts(past):
    """The database went back, as after a restore of a backup."""
    world = past.world
    rewind_database(world, by=4)
    assert "provctl fence" in halted(world)
    nothing_happens(world)
    assert world.account_count() == BEFORE - 4


def test_a_running_lane_notices_that_the_database_went_back(make_world):
    """A failover to a standby that lacks the last commits: nobody is assigned anew, the epoch is the same."""
    world = make_world(partitions=1).start()
    world.ask([create(world) for _ in range(BEFORE)])
    world.settle()
    rewind_database(world, by=4)
    world.send([create(world)])
    assert "provctl fence" in wait_until(lambda: halt_reason(world), what="halted")
    assert world.account_count() == BEFORE - 4, "what comes behind the lost events is not applied without them"


def test_a_lane_whose_epoch_has_passed_applies_nothing(make_world):
    """Somebody else owns the partition by now: what is in hand is dropped, and read again by whoever owns it."""
    world = make_world(partitions=1).start()
    world.settle()
    world.database.rows("UPDATE provd.fence SET owner_epoch = owner_epoch + 1")
    epoch = world.fences()[0]["owner_epoch"]
    (result,) = world.ask([create(world)])
    assert result["status"] == "APPLIED" and world.account_count() == 1
    assert "has another owner now" in world.worker.log_text()
    assert world.fences()[0]["owner_epoch"] > epoch, "it was applied by an owner of its own"
    world.check()


def rewind_database(world, by):
    """The state of some events ago: a backup that was taken then, and restored."""
    first = world.fences()[0]["next_offset"] - by
    seq, head = world.database.rows("SELECT seq, hash FROM provd.change_log ORDER BY seq DESC OFFSET %s LIMIT 1", by)[0]
    for statement in (
        "DELETE FROM provd.service_account s USING provd.account a, provd.event_ledger l, provd.change_log c"
        " WHERE s.account_uuid = a.uuid AND c.object_id = a.uuid AND c.event_id = l.event_id AND l.kafka_offset >= %s",
        "DELETE FROM provd.account a USING provd.event_ledger l, provd.change_log c"
        " WHERE c.object_id = a.uuid AND c.event_id = l.event_id AND l.kafka_offset >= %s",
        "DELETE FROM provd.change_log c USING provd.event_ledger l"
        " WHERE c.event_id = l.event_id AND l.kafka_offset >= %s",
        "DELETE FROM provd.event_ledger WHERE kafka_offset >= %s",
        "UPDATE provd.fence SET next_offset = %s, published_upto = least(published_upto, next_offset)",
        "UPDATE provd.fence SET published_upto = %s",
    ):
        world.database.rows(statement, first)
    world.database.rows("UPDATE provd.fence SET chain_seq = %s, chain_head = %s", seq, bytes(head))


def test_fence_behind_goes_on_by_permission_and_marks_results(past):
    world = past.world
    rewind_database(world, by=4)
    permit(world, "accept", "restored from the backup of noon")
    world.worker.start()
    (result,) = world.ask([create(world)])
    assert result["status"] == "APPLIED" and not result["republished"] and world.account_count() == BEFORE + 1
    world.outputs.read_to_the_end()
    marked = [answer for answer in world.outputs.results if answer.said["republished"]]
    assert len(marked) == 4, "what is applied again says so"
    assert operator_records(world) == 1 and world.fences()[0]["permission"] is None, "one use, in the change log"


def test_a_rewind_goes_on_wherever_its_lane_dies(past):
    """One permission is enough: the fence remembers what is to be published again, and marks it."""
    world = past.world
    rewind_database(world, by=5)
    permit(world, "accept", "restored from the backup of noon")
    world.worker.write_settings(batch__max_events=2)
    world.worker.set_failpoints("before_rewind=kill")
    world.worker.start(wait=False)
    wait_until(lambda: world.worker.log_text().count('"lane died"') == 1, what="dead between decision and offset")
    world.worker.set_failpoints("after_commit=kill")
    wait_until(lambda: world.worker.log_text().count('"lane died"') == 2, what="dead between the two commits")
    assert '"decision":"rewind_resumed"' in world.worker.log_text() and world.account_count() == BEFORE - 3
    world.worker.set_failpoints("")
    (result,) = world.ask([create(world)])
    assert '"decision":"reread"' in world.worker.log_text(), "the stored results are read again"
    assert result["status"] == "APPLIED" and not result["republished"] and world.account_count() == BEFORE + 1
    world.outputs.read_to_the_end()
    marked = [answer.source for answer in world.outputs.results if answer.said["republished"]]
    assert len(marked) == len(set(marked)) == 5, "each that is applied again is published again, once, and says so"
    assert operator_records(world) == 1, "one permission was used"


def test_fence_behind_goes_on_by_policy(past):
    world = past.world
    rewind_database(world, by=3)
    world.worker.write_settings(fence__on_rewound_database="rewind")
    world.worker.start()
    world.ask([create(world)])
    assert world.account_count() == BEFORE + 1


def test_offsets_that_were_moved_forward_are_adopted_by_permission(past):
    """An operator skips records on purpose: they are never applied, and the change log says who allowed it."""
    world = past.world
    world.send([create(world) for _ in range(3)])
    world.set_offsets({0: past.fences[0]["next_offset"] + 3})
    assert "provctl fence adopt" in halted(world)
    permit(world, "adopt", "three broken events")
    wait_until(lambda: world.worker.get("/readyz").ok, what="the halted partition is looked at again by itself")
    world.ask([create(world)])
    assert world.account_count() == BEFORE + 1 and operator_records(world) == 1


def test_a_database_without_a_fence_halts(past):
    """A new database, or the wrong one."""
    world = past.world
    world.database.rows("TRUNCATE provd.account, provd.service_account, provd.event_ledger, provd.change_log")
    world.database.rows("DELETE FROM provd.fence")
    assert "provctl fence adopt" in halted(world)
    nothing_happens(world)
    assert world.account_count() == 0
    permit(world, "adopt", "a new database, on purpose")
    wait_until(lambda: world.account_count() == 1, what="what came after the committed offset is applied")
    assert operator_records(world) == 1


def test_a_topic_made_again_halts(past):
    """Its offsets mean other records now."""
    world = past.world
    world.worker.start()
    ((partition, offset),) = world.send([{"key": b"k", "value": b"\x7fa dead letter of the topic that goes"}])
    world.answers([(partition, offset)])
    assert world.worker.stop() == 0
    world.kafka.delete([world.topics.events])
    remake(world)
    world.worker.start(wait=False)
    reason = wait_until(lambda: halt_reason(world), what="halted")
    assert "made again" in reason
    nothing_happens(world)
    sources = world.send([create(world) for _ in range(offset)])
    world.worker.stop()
    assert "no committed offset any more" in halted(world), "also now that the new topic has as many records"
    permit(world, "adopt", "the topic was made again")
    wait_until(lambda: world.worker.get("/readyz").ok, what="the halted partition is looked at again by itself")
    wait_until(lambda: world.account_count() == BEFORE + 1 + offset, what="all records of the new topic are applied")
    assert sources[-1] == (partition, offset), "also that in the place of the dead letter"
    world.settle()
    world.outputs.read_to_the_end()
    answered = [result.source for result in world.outputs.results if result.said["applied_at"] is not None]
    assert answered.count(sources[-2]) == 2, "and its results are published, although there were such offsets before"


def remake(world):
    """The name is free again only some time after the deletion."""

    def made():
        try:
            world.kafka.create([world.topics.events], 1)
        except Exception as error:  # the library has no finer one
            raise AssertionError(error) from error
        return True

    wait_until(made, what="topic made again")


def test_records_taken_by_retention_halt(past):
    world = past.world
    sources = world.send([create(world) for _ in range(6)])
    cut = sources[3][1]
    world.kafka.delete_records(world.topics.events, 0, cut)
    reason = halted(world)
    assert "retention" in reason and "(3 offsets are gone)" in reason
    nothing_happens(world)
    permit(world, "accept", "they are lost")
    wait_until(lambda: world.worker.get("/readyz").ok, what="the halted partition is looked at again by itself")
    world.answers(sources[3:])
    assert world.account_count() == BEFORE + 3 + 1 and operator_records(world) == 1


def test_a_permission_lasts_though_nothing_is_published_after_it(past):
    """Retention has emptied the partition: there is nothing whose result would move Kafka's offset."""
    world = past.world
    sources = world.send([create(world) for _ in range(6)])
    world.kafka.delete_records(world.topics.events, 0, sources[-1][1] + 1)
    assert "(6 offsets are gone)" in halted(world)
    permit(world, "accept", "they are lost")
    for _ in range(2):
        wait_until(lambda: world.worker.get("/readyz").ok, what="it goes on, as permitted")
        world.worker.stop()
        world.worker.start(wait=False)
    (result,) = world.ask([create(world)])
    assert result["status"] == "APPLIED"


def test_results_that_retention_took_the_records_of_halt(past):
    """Applied, and killed before anything was published: the results can be made from the ledger, but nobody asks for them."""
    world = past.world
    world.worker.set_failpoints("before_send_offsets=stop")
    sources = world.send([create(world) for _ in range(6)])
    world.worker.start(wait=False)
    wait_until(lambda: world.account_count() == BEFORE + 6, what="applied")
    world.worker.kill_parent()
    world.worker.set_failpoints("")
    cut = sources[3][1]
    world.kafka.delete_records(world.topics.events, 0, cut)
    reason = halted(world)
    assert "before their results were published" in reason and "ledger" in reason
    assert "(3 offsets are gone)" in reason
    nothing_happens(world)
    permit(world, "accept", "they are in the ledger")
    wait_until(lambda: world.worker.get("/readyz").ok, what="the halted partition is looked at again by itself")
    world.answers(sources[3:])
    assert world.account_count() == BEFORE + 6 + 1 and operator_records(world) == 1


def test_a_halt_is_the_partitions_alone(make_world):
    world = make_world(partitions=2).start()
    world.ask([event_record(create(world), partition=number) for number in (0, 1)])
    world.settle()
    world.worker.stop()
    world.set_offsets({0: world.fences()[0]["next_offset"] + 1})
    world.send([create(world)], partition=0)
    world.worker.start(wait=False)
    wait_until(lambda: halt_reason(world), what="partition 0 halted")
    (result,) = world.ask([create(world)], partition=1)
    assert result["status"] == "APPLIED", "the others go on"
    assert world.worker.metric("provd_partition_halted", partition="0") == 1


def test_control_records_between_fence_and_offset_are_no_gap(make_world):
    """A transactional sender leaves markers, which have offsets but are no records."""
    world = make_world(partitions=1).start()
    producer = Producer({"bootstrap.servers": world.stack.brokers, "transactional.id": world.topics.prefix + ".sender"})
    producer.init_transactions(30)
    for _ in range(3):
        producer.begin_transaction()
        record = event_record(create(world), partition=0)
        producer.produce(world.topics.events, **record)
        producer.commit_transaction(30)
    wait_until(lambda: world.account_count() == 3, what="applied")
    world.worker.stop()
    end = world.kafka.end_offsets(world.topics.events)[0]
    assert world.fences()[0]["next_offset"] < end, "the last marker is behind the fence"
    world.set_offsets({0: end})
    world.worker.start()
    (result,) = world.ask([create(world)])
    assert result["status"] == "APPLIED" and '"decision":"only_control_records"' in world.worker.log_text()
