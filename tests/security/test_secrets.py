"""The search for secrets finds them, wherever they are put: support/secrets.py, which all tests of flow and fault end with."""
import base64
import functools
import pathlib

import pytest

from support import secrets
from support.events import make_event
from support.provd import Worker
from support.waiting import wait_until


@pytest.fixture(scope="module")
def world(make_world):
    world = make_world().start()
    world.ask([make_event("CreateAccount", {"address": world.name()})])
    world.secret()
    return world


def put_into_the_log(world, secret):
    with open(world.worker.log_file, "ab") as log:
        log.write(secret)


def put_into_a_file(world, secret):
    (world.worker.folder / "core.1").write_bytes(secret)


def put_into_a_topic(topic, **record):
    return lambda world, secret: world.kafka.produce(
        getattr(world.topics, topic), [{name: make(secret) for name, make in record.items()}]
    )


def put_into_a_row(world, secret):
    world.database.rows("UPDATE provd.account SET comment = %s", secret.decode())


def put_into_stored_bytes(world, secret):
    world.database.rows("UPDATE provd.event_ledger SET result = result || %s::bytea", secret)


def put_into_the_hashes(world, secret):
    world.database.rows("UPDATE provd.account SET password = %s", "{PLAIN}" + secret.decode())


def start_another(world, secret, *arguments, **environment):
    program = world.worker.program
    if arguments:
        program = world.worker.folder / "wrapper"
        program.write_text(f'#!/bin/sh\nexec {world.worker.program} "$@" {" ".join(arguments)}\n', encoding="utf-8")
        program.chmod(0o755)
    make = functools.partial(Worker, program=program)
    other = world.make_worker(environment=environment, make=make).start(wait=False)
    wait_until(lambda: other.get("/livez").ok, what="it answers")


PLACES = {
    "log": put_into_the_log,
    "file": put_into_a_file,
    "a result's value": put_into_a_topic("results", value=lambda secret: b"x" + secret),
    "a result's key": put_into_a_topic("results", key=lambda secret: secret, value=lambda _: b"x"),
    "a change record": put_into_a_topic("changes", value=lambda secret: base64.b64encode(b"ab" + secret + b"c")),
    "a dead letter's header": put_into_a_topic("dlq", value=lambda _: b"x", headers=lambda secret: [("h", secret)]),
    "row": put_into_a_row,
    "bytes": put_into_stored_bytes,
    "hashes": put_into_the_hashes,
    "cmdline": lambda world, secret: start_another(world, secret, "--set", f"worker.name={secret.decode()}"),
    "environ": lambda world, secret: start_another(world, secret, PROVD_WORKER_NAME=secret.decode()),
}


def test_nothing_is_found_where_nothing_was_put(world):
    secrets.check_world(world)


@pytest.mark.parametrize("place", PLACES)
def test_a_secret_is_found(world, place):
    planted = secrets.plant()
    kept, world.secrets = world.secrets, [planted]
    try:
        PLACES[place](world, planted.encode())
        with pytest.raises(AssertionError, match=planted[:12]):
            secrets.check_world(world)
    finally:
        world.secrets = kept
        for worker in world.workers[1:]:
            worker.destroy()


def test_a_dead_letters_own_value_is_its_senders(world):
    world.secrets.append(planted := secrets.plant())
    put_into_a_topic("dlq", value=lambda secret: secret)(world, planted.encode())
    secrets.check_world(world)


def test_a_hash_may_stand_in_its_column(world):
    hashed = world.secret("{SSHA256}")
    world.database.rows("UPDATE provd.account SET password = %s", hashed)
    secrets.check_world(world)


def test_the_databases_log_shows_no_row_when_it_is_told_not_to(make_world, stack):
    """As SECURITY.md advises; without it, PostgreSQL shows the row that a constraint of the operator refuses."""
    world = make_world(partitions=1)
    log = pathlib.Path(stack.env["STACK_DIR"]) / "postgresql.log"
    beginning = log.stat().st_size
    world.database.rows("ALTER TABLE provd.account ADD CONSTRAINT nobody CHECK (password IS NULL)")
    shown, hidden = world.secret("{SSHA256}"), world.secret("{SSHA256}")
    world.start()
    bury(world, shown)
    assert world.worker.stop() == 0
    world.database.rows(f'ALTER ROLE provd IN DATABASE "{world.database.name}" SET log_error_verbosity = terse')
    world.worker.start()
    bury(world, hidden)
    text = log.read_bytes()[beginning:].decode(errors="replace")
    assert shown in text, "this is what the advice is for"
    assert text.count('"nobody"') >= 2 and hidden not in text


def bury(world, hashed):
    account = {"address": world.name(), "password": {"PasswordHash": {"hash": hashed}}}
    (letter,) = world.ask([make_event("CreateAccount", account)])
    assert letter.code == "STORAGE_REFUSED"


@pytest.mark.parametrize("spelled", [bytes, bytes.hex, base64.b64encode])
@pytest.mark.parametrize("before", [b"", b"a", b"ab"])
def test_a_secret_is_found_in_other_spellings(spelled, before):
    text = spelled(before + b"hush-hush-hush-hush" + b"z")
    text = text.encode() if isinstance(text, str) else text
    assert secrets.leaks(["hush-hush-hush-hush"], [("somewhere", text)])


def test_what_a_program_prints_is_searched_at_the_end(monkeypatch):
    monkeypatch.setattr(secrets, "_noted", [])
    secrets.check_noted()
    secrets.note("provctl", "the password is " + secrets.plant())
    with pytest.raises(AssertionError, match="provctl"):
        secrets.check_noted()
