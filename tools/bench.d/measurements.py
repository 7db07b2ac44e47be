"""What is measured, step by step; each step adds rows to the table."""
import dataclasses
import statistics
import subprocess

import traffic
from latency import WARM_UP_S, measure_latency
from scene import Scene, copy_fences
from support.database import fresh_database
from table import Target

BATCH = 2500  # batch.max_events, as it is by default
APPLIED = 0
NO_CHANGE = 1
REJECTED = 4
LANES = (1, 2)
MANY_PARTITIONS = 64
WARM_UP_EVENTS = 30_000
RATE = 1000  # events a second of `latency`
KEPT_PACE = 0.95  # of RATE: with less, what was measured is a latency at another rate

MEMORY = {"rss_peak_mib": Target("<", 64)}
NEW = {"ratio_to_floor": Target(">=", 0.75), "cpu_us_per_event": Target("<=", 10), **MEMORY}
AGAIN = {"ratio_to_new": Target(">=", 3), **MEMORY}
MIXED = {"ratio_to_floor": Target(">=", 0.5), **MEMORY}
# How far down a cliff begins is not said anywhere: what new accounts are to reach of the floor is taken for it.
NO_CLIFF = {"ratio_to_new": Target(">=", 0.75), **MEMORY}
FULL = {"ratio_to_new": Target(">=", 0.85), **MEMORY}
LATENCY = {"p99_ms": Target("<", 60), "events_per_second": Target(">=", KEPT_PACE * RATE)}


class Bench:
    def __init__(self, stack, build, options, table):
        self.stack = stack
        self.options = options
        self.floor = {}  # connections -> events per second
        self.new = {}  # lanes -> events per second
        self._table = table
        self._program = build / "provd"
        self._floor_program = build / "bench_floor"

    def scene(self, **options):
        return Scene(self.stack, self._program, batch=self.options.batch, **options)

    def run_floor(self, source, connections):
        """Writes the rows of the source database into a new one; events per second."""
        with fresh_database(self.stack.database_url, "bench_floor") as target:
            copy_fences(source, target)
            done = subprocess.run(
                [self._floor_program, source.url, target.url, str(self.options.batch), str(connections)],
                stdout=subprocess.PIPE, text=True, check=True,
            )  # fmt: skip
        events, seconds = done.stdout.split()
        return int(events) / float(seconds)

    def add(self, name, lanes, events, rate, targets=None, **more):
        """A ratio to what was not measured is null."""
        row = {"name": name, "lanes": lanes, "events": events, "events_per_second": round(rate),
               "ratio_to_floor": ratio(rate, self.floor.get(lanes)), **more}  # fmt: skip
        self._table.add(row, targets or {})

    def add_took(self, name, lanes, took, targets, **more):
        self.add(name, lanes, took.events, took.rate, targets, cpu_us_per_event=round(took.cpu_us, 2),
                 parent_cpu_us_per_event=round(took.parent_cpu_us, 3), rss_peak_mib=round(took.rss_peak_mib, 1),
                 **more)  # fmt: skip


def ratio(rate, base):
    return round(rate / base, 3) if base else None


def warm_up(bench):
    """A broker that has just started compiles its code in the first seconds that it works."""
    with bench.scene() as scene:
        scene.start().found()
        scene.measure(traffic.creates(min(WARM_UP_EVENTS, bench.options.events)))


def floor_and_new(bench):
    """The main rows. Floor and provd take turns, so that a slow minute of the machine hits both."""
    count = bench.options.events
    for lanes in LANES:
        floors, runs = [], []
        for _ in range(bench.options.rounds):
            with bench.scene(lanes=lanes) as scene:
                scene.start().found()
                runs.append(scene.measure(traffic.creates(count)))
                check(scene, applied=count)
                scene.stop()
                scene.quiet_server()
                floors.append(bench.run_floor(scene.database, lanes))
        bench.floor[lanes] = statistics.median(floors)
        median = sorted(runs, key=lambda run: run.rate)[len(runs) // 2]
        took = dataclasses.replace(median, rss_peak_mib=max(run.rss_peak_mib for run in runs))
        bench.new[lanes] = took.rate
        bench.add("floor: bare COPY BINARY", lanes, count, bench.floor[lanes])
        bench.add_took("provd: new accounts", lanes, took, NEW)


def again(bench):
    """Events that are applied already: read again, and sent again."""
    count = bench.options.events
    with bench.scene() as scene:
        scene.start().found()
        events = list(traffic.creates(count))
        fresh = scene.measure(events)
        everything = sum(scene.ends.values())
        for name, forget in (("re-read, results published again", True), ("replay, results not published", False)):
            scene.stop()
            scene.rewind(forget)
            took = scene.measure_from_start(everything)
            bench.add_took(name, 1, took, AGAIN, ratio_to_new=ratio(took.rate, fresh.rate))
        took = scene.measure(events)
        bench.add_took("duplicates", 1, took, AGAIN, ratio_to_new=ratio(took.rate, fresh.rate))
        check(scene, applied=count)


def mixed(bench):
    count = bench.options.events
    with bench.scene() as scene:
        scene.start().found()
        took = scene.measure(traffic.mixed(count))
        bench.add_took("mixed life-cycle", 1, took, MIXED)
        rejected = count - sum(scene.counts().get(status, 0) for status in (APPLIED, NO_CHANGE))
        assert rejected < count * 0.2, f"{rejected} of {count} events were rejected"


def hot_key(bench):
    count = bench.options.events
    with bench.scene() as scene:
        scene.start().found()
        took = scene.measure(traffic.hot_key(count))
        bench.add_took("one hot key", 1, took, NO_CLIFF, ratio_to_new=ratio(took.rate, bench.new.get(1)))
        check(scene, applied=count)


def many_partitions(bench):
    count = bench.options.events
    with bench.scene(partitions=MANY_PARTITIONS) as scene:
        scene.start().found()
        took = scene.measure(traffic.creates(count))
        name = f"{MANY_PARTITIONS} partitions"
        bench.add_took(name, 1, took, NO_CLIFF, ratio_to_new=ratio(took.rate, bench.new.get(1)))
        check(scene, applied=count)


def larger_events(bench):
    for name, kind, share in (("events of 1 kB", "Longer", 4), ("events of 20 kB", "Big", 40)):
        count = max(bench.options.events // share, 1000)
        with bench.scene() as scene:
            scene.start().found()
            bench.add_took(name, 1, scene.measure(traffic.creates(count, kind=kind)), MEMORY)
            check(scene, applied=count)


def largest_events(bench):
    """Near limits.event_bytes (256 KiB), for the memory."""
    count = max(bench.options.events // 400, 100)
    with bench.scene() as scene:
        scene.start().found()
        bench.add_took("events of 250 kB, refused", 1, scene.measure(traffic.creates(count, kind="TooLong")), MEMORY)
        assert scene.counts().get(REJECTED) == count, f"not {count} were refused: {scene.counts()}"
    groups = 6 if bench.options.quick else 50  # the memory no longer grows with more
    with bench.scene() as scene:
        scene.start().found()
        scene.measure(traffic.creates(traffic.MEMBERS))
        scene.stop()
        scene.start().wait_shared_out()  # new processes: their memory is that of the groups
        took = scene.measure(traffic.groups(groups))
        bench.add_took(f"events of 250 kB, {traffic.MEMBERS:,} members", 1, took, MEMORY)
        check(scene, applied=traffic.MEMBERS + groups)


def latency(bench):
    with bench.scene() as scene:
        scene.start().found()
        seconds = WARM_UP_S + (5 if bench.options.quick else 30)
        rate, times_ms = measure_latency(scene, list(traffic.creates(RATE * seconds)), RATE)
        times_ms.sort()
        bench.add(f"latency at {RATE:,} a second", 1, len(times_ms), rate, LATENCY, ratio_to_floor=None,
                  asked_per_second=RATE, p50_ms=round(times_ms[len(times_ms) // 2], 1),
                  p99_ms=round(times_ms[len(times_ms) * 99 // 100], 1))  # fmt: skip


def full(bench):
    """The rate when millions of accounts are there already. Not in --quick."""
    options = bench.options
    if options.quick:
        return
    with bench.scene() as scene:
        fill(scene.database, options.accounts, options.ledger)
        scene.start().found()
        took = scene.measure(traffic.creates(options.events))
        name = f"{options.accounts / 1e6:g} M accounts, {options.ledger / 1e6:g} M ledger rows"
        bench.add_took(name, 1, took, FULL, ratio_to_new=ratio(took.rate, bench.new.get(1)))


def fill(database, accounts, ledger):
    """Rows as provd leaves them, of other addresses."""
    database.rows(
        """
        INSERT INTO provd.account (uuid, account_id, address, domain, context, status, password, first_name, last_name,
            quota_bytes, quota_messages, services, service_mode, version, revision, created_at, updated_at)
        SELECT gen_random_uuid(), 1000000000 + n, 'old' || n || '@d' || n %% 10 || '.example.org',
            'd' || n %% 10 || '.example.org', 'acme', 'ACTIVE', repeat('h', 110), 'Bob', 'Miller', 1 << 30, 100000, 7,
            'EAGER', 1, 1, now(), now()
        FROM generate_series(1, %s) n""",
        accounts,
    )
    database.rows(
        """
        INSERT INTO provd.service_account (account_uuid, service, service_id, created_at)
        SELECT uuid, s, account_id * 8 + s, created_at FROM provd.account, unnest(ARRAY [1, 2, 4]) s"""
    )
    database.rows(
        """
        INSERT INTO provd.event_ledger (event_id, fence_id, kafka_offset, status, payload_hash, result, change_count,
            applied_at)
        SELECT (lpad(to_hex((extract(epoch FROM now()) * 1000)::int8 - %s + n), 12, '0') || '7'
                || substr(md5(n::text), 1, 3) || '8' || substr(md5(n::text), 4, 15))::uuid,
            1000000, n, 0, decode(md5(n::text), 'hex'), decode(repeat(md5(n::text), 10), 'hex'), 0, now()
        FROM generate_series(1, %s) n""",
        ledger, ledger,
    )  # fmt: skip
    database.rows("ANALYZE")


def check(scene, applied):
    """A rate of events that were not applied would be worth nothing."""
    found = scene.counts().get(APPLIED, 0) - 1 - len(traffic.DOMAINS)
    assert found == applied, f"{found} of {applied} events were applied: {scene.counts()}"


STEPS = (floor_and_new, again, mixed, hot_key, many_partitions, larger_events, largest_events, latency, full)
