"""events send, decode and tail on a real broker. The worker is played by a few lines of Python where a result is
needed: what the worker itself does is told elsewhere."""
import json
import threading
import time
import uuid

import pytest

from support.events import EVENT, RESULT, decode_result, event_record, make_event, single_object, unframe
from support.registry import Registry
from support.waiting import wait_until

DATA, TEMPORARY, UNAVAILABLE, CONFIG_ERROR = 65, 75, 69, 78


def result_of(event, record, status="APPLIED", **fields):
    """A result of the event that lies where the record does, as bytes."""
    ((kind, _),) = event["payload"].items()
    return single_object(
        RESULT.encode(
            {
                "result_id": str(uuid.uuid4()),
                "event_id": event["event_id"],
                "kind": kind,
                "status": status,
                "applied_at": time.time_ns() // 1000,
                "source": {"topic": record.topic(), "partition": record.partition(), "offset": record.offset()},
                **fields,
            }
        ),
        RESULT,
    )[0]


@pytest.fixture
def answering(kafka, topics):
    """answering(reply): reads events and writes what reply(event, message) gives (a list of values) until the end of
    the test. Only new events, as a worker that is up already."""
    stops = []

    def start(reply):
        stop = threading.Event()

        def work():
            seen = set()
            while not stop.is_set():
                replies = []
                for message in kafka.read(topics.events):
                    place = (message.partition(), message.offset())
                    if place not in seen:
                        seen.add(place)
                        event = EVENT.decode(unframe(message.value())[1])
                        replies += [{"key": message.key(), "value": value} for value in reply(event, message)]
                if replies:
                    kafka.produce(topics.results, replies)
                time.sleep(0.05)

        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        stops.append((stop, thread))

    yield start
    for stop, thread in stops:
        stop.set()
        thread.join(30)


def account(address="bob@example.org", **envelope):
    return make_event("CreateAccount", {"address": address}, **envelope)


# --- sending ----------------------------------------------------------------------------------------------------------


def test_what_is_sent_can_be_read_by_others(provctl, kafka, topics):
    event = account()
    (row,) = provctl("events", "send", "-o", "json", stdin=json.dumps(event)).json
    (message,) = kafka.read(topics.events)
    assert (row["partition"], row["offset"]) == (message.partition(), message.offset())
    assert row["event_id"] == event["event_id"] and message.key() == b"bob@example.org"
    sent = EVENT.decode(unframe(message.value())[1])
    assert sent["payload"]["CreateAccount"]["address"] == "bob@example.org" and sent["occurred_at"] == event["occurred_at"]


@pytest.mark.parametrize(
    "kind, payload, key",
    [
        ("CreateAccount", {"address": "Bob@EXAMPLE.org"}, b"bob@example.org"),
        ("CreateAccount", {"address": "bob@bücher.example"}, b"bob@xn--bcher-kva.example"),
        ("CreateAccount", {"address": "Not An Address"}, b"not an address"),
        ("SetPassword", {"ref": {"address": "Bob@example.org"}}, b"bob@example.org"),
        ("DeleteAccount", {"ref": {"uuid": "0197e9a0-0000-7000-8000-000000000001"}}, b"0197e9a0-0000-7000-8000-000000000001"),
        ("CreateDomain", {"domain": "Bücher.example"}, b"xn--bcher-kva.example"),
        ("SetQuota", {"scope": "DOMAIN", "domain": "Example.org", "quota": "1M"}, b"example.org"),
        ("CreateContext", {"name": "Acme"}, b"Acme"),
        ("SetGroupMembers", {"group": 1, "members": ["bob@example.org"]}, b"tenant"),
        ("DeleteSecondaryAccount", {"primary_address": "x@example.org", "all_users": True}, b"tenant"),
    ],
)
def test_key_is_that_of_the_kind(provctl, kafka, topics, kind, payload, key):
    provctl("events", "send", stdin=json.dumps(make_event(kind, payload, context="tenant")))
    (message,) = kafka.read(topics.events)
    assert message.key() == key


def test_a_key_can_be_given(provctl, kafka, topics):
    provctl("events", "send", "--key", "other", stdin=json.dumps(account()))
    (message,) = kafka.read(topics.events)
    assert message.key() == b"other"


def test_events_of_one_key_stay_in_order(provctl, kafka, topics):
    events = [account() for _ in range(500)]
    provctl("events", "send", stdin="\n".join(map(json.dumps, events)))
    read = [EVENT.decode(unframe(message.value())[1])["event_id"] for message in kafka.read(topics.events)]
    assert read == [event["event_id"] for event in events]


def test_with_a_registry_the_framing_is_confluents(stack, provctl, kafka, topics):
    with_registry = provctl.having(registry__url=stack.registry_url)
    refused = with_registry("events", "send", stdin=json.dumps(account()), code=CONFIG_ERROR)
    assert "provctl schema register" in refused.err
    schema_id = Registry(stack.registry_url).register(f"{topics.events}-value", EVENT)
    with_registry("events", "send", stdin=json.dumps(account()))
    (message,) = kafka.read(topics.events)
    assert unframe(message.value())[0] == (None, schema_id)
    place = f"{topics.events}:{message.partition()}:{message.offset()}"
    assert with_registry("events", "decode", place).json["schema"] == f"registry id {schema_id}"


def test_one_bad_event_keeps_all_from_being_sent(provctl, kafka, topics):
    ran = provctl("events", "send", stdin=json.dumps(account()) + '{"payload": {"X": {}}}', code=DATA)
    assert "nothing was sent" in ran.err and kafka.read(topics.events) == []


def test_an_event_that_is_too_large_is_refused_before_sending(provctl, kafka, topics):
    event = make_event("CreateAccount", {"address": "b@example.org", "comment": "x" * 300_000})
    assert "larger than" in provctl("events", "send", stdin=json.dumps(event), code=DATA).err
    assert kafka.read(topics.events) == []


def test_brokers_that_are_away_are_named(provctl):
    away = provctl.having(kafka__brokers="127.0.0.1:9", kafka__request_timeout="1s")
    ran = away("events", "send", "--wait=1s", stdin=json.dumps(account()), code=UNAVAILABLE)
    assert "kafka" in ran.err and ran.out == ""


# --- waiting ----------------------------------------------------------------------------------------------------------


def test_wait_prints_the_result_of_this_event(provctl, answering):
    answering(lambda event, message: [result_of(event, message, account_uuid=str(uuid.uuid4()), account_id=7)])
    event = account()
    (result,) = provctl("events", "send", "--wait=90s", "-o", "json", stdin=json.dumps(event)).json
    assert result["event_id"] == event["event_id"] and result["status"] == "APPLIED" and result["account_id"] == 7


def test_results_of_others_and_of_earlier_events_are_passed_over(provctl, answering, kafka, topics):
    event = account()
    (place,) = kafka.produce(topics.events, [event_record(event)])

    def reply(seen, message):
        if (message.partition(), message.offset()) == place:
            return []
        elsewhere = result_of(seen, message, "REJECTED", source={"topic": "other", "partition": 0, "offset": message.offset()})
        return [b"\xc3\x01garbage", elsewhere, result_of(seen, message, "DUPLICATE")]

    answering(reply)
    (result,) = provctl("events", "send", "--wait=90s", "-o", "json", stdin=json.dumps(event)).json
    assert result["status"] == "DUPLICATE" and result["source"]["topic"] == topics.events


@pytest.mark.parametrize(
    "status, code", [("APPLIED", 0), ("NO_CHANGE", 0), ("PLANNED", 0), ("REJECTED", DATA), ("EXPIRED", DATA), ("FAILED", TEMPORARY)]
)
def test_exit_code_says_what_became_of_it(provctl, answering, status, code):
    answering(lambda event, message: [result_of(event, message, status)])
    assert status in provctl("events", "send", "--wait=90s", stdin=json.dumps(account()), code=code).out


def test_a_provisional_result_is_not_the_answer(provctl, answering):
    def reply(event, message):
        parked = result_of(event, message, "PARKED", final=False, message="waits behind another event")
        return [parked, result_of(event, message, index=1)]

    answering(reply)
    ran = provctl("events", "send", "--wait=90s", "-o", "jsonl", stdin=json.dumps(account()))
    assert [result["status"] for result in ran.lines] == ["APPLIED"] and "is PARKED: waits behind" in ran.err


def test_wait_for_many_prints_each_once(provctl, answering):
    answering(lambda event, message: [result_of(event, message)] * 2)
    events = [account(f"user{i}@example.org") for i in range(200)]
    ran = provctl("events", "send", "--wait=60s", "-o", "jsonl", stdin="\n".join(map(json.dumps, events)))
    assert sorted(line["event_id"] for line in ran.lines) == sorted(event["event_id"] for event in events)


def test_without_a_result_it_says_so_and_what_to_look_at(provctl):
    started = time.monotonic()
    ran = provctl("events", "send", "--wait=1s", stdin=json.dumps(account()), code=TEMPORARY)
    assert "no result of 1 of 1 events within 1 s" in ran.err and "provctl ledger show" in ran.err
    assert time.monotonic() - started >= 1


# --- reading ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def some_results(kafka, topics):
    """Three results in the topic; the events."""
    events = [account(f"user{i}@example.org") for i in range(3)]
    kafka.produce(topics.events, [event_record(event) for event in events])
    statuses = {event["event_id"]: status for event, status in zip(events, ["APPLIED", "REJECTED", "APPLIED"])}
    for message in kafka.read(topics.events):
        event = EVENT.decode(unframe(message.value())[1])
        status = statuses[event["event_id"]]
        code = "NO_SUCH_DOMAIN" if status == "REJECTED" else None
        kafka.produce(topics.results, [{"key": message.key(), "value": result_of(event, message, status, code=code)}])
    return events


def test_tail_from_the_start_ends_at_the_end(provctl, some_results):
    lines = provctl("events", "tail", "--from", "start").lines
    assert sorted(line["event_id"] for line in lines) == sorted(event["event_id"] for event in some_results)
    assert {line["value"]["status"] for line in lines} == {"APPLIED", "REJECTED"}
    assert {line["key"] for line in lines} == {f"user{i}@example.org" for i in range(3)}


@pytest.mark.parametrize(
    "filters, expected",
    [
        (["--status", "REJECTED"], [1]),
        (["--code", "no_such_domain"], [1]),
        (["--key", "user2@example.org"], [2]),
        (["--kind", "CreateAccount"], [0, 1, 2]),
        (["--kind", "DeleteAccount"], []),
        (["--from", "1h", "--status", "APPLIED"], [0, 2]),
        (["--from", "2020-01-01T00:00:00Z"], [0, 1, 2]),
        (["--from", "2999-01-01T00:00:00Z"], []),
    ],
)
def test_tail_filters(provctl, some_results, filters, expected):
    lines = provctl("events", "tail", *([] if "--from" in filters else ["--from", "start"]), *filters).lines
    assert {line["event_id"] for line in lines} == {some_results[i]["event_id"] for i in expected}


def test_tail_filters_by_event_and_stops_at_a_count(provctl, some_results):
    (line,) = provctl("events", "tail", "--from", "start", "--event-id", some_results[1]["event_id"]).lines
    assert line["code"] == "NO_SUCH_DOMAIN"
    assert len(provctl("events", "tail", "--from", "start", "--count", 2).lines) == 2


def test_tail_follows_what_comes_and_stops_by_a_signal(provctl, kafka, topics):
    tail = provctl.start("events", "tail", "events", "-o", "jsonl")
    try:
        lines = []
        threading.Thread(target=lambda: lines.extend(iter(tail.stdout.readline, "")), daemon=True).start()

        def sees_one():  # it begins at the end, and nobody says when it is there
            kafka.produce(topics.events, [event_record(account())])
            return lines

        wait_until(sees_one)
    finally:
        tail.terminate()
    assert tail.wait(20) == 0 and json.loads(lines[0])["kind"] == "CreateAccount"


def test_tail_as_a_table_is_for_people(provctl, some_results):
    head, *rows = provctl("events", "tail", "--from", "start", "-o", "table").out.splitlines()
    assert head.split() == ["timestamp", "partition", "offset", "key", "kind", "status", "code", "event_id", "message"]
    assert len(rows) == len(some_results)


def test_tail_shows_dead_letters_with_their_reason(provctl, kafka, topics):
    headers = [
        ("x-provd-stage", b"DECODE"),
        ("x-provd-error-code", b"TRUNCATED"),
        ("__connect.errors.exception.message", b"the value ends in the middle of payload"),
        ("binary", b"\xff\x00"),
    ]
    kafka.produce(topics.dlq, [{"key": b"\xffkey", "value": b"\xc3\x01 no event", "headers": headers}])
    (line,) = provctl("events", "tail", "dlq", "--from", "start").lines
    assert (line["status"], line["code"]) == ("DECODE", "TRUNCATED") and "ends in the middle" in line["message"]
    assert line["error"] and line["key"] == {"base64": "/2tleQ=="} and line["headers"]["binary"] == {"base64": "/wA="}


def test_what_a_sender_writes_cannot_reach_the_terminal(provctl, kafka, topics):
    event = account("\x1b[31mred@example.org")
    kafka.produce(topics.events, [event_record(event, key="\x1b]0;title\x07")])
    shown = provctl("events", "tail", "events", "--from", "start", "-o", "table").out
    assert "\x1b" not in shown and "\\x1b]0;title\\x07" in shown


def test_a_record_is_decoded_by_its_place(provctl, kafka, topics, some_results):
    message = kafka.read(topics.results)[0]
    place = f"{topics.results}:{message.partition()}:{message.offset()}"
    shown = provctl("events", "decode", "--as", "result", place).json
    assert shown["value"]["result_id"] == decode_result(message.value())["result_id"]
    assert shown["key"] == message.key().decode()


@pytest.mark.parametrize(
    "place, said", [("{0}:0:12345", "no record at"), ("{0}:99:0", "partitions 0 to 2"), ("nowhere-at-all:0:0", "no topic nowhere-at-all")]
)
def test_a_record_that_is_not_there_is_said_so_at_once(provctl, topics, place, said):
    ran = provctl("events", "decode", place.format(topics.events), code=DATA)
    assert said in ran.err and ran.out == ""
