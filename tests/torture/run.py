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
OWED_S = 60  # for what has waited for others to end
LONG_RUN_S = 600
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
            keep_logs(arena, options.seed)
        except BaseException:
            keep_logs(arena, options.seed)
            say(f"logs: {LOGS}/seed-{options.seed}.*")
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
    while conductor.elapsed_s() < options.seconds + (OWED_S if conductor.owes() else 0):
        conductor.turn()
        traffic.turn()
        if conductor.elapsed_s() > next_report_s:
            next_report_s += REPORT_EVERY_S
            say(f"{conductor.elapsed_s():.0f} s, {traffic.sent} records, {conductor.begun.total()} faults")
        time.sleep(PAUSE_S)
    conductor.finish()
    arena.heal()
    traffic.finish()
    log("healed")
    began = time.monotonic()
    judge(arena, traffic, log)
    took_s = time.monotonic() - began
    return f"{traffic.sent} records, all compared {took_s:.0f} s after the last fault; {tell_faults(conductor, names, options)}"


def tell_faults(conductor, names, options):
    """How many of each kind did harm, of those that began. A kind that never did proves nothing: a long run fails of it."""
    never_begun = [name for name in names if not conductor.begun[name]]
    in_vain = [name for name in names if conductor.begun[name] and not conductor.harmed[name]]
    idle = f"never begun: {', '.join(never_begun) or 'none'}; never did harm: {', '.join(in_vain) or 'none'}"
    assert options.seconds < LONG_RUN_S or not never_begun + in_vain, f"all is well, but not all was tried: {idle}"
    hits = ", ".join(f"{name} {conductor.harmed[name]}/{conductor.begun[name]}" for name in sorted(conductor.begun))
    return f"faults that did harm/that began: {hits}; {idle}"


def keep_logs(arena, seed):
    for number, machine in enumerate(arena.machines):
        if machine.log_file.exists():
            shutil.copy(machine.log_file, LOGS / f"seed-{seed}.worker-{number}.log")


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
    parser.add_argument("--build", help="the build to take, e.g. asan: slower, and it sees more (default dev)")
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
    require_fail_points(options.build)
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


def require_fail_points(build):
    """A build that has them, unless the environment names another one."""
    if build or "PROVD_TEST_WORKER" not in os.environ:
        os.environ["PROVD_TEST_WORKER"] = str(ROOT / "build" / (build or "dev") / "provd")
    program, preset = os.environ["PROVD_TEST_WORKER"], build or "dev"
    if not os.access(program, os.X_OK):
        sys.exit(f"torture: there is no {program}: cmake --preset {preset} && cmake --build --preset {preset}")


def without_seed(arguments):
    """What was asked for, but for seed and runs."""
    kept, skip = [], False
    for argument in arguments:
        if skip or argument.partition("=")[0] in ("--seed", "--runs"):
            skip = not skip and "=" not in argument
            continue
        kept.append(argument)
    return kept
