"""Records that nobody can read: each ends as a dead letter, and its neighbours are applied."""
import copy
import json
import random
import struct
import time

import pytest

from support.avro_schema import Schema
from support.events import EVENT, event_record, make_event, single_object, single_object_prefix

KIB = 1024
PREFIX = single_object_prefix(EVENT)


def varint(number):
    """Avro's zig-zag encoding of a long."""
    number = number << 1 ^ number >> 63
    out = bytearray()
    while number & ~0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def string(data):
    return varint(len(data)) + data


def body(event_id=b"", occurred_at=1_790_000_000_000_000, source=b"signup-web", context=b"acme", rest=None):
    """The bytes of an event by hand, so that they can be wrong at any place."""
    head = string(event_id) + varint(occurred_at) + string(source) + string(context)
    return head + (valid_rest() if rest is None else rest)


def valid_rest(kind=3, mode=0, branch=None, payload=None):
    """From the actor on: actor {kind, id, null ip, reason, ticket}, no correlation_id, mode, no version, no expiry."""
    actor = varint(kind) + string(b"signup-web") + bytes(3)
    index = command("DeleteContext") if branch is None else branch
    return actor + bytes(1) + varint(mode) + bytes(2) + varint(index) + (string(b"nobody") if payload is None else payload)


def command(name):
    return [schema.name for schema in EVENT.parsed.fields_dict["payload"].type.schemas].index(name)


def create_with_boolean(value):
    """CreateAccount with an auto reply whose `enabled` is that byte; all other fields are absent."""
    fields = EVENT.parsed.fields_dict["payload"].type.schemas[command("CreateAccount")].fields
    out = b""
    for field in fields:
        if field.name == "address":
            out += string(b"seven@example.org")
        elif field.name == "autoreply":
            out += varint(1) + bytes(4) + value
        else:
            out += bytes(1)
    return valid_rest(branch=command("CreateAccount"), payload=out)


def newer_schema(command_name):
    """The newest event schema with one command more."""
    text = copy.deepcopy(EVENT.json)
    payload = next(field for field in text["fields"] if field["name"] == "payload")
    payload["type"].append(
        {"type": "record", "name": command_name, "doc": "New.", "fields": [{"name": "value", "type": "int", "doc": "v"}]}
    )
    return Schema(json.dumps(text))


NEWER = newer_schema("AnswerToEverything")
BOMB = Schema('{"type":"record","name":"Bomb","fields":[{"name":"a","type":{"type":"array","items":"null"}}]}')
DEEP = Schema('{"type":"record","name":"Deep","fields":[{"name":"next","type":["null","Deep"]}]}')

POISON = {
    "bad magic": (b"\x7fhello, this is no Avro", "FRAME", "BAD_MAGIC"),
    "JSON": (b'{"event_id": "not ours"}', "FRAME", "BAD_MAGIC"),
    "empty": (b"", "FRAME", "TOO_SHORT"),
    "one byte": (b"\x00", "FRAME", "TOO_SHORT"),
    "half a prefix": (PREFIX[:7], "FRAME", "TOO_SHORT"),
    "null": (None, "FRAME", "NULL_VALUE"),
    "unknown fingerprint": (b"\xc3\x01" + b"\x11" * 8 + body(), "SCHEMA", "UNKNOWN_SCHEMA"),
    "unknown id without a registry": (b"\x00" + struct.pack(">I", 4711) + body(), "SCHEMA", "UNKNOWN_SCHEMA"),
    "nothing behind the prefix": (PREFIX, "DECODE", "TRUNCATED"),
    "truncated": (PREFIX + body()[:-3], "DECODE", "TRUNCATED"),
    "trailing bytes": (PREFIX + body() + b"x", "DECODE", "TRAILING_BYTES"),
    "enum out of range": (PREFIX + body(rest=valid_rest(kind=5)), "DECODE", "BAD_ENUM"),
    "negative enum": (PREFIX + body(rest=valid_rest(kind=-1)), "DECODE", "BAD_ENUM"),
    "mode out of range": (PREFIX + body(rest=valid_rest(mode=3)), "DECODE", "BAD_ENUM"),
    "payload branch out of range": (PREFIX + body(rest=valid_rest(branch=99)), "DECODE", "BAD_ENUM"),
    "negative branch": (PREFIX + body(rest=valid_rest(branch=-2)), "DECODE", "BAD_ENUM"),
    "boolean 7": (PREFIX + body(rest=create_with_boolean(b"\x07")), "DECODE", "MALFORMED"),
    "invalid UTF-8": (PREFIX + body(source=b"caf\xe9"), "DECODE", "BAD_UTF8"),
    "a surrogate in UTF-8": (PREFIX + body(source=b"\xed\xa0\x80"), "DECODE", "BAD_UTF8"),
    "overlong UTF-8": (PREFIX + body(source=b"\xc0\xaf"), "DECODE", "BAD_UTF8"),
    "NUL": (PREFIX + body(source=b"a\x00b"), "DECODE", "NUL_BYTE"),
    "a string of gigabytes in 5 bytes": (PREFIX + varint(2**33), "DECODE", "TRUNCATED"),
    "a string of exabytes": (PREFIX + varint(2**62), "DECODE", None),
    "a string of negative length": (PREFIX + varint(-5) + bytes(20), "DECODE", None),
    "a number of eleven bytes": (PREFIX + b"\xff" * 11, "DECODE", None),
    "a string over the limit": (PREFIX + body(source=b"x" * (65 * KIB)), "DECODE", "TOO_LARGE"),
    "an event over the limit": (PREFIX + b"x" * (300 * KIB), "FRAME", "TOO_LARGE"),
}  # fmt: skip


@pytest.fixture(scope="module")
def world(make_world):
    made = make_world(settings={"breaker.share": 100})
    for schema in (NEWER, BOMB, DEEP):
        made.add_schema(schema)
    return made.start()


@pytest.fixture(scope="module", autouse=True)
def contract_holds_at_the_end(world):
    yield
    world.check()


@pytest.fixture(scope="module")
def buried(world):
    """All poison at once, in one partition, each between two good events: name -> (dead letter, its place)."""
    records, names = [], []
    for name, (value, _, _) in POISON.items():
        records.append(event_record(make_event("CreateAccount", {"address": world.name("neighbour")})))
        headers = [("traceparent", b"00-" + b"a" * 32), ("binary", b"\x00\xff"), ("empty", b""), ("null", None)]
        records.append({"key": name.encode(), "value": value, "headers": headers, "timestamp": 1_790_000_123_456})
        names.append(name)
    records.append(event_record(make_event("CreateAccount", {"address": world.name("neighbour")})))
    sources = world.send(records, partition=1)
    published = world.published(sources)
    assert {answer.said["status"] for answer in published[::2]} == {"APPLIED"}, "a neighbour was harmed"
    return dict(zip(names, zip(published[1::2], sources[1::2])))


@pytest.mark.parametrize("name", POISON)
def test_poison_is_buried_with_a_reason(buried, name):
    _, stage, code = POISON[name]
    letter = buried[name][0].said
    assert letter.stage == stage and code in (None, letter.code), (letter.stage, letter.code, letter.message)
    assert letter.message and "\n" not in letter.message and len(letter.message) <= 500


@pytest.mark.parametrize("name", POISON)
def test_dead_letters_are_the_original_byte_for_byte(buried, world, name):
    published, (partition, offset) = buried[name]
    letter = published.said
    assert (letter.key, letter.value) == (name.encode(), POISON[name][0])
    assert letter.origin == (world.topics.events, partition, offset)
    given = [header for header in published.message.headers() if not header[0].startswith(("x-", "__connect"))]
    assert given == [("traceparent", b"00-" + b"a" * 32), ("binary", b"\x00\xff"), ("empty", b""), ("null", None)]
    assert letter.headers["x-original-topic"] == world.topics.events
    assert letter.headers["x-original-timestamp"] == "1790000123456"
    assert letter.headers["x-provd-redrive-count"] == "0" and int(letter.headers["x-provd-attempts"]) >= 1
    assert abs(int(letter.headers["x-provd-first-failed-at"]) / 1000 - time.time()) < 600
    assert abs(published.message.timestamp()[1] / 1000 - time.time()) < 600, "its own timestamp is now"


def test_the_database_never_keeps_the_value(buried, world):
    rows = world.database.rows("SELECT content_hash, result FROM provd.record_outcome WHERE status = 100")
    assert len(rows) >= len(buried) and all(len(digest) == 16 and result is None for digest, result in rows)


def test_headers_over_the_limit(world):
    fat = event_record(make_event("CreateAccount", {"address": world.name()}), headers=[("fat", b"x" * (70 * KIB))])
    (letter,) = world.ask([fat])
    assert (letter.stage, letter.code) == ("FRAME", "TOO_LARGE") and letter.headers["fat"] == b"x" * (70 * KIB)


def test_a_key_over_the_limit(world):
    fat = {**event_record(make_event("CreateAccount", {"address": world.name()})), "key": b"k" * (70 * KIB)}
    (published,) = world.published(world.send([fat]))
    assert (published.said.stage, published.said.code) == ("FRAME", "TOO_LARGE")
    assert published.said.key == fat["key"] and published.said.value == fat["value"]


def test_a_key_that_leaves_no_room_for_a_dead_letter_stops_nobody(world):
    """Largest record that this topic takes: with headers of ours it would be larger than any."""
    huge = {"key": b"k" * 999_000, "value": b"\x7fbad magic"}
    good = event_record(make_event("CreateAccount", {"address": world.name("neighbour")}))
    letter, neighbour = [published.said for published in world.published(world.send([huge, good], partition=1))]
    assert (letter.stage, letter.code, letter.key, letter.value) == ("FRAME", "TOO_LARGE", None, None)
    assert letter.headers["x-provd-truncated"].startswith("key, headers and value are at ")
    assert neighbour["status"] == "APPLIED"


def test_headers_of_ours_on_a_record_are_replaced(world):
    """A dead letter that somebody sends to the topic of events again."""
    forged = [
        ("x-provd-error-code", b"FORGED"), ("x-provd-stage", b"FORGED"), ("x-original-topic", b"elsewhere"),
        ("x-provd-redrive-count", b"3"), ("kept", b"yes"),
    ]  # fmt: skip
    (published,) = world.published(world.send([{"key": b"k", "value": b"\x7fbad magic", "headers": forged}]))
    names = [name for name, _ in published.message.headers()]
    assert len(names) == len(set(names)), "a header occurs twice"
    letter = published.said
    assert (letter.code, letter.stage, letter.headers["x-original-topic"]) == (
        "BAD_MAGIC", "FRAME", world.topics.events,
    )  # fmt: skip
    assert (letter.headers["x-provd-redrive-count"], letter.headers["kept"]) == ("3", b"yes")


def test_a_command_that_nobody_knows_is_unsupported_not_dead(world):
    """A newer sender: its schema, with a command more, is in the directory of schemas."""
    event = {**make_event("DeleteContext", {"name": "x"}), "payload": {"AnswerToEverything": {"value": 42}}}
    (result,) = world.ask([event_record(event, single_object, NEWER, key=b"acme")])
    assert (result["status"], result["code"]) == ("REJECTED", "UNSUPPORTED")
    assert result["kind"] == "AnswerToEverything"


def test_schemas_that_are_bombs_are_not_used(world):
    """array<null> takes no bytes an item; recursion has no bottom."""
    records = [
        {"key": b"bomb", "value": single_object_prefix(BOMB) + varint(100_000_000) + bytes(1)},
        {"key": b"deep", "value": single_object_prefix(DEEP) + b"\x02" * 100_000 + b"\x00"},
        event_record(make_event("CreateAccount", {"address": world.name("neighbour")})),
    ]
    *letters, neighbour = world.ask(records, partition=2)
    assert {(letter.stage, letter.code) for letter in letters} == {("SCHEMA", "UNUSABLE_SCHEMA")}
    assert neighbour["status"] == "APPLIED"


def test_random_bytes_are_no_way_in(world):
    """Mutations of a good event: each is answered, whatever the answer, and the worker lives."""
    chance = random.Random(20_261_121)
    good = event_record(make_event("CreateAccount", {"address": world.name("mutant"), "comment": "x" * 50}))["value"]
    records = []
    for _ in range(300):
        value = bytearray(good)
        for _ in range(chance.randint(1, 4)):
            value[chance.randrange(10, len(value))] = chance.randrange(256)
        records.append({"key": b"mutant", "value": bytes(value[: chance.randint(10, len(value))])})
    before = world.worker.lane_pids()
    world.ask(records, partition=0)
    assert world.worker.lane_pids() == before, "the lane died of it"
