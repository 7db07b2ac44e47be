"""From JSON to Avro and back: what senders write is what the worker reads. Nothing here needs a network."""
import base64
import csv
import io
import json
import re
import struct

import pytest

from support.avro_schema import SCHEMAS, Schema
from support.events import CHANGE, EVENT, RESULT, bare, make_event, single_object, uuid7
from support.secrets import check_noted, plant

DATA, USAGE, NO_INPUT = 65, 64, 66
EXAMPLES = sorted((SCHEMAS / "examples").glob("*.json"))
HASH = "{SSHA256}c2VjcmV0"


def value_of(event, schema=EVENT):
    return single_object(schema.encode(event), schema)[0]


def check(offline, *events, code=0):
    return offline("events", "send", "--check", "-o", "jsonl", stdin="\n".join(map(json.dumps, events)), code=code)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_examples_of_all_kinds_are_taken(offline, path):
    (event,) = offline("events", "send", "--check", "-o", "jsonl", path).lines
    assert event["payload"].keys() == json.loads(path.read_text())["payload"].keys()


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_a_value_of_another_library_is_decoded_with_all_its_fields(offline, path):
    event = json.loads(path.read_text())
    decoded = offline("events", "decode", value_of(event).hex()).json
    assert decoded["schema"] == "ProvisioningEvent v2"
    # Encoding what was decoded gives the same bytes, but for the secrets that are not shown.
    if "***" not in json.dumps(decoded):
        assert value_of(decoded["value"]) == value_of(event)


def test_what_is_absent_is_made(offline):
    (event,) = check(offline, {"payload": {"DeleteContext": {"name": "acme"}}}).lines
    assert re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", event["event_id"])
    assert event["occurred_at"].endswith("Z") and event["source"] == "provctl"
    assert event["actor"]["kind"] == "SYSTEM" and event["actor"]["id"].startswith("provctl:")


def test_what_is_given_is_left_as_it_is(offline):
    given = make_event("DeleteContext", {"name": "acme"}, occurred_at="2026-01-15T09:00:00Z", context="x")
    (event,) = check(offline, given).lines
    assert event == given


def test_options_fill_the_envelope(offline):
    ran = offline(
        "events", "send", "--check", "--context", "acme", "--source", "crm", "--dry-run",
        stdin=json.dumps({"payload": {"DeleteContext": {"name": "acme"}}}),
    )  # fmt: skip
    assert (ran.json["context"], ran.json["source"], ran.json["mode"]) == ("acme", "crm", "DRY_RUN")


@pytest.mark.parametrize(
    "written, microseconds",
    [
        ("2026-01-15T09:00:00Z", 1768467600000000),
        ("2026-01-15t10:00:00.25+01:00", 1768467600250000),
        ("2026-01-15 09:00:00.123456789Z", 1768467600123456),
        ("1969-12-31T23:59:59.5Z", -500000),
        (1768467600000001, 1768467600000001),
    ],
)
def test_times_are_rfc_3339_or_numbers(offline, written, microseconds):
    event = make_event("DeleteContext", {"name": "acme"}, occurred_at=microseconds)
    decoded = offline("events", "decode", value_of(event).hex()).json["value"]
    assert value_of({**event, "occurred_at": decoded["occurred_at"]}) == value_of(event)
    assert check(offline, {**event, "occurred_at": written}).code == 0


@pytest.mark.parametrize("written", ["2026-02-30T09:00:00Z", "2026-01-15", "2026-01-15T25:00:00Z", "2026-01-15T09:00:00", ""])
def test_what_is_no_time_is_refused(offline, written):
    ran = check(offline, make_event("DeleteContext", {"name": "a"}, occurred_at=written), code=DATA)
    assert "occurred_at: no time" in ran.err


def account(**fields):
    return {"payload": {"CreateAccount": {"address": "bob@example.org", **fields}}}


@pytest.mark.parametrize(
    "event, said",
    [
        ({}, "payload: missing"),
        ([], "there is no event in the input"),
        ([1], "the document: an object is wanted"),
        ({"payload": {"CreateAcount": {}}}, "payload: unknown kind 'CreateAcount': did you mean 'CreateAccount'?"),
        ({"payload": {}}, "payload: an object with one member is wanted"),
        ({"payload": {"DeleteContext": {"name": "a"}, "CreateContext": {}}}, "payload: an object with one member"),
        ({"payload": None}, "payload: an object with one member is wanted"),
        ({"payload": {"DeleteContext": {}}}, "payload.DeleteContext.name: missing, and it has no default"),
        (account(adress="x"), "CreateAccount has no field 'adress': did you mean 'address'?"),
        (account(first_name=5), "payload.CreateAccount.first_name: a string is wanted, not a whole number"),
        (account(quota_bytes="1"), "payload.CreateAccount.quota_bytes: a whole number is wanted, not a string"),
        (account(services=1 << 31), "payload.CreateAccount.services: 2147483648 is not between"),
        (account(service_mode="EAGERLY"), "payload.CreateAccount.service_mode: not one of EAGER, LAZY"),
        (account(password=HASH), "payload.CreateAccount.password: an object with one member is wanted"),
        (account(password={"PasswordHash": {"hash": None}}), "password.PasswordHash.hash: a string is wanted, not null"),
        (account(password={"SealedSecret": {"key_id": "k", "ciphertext": "#"}}), "SealedSecret.ciphertext: this is not base64"),
        (account(autoreply={"enabled": "yes"}), "autoreply.enabled: true or false is wanted, not a string"),
        (account(first_name={"string": "Bob"}), "first_name: a string is wanted, not an object"),
        (
            {"payload": {"UpdateAccount": {"ref": {"address": "a@b.org"}, "fields": ["comment", 1]}}},
            "payload.UpdateAccount.fields[1]: a string is wanted",
        ),
    ],
)
def test_errors_name_the_place_in_the_json(offline, event, said):
    ran = check(offline, event, code=DATA)
    assert said in ran.err and ran.out == ""


def test_errors_never_show_what_may_be_a_secret(offline):
    for event in (account(password=plant()), account(password={"PasswordHash": {"hash": {plant(): 1}}})):
        check(offline, event, code=DATA)
    check_noted()


def test_secrets_are_not_shown_but_sent(offline):
    event = make_event("CreateAccount", {"address": "bob@example.org", "password": {"PasswordHash": {"hash": HASH}}})
    assert "c2VjcmV0" not in check(offline, event).out
    shown = offline("events", "decode", value_of(event).hex())
    assert "c2VjcmV0" not in shown.out and '"hash": "***"' in shown.out


def test_all_errors_come_with_file_and_line_and_nothing_is_sent(offline, tmp_path):
    path = tmp_path / "events.jsonl"
    lines = [account(), account(flags="x"), {"payload": {"DeleteContext": {"name": "a"}}}, account(flags="y")]
    path.write_text("\n".join(map(json.dumps, lines)))
    ran = offline("events", "send", "--check", path, code=DATA)
    assert f"{path}:2: " in ran.err and f"{path}:4: " in ran.err and "nothing was sent" in ran.err and ran.out == ""


@pytest.mark.parametrize("text", ['{"payload": ', "nonsense", '{"a": 1, "a": 2}', '{"a": "\\u0000"}', '{"payload": {"x": \ud83d'])
def test_what_is_no_json_is_refused_with_line_and_column(offline, text):
    ran = offline("events", "send", "--check", stdin=text.encode("utf-8", "surrogatepass"), code=DATA)
    assert b"standard input:1: column" in ran.err and b"not valid JSON" in ran.err


def test_documents_may_be_pretty_lists_or_lines(offline):
    events = [make_event("DeleteContext", {"name": name}, occurred_at="2026-01-15T09:00:00Z") for name in "abc"]
    text = json.dumps(events[0], indent=2) + "\n\n" + json.dumps(events[1:])
    assert offline("events", "send", "--check", "-o", "jsonl", stdin=text).lines == events


def test_a_missing_file_is_named(offline, tmp_path):
    assert "gone.json cannot be opened" in offline("events", "send", "--check", tmp_path / "gone.json", code=NO_INPUT).err


# --- decoding bytes ---------------------------------------------------------------------------------------------------


@pytest.fixture
def some_value():
    return value_of(make_event("DeleteContext", {"name": "acme"}, event_id=uuid7()))


def test_bytes_may_be_hex_base64_file_or_standard_input(offline, tmp_path, some_value):
    (tmp_path / "value").write_bytes(some_value)
    expected = offline("events", "decode", some_value.hex()).out
    for argument in ("\\x" + some_value.hex().upper(), base64.b64encode(some_value).decode(), tmp_path / "value"):
        assert offline("events", "decode", argument).out == expected
    for stdin in (some_value, some_value + b"\n", some_value.hex().encode() + b"\n"):
        assert offline("events", "decode", stdin=stdin).out.decode() == expected


def test_broken_values_are_told_apart(offline, some_value):
    for value, said in [
        (b"", "neither a file"),
        (some_value[:-1], "byte "),
        (some_value + b"\x00", "1 bytes are left behind the value"),
        (b"\xc3\x01" + bytes(8) + some_value[10:], "no schema with the fingerprint 0000000000000000 is known"),
        (b"\x00" + bytes(4) + some_value[10:], "registry.url is not set"),
        (b"\x07garbage-garbage", "BAD_MAGIC"),
    ]:
        ran = offline("events", "decode", value.hex(), code=None)
        assert ran.code in (DATA, USAGE) and said in ran.err and ran.out == "", said


def test_hostile_lengths_and_counts_are_refused_at_once(offline):
    prefix = value_of(make_event("DeleteContext", {"name": "a"}))[:10]
    for body in (b"\xfe\xff\xff\xff\x0f", b"\xff" * 12, b"\x01", b"\x02\xff" + bytes(40)):
        ran = offline("events", "decode", (prefix + body).hex(), code=DATA)
        assert "byte " in ran.err


def test_bare_values_are_read_with_the_configured_schema(offline):
    event = make_event("DeleteContext", {"name": "acme"}, event_id=uuid7())
    value, _ = bare(EVENT.encode(event))
    ran = offline("events", "decode", value.hex(), "--set", f"schemas.bare={SCHEMAS / 'ProvisioningEvent.avsc'}")
    assert ran.json["value"]["event_id"] == event["event_id"]


def test_a_schema_of_the_directory_is_found_by_its_fingerprint(offline, tmp_path):
    other = Schema('{"type": "record", "name": "Other", "fields": [{"name": "numbers", "type": {"type": "map", "values": "double"}}]}')
    (tmp_path / "other.avsc").write_text(other.text)
    body = b"\x02\x02a" + struct.pack("<d", 1.5) + b"\x00"
    value = single_object(body, other)[0]
    ran = offline("events", "decode", value.hex(), "--set", f"schemas.directory={tmp_path}")
    assert ran.json == {"schema": "other.avsc", "value": {"numbers": {"a": 1.5}}}


@pytest.mark.parametrize("as_what, schema", [("result", RESULT), ("change", CHANGE)])
def test_a_value_of_another_kind_is_named(offline, as_what, schema, some_value):
    ran = offline("events", "decode", "--as", as_what, some_value.hex(), code=DATA)
    assert f"it is a ProvisioningEvent, not a {schema.json['name']}" in ran.err


# --- kinds ------------------------------------------------------------------------------------------------------------


def test_kinds_are_those_of_the_schema(offline):
    payload = next(field for field in EVENT.json["fields"] if field["name"] == "payload")
    assert [row["kind"] for row in offline("events", "kinds", "-o", "jsonl").lines] == [b["name"] for b in payload["type"]]


def test_a_kind_has_fields_limits_and_codes(offline):
    kind = offline("events", "kinds", "CreateAccount", "-o", "json").json
    fields = {field["field"]: field for field in kind["fields"]}
    assert fields["address"]["required"] and "255 characters" in fields["first_name"]["limits"]
    assert {"ALREADY_EXISTS", "NO_SUCH_DOMAIN"} <= {code["code"] for code in kind["codes"]}
    assert "ALREADY_EXISTS" in offline("events", "kinds", "CreateAccount").out


def test_csv_is_quoted_as_spreadsheets_expect(offline):
    rows = list(csv.DictReader(io.StringIO(offline("events", "kinds", "-o", "csv").out)))
    assert rows == [
        {name: {True: "yes", False: "no", None: ""}.get(value, value) for name, value in row.items()}
        for row in offline("events", "kinds", "-o", "json").json
    ]
