"""Random histories of all commands through real servers, against the model of tests/oracle: every row, every result,
every change record.

    PROVD_TEST_HISTORIES=500 pytest tests/flow/test_histories.py      more of them
    PROVD_TEST_SEED=4711 pytest tests/flow/test_histories.py          one of them, first as it was, then shortened
"""
import itertools
import json
import os
import random
import time

import pytest

from oracle.database import differences
from oracle.histories import DAY_US, SEALED, Island, Writer, shrink
from oracle.story import unbalanced, untold
from oracle.surroundings import Real
from oracle.words import travelling_event
from support.events import event_record
from support.sealing import KeyPair

HISTORIES = int(os.environ.get("PROVD_TEST_HISTORIES", "24"))
HISTORIES_OF_A_WORLD = 12
KEY_ID = "2026-11"
LATEST_DAYS = 72  # histories look that far ahead of their beginning, and no record may be of the future
ANSWER_LIMIT_S = 120


def seeds():
    if "PROVD_TEST_SEED" in os.environ:
        return [int(os.environ["PROVD_TEST_SEED"])]
    return list(range(1, HISTORIES + 1))


class Sender:
    """Sends histories to one world, each on an island of its own, and compares what became of them."""

    def __init__(self, world, worker_key, requester_key):
        self.world = world
        self.world.secrets += SEALED
        self._key, self._requester = worker_key, requester_key
        self._numbers = itertools.count(1)
        self._epoch_us = time.time_ns() // 1000 // DAY_US * DAY_US - LATEST_DAYS * DAY_US

    def island(self, seed):
        return Island(f"s{seed}n{next(self._numbers)}", Real(), self._epoch_us)

    def records(self, events, partition):
        """Records of those that Avro can say."""
        found = []
        for event in events:
            try:
                record = event_record(travelling_event(event, self._seal, self._requester.public))
            except ValueError:
                continue
            found.append({**record, "partition": partition, "timestamp": event["timestamp"] // 1000})
        return found

    def send(self, records):
        self.world.answers(self.world.send(records), ANSWER_LIMIT_S)
        self.world.settle()

    def differences(self, island=None):
        return differences(self.world, self._unseal, island and island.contexts)

    def fails(self, seed, indices):
        """Sends some events of a history again, alone."""
        island = self.island(seed)
        history = Writer(seed, island).history()
        self.send(self.records([history[i] for i in indices], partition=0))
        return self.differences(island)

    def _seal(self, text):
        return {"key_id": KEY_ID, "ciphertext": self._key.seal(text)}

    def _unseal(self, key_id, ciphertext):
        try:
            return self._key.open(ciphertext) if key_id == KEY_ID else None
        except AssertionError:
            return None


@pytest.fixture(scope="module")
def make_sender(make_world, tmp_path_factory):
    key, requester = KeyPair(), KeyPair()
    keys = tmp_path_factory.mktemp("keys")
    key.write(keys, KEY_ID)

    def make(**settings):
        settings = {path.replace("__", "."): value for path, value in settings.items()}
        world = make_world(settings={"secrets.keys_directory": str(keys), **settings}, partitions=3)
        make.made.append(Sender(world.start(found=False), key, requester))
        return make.made[-1]

    make.made = []
    return make


def interleaved(chance, queues):
    """One list of all, in which the order of each is kept."""
    mixed, queues = [], [list(reversed(queue)) for queue in queues]
    while queues := [queue for queue in queues if queue]:
        mixed.append(chance.choice(queues).pop())
    return mixed


def tell(sender, islands, found):
    """Why it failed, with the shortest history that fails."""
    guilty = [seed for seed, island in islands.items() if sender.differences(island)]
    for seed in guilty:
        indices = range(len(Writer(seed, sender.island(seed)).history()))
        if not sender.fails(seed, indices):
            continue
        shortest = shrink(list(indices), lambda some, seed=seed: bool(sender.fails(seed, some)))
        history = Writer(seed).history()
        told = "\n".join(f"{i:3} {json.dumps(history[i])}" for i in shortest)
        return f"seed {seed}: {sender.fails(seed, shortest)[0]}\n{told}"
    return f"seeds {guilty} fail, but none of them alone: {found[0]}"


@pytest.mark.parametrize("batch", range((len(seeds()) + HISTORIES_OF_A_WORLD - 1) // HISTORIES_OF_A_WORLD))
def test_database_and_model_agree_on_random_histories(make_sender, batch):
    ours = seeds()[batch * HISTORIES_OF_A_WORLD : (batch + 1) * HISTORIES_OF_A_WORLD]
    chance = random.Random(ours[0])
    sender = make_sender(lanes=chance.randrange(1, 4), batch__max_events=chance.choice([1, 3, 20, 100, 5000]))
    islands = {seed: sender.island(seed) for seed in ours}
    queues = [sender.records(Writer(seed, island).history(), seed % 3) for seed, island in islands.items()]
    sender.send(interleaved(chance, queues))
    found = sender.differences()
    if found:
        pytest.fail(tell(sender, islands, found), pytrace=False)
    assert not untold(sender.world.database)
    assert not unbalanced(sender.world.database)
    sender.world.check()


def test_a_wrong_row_result_or_rule_is_noticed(make_sender, monkeypatch):
    """The comparison can fail. The last test: it spoils the rows of the others."""
    sender = make_sender.made[-1]
    with monkeypatch.context() as patch:
        patch.setattr("oracle.act.SERVICES_ALL", 3)
        assert sender.differences()
    sender.world.database.rows("UPDATE provd.account SET comment = 'spoilt'")
    assert "comment is 'spoilt'" in sender.differences()[-1]
    result = next(result.said for result in sender.world.outputs.results if result.said["version_after"])
    monkeypatch.setitem(result, "version_after", 4711)
    monkeypatch.setattr(sender.world.outputs, "read_to_the_end", lambda: None)
    assert any("4711" in difference for difference in sender.differences())
    for told in (untold, unbalanced):
        assert any("comment is 'spoilt'" in difference for difference in told(sender.world.database))
    sender.world.database.rows("UPDATE provd.account SET version = version + 1")
    assert "is at version" in unbalanced(sender.world.database)[0]
