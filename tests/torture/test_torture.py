"""The short form of tools/torture. It ends servers of its own, and makes them itself."""
import argparse
import os
import subprocess

import pytest
from oracle.histories import EPOCH_US
from support.stack import ROOT
from torture.arena import KEY_ID
from torture.faults import TABLE, Fault
from torture.run import tell_faults
from torture.schedule import Conductor, make_schedule
from torture.traffic import Script

LIMIT_S = 500
SEED = os.environ.get("PROVD_TEST_SEED", "1")


def test_nothing_is_lost_and_nothing_doubled_while_everything_is_hurt():
    done = subprocess.run(
        [ROOT / "tools" / "torture", "--minutes", "1", "--rate", "30", "--seed", SEED],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=LIMIT_S,
        check=False,
    )  # fmt: skip
    if done.returncode != 0:
        pytest.fail(done.stdout, pytrace=False)


def schedule(seed, seconds):
    return [(at, fault.name, sub) for at, fault, sub in make_schedule(seed, seconds, 1, list(TABLE))]


def test_the_same_seed_is_the_same_schedule():
    assert schedule(7, 600) == schedule(7, 600) != schedule(8, 600)


@pytest.mark.parametrize("seed", range(20))
def test_every_fault_is_dealt_once_before_any_comes_again(seed):
    names = [name for _, name, _ in schedule(seed, 600)]
    assert sorted(names[: len(TABLE)]) == sorted(TABLE)
    assert schedule(seed, 60)[len(TABLE) - 1][0] < 50, "the short form gets there"


def script(seed, count):
    """Records with seals that are the text itself."""
    made = Script(seed, None, lambda text: {"key_id": KEY_ID, "ciphertext": text.encode()}, bytes(32), EPOCH_US)
    return [record for _ in range(count) for record in made.next()]


def test_the_same_seed_is_the_same_traffic():
    assert script(7, 300) == script(7, 300) != script(8, 300)


def conducted(*faults):
    """A conductor that has done these, all at once."""
    conductor = Conductor(None, [(0, fault, fault.name) for fault in faults], lambda _: None)
    while conductor.turn():
        pass
    return conductor


def harms_after(steps, does_harm):
    def act(_arena, _chance):
        """does something"""
        for _ in range(steps):
            yield 0
        return does_harm

    return act


def test_only_what_did_harm_counts():
    done = conducted(Fault("real", 1, (), harms_after(1, True)), Fault("idle", 1, (), harms_after(0, False)))
    assert done.begun == {"real": 1, "idle": 1} and done.harmed == {"real": 1, "idle": 0}
    short, long = (argparse.Namespace(seconds=seconds) for seconds in (60, 600))
    assert "real 1/1" in tell_faults(done, ["real"], long)
    assert "never did harm: idle" in tell_faults(done, ["real", "idle"], short)
    with pytest.raises(AssertionError, match="never begun: lost; never did harm: idle"):
        tell_faults(done, ["real", "idle", "lost"], long)


def test_the_first_of_a_kind_waits_for_what_it_holds():
    first, second = Fault("first", 1, ("a", "b"), harms_after(3, True)), Fault("second", 1, ("b",), harms_after(1, True))
    done = conducted(first, second, first)
    assert done.begun == {"first": 1, "second": 1} and not done.owes()
