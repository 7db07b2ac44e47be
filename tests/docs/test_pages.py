"""The pages that people read agree with what they are about."""
import os
import re
import subprocess

import pytest

from support.provctl import PROVCTL
from support.provd import binary
from support.stack import ROOT

MARKDOWN = sorted(
    path for path in ROOT.glob("**/*.md")
    if not {"build", ".git", "node_modules"} & set(path.relative_to(ROOT).parts)
)  # fmt: skip


def run(*arguments):
    environment = {name: value for name, value in os.environ.items() if name == "PATH" or name.endswith("SAN_OPTIONS")}
    return subprocess.run(arguments, capture_output=True, text=True, env=environment, check=False)


def test_pages_of_events_are_up_to_date():
    done = run(ROOT / "tools" / "docs", "--check", "--provctl", PROVCTL)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("page", MARKDOWN, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_to_files_that_are_there(page):
    for target in re.findall(r"\]\(([^)#\s]+)\)", page.read_text(encoding="utf-8")):
        if not re.match(r"[a-z]+:", target):
            assert (page.parent / target).exists(), f"{target} is not there"


def commands():
    """"topics plan", ... of provctl --help."""
    text = run(PROVCTL, "--help").stdout
    found = re.findall(r"^  ([a-z]+(?: [a-z]+)?) {2,}", text.split("Commands:")[1].split("\n\n")[0], re.MULTILINE)
    assert len(found) > 10
    return found


@pytest.fixture(scope="module")
def manual():
    """The commands' part of provctl(1), as the build puts it in."""
    done = run("/usr/bin/python3", ROOT / "cmake" / "man_commands.py", PROVCTL)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_command_is_in_the_manual(manual):
    assert re.findall(r"^## provctl (.*)$", manual, re.MULTILINE) == commands()
    assert (ROOT / "man" / "provctl.1.scd").read_text(encoding="utf-8").count("\n@COMMANDS@\n") == 1


def test_options_and_examples_are_in_the_manual(manual):
    ensure = manual.split("## provctl topics ensure\n")[1].split("\n## ")[0]
    assert "*-p, --partitions N*\n\tof each topic; default 12" in ensure
    assert "```\nprovctl topics ensure --partitions 24" in ensure
    assert "--config" not in ensure, "options of all commands have a section of their own"


def test_every_option_of_provd_is_in_the_manual():
    page = (ROOT / "man" / "provd.8.scd").read_text(encoding="utf-8")
    for option in re.findall(r"^ .*?(--[a-z-]+)", run(binary(), "--help").stdout, re.MULTILINE):
        assert f"*{option}*" in page, option


def test_the_map_names_each_file_of_the_worker_and_no_other():
    """worker/README.md: one line for each name; it stands for .c and .h."""
    text = (ROOT / "worker" / "README.md").read_text(encoding="utf-8")
    told = re.findall(r"^\| `([\w/]+)` \|", text.split("## Files")[1].split("\n## ")[0], re.MULTILINE)
    worker = ROOT / "worker"
    there = {str(path.relative_to(worker).with_suffix("")) for path in worker.rglob("*.[ch]")}
    assert sorted(told) == sorted(there)
