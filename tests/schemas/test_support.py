"""The tests' own Avro: it judges the worker, so it is judged first, by published figures and by python3-avro."""
import hashlib
import io
import json
import time
import uuid

import avro.io
import avro.schema
import pytest

from support.avro_schema import Schema, canonical_form, load, rabin, versions
from support.events import (
    CHANGE,
    EVENT,
    HASH_BYTES,
    RESULT,
    bare,
    check_chain,
    confluent,
    confluent_guid,
    confluent_prefix,
    decode_change,
    decode_result,
    event_record,
    make_event,
    single_object_prefix,
    uuid7,
)

GUID = "0b6f3a52-4f1c-4c5e-9a56-3a1f4c0d9e77"
RESULT_FIELDS = {
    "result_id": str(uuid.UUID(int=1)),
    "event_id": str(uuid.UUID(int=2)),
    "kind": "CreateAccount",
    "status": "APPLIED",
    "applied_at": 1_768_469_640_000_000,
    "source": {"topic": "provisioning.events", "partition": 2, "offset": 5_000_000_000},
}


# --- canonical form and fingerprint -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "schema, fingerprint",
    [
        # Apache Avro, share/test/data/schema-tests.txt
        ('"null"', 7195948357588979594),
        ('"boolean"', -6970731678124411036),
        ('"int"', 8247732601305521295),
        ('{"type": "int"}', 8247732601305521295),
        ('"long"', -3434872931120570953),
        ('"string"', -8142146995180207161),
    ],
)
def test_fingerprints_are_those_of_the_avro_project(schema, fingerprint):
    assert rabin(canonical_form(json.loads(schema)).encode()) == fingerprint % (1 << 64)


@pytest.mark.parametrize("schema", [*versions("ProvisioningEvent"), RESULT])
def test_canonical_form_is_that_of_python3_avro(schema):
    # That library keeps {"type": "long"} where a logical type was, and spells a fixed type out at each use; otherwise
    # it is right.
    plain = avro.schema.parse(json.dumps(without_logical_types(schema.json)))
    assert canonical_form(without_logical_types(schema.json)) == plain.canonical_form == schema.canonical_form


def without_logical_types(node):
    if isinstance(node, list):
        return [without_logical_types(item) for item in node]
    if not isinstance(node, dict):
        return node
    return node["type"] if "logicalType" in node else {key: without_logical_types(node[key]) for key in node}


def test_canonical_form_forgets_docs_defaults_and_layout():
    loud = {"doc": "x", "size": 4, "name": "F", "type": "fixed", "namespace": "a.b", "aliases": ["G"]}
    assert canonical_form(loud) == '{"name":"a.b.F","type":"fixed","size":4}'


def test_canonical_form_spells_names_out_and_types_once():
    inner = {"type": "enum", "name": "E", "symbols": ["X"], "default": "X"}
    fields = [{"name": "one", "type": inner, "doc": "x"}, {"name": "two", "type": "E"}]
    form = canonical_form({"type": "record", "name": "R", "namespace": "a", "fields": fields})
    assert form == (
        '{"name":"a.R","type":"record","fields":[{"name":"one","type":{"name":"a.E","type":"enum","symbols":["X"]}},'
        '{"name":"two","type":"a.E"}]}'
    )


# --- binary encoding --------------------------------------------------------------------------------------------------


def test_python3_avro_reads_what_is_written():
    # A command that no other looks like, so that its guess is right.
    limits = {"max_accounts": 10, "quota_bytes": None, "max_messages": None, "disabled_protocols": ["POP3", "SIEVE"]}
    payload = {"name": "acme", "domains_on_the_fly": True, "default_limits": limits}
    event = make_event("CreateContext", payload)
    source = io.BytesIO(EVENT.encode(event))
    read = avro.io.DatumReader(EVENT.parsed).read(avro.io.BinaryDecoder(source))
    assert read["payload"] == payload and read["event_id"] == event["event_id"]
    assert source.read() == b""


def test_commands_that_look_alike_stay_apart():
    same = {"ref": {"address": "bob@example.org"}}
    for kind in ("RestoreAccount", "UnlockRecovery"):
        assert list(EVENT.decode(EVENT.encode(make_event(kind, same)))["payload"]) == [kind]


def test_branches_may_be_named_with_their_namespace():
    event = make_event("DeleteContext", {"name": "acme"})
    assert EVENT.encode(event) == EVENT.encode({**event, "payload": {"provd.DeleteContext": {"name": "acme"}}})


def test_absent_fields_take_their_defaults():
    event = EVENT.decode(EVENT.encode(make_event("DeleteAccount", {"ref": {"address": "bob@example.org"}})))
    assert event["payload"]["DeleteAccount"] == {"ref": {"address": "bob@example.org", "uuid": None}, "mode": "SOFT"}
    assert (event["mode"], event["expires_at"]) == ("APPLY", None)


@pytest.mark.parametrize("at", [0, -1, 253402300799999999, (1 << 63) - 1])
def test_times_that_no_calendar_has_can_be_sent(at):
    event = make_event("DeleteContext", {"name": "acme"}, occurred_at=at)
    assert EVENT.decode(EVENT.encode(event))["occurred_at"] == at


@pytest.mark.parametrize(
    "edit, reason",
    [
        (lambda event: event.update(colour="red"), "no such field: colour"),
        (lambda event: event.pop("actor"), "field actor is missing"),
        (lambda event: event.update(mode="NEVER"), "mode"),
        (lambda event: event.update(expected_version="1"), "expected_version"),
        (lambda event: event.update(payload={"DropTable": {}}), "payload"),
    ],
)
def test_events_that_the_schema_does_not_allow_are_not_written(edit, reason):
    event = make_event("DeleteContext", {"name": "acme"})
    edit(event)
    with pytest.raises(ValueError, match=reason):
        EVENT.encode(event)


@pytest.mark.parametrize("spoil", [lambda body: body + b"\x00", lambda body: body[:-1]])
def test_bytes_too_many_or_too_few_are_noticed(spoil):
    body = RESULT.encode(RESULT_FIELDS)
    with pytest.raises((AssertionError, TypeError, avro.errors.InvalidAvroBinaryEncoding)):
        RESULT.decode(spoil(body))


# --- events and framings ----------------------------------------------------------------------------------------------


def test_event_ids_begin_with_their_time():
    before = time.time_ns() // 1_000_000
    made = [uuid.UUID(uuid7()) for _ in range(1000)]
    after = time.time_ns() // 1_000_000
    assert len(set(made)) == len(made)
    assert all(one.version == 7 and one.variant == uuid.RFC_4122 for one in made)
    assert all(before <= one.int >> 80 <= after for one in made)
    assert uuid.UUID(uuid7(1_768_469_640_123_456)).int >> 80 == 1_768_469_640_123


def test_each_framing_has_its_prefix_or_header():
    event = make_event("DeleteDomain", {"domain": "Example.ORG"})
    body = EVENT.encode(event)
    assert event_record(event)["value"] == b"\xc3\x01" + EVENT.fingerprint.to_bytes(8, "little") + body
    assert event_record(event, confluent(258))["value"] == b"\x00\x00\x00\x01\x02" + body
    assert event_record(event, bare) == {"key": "example.org", "value": body, "headers": []}
    by_guid = event_record(event, confluent_guid(GUID), headers=[("ce_id", b"1")])
    header = ("__value_schema_id", b"\x01" + uuid.UUID(GUID).bytes)
    assert (by_guid["value"], by_guid["headers"]) == (body, [("ce_id", b"1"), header])


def test_an_older_version_is_sent_with_its_own_fingerprint():
    first = versions("ProvisioningEvent")[0]
    record = event_record(make_event("DeleteContext", {"name": "acme"}), schema=first, key=b"\xff", partition=2)
    assert record["value"].startswith(single_object_prefix(first))
    assert first.fingerprint != EVENT.fingerprint
    assert (record["key"], record["partition"]) == (b"\xff", 2)


# --- what comes out ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("prefix", [single_object_prefix(RESULT), confluent_prefix(7)])
def test_results_are_read_in_both_framings(prefix):
    result = decode_result(prefix + RESULT.encode(RESULT_FIELDS))
    assert RESULT_FIELDS.items() <= result.items()
    assert (result["final"], result["services"], result["first_seen"]) == (True, [], None)


def change(seq, prev_hash, **more):
    """A change record as the worker writes it, with the right hash."""
    record = {
        "change_id": str(uuid.UUID(int=seq)),
        "chain_seq": seq,
        "prev_hash": prev_hash,
        "recorded_at": 1,
        "actor": {"kind": "SYSTEM", "id": "signup-web"},
        "object_type": "account",
        "object_id": "bob@example.org",
        "action": "CREATE",
        "source": {"topic": "provisioning.events", "partition": 0, "offset": seq},
        "hash": bytes(HASH_BYTES),
        **more,
    }
    body = CHANGE.encode(record)[:-HASH_BYTES]
    return confluent_prefix(3) + body + hashlib.sha256(body).digest()


def test_a_chain_of_change_records_is_followed():
    first = decode_change(change(1, bytes(HASH_BYTES)))
    second = decode_change(change(2, first["hash"]))
    check_chain([])
    check_chain([first, second])
    check_chain([second])
    with pytest.raises(AssertionError, match="chain broken before 2"):
        check_chain([first, decode_change(change(2, bytes(HASH_BYTES)))])
    with pytest.raises(AssertionError, match="chain broken before 1"):
        check_chain([decode_change(change(1, first["hash"]))])
    with pytest.raises(AssertionError, match="gap in the chain: .2, 3"):
        check_chain([first, decode_change(change(4, first["hash"]))])
    with pytest.raises(AssertionError, match="twice"):
        check_chain([first, first])


def test_a_fan_out_stands_for_the_rows_that_are_not_published():
    first = decode_change(change(1, bytes(HASH_BYTES)))
    fan_out = decode_change(change(7, b"x" * HASH_BYTES, action="FANOUT", objects=5, seq_first=2, seq_last=6))
    check_chain([first, fan_out, decode_change(change(8, fan_out["hash"]))])
    with pytest.raises(AssertionError, match="chain broken before 8"):
        check_chain([first, fan_out, decode_change(change(8, first["hash"]))])


def test_a_change_record_that_was_edited_is_noticed():
    value = change(1, bytes(HASH_BYTES))
    with pytest.raises(AssertionError, match="wrong hash"):
        decode_change(value.replace(b"bob@", b"eve@"))


def test_schemas_are_found_whatever_the_folder():
    assert load("ProvisioningEvent.avsc") is EVENT
    assert isinstance(load("history/ProvisioningEvent/v1.avsc"), Schema)
