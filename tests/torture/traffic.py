"""Random life-cycle traffic from several producers, with their duplicates and retries in another order.

Islands are random histories of the oracle (tests/oracle), each in contexts and domains of its own and on one partition,
so that it is known in which order the worker must apply them. The crowd is what has no such order: many partitions
create, limit and delete the same accounts of one domain at once. Which records there are, and in which order, follows
from the seed; not so the day, the keys that secrets are sealed with, and the moment at which each is sent.
"""
import itertools
import random
import time

from confluent_kafka import Producer

from oracle.histories import DAY_US, SEALED, SECOND_US, Island, Writer
from oracle.surroundings import Real
from oracle.words import travelling_event
from support.events import event_record, make_event, uuid7
from torture.arena import KEY_ID, PARTITIONS

PRODUCERS = 3
ISLANDS_AT_ONCE = 10
LATEST_DAYS = 72  # histories look that far ahead of their beginning, and no record may be of the future
REMEMBERED = 12
FLUSH_LIMIT_S = 60
CROWD_CONTEXT = "acme"
CROWD_DOMAIN = "example.org"


def first_day_us():
    return time.time_ns() // 1000 // DAY_US * DAY_US - LATEST_DAYS * DAY_US


class Traffic:
    """Sends a script, so many records a second."""

    def __init__(self, arena, seed, events_per_second):
        self._world, self._rate = arena.world, events_per_second
        self._key = arena.key
        self.script = Script(seed, arena.world.framing, self._seal, arena.requester.public, first_day_us())
        arena.world.secrets += self.script.secrets
        arena.world.hashes |= set(self.script.hashes)
        settings = {"bootstrap.servers": arena.stack.brokers, "enable.idempotence": True, "linger.ms": 2}
        self._producers = [Producer(settings) for _ in range(PRODUCERS)]
        self._refused = []
        self.sent = 0
        self._allowed = 0.0
        self._last = time.monotonic()

    def turn(self):
        """Sends what has become due."""
        now = time.monotonic()
        self._allowed += (now - self._last) * self._rate
        self._last = now
        while self._allowed >= 1:
            records = self.script.next()
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

    def _seal(self, text):
        return {"key_id": KEY_ID, "ciphertext": self._key.seal(text)}

    def unseal(self, key_id, ciphertext):
        try:
            return self._key.open(ciphertext) if key_id == KEY_ID else None
        except AssertionError:
            return None


class Script:
    """All that is sent. The same seed, epoch, seal and key make the same records."""

    def __init__(self, seed, framing, seal, requester_key, epoch_us):
        self._seed, self._framing, self._seal, self._requester_key = seed, framing, seal, requester_key
        self._epoch_us = epoch_us
        self._chance, self._numbers = random.Random(f"{seed}/traffic"), itertools.count(1)
        self._open, self.islands = [], []
        self._crowd = Crowd(random.Random(f"{seed}/crowd"), seal, epoch_us)
        self.hashes = self._crowd.hashes
        self.secrets = [*SEALED, *self._crowd.passwords, *self.hashes]

    def next(self):
        """Records of one turn: the next of an island, a retry of its last ones, or something of the crowd."""
        dice = self._chance.random()
        if dice < 0.25:
            return self._crowd.records(self._framing)
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
                record = event_record(travelling_event(event, self._seal, self._requester_key), self._framing)
            except ValueError:
                continue
            yield {**record, "partition": partition, "timestamp": event["timestamp"] // 1000}


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
    SECRETS = 4

    def __init__(self, chance, seal, epoch_us):
        self._chance, self._seal = chance, seal
        self._moments_us = itertools.count(epoch_us, SECOND_US)
        self.passwords, self.hashes = ([f"hush{chance.randbytes(16).hex()}" for _ in range(self.SECRETS)] for _ in range(2))

    def records(self, framing):
        moment_us = next(self._moments_us)
        kind, payload = self._command()
        event_id = uuid7(moment_us, self._chance)
        event = make_event(kind, payload, context=CROWD_CONTEXT, event_id=event_id, occurred_at=moment_us)
        record = {**event_record(event, framing), "timestamp": moment_us // 1000}
        partitions = self._chance.sample(range(PARTITIONS), self._chance.choice([1, 1, 1, 2, 3]))
        return [{**record, "partition": partition} for partition in partitions]

    def _command(self):
        chance = self._chance
        address = f"crowd{chance.randrange(self.ADDRESSES)}@{CROWD_DOMAIN}"
        ref = {"ref": {"address": address}}
        return chance.choice(
            [
                ("CreateAccount", {"address": address, "first_name": f"C{chance.randrange(100)}"}),
                ("CreateAccount", {"address": address, "quota_bytes": chance.choice([10, 20])}),
                ("DeleteAccount", {**ref, "mode": "PURGE"}),
                ("DeleteAccount", {**ref, "mode": "SOFT"}),
                ("RestoreAccount", ref),
                ("UpdateAccount", {**ref, "fields": ["comment"], "comment": f"note {chance.randrange(1000)}"}),
                ("SetAccountStatus", {**ref, "status": chance.choice(["LOCKED", "ACTIVE"])}),
                ("SetPassword", {**ref, "password": {"PasswordHash": {"hash": "{SSHA256}" + chance.choice(self.hashes)}}}),
                ("SetPassword", {**ref, "password": {"SealedSecret": self._seal(chance.choice(self.passwords))}}),
                ("VerifyPassword", {**ref, "secret": self._seal(chance.choice(self.passwords))}),
                ("SetQuota", {**ref, "bytes": chance.choice([10, 20, 30])}),
                ("SetQuota", {"scope": "DOMAIN", "domain": CROWD_DOMAIN, "bytes": chance.choice([10, 20])}),
                ("SetFlags", {"scope": "DOMAIN", "domain": CROWD_DOMAIN, "set_mask": 2 ** chance.randrange(4)}),
                ("UpdateDomain", {"domain": CROWD_DOMAIN, "fields": ["limits"],
                                  "limits": {"max_accounts": chance.choice([10, 20, 30])}}),
                ("ObserveLogin", {"address": address, "ip": "192.0.2.1", "protocol": "imap"}),
            ]
        )  # fmt: skip
