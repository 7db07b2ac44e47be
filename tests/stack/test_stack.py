"""The development stack itself: what the other tests rely on when they kill its servers."""
import contextlib
import subprocess

import psycopg2
import pytest
import requests
from confluent_kafka import Producer

from support.kafka import Kafka
from support.stack import ROOT, Stack
from support.waiting import wait_until

SERVERS = ("postgresql", "kafka", "registry")
SCHEMA = '{"type": "record", "name": "Kept", "fields": [{"name": "count", "type": "int"}]}'
STATUS_NOT_RUNNING = 3


def tool(stack, *arguments):
    return subprocess.run(
        [ROOT / "tools" / "stack", *arguments],
        env=stack.process_env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        timeout=120,
        check=False,
    )


def states(stack):
    """server -> (state, pid), as status tells them."""
    lines = tool(stack, "status").stdout.splitlines()[1:]
    return {words[0]: (words[1], words[3]) for words in (line.split() for line in lines)}


def one_row(url, statement, **options):
    with contextlib.closing(psycopg2.connect(url, connect_timeout=5, **options)) as connection:
        with connection.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchone()


def test_second_up_changes_nothing(own_stack):
    before, env = states(own_stack), dict(own_stack.env)
    own_stack.up()
    assert states(own_stack) == before
    assert own_stack.env == env
    assert tool(own_stack, "status").returncode == 0


@pytest.mark.parametrize("server", SERVERS)
def test_killed_server_is_named_with_its_last_lines_and_comes_back(own_stack, server):
    own_stack.kill(server)
    status = tool(own_stack, "status")
    assert status.returncode == STATUS_NOT_RUNNING
    assert f"{server} is dead" in status.stderr
    assert f"  {server}| " in status.stderr
    own_stack.up()
    assert states(own_stack)[server][0] == "running"


def test_paused_server_hangs_and_goes_on(own_stack):
    own_stack.pause("postgresql")
    assert states(own_stack)["postgresql"][0] == "paused"
    with pytest.raises(psycopg2.OperationalError, match="timeout"):
        psycopg2.connect(own_stack.database_url, connect_timeout=2)
    own_stack.resume("postgresql")
    assert one_row(own_stack.database_url, "SELECT 1") == (1,)


def test_committed_rows_and_records_and_schema_ids_survive_a_crash(own_stack):
    kafka = Kafka(own_stack.brokers)
    topics = kafka.create_topics(partitions=1)
    kafka.produce(topics.events, [{"value": b"kept"}])
    with contextlib.closing(psycopg2.connect(own_stack.database_url)) as connection:
        with connection, connection.cursor() as cursor:
            cursor.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    schema_id = register(own_stack.registry_url)
    for server in SERVERS:
        own_stack.kill(server)
    own_stack.up()
    assert values(kafka.read(topics.events)) == [b"kept"]
    assert one_row(own_stack.database_url, "SELECT answer FROM kept") == (42,)
    assert register(own_stack.registry_url) == schema_id


def register(registry_url, **options):
    answer = requests.post(
        f"{registry_url}/subjects/kept-value/versions",
        json={"schema": SCHEMA},
        timeout=10,
        **options,
    )
    assert answer.status_code == 200, answer.text
    return answer.json()["id"]


def test_aborted_transaction_is_invisible_to_readers_of_committed_records(own_stack):
    kafka = Kafka(own_stack.brokers)
    topics = kafka.create_topics(partitions=1)
    producer = Producer({"bootstrap.servers": own_stack.brokers, "transactional.id": topics.prefix})
    producer.init_transactions(30)
    abort, commit = producer.abort_transaction, producer.commit_transaction
    for value, finish in ((b"aborted", abort), (b"committed", commit)):
        producer.begin_transaction()
        producer.produce(topics.events, value)
        producer.flush(30)
        finish(30)
    assert values(kafka.read(topics.events)) == [b"committed"]
    everything = kafka.read(topics.events, isolation="read_uncommitted")
    assert values(everything) == [b"aborted", b"committed"]


def values(messages):
    return [message.value() for message in messages]


def test_topics_are_not_created_by_writing_to_them(own_stack):
    kafka = Kafka(own_stack.brokers)
    producer = Producer({"bootstrap.servers": own_stack.brokers, "message.timeout.ms": 2000})
    failures = []
    producer.produce("never-created", b"x", on_delivery=lambda error, _: failures.append(error))
    producer.flush(10)
    assert failures and failures[0] is not None
    assert "never-created" not in kafka.admin.list_topics(timeout=10).topics


def test_all_three_answer_over_tls(own_stack):
    env = own_stack.env
    assert one_row(
        env["DATABASE_TLS_URL"], "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
    ) == (True,)
    assert register(env["SCHEMA_REGISTRY_TLS_URL"], verify=env["STACK_CA"]) > 0
    kafka = Kafka(
        env["KAFKA_SASL_BROKERS"],
        **{
            "security.protocol": "SASL_SSL",
            "sasl.mechanism": "PLAIN",
            "sasl.username": env["KAFKA_SASL_USERNAME"],
            "sasl.password": env["KAFKA_SASL_PASSWORD"],
            "ssl.ca.location": env["STACK_CA"],
            "ssl.endpoint.identification.algorithm": "https",
        },
    )
    topics = kafka.create_topics(partitions=1)
    assert kafka.produce(topics.events, [{"value": b"sealed"}]) == [(0, 0)]


def test_superuser_needs_its_password(own_stack):
    with pytest.raises(psycopg2.OperationalError, match="password authentication failed"):
        psycopg2.connect(own_stack.database_url, password="wrong")


def test_server_that_cannot_start_is_named_with_its_last_lines(own_stack):
    own_stack.stop("postgresql")
    data = (ROOT / "build" / "stack-test_stack" / "postgresql").resolve()
    control = data / "global" / "pg_control"
    kept = control.read_bytes()
    control.write_bytes(b"")
    try:
        up = tool(own_stack, "up")
        assert up.returncode != 0
        assert "postgresql: ended while starting" in up.stderr
        assert "pg_control" in up.stderr
    finally:
        control.write_bytes(kept)
        own_stack.up()


def test_older_kafka_can_be_chosen(own_stack):
    refused = tool(own_stack, "up", "--kafka", "3.9.1")
    assert refused.returncode != 0 and "runs" in refused.stderr
    own_stack.stop("kafka")
    assert tool(own_stack, "up", "--kafka", "3.9.1").returncode == 0
    kafka = Kafka(own_stack.brokers)
    topics = kafka.create_topics(partitions=2)
    kafka.produce(topics.events, [{"value": b"old", "partition": 1}])
    wait_until(
        lambda: kafka.end_offsets(topics.events) == {0: 0, 1: 1},
        what="the record on the older broker",
    )


def test_wipe_leaves_no_data_and_no_process(tmp_path):
    stack = Stack(tmp_path / "stack").up()
    pids = [pid for _, pid in states(stack).values()]
    stack.down(wipe=True)
    assert [path.name for path in (tmp_path / "stack").iterdir()] == ["lock"]
    for pid in pids:
        assert not process_runs(pid)


def process_runs(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as stat:
            return stat.read().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False
