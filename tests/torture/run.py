"""One run from beginning to end: torture(seed, seconds) raises what is wrong."""
import argparse
import contextlib
import os
import shutil
import sys
import time

from support.stack import ROOT
from torture.arena import Arena
from torture.faults import TABLE
from torture.schedule import PAUSE_S, Conductor, make_schedule
from torture.traffic import Traffic
from torture.verdict import judge

REPORT_EVERY_S = 15
LOGS = ROOT / "build" / "torture"


@contextlib.contextmanager
def log_of(seed):
    LOGS.mkdir(parents=True, exist_ok=True)
    with open(LOGS / f"seed-{seed}.log", "w", encoding="utf-8") as file:

        def log(text):
            file.write(f"{time.strftime('%H:%M:%S', time.gmtime())}.{int(time.time() * 1000) % 1000:03} {text}\n")
            file.flush()

        yield log


def say(text):
    print(f"torture: {text}", flush=True)


def torture(options, names):
    """Raises an AssertionError, or whatever else is wrong; returns a line that tells what was done."""
    with log_of(options.seed) as log:
        arena = Arena(say)
        try:
            told = _torture(options, names, arena, log)
        except BaseException:
            keep_logs(arena, options.seed)
            if options.keep:
                say(f"kept: STACK_DIR={arena.stack.env['STACK_DIR']}, database {arena.world.database.name}")
                arena.keep()
            else:
                with contextlib.suppress(Exception):  # the first reason is the one to tell
                    arena.close()
            raise
        arena.close()
        return told


def _torture(options, names, arena, log):
    arena.start()
    traffic = Traffic(arena, options.seed, options.rate)
    schedule = make_schedule(options.seed, options.seconds, options.pause, names)
    conductor = Conductor(arena, schedule, log)
    next_report_s = REPORT_EVERY_S
    while conductor.elapsed_s() < options.seconds:
        conductor.turn()
        traffic.turn()
        if conductor.elapsed_s() > next_report_s:
            next_report_s += REPORT_EVERY_S
            say(f"{conductor.elapsed_s():.0f} s, {traffic.sent} records, {sum(conductor.done.values())} faults")
        time.sleep(PAUSE_S)
    conductor.finish()
    arena.heal()
    traffic.finish()
    log("healed")
    began = time.monotonic()
    judge(arena, traffic, log)
    hits = ", ".join(f"{name} {count}" for name, count in sorted(conductor.done.items()))
    return f"{traffic.sent} records, all compared {time.monotonic() - began:.0f} s after the last fault; {hits}"


def keep_logs(arena, seed):
    for number, machine in enumerate(arena.machines):
        if machine.log_file.exists():
            shutil.copy(machine.log_file, LOGS / f"seed-{seed}.worker-{number}.log")
    say(f"logs: {LOGS}/seed-{seed}.*")


def parse(arguments):
    parser = argparse.ArgumentParser(
        prog="tools/torture",
        description="Random traffic against workers whose processes, servers and connections are hurt at random, on a "
        "stack of its own; then everything is compared with everything. Needs a build with fail points (preset dev).",
        epilog="The schedule of faults and the traffic follow from the seed; when exactly a fault meets which instruction "
        "does not. Logs are in build/torture.",
    )
    parser.add_argument("--seed", type=int, default=int(time.time()), help="the first seed; default: the time")
    parser.add_argument("--minutes", type=float, default=1.0, help="how long each run lasts (default 1)")
    parser.add_argument("--runs", type=int, default=1, help="how many runs, with seeds one after the other")
    parser.add_argument("--rate", type=float, default=40.0, help="records a second (default 40)")
    parser.add_argument("--pause", type=float, default=1.0, help="seconds between faults on average (default 1)")
    parser.add_argument("--only", metavar="FAULT,..", help="only these faults")
    parser.add_argument("--without", metavar="FAULT,..", default="", help="all but these")
    parser.add_argument("--list", action="store_true", help="list the faults and end")
    parser.add_argument("--keep", action="store_true", help="after a failure leave the stack and the workers as they are")
    options = parser.parse_args(arguments)
    options.seconds = options.minutes * 60
    return options


def chosen(options):
    known = list(TABLE)
    only, without = (options.only.split(",") if options.only else known), options.without.split(",")
    for name in [*only, *filter(None, without)]:
        if name not in TABLE:
            sys.exit(f"torture: no fault is called '{name}'; --list shows them")
    return [name for name in known if name in only and name not in without]


def main(arguments):
    options = parse(arguments)
    if options.list:
        print("\n".join(f"{fault.name:28} {fault.weight:3}  {fault.told}" for fault in TABLE.values()))
        return 0
    names = chosen(options)
    require_fail_points()
    for _ in range(options.runs):
        say(f"seed {options.seed}: {options.minutes:g} minutes")
        try:
            say(f"seed {options.seed}: passed: {torture(options, names)}")
        except Exception as error:
            say(f"seed {options.seed}: FAILED: {error}")
            say("repeat it with: tools/torture " + " ".join([*without_seed(arguments), f"--seed {options.seed}"]))
            raise
        options.seed += 1
    return 0


def require_fail_points():
    """The build that has them, unless told otherwise."""
    program = os.environ.setdefault("PROVD_TEST_WORKER", str(ROOT / "build" / "dev" / "provd"))
    if not os.access(program, os.X_OK):
        sys.exit(f"torture: there is no {program}: cmake --preset dev && cmake --build --preset dev")


def without_seed(arguments):
    """What was asked for, but for seed and runs."""
    kept, skip = [], False
    for argument in arguments:
        if skip or argument.partition("=")[0] in ("--seed", "--runs"):
            skip = not skip and "=" not in argument
            continue
        kept.append(argument)
    return kept
