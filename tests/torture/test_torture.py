"""The short form of tools/torture. It ends servers of its own, and makes them itself."""
import os
import subprocess

import pytest

from support.stack import ROOT

LIMIT_S = 400
SEED = os.environ.get("PROVD_TEST_SEED", "1")


def test_nothing_is_lost_and_nothing_doubled_while_everything_is_hurt():
    done = subprocess.run(
        [ROOT / "tools" / "torture", "--minutes", "0.5", "--pause", "0.6", "--rate", "30", "--seed", SEED],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=LIMIT_S,
        check=False,
    )  # fmt: skip
    if done.returncode != 0:
        pytest.fail(done.stdout, pytrace=False)


def test_the_same_seed_is_the_same_schedule():
    from torture.faults import TABLE  # pylint: disable=import-outside-toplevel
    from torture.schedule import make_schedule  # pylint: disable=import-outside-toplevel

    told = [[(at, fault.name, sub) for at, fault, sub in make_schedule(seed, 600, 1, list(TABLE))] for seed in (7, 7, 8)]
    assert told[0] == told[1] != told[2]
    assert {name for _, name, _ in told[0]} == set(TABLE), "ten minutes meet every fault"
