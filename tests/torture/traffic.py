"""Random life-cycle traffic from several producers, with their duplicates and retries in another order.

Islands are random histories of the oracle (tests/oracle), each in contexts and domains of its own and on one partition,
so that it is known in which order the worker must apply them. The crowd is what has no such order: many partitions
create, limit and delete the same accounts of one domain at once. All of it follows from the seed, but for the moment of
each record.
"""
import itertools
import random
import time

from confluent_kafka import Producer

from oracle.histories import DAY_US, Island, Writer
from oracle.surroundings import Real
from oracle.words import travelling_event
from support.events import event_record, make_event
from torture.arena import KEY_ID, PARTITIONS

PRODUCERS = 3
ISLANDS_AT_ONCE = 10
LATEST_DAYS = 72  # histories look that far ahead of their beginning, and no record may be of the future
REMEMBERED = 12
FLUSH_LIMIT_S = 60
CROWD_CONTEXT = "acme"
CROWD_DOMAIN = "example.org"


class Traffic:
    def __init__(self, arena, seed, events_per_second):
        self._world, self._rate = arena.world, events_per_second
        self._key, self._requester = arena.key, arena.requester
        self._chance = random.Random(f"{seed}/traffic")
        self._seed, self._numbers = seed, itertools.count(1)
        self._epoch_us = time.time_ns() // 1000 // DAY_US * DAY_US - LATEST_DAYS * DAY_US
        settings = {"bootstrap.servers": arena.stack.brokers, "enable.idempotence": True, "linger.ms": 2}
        self._producers = [Producer(settings) for _ in range(PRODUCERS)]
        self._refused = []
        self.islands, self._open = [], []
        self._crowd = Crowd(random.Random(f"{seed}/crowd"))
        self.sent = 0
        self._allowed = 0.0
        self._last = time.monotonic()

    def turn(self):
        """Sends what has become due."""
        now = time.monotonic()
        self._allowed += (now - self._last) * self._rate
        self._last = now
        while self._allowed >= 1:
            records = self._some()
            for record in records:
                self._produce(record)
            self._allowed -= max(len(records), 1)
        for producer in self._producers:
            producer.poll(0)
        assert not self._refused, f"Kafka refused records of ours: {self._refused[:3]}"

    def finish(self):
        for producer in self._producers:
            assert producer.flush(FLUSH_LIMIT_S) == 0, "some records were not acknowledged"

    def _produce(self, record):
        # Of one partition always the same producer: two have no order between them.
        producer = self._producers[record["partition"] % PRODUCERS]
        producer.produce(self._world.topics.events, on_delivery=self._delivered, **record)
        self.sent += 1

    def _delivered(self, error, _message):
        if error is not None:
            self._refused.append(str(error))

    def _some(self):
        """Records of one turn: the next of an island, a retry of its last ones, or something of the crowd."""
        dice = self._chance.random()
        if dice < 0.25:
            return self._crowd.records(self._world.framing)
        if dice < 0.27:
            return [{"key": b"poison", "value": self._chance.randbytes(20), "partition": self._chance.randrange(PARTITIONS)}]
        while len(self._open) < ISLANDS_AT_ONCE:
            self._open.append(self._new_island())
        story = self._chance.choice(self._open)
        if dice < 0.35:
            return story.retry(self._chance)
        records = story.next(self._chance.choice([1, 1, 1, 5, 20]))
        if not records:
            self._open.remove(story)
        return records

    def _new_island(self):
        number = next(self._numbers)
        island = Island(f"t{number}", Real(), self._epoch_us)
        self.islands.append(island)
        events = Writer(f"{self._seed}/{number}", island).history()
        return Story(self._records(events, number % PARTITIONS))

    def _records(self, events, partition):
        """Records of those that Avro can say."""
        for event in events:
            try:
                record = event_record(travelling_event(event, self._seal, self._requester.public), self._world.framing)
            except ValueError:
                continue
            yield {**record, "partition": partition, "timestamp": event["timestamp"] // 1000}

    def _seal(self, text):
        return {"key_id": KEY_ID, "ciphertext": self._key.seal(text)}

    def unseal(self, key_id, ciphertext):
        try:
            return self._key.open(ciphertext) if key_id == KEY_ID else None
        except AssertionError:
            return None


class Story:
    """The records of one island, and those that were sent last."""

    def __init__(self, records):
        self._records, self._last = records, []

    def next(self, count):
        taken = list(itertools.islice(self._records, count))
        self._last = (self._last + taken)[-REMEMBERED:]
        return taken

    def retry(self, chance):
        """A producer that did not hear an answer sends again, in any order."""
        return chance.sample(self._last, min(len(self._last), chance.randrange(1, 6)))


class Crowd:
    """Events that meet: few addresses, one domain with limits, any partition, the same event on two partitions."""

    ADDRESSES = 40

    def __init__(self, chance):
        self._chance = chance

    def records(self, framing):
        record = event_record(self._event(), framing)
        partitions = self._chance.sample(range(PARTITIONS), self._chance.choice([1, 1, 1, 2, 3]))
        return [{**record, "partition": partition} for partition in partitions]

    def _event(self):
        chance = self._chance
        address = f"crowd{chance.randrange(self.ADDRESSES)}@{CROWD_DOMAIN}"
        ref = {"ref": {"address": address}}
        kind, payload = chance.choice(
            [
                ("CreateAccount", {"address": address, "first_name": f"C{chance.randrange(100)}"}),
                ("CreateAccount", {"address": address, "quota_bytes": chance.choice([10, 20])}),
                ("DeleteAccount", {**ref, "mode": "PURGE"}),
                ("DeleteAccount", {**ref, "mode": "SOFT"}),
                ("RestoreAccount", ref),
                ("UpdateAccount", {**ref, "fields": ["comment"], "comment": f"note {chance.randrange(1000)}"}),
                ("SetAccountStatus", {**ref, "status": chance.choice(["LOCKED", "ACTIVE"])}),
                ("SetQuota", {**ref, "bytes": chance.choice([10, 20, 30])}),
                ("SetQuota", {"scope": "DOMAIN", "domain": CROWD_DOMAIN, "bytes": chance.choice([10, 20])}),
                ("SetFlags", {"scope": "DOMAIN", "domain": CROWD_DOMAIN, "set_mask": 2 ** chance.randrange(4)}),
                ("UpdateDomain", {"domain": CROWD_DOMAIN, "fields": ["limits"],
                                  "limits": {"max_accounts": chance.choice([10, 20, 30])}}),
                ("ObserveLogin", {"address": address, "ip": "192.0.2.1", "protocol": "imap"}),
            ]
        )  # fmt: skip
        return make_event(kind, payload, context=CROWD_CONTEXT)
