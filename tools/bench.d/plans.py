"""The plans of the worker's statements as they are really carried out, with rows and buffers: EXPLAIN (ANALYZE, BUFFERS) of
each, by auto_explain, while the worker applies new accounts. COPY has no plan.
"""
import collections
import pathlib
import re

import traffic
from scene import run_alone
from support.stack import ROOT
from support.waiting import wait_until

STATEMENTS = ROOT / "worker" / "sql"
# What a session of the worker loads, and what it says of each statement.
SETTINGS = {
    "session_preload_libraries": "auto_explain", "auto_explain.log_min_duration": 0, "auto_explain.log_analyze": "on",
    "auto_explain.log_buffers": "on",
}  # fmt: skip
SESSIONS = "SELECT count(*) FROM pg_stat_activity WHERE usename = 'provd' AND datname = current_database()"
# A message of the server is a line that begins with its log_line_prefix, and those after it that begin with a tab.
MESSAGE = re.compile(r"^\S+ \S+ \S+ \[\d+\] (\S+) .*(?:\n\t.*)*", re.MULTILINE)
PLAN = re.compile(r"duration: ([\d.]+) ms  plan:\n\tQuery Text: ((?:.*\n)*?)\t((?=[^\n]*\(cost=)(?:.*\n?)*)")
# The first of a plan's nodes, unless it touched no page.
BUFFERS = re.compile(r".*\n(?:  (?! *->).*\n)*?  Buffers: shared(?: hit=(\d+))?(?: read=(\d+))?")


def explain(bench):
    """For each statement the plan of the run that took the median time, the statement that cost the most first."""
    log = pathlib.Path(bench.stack.env["STACK_DIR"]) / "postgresql.log"
    with bench.scene() as scene:
        database = scene.database
        for name, setting in SETTINGS.items():
            run_alone(database, f"ALTER DATABASE \"{database.name}\" SET {name} = '{setting}'")
        begin = log.stat().st_size
        scene.start().found()
        scene.measure(traffic.creates(bench.options.events))
        scene.stop()
        wait_until(lambda: not database.value(SESSIONS), what="the worker's sessions end")
    with open(log, encoding="utf-8", errors="replace") as file:
        file.seek(begin)
        print_plans(runs_of(file.read(), f"provd@{database.name}"))


def runs_of(text, session):
    """statement -> [(ms, plan)] of those that this user ran in this database."""
    names = {path.read_text(encoding="utf-8").strip(): path.name for path in STATEMENTS.glob("*.sql")}
    runs = collections.defaultdict(list)
    for message in MESSAGE.finditer(text):
        plan = message.group(1) == session and PLAN.search(message.group())
        if plan:
            query = plan.group(2).replace("\n\t", "\n").strip()
            runs[names.get(query, query)].append((float(plan.group(1)), plan.group(3).replace("\n\t", "\n").strip()))
    assert runs, "the server's log has no plan: is auto_explain installed?"
    return runs


def print_plans(runs):
    for name, of_one in sorted(runs.items(), key=lambda item: -sum(ms for ms, _ in item[1])):
        of_one.sort()
        ms, plan = of_one[len(of_one) // 2]
        total_ms = sum(ms for ms, _ in of_one)
        hit, read = (sum(pages) for pages in zip(*(pages_of(plan) for _, plan in of_one)))
        print(f"-- {name}: {len(of_one):,} times, {total_ms:,.0f} ms, {hit:,} pages hit, {read:,} read; this one"
              f" {ms:.2f} ms\n{plan}\n")  # fmt: skip


def pages_of(plan):
    """Found in memory, and read, as the topmost node says, which has those of all below it."""
    buffers = BUFFERS.match(plan)
    return tuple(int(pages or 0) for pages in buffers.groups()) if buffers else (0, 0)
