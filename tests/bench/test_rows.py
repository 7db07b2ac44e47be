"""The rows of tools/bench: what they say of their targets, and that they are kept."""
import importlib
import json
import sys
import types
import unittest.mock

import pytest

from support.stack import ROOT

NOTHING_STARTS = ROOT / "build" / "nothing-is-built-here"


@pytest.fixture(scope="module")
def modules():
    """Those of tools/bench.d, by their names."""
    sys.path.insert(0, str(ROOT / "tools" / "bench.d"))
    try:
        yield {name: importlib.import_module(name) for name in ("latency", "measurements", "table")}
    finally:
        sys.path.pop(0)


@pytest.fixture
def file(tmp_path):
    return tmp_path / "build" / "rows.json"


@pytest.fixture
def table(modules, file):
    return modules["table"].Table(file)


@pytest.fixture
def bench(modules, table):
    return modules["measurements"].Bench(None, NOTHING_STARTS, types.SimpleNamespace(quick=True), table)


def test_rows_are_in_the_file_before_the_next_is_measured(bench, file):
    for count, name in enumerate(("first", "second"), 1):
        bench.add(name, 1, 100, 10.0)
        assert [row["name"] for row in json.loads(file.read_text(encoding="utf-8"))][count - 1 :] == [name]
    assert [path.name for path in file.parent.iterdir()] == [file.name]


def test_ratio_to_what_was_not_measured_is_null_and_its_target_not_judged(modules, bench, table):
    bench.add("new", 1, 100, 80.0, modules["measurements"].MIXED, rss_peak_mib=63.9)
    bench.floor[1] = 100.0
    bench.add("new", 1, 100, 80.0, modules["measurements"].MIXED, rss_peak_mib=63.9)
    bench.add("new", 1, 100, 80.0, modules["measurements"].MIXED, rss_peak_mib=64.0)
    assert [(row["ratio_to_floor"], row["missed"], row["met"]) for row in table.rows] == [
        (None, [], None), (0.8, [], True), (0.8, ["rss_peak_mib"], False),
    ]  # fmt: skip
    verdicts = [line.rpartition("  ")[2] for line in str(table).splitlines()[1:]]
    assert verdicts == [
        "not judged: of floor >= 0.5; met: RSS MiB < 64", "met: of floor >= 0.5, RSS MiB < 64",
        "not met: RSS MiB < 64; met: of floor >= 0.5",
    ]  # fmt: skip


@pytest.mark.parametrize("rate, missed", [(949.0, ["events_per_second"]), (950.0, [])])
def test_a_sender_that_fell_behind_misses_a_target(modules, bench, table, monkeypatch, rate, missed):
    monkeypatch.setattr(modules["measurements"], "measure_latency", lambda *_: (rate, [59.9] * 100))
    bench.scene = unittest.mock.MagicMock()
    modules["measurements"].latency(bench)
    (row,) = table.rows
    assert (row["events_per_second"], row["asked_per_second"], row["missed"]) == (rate, 1000, missed)


def test_the_rate_that_was_sent_is_that_of_its_times(modules):
    assert modules["latency"].sent_rate([10.0, 10.5, 14.0]) == 0.5
