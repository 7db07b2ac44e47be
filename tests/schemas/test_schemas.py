"""The schema files: what every one of them must have, and what none may have."""
import hashlib

import avro.constants
import pytest

from support.avro_schema import SCHEMAS, Schema, is_choice, load, versions

NAMES = ["ProvisioningEvent", "ProvisioningResult", "ChangeRecord"]
FILES = sorted(str(path.relative_to(SCHEMAS)) for path in SCHEMAS.rglob("*.avsc"))
NAMED = ("record", "enum", "fixed")
COMPLEX = (*NAMED, "array", "union")
LOGICAL_TYPES = {avro.constants.TIMESTAMP_MICROS: "long"}

ENVELOPE = [
    "event_id", "occurred_at", "source", "context", "actor", "correlation_id", "mode", "expected_version", "expires_at",
    "payload",
]  # fmt: skip
COMMANDS = """
    CreateAccount UpdateAccount SetPassword VerifyPassword SetQuota SetFlags SetAccountStatus DeleteAccount
    RestoreAccount ProvisionServices DeprovisionServices ObserveLogin CreateContext UpdateContext
    DeleteContext CreateDomain UpdateDomain DeleteDomain ProbeMailServer CreateMailServer UpdateMailServer
    DeleteMailServer CreateSecondaryAccount UpdateSecondaryAccount DeleteSecondaryAccount SetGroupMembers
    ChangeGroupMembers SignupStep SignupDecision GrantRole RevokeRole SetRecovery AnswerRecovery
    UnlockRecovery
""".split()


def walk(schema, place=""):
    """(place, schema) of a parsed schema and all that is inside, each mention of a named type."""
    place = place or schema.name
    yield place, schema
    if schema.type == "record":
        for field in schema.fields:
            yield from walk(field.type, f"{place}.{field.name}")
    elif schema.type == "union":
        for branch in schema.schemas:
            yield from walk(branch, f"{place}|{getattr(branch, 'name', branch.type)}")
    elif schema.type == "array":
        yield from walk(schema.items, f"{place}[]")


def fields_of(schema):
    for place, part in walk(schema.parsed):
        if part.type == "record":
            yield from ((f"{place}.{field.name}", field) for field in part.fields)


def payload(schema):
    return {branch.name: branch for branch in schema.parsed.fields_dict["payload"].type.schemas}


def least_bytes(schema):
    """The shortest encoding that a value can have."""
    if schema.type in ("null", "boolean"):
        return 0 if schema.type == "null" else 1
    if schema.type == "record":
        return sum(least_bytes(field.type) for field in schema.fields)
    return schema.size if schema.type == "fixed" else 1


@pytest.mark.parametrize("file", FILES)
class TestEverySchema:
    def test_says_what_everything_is_for(self, file):
        schema = load(file)
        silent = [place for place, field in fields_of(schema) if not (field.doc or "").strip()]
        for place, part in walk(schema.parsed):
            if part.type in ("record", "enum") and not (part.get_prop("doc") or "").strip():
                silent.append(place)
        assert not silent

    def test_is_in_the_namespace_of_provd(self, file):
        names = {part.fullname for _, part in walk(load(file).parsed) if part.type in NAMED}
        assert {name.rpartition(".")[0] for name in names} == {"provd"}

    def test_has_enums_that_later_symbols_do_not_break(self, file):
        for place, part in walk(load(file).parsed):
            if part.type == "enum":
                assert part.get_prop("default") == "UNKNOWN" == part.symbols[-1], place

    def test_puts_null_first_and_makes_it_the_default(self, file):
        for place, field in fields_of(load(file)):
            if field.type.type == "union" and field.name != "payload":
                assert field.type.schemas[0].type == "null", place
                assert field.has_default and field.default is None, place

    def test_has_defaults_that_fit_their_type(self, file):
        for place, field in fields_of(load(file)):
            if field.has_default:
                text = f'{{"type": "record", "name": "Probe", "fields": [{{"name": "it", "type": {field.type}}}]}}'
                Schema(text).encode({"it": field.default})

    def test_uses_nothing_that_readers_stumble_over(self, file):
        for place, part in walk(load(file).parsed):
            assert part.type in COMPLEX + ("null", "boolean", "int", "long", "string", "bytes"), place
            logical = part.get_prop("logicalType")
            assert logical is None or LOGICAL_TYPES.get(logical) == part.type, place
        assert '"aliases"' not in load(file).text

    def test_has_no_array_items_without_bytes(self, file):
        for place, part in walk(load(file).parsed):
            assert part.type != "array" or least_bytes(part.items) > 0, place

    def test_is_not_recursive(self, file):
        for place, _ in walk(load(file).parsed):  # would not end
            assert place.count(".") < 10

    def test_names_the_branch_only_where_several_are_records(self, file):
        for place, part in walk(load(file).parsed):
            if part.type == "union" and is_choice(part):
                assert all(branch.type in ("null", "record") for branch in part.schemas), place

    def test_ends_its_lines_and_fits_into_a_request(self, file):
        text = load(file).text
        assert text.endswith("}\n") and "\t" not in text and len(text) < 256 * 1024


@pytest.mark.parametrize("name", NAMES)
class TestHistory:
    def test_ends_with_the_current_schema(self, name):
        assert load(f"{name}.avsc").text == versions(name)[-1].text

    def test_counts_from_1_without_gaps(self, name):
        files = {path.name for path in (SCHEMAS / "history" / name).iterdir()}
        assert files == {f"v{number}.avsc" for number in range(1, len(files) + 1)}

    def test_has_no_version_twice(self, name):
        forms = [hashlib.sha256(schema.canonical_form.encode()).digest() for schema in versions(name)]
        assert len(set(forms)) == len(forms)

    def test_was_not_rewritten(self, name):
        kept = (SCHEMAS / "history" / "fingerprints").read_text(encoding="utf-8").splitlines()
        found = [
            f"{name} v{number} {schema.fingerprint.to_bytes(8, 'little').hex()}"
            for number, schema in enumerate(versions(name), 1)
        ]
        assert [line for line in kept if line.split()[0] == name] == found


def test_a_type_that_several_files_define_is_the_same_in_all():
    seen = {}
    for name in NAMES:
        for place, part in walk(load(f"{name}.avsc").parsed):
            if part.type in NAMED:
                assert seen.setdefault(part.fullname, str(part)) == str(part), place


def test_event_has_exactly_the_envelope_of_the_catalogue():
    assert [field.name for field in load("ProvisioningEvent.avsc").parsed.fields] == ENVELOPE


def test_event_has_exactly_the_commands_of_the_catalogue():
    assert list(payload(load("ProvisioningEvent.avsc"))) == COMMANDS


def test_update_commands_follow_the_patch_rule():
    keys = {"ref", "name", "domain", "primary_address", "users", "groups", "all_users"}
    for kind, command in payload(load("ProvisioningEvent.avsc")).items():
        if not kind.startswith("Update"):
            continue
        names = [field.name for field in command.fields]
        assert names.count("fields") == 1, kind
        # UpdateSecondaryAccount patches `name`, UpdateContext is addressed by it.
        patched = command.fields[names.index("fields") + 1 :]
        assert set(names[: names.index("fields")]) <= keys, kind
        assert patched and all(field.has_default and field.default is None for field in patched), kind


def test_update_commands_patch_what_create_commands_set():
    commands = payload(load("ProvisioningEvent.avsc"))
    own_command = {"password", "services", "service_mode", "flags", "recovery", "address", "template"}
    for noun in ("Account", "Context", "Domain", "MailServer", "SecondaryAccount"):
        create, update = (
            {field.name: str(field.type) for field in commands[verb + noun].fields} for verb in ("Create", "Update")
        )
        update = {name: type_ for name, type_ in update.items() if name not in ("ref", "fields")}
        left_out = set(create) - set(update)
        assert set(update) <= set(create), noun
        assert left_out <= own_command | {"resolution", "on_conflict", "atomicity"}, noun


def test_sign_up_data_are_the_optional_fields_of_create_account():
    commands = payload(load("ProvisioningEvent.avsc"))
    data = commands["SignupStep"].fields_dict["data"].type.schemas[-1]
    optional = {field.name: str(field.type) for field in commands["CreateAccount"].fields if field.has_default}
    assert {field.name: str(field.type) for field in data.fields} == optional


@pytest.mark.parametrize("version", versions("ChangeRecord"), ids=lambda schema: f"{schema.fingerprint:016x}")
def test_the_hash_of_a_change_record_is_its_last_32_bytes(version):
    last = version.parsed.fields[-1]
    assert (last.name, last.type.type, last.type.size) == ("hash", "fixed", 32)
