"""Events as upstream systems send them, and what comes out, without a line of the worker's code.

    record = event_record(make_event("CreateAccount", {"address": "bob@example.org"}, context="acme"))
    kafka.produce(topics.events, [record])
    results = [decode_result(message.value()) for message in kafka.read(topics.results)]

The four framings are those of schemas/README.md. Without a framing, single-object encoding is used: it needs no
registry.
"""
import dataclasses
import hashlib
import os
import struct
import time
import uuid

from support.avro_schema import load, versions

EVENT = load("ProvisioningEvent.avsc")
RESULT = load("ProvisioningResult.avsc")
CHANGE = load("ChangeRecord.avsc")

CONFLUENT_MAGIC = b"\x00"
CONFLUENT_GUID_MAGIC = b"\x01"
SINGLE_OBJECT_MAGIC = b"\xc3\x01"
SCHEMA_ID_HEADER = "__value_schema_id"
HASH_BYTES = 32
OUR_HEADERS = ("x-provd-", "x-original-", "__connect.errors.")  # of dead letters

SYSTEM = {"kind": "SYSTEM", "id": "signup-web"}

# Commands whose Kafka key is the context, and those whose key is the field named here; all others go by the account.
_KEYED_BY_CONTEXT = {
    "CreateContext", "UpdateContext", "DeleteContext",
    "CreateSecondaryAccount", "UpdateSecondaryAccount", "DeleteSecondaryAccount",
    "SetGroupMembers", "ChangeGroupMembers",
}  # fmt: skip


# --- events -----------------------------------------------------------------------------------------------------------


def uuid7(at_us=None, chance=None):
    """A UUID that begins with its time (microseconds since 1970; now by default). The rest is that of `chance`, if given."""
    milliseconds = (time.time_ns() // 1000 if at_us is None else at_us) // 1000
    rest = chance.randbytes(10) if chance else os.urandom(10)
    number = (milliseconds & (1 << 48) - 1) << 80 | int.from_bytes(rest, "big")
    number = number & ~(0xF << 76) | 0x7 << 76
    number = number & ~(0x3 << 62) | 0x2 << 62
    return str(uuid.UUID(int=number))


def make_event(kind, payload, **envelope):
    """An event in the form that support.avro_schema writes. Envelope fields as in the schema; those that are not given
    are an id of its own, now, the context "acme", and a trusted system as the actor."""
    event = {
        "event_id": uuid7(),
        "occurred_at": time.time_ns() // 1000,
        "source": "signup-web",
        "context": "acme",
        "actor": dict(SYSTEM),
        "payload": {kind: payload},
    }
    return {**event, **envelope}


def event_key(event):
    """The Kafka key that the catalogue wants; None when the account is named by uuid alone."""
    ((kind, payload),) = event["payload"].items()
    if kind in _KEYED_BY_CONTEXT:
        return event["context"]
    ref = payload.get("ref") or payload.get("account") or {}
    key = payload.get("address") or ref.get("address") or payload.get("domain")
    return key and key.lower()


def event_record(event, framing=None, schema=EVENT, key=None, headers=(), **record):
    """Arguments for Producer.produce. `framing` is one of the framings below; it may add a header."""
    value, extra = (framing or single_object)(schema.encode(event), schema)
    key = event_key(event) if key is None else key
    return {"key": key, "value": value, "headers": [*headers, *extra], **record}


# --- framings: functions of (body, schema) that return the value and headers of their own -----------------------------


def single_object(body, schema=EVENT):
    return single_object_prefix(schema) + body, []


def bare(body, _schema=EVENT):
    return body, []


def confluent(schema_id):
    """The framing with the registry's number for the schema."""
    return lambda body, _schema=EVENT: (confluent_prefix(schema_id) + body, [])


def confluent_guid(guid):
    """The framing that names the schema in a header, by the registry's GUID (a uuid.UUID or its text)."""
    header = (SCHEMA_ID_HEADER, CONFLUENT_GUID_MAGIC + uuid.UUID(str(guid)).bytes)
    return lambda body, _schema=EVENT: (body, [header])


def single_object_prefix(schema):
    return SINGLE_OBJECT_MAGIC + struct.pack("<Q", schema.fingerprint)


def confluent_prefix(schema_id):
    return CONFLUENT_MAGIC + struct.pack(">I", schema_id)


# --- what comes out ---------------------------------------------------------------------------------------------------


def decode_result(value):
    """A ProvisioningResult as a dict."""
    return _decode("ProvisioningResult", value)


def decode_change(value):
    """A ChangeRecord as a dict; its hash is checked."""
    body = unframe(value)[1]
    change = _decode("ChangeRecord", value)
    assert hashlib.sha256(body[:-HASH_BYTES]).digest() == body[-HASH_BYTES:] == change["hash"], "wrong hash"
    return change


def check_chain(changes):
    """Decoded change records of one source partition are a chain: each names the hash of the one before, and no number
    is missing but those of rows that a FANOUT record stands for."""
    by_seq = {change["chain_seq"]: change for change in changes}
    assert len(by_seq) == len(changes), "a number of the chain occurs twice"
    told = set(by_seq)
    for change in changes:
        if change["seq_first"] is not None:
            told.update(range(change["seq_first"], change["seq_last"] + 1))
    missing = set(range(min(told), max(told) + 1)) - told if told else set()
    assert not missing, f"gap in the chain: {sorted(missing)[:10]}"
    for seq, change in by_seq.items():
        before = bytes(HASH_BYTES) if seq == 1 else by_seq[seq - 1]["hash"] if seq - 1 in by_seq else None
        assert before in (None, change["prev_hash"]), f"chain broken before {seq}"


def unframe(value):
    """(fingerprint or None, schema id or None), body of a value in one of the framings that the worker writes."""
    if value.startswith(SINGLE_OBJECT_MAGIC):
        return (struct.unpack_from("<Q", value, 2)[0], None), value[10:]
    assert value.startswith(CONFLUENT_MAGIC), f"no framing of ours: {value[:10].hex()}"
    return (None, struct.unpack_from(">I", value, 1)[0]), value[5:]


def _decode(name, value):
    (fingerprint, _schema_id), body = unframe(value)
    known = {schema.fingerprint: schema for schema in versions(name)}
    newest = versions(name)[-1]
    return (newest if fingerprint is None else known[fingerprint]).decode(body)


@dataclasses.dataclass(frozen=True)
class DeadLetter:
    """A dead letter: the original key, value and headers, and what the worker says about it."""

    key: bytes
    value: bytes
    headers: dict

    @property
    def code(self):
        return self.headers["x-provd-error-code"]

    @property
    def stage(self):
        return self.headers["x-provd-stage"]

    @property
    def message(self):
        return self.headers["__connect.errors.exception.message"]

    @property
    def origin(self):
        """(topic, partition, offset) of the original."""
        topic = self.headers["__connect.errors.topic"]
        return topic, int(self.headers["__connect.errors.partition"]), int(self.headers["__connect.errors.offset"])


def decode_dead_letter(message):
    """A DeadLetter of a consumed message. The worker's headers are texts, all others stay bytes."""
    headers = {}
    for name, value in message.headers() or []:
        headers[name] = value.decode() if name.startswith(OUR_HEADERS) else value
    return DeadLetter(message.key(), message.value(), headers)
