"""provd as provd.service, in its sandbox, under a real systemd: a worker like the others, for World.make_worker.

The service manager is that of tools/unit. What an operator puts into /etc/provd and /etc/credstore is given as files.
"""
import json
import os
import pathlib
import shutil
import subprocess

import pytest

from support.provd import Worker, nested
from support.stack import ROOT

TOOL = ROOT / "tools" / "unit"
COMMAND_LIMIT_S = 120
NOT_HERE = 77


class Service:
    """What Worker knows of a process, asked from systemd."""

    def __init__(self, unit):
        self._unit = unit
        self.pid = int(unit.tool("pid"))
        self.returncode = None

    def poll(self):
        if self.returncode is None and self._unit.show("ActiveState") not in ("active", "activating", "reloading"):
            self.returncode = int(self._unit.show("ExecMainStatus"))
        return self.returncode


class UnitWorker(Worker):
    """Worker as a service. `etc` maps names below /etc/provd to files or folders; `credentials` maps settings to secrets;
    `drop_in` is what an operator would write with `systemctl edit provd`."""

    def __init__(self, settings, _environment=None, etc=None, credentials=None, drop_in=""):
        self._etc = etc or {}
        self._credentials = credentials or {}
        self._drop_in = drop_in
        super().__init__(settings)

    @property
    def files(self):
        return self.folder / "files"

    def write_settings(self, **changed):
        super().write_settings(**changed)
        etc = self.files / "etc" / "provd"
        etc.mkdir(parents=True, exist_ok=True)
        (etc / "provd.yaml").write_text(json.dumps(nested(self.settings), indent=1), encoding="utf-8")
        if self.process:
            self.tool("run", "tee", "/etc/provd/provd.yaml", stdin=json.dumps(nested(self.settings)))

    def start(self, wait=True):
        """Boots the machine, or starts the service again in the one that runs."""
        if self.process is None:
            self._lay_out()
            self.tool("start", str(self.files))
        else:
            self.systemctl("start")
        self.process = Service(self)
        if wait:
            self.wait_ready()
        return self

    def _lay_out(self):
        program = self.files / "usr" / "sbin" / "provd"
        program.parent.mkdir(parents=True)
        shutil.copy(self.program, program)
        for name, source in self._etc.items():
            copy = shutil.copytree if pathlib.Path(source).is_dir() else shutil.copy
            copy(source, self.files / "etc" / "provd" / name)
        store = self.files / "etc" / "credstore"
        store.mkdir()
        for setting, secret in self._credentials.items():
            (store / setting).write_text(secret, encoding="utf-8")
        if self._drop_in:
            folder = self.files / "etc" / "systemd" / "system" / "provd.service.d"
            folder.mkdir(parents=True)
            (folder / "override.conf").write_text(self._drop_in, encoding="utf-8")

    def stop(self, limit_s=COMMAND_LIMIT_S):
        """Stops the service and ends the machine; the log stays to be read."""
        if self.process is None:
            return None
        if self.is_running():
            self.systemctl("stop")
        code = int(self.show("ExecMainStatus"))
        self.log_file.write_text(self.tool("log"), encoding="utf-8")
        self.journal = self.tool("run", "journalctl", "--no-pager", "--quiet", "--output", "export")
        self.tool("stop")
        self.process = None
        return code

    def ask_to_stop(self):
        if self.process is not None:
            self.systemctl("stop", "--no-block")

    def reload(self):
        self.systemctl("reload")

    def log_text(self):
        return super().log_text() if self.process is None else self.tool("log")

    # --- the service manager ------------------------------------------------------------------------------------------

    def systemctl(self, verb, *options):
        return self.tool("run", "systemctl", *options, verb, "provd.service")

    def show(self, name):
        """A property of the service, as text."""
        return self.tool("run", "systemctl", "show", "--property", name, "--value", "provd.service").strip()

    def tool(self, *arguments, stdin=""):
        done = subprocess.run(
            [TOOL, *arguments], env={**os.environ, "UNIT_DIR": str(self.folder / "unit")}, input=stdin,
            capture_output=True, text=True, timeout=COMMAND_LIMIT_S, check=False,
        )  # fmt: skip
        if done.returncode == NOT_HERE:
            pytest.skip(f"no systemd in namespaces on this machine: {done.stderr}")
        assert done.returncode == 0, f"tools/unit {' '.join(arguments)}:\n{done.stdout}\n{done.stderr}"
        return done.stdout
