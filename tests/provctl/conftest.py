"""Fixtures of the tests of provctl."""
import pathlib

import pytest

from support.provctl import PROVCTL, Provctl
from support.world import World

LONG = "90s"


@pytest.fixture(scope="session", autouse=True)
def binary_exists():
    assert pathlib.Path(PROVCTL).is_file(), f"{PROVCTL} is missing: build it, or set PROVCTL_BIN"


@pytest.fixture
def offline():
    """provctl without any setting."""
    return Provctl()


@pytest.fixture
def provctl(stack, kafka, topics):
    """provctl with Kafka and topics of the test's own, without registry and database."""
    return Provctl(
        {
            "kafka.brokers": stack.brokers,
            "kafka.group_id": topics.group,
            "kafka.topics.events": topics.events,
            "kafka.topics.results": topics.results,
            "kafka.topics.changes": topics.changes,
            "kafka.topics.dlq": topics.dlq,
        }
    )


@pytest.fixture
def provctl_db(provctl, database):
    """The same, with the module's database, as the operators' role."""
    return provctl.having(database__url=database.url_as("provctl"))


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    """A directory with the worker's key k1, and the public key."""
    directory = tmp_path_factory.mktemp("keys")
    made = Provctl()("keygen", "k1", "--directory", directory, "-o", "json").json
    return directory, made["public_key"]


@pytest.fixture(scope="module")
def worker_world(stack, keys):
    world = World(stack, label="provctl_act", settings={"secrets.keys_directory": str(keys[0])})
    try:
        world.worker.start()
        yield world
    finally:
        world.close()


class Patient(Provctl):
    """Waits longer for results than people do: where everything is slow, a worker that was away for a while is back later."""

    def __call__(self, *arguments, **more):
        acts = arguments[0] in ("account", "domain", "group") and arguments[1] not in ("show", "list")
        return super().__call__(*arguments, *(["--wait", LONG] if acts and "--wait" not in arguments else []), **more)


@pytest.fixture(scope="module")
def run(worker_world):
    """provctl for this world; context acme and domain example.org are there."""
    settings = {path: value for path, value in worker_world.settings.items() if path.startswith("kafka.")}
    provctl = Patient({**settings, "database.url": worker_world.database.url_as("provctl"), "hashing.memory": "8MiB"})
    provctl("events", "send", f"--wait={LONG}", stdin='{"payload": {"CreateContext": {"name": "acme"}}}')
    provctl("domain", "add", "example.org", "--context", "acme")
    return provctl
