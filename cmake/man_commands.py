"""Prints what `provctl --help` and each command's --help say as a part of a man page, in scdoc's language.

    man_commands.py PROVCTL
"""
import re
import subprocess
import sys

OPTION_COLUMNS = 30  # of the left column of options, as help.c prints them
COMMON = "Options of all commands:"


def main():
    program = sys.argv[1]
    for command in commands(help_of(program)):
        print(section(command, help_of(program, *command.split())))


def help_of(program, *command):
    done = subprocess.run([program, *command, "--help"], capture_output=True, check=True, text=True)
    return done.stdout


def commands(text):
    listed = text.split("\nCommands:\n")[1].split("\n\n")[0]
    return [line[2:].split("  ")[0] for line in listed.splitlines()]


def section(command, text):
    own = re.sub(rf"\n{COMMON}\n.*?(?=\nExamples:|\Z)", "", text, flags=re.DOTALL)
    own, _, examples = own.partition("\nExamples:\n")
    own, _, options = own.partition("\nOptions:\n")
    usage, _, what = own.partition("\n\n")
    parts = [f"## provctl {escape(command)}", f"*{escape(usage.removeprefix('Usage: '))}*"]
    parts += [escape(" ".join(paragraph.split())) for paragraph in what.strip().split("\n\n")]
    parts += [f"{name}\n\t{what}" for name, what in option_rows(options)]
    lines = [line[2:] for line in examples.splitlines()]
    if any(lines):
        parts.append("```\n" + "\n".join(lines).strip("\n") + "\n```")
    return "\n\n".join(parts) + "\n"


def option_rows(text):
    """(option, meaning) of each option; long ones go on in the next line."""
    rows = []
    for line in text.splitlines():
        left, right = line[:OPTION_COLUMNS].strip(), line[OPTION_COLUMNS:].strip()
        if left:
            rows.append([left, right])
        elif right:
            rows[-1][1] += " " + right
    return [(f"*{escape(left)}*", escape(right.strip())) for left, right in rows]


def escape(text):
    return re.sub(r"([^\sA-Za-z0-9,;:'\"()/?!%&=$-])", r"\\\1", text)


if __name__ == "__main__":
    main()
