"""tools/bench still runs: what it measures here is worth nothing, that it measures is."""
import json
import os
import pathlib
import re
import subprocess

import pytest

from support.database import Database
from support.provd import binary
from support.stack import ROOT

RUN_LIMIT_S = 300
EVENTS = 2000
KEYS = {"name", "lanes", "events", "events_per_second", "ratio_to_floor", "targets", "missed", "met"}
STEPS = ("floor_and_new", "again", "latency")


def bench(stack, *arguments):
    """Of the build under test, on the stack of the tests."""
    build = pathlib.Path(os.environ.get("PROVD_TEST_BUILD_DIR", binary().parent))
    done = subprocess.run(
        [ROOT / "tools" / "bench", "--quick", "--events", str(EVENTS), "--build", build, *arguments],
        env={**os.environ, "STACK_DIR": stack.env["STACK_DIR"]}, timeout=RUN_LIMIT_S,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def run(stack, tmp_path_factory):
    """The printed table, and the rows of the file."""
    file = tmp_path_factory.mktemp("bench") / "rows.json"
    printed = bench(stack, "--json", file, "--only", *STEPS)
    return printed, json.loads(file.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def rows(run):
    return {(row["name"], row["lanes"]): row for row in run[1]}


def test_each_row_is_in_the_file_and_in_the_table(run, rows):
    printed, of_file = run
    assert len(of_file) == len(rows) == 8
    for row in of_file:
        assert KEYS <= row.keys() and row["events_per_second"] > 0, row
        assert f"{row['name']} " in printed
    assert re.search(r"^the run took \d+ s$", printed, re.MULTILINE)


def test_the_server_is_left_as_it_was(run, stack):
    assert Database(stack.database_url).rows("SELECT * FROM pg_file_settings WHERE name = 'autovacuum'") == []


def test_rates_are_compared_with_the_floor_of_as_many_connections(rows):
    for lanes in (1, 2):
        floor, new = rows["floor: bare COPY BINARY", lanes], rows["provd: new accounts", lanes]
        assert floor["ratio_to_floor"] == 1.0 and floor["targets"] == {} and floor["met"] is None
        assert new["ratio_to_floor"] == pytest.approx(new["events_per_second"] / floor["events_per_second"], abs=0.01)
        assert new["cpu_us_per_event"] > new["parent_cpu_us_per_event"] >= 0
        assert 1 < new["rss_peak_mib"]


def test_a_row_says_which_targets_it_missed(run, rows):
    new = rows["provd: new accounts", 1]
    assert new["targets"] == {"ratio_to_floor": ">= 0.75", "cpu_us_per_event": "<= 10", "rss_peak_mib": "< 64"}
    met = {"ratio_to_floor": new["ratio_to_floor"] >= 0.75, "cpu_us_per_event": new["cpu_us_per_event"] <= 10,
           "rss_peak_mib": new["rss_peak_mib"] < 64}  # fmt: skip
    missed = [key for key in new["targets"] if not met[key]]
    assert new["missed"] == missed and new["met"] is (missed == [])
    (line,) = [line for line in run[0].splitlines() if re.match(r"provd: new accounts +1 ", line)]
    assert ("not met: " in line) is bool(missed)


def test_latency_is_that_of_the_rate_that_was_sent(rows):
    row = rows["latency at 1,000 a second", 1]
    assert row["asked_per_second"] == 1000
    assert 0 < row["p50_ms"] <= row["p99_ms"]
    assert ("events_per_second" in row["missed"]) is (row["events_per_second"] < 950)


def test_plans_are_those_of_the_workers_statements(stack):
    printed = bench(stack, "--explain")
    for statement, table in (("recall_events.sql", "event_ledger"), ("load_accounts.sql", "account")):
        (plan,) = re.findall(rf"^-- {re.escape(statement)}: \d+ times.*\n((?:.+\n)+)", printed, re.MULTILINE)
        assert table in plan and "actual time=" in plan and "Buffers: shared hit=" in plan
