"""Everything that can go wrong, as a table.

A fault is a function of the arena and its own random numbers. It does its harm, yields the seconds until it does the
next thing, and ends when the harm is undone. What it `holds` is its own until then: no other fault that holds the same
happens meanwhile.
"""
import dataclasses
import os
import signal
import threading

from support.proxy import KAFKA_REQUESTS, REPLY, REQUEST, AfterBytes, KafkaReply, commit_reply, commit_request, kafka_request

FAIL_POINTS = (
    "after_consume", "after_prepare", "in_transaction", "before_commit", "after_commit", "opened_ahead",
    "before_send_offsets", "after_send_offsets", "before_kafka_commit", "after_kafka_commit",
)  # fmt: skip
COMMIT_BYTES = 12
LONG_S = 9.0  # longer than a session of the group lasts
SHORT_S = 0.3
SERVER_LIMIT_S = 120

TABLE = {}


@dataclasses.dataclass(frozen=True)
class Fault:
    name: str
    weight: int
    holds: str | None
    act: object

    @property
    def told(self):
        return self.act.__doc__.splitlines()[0]


def fault(weight, holds=None):
    def register(act):
        TABLE[act.__name__] = Fault(act.__name__, weight, holds, act)
        return act

    return register


# --- whom it hits -----------------------------------------------------------------------------------------------------


def a_machine(arena, chance):
    """One that runs, or None."""
    running = [machine for machine in arena.machines if machine.is_running()]
    return chance.choice(running) if running else None


def a_lane(arena, chance):
    machine = a_machine(arena, chance)
    lanes = machine.lane_pids() if machine else []
    return chance.choice(lanes) if lanes else None


def a_while(chance):
    """Mostly short, sometimes longer than a session lasts."""
    return chance.choice([chance.uniform(SHORT_S, 2), chance.uniform(SHORT_S, 2), chance.uniform(2, LONG_S)])


def send_signal(pid, number):
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass


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


@fault(weight=10)
def kill_lane(arena, chance):
    """kill -9 of a lane, anywhere"""
    pid = a_lane(arena, chance)
    if pid:
        send_signal(pid, signal.SIGKILL)
    yield 0


@fault(weight=12, holds="fail points")
def kill_at_fail_point(arena, chance):
    """kill -9 of every lane of a machine that comes to one place in the code"""
    yield from at_fail_point(arena, chance, "kill", chance.uniform(0.2, 2))


@fault(weight=8, holds="fail points")
def freeze_at_fail_point(arena, chance):
    """SIGSTOP there, and SIGCONT later, maybe when others have taken over"""
    stay_s = a_while(chance)
    machine = yield from at_fail_point(arena, chance, "stop", 1)
    yield stay_s
    if machine:
        machine.thaw()


@fault(weight=6, holds="fail points")
def kill_between_fail_points(arena, chance):
    """a lane is slow at one place, and dies of kill -9 somewhere near it"""
    pid = a_lane(arena, chance)
    yield from at_fail_point(arena, chance, f"sleep-{chance.randrange(20, 400)}", chance.uniform(0.1, 2))
    if pid:
        send_signal(pid, signal.SIGKILL)


def at_fail_point(arena, chance, action, for_s):
    machine, point = a_machine(arena, chance), chance.choice(FAIL_POINTS)
    if machine:
        machine.set_failpoints(f"{point}={action}:*")
        yield for_s
        machine.set_failpoints("")
    return machine


@fault(weight=8)
def freeze_lane(arena, chance):
    """SIGSTOP of a lane, SIGCONT later"""
    pid = a_lane(arena, chance)
    if pid:
        send_signal(pid, signal.SIGSTOP)
        yield a_while(chance)
        send_signal(pid, signal.SIGCONT)


@fault(weight=4, holds="machines")
def freeze_machine(arena, chance):
    """SIGSTOP of a parent and its lanes, as when a virtual machine is paused"""
    machine = a_machine(arena, chance)
    if machine:
        machine.freeze()
        yield a_while(chance)
        machine.thaw()


@fault(weight=4, holds="machines")
def kill_parent(arena, chance):
    """kill -9 of a parent alone; its lanes follow it; it is started again"""
    machine = a_machine(arena, chance)
    if machine:
        machine.kill_parent()
        yield chance.uniform(0, 2)
        machine.start(wait=False)


@fault(weight=3, holds="machines")
def kill_machine(arena, chance):
    """kill -9 of everything on a machine at once, as when the power fails"""
    machine = a_machine(arena, chance)
    if machine:
        machine.destroy()
        yield chance.uniform(0, LONG_S)
        machine.start(wait=False)


@fault(weight=4, holds="machines")
def join_and_leave(arena, chance):
    """another machine comes and goes every two seconds"""
    guest = arena.machines[-1]
    for _ in range(chance.randrange(2, 6)):
        if not guest.is_running():
            guest.start(wait=False)
        yield 2
        if guest.is_running():
            guest.ask_to_stop()
        yield 2
    yield from in_background(lambda: guest.stop(60))


@fault(weight=3, holds="machines")
def restart_worker(arena, chance):
    """SIGTERM, and a start as soon as it has ended"""
    machine = a_machine(arena, chance)
    if machine:
        yield from in_background(lambda: machine.stop(60))
        machine.start(wait=False)


# --- PostgreSQL -------------------------------------------------------------------------------------------------------


@fault(weight=8)
def terminate_backends(arena, chance):
    """pg_terminate_backend for some or all connections"""
    share = chance.choice([0.3, 1.0])
    try:
        arena.world.database.rows(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE usename = 'provd' AND datname = %s AND random() < %s",
            arena.world.database.name,
            share,
        )
    except Exception as error:  # pylint: disable=broad-exception-caught
        arena.say(f"PostgreSQL does not listen to us: {str(error).splitlines()[0]}")
    yield 0


@fault(weight=2, holds="postgresql")
def stop_postgresql_immediately(arena, chance):
    """PostgreSQL stops `immediate`, or dies, and is started again"""
    if chance.random() < 0.5:
        arena.stop_postgresql_immediately()
    else:
        arena.stack.kill("postgresql")
    yield chance.uniform(SHORT_S, 4)
    yield from in_background(lambda: (arena.stack.stop("postgresql"), arena.start_server("postgresql")))


@fault(weight=2, holds="postgresql")
def fill_disk(arena, chance):
    """the disk of the tables is full"""
    if arena.disk.is_there:
        arena.disk.fill()
        yield chance.uniform(1, 6)
        arena.disk.free()


@fault(weight=10)
def lose_commit(arena, chance):
    """the answer to a COMMIT is lost at some byte, or does not come"""
    then = chance.choice(["cut", "cut", "hold"])
    trap = commit_reply(chance.randrange(COMMIT_BYTES), then, skip=chance.randrange(3))
    yield from trapped(arena.lines.database, trap, then)


@fault(weight=6)
def cut_commit(arena, chance):
    """the connection ends before, in, or behind a COMMIT on its way there"""
    trap = commit_request(chance.choice([0, 3, None]), skip=chance.randrange(3))
    yield from trapped(arena.lines.database, trap)


@fault(weight=10)
def cut_database(arena, chance):
    """a connection to PostgreSQL ends after some bytes"""
    trap = AfterBytes(chance.choice([REQUEST, REPLY]), int(10 ** chance.uniform(0, 4.5)))
    yield from trapped(arena.lines.database, trap)


@fault(weight=3)
def reset_database(arena, chance):
    """connections to PostgreSQL are reset"""
    arena.lines.database.cut(some(chance))
    yield 0


@fault(weight=3, holds="line of the database")
def lose_database(arena, chance):
    """nothing passes to and from PostgreSQL"""
    yield from hole(arena.lines.database, chance)


@fault(weight=3, holds="delay of the database")
def delay_database(arena, chance):
    """a long line to PostgreSQL"""
    yield from delay(arena.lines.database, chance)


# --- Kafka ------------------------------------------------------------------------------------------------------------


@fault(weight=10)
def lose_answer_of_kafka(arena, chance):
    """the broker has done it, its answer is lost at some byte or does not come"""
    then = chance.choice(["cut", "cut", "hold"])
    trap = KafkaReply(a_request(chance), chance.randrange(20), then)
    yield from trapped(arena.lines.kafka, trap, then)


@fault(weight=8)
def cut_request_of_kafka(arena, chance):
    """a connection to Kafka ends before, in, or behind a request"""
    trap = kafka_request(a_request(chance), chance.choice([0, 14, None]))
    yield from trapped(arena.lines.kafka, trap)


@fault(weight=8)
def cut_kafka(arena, chance):
    """a connection to Kafka ends after some bytes"""
    trap = AfterBytes(chance.choice([REQUEST, REPLY]), int(10 ** chance.uniform(0, 4.5)))
    yield from trapped(arena.lines.kafka, trap)


@fault(weight=3)
def reset_kafka(arena, chance):
    """connections to Kafka are reset"""
    arena.lines.kafka.cut(some(chance))
    yield 0


@fault(weight=3, holds="line of kafka")
def lose_kafka(arena, chance):
    """nothing passes to and from Kafka, maybe from an EndTxn on"""
    if chance.random() < 0.5:
        trap = arena.lines.kafka.set(kafka_request("EndTxn", chance.choice([0, None]), then="black hole"))
        yield 1
        arena.lines.kafka.unset(trap)
    yield from hole(arena.lines.kafka, chance)


@fault(weight=3, holds="delay of kafka")
def delay_kafka(arena, chance):
    """a long line to Kafka"""
    yield from delay(arena.lines.kafka, chance)


@fault(weight=1, holds="kafka")
def restart_broker(arena, chance):
    """the broker dies or is stopped, and is started again"""
    stop = arena.stack.kill if chance.random() < 0.5 else arena.stack.stop
    yield from in_background(lambda: stop("kafka"))
    yield chance.uniform(0, 2)
    yield from in_background(lambda: arena.start_server("kafka"))


def a_request(chance):
    transaction = ("AddPartitionsToTxn", "Produce", "AddOffsetsToTxn", "TxnOffsetCommit", "EndTxn")
    return chance.choice([*transaction, *transaction, *KAFKA_REQUESTS])


# --- the registry -----------------------------------------------------------------------------------------------------


@fault(weight=2, holds="line of the registry")
def lose_registry(arena, chance):
    """nothing passes to and from the registry, while a lane is new and knows no schema"""
    pid = a_lane(arena, chance)
    if pid:
        send_signal(pid, signal.SIGKILL)
    yield from hole(arena.lines.registry, chance)


@fault(weight=2)
def cut_registry(arena, chance):
    """an answer of the registry ends in the middle, for a lane that knows no schema"""
    pid = a_lane(arena, chance)
    if pid:
        send_signal(pid, signal.SIGKILL)
    yield from trapped(arena.lines.registry, AfterBytes(REPLY, chance.randrange(2000)))


# --- what lines have in common ----------------------------------------------------------------------------------------


def trapped(proxy, trap, then="cut"):
    """Sets a trap for a while. A connection that it holds is cut in the end."""
    proxy.set(trap)
    for _ in range(20):
        yield 0.2
        if trap.is_sprung:
            break
    proxy.unset(trap)
    if then == "hold" and trap.is_sprung:
        yield LONG_S
        proxy.cut(lambda links: [link for link in links if link.held])


def hole(proxy, chance):
    proxy.hold()
    yield a_while(chance)
    if chance.random() < 0.5:
        proxy.cut()
    proxy.let_go()


def delay(proxy, chance):
    proxy.delay_s = chance.uniform(0.002, 0.06)
    yield chance.uniform(1, 6)
    proxy.delay_s = 0.0


def some(chance):
    share = chance.choice([0.3, 1.0])
    return lambda links: [link for link in links if chance.random() < share]
