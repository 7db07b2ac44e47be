"""Memory runs out, anywhere: the n-th allocation fails, while the worker starts and in the middle of its work.

A process may go on, wait, or end with a message and be started again. It never crashes, and nothing is lost, doubled or
wrong afterwards. librdkafka ends the process by itself (an assertion of its own): there the contract must hold all the
same.

malloc_fail.c is preloaded. A run of the tests takes a sample: PROVD_TEST_ALLOCATIONS sets how many places are tried in each
test, PROVD_TEST_SEED which; it is another one in each run, and said when a test fails. Of a batch each allocation is
refused, one after the other; of a start with PROVD_TEST_SWEEP=1, by hand, since that takes hours.
"""
import ctypes
import mmap
import os
import pathlib
import random
import re
import subprocess
import time

import pytest

from support.stack import ROOT
from support.traffic import Traffic
from support.waiting import wait_until
from support.world import CONTEXT, DOMAIN

BUILD = pathlib.Path(os.environ.get("PROVD_TEST_BUILD_DIR", ROOT / "build" / "dev"))
LIBRARY = BUILD / "tests" / "memory" / "libmalloc_fail.so"
PLACES = int(os.environ.get("PROVD_TEST_ALLOCATIONS", "8"))
SEED = int(os.environ.get("PROVD_TEST_SEED") or random.randrange(1_000_000))
SWEEP = os.environ.get("PROVD_TEST_SWEEP") == "1"
NOBODY, ANYBODY_BUT_KAFKA, ONLY_KAFKA = -1, 0, 1
HIT_LIMIT_S = 20
END_LIMIT_S = 60
WORLDS = 4  # each has a share of the places: a lane that dies often is started again later each time
DEATHS_MAX = 4
BATCH = 30
MOST = 3000  # allocations before one is refused: a few batches

pytestmark = pytest.mark.skipif(not LIBRARY.exists(), reason="the sanitizers have an allocator of their own")


# As libc prints a failed assertion in one of its files: rd.h, rdkafka_msg.c, rdlist.c ..
KAFKA_ASSERTS = re.compile(r"^.*\brd\w*\.[ch]:\d+: .*Assertion .* failed\.\n", re.MULTILINE)


class Orders(ctypes.Structure):
    """struct orders of malloc_fail.c, in shared memory."""

    _fields_ = [
        ("left", ctypes.c_int64), ("length", ctypes.c_int64), ("pid", ctypes.c_int64), ("who", ctypes.c_int64),
        ("counted", ctypes.c_int64), ("failed", ctypes.c_int64), ("failed_pid", ctypes.c_int64),
        ("failed_at", ctypes.c_int64),
        ("frame_count", ctypes.c_int64), ("frames", ctypes.c_int64 * 12), ("objects", (ctypes.c_char * 64) * 12),
    ]  # fmt: skip

    def give(self, left, pid=0, who=ANYBODY_BUT_KAFKA, length=1):
        self.left = NOBODY
        self.counted, self.failed, self.length, self.pid, self.who = 0, 0, length, pid, who
        self.left = left

    def where(self):
        """The stack of the first refusal, for addr2line."""
        return " ".join(f"{self.objects[i].value.decode()}+{self.frames[i]:#x}" for i in range(self.frame_count))


def open_orders(folder):
    path = folder / "orders"
    path.write_bytes(bytes(ctypes.sizeof(Orders)))
    with open(path, "r+b") as file:
        memory = mmap.mmap(file.fileno(), 0)
    orders = Orders.from_buffer(memory)
    orders.left = NOBODY
    orders.environment = {"LD_PRELOAD": str(LIBRARY), "MALLOC_FAIL": str(path)}
    return orders


@pytest.fixture
def orders(tmp_path):
    return open_orders(tmp_path)


@pytest.fixture(autouse=True)
def how_to_repeat():
    print(f"the same places again: PROVD_TEST_SEED={SEED} PROVD_TEST_ALLOCATIONS={PLACES}")


def places(orders, most, salt):
    """A sample of the first `most` allocations, early ones closer together: that is where most code is. Or each of them that
    may be refused."""
    if not SWEEP:
        chance = random.Random(f"{SEED} {salt}")
        yield from sorted(int(most ** chance.random()) for _ in range(PLACES))
        return
    place = 0
    while place < most:
        yield place
        place = next_place(orders, place)


def next_place(orders, place):
    """Behind the one that was refused: those between `place` and that one may not be."""
    return max(place + 1, orders.failed_at if orders.failed else 0)


def deaths(log):
    """How lanes died, as their parent tells it."""
    return re.findall(r'"lane died".*?"how":"([^"]*)"', log)


def assert_no_signal(worker, orders):
    crashes = [how for how in deaths(worker.log_text()) if "signal" in how]
    assert not crashes, f"{crashes} after a refusal at {orders.where()}\n{worker.log_tail()}"


# --- while it starts --------------------------------------------------------------------------------------------------


def count_allocations(command, orders, environment=None):
    orders.give(NOBODY)
    subprocess.run(command, env={**os.environ, **orders.environment, **(environment or {})}, capture_output=True, check=False)
    return orders.counted


@pytest.mark.parametrize(
    "arguments", [["config", "defaults"], ["events", "kinds"], ["config", "show"]], ids=lambda words: "-".join(words)
)
def test_an_operators_command_says_that_memory_is_out(orders, arguments):
    command = [os.environ.get("PROVD_TEST_PROVCTL", BUILD / "provctl"), *arguments]
    most = count_allocations(command, orders)
    for place in places(orders, most, arguments):
        orders.give(place)
        ran = subprocess.run(command, env={**os.environ, **orders.environment}, capture_output=True, timeout=END_LIMIT_S, check=False)
        assert 0 <= ran.returncode < 128, f"{ran.returncode} after a refusal at {orders.where()}: {ran.stderr[-500:]}"
        assert ran.returncode == 0 or ran.stderr, f"no word about it; refused at {orders.where()}"


def test_a_worker_that_cannot_start_says_why(make_world, orders):
    """The parent or its lane, whichever comes to that allocation first."""
    world = make_world(environment=orders.environment)
    orders.give(NOBODY)
    world.start(found=False)
    most = orders.counted
    worker = world.worker
    worker.stop()
    for place in places(orders, most, "start"):
        worker.log_file.unlink()
        orders.give(place)
        worker.start(wait=False)
        wait_until(lambda: orders.failed or not worker.is_running(), HIT_LIMIT_S, f"allocation {place} is refused")
        orders.left = NOBODY
        until = time.monotonic() + 1
        while worker.is_running() and time.monotonic() < until:
            time.sleep(0.05)
        code = worker.stop()
        assert 0 <= code < 128, f"{code} after a refusal at {orders.where()}\n{worker.log_tail()}"
        assert code == 0 or worker.log_text(), f"no word about it; refused at {orders.where()}"
        worker.may_end_with = code
        worker.check_log()
        assert_no_signal(worker, orders)


# --- in the middle of its work ----------------------------------------------------------------------------------------


def is_over(world, pid):
    """The refusal has come about, or the lane has died of it."""
    return world.orders.failed or pid not in world.worker.lane_pids()


def strike(worlds, chance, who, length):
    """One refusal (or `length`) in the lane of each world, while it works; how many came about."""
    victims = {}
    for world in worlds:
        victims[world] = world.worker.wait_lanes(1)[0]
        world.orders.give(int(MOST ** chance.random()), pid=victims[world], who=who, length=length)
    until = time.monotonic() + HIT_LIMIT_S
    while not all(is_over(*victim) for victim in victims.items()) and time.monotonic() < until:
        for world in worlds:
            world.send(world.traffic.records(BATCH))
        time.sleep(0.2)
    for world in worlds:
        world.orders.left = NOBODY
    return sum(world.orders.failed > 0 for world in worlds)


def leave_out_assertions_of_kafka(worker):
    """librdkafka asserts that it has memory. Each such assertion is meant, and the abort that follows; what is left in the log
    is not: another signal, and aborts that no assertion of its own explains."""
    text, count = KAFKA_ASSERTS.subn("", worker.log_text())
    worker.log_file.write_text(re.sub('"how":"signal 6, Aborted"', '"how":"an assertion of librdkafka"', text, count=count))


@pytest.mark.parametrize("who, length", [(ANYBODY_BUT_KAFKA, 1), (ANYBODY_BUT_KAFKA, 20), (ONLY_KAFKA, 1)], ids=["one", "many", "kafka"])
def test_memory_that_is_out_costs_nothing_but_time(make_world, tmp_path, who, length):
    chance = random.Random(f"{SEED} {who} {length}")
    worlds, struck = [], 0
    for number in range(WORLDS):
        (tmp_path / str(number)).mkdir()
        given = open_orders(tmp_path / str(number))
        worlds.append(make_world(environment=given.environment))
        worlds[-1].orders, worlds[-1].traffic = given, Traffic(worlds[-1], number)
        worlds[-1].worker.start(wait=False)
    for world in worlds:
        world.worker.wait_ready()
        world.found(CONTEXT, DOMAIN)
    rounds = PLACES // WORLDS
    if who == ONLY_KAFKA:  # always deadly, and each death is waited out longer
        rounds = min(rounds, DEATHS_MAX)
    for _ in range(rounds):
        struck += strike(worlds, chance, who, length)
    for world in worlds:
        world.send(world.traffic.records(BATCH))
    for world in worlds:
        world.check()
        if who == ONLY_KAFKA:
            leave_out_assertions_of_kafka(world.worker)  # what they killed has been told by now
        assert_no_signal(world.worker, world.orders)
    tails = "\n".join(world.worker.log_tail(60) for world in worlds)
    assert struck >= rounds * WORLDS // 2, f"only {struck} refusals in {rounds} rounds came about\n{tails}"


def test_each_allocation_of_a_batch_may_be_refused(make_world, orders):
    """One after the other, until a batch gets through without a refusal: a few dozen, as most of its memory is there."""
    world = make_world(environment=orders.environment).start()
    traffic, place = Traffic(world, SEED), 0
    while place == 0 or orders.failed:
        orders.give(place, pid=world.worker.wait_lanes(1)[0])
        world.answers(world.send(traffic.records(BATCH)))
        orders.left = NOBODY
        assert_no_signal(world.worker, orders)
        place = next_place(orders, place)
    world.check()
