"""Topics of the test's own, read and written with a client that is not ours."""
import dataclasses
import socket
import struct
import uuid

from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    KafkaError,
    KafkaException,
    Producer,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient, NewTopic

from support.waiting import wait_until

ADMIN_LIMIT_S = 30
SILENCE_LIMIT_S = 30.0
# What a group's coordinator says, or who is asked for one, until it takes an offset from outside.
NOT_YET = (
    KafkaError.UNKNOWN_MEMBER_ID, KafkaError.REBALANCE_IN_PROGRESS, KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
    KafkaError.COORDINATOR_NOT_AVAILABLE, KafkaError.NOT_COORDINATOR, KafkaError._WAIT_COORD,
)  # fmt: skip
DELETE_RECORDS = 21  # number of the request in Kafka's protocol


@dataclasses.dataclass(frozen=True)
class Topics:
    """The four topics of one worker, and names that belong to them alone."""

    prefix: str
    partitions: int

    @property
    def events(self):
        return self.prefix + ".events"

    @property
    def results(self):
        return self.prefix + ".results"

    @property
    def changes(self):
        return self.prefix + ".changes"

    @property
    def dlq(self):
        return self.prefix + ".dlq"

    @property
    def group(self):
        return self.prefix + ".group"

    def all(self):
        return [self.events, self.results, self.changes, self.dlq]


class Kafka:
    """A thin client of one cluster. `client` are further librdkafka settings (TLS, SASL)."""

    def __init__(self, brokers, **client):
        self._conf = {"bootstrap.servers": brokers, **client}
        self.admin = AdminClient(self._conf)

    def create_topics(self, partitions=3, prefix=None):
        topics = Topics(prefix or f"test-{uuid.uuid4().hex[:12]}", partitions)
        self.create(topics.all(), partitions)
        return topics

    def create(self, names, partitions, **config):
        """Until whoever asks the broker finds them: it hears of a topic a moment after the controller has made it."""
        new = [NewTopic(name, partitions, 1, config=config) for name in names]
        _await_all(self.admin.create_topics(new, operation_timeout=ADMIN_LIMIT_S))
        wait_until(lambda: all(self._is_known(name, partitions) for name in names), what=f"topics {names} are known")

    def _is_known(self, name, partitions):
        """With a leader for each partition."""
        found = _patiently(lambda: self.admin.list_topics(name, timeout=ADMIN_LIMIT_S)).topics[name]
        led = [place for place in found.partitions.values() if place.error is None and place.leader >= 0]
        return found.error is None and len(led) == partitions

    def delete(self, names):
        _await_all(self.admin.delete_topics(list(names), operation_timeout=ADMIN_LIMIT_S))

    def produce(self, topic, records):
        """Writes records and returns their (partition, offset) in the same order.

        A record is a dict of Producer.produce's arguments: key, value, headers, partition, timestamp.
        """
        written = [None] * len(records)
        producer = Producer({**self._conf, "enable.idempotence": True, "linger.ms": 5})
        for index, record in enumerate(records):
            producer.produce(topic, on_delivery=_remember(written, index), **record)
            producer.poll(0)
        assert producer.flush(ADMIN_LIMIT_S) == 0, f"{topic}: some records were not acknowledged"
        return written

    def read(self, topic, isolation="read_committed"):
        """All messages of the topic that are there now, partition by partition."""
        consumer = Consumer(
            {
                **self._conf,
                "group.id": f"read-{uuid.uuid4().hex}",
                "enable.auto.commit": False,
                "enable.partition.eof": True,
                "fetch.wait.max.ms": 10,  # what comes later is not waited for
                "isolation.level": isolation,
            }
        )
        try:
            return _read_to_the_end(consumer, topic)
        finally:
            consumer.close()

    def committed(self, group, topic):
        """partition -> next offset of a consumer group; a partition without one is absent."""
        consumer = Consumer({**self._conf, "group.id": group, "enable.auto.commit": False})
        try:
            wanted = [TopicPartition(topic, number) for number in _partitions(consumer, topic)]
            found = _patiently(lambda: consumer.committed(wanted, timeout=ADMIN_LIMIT_S))
            return {place.partition: place.offset for place in found if place.offset >= 0}
        finally:
            consumer.close()

    def commit(self, group, topic, offsets):
        """Sets the group's next offsets by partition, as an operator would; nobody may be in the group."""
        consumer = Consumer({**self._conf, "group.id": group, "enable.auto.commit": False})
        places = [TopicPartition(topic, number, offset) for number, offset in offsets.items()]
        try:
            wait_until(lambda: _commit(consumer, places), what=f"offsets of {group} set")
        finally:
            consumer.close()

    def delete_records(self, topic, partition, before):
        """Moves the start of a partition's log, as retention does. The library has no call for it: the request is
        written by hand (DeleteRecords, version 1), to the one broker that the stack has."""
        client, name = b"pytest", topic.encode()
        body = struct.pack(">hhih", DELETE_RECORDS, 1, 1, len(client)) + client
        body += struct.pack(">ih", 1, len(name)) + name
        body += struct.pack(">iiqi", 1, partition, before, ADMIN_LIMIT_S * 1000)
        host, _, port = self._conf["bootstrap.servers"].partition(":")
        with socket.create_connection((host, int(port)), ADMIN_LIMIT_S) as broker:
            broker.sendall(struct.pack(">i", len(body)) + body)
            answer = broker.makefile("rb")
            (length,) = struct.unpack(">i", answer.read(4))
            low, error = struct.unpack(">qh", answer.read(length)[-10:])
        assert (low, error) == (before, 0), f"{topic}/{partition}: log starts at {low}, error {error}"

    def end_offsets(self, topic):
        """partition -> offset after its last record."""
        consumer = Consumer({**self._conf, "group.id": f"ends-{uuid.uuid4().hex}"})
        try:
            places = [TopicPartition(topic, number) for number in _partitions(consumer, topic)]
            return {
                place.partition: end_offset(consumer, place)
                for place in places
            }
        finally:
            consumer.close()


def end_offset(consumer, place):
    """The offset after the last record of a partition."""
    return _patiently(lambda: consumer.get_watermark_offsets(place, timeout=ADMIN_LIMIT_S))[1]


def _patiently(ask):
    """The answer to a question to a broker that may have come back this moment: it says for a while that it is not in
    charge, or nothing at all."""

    def answered():
        try:
            return (ask(),)
        except KafkaException as error:
            raise AssertionError(str(error)) from error

    return wait_until(answered, ADMIN_LIMIT_S, "the broker answers")[0]


def _commit(consumer, places):
    """False while the group still has members, or nobody who is in charge of it yet."""
    try:
        consumer.commit(offsets=places, asynchronous=False)
    except KafkaException as error:
        if error.args[0].code() in NOT_YET:
            return False
        raise
    return True


def _await_all(futures):
    for future in futures.values():
        future.result(ADMIN_LIMIT_S)


def _remember(written, index):
    def delivered(error, message):
        if error is not None:
            raise KafkaException(error)
        written[index] = (message.partition(), message.offset())

    return delivered


def _partitions(consumer, topic):
    """Of a topic that is there; a broker that has come back this moment may say for a while that it is not."""

    def found():
        told = _patiently(lambda: consumer.list_topics(topic, timeout=ADMIN_LIMIT_S)).topics[topic]
        assert told.error is None, f"{topic}: {told.error}"
        return told.partitions

    return sorted(wait_until(found, what=f"partitions of {topic}"))


def _read_to_the_end(consumer, topic):
    numbers = _partitions(consumer, topic)
    consumer.assign([TopicPartition(topic, number, OFFSET_BEGINNING) for number in numbers])
    by_partition = {number: [] for number in numbers}
    unfinished = set(by_partition)
    while unfinished:
        message = consumer.poll(SILENCE_LIMIT_S)
        assert message is not None, f"{topic}: partitions {unfinished} silent for {SILENCE_LIMIT_S:g} s"
        if message.error() is None:
            by_partition[message.partition()].append(message)
        elif message.error().code() == KafkaError._PARTITION_EOF:
            unfinished.discard(message.partition())
        else:
            raise KafkaException(message.error())
    return [message for number in sorted(by_partition) for message in by_partition[number]]
