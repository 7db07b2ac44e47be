"""The same demo with provd as provd.service in its sandbox, under a real systemd: tools/demo --unit."""
import os
import pathlib

import pytest

from support.demo import Demo, assert_proved
from support.waiting import wait_until

CANNOT_BOOT = "systemd cannot be started in namespaces here"


@pytest.fixture(scope="module")
def demo():
    demo = Demo("demo-unit-test")
    yield demo
    demo.down()


@pytest.fixture(scope="module")
def screen(demo):
    if os.geteuid() != 0:
        pytest.skip("as root only: the demo kills a lane of another user")
    done = demo.run("--unit", "--events", "800")
    log = (demo.folder / "demo.log").read_text(encoding="utf-8")
    if CANNOT_BOOT in log:
        pytest.skip(CANNOT_BOOT)
    assert done.returncode == 0, f"{done.stdout}\n{log[-4000:]}"
    return done.stdout


def test_all_of_it_is_proved_in_the_sandbox_too(screen):
    assert_proved(screen)


def test_it_was_the_sandbox(demo, screen):
    """Of its parent and both lanes, after one of these has been killed and replaced."""
    parent = (demo.folder / "provd.pid").read_text(encoding="ascii").split()[0]
    children = pathlib.Path(f"/proc/{parent}/task/{parent}/children")
    lanes = wait_until(lambda: len(found := children.read_text(encoding="ascii").split()) == 2 and found, what="two lanes")
    for pid in [parent, *lanes]:
        facts = pathlib.Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
        status = {name: value.strip() for name, _, value in (line.partition(":") for line in facts)}
        assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2")
        assert "0" not in status["Uid"].split(), "a user of its own"
