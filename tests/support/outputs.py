"""What a worker has published, as a read_committed reader sees it, gathered while it comes."""
import dataclasses
import time

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, TopicPartition

from support.events import DeadLetter, decode_change, decode_dead_letter, decode_result
from support.kafka import end_offset

POLL_S = 0.2
SILENCE_LIMIT_S = 30


@dataclasses.dataclass(frozen=True)
class Published:
    """One record: where it lies, its raw message, and what it says."""

    partition: int
    offset: int
    value: bytes
    message: object
    said: object  # a dict, or a DeadLetter

    @property
    def source(self):
        """(partition, offset) of the event that it is about."""
        if isinstance(self.said, DeadLetter):
            return self.said.origin[1:]
        return self.said["source"]["partition"], self.said["source"]["offset"]

    @property
    def result_id(self):
        is_letter = isinstance(self.said, DeadLetter)
        return self.said.headers["x-provd-result-id"] if is_letter else self.said["result_id"]

    def header(self, name):
        return dict(self.message.headers() or []).get(name)


class Outputs:
    """Results, change records and dead letters of one worker, in the order of their topics' partitions."""

    def __init__(self, brokers, topics, client=None):
        self._topics = topics
        self.results, self.changes, self.letters = [], [], []
        self._answered = set()
        self._lists = {
            topics.results: (self.results, lambda message: decode_result(message.value())),
            topics.changes: (self.changes, lambda message: decode_change(message.value())),
            topics.dlq: (self.letters, decode_dead_letter),
        }
        self._consumer = Consumer(
            {
                "bootstrap.servers": brokers,
                "group.id": topics.prefix + ".outputs",
                "enable.auto.commit": False,
                "enable.partition.eof": True,
                "isolation.level": "read_committed",
                "fetch.wait.max.ms": 50,
                **(client or {}),
            }
        )
        self._places = [
            TopicPartition(topic, partition, OFFSET_BEGINNING)
            for topic in self._lists
            for partition in range(topics.partitions)
        ]
        self._consumer.assign(self._places)

    def close(self):
        self._consumer.close()

    def wait_for(self, sources, deadline_s):
        """Until each (partition, offset) of `sources` has a final result or a dead letter; what is still missing."""
        end = time.monotonic() + deadline_s
        missing = set(sources) - self._answered
        while missing and time.monotonic() < end:
            missing.discard(self._take(self._consumer.poll(POLL_S)))
        return missing

    def read_to_the_end(self):
        """Takes all that is there now."""
        ends = {}
        for place in self._places:
            ends[place.topic, place.partition] = end_offset(self._consumer, place)
        self._consumer.assign(self._places)
        for taken, _ in self._lists.values():
            taken.clear()
        self._answered.clear()
        waiting = {place for place, end in ends.items() if end > 0}
        deadline = time.monotonic() + SILENCE_LIMIT_S
        while waiting:
            assert time.monotonic() < deadline, f"silent: {waiting}"
            message = self._consumer.poll(POLL_S)
            if message is not None:
                deadline = time.monotonic() + SILENCE_LIMIT_S
            if message is not None and message.error() is not None:
                waiting.discard((message.topic(), message.partition()))
            self._take(message)

    def answered(self):
        """Sources that have a final result or a dead letter."""
        return self._answered

    def _take(self, message):
        """Keeps a message; returns the source that it is the answer to, if it is one."""
        if message is None:
            return None
        if message.error() is not None:
            if message.error().code() != KafkaError._PARTITION_EOF and not message.error().retriable():
                raise KafkaException(message.error())
            return None
        taken, decode = self._lists[message.topic()]
        taken.append(Published(message.partition(), message.offset(), message.value(), message, decode(message)))
        if taken is self.changes or (taken is self.results and not taken[-1].said["final"]):
            return None
        self._answered.add(taken[-1].source)
        return taken[-1].source
