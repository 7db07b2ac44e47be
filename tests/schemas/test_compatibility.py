"""Every version can be read with every later one, and results and change records the other way round too."""
import copy
import io
import itertools
import json

import avro.io
import pytest
from avro.compatibility import ReaderWriterCompatibilityChecker, SchemaCompatibilityType

from support.avro_schema import Schema, load, versions
from support.events import make_event

EVENT = "ProvisioningEvent"
BOTH_WAYS = ["ProvisioningResult", "ChangeRecord"]


def complaints(reader, writer):
    """Why values of one schema cannot be read with another, by python3-avro; empty when they can."""
    found = ReaderWriterCompatibilityChecker().get_compatibility(reader.parsed, writer.parsed)
    if found.compatibility is SchemaCompatibilityType.compatible:
        return []
    return sorted(found.messages) or [str(kind) for kind in found.incompatibilities] or ["incompatible"]


def breaks(name, schema):
    """Complaints about a next version, under the level that the subject is registered with."""
    older = versions(name)
    found = [complaint for old in older for complaint in complaints(schema, old)]
    if name in BOTH_WAYS:
        found += [complaint for old in older for complaint in complaints(old, schema)]
    return found


def edited(name, edit):
    """The current schema after edit(find), where find(type name) is the JSON of a named type."""
    schema = copy.deepcopy(load(f"{name}.avsc").json)
    edit(lambda wanted: next(part for part in parts(schema) if part["name"] == wanted))
    return Schema(json.dumps(schema))


def parts(node):
    if isinstance(node, dict):
        if node.get("type") in ("record", "enum", "fixed"):
            yield node
        node = list(node.values())
    if isinstance(node, list):
        yield from itertools.chain.from_iterable(parts(child) for child in node)


def field(record, name):
    return next(field for field in record["fields"] if field["name"] == name)


def remove(record, name):
    record["fields"].remove(field(record, name))


def add(record, name, type_="string", place=0):
    """A new field; optional when its type is a union."""
    default = {"default": None} if isinstance(type_, list) else {}
    record["fields"].insert(place, {"name": name, "type": type_, "doc": "New", **default})


OPTIONAL = ["null", "string"]


@pytest.mark.parametrize("name", [EVENT, *BOTH_WAYS])
def test_later_versions_read_earlier_ones(name):
    for writer, reader in itertools.combinations(versions(name), 2):
        assert complaints(reader, writer) == []


@pytest.mark.parametrize("name", BOTH_WAYS)
def test_earlier_versions_read_later_ones(name):
    for reader, writer in itertools.combinations(versions(name), 2):
        assert complaints(reader, writer) == []


def test_events_are_allowed_to_break_readers_of_old_versions():
    oldest, *_, newest = versions(EVENT)
    assert complaints(oldest, newest) != []


@pytest.mark.parametrize(
    "name, edit",
    [
        (EVENT, lambda find: add(find("ProvisioningEvent"), "region", OPTIONAL, 3)),
        (EVENT, lambda find: add(find("CreateAccount"), "nickname", OPTIONAL)),
        (EVENT, lambda find: find("AccountStatus")["symbols"].insert(0, "FROZEN")),
        (EVENT, lambda find: field(find("SetFlags"), "set_mask").update(type="long")),
        (EVENT, lambda find: remove(find("Actor"), "kind")),
        ("ProvisioningResult", lambda find: add(find("ProvisioningResult"), "region", OPTIONAL)),
        ("ProvisioningResult", lambda find: find("ResultStatus")["symbols"].insert(9, "POSTPONED")),
        ("ProvisioningResult", lambda find: remove(find("ProvisioningResult"), "items")),
        ("ChangeRecord", lambda find: add(find("ChangeRecord"), "region", OPTIONAL, -1)),
        ("ChangeRecord", lambda find: remove(find("ChangeRecord"), "seq_first")),
    ],
)
def test_change_that_is_allowed(name, edit):
    assert breaks(name, edited(name, edit)) == []


@pytest.mark.parametrize(
    "name, edit",
    [
        (EVENT, lambda find: add(find("CreateAccount"), "nickname")),
        (EVENT, lambda find: field(find("ProvisioningEvent"), "payload")["type"].remove(find("RestoreAccount"))),
        (EVENT, lambda find: field(find("ProvisioningEvent"), "event_id").update(type="long", default=0)),
        (EVENT, lambda find: find("Decision").update(name="Verdict")),
        # Without a symbol to fall back on, a symbol that goes is an error for the reader.
        (EVENT, lambda find: (find("AccountStatus")["symbols"].remove("LOCKED"), find("AccountStatus").pop("default"))),
        ("ProvisioningResult", lambda find: remove(find("ProvisioningResult"), "event_id")),
        ("ProvisioningResult", lambda find: field(find("Coordinates"), "offset").update(type="string")),
        ("ProvisioningResult", lambda find: field(find("ServiceAccount"), "id").update(type=["null", "string"])),
        ("ChangeRecord", lambda find: find("Sha256").update(size=64)),
        ("ChangeRecord", lambda find: add(find("ChangeRecord"), "region")),
    ],
)
def test_change_that_would_break_is_detected(name, edit):
    assert breaks(name, edited(name, edit)) != []


def test_event_of_the_first_version_means_the_same_in_the_current_one():
    first, *_, newest = versions(EVENT)
    status = {"ref": {"address": "bob@example.org"}, "status": "PENDING", "reason": None}
    event = make_event("SetAccountStatus", status)
    body = first.encode(event)
    assert body != newest.encode(event), "the versions differ in nothing that matters"
    seen = resolved(body, first, newest)
    assert seen["payload"] == status | {"ref": {"address": "bob@example.org", "uuid": None}}
    assert seen["actor"] == event["actor"] | {"ip": None, "reason": None, "ticket": None}
    assert seen["expires_at"] is None and seen["mode"] == "APPLY"


def resolved(body, writer, reader):
    """A value as python3-avro resolves it from the writer's to the reader's schema."""
    return avro.io.DatumReader(writer.parsed, reader.parsed).read(avro.io.BinaryDecoder(io.BytesIO(body)))
