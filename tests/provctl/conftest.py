"""Fixtures of the tests of provctl."""
import pathlib

import pytest

from support.provctl import PROVCTL, Provctl


@pytest.fixture(scope="session", autouse=True)
def binary_exists():
    assert pathlib.Path(PROVCTL).is_file(), f"{PROVCTL} is missing: build it, or set PROVCTL_BIN"


@pytest.fixture
def offline():
    """provctl without any setting."""
    return Provctl()


@pytest.fixture
def provctl(stack, topics):
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
