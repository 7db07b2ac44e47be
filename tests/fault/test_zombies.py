"""Processes that are dead without knowing it, and parents that die before their lanes."""
import os
import signal

import pytest

from support.provd import process_state
from support.traffic import Traffic
from support.waiting import wait_until

# Where a worker is frozen: in each stage, and between the two commits.
FREEZE_POINTS = ("after_consume", "after_prepare", "after_commit", "before_send_offsets", "before_kafka_commit")
# There only the epoch in the fence can stop it; before, it hears of its loss when it reads ahead, and later the group
# tells it. Its batch is not full, or its transaction could be open already, and the server would have ended that.
BEFORE_APPLY = ("after_prepare",)
RECORDS = 60
BATCH = 30


@pytest.fixture(scope="module")
def frozen(make_world):
    """point -> a world whose first worker was frozen there, as by a paused machine, until another had taken over."""
    worlds = {
        point: make_world(settings={"batch.max_events": 10 * RECORDS if point in BEFORE_APPLY else BATCH})
        for point in FREEZE_POINTS
    }
    for number, (point, world) in enumerate(worlds.items()):
        world.traffic = Traffic(world, 100 + number)
        world.start()
        hits = int(world.worker.metric("provd_batch_events_count"))
        world.worker.set_failpoints(f"{point}=stop:{'*' if point in BEFORE_APPLY else hits + 2}")
        world.sources = world.send(world.traffic.records(RECORDS))
    for point, world in worlds.items():
        wait_until(lambda: all(is_stopped(pid) for pid in world.worker.lane_pids()), what=f"frozen at {point}")
        world.worker.set_failpoints("")
        world.worker.freeze()
        world.successor = world.make_worker().start(wait=False)
    for world in worlds.values():
        world.answers(world.sources)
        world.epochs = world.fences()
        world.worker.thaw()
    yield worlds


def is_stopped(pid):
    return process_state(pid) == "T"


@pytest.mark.parametrize("point", FREEZE_POINTS)
def test_a_zombie_writes_nothing(frozen, point):
    """It wakes up with a batch in its hands that somebody else has finished meanwhile."""
    world = frozen[point]
    wait_until(lambda: world.worker.metric("provd_lanes", state="running") == 1, what="the zombie is a member again")
    if point in BEFORE_APPLY:
        wait_until(lambda: "has another owner now" in world.worker.log_text(), what="the epoch in the fence has stopped it")
    world.ask(world.traffic.records(RECORDS))
    world.check()


def test_lanes_follow_their_parent_into_death(make_world):
    world = make_world(settings={"lanes": 2, "batch.max_events": 20})
    world.start()
    traffic = Traffic(world, 7)
    world.send(traffic.records(RECORDS))
    lanes = world.worker.kill_parent()
    assert len(lanes) == 2
    wait_until(lambda: not any(is_alive(pid) for pid in lanes), what="the lanes are gone")
    world.send(traffic.records(RECORDS))
    world.worker.start()
    world.check()


def is_alive(pid):
    """Nor is what nobody has collected: in a container without an init dead orphans stay."""
    return process_state(pid) not in (None, "Z")


def test_a_lane_that_gets_sigkill_is_replaced_while_the_other_works_on(make_world):
    world = make_world(settings={"lanes": 2, "batch.max_events": 20})
    world.start()
    traffic = Traffic(world, 8)
    for _ in range(3):
        world.send(traffic.records(RECORDS))
        victim = world.worker.kill_lane(index=0)
        wait_until(lambda: victim not in world.worker.lane_pids(), what="one lane dead")
        world.send(traffic.records(RECORDS))
    world.check()
    wait_until(lambda: len(world.worker.lane_pids()) == 2, what="two lanes again")


def test_sigterm_in_the_middle_of_work(make_world):
    world = make_world(settings={"lanes": 2, "batch.max_events": 5})
    world.start()
    traffic = Traffic(world, 9)
    for _ in range(2):
        world.send(traffic.records(3 * RECORDS))
        assert world.worker.stop() == 0
        world.worker.start()
    world.check()


def test_sigterm_while_a_lane_hangs_ends_within_the_bound(make_world):
    world = make_world(settings={"shutdown.timeout": "2s"})
    world.start()
    for pid in world.worker.lane_pids():
        os.kill(pid, signal.SIGSTOP)
    world.worker.stop(limit_s=15)
    world.worker.start()
    world.send(Traffic(world, 10).records(RECORDS))
    world.check()
