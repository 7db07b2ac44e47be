"""A worker and the operators' tool under valgrind, from their start to their end: no byte is read that is not theirs or not
written yet, and what they took they have given back.

Unlike the sanitizers, valgrind also watches what the libraries do, and memory that was never written. What is theirs is
in valgrind.supp, each with its reason.
"""
import os
import pathlib
import re
import shutil
import stat
import subprocess

import pytest

from support.provd import Worker, binary
from support.stack import ROOT
from support.traffic import Traffic
from support.world import CONTEXT, DOMAIN

BUILD = pathlib.Path(os.environ.get("PROVD_TEST_BUILD_DIR", ROOT / "build" / "dev"))
PROVCTL = os.environ.get("PROVD_TEST_PROVCTL", str(BUILD / "provctl"))
SUPPRESSIONS = pathlib.Path(__file__).with_name("valgrind.supp")
FOUND = 99  # exit code of a process with findings
RECORDS = 60
BATCHES = 3
READY_LIMIT_S = 180
STOP_LIMIT_S = 90
COMMAND_LIMIT_S = 180

HAS_SANITIZER = b"__asan_init" in pathlib.Path(binary()).read_bytes()
pytestmark = pytest.mark.skipif(HAS_SANITIZER, reason="valgrind cannot run programs with a sanitizer")


def valgrind(folder):
    return [
        shutil.which("valgrind"), "--leak-check=full", "--show-leak-kinds=definite", "--errors-for-leak-kinds=definite",
        "--trace-children=no", "--child-silent-after-fork=no", "--num-callers=25", f"--error-exitcode={FOUND}",
        f"--suppressions={SUPPRESSIONS}", f"--log-file={folder}/valgrind.%p",
    ]  # fmt: skip


def findings(folder):
    """What each process has to say, for those that have something to say."""
    said = {path.name: path.read_text(encoding="utf-8", errors="replace") for path in folder.glob("valgrind.*")}
    return {name: text for name, text in said.items() if "ERROR SUMMARY: 0 errors" not in text}


def make_program(folder):
    """provd, started by valgrind."""
    script = folder / "provd"
    command = " ".join(f"'{word}'" for word in [*valgrind(folder), str(binary())])
    script.write_text(f'#!/bin/sh\nexec {command} "$@"\n', encoding="ascii")
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    return script


def test_a_worker_from_its_start_to_its_end(make_world, tmp_path):
    program = make_program(tmp_path)
    # Slow: the parent would take a lane for hung, the brokers for dead.
    world = make_world(settings={"kafka.session_timeout": "30s", "kafka.transaction_timeout": "30s"})
    worker = world.make_worker(make=lambda settings, environment: Worker(settings, environment, program))
    worker.start(wait=False)
    worker.wait_ready(READY_LIMIT_S)
    world.found(CONTEXT, DOMAIN)
    traffic = Traffic(world, 5)
    for _ in range(BATCHES):
        world.answers(world.send(traffic.records(RECORDS)), READY_LIMIT_S)
    for path in ("/metrics", "/livez", "/readyz", "/version", "/no-such-page"):
        worker.get(path)
    worker.reload()
    world.check()
    code = worker.stop(STOP_LIMIT_S)
    worker.may_end_with = code
    found = findings(tmp_path)
    assert not found and code == 0, f"exit code {code}\n" + "\n".join(found.values())[:20000]
    assert len(list(tmp_path.glob("valgrind.*"))) >= 2, "the parent and its lane"


@pytest.mark.parametrize(
    "arguments",
    [["config", "defaults"], ["events", "kinds", "CreateAccount", "-o", "json"], ["account", "--help"], ["no-such-command"]],
    ids=lambda words: re.sub("[^a-zA-Z]+", "-", " ".join(words)).strip("-"),
)  # fmt: skip
def test_an_operators_command(tmp_path, arguments):
    ran = subprocess.run([*valgrind(tmp_path), PROVCTL, *arguments], capture_output=True, text=True,
                         timeout=COMMAND_LIMIT_S, check=False)  # fmt: skip
    found = findings(tmp_path)
    assert not found and ran.returncode != FOUND, ran.stderr + "\n".join(found.values())[:20000]
