"""However many events a batch holds, each row is written once and the statements are few."""
import random

import pytest

from support.events import make_event
from support.provd import binary
from support.waiting import wait_until
from support.world import CONTEXT, DOMAIN

SANITIZED = "asan" in str(binary())  # the rules are the same, the time is not
EVENTS_OF_ONE = 2_000 if SANITIZED else 10_000
EVENTS_OF_MANY = 1_000 if SANITIZED else 5_000
ACCOUNTS = 600 if SANITIZED else 3_000
STATEMENTS_OF_A_BATCH_MAX = 40
ONE_BATCH = {"batch__max_wait": "10s", "batch__memory_max": "1GiB"}


def ref(address):
    return {"ref": {"address": address}}


@pytest.fixture
def waiting(make_world):
    """A world with a context and a domain whose worker stands still, so that what is sent can become one batch."""
    world = make_world(partitions=1)
    world.start()
    world.settle()
    world.worker.stop()
    world.database.rows("CREATE EXTENSION IF NOT EXISTS pg_stat_statements; SELECT pg_stat_statements_reset()")
    return world


def statements(world):
    """Calls of each statement by the worker."""
    return dict(
        world.database.rows(
            "SELECT query, calls FROM pg_stat_statements s JOIN pg_roles r ON r.oid = s.userid"
            " WHERE r.rolname = 'provd' AND dbid = (SELECT oid FROM pg_database WHERE datname = current_database())"
        )
    )


def calls(world, beginning):
    return sum(count for query, count in statements(world).items() if query.lstrip().startswith(beginning))


def answers_of_one_batch(world, events):
    """A batch ends with the last of them, however long it takes to read them."""
    sources = world.send(events)
    world.worker.write_settings(batch__max_events=len(events), **ONE_BATCH)
    world.worker.start()
    answers = world.answers(sources, limit_s=120)
    # Counted a moment after they are out.
    wait_until(lambda: world.worker.metric("provd_batch_events_sum") == len(events), what="all are counted")
    assert world.worker.metric("provd_batch_events_count") == 1
    return answers


def test_10000_events_for_one_account_are_one_write(waiting):
    address = f"hot@{DOMAIN}"
    events = [make_event("CreateAccount", {"address": address})]
    events += [
        make_event("UpdateAccount", {**ref(address), "fields": ["comment"], "comment": f"note {number}"})
        for number in range(EVENTS_OF_ONE - 1)
    ]
    answers = answers_of_one_batch(waiting, events)
    assert {answer["status"] for answer in answers} == {"APPLIED"}
    assert [answer["version_after"] for answer in answers] == list(range(1, EVENTS_OF_ONE + 1))
    row = waiting.database.rows("SELECT version, revision, comment FROM provd.account WHERE address = %s", address)
    assert row == [(EVENTS_OF_ONE, 1, f"note {EVENTS_OF_ONE - 2}")]
    waiting.check()


def life(rng, addresses):
    """A random command, of as many kinds as there are that neither cut a batch nor compare with what is stored."""
    address = rng.choice(addresses)
    return rng.choice(
        [
            lambda: ("UpdateAccount", {**ref(address), "fields": ["comment"], "comment": str(rng.random())}),
            lambda: ("SetAccountStatus", {**ref(address), "status": rng.choice(["ACTIVE", "LOCKED", "CLOSED"])}),
            lambda: ("SetPassword", {**ref(address), "password": {"PasswordHash": {"hash": "{SHA512-CRYPT}$6$x$" + "y" * 86}}}),
            lambda: ("SetQuota", {**ref(address), "bytes": rng.randrange(10**9)}),
            lambda: ("SetFlags", {**ref(address), "set_mask": rng.choice([1, 2, 4, 8])}),
            lambda: ("DeleteAccount", ref(address)),
            lambda: ("RestoreAccount", ref(address)),
            lambda: ("ProvisionServices", {**ref(address), "services": 7}),
            lambda: ("DeprovisionServices", {**ref(address), "services": rng.choice([1, 2, 4])}),
            lambda: ("ObserveLogin", {"address": address, "ip": "192.0.2.1", "protocol": "imap"}),
            lambda: ("CreateAccount", {"address": address, "first_name": rng.choice("AB")}),
            lambda: ("UpdateDomain", {"domain": DOMAIN, "fields": ["default_services"], "default_services": 7}),
            lambda: ("CreateDomain", {"domain": f"d{rng.randrange(50)}.example.org"}),
            lambda: ("DeleteDomain", {"domain": f"d{rng.randrange(50)}.example.org"}),
            lambda: ("UpdateContext", {"name": CONTEXT, "fields": ["domains_on_the_fly"], "domains_on_the_fly": True}),
            lambda: ("CreateContext", {"name": f"c{rng.randrange(20)}"}),
            lambda: ("DeleteContext", {"name": f"c{rng.randrange(20)}"}),
            lambda: ("SetGroupMembers", {"group": rng.randrange(1, 9), "members": rng.sample(addresses, 3)}),
            lambda: ("ChangeGroupMembers", {"group": rng.randrange(1, 9), "add": [address]}),
        ]
    )()


def test_5000_events_of_all_kinds_keep_to_the_fixed_number_of_statements(waiting):
    rng = random.Random(2026)
    addresses = [f"many{number}@{DOMAIN}" for number in range(ACCOUNTS)]
    waiting.worker.start()
    waiting.ask([make_event("CreateAccount", {"address": address}) for address in addresses], limit_s=120)
    waiting.settle()
    waiting.worker.stop()
    waiting.database.rows("SELECT pg_stat_statements_reset()")
    # The twentieth kind stands alone at the front: compared with a password that the batch changes it would cut it.
    first = ("VerifyPassword", {**ref(addresses[0]), "secret": {"key_id": "nobody's", "ciphertext": b"x" * 60}})
    events = [first] + [life(rng, addresses) for _ in range(EVENTS_OF_MANY - 1)]
    assert len({kind for kind, _ in events}) == 20
    answers = answers_of_one_batch(waiting, [make_event(*event) for event in events])
    assert {answer["status"] for answer in answers} >= {"APPLIED", "NO_CHANGE", "REJECTED"}
    assert calls(waiting, "UPDATE provd.account") <= 1
    assert calls(waiting, "UPDATE provd.mail_group") <= 1
    assert calls(waiting, "COPY") <= 9
    assert sum(count for count in statements(waiting).values()) <= STATEMENTS_OF_A_BATCH_MAX + connecting(waiting)
    waiting.check()


def connecting(world):
    """Statements of connecting and of the assignment of its one partition, once each."""
    return sum(
        count
        for query, count in statements(world).items()
        if query.startswith(("SET", "SELECT set_config", "SHOW", "SELECT provd.schema_version", "BEGIN", "COMMIT"))
        or "pg_catalog" in query
    )
