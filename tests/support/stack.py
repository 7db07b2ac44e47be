"""The development stack as tests see it: tools/stack, its addresses, and its servers' deaths."""
import os
import pathlib
import shlex
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
COMMAND_LIMIT_S = 300


class Stack:
    """One stack: the default one (of STACK_DIR, else build/stack) or one of the test's own."""

    def __init__(self, directory=None, kafka=None):
        self._environ = dict(os.environ)
        if directory is not None:
            self._environ["STACK_DIR"] = str(directory)
        if kafka is not None:
            self._environ["STACK_KAFKA"] = kafka
        self.env = {}

    def up(self):
        self._run("up")
        self.env = _exports(self._run("env"))
        return self

    def down(self, wipe=False):
        self._run("down", *(["--wipe"] if wipe else []))

    def start(self, server):
        self._run("start", server)

    def stop(self, server):
        self._run("stop", server)

    def kill(self, server):
        self._run("kill", server)

    def pause(self, server):
        self._run("pause", server)

    def resume(self, server):
        self._run("resume", server)

    @property
    def brokers(self):
        return self.env["KAFKA_BROKERS"]

    @property
    def database_url(self):
        return self.env["DATABASE_URL"]

    @property
    def registry_url(self):
        return self.env["SCHEMA_REGISTRY_URL"]

    @property
    def kafka_proxy(self):
        """Where clients of a proxy are sent to, and what it leads to."""
        return self.env["KAFKA_PROXY"], self.env["KAFKA_BEHIND_PROXY"]

    @property
    def process_env(self):
        """The environment for a program that shall talk to this stack."""
        return {**self._environ, **self.env}

    def _run(self, *arguments):
        done = subprocess.run(
            [ROOT / "tools" / "stack", *arguments],
            env=self._environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            timeout=COMMAND_LIMIT_S,
            check=False,
        )
        told = done.stdout + done.stderr
        assert done.returncode == 0, f"tools/stack {' '.join(arguments)} failed:\n{told}"
        return done.stdout


def _exports(text):
    """The variables of lines such as: export NAME='value'."""
    words = shlex.split(text)
    return dict(word.split("=", 1) for word in words if word != "export")
