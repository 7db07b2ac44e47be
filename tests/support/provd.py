"""The worker as a process: started with settings of the test's own, asked, hurt, and stopped.

Its log goes to a file. When it is stopped, the log is searched for reports of the sanitizers and of failed asserts, for
lanes that crashed, and for the secrets that the test has planted.
"""
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import tempfile

import requests

from support.stack import ROOT
from support.waiting import wait_until

STOP_LIMIT_S = 60.0
READY_LIMIT_S = 90.0
ASK_LIMIT_S = 15.0

# Small figures where the defaults are made for production: tests wait for these.
TEST_SETTINGS = {
    "kafka.session_timeout": "6s",
    "kafka.transaction_timeout": "5s",
    "hashing.memory": "8MiB",
    "hashing.passes": 1,
    "retry.backoff": "50ms",
    "retry.backoff_max": "1s",
    "registry.not_found_after": "1s",
    "log.format": "json",
    "log.level": "info",
}
# As ctest sets them (see cmake/Tests.cmake); harmless without sanitizers.
SANITIZER_OPTIONS = {
    "ASAN_OPTIONS": "detect_leaks=1:strict_string_checks=1:detect_stack_use_after_return=0",
    "LSAN_OPTIONS": f"suppressions={ROOT / 'cmake' / 'lsan.supp'}:print_suppressions=0",
    "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1",
}
REPORTS = re.compile(
    r"AddressSanitizer|LeakSanitizer|UndefinedBehaviorSanitizer|runtime error:|Assertion .* failed|stack smashing"
)
# Nobody sends these: a process that ends with one has a defect, also when it is started again and all comes right.
CRASHES = (signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGILL, signal.SIGFPE)
CRASHED_LANE = re.compile(r".*lane died.*\bsignal (" + "|".join(str(int(number)) for number in CRASHES) + "),.*")


def binary():
    """The program under test: PROVD_BINARY or what ctest says, else the newest that was built."""
    told = os.environ.get("PROVD_BINARY") or os.environ.get("PROVD_TEST_WORKER")
    if told:
        return pathlib.Path(told)
    built = sorted(ROOT.glob("build/*/provd"), key=lambda path: path.stat().st_mtime)
    assert built, "no build/*/provd: build it, or set PROVD_BINARY"
    return built[-1]


def reserve_port():
    """A socket with a port of its own. While it is open nobody else is given that port, also while the worker that listens
    there is stopped: for it needs no more than SO_REUSEADDR, and whoever asks for any free port does not get one that is bound.
    """
    reserved = socket.socket()
    reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    reserved.bind(("127.0.0.1", 0))
    return reserved


def nested(settings):
    """{"a.b": 1} as {"a": {"b": 1}}. The parts of Kafka's own names stay together."""
    tree = {}
    for path, value in settings.items():
        if path.startswith(("kafka.client.", "kafka.consumer.", "kafka.producer.")):
            first, second, rest = path.split(".", 2)
            tree.setdefault(first, {}).setdefault(second, {})[rest] = value
            continue
        *parents, leaf = path.split(".")
        node = tree
        for parent in parents:
            node = node.setdefault(parent, {})
        node[leaf] = value
    return tree


# Of our own environment: its settings, and what `tools/stack env` says, passwords among it.
NOT_THE_WORKERS = ("PROVD_", "KAFKA_", "DATABASE_", "SCHEMA_REGISTRY_")


class Worker:
    """One provd with its lanes. `settings` are dotted paths; `environment` comes on top of our own."""

    def __init__(self, settings, environment=None, program=None):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="provd-test-"))
        self.config_file = self.folder / "provd.yaml"
        self.log_file = self.folder / "provd.log"
        self.failpoint_file = self.folder / "failpoints"
        self._port = reserve_port()  # ends with us
        self.port = self._port.getsockname()[1]
        self.settings = {**TEST_SETTINGS, "http.port": self.port, **settings}
        self.program = program or binary()
        self.process = None
        self.may_end_with = -signal.SIGKILL  # besides 0
        self._ends = []  # how parents ended that were started again
        self._environment = {
            **SANITIZER_OPTIONS,
            **{name: value for name, value in os.environ.items() if not name.startswith(NOT_THE_WORKERS)},
            "PROVD_FAILPOINT_FILE": str(self.failpoint_file),
            **(environment or {}),
        }
        self.write_settings()

    # --- life ---------------------------------------------------------------------------------------------------------

    def write_settings(self, **changed):
        """Writes the settings file (JSON is YAML); a running worker reads it at `reload`. Names with __ for dots."""
        self.settings.update({path.replace("__", "."): value for path, value in changed.items()})
        self.config_file.write_text(json.dumps(nested(self.settings), indent=1), encoding="utf-8")

    def start(self, wait=True):
        if self.process is not None:
            self._ends.append(self.process.poll())
        with open(self.log_file, "ab") as log:
            self.process = subprocess.Popen(
                [self.program, "--config", self.config_file],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self._environment, start_new_session=True,
            )  # fmt: skip
        if wait:
            self.wait_ready()
        return self

    def wait_ready(self, deadline_s=READY_LIMIT_S):
        def ready():
            assert self.process.poll() is None, f"provd ended with {self.process.returncode}:\n{self.log_tail()}"
            return self.get("/readyz").status_code == requests.codes.ok

        try:
            wait_until(ready, deadline_s, "provd is ready")
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.log_tail()}") from error

    def stop(self, limit_s=STOP_LIMIT_S):
        """SIGTERM; returns the exit code. A worker that is not running is fine."""
        if self.is_running():
            self.ask_to_stop()
            try:
                self.process.wait(limit_s)
            except subprocess.TimeoutExpired:
                self.destroy()
                raise AssertionError(f"provd did not stop within {limit_s:g} s:\n{self.log_tail()}") from None
        return self.process.returncode if self.process else None

    def ask_to_stop(self):
        if self.is_running():
            self.process.send_signal(signal.SIGTERM)

    def destroy(self):
        """SIGKILL for the parent and its lanes."""
        if self.is_running():
            for pid in [*self.lane_pids(), self.process.pid]:
                _signal(pid, signal.SIGKILL)
            self.process.wait(STOP_LIMIT_S)

    def reload(self):
        self.process.send_signal(signal.SIGHUP)

    def is_running(self):
        return self.process is not None and self.process.poll() is None

    # --- harm ---------------------------------------------------------------------------------------------------------

    def lane_pids(self):
        """Process ids of the lanes that run now."""
        if self.process is None:
            return []
        children = pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        try:
            return [int(pid) for pid in children.read_text(encoding="ascii").split()]
        except (FileNotFoundError, ProcessLookupError):
            return []

    def wait_lanes(self, count=1, not_among=()):
        """Waits for `count` lanes whose process ids are not among those given."""

        def there():
            return [pid for pid in self.lane_pids() if pid not in not_among][:count]

        return wait_until(lambda: len(there()) == count and there(), what=f"{count} new lanes")

    def kill_lane(self, index=0):
        pid = self.wait_lanes(index + 1)[index]
        _signal(pid, signal.SIGKILL)
        return pid

    def kill_parent(self):
        """SIGKILL for the parent alone; its lanes are to follow by themselves. Returns their process ids."""
        lanes = self.lane_pids()
        self.process.kill()
        self.process.wait(STOP_LIMIT_S)
        return lanes

    def freeze(self):
        """SIGSTOP for all processes, as when the machine is paused."""
        for pid in [self.process.pid, *self.lane_pids()]:
            _signal(pid, signal.SIGSTOP)

    def thaw(self):
        for pid in [*self.lane_pids(), self.process.pid]:
            _signal(pid, signal.SIGCONT)

    def set_failpoints(self, text):
        """For all lanes, from their next fail point on, e.g. "after_commit=kill"."""
        fresh = self.failpoint_file.with_suffix(".new")
        fresh.write_text(text, encoding="ascii")
        fresh.replace(self.failpoint_file)

    def failpoint_hits(self):
        """How often one of them has made a lane die, stop or sleep."""
        told = self.failpoint_file.with_suffix(".acted")
        return len(told.read_text(encoding="ascii").splitlines()) if told.exists() else 0

    # --- questions ----------------------------------------------------------------------------------------------------

    def get(self, path):
        """The answer of the HTTP end point; no answer yet is an AssertionError, for wait_until."""
        try:
            return requests.get(f"http://127.0.0.1:{self.port}{path}", timeout=ASK_LIMIT_S)
        except requests.RequestException as error:
            raise AssertionError(f"{path}: {error}") from error

    def metrics(self):
        """{"name{labels}": value} of /metrics."""
        lines = self.get("/metrics").text.splitlines()
        return {name: float(value) for name, _, value in
                (line.rpartition(" ") for line in lines if line and line[0] != "#")}  # fmt: skip

    def metric(self, name, **labels):
        """The sum of all series of that name that carry these labels."""
        wanted = [f'{key}="{value}"' for key, value in labels.items()]
        return sum(
            value
            for series, value in self.metrics().items()
            if series.partition("{")[0] == name and all(label in series for label in wanted)
        )

    def log_text(self):
        return self.log_file.read_text(encoding="utf-8", errors="replace") if self.log_file.exists() else ""

    def log_tail(self, lines=25):
        return "\n".join(self.log_text().splitlines()[-lines:])

    def check_log(self, secrets=()):
        """A test that means its lanes to crash empties the log when they have."""
        text = self.log_text()
        report = REPORTS.search(text)
        assert report is None, f"{self.log_file}: {text[report.start():report.start() + 4000]}"
        crashed = CRASHED_LANE.search(text)
        assert crashed is None, f"a lane crashed: {crashed.group()}\nin {self.log_file}:\n{self.log_tail()}"
        ends = [*self._ends, self.process.poll()] if self.process else []
        crashes = [signal.Signals(-end).name for end in ends if end is not None and -end in CRASHES]
        assert not crashes, f"provd crashed: {', '.join(crashes)}; see {self.log_file}:\n{self.log_tail()}"
        for secret in secrets:
            assert secret not in text, f"a secret is in the log {self.log_file}"


def process_state(pid):
    """Its letter in /proc, such as T for stopped and Z for dead; None: it is gone."""
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return None


def _signal(pid, number):
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass
