"""Hashing and comparing: every scheme as Dovecot takes it, comparisons that see what was before them, batches that are
cut when hashing takes long."""
import subprocess
import time

import pytest
import requests

from support.events import make_event
from support.sealing import KeyPair
from support.waiting import wait_until

KEY_ID = "2026-11"
SCHEMES = {"ARGON2ID": 0, "SHA512-CRYPT": 1000, "BLF-CRYPT": 4, "YESCRYPT": 1}
DOVEADM_LIMIT_S = 30
CUT_LIMIT_S = 120
RIGHT, WRONG = ("NO_CHANGE", None), ("REJECTED", "AUTH_FAILED")


@pytest.fixture(scope="module")
def worker_key():
    return KeyPair()


@pytest.fixture(scope="module")
def keys_directory(worker_key, tmp_path_factory):
    keys = tmp_path_factory.mktemp("keys")
    worker_key.write(keys, KEY_ID)
    return keys


@pytest.fixture(scope="module")
def make_hashing_world(make_world, keys_directory):
    def make(**settings):
        settings = {path.replace("__", "."): value for path, value in settings.items()}
        return make_world(settings={"secrets.keys_directory": str(keys_directory), **settings})

    return make


@pytest.fixture(scope="module")
def world(make_hashing_world):
    return make_hashing_world().start()


@pytest.fixture(scope="module", autouse=True)
def contract_holds_at_the_end(world):
    yield
    world.check()


@pytest.fixture
def sealed(worker_key):
    return lambda text: {"key_id": KEY_ID, "ciphertext": worker_key.seal(text)}


@pytest.fixture
def create(sealed):
    def make(address, text=None):
        password = {"SealedSecret": sealed(text)} if text else None
        return make_event("CreateAccount", {"address": address, "password": password})

    return make


@pytest.fixture
def change(sealed):
    return lambda address, text: make_event(
        "SetPassword", {"ref": {"address": address}, "password": {"SealedSecret": sealed(text)}}
    )


@pytest.fixture
def verify(sealed):
    def make(ref, text, **envelope):
        ref = ref if isinstance(ref, dict) else {"address": ref}
        return make_event("VerifyPassword", {"ref": ref, "secret": sealed(text)}, **envelope)

    return make


def said(results):
    return [(result["status"], result["code"]) for result in results]


def dovecot_accepts(stored, plain):
    done = subprocess.run(
        ["doveadm", "pw", "-t", stored, "-p", plain], capture_output=True, timeout=DOVEADM_LIMIT_S, check=False
    )
    return done.returncode == 0


def stored(world, address):
    return world.database.value("SELECT password FROM provd.account WHERE address = %s AND tombstone = 0", address)


# --- schemes ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", SCHEMES)
def test_dovecot_accepts_what_was_hashed(make_hashing_world, create, verify, scheme):
    world = make_hashing_world(hashing__scheme=scheme, hashing__rounds=SCHEMES[scheme]).start()
    address, plain = world.name(), world.secret()
    requester = KeyPair()
    other = world.name()
    wish = {"GeneratedPassword": {"length": 24, "key_id": "desk", "public_key": requester.public}}
    first, made = world.ask(
        [create(address, plain), make_event("CreateAccount", {"address": other, "password": wish})]
    )
    assert said([first, made]) == [("APPLIED", None)] * 2
    assert dovecot_accepts(stored(world, address), plain)
    assert not dovecot_accepts(stored(world, address), plain + "x")
    generated = requester.open(made["generated_password"]["ciphertext"])
    world.secrets.append(generated)
    assert dovecot_accepts(stored(world, other), generated)
    asked = [verify(address, plain), verify(address, plain + "x"), verify(other, generated)]
    assert said(world.ask(asked)) == [RIGHT, WRONG, RIGHT]
    world.check()


# --- comparing --------------------------------------------------------------------------------------------------------


def test_a_password_is_compared_by_address_and_by_uuid(world, create, verify):
    address, plain = world.name(), world.secret()
    (made,) = world.ask([create(address, plain)])
    by_uuid = {"uuid": made["account_uuid"]}
    source_right, source_wrong = world.send([verify(address, plain), verify(address, world.secret())])
    right, wrong = world.answers([source_right, source_wrong])
    assert said([right, wrong]) == [RIGHT, WRONG]
    assert not world.changes_of(source_right) and not world.changes_of(source_wrong), "no change record"
    assert said(world.ask([verify(by_uuid, plain), verify(by_uuid, "wrong")])) == [RIGHT, WRONG]


def test_the_answer_does_not_tell_who_exists(world, create, verify):
    address, without = world.name(), world.name()
    world.ask([create(address, world.secret()), create(without)])
    nobody = {"uuid": "00000000-0000-7000-8000-000000000000"}
    results = world.ask(
        [verify(address, "wrong"), verify(without, "wrong"), verify(world.name(), "wrong"), verify(nobody, "wrong")]
    )
    assert said(results) == [WRONG] * 4
    assert len({result["message"] for result in results}) == 1
    assert {result["account_uuid"] for result in results} == {None}


def test_another_context_has_no_such_account(world, create, verify):
    address, plain = world.name(), world.secret()
    world.ask([create(address, plain)])
    world.found("elsewhere")
    (result,) = world.ask([verify(address, plain, context="elsewhere")])
    assert (result["status"], result["code"]) == WRONG


def test_secrets_that_cannot_be_compared(world, create, verify):
    address, plain = world.name(), world.secret()
    world.ask([create(address, plain)])
    unknown, broken, none, stranger = (verify(address, plain) for _ in range(4))
    unknown["payload"]["VerifyPassword"]["secret"]["key_id"] = "no-such-key"
    broken["payload"]["VerifyPassword"]["secret"]["ciphertext"] = b"x" * 60
    none["payload"]["VerifyPassword"]["secret"] = None
    odd = [verify(address, text) for text in ("", plain + "\0", "p" * 5000, "\x01")]
    results = world.ask([unknown, broken, none, *odd, stranger])
    assert said(results) == [
        ("REJECTED", "INVALID_FIELD"), ("REJECTED", "INVALID_FIELD"), ("REJECTED", "MISSING_FIELD"),
        WRONG, WRONG, WRONG, WRONG, RIGHT,
    ]  # fmt: skip


def test_hashes_of_the_sender_can_be_compared(world, create, verify):
    address, plain = world.name(), "correct horse"
    event = create(address)
    made = subprocess.run(
        ["doveadm", "pw", "-s", "SSHA256", "-p", plain], capture_output=True, timeout=DOVEADM_LIMIT_S, check=True
    )
    digest = made.stdout.decode().strip()
    event["payload"]["CreateAccount"]["password"] = {"PasswordHash": {"hash": digest}}
    world.ask([event])
    assert said(world.ask([verify(address, plain), verify(address, plain + "x")])) == [RIGHT, WRONG]


@pytest.mark.parametrize(
    "dear",
    [
        "{BLF-CRYPT}$2y$31$abcdefghijklmnopqrstuuJbGzXGvO6S8pSyOYqcZaVhDJ8mKn9Wu",
        "{SHA512-CRYPT}$6$rounds=999999999$salt$" + "h" * 86,
        "{CRYPT}$y$jzT$salt$" + "h" * 43,
        "{CRYPT}$y$j9T5$salt$" + "h" * 43,
        "{ARGON2ID}$argon2id$v=19$m=1048577,t=3,p=1$c2FsdHNhbHRzYWx0$" + "h" * 43,
        "{ARGON2ID}$argon2id$v=19$m=65536,t=4294967295,p=1$c2FsdHNhbHRzYWx0$" + "h" * 43,
    ],
)
def test_a_hash_that_would_take_days_is_refused_and_not_compared(world, create, verify, dear):
    address = world.name()
    event = create(address)
    event["payload"]["CreateAccount"]["password"] = {"PasswordHash": {"hash": dear}}
    assert said(world.ask([event])) == [("REJECTED", "INVALID_FIELD")]
    world.ask([create(address)])
    stored = "UPDATE provd.account SET password = %s WHERE address = %s RETURNING 1"
    assert world.database.rows(stored, dear, address), "as an older version let it in"
    assert said(world.ask([verify(address, "wrong")])) == [WRONG]


# --- comparisons see what was before them -----------------------------------------------------------------------------


def test_a_comparison_in_a_batch_sees_the_changes_before_it(world, create, change, verify):
    address, first, second = world.name(), world.secret(), world.secret()
    by_address = {"ref": {"address": address}}
    results = world.ask(
        [
            verify(address, first),
            create(address, first),
            verify(address, first),
            change(address, second),
            verify(address, first),
            verify(address, second),
            make_event("DeleteAccount", {**by_address, "mode": "SOFT"}),
            verify(address, second),
            make_event("RestoreAccount", by_address),
            verify(address, second),
        ],
        partition=0,
    )
    applied = ("APPLIED", None)
    assert said(results) == [WRONG, applied, RIGHT, applied, WRONG, RIGHT, applied, WRONG, applied, RIGHT]


def test_an_account_with_two_names_is_compared_again(world, create, change, verify):
    address, first, second = world.name(), world.secret(), world.secret()
    (made,) = world.ask([create(address, first)], partition=1)
    by_uuid = {"uuid": made["account_uuid"]}
    results = world.ask(
        [
            verify(by_uuid, first),
            change(address, second),
            verify(by_uuid, first),
            verify(by_uuid, second),
            change(address, first),
            verify(by_uuid, first),
        ],
        partition=1,
    )
    applied = ("APPLIED", None)
    assert said(results) == [RIGHT, applied, WRONG, RIGHT, applied, RIGHT]


def test_changes_and_comparisons_in_turn(world, create, change, verify):
    address, plains = world.name(), [world.secret() for _ in range(20)]
    events = [create(address, plains[0])]
    for before, plain in zip(plains, plains[1:]):
        events += [change(address, plain), verify(address, before), verify(address, plain)]
    results = world.ask(events, partition=2)
    assert said(results) == [("APPLIED", None)] + [("APPLIED", None), WRONG, RIGHT] * 19


def test_a_lost_connection_is_opened_again(world, create, verify):
    address, plain = world.name(), world.secret()
    world.ask([create(address, plain)])
    lost = world.database.rows("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'provd'"
                               " AND datname = current_database()")  # fmt: skip
    assert lost, "the worker has a connection to lose"
    assert said(world.ask([verify(address, plain), verify(address, "wrong")])) == [RIGHT, WRONG]


# --- long batches -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def slow_world(make_hashing_world):
    """A hash takes about a tenth of a second, and a batch may hash for half a second."""
    return make_hashing_world(
        hashing__memory="64MiB", hashing__passes=3, hashing__deadline="500ms", hashing__threads=1,
        shutdown__timeout="10s",
    ).start()  # fmt: skip


def many(world, create, count, **record):
    names, plain = [world.name("slow") for _ in range(count)], world.secret()
    return world.send([create(name, plain) for name in names], **record)


def test_a_batch_ends_where_hashing_takes_too_long(slow_world, create):
    world, worker = slow_world, slow_world.worker
    rebalances = worker.metric("provd_rebalances_total")
    waiting = many(world, create, 60, partition=0)
    seen = []

    def is_done():
        seen.append(answered(world, waiting))
        assert worker.get("/readyz").status_code == requests.codes.ok
        return seen[-1] == len(waiting)

    wait_until(is_done, CUT_LIMIT_S, "all passwords hashed")
    assert len(set(seen)) > 2, "the first ones do not wait for the last ones"
    assert said(world.answers(waiting)) == [("APPLIED", None)] * len(waiting)
    assert worker.metric("provd_lane_restarts_total") == 0
    assert worker.metric("provd_rebalances_total") == rebalances, "it has left the group for a while"
    world.check()


def test_partitions_that_go_take_what_was_put_back_with_them(slow_world, create):
    world = slow_world
    waiting = many(world, create, 90)
    wait_until(lambda: answered(world, waiting), CUT_LIMIT_S, "the first passwords hashed")
    second = world.make_worker().start()
    assert said(world.answers(waiting, CUT_LIMIT_S)) == [("APPLIED", None)] * len(waiting)
    assert second.metric("provd_records_consumed_total") > 0, "the partitions were shared"
    second.stop()
    world.check()


def test_a_stop_in_the_middle_does_not_wait_for_all_hashes(slow_world, create):
    world, worker = slow_world, slow_world.worker
    waiting = many(world, create, 500, partition=0)
    wait_until(lambda: answered(world, waiting), CUT_LIMIT_S, "the first passwords hashed")
    began = time.monotonic()
    assert worker.stop() == 0
    lasted_s = time.monotonic() - began
    assert not set(waiting) <= {result.source for result in world.outputs.results}, "it was not in the middle"
    assert lasted_s < 10, "shutdown.timeout"
    worker.write_settings(hashing__memory="8MiB", hashing__passes=1, hashing__threads=2)
    worker.start()
    assert said(world.answers(waiting, CUT_LIMIT_S)) == [("APPLIED", None)] * len(waiting)
    world.check()


def answered(world, sources):
    world.outputs.read_to_the_end()
    return len({result.source for result in world.outputs.results} & set(sources))
