"""provd.service as it is shipped, under a real systemd (tools/unit): its work is done and its sandbox holds.

tests/demo/test_demo_unit.py shows the whole demo in there.
"""
import functools
import pathlib
import re
import uuid

import pytest

from support.avro_schema import versions
from support.events import confluent, event_record, make_event
from support.registry import Registry
from support.sealing import KeyPair, argon2_matches
from support.stack import ROOT
from support.unit import UnitWorker
from support.waiting import wait_until

UNIT = ROOT / "deploy" / "systemd" / "provd.service"
KEY_ID = "k1"
WATCHDOG = "[Service]\nWatchdogSec=6\n"
RESTART_LIMIT_S = 60


@pytest.fixture(scope="module")
def key():
    return KeyPair()


@pytest.fixture(scope="module")
def world(make_world, stack, key, tmp_path_factory):
    """TLS to all servers; passwords and addresses come as credentials, the rest lies in /etc/provd."""
    world = make_world()
    keys = tmp_path_factory.mktemp("keys")
    key.write(keys, KEY_ID)
    registry = Registry(stack.registry_url)
    for name, topic in (("ProvisioningResult", world.topics.results), ("ChangeRecord", world.topics.changes)):
        registry.register(topic + "-value", versions(name)[-1])
    world.framing = confluent(registry.register(world.topics.events + "-value", versions("ProvisioningEvent")[-1]))
    credentials = {
        "database.url": database_url(world),
        "database.password": world.secret(),
        "kafka.security.sasl.password": stack.env["KAFKA_SASL_PASSWORD"],
    }
    world.secrets.append(stack.env["KAFKA_SASL_PASSWORD"])
    make = functools.partial(
        UnitWorker, etc={"ca.pem": stack.env["STACK_CA"], "keys": keys}, credentials=credentials, drop_in=WATCHDOG
    )
    del world.settings["schemas.directory"], world.settings["database.url"]
    world.make_worker(make=make, **tls_settings(stack))
    return world.start()


def database_url(world):
    _, _, rest = world.database.url_as("provd").partition("@")
    return f"postgresql://provd@{rest.replace('127.0.0.1', 'localhost')}?sslmode=verify-full&sslrootcert=/etc/provd/ca.pem"


def tls_settings(stack):
    return {
        "kafka.brokers": stack.env["KAFKA_SASL_BROKERS"].replace("127.0.0.1", "localhost"),
        "kafka.security.protocol": "sasl_ssl",
        "kafka.security.ca_file": "/etc/provd/ca.pem",
        "kafka.security.sasl.mechanism": "PLAIN",
        "kafka.security.sasl.username": stack.env["KAFKA_SASL_USERNAME"],
        "registry.url": stack.env["SCHEMA_REGISTRY_TLS_URL"].replace("127.0.0.1", "localhost"),
        "registry.ca_file": "/etc/provd/ca.pem",
        "secrets.keys_directory": "/etc/provd/keys",
        "lanes": 2,
    }


@pytest.fixture(scope="module", autouse=True)
def contract_holds_at_the_end(world):
    yield
    world.check()


def processes(world):
    return [world.worker.process.pid, *world.worker.wait_lanes(2)]


def facts(pid, name):
    return pathlib.Path(f"/proc/{pid}/{name}").read_bytes()


def status_of(pid):
    lines = facts(pid, "status").decode().splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


# --- its work ---------------------------------------------------------------------------------------------------------


def test_events_are_applied_and_sealed_passwords_hashed(world, key):
    plain = world.secret()
    sealed = {"SealedSecret": {"key_id": KEY_ID, "ciphertext": key.seal(plain)}}
    address = world.name()
    events = [make_event("CreateAccount", {"address": address, "password": sealed})]
    events += [make_event("CreateAccount", {"address": world.name()}) for _ in range(200)]
    assert {result["status"] for result in world.ask(events)} == {"APPLIED"}
    hashed = world.database.value("SELECT password FROM provd.account WHERE address = %s", address)
    assert argon2_matches(hashed, plain)


def test_a_killed_lane_is_replaced_and_nothing_is_lost(world):
    before = world.worker.wait_lanes(2)
    sent = world.send([make_event("CreateAccount", {"address": world.name()}) for _ in range(200)])
    world.worker.kill_lane(0)
    world.worker.wait_lanes(1, not_among=before)
    assert {answer["status"] for answer in world.answers(sent)} == {"APPLIED"}


def test_systemctl_reloads_what_can_be_reloaded(world):
    world.worker.write_settings(batch__max_wait="7ms")
    world.worker.reload()
    wait_until(lambda: '"setting":"batch.max_wait"' in world.worker.log_text(), what="the reload")
    assert world.worker.show("ActiveState") == "active"


def test_a_parent_that_hangs_is_ended_by_the_watchdog_and_started_again(world):
    hung = world.worker.process.pid
    world.worker.freeze()
    wait_until(lambda: world.worker.show("NRestarts") == "1", RESTART_LIMIT_S, "systemd starts it again")
    world.worker.start()
    assert world.worker.process.pid != hung
    (result,) = world.ask([make_event("CreateAccount", {"address": world.name()})])
    assert result["status"] == "APPLIED"


# --- its sandbox ------------------------------------------------------------------------------------------------------


def test_every_process_is_confined_as_the_unit_says(world):
    for pid in processes(world):
        status = status_of(pid)
        assert status["NoNewPrivs"] == "1"
        assert status["Seccomp"] == "2", "a filter of system calls is in force"
        assert {int(status[name], 16) for name in status if name.startswith("Cap")} == {0}, "no capability at all"
        user = {int(number) for number in status["Uid"].split()}
        assert len(user) == 1 and 0 not in user, "a user of its own"
        assert status["Umask"] == "0077"
        (core,) = [line for line in facts(pid, "limits").decode().splitlines() if line.startswith("Max core file size")]
        assert core.split()[4:6] == ["0", "0"]
        for kind in ("mnt", "user"):
            assert facts_of_namespace(pid, kind) != facts_of_namespace("self", kind), f"a {kind} namespace of its own"


def facts_of_namespace(pid, kind):
    return pathlib.Path(f"/proc/{pid}/ns/{kind}").readlink()


def test_its_file_system_is_read_only_and_bare(world):
    for pid in processes(world):
        mounts = {}
        for line in facts(pid, "mountinfo").decode().splitlines():
            fields = line.split()
            mounts[fields[4]] = set(fields[5].split(","))
        assert "ro" in mounts["/"], "ProtectSystem=strict"
        assert "ro" in mounts["/root"] and not any(pathlib.Path(f"/proc/{pid}/root/root").iterdir()), "ProtectHome"
        devices = {path.name for path in pathlib.Path(f"/proc/{pid}/root/dev").iterdir()}
        assert not devices & {"vda", "sda", "mem", "kmsg"}, "PrivateDevices"


def test_systemd_took_every_directive_of_the_unit(world):
    """What it does not know it only warns of."""
    log = world.worker.tool("run", "journalctl", "--no-pager", "--quiet", "--output", "cat", "_PID=1")
    assert not re.search("Unknown (key|section)|Failed to parse|ignoring", log), log


def test_what_it_was_given_in_secret_is_seen_nowhere(world):
    planted = [secret.encode() for secret in world.secrets]
    shown = [facts(pid, name) for pid in processes(world) for name in ("environ", "cmdline")]
    shown.append(world.worker.tool("run", "systemctl", "show", "provd.service").encode())
    shown.append(world.worker.tool("run", "journalctl", "--no-pager", "--output", "export").encode())
    everything = b"\0".join(shown)
    assert b"CREDENTIALS_DIRECTORY" in everything and b"provd started" in everything, "it is what it seems to be"
    assert not [secret for secret in planted if secret in everything]


# --- settings that are wrong ------------------------------------------------------------------------------------------


def test_wrong_settings_are_not_tried_again_and_again():
    worker = UnitWorker({"kafka.brokers": "127.0.0.1:1", "kafka.brokerz": uuid.uuid4().hex})
    try:
        with pytest.raises(AssertionError, match="kafka.brokers"):
            worker.start(wait=False)
        assert worker.show("ActiveState") == "failed"
        assert (worker.show("ExecMainStatus"), worker.show("NRestarts")) == ("78", "0")
    finally:
        worker.tool("stop")
