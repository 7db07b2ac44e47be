"""A world of the test's own: a database, four topics, a worker, and somebody who sends events and reads answers.

    account, refused = world.ask([create, create_again])
    world.check()
"""
import contextlib
import dataclasses
import itertools
import pathlib
import shutil
import tempfile

import pytest

from support.avro_schema import SCHEMAS
from support.contract import check_contract
from support.database import fresh_database
from support.events import event_record, make_event
from support.kafka import Kafka
from support.outputs import Outputs
from support.provd import Worker
from support.secrets import plant
from support.waiting import wait_until

ANSWER_LIMIT_S = 90.0
SETTLE_LIMIT_S = 120.0
CONTEXT = "acme"
DOMAIN = "example.org"
PLANTED = "planted"  # the account whose passwords are

# All that events change; what a replay must leave as it is.
STATE_TABLES = ("context", "domain", "account", "service_account", "recovery", "mail_group", "group_member",
                "change_log", "event_ledger")  # fmt: skip


class World:
    def __init__(self, stack, partitions=3, framing=None, settings=None, environment=None, label="flow", client=None):
        self._closing = contextlib.ExitStack()
        self.stack = stack
        self.database = self._closing.enter_context(fresh_database(stack.database_url, label))
        self.kafka = Kafka(stack.brokers)
        self.topics = self.kafka.create_topics(partitions)
        self._closing.callback(self.kafka.delete, self.topics.all())
        self.schemas = pathlib.Path(self._closing.enter_context(tempfile.TemporaryDirectory(prefix="provd-schemas-")))
        shutil.copytree(SCHEMAS / "history" / "ProvisioningEvent", self.schemas, dirs_exist_ok=True)
        self.framing = framing
        self.settings = {**self.base_settings(), **(settings or {})}
        self.environment = environment
        self.outputs = Outputs(stack.brokers, self.topics, client)
        self._closing.callback(self.outputs.close)
        self.workers = []
        self.secrets = []
        self.hashes = set()
        self._numbers = itertools.count(1)

    def base_settings(self):
        topics = self.topics
        return {
            "kafka.brokers": self.stack.brokers,
            "kafka.group_id": topics.group,
            "kafka.transactional_id_prefix": topics.prefix,
            "kafka.topics.events": topics.events,
            "kafka.topics.results": topics.results,
            "kafka.topics.changes": topics.changes,
            "kafka.topics.dlq": topics.dlq,
            "database.url": self.database.url_as("provd"),
            "schemas.directory": str(self.schemas),
        }

    # --- the worker ---------------------------------------------------------------------------------------------------

    def make_worker(self, environment=None, make=Worker, **settings):
        """Another worker of this world, not started, by make(settings, environment). Settings with __ for the dots."""
        settings = {path.replace("__", "."): value for path, value in settings.items()}
        name = {"worker.name": f"worker-{len(self.workers)}"}
        environment = {**(self.environment or {}), **(environment or {})}
        worker = make({**self.settings, **name, **settings}, environment)
        self.workers.append(worker)
        return worker

    @property
    def worker(self):
        """The first one, made when it is asked for."""
        return self.workers[0] if self.workers else self.make_worker()

    def start(self, found=True):
        """Starts the first worker; makes a context and a domain in it unless told otherwise."""
        self.worker.start()
        if found:
            self.found(CONTEXT, DOMAIN)
        return self

    def found(self, context, *domains, **of_context):
        """A context and its domains; in the first of all, passwords are planted."""
        made = self.ask([make_event("CreateContext", {"name": context, **of_context}, context=context)])
        if domains:
            made += self.ask([make_event("CreateDomain", {"domain": domain}, context=context) for domain in domains])
        assert {result["status"] for result in made} <= {"APPLIED"}, made
        if domains and not self.hashes:
            self.plant_passwords(context, domains[0])

    def plant_passwords(self, context, domain):
        """Of an account that is there from now on: one given, one changed, one in an event that is refused. Whatever the
        tests of this world do, these turn up nowhere else, see support/secrets.py."""
        address = f"{PLANTED}@{domain}"
        wishes = [("CreateAccount", {"address": address}, "{SSHA256}"),
                  ("SetPassword", {"ref": {"address": address}}, "{SSHA256}"),
                  ("SetPassword", {"ref": {"address": address}}, "{ROT13}")]  # fmt: skip
        answers = self.ask([
            make_event(kind, {**payload, "password": {"PasswordHash": {"hash": self.secret(scheme)}}}, context=context)
            for kind, payload, scheme in wishes
        ])  # fmt: skip
        assert [answer["status"] for answer in answers] == ["APPLIED", "APPLIED", "REJECTED"], answers

    def close(self):
        """Stops what runs, checks what was logged, and removes everything."""
        with self._closing:
            for worker in self.workers:
                code = worker.stop()
                assert code in (None, 0, worker.may_end_with), f"provd ended with {code}:\n{worker.log_tail()}"
                worker.check_log(self.secrets)
        for worker in self.workers:
            shutil.rmtree(worker.folder)

    # --- traffic ------------------------------------------------------------------------------------------------------

    def add_schema(self, schema):
        """Puts a schema into the directory that the worker reads, as an operator would."""
        fresh = self.schemas / f"{schema.fingerprint:016x}.new"
        fresh.write_text(schema.text, encoding="utf-8")
        fresh.rename(fresh.with_suffix(".avsc"))

    def name(self, stem="user"):
        """An address that nobody has used yet."""
        return f"{stem}{next(self._numbers)}@{DOMAIN}"

    def secret(self, prefix=""):
        """A secret that must turn up nowhere; with a prefix, for a hash, nowhere but in its column. See support/secrets.py."""
        planted = plant()
        self.secrets.append(planted)
        if prefix:
            self.hashes.add(planted)
        return prefix + planted

    def send(self, events, **record):
        """Sends events (dicts of make_event, or whole records) and returns their (partition, offset)."""
        records = [
            {**event, **record} if "value" in event else event_record(event, self.framing, **record) for event in events
        ]
        return self.kafka.produce(self.topics.events, records)

    def ask(self, events, limit_s=ANSWER_LIMIT_S, **record):
        """Sends and waits; the answers in the same order: results as dicts, or DeadLetter objects."""
        return self.answers(self.send(events, **record), limit_s)

    def answers(self, sources, limit_s=ANSWER_LIMIT_S):
        return [answer.said for answer in self.published(sources, limit_s)]

    def published(self, sources, limit_s=ANSWER_LIMIT_S):
        """The same with their place and headers (outputs.Published)."""
        missing = self.outputs.wait_for(sources, limit_s)
        if missing:
            tails = "\n".join(worker.log_tail() for worker in self.workers)
            raise AssertionError(f"no answer to {sorted(missing)[:5]} within {limit_s:g} s:\n{tails}")
        found = {answer.source: answer for answer in self.outputs.results if answer.said["final"]}
        found |= {letter.source: letter for letter in self.outputs.letters}
        return [found[source] for source in sources]

    def changes_of(self, source):
        """The change records of one event."""
        self.outputs.read_to_the_end()
        return [change.said for change in self.outputs.changes if change.source == source]

    # --- what became of it --------------------------------------------------------------------------------------------

    def settle(self, limit_s=SETTLE_LIMIT_S):
        """Waits until everything that was sent is committed: lag zero, without a person."""

        def behind():
            committed = self.kafka.committed(self.topics.group, self.topics.events)
            ends = self.kafka.end_offsets(self.topics.events)
            return {number: (committed.get(number, 0), end) for number, end in ends.items()
                    if committed.get(number, 0) != end}  # fmt: skip

        try:
            wait_until(lambda: not behind(), limit_s, "lag is zero")
        except AssertionError as error:
            tails = "\n".join(worker.log_tail() for worker in self.workers)
            raise AssertionError(f"{error}\n(committed, end) by partition: {behind()}\n{tails}") from error

    def set_offsets(self, offsets):
        """Sets the group's committed offsets (partition -> next offset); no worker may run."""
        self.kafka.commit(self.topics.group, self.topics.events, offsets)

    def check(self):
        check_contract(self)

    def state(self):
        """All that events have changed, to compare before and after."""
        return {table: self.database.rows(f"SELECT * FROM provd.{table} t ORDER BY t") for table in STATE_TABLES}

    def account_count(self):
        """Of those that tests have made."""
        return self.database.value("SELECT count(*) FROM provd.account WHERE address NOT LIKE %s", PLANTED + "@%")

    def fences(self):
        """partition -> its fence row as a dict."""
        names = ("fence_id", "partition", "next_offset", "owner_epoch", "published_upto", "chain_seq", "permission")
        rows = self.database.rows(f"SELECT {', '.join(names)} FROM provd.fence WHERE topic = %s", self.topics.events)
        return {row[1]: dict(zip(names, row)) for row in rows}


@dataclasses.dataclass
class MakeWorld:
    """make_world(partitions=.., framing=.., settings=.., environment=..): worlds of a module, closed at its end."""

    stack: object
    label: str
    made: list = dataclasses.field(default_factory=list)

    def __call__(self, stack=None, **options):
        self.made.append(World(stack or self.stack, label=self.label, **options))
        return self.made[-1]

    def close(self):
        for worker in (worker for world in self.made for worker in world.workers):
            worker.ask_to_stop()  # all at once: each waits for its own
        with contextlib.ExitStack() as closing:
            for world in self.made:
                closing.callback(world.close)


@pytest.fixture(scope="module")
def make_world(stack, request):
    maker = MakeWorld(stack, request.module.__name__.rsplit(".", 1)[-1])
    yield maker
    maker.close()


@pytest.fixture(scope="module")
def world(make_world):
    """One world for the module: a worker with one lane, the context "acme" and the domain "example.org"."""
    return make_world().start()
