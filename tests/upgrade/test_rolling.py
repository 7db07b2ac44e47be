"""A rolling upgrade: the worker before this one and this one in one group, on one database and topic, while events flow,
lanes die and workers are swapped, forwards and back. At the end the whole contract holds."""
import functools

import pytest

from support.previous import previous_worker
from support.provd import Worker
from support.traffic import Traffic
from support.waiting import wait_until

PARTITIONS = 4
LANES = 2
RECORDS = 150


def schema_version(program):
    """The number that a build was made for."""
    header = next(program.parent.rglob("schema_version.h")).read_text(encoding="ascii")
    return int(header.split("PROVD_SCHEMA_VERSION")[1].split()[0])


@pytest.fixture(scope="module")
def world(make_world):
    world = make_world(partitions=PARTITIONS, settings={"lanes": LANES, "batch.max_events": 30})
    world.traffic = Traffic(world, 5)
    return world


@pytest.fixture(scope="module")
def workers(world):
    """The old one and the new one, not started."""
    program = previous_worker()
    old_number = schema_version(program)
    if old_number < world.database.value("SELECT provd.schema_serves_from()"):
        pytest.skip(f"this release wants all workers of schema version {old_number} stopped")
    return world.make_worker(make=functools.partial(Worker, program=program)), world.make_worker()


def flow(world):
    world.send(world.traffic.records(RECORDS))


def version_of(worker):
    return worker.get("/version").json()["commit"]


def test_a_rolling_upgrade_and_the_way_back_break_nothing(world, workers):
    old, new = workers
    old.start()
    world.found("acme", "example.org")
    flow(world)
    new.start()  # both work from here on
    assert version_of(old) != version_of(new)
    flow(world)
    share_the_work(world, old, new)
    for worker in (old, new):
        worker.kill_lane(0)
        flow(world)
    world.settle()
    assert old.stop() == 0  # upgraded
    flow(world)
    old.start()  # and back, in the middle of the work
    flow(world)
    assert new.stop() == 0
    flow(world)
    new.start()
    old.kill_parent()  # the last one dies at once
    flow(world)
    world.check()


def share_the_work(world, *workers):
    """Each of them has partitions and applies events."""

    def both_have_worked():
        flow(world)
        return all(worker.metric("provd_events_total") > 0 for worker in workers)

    wait_until(both_have_worked, what="both versions have applied events")


def test_what_one_version_has_applied_the_other_knows(world, workers):
    """The whole topic once more, by the new one: every result is in the ledger, also those of the old one."""
    _, new = workers
    before, published = world.state(), len(world.outputs.results)
    new.stop()
    world.set_offsets(dict.fromkeys(range(PARTITIONS), 0))
    new.start()
    world.settle()
    world.outputs.read_to_the_end()
    assert world.state() == before and len(world.outputs.results) == published
