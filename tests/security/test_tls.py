"""Certificates that must not be trusted, for each of the three servers, met by provd and by `provctl check`: the
connection is not made, and the message says what is wrong and what to do."""
import contextlib
import dataclasses

import pytest

from support.avro_schema import SCHEMAS
from support.certificates import Authority, TlsServer
from support.provctl import Provctl
from support.provd import Worker
from support.waiting import wait_until

UNAVAILABLE = 69
SERVERS = ("kafka", "database", "registry")
FAULTS = ("expired", "wrong host", "unknown authority")
CHECK_ROW = {"kafka": "kafka", "database": "postgresql", "registry": "subject"}  # the first word of the finding's name
CA_SETTING = {"kafka": "kafka.security.ca_file", "database": "sslrootcert", "registry": "registry.ca_file"}

# What a message must say of the fault, and what of the way out.
TELLS = {
    "expired": ("has expired", "renew the certificate"),
    "wrong host": ("the certificate is for another name", "connect by the name that stands in it"),
    "unknown authority": ("signed by an authority that is not trusted", "CA_SETTING"),
}


@dataclasses.dataclass
class Certificates:
    ours: Authority
    by_fault: dict


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    folder = tmp_path_factory.mktemp("certificates")
    ours, other = Authority(folder, "ours"), Authority(folder, "other")
    by_fault = {
        None: ours.sign("good"),
        "expired": ours.sign("expired", days=-1),
        "wrong host": ours.sign("wrong", host="elsewhere.example"),
        "unknown authority": other.sign("good"),
    }
    return Certificates(ours, by_fault)


@pytest.fixture
def settings(stack, database, certificates):
    """settings(server, fault): of a worker whose one server shows a bad certificate, the others being real."""
    with contextlib.ExitStack() as closing:

        def make(server, fault):
            bad = TlsServer(certificates.by_fault[fault], starts_plain=server == "database")
            closing.callback(bad.close)
            made = {
                "kafka.brokers": stack.brokers,
                "database.url": database.url_as("provd"),
                "schemas.directory": str(SCHEMAS / "history" / "ProvisioningEvent"),
                "kafka.request_timeout": "1s",
            }
            return bad, {**made, **pointed_at(server, bad.address, certificates.ours.certificate)}

        yield make


def pointed_at(server, address, ca):
    if server == "kafka":
        return {"kafka.brokers": address, "kafka.security.protocol": "ssl", "kafka.security.ca_file": str(ca)}
    if server == "registry":
        return {"registry.url": f"https://{address}", "registry.ca_file": str(ca), "schemas.directory": ""}
    return {"database.url": f"postgresql://provd@{address}/mail?sslmode=verify-full&sslrootcert={ca}"}


def must_tell(text, server, fault, address):
    what, way_out = TELLS[fault]
    way_out = CA_SETTING[server] if way_out == "CA_SETTING" else way_out
    assert what in text, text
    assert way_out in text, text
    assert address.rpartition(":")[2] in text or address.partition(":")[0] in text, f"which server is it? {text}"


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("server", SERVERS)
def test_check_says_what_is_wrong_with_a_certificate(settings, server, fault):
    bad, made = settings(server, fault)
    ran = Provctl(made)("check", "-o", "json", code=UNAVAILABLE)
    (row,) = [row for row in ran.json if row["what"].split()[0] == CHECK_ROW[server]]
    assert row["verdict"] == "failed"
    must_tell(f"{row['found']}; {row['advice']}", server, fault, bad.address)
    assert bad.entered == 0, "nothing was said to a server that cannot be trusted"


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("server", SERVERS)
def test_provd_says_what_is_wrong_with_a_certificate(settings, server, fault):
    bad, made = settings(server, fault)
    worker = Worker(made).start(wait=False)
    try:
        wait_until(lambda: TELLS[fault][0] in worker.log_text(), what="the log tells")
        must_tell(worker.log_text(), server, fault, bad.address)
        wait_until(lambda: TELLS[fault][0] in worker.get("/readyz").text, what="/readyz tells it too")
    finally:
        worker.destroy()
        worker.check_log()
    assert bad.entered == 0, "nothing was said to a server that cannot be trusted"


@pytest.mark.parametrize("server", SERVERS)
def test_a_certificate_in_order_is_trusted(settings, server):
    """The same servers with a good one: it is the certificate that the others were refused for."""
    good, made = settings(server, None)
    Provctl(made)("check", "-o", "json", code=UNAVAILABLE)
    wait_until(lambda: good.entered > 0, what="the client speaks on")
