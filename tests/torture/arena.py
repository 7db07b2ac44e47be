"""What is tortured: a stack of its own, a world on it, workers on several "machines", proxies on all lines."""
import contextlib
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile

import psycopg2

from support.events import confluent
from support.lines import Lines
from support.registry import Registry, register_all
from support.sealing import KeyPair
from support.stack import ROOT, Stack
from support.world import World

STACK_DIRECTORY = pathlib.Path(os.environ.get("PROVD_TORTURE_STACK", ROOT / "build" / "stack-torture"))
KEY_ID = "2026-11"
PARTITIONS = 6
LANES = (2, 1, 1)  # of each machine; the last one is there only now and then
DISK_MB = 384
FILL_BYTES = 1024 * 1024
LEAVE_LIMIT_S = 40
# So that a fault hits many batches, and is noticed soon.
SETTINGS = {
    "batch.max_events": 12,  # full ones, so that transactions are opened ahead
    "database.statement_timeout": "4s",
    "database.commit_timeout": "4s",
    "database.connect_timeout": "4s",
    "schemas.bare": "",
}


class Disk:
    """A small file system for the tables, which can be filled up. Only root can make one: without it, is_there is
    false."""

    def __init__(self, folder):
        self.folder = folder
        self.is_there = False

    def mount(self, owner):
        self.folder.mkdir(parents=True, exist_ok=True)
        made = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m,mode=0700", "tmpfs", self.folder],
            stderr=subprocess.DEVNULL, check=False,
        )  # fmt: skip
        self.is_there = made.returncode == 0
        if self.is_there:
            shutil.chown(self.folder, owner.owner(), owner.group())

    def unmount(self):
        if os.path.ismount(self.folder):
            subprocess.run(["umount", "--lazy", self.folder], check=True)

    def fill(self):
        """Others write at the same time: so to the last byte, not as much as there was."""
        with contextlib.suppress(OSError), open(self.folder / "filler", "wb", buffering=0) as filler:
            while filler.write(bytes(FILL_BYTES)):
                pass

    def free(self):
        (self.folder / "filler").unlink(missing_ok=True)


def disk_folder():
    """Beside the data of PostgreSQL, wherever its user can go."""
    data = (STACK_DIRECTORY / "postgresql").resolve()
    return data.with_name(data.name + "-small-disk")


class Arena:
    def __init__(self, say):
        self.say = say
        self._closing = contextlib.ExitStack()
        self.stack = Stack(STACK_DIRECTORY)
        self._remove_remains()
        self._closing.callback(self.stack.down, wipe=True)
        self._up()
        self.key, self.requester = KeyPair(), KeyPair()
        self.world = self._make_world()
        self.disk = self._make_disk()
        self.lines = Lines(self.world)
        self._closing.callback(self.lines.close)
        self._closing.callback(self._stop_machines)
        self.machines = [self.world.make_worker(lanes=lanes) for lanes in LANES]

    def _remove_remains(self):
        """Of a run that was killed, or kept."""
        self.stack.down()
        Disk(disk_folder()).unmount()
        self.stack.down(wipe=True)

    def _up(self):
        """Twice: on a machine that is busy with other things a server may take longer than the stack waits."""
        try:
            self.stack.up()
        except AssertionError as error:
            self.say(f"the stack takes its time: {str(error).splitlines()[-1]}")
            self.stack.up()

    def start_server(self, server):
        try:
            self.stack.start(server)
        except AssertionError:
            self._up()

    def _make_world(self):
        keys = pathlib.Path(self._closing.enter_context(tempfile.TemporaryDirectory(prefix="provd-keys-")))
        self.key.write(keys, KEY_ID)
        settings = {**SETTINGS, "registry.url": self.stack.registry_url, "secrets.keys_directory": str(keys)}
        world = World(self.stack, PARTITIONS, settings=settings, label="torture")
        self._closing.callback(world.close)
        ids = register_all(Registry(self.stack.registry_url), world.topics)
        world.framing = confluent(ids["ProvisioningEvent"][-1])
        return world

    def _make_disk(self):
        """The world's tables on a small disk, if it can be made."""
        disk = Disk(disk_folder())
        disk.mount(owner=(STACK_DIRECTORY / "postgresql").resolve())
        # The database of the world goes first, it is closed before this.
        self._closing.callback(disk.unmount)
        if not disk.is_there:
            self.say("no small disk (that needs root): the disk will not be full")
            return disk
        with contextlib.closing(psycopg2.connect(self.stack.database_url)) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute("CREATE TABLESPACE small LOCATION %s", (str(disk.folder),))
                cursor.execute(f'ALTER DATABASE "{self.world.database.name}" SET TABLESPACE small')
        return disk

    def start(self):
        """All but the last machine."""
        for machine in self.machines[:-1]:
            machine.start(wait=False)
        for machine in self.machines[:-1]:
            machine.wait_ready()
        self.world.found("acme", "example.org")

    def heal(self):
        """The end of all faults, but for what nobody has broken: processes that we have stopped go on or start again."""
        self.lines.clear()
        self.disk.free()
        for machine in self.machines:
            machine.set_failpoints("")
            if machine.process is not None and machine.process.poll() is None:
                machine.thaw()

    def _stop_machines(self):
        """While the lines are there: saying good-bye to a proxy that is gone takes its time."""
        self.heal()
        for machine in self.machines:
            machine.ask_to_stop()
        for machine in self.machines:
            machine.stop(LEAVE_LIMIT_S)

    def signal_postgresql(self, number):
        pid = int((STACK_DIRECTORY / "postgresql.pid").read_text(encoding="ascii").split()[0])
        os.kill(pid, number)

    def stop_postgresql_immediately(self):
        self.signal_postgresql(signal.SIGQUIT)

    def keep(self):
        """Nothing is removed; the processes that run go on."""
        self._closing.pop_all()

    def close(self):
        self._closing.close()
