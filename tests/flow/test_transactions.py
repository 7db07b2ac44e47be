"""The two transactions as others see them: results, changes and offsets appear together, once, and of the owner only."""
import os
import signal

import pytest
from confluent_kafka import Producer

from support.avro_schema import versions
from support.events import event_record, make_event, single_object
from support.provd import process_state
from support.waiting import wait_until

SLOW_S = 15  # longer than a session lasts and a successor needs


def create(world):
    return make_event("CreateAccount", {"address": world.name()})


def committed(world):
    return world.kafka.committed(world.topics.group, world.topics.events).get(0)


def start_with_failpoint(world, point):
    """Starts the worker anew: its first batch meets the fail point. Returns the process id of the lane."""
    world.settle()
    world.worker.stop()
    world.worker.set_failpoints(point)
    world.worker.start()
    return world.worker.lane_pids()[0]


def is_stopped(pid):
    return process_state(pid) == "T"


@pytest.fixture(scope="module")
def world(make_world):
    return make_world(partitions=1).start()


@pytest.fixture(scope="module", autouse=True)
def contract_holds_at_the_end(world):
    yield
    world.check()


def test_results_and_offsets_appear_together(world):
    lane = start_with_failpoint(world, "before_kafka_commit=stop")
    sources = world.send([create(world)])
    wait_until(lambda: is_stopped(lane), what="the lane stands before its commit")
    assert world.outputs.wait_for(sources, 1.0), "nothing is seen before the commit"
    os.kill(lane, signal.SIGCONT)
    (result,) = world.answers(sources)
    assert result["status"] == "APPLIED"
    wait_until(lambda: committed(world) == sources[0][1] + 1, what="the offset comes with the result")


def test_what_a_sender_has_aborted_did_not_happen(world):
    producer = Producer({"bootstrap.servers": world.stack.brokers, "transactional.id": world.topics.prefix + ".fickle"})
    producer.init_transactions(30)
    before = world.account_count()
    producer.begin_transaction()
    producer.produce(world.topics.events, **event_record(create(world), partition=0))
    producer.flush(30)
    producer.abort_transaction(30)
    (marker,) = world.ask([create(world)])
    assert marker["status"] == "APPLIED" and world.account_count() == before + 1


def test_what_was_a_dead_letter_stays_one(world):
    """Its schema turns up between the two commits: what was decided is published, not what would be decided now."""
    oldest = versions("ProvisioningEvent")[0]
    (file,) = [path for path in world.schemas.glob("*.avsc") if path.read_text(encoding="utf-8") == oldest.text]
    hidden = file.rename(file.with_suffix(".hidden"))
    before = world.account_count()
    lane = start_with_failpoint(world, "after_commit=stop")
    sources = world.send([event_record(create(world), single_object, oldest), create(world)])
    wait_until(lambda: is_stopped(lane), what="the lane stands between the two commits")
    hidden.rename(file)
    world.worker.set_failpoints("")
    os.kill(lane, signal.SIGKILL)
    letter, neighbour = world.answers(sources)
    assert (letter.stage, letter.code) == ("SCHEMA", "UNKNOWN_SCHEMA") and neighbour["status"] == "APPLIED"
    assert world.account_count() == before + 1


def test_a_replay_of_what_cannot_be_read_any_more_leaves_no_trace(world):
    """It was applied: the limit is lower by now. What is noted would be recalled for ever, also when it can be read again."""
    world.ask([make_event("CreateAccount", {"address": world.name(), "comment": "x" * 1500}) for _ in range(3)])
    world.settle()
    world.worker.stop()
    before, end = world.state(), committed(world)
    world.set_offsets({0: end - 3})
    world.worker.write_settings(limits__event_bytes="1KiB", limits__string_bytes="1KiB")
    world.worker.start()
    wait_until(lambda: committed(world) == end, what="read again")
    world.worker.stop()
    world.worker.write_settings(limits__event_bytes="256KiB", limits__string_bytes="64KiB")
    world.worker.start()
    assert world.state() == before
    assert world.database.value("SELECT count(*) FROM provd.record_outcome WHERE code = 'TOO_LARGE'") == 0


def test_every_batch_writes_its_fence_also_when_all_of_it_is_known(world):
    """Only a writing commit waits for a standby, and shows a worker that lost its partition."""
    world.settle()
    world.worker.stop()
    end = world.fences()[0]["next_offset"]
    world.set_offsets({0: end - 2})
    world.database.rows(
        "CREATE TABLE provd.fence_write (by text, epoch int8);"
        " CREATE FUNCTION provd.note_write() RETURNS trigger SECURITY DEFINER LANGUAGE plpgsql AS $$ BEGIN"
        " INSERT INTO provd.fence_write VALUES (CASE WHEN NEW.owner_epoch > OLD.owner_epoch THEN 'assignment'"
        " WHEN NEW.updated_at > OLD.updated_at THEN 'batch' ELSE 'note' END, NEW.owner_epoch); RETURN NULL; END $$;"
        " CREATE TRIGGER note_write AFTER UPDATE ON provd.fence FOR EACH ROW EXECUTE FUNCTION provd.note_write()"
    )
    world.worker.start()
    wait_until(lambda: committed(world) == end, what="read again")
    writes = world.database.rows("SELECT by FROM provd.fence_write")
    assert ("assignment",) in writes and ("batch",) in writes


def test_a_member_that_the_group_has_dropped_publishes_nothing(make_world):
    """Its machine stands still between its two commits, and its partition goes to another one, who publishes the batch.

    When it goes on it first learns that it is nobody any more: what it takes to Kafka then is who it was.
    """
    world = make_world(partitions=1).start()
    lane = start_with_failpoint(world, f"before_send_offsets=sleep-{SLOW_S * 1000}")
    sources = world.send([create(world)])
    wait_until(lambda: world.account_count() == 1, what="committed in the database")
    os.kill(lane, signal.SIGSTOP)
    world.worker.set_failpoints("")
    other = world.make_worker().start(wait=False)
    world.answers(sources)
    os.kill(lane, signal.SIGCONT)
    wait_until(lambda: "partitions lost" in world.worker.log_text(), what="the slow one lets go of it")
    assert other.is_running()
    world.check()


def test_a_fail_point_can_be_set_by_the_environment(make_world):
    """Until there is a file, which says that it is over."""
    world = make_world(partitions=1, environment={"PROVD_FAILPOINTS": "after_commit=kill"}).start(found=False)
    victim = world.worker.lane_pids()
    sources = world.send([make_event("CreateContext", {"name": "acme"})])
    wait_until(lambda: '"how":"signal 9, Killed"' in world.worker.log_text(), what="the lane is killed there")
    assert not set(victim) & set(world.worker.lane_pids())
    world.worker.set_failpoints("")
    assert [result["status"] for result in world.answers(sources)] == ["APPLIED"]
    world.check()
