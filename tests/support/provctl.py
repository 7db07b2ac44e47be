"""provctl as its users call it: a process with arguments, standard input, an environment."""
import json
import os
import subprocess

from support.secrets import note
from support.stack import ROOT

RUN_LIMIT_S = 120
PROVCTL = (
    os.environ.get("PROVCTL_BIN")
    or os.environ.get("PROVD_TEST_PROVCTL")  # as ctest says
    or str(ROOT / "build" / "dev" / "provctl")
)


class Ran:
    """What a call left behind."""

    def __init__(self, done):
        self.code = done.returncode
        self.out = done.stdout
        self.err = done.stderr

    @property
    def json(self):
        return json.loads(self.out)

    @property
    def lines(self):
        """JSON lines."""
        return [json.loads(line) for line in self.out.splitlines()]


class Provctl:
    """provctl with settings: `settings` are paths and values, given by the environment."""

    def __init__(self, settings=None):
        self.settings = dict(settings or {})

    def environ(self):
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LSAN_OPTIONS", "ASAN_OPTIONS") if name in os.environ}
        ours = {"PROVD_" + path.upper().replace(".", "_"): str(value) for path, value in self.settings.items()}
        return {**kept, "PROVD_CONFIG": "", **ours}

    def __call__(self, *arguments, stdin="", code=0, **environ):
        """Runs and returns Ran; fails unless the exit code is the expected one (None: any)."""
        done = subprocess.run(
            [PROVCTL, *map(str, arguments)],
            input=stdin,
            capture_output=True,
            env={**self.environ(), **environ},
            timeout=RUN_LIMIT_S,
            text=not isinstance(stdin, bytes),
            check=False,
        )
        told = f"provctl {' '.join(map(str, arguments))}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        assert code is None or done.returncode == code, told
        note(f"provctl {' '.join(map(str, arguments[:2]))}", done.stdout, done.stderr)
        return Ran(done)

    def start(self, *arguments):
        """Runs in the background; the caller waits or kills."""
        return subprocess.Popen(
            [PROVCTL, *map(str, arguments)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=self.environ(),
            text=True,
        )

    def having(self, **settings):
        """Another one with more settings; dots of paths are written as two underscores."""
        return Provctl({**self.settings, **{path.replace("__", "."): value for path, value in settings.items()}})
