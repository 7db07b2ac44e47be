"""All versions in a real registry, under the compatibility levels that the topics have in production.

The registry is that of SCHEMA_REGISTRY_URL, else the stack's; the subjects are the test's own.
"""
import copy
import json
import os
import uuid

import pytest

from support.avro_schema import load, versions
from support.events import EVENT
from support.registry import COMPATIBILITY, Registry


@pytest.fixture
def registry(request):
    return Registry(os.environ.get("SCHEMA_REGISTRY_URL") or request.getfixturevalue("stack").registry_url)


@pytest.fixture
def registered(registry):
    """registered(name): a new subject that has all versions of the schema, under its compatibility level."""
    made = []

    def register(name):
        subject = f"test-{uuid.uuid4().hex}-value"
        made.append(subject)
        for number, schema in enumerate(versions(name)):
            registry.register(subject, schema)
            if number == 0:
                registry.set_compatibility(subject, COMPATIBILITY[name])
        return subject

    yield register
    for subject in made:
        registry.delete(subject)


@pytest.mark.parametrize("name", COMPATIBILITY)
def test_registry_takes_all_versions_in_order(registry, registered, name):
    subject = registered(name)
    assert registry.versions(subject) == list(range(1, len(versions(name)) + 1))


@pytest.mark.parametrize("name", COMPATIBILITY)
def test_registering_again_adds_no_version(registry, registered, name):
    subject = registered(name)
    before = registry.versions(subject)
    ids = {registry.register(subject, versions(name)[-1]) for _ in range(2)}
    assert len(ids) == 1 and registry.versions(subject) == before


@pytest.mark.parametrize("name", COMPATIBILITY)
def test_registry_gives_the_schema_back(registry, registered, name):
    schema = versions(name)[-1]
    text = registry.schema_text(registry.register(registered(name), schema))
    assert json.loads(text) == schema.json


@pytest.mark.parametrize("name", COMPATIBILITY)
def test_registry_refuses_a_new_field_without_default(registry, registered, name):
    broken = copy.deepcopy(load(f"{name}.avsc").json)
    broken["fields"].insert(0, {"name": "region", "type": "string", "doc": "New"})
    assert registry.refuses(registered(name), json.dumps(broken))


@pytest.mark.parametrize("name", ["ProvisioningResult", "ChangeRecord"])
def test_registry_takes_a_new_symbol_and_a_new_optional_field(registry, registered, name):
    later = json.loads(load(f"{name}.avsc").text.replace('"UNKNOWN"]', '"LATER", "UNKNOWN"]'))
    later["fields"].insert(0, {"name": "region", "type": ["null", "string"], "default": None, "doc": "New"})
    assert not registry.refuses(registered(name), json.dumps(later))


def test_registry_keeps_the_first_version_of_events_from_those_who_send_the_second(registry, registered):
    subject = registered("ProvisioningEvent")
    first, *_ = versions("ProvisioningEvent")
    assert registry.register(subject, first) != registry.register(subject, EVENT)
