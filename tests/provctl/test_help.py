"""Help, usage errors, completion: what a newcomer meets first.

The help texts are kept in help/; UPDATE_GOLDEN=1 writes them anew.
"""
import os
import pathlib
import subprocess

import pytest

from support.provctl import PROVCTL

HELP = pathlib.Path(__file__).parent / "help"
COMPLETION = pathlib.Path(__file__).resolve().parents[2] / "tools" / "provctl" / "provctl.bash-completion"

USAGE = 64


def words(*before):
    done = subprocess.run([PROVCTL, "words", *before], capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def commands():
    for group in words():
        names = [word for word in words(group) if not word.startswith("--")]
        yield from [[group, name] for name in names] or [[group]]


@pytest.mark.parametrize("command", [[], *commands()], ids=" ".join)
def test_help_is_as_it_was_reviewed(offline, command):
    told = offline(*command, "--help").out
    golden = HELP / ("_".join(["provctl", *command]) + ".txt")
    if os.environ.get("UPDATE_GOLDEN"):
        golden.write_text(told, encoding="utf-8")
    assert told == golden.read_text(encoding="utf-8")


@pytest.mark.parametrize("command", list(commands()), ids=" ".join)
def test_every_command_shows_examples_within_the_width_of_a_terminal(offline, command):
    told = offline(*command, "--help").out
    assert "\nExamples:\n  " in told and told.startswith(f"Usage: provctl {' '.join(command)} ")
    assert all(len(line) <= 100 for line in told.splitlines())


def test_no_kept_help_is_of_a_command_that_is_gone():
    expected = {"_".join(["provctl", *command]) + ".txt" for command in [[], *commands()]}
    assert {path.name for path in HELP.iterdir()} == expected


@pytest.mark.parametrize(
    "arguments, said",
    [
        (["evnts"], "unknown command 'evnts'"),
        (["events", "sned"], "unknown command 'events sned'"),
        (["events", "send", "--wiat"], "unknown option --wiat"),
        (["--config", "x", "account", "show"], "options stand behind the command: provctl GROUP COMMAND --config"),
        (["account", "-o", "json", "show"], "options stand behind the command: provctl account COMMAND -o"),
        (["account", "show"], "missing argument: ADDRESS|UUID"),
        (["account", "show", "a@b.org", "c@d.org"], "unexpected argument 'c@d.org'"),
        (["events", "tail", "--count"], "option --count needs a value"),
        (["events", "tail", "--count", "0"], "--count 0: a whole number from 1"),
        (["events", "tail", "--for", "soon"], "--for soon: write a whole number and ms, s, m, h or d"),
        (["events", "tail", "--from", "yesterday"], "--from yesterday: write a time"),
        (["events", "tail", "nothing"], "'nothing' cannot be followed"),
        (["events", "kinds", "-o", "xml"], "--output xml: choose table, json, jsonl or csv"),
        (["events", "kinds", "CreateAcount"], "did you mean 'CreateAccount'?"),
    ],
)
def test_a_wrong_call_says_what_is_wrong_on_stderr_only(offline, arguments, said):
    ran = offline(*arguments, code=USAGE)
    assert said in ran.err and ran.out == ""


def test_no_command_is_a_wrong_call_with_the_help_on_stderr(offline):
    ran = offline(code=USAGE)
    assert ran.out == "" and "Usage: provctl COMMAND" in ran.err


def test_help_command_and_option_say_the_same(offline):
    assert offline("help", "events", "send").out == offline("events", "send", "--help").out


def test_version_names_program_and_number(offline):
    name, number, *_ = offline("--version").out.split()
    assert name == "provctl" and number[0].isdigit()


def complete(*words_before, current):
    """What the completion offers."""
    line = " ".join(f"'{word}'" for word in [PROVCTL, *words_before, current])
    script = (
        f". '{COMPLETION}'; COMP_WORDS=({line}); COMP_CWORD={len(words_before) + 1}; _provctl 2>/dev/null;"
        ' printf "%s\\n" "${COMPREPLY[@]}"'
    )
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=False)
    return done.stdout.split()


@pytest.mark.parametrize(
    "before, current, offered",
    [
        ([], "ev", ["events"]),
        (["fence"], "", ["show", "accept", "adopt"]),
        (["events", "send"], "--wa", ["--wait"]),
        (["check", "-o"], "j", ["json", "jsonl"]),
    ],
)
def test_bash_completes_commands_and_options(before, current, offered):
    assert complete(*before, current=current) == offered


def test_a_full_disk_is_no_success(offline):
    with open("/dev/full", "w", encoding="utf-8") as full:
        done = subprocess.run([PROVCTL, "--help"], stdout=full, stderr=subprocess.PIPE, env=offline.environ(), check=False)
    assert done.returncode != 0 and b"cannot be written" in done.stderr
