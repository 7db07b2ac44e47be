"""What the checks of this folder share: the files of the tree, C without comments and strings."""
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]


def tracked(*patterns):
    """Paths (relative, as text) that git knows or would add: new files count too."""
    out = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *patterns],
        cwd=ROOT, check=True, capture_output=True, text=True,
    ).stdout
    return sorted({path for path in out.splitlines() if (ROOT / path).is_file()})


def read(path):
    return (ROOT / path).read_text(errors="replace")


# One alternative per thing that can hide another: block comment, line comment, string, character.
_HIDING = re.compile(
    r"/\*.*?\*/|//[^\n]*|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'", re.DOTALL
)


def code_only(text):
    """C with comments and the inside of literals blanked, line by line in place."""

    def blank(match):
        piece = match.group(0)
        if piece[0] in "\"'":
            return piece[0] + " " * (len(piece) - 2) + piece[0]
        return re.sub(r"[^\n]", " ", piece)

    return _HIDING.sub(blank, text)


def functions(text):
    """(name, first line, number of lines) of each function that is defined in C of the house's style."""
    lines = text.split("\n")
    found = []
    start = name = None
    for number, line in enumerate(lines):
        if start is not None:
            if line.startswith("}"):
                found.append((name, start + 1, number - start + 1))
                start = None
            continue
        if line.startswith("{") and number > 0:
            # The head may take several lines: back to the one that begins in column 0 with a name.
            head = number - 1
            while head > 0 and (lines[head].startswith((" ", "\t", ")")) or not lines[head]):
                head -= 1
            match = re.search(r"(\w+)\s*\(", lines[head])
            if match and not lines[head].startswith(("#", "}")):
                start, name = head, match.group(1)
    return found


def report(findings, what):
    """Prints findings and ends the program: 1 when there are any."""
    for finding in findings:
        print(finding)
    print(f"{what}: {len(findings)} finding(s)" if findings else f"{what}: nothing to say")
    sys.exit(1 if findings else 0)
