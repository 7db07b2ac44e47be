"""topics plan and ensure, on a real broker."""
import uuid

import pytest
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import ConfigResource

from support.kafka import Topics
from support.waiting import wait_until

DATA, UNAVAILABLE = 65, 69


@pytest.fixture
def missing(kafka, provctl):
    """(provctl, topics) with names of topics that are not there; they are deleted afterwards."""
    topics = Topics(f"test-{uuid.uuid4().hex[:12]}", 3)
    names = {f"kafka__topics__{name}": getattr(topics, name) for name in ("events", "results", "changes", "dlq")}
    yield provctl.having(**names), topics
    there = set(kafka.admin.list_topics(timeout=30).topics)
    if left := there.intersection(topics.all()):
        kafka.delete(left)


def settings_of(kafka, topic):
    """A broker hears of a topic a moment after the controller has made it."""

    def settings():
        (future,) = kafka.admin.describe_configs([ConfigResource("topic", topic)]).values()
        try:
            return {name: entry.value for name, entry in future.result(30).items()}
        except KafkaException as error:
            if error.args[0].code() != KafkaError.UNKNOWN_TOPIC_OR_PART:
                raise
            return None

    return wait_until(settings, what=f"the broker knows {topic}")


ONE_COPY = ("--partitions", 3, "--replication", 1)


def test_plan_names_what_is_missing_and_makes_nothing(missing, kafka):
    provctl, topics = missing
    rows = provctl("topics", "plan", *ONE_COPY, "-o", "json", code=DATA).json
    assert {row["topic"] for row in rows} == set(topics.all()) and {row["state"] for row in rows} == {"missing"}
    assert not set(kafka.admin.list_topics(timeout=30).topics).intersection(topics.all())


def test_ensure_makes_them_as_planned_and_a_second_time_nothing(missing, kafka):
    provctl, topics = missing
    assert {row["state"] for row in provctl("topics", "ensure", *ONE_COPY, "-o", "json").json} == {"made"}
    assert {row["state"] for row in provctl("topics", "ensure", *ONE_COPY, "-o", "json").json} == {"ok"}
    assert {row["state"] for row in provctl("topics", "plan", *ONE_COPY, "-o", "json").json} == {"ok"}
    for topic in topics.all():
        settings = settings_of(kafka, topic)
        assert settings["cleanup.policy"] == "delete"
        assert int(settings["max.message.bytes"]) > 256 * 1024  # the largest event and its headers
    assert len(kafka.admin.list_topics(topics.events, timeout=30).topics[topics.events].partitions) == 3


def test_retention_is_as_wished(missing, kafka):
    provctl, topics = missing
    provctl("topics", "ensure", *ONE_COPY, "--events-retention", "36h", "--dlq-retention", "2d")
    assert settings_of(kafka, topics.events)["retention.ms"] == str(36 * 3600 * 1000)
    assert settings_of(kafka, topics.dlq)["retention.ms"] == str(48 * 3600 * 1000)


def test_a_dry_run_makes_nothing(missing, kafka):
    provctl, topics = missing
    assert "would be made" in provctl("topics", "ensure", *ONE_COPY, "--dry-run").out
    assert not set(kafka.admin.list_topics(timeout=30).topics).intersection(topics.all())


def test_what_differs_is_shown_and_left_alone(provctl, kafka, topics):
    def are_shown():  # brokers learn of new topics one after the other
        rows = provctl("topics", "plan", "--partitions", 5, "--replication", 1, "-o", "json", code=DATA).json
        partitions = [row for row in rows if row["setting"] == "partitions"]
        return {(row["state"], row["is"], row["wanted"]) for row in partitions} == {("differs", "3", "5")}

    wait_until(are_shown)
    provctl("topics", "ensure", "--partitions", 5, "--replication", 1)
    assert len(kafka.admin.list_topics(topics.events, timeout=30).topics[topics.events].partitions) == 3


def test_more_copies_than_brokers_are_refused_by_name(missing):
    provctl, topics = missing
    ran = provctl("topics", "ensure", "--partitions", 3, "--replication", 3, code=UNAVAILABLE)
    assert topics.events in ran.out and "failed" in ran.out and "brokers" in ran.out
