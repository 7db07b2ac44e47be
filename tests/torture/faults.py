"""Everything that can go wrong, as a table.

A fault is a function of the arena and its own random numbers. It does its harm, yields the seconds until it does the
next thing, and ends when the harm is undone; it returns whether anything of ours was harmed: a trap may wait in vain, a
machine may have no lane. What it `holds` is its own until then: no other fault that holds the same happens meanwhile.
"""
import contextlib
import dataclasses
import functools
import os
import signal
import threading
import time

from support.proxy import KAFKA_REQUESTS, REPLY, REQUEST, AfterBytes, KafkaReply, commit_reply, commit_request, kafka_request

FAIL_POINTS = (
    "after_consume", "after_prepare", "in_transaction", "before_commit", "after_commit", "opened_ahead",
    "before_send_offsets", "after_send_offsets", "before_kafka_commit", "after_kafka_commit",
)  # fmt: skip
COMMIT_BYTES = 12
LONG_S = 9.0  # longer than a session of the group lasts
SHORT_S = 0.3
STEP_S = 0.2
JOIN_LIMIT_S = 12.0  # until a guest has partitions
DISK_LIMIT_S = 8.0  # until somebody misses the space
STAND_LIMIT_S = 6.0  # until somebody has come to a fail point
TRAP_LIMIT_S = 6.0

TABLE = {}


@dataclasses.dataclass(frozen=True)
class Fault:
    name: str
    weight: int
    holds: tuple
    act: object

    @property
    def told(self):
        return self.act.__doc__.splitlines()[0]


def fault(weight, *holds):
    def register(act):
        TABLE[act.__name__] = Fault(act.__name__, weight, holds, act)
        return act

    return register


# --- whom it hits -----------------------------------------------------------------------------------------------------


def a_machine(arena, chance):
    """One that runs, or None."""
    running = [machine for machine in arena.machines if machine.is_running()]
    return chance.choice(running) if running else None


def of_a_machine(act):
    """A fault of one machine: act(machine, chance). Where none runs there is nobody to harm."""

    @functools.wraps(act)
    def find_and_act(arena, chance):
        machine = a_machine(arena, chance)
        return machine is not None and (yield from act(machine, chance))

    return find_and_act


def a_lane(machine, chance):
    """One of its lanes, or None; of no machine there is none."""
    lanes = machine.lane_pids() if machine else []
    return chance.choice(lanes) if lanes else None


def kill_a_lane(machine, chance):
    pid = a_lane(machine, chance)
    return pid is not None and send_signal(pid, signal.SIGKILL)


def a_while(chance):
    """Mostly short, sometimes longer than a session lasts."""
    return chance.choice([chance.uniform(SHORT_S, 2), chance.uniform(SHORT_S, 2), chance.uniform(2, LONG_S)])


def send_signal(pid, number):
    """Whether there was anybody to get it."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return False
    return True


@contextlib.contextmanager
def fail_point(machine, chance, action):
    """Something happens at one place in the code of a machine's lanes, for as long as this lasts. Whether it has."""
    before = machine.failpoint_hits()
    machine.set_failpoints(f"{chance.choice(FAIL_POINTS)}={action}:*")
    try:
        yield lambda: machine.failpoint_hits() > before
    finally:
        machine.set_failpoints("")


def until(happened, limit_s):
    end = time.monotonic() + limit_s
    while not happened() and time.monotonic() < end:
        yield STEP_S


def in_background(work):
    """Work that takes long, e.g. starting a server; other faults go on meanwhile."""
    failed = []

    def run():
        try:
            work()
        except Exception as error:  # pylint: disable=broad-exception-caught
            failed.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    while thread.is_alive():
        yield 0.1
    if failed:
        raise failed[0]


# --- processes --------------------------------------------------------------------------------------------------------


@fault(10)
def kill_lane(arena, chance):
    """kill -9 of a lane, anywhere"""
    yield 0
    return kill_a_lane(a_machine(arena, chance), chance)


@fault(12, "fail points")
@of_a_machine
def kill_at_fail_point(machine, chance):
    """kill -9 of every lane of a machine that comes to one place in the code"""
    with fail_point(machine, chance, "kill") as has_struck:
        yield from until(has_struck, STAND_LIMIT_S)
        yield chance.uniform(0, 2)
        return has_struck()


@fault(8, "fail points")
@of_a_machine
def freeze_at_fail_point(machine, chance):
    """SIGSTOP there, and SIGCONT later, maybe when others have taken over"""
    with fail_point(machine, chance, "stop") as has_struck:
        yield from until(has_struck, STAND_LIMIT_S)
    yield a_while(chance)
    machine.thaw()
    return has_struck()


@fault(6, "fail points")
@of_a_machine
def kill_between_fail_points(machine, chance):
    """lanes of a machine are slow at one place, and one of them dies of kill -9 somewhere near it"""
    with fail_point(machine, chance, f"sleep-{chance.randrange(20, 400)}") as has_struck:
        yield from until(has_struck, STAND_LIMIT_S)
        yield chance.uniform(0, 1)
        return kill_a_lane(machine, chance) and has_struck()


@fault(8)
def freeze_lane(arena, chance):
    """SIGSTOP of a lane, SIGCONT later"""
    pid = a_lane(a_machine(arena, chance), chance)
    if pid is None or not send_signal(pid, signal.SIGSTOP):
        return False
    yield a_while(chance)
    send_signal(pid, signal.SIGCONT)
    return True


@fault(4, "machines")
@of_a_machine
def freeze_machine(machine, chance):
    """SIGSTOP of a parent and its lanes, as when a virtual machine is paused"""
    machine.freeze()
    yield a_while(chance)
    machine.thaw()
    return True


@fault(4, "machines")
@of_a_machine
def kill_parent(machine, chance):
    """kill -9 of a parent alone; its lanes follow it; it is started again"""
    machine.kill_parent()
    yield chance.uniform(0, 2)
    machine.start(wait=False)
    return True


@fault(4, "machines", "fail points")
@of_a_machine
def kill_parent_at_fail_point(machine, chance):
    """kill -9 of a parent while its lanes stand at one place in the code; they wake up later, beside new ones or not"""
    with fail_point(machine, chance, "stop") as has_struck:
        yield from until(has_struck, STAND_LIMIT_S)
        lanes = machine.kill_parent()
        harmed = has_struck()
    try:
        if chance.random() < 0.5:
            machine.start(wait=False)
        yield a_while(chance)
    finally:
        for pid in lanes:
            send_signal(pid, signal.SIGCONT)
    if not machine.is_running():
        machine.start(wait=False)
    return harmed


@fault(3, "machines")
@of_a_machine
def kill_machine(machine, chance):
    """kill -9 of everything on a machine at once, as when the power fails"""
    machine.destroy()
    yield chance.uniform(0, LONG_S)
    machine.start(wait=False)
    return True


@fault(4, "machines")
def join_and_leave(arena, chance):
    """another machine comes, gets partitions if it can, and then goes and comes every two seconds"""
    guest = arena.machines[-1]
    before = partitions_taken(guest)
    for visit in range(chance.randrange(2, 6)):
        if not guest.is_running():
            guest.start(wait=False)
        if visit == 0:
            yield from until(lambda: partitions_taken(guest) > before, JOIN_LIMIT_S)
        yield 2
        if guest.is_running():
            guest.ask_to_stop()
        yield 2
    yield from in_background(lambda: guest.stop(60))
    return partitions_taken(guest) > before


def partitions_taken(machine):
    """How often a partition was assigned to it."""
    return machine.log_text().count('"decision":')


@fault(3, "machines")
@of_a_machine
def restart_worker(machine, chance):
    """SIGTERM, and a start as soon as it has ended"""
    yield from in_background(lambda: machine.stop(60))
    machine.start(wait=False)
    return True


# --- PostgreSQL -------------------------------------------------------------------------------------------------------


@fault(8)
def terminate_backends(arena, chance):
    """pg_terminate_backend for some or all connections"""
    yield 0
    share = chance.choice([0.3, 1.0])
    try:
        return any(ended for (ended,) in arena.world.database.rows(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE usename = 'provd' AND datname = %s AND random() < %s",
            arena.world.database.name,
            share,
        ))  # fmt: skip
    except Exception as error:  # pylint: disable=broad-exception-caught
        arena.say(f"PostgreSQL does not listen to us: {str(error).splitlines()[0]}")
        return False


@fault(2, "postgresql")
def stop_postgresql_immediately(arena, chance):
    """PostgreSQL stops `immediate`, or dies, and is started again"""
    if chance.random() < 0.5:
        arena.stop_postgresql_immediately()
    else:
        arena.stack.kill("postgresql")
    yield chance.uniform(SHORT_S, 4)
    yield from in_background(lambda: (arena.stack.stop("postgresql"), arena.start_server("postgresql")))
    return True


@fault(2, "postgresql")
def fill_disk(arena, chance):
    """the disk of the tables is full"""
    if not arena.disk.is_there:
        return False
    before = refused_by_disk(arena)
    arena.disk.fill()
    yield from until(lambda: refused_by_disk(arena) > before, DISK_LIMIT_S)
    yield chance.uniform(0, 4)
    arena.disk.free()
    return refused_by_disk(arena) > before


def refused_by_disk(arena):
    """How often workers were told of it."""
    return sum(machine.log_text().count("No space left on device") for machine in arena.machines)


@fault(10)
def lose_commit(arena, chance):
    """the answer to a COMMIT is lost at some byte, or does not come"""
    then = chance.choice(["cut", "cut", "hold"])
    trap = commit_reply(chance.randrange(COMMIT_BYTES), then, skip=chance.randrange(3))
    return (yield from trapped(arena.lines.database, trap, then))


@fault(6)
def cut_commit(arena, chance):
    """the connection ends before, in, or behind a COMMIT on its way there"""
    trap = commit_request(chance.choice([0, 3, None]), skip=chance.randrange(3))
    return (yield from trapped(arena.lines.database, trap))


@fault(10)
def cut_database(arena, chance):
    """a connection to PostgreSQL ends after some bytes"""
    trap = AfterBytes(chance.choice([REQUEST, REPLY]), int(10 ** chance.uniform(0, 4.5)))
    return (yield from trapped(arena.lines.database, trap))


@fault(3)
def reset_database(arena, chance):
    """connections to PostgreSQL are reset"""
    yield 0
    return arena.lines.database.cut(some(chance)) > 0


@fault(3, "line of the database")
def lose_database(arena, chance):
    """nothing passes to and from PostgreSQL"""
    return (yield from hole(arena.lines.database, chance))


@fault(3, "delay of the database")
def delay_database(arena, chance):
    """a long line to PostgreSQL"""
    return (yield from delay(arena.lines.database, chance))


# --- Kafka ------------------------------------------------------------------------------------------------------------


@fault(10)
def lose_answer_of_kafka(arena, chance):
    """the broker has done it, its answer is lost at some byte or does not come"""
    then = chance.choice(["cut", "cut", "hold"])
    trap = KafkaReply(a_request(chance), chance.randrange(20), then)
    return (yield from trapped(arena.lines.kafka, trap, then))


@fault(8)
def cut_request_of_kafka(arena, chance):
    """a connection to Kafka ends before, in, or behind a request"""
    trap = kafka_request(a_request(chance), chance.choice([0, 14, None]))
    return (yield from trapped(arena.lines.kafka, trap))


@fault(8)
def cut_kafka(arena, chance):
    """a connection to Kafka ends after some bytes"""
    trap = AfterBytes(chance.choice([REQUEST, REPLY]), int(10 ** chance.uniform(0, 4.5)))
    return (yield from trapped(arena.lines.kafka, trap))


@fault(3)
def reset_kafka(arena, chance):
    """connections to Kafka are reset"""
    yield 0
    return arena.lines.kafka.cut(some(chance)) > 0


@fault(3, "line of kafka")
def lose_kafka(arena, chance):
    """nothing passes to and from Kafka, maybe from an EndTxn on"""
    if chance.random() < 0.5:
        trap = arena.lines.kafka.set(kafka_request("EndTxn", chance.choice([0, None]), then="black hole"))
        yield 1
        arena.lines.kafka.unset(trap)
    return (yield from hole(arena.lines.kafka, chance))


@fault(3, "delay of kafka")
def delay_kafka(arena, chance):
    """a long line to Kafka"""
    return (yield from delay(arena.lines.kafka, chance))


@fault(1, "kafka")
def restart_broker(arena, chance):
    """the broker dies or is stopped, and is started again"""
    stop = arena.stack.kill if chance.random() < 0.5 else arena.stack.stop
    yield from in_background(lambda: stop("kafka"))
    yield chance.uniform(0, 2)
    yield from in_background(lambda: arena.start_server("kafka"))
    return True


def a_request(chance):
    transaction = ("AddPartitionsToTxn", "Produce", "AddOffsetsToTxn", "TxnOffsetCommit", "EndTxn")
    return chance.choice([*transaction, *transaction, *KAFKA_REQUESTS])


# --- the registry -----------------------------------------------------------------------------------------------------


@fault(2, "line of the registry")
def lose_registry(arena, chance):
    """nothing passes to and from the registry, while a lane is new and knows no schema"""
    kill_a_lane(a_machine(arena, chance), chance)
    return (yield from hole(arena.lines.registry, chance))


@fault(2)
def cut_registry(arena, chance):
    """an answer of the registry ends in the middle, for a lane that knows no schema"""
    kill_a_lane(a_machine(arena, chance), chance)
    return (yield from trapped(arena.lines.registry, AfterBytes(REPLY, chance.randrange(2000))))


@fault(2, "delay of the registry")
def delay_registry(arena, chance):
    """a long line to the registry, for a lane that knows no schema"""
    kill_a_lane(a_machine(arena, chance), chance)
    return (yield from delay(arena.lines.registry, chance))


# --- what lines have in common ----------------------------------------------------------------------------------------


def trapped(proxy, trap, then="cut"):
    """Sets a trap for a while. A connection that it holds is cut in the end."""
    proxy.set(trap)
    yield from until(lambda: trap.is_sprung, TRAP_LIMIT_S)
    proxy.unset(trap)
    if then == "hold" and trap.is_sprung:
        yield LONG_S
        proxy.cut(lambda links: [link for link in links if link.held])
    return trap.is_sprung


def hole(proxy, chance):
    before = proxy.stopped
    proxy.hold()
    yield a_while(chance)
    if chance.random() < 0.5:
        proxy.cut()
    proxy.let_go()
    return proxy.stopped > before


def delay(proxy, chance):
    before = proxy.delayed
    proxy.delay_s = chance.uniform(0.002, 0.06)
    yield chance.uniform(1, 6)
    proxy.delay_s = 0.0
    return proxy.delayed > before


def some(chance):
    share = chance.choice([0.3, 1.0])
    return lambda links: [link for link in links if chance.random() < share]
