"""Passwords: hashed by the sender, sealed for the worker, made by the worker; secrets that leak nowhere."""
import pytest

from support.events import make_event
from support.sealing import KeyPair, argon2_matches

KEY_ID = "2026-11"
GOOD_HASH = "{SSHA256}diItlPkdWkA18C2u6tAkeX58S1wkmp2zxvjDxgSk0k2+cZ06mCoHNA=="


@pytest.fixture(scope="module")
def worker_key():
    return KeyPair()


@pytest.fixture(scope="module")
def world(make_world, worker_key, tmp_path_factory):
    keys = tmp_path_factory.mktemp("keys")
    worker_key.write(keys, KEY_ID)
    return make_world(settings={"secrets.keys_directory": str(keys)}).start()


@pytest.fixture(scope="module", autouse=True)
def contract_holds_at_the_end(world):
    yield
    world.check()


def create(address, password):
    return make_event("CreateAccount", {"address": address, "password": password})


def set_password(address, password, **envelope):
    return make_event("SetPassword", {"ref": {"address": address}, "password": password}, **envelope)


def hashed(text):
    return {"PasswordHash": {"hash": text}}


def sealed(key, text, key_id=KEY_ID):
    return {"SealedSecret": {"key_id": key_id, "ciphertext": key.seal(text)}}


def stored(world, address):
    return world.database.value(
        "SELECT password FROM provd.account WHERE address = %s AND tombstone = 0", address
    )


def test_a_hash_is_stored_as_it_is(world):
    address = world.name()
    planted = world.secret("{SSHA256}")
    (result,) = world.ask([create(address, hashed(planted))])
    assert result["status"] == "APPLIED" and stored(world, address) == planted


def test_a_sealed_password_is_opened_and_hashed(world, worker_key):
    address, plain = world.name(), world.secret()
    (result,) = world.ask([create(address, sealed(worker_key, plain))])
    assert result["status"] == "APPLIED"
    value = stored(world, address)
    assert value.startswith("{ARGON2ID}$argon2id$") and plain not in value
    assert argon2_matches(value, plain) and not argon2_matches(value, plain + "x")


def test_many_sealed_passwords_in_one_batch(world, worker_key):
    names = [world.name() for _ in range(8)]
    plains = [world.secret() for _ in names]
    results = world.ask([create(name, sealed(worker_key, plain)) for name, plain in zip(names, plains)], partition=0)
    assert {result["status"] for result in results} == {"APPLIED"}
    assert all(argon2_matches(stored(world, name), plain) for name, plain in zip(names, plains))


def test_a_password_is_made_and_returned_to_the_requester_alone(world):
    address, requester = world.name(), KeyPair()
    wish = {"GeneratedPassword": {"length": 20, "key_id": "desk", "public_key": requester.public}}
    event = create(address, wish)
    made, again = world.ask([event, event])
    assert made["status"] == "APPLIED" and made["generated_password"]["key_id"] == "desk"
    plain = requester.open(made["generated_password"]["ciphertext"])
    world.secrets.append(plain)
    assert len(plain) == 20 and argon2_matches(stored(world, address), plain)
    assert again["status"] == "DUPLICATE" and again["generated_password"] is None, "never a second time"


def test_setting_a_password(world, worker_key):
    address = world.name()
    first, second = world.secret("{SSHA256}"), world.secret()
    results = world.ask(
        [
            create(address, hashed(first)),
            set_password(address, hashed(first)),
            set_password(address, sealed(worker_key, second)),
            set_password(address, None),
        ]
    )
    assert [(result["status"], result["code"]) for result in results] == [
        ("APPLIED", None), ("NO_CHANGE", None), ("APPLIED", None), ("REJECTED", "MISSING_FIELD"),
    ]  # fmt: skip
    assert argon2_matches(stored(world, address), second)


def test_change_records_show_stars(world):
    address = world.name()
    (source,) = world.send([create(address, hashed(world.secret("{SSHA256}")))])
    world.answers([source])
    (change,) = world.changes_of(source)
    assert {"name": "password", "value": "***"} in change["after"]


@pytest.mark.parametrize(
    "text, code",
    [
        ("{plain}hush-plain-1", "CLEARTEXT_SECRET"),
        ("{CLEARTEXT}hush-plain-2", "CLEARTEXT_SECRET"),
        ("hush-plain-3", "CLEARTEXT_SECRET"),
        ("{ROT13}uhfu-plain-4", "UNKNOWN_SCHEME"),
        ("{SSHA256}", "INVALID_FIELD"),
        ("{CRYPT}$1$hush5555$aaaaaaaaaaaaaaaaaaaaaa", "WEAK_PASSWORD"),
        ("{CRYPT}hushhushhush6", "WEAK_PASSWORD"),
        ("{SSHA256}" + "h" * 600, "INVALID_FIELD"),
    ],
)
def test_bad_hashes_are_refused_without_being_repeated(world, text, code):
    planted = text.rpartition("}")[2]
    world.secrets += [planted] if planted else []
    (result,) = world.ask([create(world.name(), hashed(text))])
    assert (result["status"], result["code"]) == ("REJECTED", code)


def test_sealed_secrets_that_cannot_be_used(world, worker_key):
    address = world.name("longlocal")
    local = address.partition("@")[0]
    unknown, broken, foreign, short, same = world.ask(
        [
            create(world.name(), sealed(worker_key, world.secret(), key_id="no-such-key")),
            create(world.name(), {"SealedSecret": {"key_id": KEY_ID, "ciphertext": b"x" * 60}}),
            create(world.name(), sealed(KeyPair(), world.secret())),
            create(world.name(), sealed(worker_key, "short")),
            create(address, sealed(worker_key, local)),
        ]
    )
    assert {result["status"] for result in (unknown, broken, foreign)} == {"REJECTED"}
    assert {result["code"] for result in (unknown, broken, foreign)} == {"INVALID_FIELD"}
    assert short["code"] == "WEAK_PASSWORD"
    assert same["code"] == "WEAK_PASSWORD", "the password is the local part"


def test_the_flag_against_changing_the_password_stops_users_not_admins(world):
    address = world.name("flagged")
    world.ask([make_event("CreateAccount", {"address": address, "flags": 1})])
    user = {"kind": "USER", "id": address}
    refused, allowed = world.ask(
        [set_password(address, hashed(GOOD_HASH), actor=user), set_password(address, hashed(GOOD_HASH))]
    )
    assert (refused["status"], refused["code"]) == ("REJECTED", "FORBIDDEN")
    assert allowed["status"] == "APPLIED"


def test_a_user_may_set_the_own_password_only(world):
    own, other = world.name("own"), world.name("other")
    world.ask([create(own, None), create(other, None)])
    user = {"kind": "USER", "id": own}
    mine, theirs = world.ask(
        [set_password(own, hashed(GOOD_HASH), actor=user), set_password(other, hashed(GOOD_HASH), actor=user)]
    )
    assert mine["status"] == "APPLIED" and theirs["code"] == "FORBIDDEN"


def test_sealed_duplicates_are_recognised_and_not_hashed_again(world, worker_key):
    address = world.name()
    event = create(address, sealed(worker_key, world.secret()))
    first, twice = world.ask([event, event])
    before = stored(world, address)
    (again,) = world.ask([event])
    assert [first["status"], twice["status"], again["status"]] == ["APPLIED", "DUPLICATE", "DUPLICATE"]
    assert stored(world, address) == before
