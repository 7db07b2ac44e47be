"""check: with everything there, and with each thing taken away in turn."""
import pytest

from support.secrets import check_noted, plant

UNAVAILABLE = 69


@pytest.fixture
def whole(provctl, stack, database):
    """provctl with all that a worker needs, as the worker's role."""
    return provctl.having(database__url=database.url_as("provd"), registry__url=stack.registry_url)


def findings(ran):
    return {row["what"]: row for row in ran.json}


def verdicts(ran):
    return {row["verdict"] for row in ran.json}


def test_all_is_well_when_all_is_there(whole):
    whole("schema", "register")
    ran = whole("check", "-o", "json")
    assert "failed" not in verdicts(ran)
    assert findings(ran)["database role"]["found"] == "provd has provd_writer"
    # One broker has no copies: said, and no failure.
    assert {row["what"].split()[0] for row in ran.json if row["verdict"] == "warning"} <= {"topic", "durability"}


def test_a_missing_setting_is_a_finding(offline):
    ran = offline("check", "-o", "json", code=UNAVAILABLE)
    assert findings(ran)["kafka"]["advice"] == "set kafka.brokers"
    assert findings(ran)["postgresql"]["advice"] == "set database.url"


def test_missing_topics_are_named_with_the_command_that_makes_them(whole):
    ran = whole.having(kafka__topics__changes="not-there")("check", "-o", "json", code=UNAVAILABLE)
    row = findings(ran)["topic not-there"]
    assert row["verdict"] == "failed" and "provctl topics ensure" in row["advice"]


def test_unregistered_schemas_are_named_with_the_command_that_registers_them(whole, topics):
    row = findings(whole("check", "-o", "json", code=UNAVAILABLE))[f"subject {topics.events}-value"]
    assert row["verdict"] == "failed" and "provctl schema register" in row["advice"]


def test_brokers_that_are_away(whole):
    ran = whole.having(kafka__brokers="127.0.0.1:9", kafka__request_timeout="1s")("check", "-o", "json", code=UNAVAILABLE)
    row = findings(ran)["kafka"]
    assert row["verdict"] == "failed" and "kafka.brokers" in row["advice"]
    assert findings(ran)["postgresql"]["verdict"] == "ok"  # the others are still tried


def test_a_broker_that_wants_a_login(whole, stack):
    asks = {
        "kafka__brokers": stack.env["KAFKA_SASL_BROKERS"],
        "kafka__security__protocol": "sasl_ssl",
        "kafka__security__ca_file": stack.env["STACK_CA"],
        "kafka__security__sasl__mechanism": "PLAIN",
        "kafka__security__sasl__username": stack.env["KAFKA_SASL_USERNAME"],
        "kafka__request_timeout": "5s",
    }
    right = whole.having(**asks, kafka__security__sasl__password=stack.env["KAFKA_SASL_PASSWORD"])
    assert findings(right("check", "-o", "json", code=None))["kafka"]["verdict"] == "ok"
    wrong = whole.having(**asks, kafka__security__sasl__password=plant())
    ran = wrong("check", "-o", "json", code=UNAVAILABLE)
    assert "kafka.security.sasl" in findings(ran)["kafka"]["advice"]
    check_noted()


def test_scram_that_fails_is_explained(whole, stack):
    scram = whole.having(
        kafka__brokers=stack.env["KAFKA_SASL_BROKERS"],
        kafka__security__protocol="sasl_ssl",
        kafka__security__ca_file=stack.env["STACK_CA"],
        kafka__security__sasl__mechanism="SCRAM-SHA-256",
        kafka__security__sasl__username="provd",
        kafka__security__sasl__password="x",
        kafka__request_timeout="5s",
    )
    advice = findings(scram("check", "-o", "json", code=UNAVAILABLE))["kafka"]["advice"]
    assert "4895" in advice and "PLAIN" in advice


def test_a_database_that_is_away_or_refuses(whole, database):
    away = whole.having(database__url="postgresql://provd@127.0.0.1:9/mail", database__connect_timeout="1s")
    assert findings(away("check", "-o", "json", code=UNAVAILABLE))["postgresql"]["verdict"] == "failed"
    nobody = whole.having(database__url=database.url_as("no_such_user"))
    assert "check the user" in findings(nobody("check", "-o", "json", code=UNAVAILABLE))["postgresql"]["advice"]


def test_a_database_without_migrations(whole, stack):
    ran = whole.having(database__url=stack.database_url)("check", "-o", "json", code=UNAVAILABLE)
    assert "migrations" in findings(ran)["database schema"]["advice"]
    assert stack.database_url not in ran.out + ran.err


def test_a_missing_month_is_a_warning(whole, database):
    name = database.value("SELECT max(relname) FROM pg_class WHERE relname ~ '^event_ledger_[0-9]{4}_[0-9]{2}$'")
    names = database.rows("SELECT relname FROM pg_class WHERE relname ~ '^event_ledger_[0-9]{4}_[0-9]{2}$' ORDER BY 1")
    this_month = names[0][0]
    database.rows(f"ALTER TABLE provd.event_ledger DETACH PARTITION provd.{this_month}")
    database.rows(f"ALTER TABLE provd.{this_month} RENAME TO detached")
    try:
        row = findings(whole("check", "-o", "json", code=None))["partitions"]
        assert row["verdict"] == "warning" and this_month in row["found"] and "make_partitions" in row["advice"]
    finally:
        database.rows("DROP TABLE provd.detached")
        database.rows("SELECT provd.make_partitions(1)")
    assert name and findings(whole("check", "-o", "json", code=None))["partitions"]["verdict"] == "ok"


def test_keys_that_others_can_read(whole, tmp_path):
    whole("keygen", "k", "-d", tmp_path)
    with_keys = whole.having(secrets__keys_directory=tmp_path)
    assert findings(with_keys("check", "-o", "json", code=None))["keys"]["verdict"] == "ok"
    (tmp_path / "k.key").chmod(0o644)
    row = findings(with_keys("check", "-o", "json", code=UNAVAILABLE))["keys"]
    assert row["verdict"] == "failed" and "k.key" in row["found"]
