"""tools/demo as a newcomer calls it, in a folder of its own, and what its screen says."""
import os
import subprocess

from support.stack import ROOT

RUN_LIMIT_S = 540
CHECKS = 9


class Demo:
    """One demo, beside another that somebody may be looking at."""

    def __init__(self, name):
        self.folder = ROOT / "build" / name

    def run(self, *arguments, **environment):
        return subprocess.run(
            [ROOT / "tools" / "demo", *arguments], env={**os.environ, "DEMO_DIR": str(self.folder), **environment},
            timeout=RUN_LIMIT_S,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
        )  # fmt: skip

    def down(self):
        done = self.run("--down")
        assert not self.folder.exists(), done.stdout


def assert_proved(screen):
    """Every claim is there, and holds."""
    claims = [line for line in screen.split("-- proof")[1].split("\n-- ")[0].splitlines()[1:] if line]
    assert [line for line in claims if not line.startswith("yes")] == []
    assert len(claims) == CHECKS
