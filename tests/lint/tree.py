#!/usr/bin/env python3
"""The shape of the tree: folder law, owners of foreign headers, sizes, openings of files, marks.

The folder law: a file of worker/ includes its own folder and what stands to the right of it,

    main, lane, ... > stage > batch, config > wire > sql > domain > base

and no stage includes another stage.
"""
import os
import re

from sources import code_only, functions, read, report, tracked

FILE_LINES_MAX = 600
TEST_LINES_MAX = 800
FUNCTION_LINES_MAX = 70

RANKS = {"base": 0, "domain": 1, "sql": 2, "wire": 3, "config": 4, "batch": 4, "stage": 5, "top": 6}

# Headers of the C library and the kernel; every other <header> is foreign and has one owner.
SYSTEM = set(
    """assert.h complex.h ctype.h errno.h float.h inttypes.h limits.h locale.h math.h setjmp.h signal.h
    stdalign.h stdarg.h stdatomic.h stdbool.h stddef.h stdint.h stdio.h stdlib.h stdnoreturn.h string.h
    strings.h threads.h time.h wchar.h arpa/inet.h dirent.h endian.h execinfo.h fcntl.h fnmatch.h getopt.h
    glob.h grp.h libgen.h malloc.h netdb.h net/if.h netinet/in.h netinet/tcp.h poll.h pthread.h pwd.h
    sched.h semaphore.h spawn.h sys/epoll.h sys/eventfd.h sys/file.h sys/ioctl.h sys/mman.h sys/prctl.h
    sys/random.h sys/resource.h sys/signalfd.h sys/socket.h sys/stat.h sys/statvfs.h sys/time.h
    sys/timerfd.h sys/types.h sys/uio.h sys/un.h sys/utsname.h sys/wait.h sysexits.h syslog.h termios.h
    unistd.h sanitizer/asan_interface.h sanitizer/lsan_interface.h""".split()
)

# A mark of unfinished work, spelt so that this file does not bear it.
MARKS = re.compile(r"\b(TO" r"DO|FIX" r"ME|XX" r"X|HA" r"CK|not imple" r"mented)\b")


def room(path):
    """The folder of worker/ that counts for the law; None outside of worker/."""
    parts = path.split("/")
    if parts[0] != "worker":
        return None
    if len(parts) > 2:
        return parts[1]
    stem = parts[1].split(".")[0].split("_")[0]  # batch_memory.c is a part of batch
    return stem if stem in RANKS else "top"


def includes(text):
    """(line, '<' or '"', name) of each include; commented ones do not count."""
    visible = code_only(text).split("\n")
    for number, line in enumerate(text.split("\n"), 1):
        match = re.match(r'\s*#\s*include\s+([<"])([^>"]+)[>"]', line)
        if match and visible[number - 1].lstrip().startswith("#"):
            yield number, match.group(1), match.group(2)


def check_law(path, text, known):
    """`known`: all paths of the tree, to find what an include means."""
    here = room(path)
    for number, quote, name in includes(text):
        candidates = [os.path.normpath(os.path.join(os.path.dirname(path), name)), "worker/" + name]
        target = next((c for c in candidates if c in known), None)
        if quote == "<" or target is None or here is None:
            continue
        there = room(target)
        if there is None:
            yield f"{path}:{number}: worker/ does not include {target}"
        elif RANKS[there] > RANKS[here]:
            yield f"{path}:{number}: {here} does not include {there} ({name}): the folder law"
        elif there == here == "stage" and stage_of(path) != stage_of(target):
            yield f"{path}:{number}: no stage includes another stage ({name})"
        elif there == "config" and "/" in name and here != "config":
            yield f"{path}:{number}: {name} is private to config: include config.h"


def stage_of(path):
    return re.split(r"[._]", os.path.basename(path))[0]


def check_owners(texts):
    """One owner per foreign header, within worker/ and within tools/provctl/."""
    owners = {}
    for path, text in texts.items():
        for _, quote, name in includes(text):
            if quote == "<" and name not in SYSTEM:
                owners.setdefault((path.split("/")[0], name), []).append(path)
    for (_, name), paths in sorted(owners.items()):
        if len(paths) > 1:
            yield (f"{paths[1]}: <{name}> has an owner, {paths[0]}: call that, or share a private header"
                   + "".join(f"; also {more}" for more in paths[2:]))
        elif room(paths[0]) in ("base", "domain", "stage"):
            yield f"{paths[0]}: <{name}> is foreign: only wire, config and what serves main() see such"


def check_sizes(path, text):
    lines = text.count("\n")
    limit = TEST_LINES_MAX if path.startswith("tests/") else FILE_LINES_MAX
    if lines > limit:
        yield f"{path}: {lines} lines, more than {limit}: split it by what its parts are for"
    for name, start, length in functions(text):
        if length > FUNCTION_LINES_MAX:
            yield (f"{path}:{start}: {name} has {length} lines, more than {FUNCTION_LINES_MAX}: "
                   "name its steps")


def check_opening(path, text, known):
    """A file says what it is for, at once: here, or in the header of its name."""
    if not text.startswith("/*") and (path.endswith(".h") or path[:-1] + "h" not in known):
        yield f"{path}:1: begin with a comment that says what the file is for"


def check_guard(path, text):
    house = re.sub(r"^worker/", "provd/", re.sub(r"^tools/", "", path))
    guard = re.sub(r"\W", "_", house).upper()
    if f"#ifndef {guard}\n#define {guard}\n" not in text:
        yield f"{path}: the include guard is not {guard}"


def check_sql(path, text):
    if not text.startswith("--"):
        yield f"{path}:1: begin with a comment: what it does, its parameters and result columns"


def check_marks(path, text):
    for number, line in enumerate(text.split("\n"), 1):
        match = MARKS.search(line)
        if match:
            yield f"{path}:{number}: {match.group(1)}: finish it, or write an issue"


def main():
    code = {p: read(p) for p in tracked("worker/*.c", "worker/*.h", "tools/provctl/*.c", "tools/provctl/*.h")}
    tests = {p: read(p) for p in tracked("tests/*.c", "tests/*.h")}
    findings = list(check_owners(code))
    for path, text in code.items():
        findings += check_law(path, text, code)
        findings += check_opening(path, text, code)
        if path.endswith(".h"):
            findings += check_guard(path, text)
    for path, text in {**code, **tests}.items():
        findings += check_sizes(path, text)
    for path in tracked("worker/sql/*.sql"):
        findings += check_sql(path, read(path))
    for path in tracked("*.c", "*.h", "*.py", "*.sh", "*.sql", "*.md", "*.cmake", "*.yaml", "tools/*"):
        findings += check_marks(path, read(path))
    report(findings, "tree")


if __name__ == "__main__":
    main()
