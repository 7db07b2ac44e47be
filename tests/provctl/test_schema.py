"""schema check and register, against a real registry."""
import json

import pytest

from support.avro_schema import load, versions
from support.registry import COMPATIBILITY, Registry

DATA, UNAVAILABLE, CONFIG_ERROR = 65, 69, 78


@pytest.fixture
def registry(stack):
    return Registry(stack.registry_url)


@pytest.fixture
def subjects(topics, registry):
    """Name of the record -> subject, deleted afterwards."""
    names = dict(zip(COMPATIBILITY, (f"{topic}-value" for topic in (topics.events, topics.results, topics.changes))))
    yield names
    for subject in names.values():
        try:
            registry.delete(subject)
        except AssertionError:
            continue  # never registered


@pytest.fixture
def with_registry(provctl, stack, subjects):
    return provctl.having(registry__url=stack.registry_url)


def level_of(registry, subject):
    return registry._call("GET", f"/config/{subject}")["compatibilityLevel"]


def states(ran):
    return [(row["schema"], row["version"], row["state"]) for row in ran.json if row["version"]]


def test_an_empty_registry_gets_all_versions_in_order_and_the_levels(with_registry, registry, subjects):
    missing = with_registry("schema", "check", "-o", "json", code=DATA)
    assert {state for _, _, state in states(missing)} == {"missing"}
    done = with_registry("schema", "register", "-o", "json")
    assert states(done) == [
        (name, number, "registered")
        for name in ("ProvisioningEvent", "ProvisioningResult", "ChangeRecord")
        for number in range(1, len(versions(name)) + 1)
    ]
    for name, subject in subjects.items():
        assert registry.versions(subject) == list(range(1, len(versions(name)) + 1))
        assert level_of(registry, subject) == COMPATIBILITY[name]
        newest = [row["id"] for row in done.json if row["subject"] == subject and row["version"]][-1]
        assert json.loads(registry.schema_text(newest)) == load(f"{name}.avsc").json


def test_a_second_time_nothing_changes(with_registry, registry, subjects):
    with_registry("schema", "register")
    before = {subject: registry.versions(subject) for subject in subjects.values()}
    assert {row["state"] for row in with_registry("schema", "register", "-o", "json").json} == {"ok"}
    assert {row["state"] for row in with_registry("schema", "check", "-o", "json").json} == {"ok"}
    assert {subject: registry.versions(subject) for subject in subjects.values()} == before


def test_a_dry_run_registers_nothing(with_registry, registry, subjects):
    with_registry("schema", "register", "--dry-run")
    with pytest.raises(AssertionError):
        registry.versions(subjects["ProvisioningEvent"])


def test_a_wrong_level_is_seen_and_set(with_registry, registry, subjects):
    with_registry("schema", "register")
    registry.set_compatibility(subjects["ChangeRecord"], "NONE")
    rows = with_registry("schema", "check", "-o", "json", code=DATA).json
    assert [row["reason"] for row in rows if row["state"] == "differs"] == ["level NONE > FULL_TRANSITIVE"]
    with_registry("schema", "register")
    assert level_of(registry, subjects["ChangeRecord"]) == "FULL_TRANSITIVE"


def test_a_registry_with_something_else_is_refused_with_the_reason(with_registry, registry, subjects):
    class Other:
        text = json.dumps({"type": "record", "name": "Other", "fields": [{"name": "x", "type": "int"}]})

    registry.register(subjects["ProvisioningResult"], Other)
    registry.set_compatibility(subjects["ProvisioningResult"], "FULL_TRANSITIVE")
    rows = with_registry("schema", "check", "-o", "json", code=DATA).json
    assert "incompatible" in {row["state"] for row in rows if row["schema"] == "ProvisioningResult"}
    ran = with_registry("schema", "register", code=CONFIG_ERROR)
    assert subjects["ProvisioningResult"] in ran.err


def test_a_registry_that_is_away_is_named(provctl):
    ran = provctl("schema", "check", "--set", "registry.url=http://127.0.0.1:9", code=UNAVAILABLE)
    assert "registry" in ran.err and "127.0.0.1:9" in ran.err


def test_without_a_registry_it_says_what_is_missing(provctl):
    assert "registry.url is not set" in provctl("schema", "check", code=CONFIG_ERROR).err
