"""TLS to Kafka (with SASL), PostgreSQL and the registry: trusted, and refused when it cannot be trusted."""
import subprocess

import pytest

from support.events import bare, event_record, make_event
from support.registry import Registry
from support.waiting import wait_until
from support.avro_schema import SCHEMAS, versions

UNTRUSTED = ("kafka", "database", "registry")


@pytest.fixture(scope="module")
def other_ca(tmp_path_factory):
    """The certificate of an authority that has signed nothing of ours."""
    folder = tmp_path_factory.mktemp("ca")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=somebody else",
         "-keyout", folder / "key.pem", "-out", folder / "ca.pem"],
        check=True, capture_output=True,
    )  # fmt: skip
    return folder / "ca.pem"


def tls_settings(world, kafka_ca, database_ca, registry_ca):
    env = world.stack.env
    user, _, rest = world.database.url_as("provd").partition("@")
    return {
        "kafka.brokers": env["KAFKA_SASL_BROKERS"],
        "kafka.security.protocol": "sasl_ssl",
        "kafka.security.ca_file": str(kafka_ca),
        "kafka.security.sasl.mechanism": "PLAIN",
        "kafka.security.sasl.username": env["KAFKA_SASL_USERNAME"],
        "kafka.security.sasl.password": env["KAFKA_SASL_PASSWORD"],
        "database.url": f"{user}@{rest}?sslmode=verify-full&sslrootcert={database_ca}",
        "registry.url": env["SCHEMA_REGISTRY_TLS_URL"],
        "registry.ca_file": str(registry_ca),
        "schemas.bare": str(SCHEMAS / "ProvisioningEvent.avsc"),
    }


def prepare(world):
    """Registers what results and change records are framed with."""
    registry = Registry(world.stack.registry_url)
    for name, topic in (("ProvisioningResult", world.topics.results), ("ChangeRecord", world.topics.changes)):
        registry.register(topic + "-value", versions(name)[-1])
    world.secrets.append(world.stack.env["KAFKA_SASL_PASSWORD"])
    return world


def test_all_three_connections_are_encrypted_and_checked(make_world, stack):
    world = prepare(make_world())
    ca = stack.env["STACK_CA"]
    world.make_worker(**tls_settings(world, ca, ca, ca))
    world.start()
    encrypted = world.database.value(
        "SELECT bool_and(ssl) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE usename = 'provd' AND datname = %s",
        world.database.name,
    )
    assert encrypted
    event = make_event("CreateAccount", {"address": world.name()})
    one, other = world.ask([event_record(event), event_record(event, bare)])
    assert (one["status"], other["status"]) == ("APPLIED", "DUPLICATE"), "bare records are read as configured"
    world.check()


@pytest.mark.parametrize("untrusted", UNTRUSTED)
def test_a_certificate_of_somebody_else_is_refused(make_world, stack, other_ca, untrusted):
    world = prepare(make_world())
    authorities = [other_ca if server == untrusted else stack.env["STACK_CA"] for server in UNTRUSTED]
    world.send([make_event("CreateContext", {"name": "acme"}, context="acme")])
    worker = world.make_worker(**tls_settings(world, *authorities))
    worker.may_end_with = 78
    worker.start(wait=False)
    wait_until(lambda: "certificate" in worker.log_text().lower(), what="the log names the certificate")
    assert world.database.value("SELECT count(*) FROM provd.context") == 0
