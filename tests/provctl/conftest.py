"""Fixtures of the tests of provctl."""
import pathlib

import pytest

from support.provctl import PROVCTL, Provctl
from support.waiting import wait_until


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
    # A topic that was just made is not in the broker's metadata at once.
    wait_until(lambda: set(topics.all()) <= set(kafka.admin.list_topics(timeout=30).topics))
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
