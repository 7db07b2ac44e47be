"""What a newcomer does first, tools/demo, from its start to --down."""
import os
import re
import subprocess

import pytest

from support.stack import ROOT

RUN_LIMIT_S = 540
CHECKS = 9
LABEL_COLUMNS = 26


@pytest.fixture(scope="module")
def folder():
    """Beside a demo that somebody may be looking at."""
    folder = ROOT / "build" / "demo-test"
    yield folder
    run(folder, "--down")
    assert not folder.exists()


def run(folder, *arguments):
    return subprocess.run(
        [ROOT / "tools" / "demo", *arguments], env={**os.environ, "DEMO_DIR": str(folder)}, timeout=RUN_LIMIT_S,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
    )  # fmt: skip


@pytest.fixture(scope="module")
def screen(folder):
    """The demo begins anew although another one has left something behind."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "provd.pid").write_text("1 0\n", encoding="ascii")
    done = run(folder, "--events", "800")
    assert done.returncode == 0, done.stdout
    return done.stdout


def test_everything_that_is_claimed_is_proved(screen):
    proof = screen.split("-- proof")[1].split("\n-- ")[0].splitlines()[1:]
    assert [line for line in proof if line and not line.startswith("yes")] == []
    assert len([line for line in proof if line.startswith("yes")]) == CHECKS


def test_each_kind_of_record_comes_out_as_it_should(screen):
    head, *rows = screen.split("-- events in, answers out")[1].split("\n-- ")[0].splitlines()[1:]
    names = [*head.split()[2:-2], "dead letter"]
    table = {}
    for row in filter(None, rows):
        label, cells = row[:LABEL_COLUMNS].strip(), row[LABEL_COLUMNS:].split()
        assert len(cells) == len(names) + 1, row
        table[label] = {name: count for name, count in zip(["events", *names], cells) if count != "."}
    sums = table.pop("all")
    assert {"valid", "dry run", "the same event again", "breaks a rule", "unreadable"} <= set(table)
    assert set(table["unreadable"]) == {"events", "dead letter"} and "REJECTED" in sums
    assert set(table["the same event again"]) == {"events", "DUPLICATE"}
    assert set(table["breaks a rule"]) == {"events", "REJECTED"}
    assert set(table["valid"]) <= {"events", "APPLIED", "NO_CHANGE"}


def test_a_lane_was_killed_and_replaced(screen):
    killed, again = re.search(r"\(process (\d+)\) died by kill -9 .*? had process\s(\d+)", screen, re.DOTALL).groups()
    assert killed != again


def test_what_to_type_next_works(screen):
    commands = re.findall(r"(build/demo-test/provctl (?:account show|ledger show|fence show).*)", screen)
    assert len(commands) == 3
    for command in commands:
        done = subprocess.run(command, cwd=ROOT, shell=True, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0 and done.stdout, f"{command}: {done.stderr}"
