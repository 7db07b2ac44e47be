"""The worker before this one, built from the repository's history: of the newest version tag, or, while there is no tag, of
the commit in tests/upgrade/PREVIOUS, the last one made for the schema before this one; PROVD_TEST_PREVIOUS names another."""
import os
import shutil
import subprocess

import pytest

from support.stack import ROOT

NAMED = ROOT / "tests" / "upgrade" / "PREVIOUS"
BUILD_LIMIT_S = 500


def git(*arguments):
    done = subprocess.run(["git", "-C", ROOT, *arguments], capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else None


def previous_commit():
    """The full id; skips the test where the history is not at hand."""
    tags = (git("tag", "--merged", "HEAD", "--sort=-v:refname", "v*") or "").split()
    older = [tag for tag in tags if git("rev-parse", f"{tag}^{{commit}}") != git("rev-parse", "HEAD")]
    ref = os.environ.get("PROVD_TEST_PREVIOUS") or (older[0] if older else NAMED.read_text(encoding="ascii").strip())
    commit = git("rev-parse", "--verify", "--quiet", f"{ref}^{{commit}}")
    if commit is None:
        pytest.skip(f"{ref} is not in this clone: fetch the history, or set PROVD_TEST_PREVIOUS")
    return commit


def previous_worker():
    """The path of its program, built once for a commit."""
    commit = previous_commit()
    folder = ROOT / "build" / "previous" / commit[:12]
    program = folder / "build" / "provd"
    if not program.is_file():
        shutil.rmtree(folder, ignore_errors=True)
        source = folder / "source"
        source.mkdir(parents=True)
        run("bash", "-o", "pipefail", "-c", f"git -C '{ROOT}' archive {commit} | tar -x -C '{source}'")
        run("cmake", "-G", "Ninja", "-S", source, "-B", program.parent, "-Wno-dev", "-DCMAKE_BUILD_TYPE=Debug", *launcher())
        run("cmake", "--build", program.parent, "--target", "provd")
    return program


def launcher():
    return ["-DCMAKE_C_COMPILER_LAUNCHER=ccache"] if shutil.which("ccache") else []


def run(*command):
    done = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=BUILD_LIMIT_S, check=False,
        env={**os.environ, "GIT_CEILING_DIRECTORIES": str(ROOT / "build")},  # its version is not that of this clone
    )  # fmt: skip
    assert done.returncode == 0, f"{' '.join(map(str, command))}:\n{done.stdout[-4000:]}"
