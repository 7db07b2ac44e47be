#!/usr/bin/env python3
"""Each header compiles alone: whoever includes it needs nothing before it.

    headers.py BUILD_FOLDER     (for the generated headers and the compiler's flags)
"""
import concurrent.futures
import json
import os
import pathlib
import shlex
import subprocess
import sys

from sources import ROOT, report, tracked


def flags(build):
    """Include folders, definitions and warnings as some source of the worker is compiled with."""
    commands = json.loads((pathlib.Path(build) / "compile_commands.json").read_text())
    entry = next(c for c in commands if "/worker/" in c["file"])
    words = shlex.split(entry["command"])
    kept, take = [words[0]], False
    for word in words[1:]:
        if take:
            kept.append(word)
            take = False
        elif word == "-isystem":
            kept.append(word)
            take = True
        elif word.startswith(("-I", "-D", "-W", "-std=")):
            kept.append(word)
    return kept


def check(command, path):
    """The compiler's first words about a source that includes the header twice, or None."""
    name = path.removeprefix("worker/").removeprefix("tools/provctl/")
    source = f'#include "{name}"\n#include "{name}"\nextern int a_source_is_not_empty;\n'
    run = subprocess.run(
        [*command, f"-I{ROOT / 'tools/provctl'}", "-fsyntax-only", "-x", "c", "-"],
        input=source, capture_output=True, text=True, cwd=ROOT, check=False,
    )
    if run.returncode == 0:
        return None
    lines = [line for line in run.stderr.splitlines() if "error" in line] or ["does not compile"]
    return f"{path}: not alone: {lines[0]}"


def main():
    command = flags(sys.argv[1])
    headers = tracked("worker/*.h", "tools/provctl/*.h")
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        results = pool.map(lambda path: check(command, path), headers)
    report([finding for finding in results if finding], f"headers ({len(headers)})")


if __name__ == "__main__":
    main()
