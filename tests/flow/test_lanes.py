"""Several lanes at once: the same ids, the same accounts, the same limited domain on different partitions."""
import collections
import random

import pytest

from support.events import event_record, make_event
from support.waiting import wait_until

PARTITIONS = 3


@pytest.fixture(scope="module")
def world(make_world):
    """Three lanes, small batches, so that many transactions overlap."""
    made = make_world(partitions=PARTITIONS, settings={"lanes": PARTITIONS, "batch.max_events": 10}).start()
    wait_until(lambda: lanes_at_work(made) == PARTITIONS, what="each lane has a partition")
    return made


def lanes_at_work(world):
    """How many lanes have answered one of a few events on all partitions."""
    events = [make_event("DeleteContext", {"name": "nobody"}) for _ in range(PARTITIONS)]
    results = world.ask([event_record(event, partition=number) for number, event in enumerate(events)])
    return len({result["worker"] for result in results})


@pytest.fixture(autouse=True)
def contract_holds_after_each(world):
    yield
    world.check()


def spread(events):
    """Each event on each partition."""
    return [event_record(event, partition=number) for event in events for number in range(PARTITIONS)]


def test_lanes_share_the_partitions(world):
    assert lanes_at_work(world) == PARTITIONS
    assert world.worker.metric("provd_lanes", state="running") == PARTITIONS
    assert world.worker.metric("provd_assigned_partitions") == PARTITIONS


def test_the_same_ids_on_all_lanes_at_once(world):
    """Whichever commits first is the first; exactly one is applied, nothing is refused."""
    events = [make_event("CreateAccount", {"address": world.name()}) for _ in range(120)]
    results = world.ask(spread(events))
    for start in range(0, len(results), PARTITIONS):
        statuses = sorted(result["status"] for result in results[start : start + PARTITIONS])
        assert statuses == ["APPLIED"] + ["DUPLICATE"] * (PARTITIONS - 1)


def test_different_ids_for_the_same_address_on_all_lanes_at_once(world):
    names = [world.name() for _ in range(80)]
    events = [
        event_record(make_event("CreateAccount", {"address": name}), partition=number)
        for name in names
        for number in range(PARTITIONS)
    ]
    results = world.ask(events)
    for start in range(0, len(results), PARTITIONS):
        statuses = sorted(result["status"] for result in results[start : start + PARTITIONS])
        assert statuses == ["APPLIED"] + ["NO_CHANGE"] * (PARTITIONS - 1)


def test_the_same_accounts_changed_by_all_lanes_at_once(world):
    """No change is lost: every applied event is one step of the version."""
    names = [world.name() for _ in range(4)]
    world.ask([make_event("CreateAccount", {"address": name}) for name in names])
    chance = random.Random(4)
    events = [
        event_record(
            make_event(
                "UpdateAccount",
                {"ref": {"address": chance.choice(names)}, "fields": ["comment"], "comment": f"note {number}"},
            ),
            partition=number % PARTITIONS,
        )
        for number in range(180)
    ]
    results = world.ask(events)
    assert {result["status"] for result in results} == {"APPLIED"}
    steps = collections.Counter(result["account_uuid"] for result in results)
    for uuid, version in world.database.rows("SELECT uuid::text, version FROM provd.account WHERE address = ANY(%s)", names):
        assert version == 1 + steps[uuid]


def test_a_limit_is_kept_by_all_lanes_together(world):
    domain, limit = "limited.example", 17
    world.ask([make_event("CreateDomain", {"domain": domain, "limits": {"max_accounts": limit}})])
    events = [
        event_record(make_event("CreateAccount", {"address": f"a{number}@{domain}"}), partition=number % PARTITIONS)
        for number in range(60)
    ]
    results = world.ask(events)
    codes = collections.Counter((result["status"], result["code"]) for result in results)
    assert codes == {("APPLIED", None): limit, ("REJECTED", "LIMIT_EXCEEDED"): 60 - limit}


def test_a_domain_deleted_while_accounts_are_made_in_it(world):
    """Either the domain still has accounts, or none was made: never an account without a domain."""
    for number in range(6):
        domain = f"going{number}.example"
        world.ask([make_event("CreateDomain", {"domain": domain})])
        creations = [
            event_record(make_event("CreateAccount", {"address": f"a{n}@{domain}"}), partition=n % 2) for n in range(10)
        ]
        deletion = event_record(make_event("DeleteDomain", {"domain": domain}), partition=2)
        *made, gone = world.ask([*creations, deletion])
        assert {result["code"] for result in made} <= {None, "NO_SUCH_DOMAIN"}
        assert gone["code"] in (None, "DOMAIN_NOT_EMPTY")
