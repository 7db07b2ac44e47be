"""docs/asyncapi.yaml follows the specification and says what schemas, settings and worker say."""
import functools
import json
import pathlib
import re
import urllib.parse

import jsonschema
import pytest
import yaml

from support.avro_schema import SCHEMAS
from support.stack import ROOT

DOCUMENT = ROOT / "docs" / "asyncapi.yaml"
SPECIFICATION = pathlib.Path(__file__).with_name("asyncapi-3.0.0.json")


class LocalReferences(jsonschema.RefResolver):
    """References inside of one document, as JSON pointers; the specification has no others."""

    def resolve(self, ref):
        return ref, pointed_at(self.referrer, ref)


def pointed_at(document, ref):
    assert ref.startswith("#"), f"not inside of the document: {ref}"
    found = document
    for step in urllib.parse.unquote(ref[1:]).split("/")[1:]:
        found = found[step.replace("~1", "/").replace("~0", "~")]
    return found


@functools.lru_cache(maxsize=None)
def document():
    return yaml.safe_load(DOCUMENT.read_text(encoding="utf-8"))


def complaints(instance):
    specification = json.loads(SPECIFICATION.read_text(encoding="utf-8"))
    resolver = LocalReferences("", specification)
    validator = jsonschema.Draft7Validator(specification, resolver=resolver)
    return [f"{'/'.join(map(str, error.path))}: {error.message[:300]}" for error in validator.iter_errors(instance)]


def references(node):
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for inner in node.values():
            yield from references(inner)
    elif isinstance(node, list):
        for inner in node:
            yield from references(inner)


def test_it_follows_the_specification():
    assert complaints(document()) == []


@pytest.mark.parametrize(
    "spoil",
    [
        lambda whole: whole.pop("asyncapi"),
        lambda whole: whole["info"].pop("version"),
        lambda whole: whole["operations"]["sendResults"].update(action="publish"),
        lambda whole: whole["channels"]["events"].update(topic="provisioning.events"),
        lambda whole: whole["channels"]["events"]["bindings"]["kafka"].update(partitions=0),
    ],
)
def test_the_validator_finds_mistakes(spoil):
    broken = json.loads(json.dumps(document()))
    spoil(broken)
    assert complaints(broken)


def test_all_references_lead_somewhere():
    found = list(references(document()))
    assert len(found) > 10
    for ref in found:
        if ref.startswith("#"):
            assert pointed_at(document(), ref)
        else:
            path = (DOCUMENT.parent / ref).resolve()
            assert path.parent == SCHEMAS and json.loads(path.read_text(encoding="utf-8"))["type"] == "record"


def test_topics_are_those_of_the_settings():
    text = (ROOT / "worker" / "config" / "settings.c").read_text(encoding="utf-8")
    names = dict(re.findall(r'"kafka\.topics\.(\w+)", [^"]+"([^"]+)"', text))
    assert len(names) == 4
    assert {name: channel["address"] for name, channel in document()["channels"].items()} == names


def test_headers_of_dead_letters_are_those_that_the_worker_writes():
    text = (ROOT / "worker" / "wire" / "dead_letter.c").read_text(encoding="utf-8")
    written = set(re.findall(r'"((?:__connect\.errors\.|x-provd-|x-original-)[\w.-]+)"', text))
    headers = document()["components"]["schemas"]["DeadLetterHeaders"]
    assert set(headers["properties"]) == written
    assert set(headers["required"]) == written - {"x-provd-truncated"}
