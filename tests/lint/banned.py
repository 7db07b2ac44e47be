#!/usr/bin/env python3
"""Functions that this code does not call, each with the reason and what to use instead."""
import re

from sources import code_only, read, report, tracked

UNBOUNDED = "writes without a bound: use snprintf, memcpy with a length, or struct buffer"
STATE = "keeps state between calls: use {}"
LOCALE = "depends on the locale or takes nonsense for 0: use text_to_int64"
SHELL = "runs a shell, with whatever is in the environment: use posix_spawn with arguments"
RACE = "leaves a gap between name and use: use mkstemp or mkdtemp"
RANDOM = "is predictable: use crypto_random"
SIGNAL = "differs between systems: use sigaction"
EXIT = "leaves without giving back what is open: return a status to main()"

BANNED = {
    "strcpy": UNBOUNDED,
    "strcat": UNBOUNDED,
    "strncpy": "may leave out the NUL and pads with zeros: use snprintf or memcpy",
    "strncat": UNBOUNDED,
    "stpcpy": UNBOUNDED,
    "wcscpy": UNBOUNDED,
    "wcscat": UNBOUNDED,
    "sprintf": UNBOUNDED,
    "vsprintf": UNBOUNDED,
    "gets": UNBOUNDED,
    "scanf": UNBOUNDED,
    "fscanf": UNBOUNDED,
    "sscanf": "takes overflow and trailing text in silence: use text_to_int64 or a parser",
    "strtok": STATE.format("text_find and text_slice"),
    "strtok_r": "changes its input: use text_find and text_slice",
    "atoi": LOCALE,
    "atol": LOCALE,
    "atoll": LOCALE,
    "atof": LOCALE,
    "alloca": "takes stack without a bound: use the arena",
    "strdupa": "takes stack without a bound: use text_copy",
    "system": SHELL,
    "popen": SHELL,
    "tmpnam": RACE,
    "tempnam": RACE,
    "mktemp": RACE,
    "rand": RANDOM,
    "srand": RANDOM,
    "random": RANDOM,
    "srandom": RANDOM,
    "drand48": RANDOM,
    "signal": SIGNAL,
    "setjmp": "is for the arena's exhaustion only: see arena_on_exhausted",
    "longjmp": "is for the arena's exhaustion only: see arena_on_exhausted",
    "exit": EXIT,
    "gmtime": STATE.format("gmtime_r"),
    "localtime": "keeps state and depends on the time zone: use gmtime_r",
    "ctime": STATE.format("strftime"),
    "asctime": STATE.format("strftime"),
    "strerror_r": "has two incompatible forms: use strerror, each lane has one thread that reports",
    "gethostbyname": STATE.format("getaddrinfo"),
    "inet_ntoa": STATE.format("inet_ntop"),
    "inet_addr": "takes nonsense for an address: use inet_pton",
    "getpass": "is obsolete: read from a file or a descriptor",
    "vfork": "shares memory with the child: use fork or posix_spawn",
    "usleep": "is obsolete: use clock_sleep_ms",
    "sleep": "cannot end with a signal's reason: use clock_sleep_ms",
    "alarm": "is process-wide: use a deadline (base/clock.h)",
    "perror": "goes around the log: use error_set and let the loop log it",
    "memmem": "hides a search of hostile bytes: use text_find",
    "bzero": "is obsolete: use memset, or explicit_bzero for secrets",
    "bcopy": "is obsolete: use memcpy or memmove",
    "assert_perror": "is for errors of the world, which get a status",
}

# Where one of them is the point of the file.
ALLOWED = {
    ("worker/main.c", "exit"),
    # A forked lane ends there, as from a main() of its own; alarm ends it when nobody else is left.
    ("worker/lane_process.c", "exit"),
    ("worker/lane_process.c", "alarm"),
    ("worker/base/arena.c", "longjmp"),
    # A batch that runs out of memory is cut: the one handler.
    ("worker/lane.c", "setjmp"),
    ("worker/stage/decode.c", "setjmp"),
    ("worker/stage/apply.c", "setjmp"),
    ("worker/batch.c", "setjmp"),
    ("worker/stage/publish.c", "setjmp"),
    # A uuid in a record of ours: found or not, nothing is cut at it.
    ("tools/provctl/account_results.c", "memmem"),
}

CALL = re.compile(r"(?<![\w.>])(" + "|".join(BANNED) + r")\s*\(")


def check(path, text):
    findings = []
    for number, line in enumerate(code_only(text).split("\n"), 1):
        for match in CALL.finditer(line):
            name = match.group(1)
            if (path, name) not in ALLOWED:
                findings.append(f"{path}:{number}: {name} {BANNED[name]}")
    return findings


if __name__ == "__main__":
    report(
        [f for path in tracked("worker/*.c", "worker/*.h", "tools/provctl/*.c", "tools/provctl/*.h")
         for f in check(path, read(path))],
        "banned calls",
    )
