"""The contract that worlds are held against can fail: what a worker could get wrong about an answer is noticed."""
import dataclasses
import types

import pytest

from support.contract import check_letters, check_stored_results
from support.events import make_event

HEADERS = [("twice", b"1"), ("twice", b"2")]


@pytest.fixture(scope="module")
def world(make_world):
    world = make_world().start()
    world.ask([make_event("CreateAccount", {"address": world.name()})])
    world.ask([{"key": b"k", "value": b"\x7fpoison", "headers": HEADERS}])
    world.check()
    world.inputs = {(record.partition(), record.offset()): record for record in world.kafka.read(world.topics.events)}
    return world


def with_letter(world, raw_headers=None, **said):
    """The outputs, with another dead letter."""
    (letter,) = world.outputs.letters
    message = types.SimpleNamespace(headers=lambda: raw_headers or letter.message.headers())
    changed = dataclasses.replace(letter, said=dataclasses.replace(letter.said, **said), message=message)
    return types.SimpleNamespace(results=world.outputs.results, letters=[changed])


def with_result(world, **said):
    """The outputs, with the last result saying something else of itself."""
    *others, last = world.outputs.results
    changed = dataclasses.replace(last, said={**last.said, **said}, value=b"other bytes")
    return types.SimpleNamespace(results=[*others, changed], letters=world.outputs.letters)


@pytest.mark.parametrize(
    "changed, noticed",
    [
        ({"value": b"\x7fpoisoN"}, "another value"), ({"value": None}, "another value"), ({"key": None}, "another key"),
        ({"raw_headers": HEADERS[::-1]}, "other headers"), ({"raw_headers": HEADERS[:1]}, "other headers"),
    ],
    ids=["value", "no value", "no key", "order of headers", "a header less"],
)  # fmt: skip
def test_a_dead_letter_that_is_not_its_record_is_noticed(world, changed, noticed):
    check_letters(world.inputs, with_letter(world))
    with pytest.raises(AssertionError, match=noticed):
        check_letters(world.inputs, with_letter(world, **changed))


def test_a_small_record_that_is_left_out_is_noticed(world):
    (letter,) = world.outputs.letters
    headers = {**letter.said.headers, "x-provd-truncated": "the value is at .."}
    with pytest.raises(AssertionError, match="is small"):
        check_letters(world.inputs, with_letter(world, headers=headers, value=None))


def test_a_result_that_is_not_the_stored_one_is_noticed(world):
    """One that is published again is marked, and may differ in that alone."""
    check_stored_results(world.database, with_result(world, republished=True))
    for said in ({"republished": False}, {"republished": True, "version_after": 4711}):
        with pytest.raises(AssertionError, match="stored"):
            check_stored_results(world.database, with_result(world, **said))
