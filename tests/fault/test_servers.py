"""PostgreSQL, Kafka and the registry go away in the middle of work and come back: the lag is zero without a person."""
import contextlib

import pytest

from support.traffic import Traffic
from support.waiting import stays_true, wait_until
from support.world import MakeWorld

RECORDS = 100
RECOVERY_LIMIT_S = 90
SESSION_S = 6.0
STOP_BOUND_S = 35.0  # shutdown.timeout, the parent's grace, and the end of a process with sanitizers on a busy machine


@pytest.fixture(scope="module")
def world(own_stack):
    """Patience is short, so that a server that hangs is noticed soon."""
    settings = {"lanes": 2, "batch.max_events": 20, "database.statement_timeout": "2s", "database.commit_timeout": "2s"}
    maker = MakeWorld(own_stack, "servers")
    try:
        made = maker(settings=settings)
        made.traffic = Traffic(made, 21)
        yield made.start()
    finally:
        maker.close()


@pytest.fixture(autouse=True)
def contract_holds_after_each(world):
    yield
    world.send(world.traffic.records(RECORDS))
    world.settle(RECOVERY_LIMIT_S)
    world.check()
    wait_until(lambda: world.worker.get("/readyz").ok, RECOVERY_LIMIT_S, "ready again")


def reasons(world):
    answer = world.worker.get("/readyz")
    return "" if answer.ok else answer.text


def test_backends_are_terminated_in_the_middle(world):
    for _ in range(5):
        world.send(world.traffic.records(RECORDS // 5))
        world.database.rows(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'provd' AND datname = %s",
            world.database.name,
        )
    world.settle()


def test_postgresql_dies_and_comes_back(world, own_stack):
    world.send(world.traffic.records(RECORDS))
    own_stack.kill("postgresql")
    world.send(world.traffic.records(RECORDS))
    lanes = world.worker.lane_pids()
    wait_until(lambda: "lane" in reasons(world), what="not ready while PostgreSQL is away")
    own_stack.start("postgresql")
    world.settle(RECOVERY_LIMIT_S)
    assert world.worker.lane_pids() == lanes, "lanes wait for PostgreSQL, they do not die of it"


def test_postgresql_hangs_for_a_while(world, own_stack):
    world.send(world.traffic.records(RECORDS))
    with paused(own_stack, "postgresql"):
        world.send(world.traffic.records(RECORDS))
        wait_until(lambda: "lane" in reasons(world), what="not ready while PostgreSQL hangs")
        assert world.worker.get("/livez").ok
    world.settle(RECOVERY_LIMIT_S)


def test_kafka_dies_and_comes_back(world, own_stack):
    world.send(world.traffic.records(RECORDS))
    own_stack.kill("kafka")
    own_stack.start("kafka")
    world.send(world.traffic.records(RECORDS))
    world.settle(RECOVERY_LIMIT_S)


def test_kafka_hangs_longer_than_a_session_lasts(world, own_stack):
    world.send(world.traffic.records(RECORDS))
    with paused(own_stack, "kafka"):
        stays_true(lambda: world.worker.get("/livez").ok, for_s=SESSION_S + 1, what="the parent is alive")
    world.settle(RECOVERY_LIMIT_S)


def test_both_die_at_once_and_somebody_stops_the_worker_meanwhile(world, own_stack):
    """SIGTERM ends within its bound also when there is nobody to say good-bye to."""
    world.send(world.traffic.records(RECORDS))
    own_stack.kill("postgresql")
    own_stack.kill("kafka")
    assert world.worker.stop(limit_s=STOP_BOUND_S) == 0
    own_stack.start("kafka")
    own_stack.start("postgresql")
    world.worker.start()
    world.settle(RECOVERY_LIMIT_S)


@contextlib.contextmanager
def paused(stack, server):
    """A server that takes connections and answers nothing."""
    stack.pause(server)
    try:
        yield
    finally:
        stack.resume(server)
