"""What a newcomer does first, tools/demo, from its start to --down."""
import re
import subprocess

import pytest

from support.demo import Demo, assert_proved
from support.provd import binary
from support.stack import ROOT

LABEL_COLUMNS = 26


@pytest.fixture(scope="module")
def demo():
    demo = Demo("demo-test")
    yield demo
    demo.down()


@pytest.fixture(scope="module")
def screen(demo):
    """The demo begins anew although another one has left something behind. It has the release build, which knows no fail
    points: with those that are set here no lane of another build would end a batch."""
    demo.folder.mkdir(parents=True, exist_ok=True)
    (demo.folder / "provd.pid").write_text("1 0\n", encoding="ascii")
    done = demo.run("--events", "800", PROVD_FAILPOINTS="before_commit=kill:*")
    assert done.returncode == 0, done.stdout
    return done.stdout


def test_everything_that_is_claimed_is_proved(screen):
    assert_proved(screen)


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


@pytest.mark.parametrize("word", [b"PROVD_FAILPOINT_FILE", b"after_send_offsets", b"failpoint_hit"])
def test_a_release_has_no_fail_points(demo, screen, word):
    assert word not in (demo.folder / "bin" / "provd").read_bytes()
    assert word in binary().read_bytes(), "a build with PROVD_FAIL_POINTS has it"


def test_a_lane_was_killed_and_replaced(screen):
    killed, again = re.search(r"\(process (\d+)\) died by kill -9 .*? had process\s(\d+)", screen, re.DOTALL).groups()
    assert killed != again


def test_what_to_type_next_works(screen):
    commands = re.findall(r"(build/demo-test/provctl (?:account show|ledger show|fence show).*)", screen)
    assert len(commands) == 3
    for command in commands:
        done = subprocess.run(command, cwd=ROOT, shell=True, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0 and done.stdout, f"{command}: {done.stderr}"
