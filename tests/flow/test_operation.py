"""What operators see and do: lanes, signals, readiness, metrics, the circuit breaker, headers, refusals of the database."""
import json
import os
import re
import signal
import time

import pytest

from support.events import event_record, make_event
from support.provd import STOP_LIMIT_S
from support.waiting import stays_true, wait_until
from support.world import DOMAIN

CONVENTION = {  # the metrics of the conventions, each with a label that it must have
    "provd_events_total": "status",
    "provd_event_errors_total": "code",
    "provd_dead_letters_total": "stage",
    "provd_event_end_to_end_seconds_bucket": "le",
    "provd_batch_stage_seconds_bucket": "stage",
    "provd_batch_events_bucket": "le",
    "provd_consumer_lag_records": "partition",
    "provd_consumer_lag_seconds": "partition",
    "provd_rebalances_total": "reason",
    "provd_assigned_partitions": None,
    "provd_paused": "reason",
    "provd_pg_transactions_total": "result",
    "provd_pg_retries_total": "sqlstate_class",
    "provd_kafka_transactions_total": "result",
    "provd_producer_recycled_total": None,
    "provd_build_info": "version",
    "provd_last_commit_timestamp_seconds": None,
    "process_cpu_seconds_total": None,
}


@pytest.fixture(scope="module", autouse=True)
def contract_holds_at_the_end(world):
    yield
    world.check()


def create(world, **fields):
    return make_event("CreateAccount", {"address": world.name(), **fields})


def test_the_smallest_batches_are_published_though_nothing_follows(make_world):
    world = make_world(settings={"batch.max_events": 1}, partitions=1).start()
    (result,) = world.ask([create(world)])
    assert result["status"] == "APPLIED"
    world.check()


def test_what_comes_while_a_batch_is_published_goes_together(make_world):
    """It would wait for that publication all the same. One that is on its own is not kept waiting (batch.max_wait)."""
    rounds = 10
    world = make_world(settings={"batch.max_wait": "1ms"}, partitions=1).start()
    world.worker.set_failpoints("before_kafka_commit=sleep-300:*")
    batches = world.worker.metric("provd_batch_events_count")
    for _ in range(rounds):
        applied = world.fences()[0]["next_offset"]
        sources = world.send([create(world)])
        wait_until(lambda: world.fences()[0]["next_offset"] > applied, what="applied, and being published")
        sources += world.send([create(world)])
        time.sleep(0.03)
        sources += world.send([create(world)])
        world.answers(sources)
    world.worker.set_failpoints("")
    batches = world.worker.metric("provd_batch_events_count") - batches
    assert batches < 2.5 * rounds, "the second and the third were in one batch most times"
    world.check()


# --- metrics, readiness, log ------------------------------------------------------------------------------------------


def test_metrics_have_the_names_of_the_conventions(world):
    world.ask([create(world)])
    series = world.worker.metrics()
    for name, label in CONVENTION.items():
        found = [one for one in series if one.partition("{")[0] == name]
        assert found, f"{name} is missing"
        assert label is None or all(f'{label}="' in one for one in found), f"{name} without {label}"


def test_no_label_holds_what_a_sender_chose(world):
    world.ask([create(world, comment="commentinlabel")])
    text = world.worker.get("/metrics").text
    assert DOMAIN not in text and "commentinlabel" not in text


def test_series_of_errors_start_at_zero_and_count(world):
    def refused():
        return world.worker.metric("provd_event_errors_total", code="NO_SUCH_DOMAIN")

    before = refused()
    assert any('code="NO_SUCH_CONTEXT"' in one for one in world.worker.metrics()), "known series are there from the start"
    world.ask([make_event("CreateAccount", {"address": "x@no.such.domain.example"})])
    wait_until(lambda: refused() == before + 1, what="the refusal is counted")


def test_lag_goes_to_zero(world):
    world.ask([create(world) for _ in range(50)])
    wait_until(lambda: world.worker.metric("provd_consumer_lag_records") == 0, what="no lag")


def test_other_end_points(world):
    assert world.worker.get("/livez").ok and world.worker.get("/readyz").ok
    assert set(json.loads(world.worker.get("/version").text)) >= {"version", "commit"}
    assert world.worker.get("/nothing").status_code == 404


def test_logs_are_json_lines_with_level_and_message(world):
    for line in world.worker.log_text().splitlines():
        entry = json.loads(line)
        assert {"time", "level", "message", "pid"} <= set(entry)


def test_the_processes_hide_their_secrets(world):
    for pid in [world.worker.process.pid, *world.worker.lane_pids()]:
        with open(f"/proc/{pid}/cmdline", "rb") as cmdline:
            assert b"postgresql" not in cmdline.read()
        with open(f"/proc/{pid}/limits", encoding="ascii") as limits:
            (core,) = [line for line in limits if line.startswith("Max core file size")]
        assert core.split()[4:6] == ["0", "0"], "no core dumps"


# --- signals ----------------------------------------------------------------------------------------------------------


def test_sighup_reloads_the_level_of_the_log(make_world):
    world = make_world(partitions=1, settings={"log.level": "error"}).start()
    assert world.worker.log_text() == "", "nothing worth an error has happened"
    world.worker.write_settings(log__level="info", lanes=2)
    world.worker.reload()
    wait_until(lambda: "settings reloaded" in world.worker.log_text(), what="the parent says that it has reloaded")
    assert '"lanes"' in world.worker.log_text(), "and names what needs a restart"
    world.database.rows("ALTER TABLE provd.account ADD CHECK (first_name <> 'Friday')")
    names = ["Robinson"] * 20 + ["Friday"]
    wait_until(
        lambda: world.ask([create(world, first_name=name) for name in names])
        and '"process":"lane-0"' in world.worker.log_text(),
        what="a warning of the lane, which has the new level too",
    )


def test_a_broken_file_at_sighup_changes_nothing(world):
    lanes = world.worker.lane_pids()
    good = world.worker.config_file.read_text(encoding="utf-8")
    world.worker.config_file.write_text("kafka: [this is, no setting", encoding="utf-8")
    world.worker.reload()
    wait_until(lambda: '"level":"error"' in world.worker.log_text(), what="the log says that nothing was reloaded")
    (result,) = world.ask([create(world)])
    assert result["status"] == "APPLIED" and world.worker.lane_pids() == lanes
    world.worker.config_file.write_text(good, encoding="utf-8")


def test_sigterm_stops_in_order_and_the_next_start_is_clean(world):
    world.send([create(world) for _ in range(200)])
    assert world.worker.stop() == 0
    world.worker.start()
    world.settle()


# --- headers ----------------------------------------------------------------------------------------------------------


def test_traceparent_is_carried_to_everything_that_is_published(world):
    trace = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    headers = [("traceparent", trace), ("tracestate", b"a=b"), ("private", b"not carried")]
    sources = world.send([event_record(create(world), headers=headers), {"key": b"k", "value": b"x", "headers": headers}])
    result, letter = world.published(sources)
    world.outputs.read_to_the_end()
    (change,) = [change for change in world.outputs.changes if change.source == sources[0]]
    for published in (result, letter, change):
        assert published.header("traceparent") == trace and published.header("tracestate") == b"a=b"
    assert result.header("private") is None


def test_what_is_published_has_the_headers_of_cloudevents(world):
    event = {**create(world), "occurred_at": 1_767_323_045_000_000}
    (source,) = world.send([event_record(event, timestamp=1_767_323_045_250)])
    (result,) = world.published([source])
    world.outputs.read_to_the_end()
    (change,) = [change for change in world.outputs.changes if change.source == source]
    same = {"ce_specversion": b"1.0", "ce_source": b"/provd", "ce_time": b"2026-01-02T03:04:05.250Z"}
    result_id = result.result_id.encode()
    assert dict(result.message.headers()) == {**same, "ce_type": b"provisioning.result", "ce_id": result_id}
    assert dict(change.message.headers()) == {**same, "ce_type": b"provisioning.change", "ce_id": result_id + b"/1"}


def test_cloudevents_headers_fill_what_is_empty(world):
    ids = ["0193a1b2-0000-7000-8000-000000000001", "0193a1b2-0000-7000-8000-000000000002"]
    empty = {"event_id": "", "source": "", "occurred_at": 0}
    headers = [("ce_id", ids[0].encode()), ("ce_source", b"crm"), ("ce_time", b"2026-01-02T03:04:05.25Z")]
    filled, kept, nothing = world.ask(
        [
            event_record({**create(world), **empty}, headers=headers),
            event_record({**create(world), "event_id": ids[1]}, headers=headers),
            event_record({**create(world), **empty}),
        ]
    )
    assert (filled["status"], filled["event_id"]) == ("APPLIED", ids[0])
    assert filled["occurred_at"] == 1_767_323_045_250_000
    assert (kept["status"], kept["event_id"]) == ("APPLIED", ids[1]), "what the envelope says wins"
    assert (nothing["status"], nothing["code"]) == ("REJECTED", "MISSING_FIELD")


def test_results_carry_the_key_as_it_came(world):
    odd = [b"\x00\xff not text", None, b""]
    published = world.published(world.send([{**event_record(create(world)), "key": key} for key in odd]))
    assert [answer.message.key() for answer in published] == odd
    assert {answer.said["status"] for answer in published} == {"APPLIED"}


# --- the database refuses ---------------------------------------------------------------------------------------------


def test_the_one_event_that_the_database_refuses_is_found_and_buried(world):
    """A rule of the database that the worker does not know: only its culprit goes to the dead letters."""
    world.database.rows("ALTER TABLE provd.account ADD CONSTRAINT no_unlucky_names CHECK (first_name <> 'Friday')")
    names = ["Robinson"] * 40
    names[17] = "Friday"
    answers = world.ask([create(world, first_name=name) for name in names], partition=0)
    letter = answers.pop(17)
    assert (letter.stage, letter.code) == ("APPLY", "STORAGE_REFUSED")
    assert "no_unlucky_names" in letter.message and "Friday" not in letter.message, "the row's data stays out of it"
    assert {answer["status"] for answer in answers} == {"APPLIED"}
    assert world.worker.metric("provd_pg_unrolled_batches_total") >= 1
    world.database.rows("ALTER TABLE provd.account DROP CONSTRAINT no_unlucky_names")


# --- workers ----------------------------------------------------------------------------------------------------------


def test_workers_join_and_leave_in_the_middle_of_work(make_world):
    world = make_world(settings={"lanes": 1, "batch.max_events": 20}).start()
    other = world.make_worker(lanes=2)
    for _ in range(2):
        world.send([create(world) for _ in range(100)])
        other.start()
        world.send([create(world) for _ in range(100)])
        assert other.stop() == 0
    world.check()


def test_a_lane_commits_as_the_member_that_it_is_after_a_rebalance(make_world):
    """Each time others come or go the group has another generation, and refuses what is committed in the name of the last."""
    world = make_world(partitions=2, settings={"lanes": 1}).start()
    other = world.make_worker(lanes=1)

    def ask_on_each_partition():
        records = [event_record(create(world), partition=number) for number in range(2)]
        return {result["status"] for result in world.ask(records)}

    assert ask_on_each_partition() == {"APPLIED"}
    other.start()
    wait_until(lambda: all(worker.metric("provd_assigned_partitions") == 1 for worker in world.workers), what="shared")
    assert ask_on_each_partition() == {"APPLIED"}
    assert other.stop() == 0
    assert ask_on_each_partition() == {"APPLIED"}
    world.check()


# --- the circuit breaker ----------------------------------------------------------------------------------------------


def test_the_breaker_stops_before_a_topic_is_drained_into_the_dead_letters(make_world):
    settings = {"breaker.window": 50, "breaker.min_failures": 20, "breaker.share": 50, "batch.max_events": 10}
    world = make_world(partitions=1, settings=settings).start()
    world.send([{"key": b"k", "value": b"\x7fafter a bad deployment"}] * 200)
    wait_until(lambda: world.worker.metric("provd_breaker_opened_total") == 1, what="the breaker opens")
    wait_until(lambda: not world.worker.get("/readyz").ok, what="not ready")
    assert re.search("cannot be read|breaker", world.worker.get("/readyz").text)
    stays_true(lambda: world.worker.metric("provd_dead_letters_total") < 100, for_s=1.0)
    world.worker.stop()
    world.worker.write_settings(breaker__share=100)  # somebody has looked at them
    world.worker.start()
    world.check()


def test_the_breaker_hears_of_what_the_database_refuses(make_world):
    settings = {"breaker.window": 50, "breaker.min_failures": 20, "breaker.share": 50, "batch.max_events": 50}
    world = make_world(partitions=1, settings=settings).start()
    world.database.rows("ALTER TABLE provd.account ADD CONSTRAINT closed CHECK (false) NOT VALID")
    world.send([create(world) for _ in range(150)])
    wait_until(lambda: world.worker.metric("provd_breaker_opened_total") == 1, what="the breaker opens")
    refused = "SELECT count(*) FROM provd.record_outcome WHERE code = 'STORAGE_REFUSED'"
    stays_true(lambda: world.database.value(refused) < 40, for_s=1.0)
    world.worker.stop()
    world.database.rows("ALTER TABLE provd.account DROP CONSTRAINT closed")
    world.worker.start()
    world.check()
    assert world.database.value("SELECT count(*) FROM provd.account") > 100, "the others were kept for later"


# --- without anything to talk to --------------------------------------------------------------------------------------


def test_wrong_settings_are_refused_at_the_start(make_world):
    world = make_world(partitions=1)
    for wrong, told in (
        ({"kafka__topics__events": ""}, "kafka.topics"),
        ({"lanes": 0}, "lanes"),
        ({"kafka__group": "misspelt"}, "kafka.group_id"),
    ):
        worker = world.make_worker(**wrong)
        worker.may_end_with = 78
        worker.start(wait=False)
        assert worker.process.wait(STOP_LIMIT_S) == 78
        assert told in worker.log_text(), worker.log_text()


def set_number(world, function, number):
    world.database.rows(
        f"CREATE OR REPLACE FUNCTION provd.{function}() RETURNS int LANGUAGE sql STABLE AS 'SELECT {number}'"
    )


def test_a_newer_database_that_still_serves_this_worker_is_no_obstacle(make_world):
    world = make_world(partitions=1)
    set_number(world, "schema_version", 4711)
    (result,) = world.start().ask([create(world)])
    assert result["status"] == "APPLIED"


def test_a_database_of_another_schema_version_is_refused(make_world):
    world = make_world(partitions=1)
    set_number(world, "schema_version", 4711)
    set_number(world, "schema_serves_from", 4711)
    world.worker.may_end_with = 78
    world.worker.start(wait=False)
    wait_until(lambda: "4711" in world.worker.log_text(), what="the log names both versions")
    assert world.fences() == {}


def test_sigkill_of_a_lane_shows_in_the_metrics(world):
    before = world.worker.metric("provd_lane_restarts_total")
    os.kill(world.worker.lane_pids()[0], signal.SIGKILL)
    wait_until(lambda: world.worker.metric("provd_lane_restarts_total") == before + 1, what="a restart is counted")
    world.ask([create(world)])
