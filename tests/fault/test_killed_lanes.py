"""kill -9 of a lane at every fail point: after the restart nothing is lost and nothing doubled.

All points are hit at the same time, each in a world of its own, since what takes long is to wait until the group has
forgotten the dead lane.
"""
import pytest

from support.traffic import Traffic
from support.waiting import wait_until

FAIL_POINTS = (
    "after_consume",
    "after_prepare",
    "in_transaction",
    "before_commit",
    "after_commit",
    "before_send_offsets",
    "after_send_offsets",
    "before_kafka_commit",
    "after_kafka_commit",
)
RECORDS = 120
HITS_BEFORE = 2  # so that it dies with batches behind it


@pytest.fixture(scope="module")
def struck(make_world):
    """fail point -> a world whose lane was killed there in the middle of its work."""
    worlds = {}
    for number, point in enumerate(FAIL_POINTS):
        worlds[point] = make_world(settings={"batch.max_events": 30})
        worlds[point].traffic = Traffic(worlds[point], number)
    for world in worlds.values():
        world.worker.start(wait=False)
    for point, world in worlds.items():
        world.worker.wait_ready()
        world.found("acme", "example.org")
        world.victims = world.worker.lane_pids()
        world.worker.set_failpoints(f"{point}=kill:{hits_so_far(world) + HITS_BEFORE}")
        world.send(world.traffic.records(RECORDS))
    for point, world in worlds.items():
        wait_until(lambda: dead(world), what=f"lane dead at {point}")
        world.worker.set_failpoints("")
        world.send(world.traffic.records(RECORDS))
    return worlds


def hits_so_far(world):
    """Batches that the lane has had, which is how often it passed every point."""
    return int(world.worker.metric("provd_batch_events_count"))


def dead(world):
    return not set(world.victims) & set(world.worker.lane_pids())


@pytest.mark.parametrize("point", FAIL_POINTS)
def test_a_lane_killed_there_loses_and_doubles_nothing(struck, point):
    world = struck[point]
    world.check()
    assert world.worker.metric("provd_lane_restarts_total") >= 1


@pytest.mark.parametrize("point", ["after_commit", "before_kafka_commit"])
def test_what_was_committed_before_the_death_was_published_from_the_ledger(struck, point):
    """The batch in hand was in PostgreSQL and not in Kafka: its results are those stored before the death."""
    log = struck[point].worker.log_text()
    assert '"decision":"reread"' in log
