"""Every command has an example, and every example is an event that can be sent."""
import json
import uuid

import pytest

from support.avro_schema import SCHEMAS, as_bytes, microseconds
from support.events import EVENT, event_key

EXAMPLES = {path.stem: path for path in sorted((SCHEMAS / "examples").glob("*.json"))}
COMMANDS = {branch.name: branch for branch in EVENT.parsed.fields_dict["payload"].type.schemas}
# Its key is the account's address, which only the sender of the steps knows.
WITHOUT_KEY = {"SignupDecision"}


def example(kind):
    return json.loads(EXAMPLES[kind].read_text(encoding="utf-8"))


def test_there_is_one_example_for_each_command():
    assert sorted(EXAMPLES) == sorted(COMMANDS)


def test_examples_have_ids_of_their_own():
    ids = [uuid.UUID(example(kind)["event_id"]) for kind in EXAMPLES]
    assert len(set(ids)) == len(ids) and {found.version for found in ids} == {7}


@pytest.mark.parametrize("kind", EXAMPLES)
class TestExample:
    def test_shows_the_command_of_its_name(self, kind):
        assert list(example(kind)["payload"]) == [kind]

    def test_survives_the_way_through_avro(self, kind):
        event = example(kind)
        decoded = EVENT.decode(EVENT.encode(event))
        assert EVENT.encode(decoded) == EVENT.encode(event)
        assert_says(event, decoded)

    def test_has_a_key(self, kind):
        assert (event_key(example(kind)) is None) == (kind in WITHOUT_KEY)

    def test_names_fields_that_the_command_has(self, kind):
        payload = example(kind)["payload"][kind]
        named = payload.get("fields", [])
        assert bool(named) == kind.startswith("Update")
        assert set(named) <= {field.name for field in COMMANDS[kind].fields} - {"ref", "fields"}

    def test_sets_no_field_that_it_does_not_name(self, kind):
        payload = example(kind)["payload"][kind]
        if "fields" in payload:
            names = [field.name for field in COMMANDS[kind].fields]
            patched = set(names[names.index("fields") + 1 :])
            assert set(payload) & patched <= set(payload["fields"])


def assert_says(written, read):
    """All that was written was read; what was left out is the schema's default."""
    if isinstance(written, dict):
        assert set(written) <= set(read)
        for name, value in written.items():
            assert_says(value, read[name])
    elif isinstance(read, bytes):
        assert read == as_bytes(written)
    elif isinstance(written, str) and isinstance(read, int):
        assert read == microseconds(written)
    else:
        assert read == written
