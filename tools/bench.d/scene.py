"""One measurement's surroundings: a database, topics and a worker of its own, and the clock.

Events are written in one Kafka transaction that is committed when the lanes are connected and idle: all of them are in
the topic when the clock starts, and no start-up or rebalance is measured.
"""
import contextlib
import dataclasses
import datetime
import json
import math
import os
import pathlib
import shutil
import time

from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition

from support.avro_schema import SCHEMAS
from support.database import Database, fresh_database
from support.events import event_record, make_event
from support.kafka import Kafka
from support.provd import Worker
from support.waiting import wait_until
from traffic import CONTEXT, DOMAINS

LIMIT_S = 900.0
POLL_S = 0.02
KAFKA_S = 30.0
TICKS_PER_S = os.sysconf("SC_CLK_TCK")


@dataclasses.dataclass
class Took:
    """What a run cost."""

    events: int
    seconds: float
    cpu_s: float  # of all processes
    parent_cpu_s: float  # of that, the one that watches the lanes
    rss_peak_mib: float  # of the largest lane

    @property
    def rate(self):
        return self.events / self.seconds

    @property
    def cpu_us(self):
        return self.cpu_s / self.events * 1e6

    @property
    def parent_cpu_us(self):
        return self.parent_cpu_s / self.events * 1e6


class Scene:
    def __init__(self, stack, program, lanes=1, partitions=4, batch=None, settings=None):
        self._closing = contextlib.ExitStack()
        self.lanes = lanes
        self.brokers = stack.brokers
        self.database = self._closing.enter_context(fresh_database(stack.database_url, "bench"))
        self.kafka = Kafka(stack.brokers)
        self.topics = self.kafka.create_topics(partitions)
        self._closing.callback(self.kafka.delete, self.topics.all())
        self._batch = {"batch.max_events": batch} if batch else {}
        self._program = program
        self._settings = settings or {}
        self.worker = None
        self.ends = dict.fromkeys(range(partitions), 0)  # offset after the last event
        self._asker = Consumer(
            {"bootstrap.servers": stack.brokers, "group.id": self.topics.group, "enable.auto.commit": False}
        )
        self._closing.callback(self._asker.close)
        self._reader = self.make_reader("read_committed")
        self._looker = self.make_reader("read_uncommitted")

    def make_reader(self, isolation, wait_ms=20):
        """Closed with the scene."""
        reader = Consumer(
            {
                "bootstrap.servers": self.brokers,
                "group.id": self.topics.prefix + ".reader",
                "enable.auto.commit": False,
                "isolation.level": isolation,
                "fetch.wait.max.ms": wait_ms,
            }
        )
        self._closing.callback(reader.close)
        return reader

    def __enter__(self):
        return self

    def __exit__(self, *failure):
        with self._closing:
            self.stop()

    # --- the worker ---------------------------------------------------------------------------------------------------

    def start(self):
        """Starts the worker; wait_shared_out waits until each lane has its partitions."""
        topics = self.topics
        settings = {
            "lanes": self.lanes,
            "worker.name": "bench",
            "kafka.brokers": self.brokers,
            "kafka.group_id": topics.group,
            "kafka.transactional_id_prefix": topics.prefix,
            "kafka.topics.events": topics.events,
            "kafka.topics.results": topics.results,
            "kafka.topics.changes": topics.changes,
            "kafka.topics.dlq": topics.dlq,
            "database.url": self.database.url_as("provd"),
            "schemas.directory": str(SCHEMAS / "history" / "ProvisioningEvent"),
            **self._batch,
            **self._settings,
        }
        self.worker = Worker(settings, program=self._program).start(wait=False)
        return self

    def wait_shared_out(self):
        """Until all partitions are assigned, and each lane has some. When that was, by the log's clock."""

        def shared_out():
            assert self.worker.is_running(), self.worker.log_tail()
            shares = self._shares()
            whole = sum(count for count, _ in shares.values()) == len(self.ends)
            idle = [lane for lane, (count, _) in shares.items() if not count]
            return whole and len(shares) == self.lanes and not idle and max(at for _, at in shares.values())

        return wait_until(shared_out, what="each lane has partitions")

    def _shares(self):
        """lane -> partitions it was assigned last, and when."""
        shares = {}
        for line in self.worker.log_file.read_text(encoding="utf-8").splitlines():
            if '"partitions assigned"' in line:
                said = json.loads(line)
                shares[said["process"]] = said["count"], datetime.datetime.fromisoformat(said["time"]).timestamp()
        return shares

    def stop(self):
        if self.worker:
            self.worker.stop()
            shutil.rmtree(self.worker.folder)
            self.worker = None

    def found(self):
        """The context and the domains of the traffic."""
        self.wait_shared_out()
        events = [make_event("CreateContext", {"name": CONTEXT}, context=CONTEXT)]
        self._ask_one_by_one(events)
        self._ask_one_by_one([make_event("CreateDomain", {"domain": domain}, context=CONTEXT) for domain in DOMAINS])
        return self

    def _ask_one_by_one(self, events):
        records = [{**event_record(event), "partition": 0} for event in events]
        for partition, offset in self.kafka.produce(self.topics.events, records):
            self.ends[partition] = offset + 1
        self.wait_committed()

    # --- events -------------------------------------------------------------------------------------------------------

    def prepare(self, events):
        """Writes events (number, key, value) that nobody can see yet; returns what makes them visible, and how many."""
        producer = Producer(
            {
                "bootstrap.servers": self.brokers,
                "transactional.id": self.topics.prefix + ".bench",
                "transaction.timeout.ms": 600_000,
                "queue.buffering.max.messages": 500_000,
                "linger.ms": 20,
                "batch.size": 500_000,
            }
        )
        producer.init_transactions(KAFKA_S)
        producer.begin_transaction()
        count, partitions = 0, len(self.ends)
        for number, key, value in events:
            while True:
                try:
                    producer.produce(self.topics.events, value, key, number % partitions, on_delivery=self._written)
                    break
                except BufferError:
                    producer.poll(0.05)
            count += 1
            if count % 1000 == 0:
                producer.poll(0)
        producer.flush()
        return lambda: producer.commit_transaction(KAFKA_S), count

    def _written(self, error, message):
        if error is not None:
            raise KafkaException(error)
        self.ends[message.partition()] = max(self.ends[message.partition()], message.offset() + 1)

    # --- the clock ----------------------------------------------------------------------------------------------------

    def measure(self, events):
        """From the moment that the events are there until the last result is readable."""
        commit, count = self.prepare(events)
        self.quiet_server()
        return self.clock(commit, count)

    def clock(self, begin, count):
        self._warm_up_readers()
        cpu_before = self.cpu_s()
        started = time.time()
        begin()
        return self._stop_clock(count, started, cpu_before)

    def measure_from_start(self, count):
        """Starts the worker: from the moment that it has its partitions, with records to read again, to the end. The
        CPU time is that of the whole life of the processes, with their start."""
        self.quiet_server()
        self._warm_up_readers()
        self.start()
        return self._stop_clock(count, self.wait_shared_out(), (0.0, 0.0))

    def _stop_clock(self, count, started, cpu_before):
        self.wait_committed()
        self.wait_results()
        seconds = time.time() - started
        lanes_s, parent_s = (now - before for now, before in zip(self.cpu_s(), cpu_before))
        return Took(count, seconds, lanes_s + parent_s, parent_s, self.rss_peak_mib())

    def _warm_up_readers(self):
        """Who waits for results knows the topic's leader and is connected: to find out takes up to a second."""
        for reader in (self._reader, self._looker):
            for partition in self.ends:
                reader.get_watermark_offsets(TopicPartition(self.topics.results, partition), KAFKA_S)

    def wait_committed(self):
        """Until the group has committed all that was sent."""
        wanted = [TopicPartition(self.topics.events, partition) for partition, end in self.ends.items() if end]
        deadline = time.monotonic() + LIMIT_S
        while True:
            found = self._asker.committed(wanted, KAFKA_S)
            if all(place.offset >= self.ends[place.partition] for place in found):
                return
            if time.monotonic() > deadline or not self.worker.is_running():
                raise AssertionError(f"stuck at {found}, wanted {self.ends}\n{self.worker.log_tail()}")
            time.sleep(POLL_S)

    def wait_results(self):
        """Until a read_committed reader is handed a result at the end of each partition. The last two offsets, asked as
        if nothing were hidden, are the last result and the marker of its transaction, or two results without it so
        far."""
        wanted = [TopicPartition(self.topics.results, partition) for partition, end in self.ends.items() if end]
        for place in wanted:
            _low, high = self._looker.get_watermark_offsets(place, KAFKA_S)
            place.offset = max(high - 2, 0)
        self._reader.assign(wanted)
        missing = {place.partition: place.offset for place in wanted}
        while missing:
            message = self._reader.poll(KAFKA_S)
            assert message is not None and message.error() is None, f"no result at the end of partitions {missing}"
            if message.offset() >= missing.get(message.partition(), math.inf):
                del missing[message.partition()]
        self._reader.unassign()

    def cpu_s(self):
        """Of the lanes, and of their parent."""
        return sum(_cpu_s(pid) for pid in self.worker.lane_pids()), _cpu_s(self.worker.process.pid)

    def rss_peak_mib(self):
        return max(_status_kib(pid, "VmHWM") for pid in self.worker.lane_pids()) / 1024

    def quiet_server(self):
        """So that the server's own work falls into no measurement: it would be that of the one before."""
        run_alone(self.database, "CHECKPOINT")

    # --- what became of it --------------------------------------------------------------------------------------------

    def counts(self):
        """status -> number of events in the ledger."""
        return dict(self.database.rows("SELECT status, count(*) FROM provd.event_ledger GROUP BY 1"))

    def rewind(self, forget_published):
        """Sets the offsets back to the start, as after a lost Kafka commit, or as an operator would."""
        if forget_published:
            self.database.rows("UPDATE provd.fence SET published_upto = 0")
        self.kafka.commit(self.topics.group, self.topics.events, dict.fromkeys(self.ends, 0))


@contextlib.contextmanager
def no_autovacuum(server: Database):
    """For the whole server, which may be one that others use afterwards."""
    run_alone(server, "ALTER SYSTEM SET autovacuum = off", "SELECT pg_reload_conf()")
    try:
        yield
    finally:
        run_alone(server, "ALTER SYSTEM RESET autovacuum", "SELECT pg_reload_conf()")


def run_alone(database: Database, *statements):
    """Each outside of a transaction."""
    with contextlib.closing(database.connect()) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)


def copy_fences(source: Database, target: Database):
    """The floor needs rows to lock and update."""
    for topic, partition in source.rows("SELECT topic, partition FROM provd.fence ORDER BY fence_id"):
        target.rows(
            "INSERT INTO provd.fence (cluster_id, topic, partition, group_id, next_offset, updated_at)"
            " VALUES ('bench', %s, %s, 'bench', 0, now())",
            topic, partition,
        )  # fmt: skip


def _cpu_s(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_S


def _status_kib(pid, name):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines():
        if line.startswith(name + ":"):
            return int(line.split()[1])
    raise AssertionError(f"/proc/{pid}/status has no {name}")
