"""The older of the two tested versions of Kafka, in short: traffic with lanes that die and leave, TLS with SCRAM, which
this librdkafka can do with Kafka 3 only. `tools/test --kafka 3.9.1` runs all of flow and fault on it."""
import pytest

from support.events import make_event
from support.provctl import Provctl
from support.stack import ROOT, Stack
from support.traffic import Traffic
from support.waiting import wait_until

OLD = "3.9.1"
RECORDS = 200


@pytest.fixture(scope="module")
def stack():
    """In place of the shared one."""
    own = Stack(ROOT / "build" / "stack-old-broker", kafka=OLD)
    try:
        yield own.up()
    finally:
        own.down(wipe=True)


def test_it_is_the_old_one(stack):
    assert stack.env["KAFKA_VERSION"] == OLD


def test_lanes_that_die_and_leave_lose_and_double_nothing(make_world):
    world = make_world(settings={"lanes": 2, "batch.max_events": 30}).start()
    traffic = Traffic(world, 3)
    world.send(traffic.records(RECORDS))
    world.worker.set_failpoints("after_commit=kill:*")
    world.send(traffic.records(RECORDS))
    wait_until(lambda: world.worker.metric("provd_lane_restarts_total") >= 1, what="a lane dies at its fail point")
    world.worker.set_failpoints("")
    other = world.make_worker(lanes=1)
    other.start()
    world.send(traffic.records(RECORDS))
    assert other.stop() == 0
    world.check()


def test_scram_over_tls(make_world, stack):
    world = make_world(partitions=1)
    world.secrets.append(stack.env["KAFKA_SASL_PASSWORD"])
    login = {
        "kafka.brokers": stack.env["KAFKA_SASL_BROKERS"],
        "kafka.security.protocol": "sasl_ssl",
        "kafka.security.ca_file": stack.env["STACK_CA"],
        "kafka.security.sasl.mechanism": "SCRAM-SHA-512",
        "kafka.security.sasl.username": stack.env["KAFKA_SASL_USERNAME"],
        "kafka.security.sasl.password": stack.env["KAFKA_SASL_PASSWORD"],
    }
    found = Provctl({**login, "database.url": world.database.url_as("provd")})("check", "-o", "json", code=None).json
    assert [row["verdict"] for row in found if row["what"] == "kafka"] == ["ok"]
    world.make_worker(**login)
    world.start()
    (result,) = world.ask([make_event("CreateAccount", {"address": world.name()})])
    assert result["status"] == "APPLIED"
    world.check()
