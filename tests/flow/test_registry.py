"""With a Schema Registry: framings, versions side by side, a registry that is away, lost, or guarded."""
import base64
import json
import uuid

import pytest

from support.avro_schema import versions
from support.events import EVENT, confluent, confluent_guid, confluent_prefix, event_record, make_event, single_object
from support.fake_registry import FakeRegistry
from support.provd import STOP_LIMIT_S
from support.registry import Registry, register_all
from support.waiting import stays_true, wait_until

WRONG_CONFIGURATION = 78
USER, PASSWORD = "provd", "hush-registry-5150"
AUTHORIZATION = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()


@pytest.fixture(scope="module")
def fake(stack):
    made = FakeRegistry(stack.registry_url, AUTHORIZATION)
    yield made
    made.close()


@pytest.fixture(scope="module")
def world(make_world, fake, stack):
    """Results are framed with the registry's ids; the registry wants a user and a password."""
    made = make_world(
        settings={"registry.url": fake.url, "registry.username": USER, "registry.password": PASSWORD, "schemas.bare": ""}
    )
    made.secrets.append(PASSWORD)
    made.ids = register_all(Registry(stack.registry_url), made.topics)
    made.framing = confluent(made.ids["ProvisioningEvent"][-1])
    return made.start()


@pytest.fixture(scope="module", autouse=True)
def contract_holds_at_the_end(world):
    yield
    world.check()


@pytest.fixture(autouse=True)
def registry_is_well_afterwards(fake):
    yield
    fake.mood = "well"


def create(world):
    return make_event("CreateAccount", {"address": world.name()})


def test_results_are_framed_with_the_ids_of_the_registry(world):
    (published,) = world.published(world.send([create(world)]))
    assert published.said["status"] == "APPLIED"
    assert published.value.startswith(confluent_prefix(world.ids["ProvisioningResult"][-1]))


def test_two_versions_of_the_schema_side_by_side(world):
    """Old senders go on while new ones have come; and single-object records in between."""
    oldest, newest = versions("ProvisioningEvent")[0], versions("ProvisioningEvent")[-1]
    ids = world.ids["ProvisioningEvent"]
    records = []
    for number in range(12):
        schema, schema_id = ((oldest, ids[0]), (newest, ids[-1]))[number % 2]
        framing = single_object if number % 3 == 0 else confluent(schema_id)
        records.append(event_record(create(world), framing, schema))
    results = world.ask(records, partition=0)
    assert {result["status"] for result in results} == {"APPLIED"}


def test_the_same_event_in_another_framing_is_a_duplicate_not_a_forgery(world):
    event = create(world)
    oldest, ids = versions("ProvisioningEvent")[0], world.ids["ProvisioningEvent"]
    results = world.ask(
        [
            event_record(event, confluent(ids[-1])),
            event_record(event, confluent(ids[0]), oldest),
            event_record(event, single_object),
        ]
    )
    assert [result["status"] for result in results] == ["APPLIED", "DUPLICATE", "DUPLICATE"]


def test_the_framing_with_a_guid_in_a_header(world, fake):
    guid = uuid.uuid4()
    fake.guids[guid] = versions("ProvisioningEvent")[0]
    record = event_record(create(world), confluent_guid(guid), versions("ProvisioningEvent")[0])
    (result,) = world.ask([record])
    assert result["status"] == "APPLIED"


def test_a_guid_that_the_registry_does_not_know_is_a_dead_letter(world):
    header = ("__value_schema_id", b"\x01" + uuid.uuid4().bytes)
    neighbour = create(world)
    letter, result = world.ask([{"key": b"k", "value": EVENT.encode(create(world)), "headers": [header]}, neighbour])
    assert letter.stage == "SCHEMA" and result["status"] == "APPLIED"


def test_an_id_that_the_registry_does_not_know_is_a_dead_letter_in_the_end(world):
    unknown = {"key": b"k", "value": confluent_prefix(2_000_000_001) + EVENT.encode(create(world))}
    letter, result = world.ask([unknown, create(world)], partition=1)
    assert (letter.stage, letter.code) == ("SCHEMA", "UNKNOWN_SCHEMA") and result["status"] == "APPLIED"


def test_a_lane_that_waits_for_a_schema_serves_its_group(make_world, fake, stack):
    """It asks again each second, whatever other pauses are, and partitions can be moved meanwhile."""
    settings = {"registry.url": fake.url, "registry.username": USER, "registry.password": PASSWORD,
                "registry.not_found_after": "10m", "retry.backoff": "2s", "retry.backoff_max": "20s"}  # fmt: skip
    world = make_world(partitions=2, settings=settings)
    world.framing = confluent(register_all(Registry(stack.registry_url), world.topics)["ProvisioningEvent"][-1])
    world.start()
    guid, schema = uuid.uuid4(), versions("ProvisioningEvent")[0]
    early = world.send([event_record(create(world), confluent_guid(guid), schema)], partition=0)
    wait_until(lambda: "no schema" in world.worker.get("/readyz").text, what="/readyz names the schema")
    world.make_worker().start(wait=False)
    (result,) = world.ask([create(world)], partition=1)
    assert result["status"] == "APPLIED"
    assert world.outputs.wait_for(early, 0), "the other partition still waits"
    fake.guids[guid] = schema
    (result,) = world.answers(early)
    assert result["status"] == "APPLIED", "as soon as the schema is there"
    log = [json.loads(line) for line in world.worker.log_text().splitlines()]
    pauses = [line["wait_ms"] for line in log if line["message"] == "trying again" and line["stage"] == "decode"]
    assert pauses and max(pauses) <= 1000
    world.check()


def test_random_ids_do_not_become_an_attack_on_the_registry(world, fake):
    value = confluent_prefix(2_000_000_002) + EVENT.encode(create(world))
    world.ask([{"key": b"k", "value": value}])
    before = len(fake.asked)
    world.ask([{"key": b"k", "value": value}] * 20)
    assert len(fake.asked) - before <= 2, "the answer 404 is remembered"


def test_a_registry_that_is_away_is_waited_for(world, fake, stack):
    """Its schema is not known yet: no dead letter; everything goes on when it is back, without a person."""
    newer = Registry(stack.registry_url).register(f"test-{uuid.uuid4().hex}-value", versions("ProvisioningEvent")[0])
    world.worker.stop()
    world.worker.start()  # it has forgotten all schemas but its own
    fake.mood = "away"
    sources = world.send([event_record(create(world), confluent(newer), versions("ProvisioningEvent")[0])])
    wait_until(lambda: "registry" in world.worker.get("/readyz").text.lower(), what="/readyz names the registry")
    stays_true(lambda: not world.outputs.wait_for(sources, 0.2) == set(), for_s=0.5, what="no answer yet")
    fake.mood = "well"
    (result,) = world.answers(sources)
    assert result["status"] == "APPLIED"
    wait_until(lambda: world.worker.get("/readyz").ok, what="ready again")


def test_known_schemas_need_no_registry(world, fake):
    world.ask([create(world)])
    fake.mood = "away"
    (result,) = world.ask([create(world)])
    assert result["status"] == "APPLIED"


def test_a_registry_that_is_away_at_the_start_is_waited_for(world, fake):
    world.worker.stop()
    fake.mood = "away"
    world.worker.start(wait=False)
    sources = world.send([create(world)])
    wait_until(lambda: "registry" in world.worker.get("/readyz").text.lower(), what="/readyz names the registry")
    fake.mood = "well"
    (result,) = world.answers(sources)
    assert result["status"] == "APPLIED"


def test_an_unregistered_result_schema_says_what_to_do(make_world, fake):
    world = make_world(settings={"registry.url": fake.url, "registry.username": USER, "registry.password": PASSWORD})
    world.secrets.append(PASSWORD)
    world.worker.start(wait=False)
    world.worker.may_end_with = WRONG_CONFIGURATION
    assert world.worker.process.wait(STOP_LIMIT_S) == WRONG_CONFIGURATION
    assert "provctl schema register" in world.worker.log_text(), "the log names the command that helps"
