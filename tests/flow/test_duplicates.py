"""The same event twice, in every way in which it can come twice."""
import pytest

from support.events import event_record, make_event, uuid7


@pytest.fixture(scope="module", autouse=True)
def contract_holds_at_the_end(world):
    yield
    world.check()


def create(address, **fields):
    return make_event("CreateAccount", {"address": address, **fields})


def assert_duplicate_of(first, first_source, again):
    assert (again["status"], again["final"]) == ("DUPLICATE", True)
    seen = again["first_seen"]
    assert (seen["partition"], seen["offset"], seen["status"]) == (*first_source, first["status"])
    assert (again["account_uuid"], again["account_id"]) == (first["account_uuid"], first["account_id"])
    assert again["services"] == first["services"]


def test_in_one_batch(world):
    event = create(world.name())
    sources = world.send([event, event, event], partition=0)
    first, *others = world.answers(sources)
    assert first["status"] == "APPLIED"
    for again in others:
        assert_duplicate_of(first, sources[0], again)


def test_in_another_batch(world):
    event = create(world.name())
    (source,) = world.send([event])
    (first,) = world.answers([source])
    (again,) = world.ask([event])
    assert_duplicate_of(first, source, again)
    assert world.changes_of(source) and not world.changes_of(tuple_of(again))


def tuple_of(result):
    return result["source"]["partition"], result["source"]["offset"]


def test_on_another_partition(world):
    event = create(world.name())
    (source,) = world.send([event], partition=0)
    (first,) = world.answers([source])
    (again,) = world.ask([event], partition=2)
    assert_duplicate_of(first, source, again)


def test_on_two_partitions_at_once(world):
    """Whichever commits first is the first; exactly one is applied."""
    events = [create(world.name()) for _ in range(30)]
    copies = [event_record(event, partition=partition) for event in events for partition in (0, 1)]
    results = world.ask(copies)
    for one, other in zip(results[::2], results[1::2]):
        first, again = (one, other) if one["status"] == "APPLIED" else (other, one)
        assert first["status"] == "APPLIED"
        assert_duplicate_of(first, tuple_of(first), again)


def test_after_a_restart(world):
    event = create(world.name())
    (source,) = world.send([event])
    (first,) = world.answers([source])
    world.worker.stop()
    (again_source,) = world.send([event])
    world.worker.start()
    (again,) = world.answers([again_source])
    assert_duplicate_of(first, source, again)


def test_while_the_account_has_changed_meanwhile(world):
    """A late retry of the creation must not bring the first name back."""
    address = world.name()
    event = create(address, first_name="Old")
    update = make_event("UpdateAccount", {"ref": {"address": address}, "fields": ["first_name"], "first_name": "New"})
    world.ask([event, update], partition=1)
    (again,) = world.ask([event], partition=1)
    assert again["status"] == "DUPLICATE"
    assert world.database.value("SELECT first_name FROM provd.account WHERE address = %s", address) == "New"


def test_another_payload_under_the_same_id_is_refused(world):
    address = world.name()
    event = create(address)
    forged = {**create(world.name()), "event_id": event["event_id"]}
    in_batch = world.ask([event, forged], partition=0)
    (later,) = world.ask([forged], partition=1)
    assert [result["status"] for result in in_batch] == ["APPLIED", "REJECTED"]
    assert {in_batch[1]["code"], later["code"]} == {"ID_REUSED"}


def test_what_a_retry_may_change_is_no_other_payload(world):
    """occurred_at and correlation_id are not the wish: a producer that retries after an upgrade is no forger."""
    event = create(world.name())
    retry = {**event, "occurred_at": event["occurred_at"] + 5_000_000, "correlation_id": "second try"}
    other_actor = {**event, "actor": {"kind": "SYSTEM", "id": "somebody-else"}}
    results = world.ask([event, retry, other_actor])
    assert [result["status"] for result in results] == ["APPLIED", "DUPLICATE", "REJECTED"]
    assert results[1]["correlation_id"] == "second try" and results[2]["code"] == "ID_REUSED"


def test_a_rejected_event_answers_the_same_when_it_comes_again(world):
    event = create("nobody@nowhere.example")
    (source,) = world.send([event])
    (first,) = world.answers([source])
    world.found("late", "elsewhere.example")
    (again,) = world.ask([event])
    assert again["status"] == "DUPLICATE"
    assert (again["first_seen"]["status"], again["first_seen"]["code"]) == ("REJECTED", first["code"])


def test_ids_that_are_not_version_7_work_too(world):
    event = {**create(world.name()), "event_id": "11111111-2222-4333-8444-555555555555"}
    first, again = world.ask([event, event])
    assert [first["status"], again["status"]] == ["APPLIED", "DUPLICATE"]


def test_ids_of_other_years_work_too(world):
    events = [{**create(world.name()), "event_id": uuid7(at_us)} for at_us in (1, 4_000_000_000_000_000)]
    results = world.ask(events + events)
    assert [result["status"] for result in results] == ["APPLIED"] * 2 + ["DUPLICATE"] * 2


def test_a_hundred_events_for_one_account_fold_to_one_row(world):
    address = world.name()
    updates = [
        make_event("UpdateAccount", {"ref": {"address": address}, "fields": ["comment"], "comment": f"note {number}"})
        for number in range(100)
    ]
    results = world.ask([create(address), *updates], partition=2)
    assert {result["status"] for result in results} == {"APPLIED"}
    assert [result["version_after"] for result in results] == list(range(1, 102))
    row = world.database.rows("SELECT version, comment FROM provd.account WHERE address = %s", address)
    assert row == [(101, "note 99")]


def test_reading_the_topic_again_from_the_start_changes_nothing(world):
    address = world.name()
    world.ask([create(address)])
    for members in ([address], [], [address]):
        world.ask([make_event("SetGroupMembers", {"group": 1, "name": "again", "members": members})])
    world.settle()
    world.worker.stop()
    before, fences = world.state(), world.fences()
    world.outputs.read_to_the_end()
    published = [len(world.outputs.results), len(world.outputs.changes), len(world.outputs.letters)]
    world.set_offsets({partition: 0 for partition in range(world.topics.partitions)})
    world.worker.start()
    world.settle()
    (marker,) = world.ask([create(world.name())])
    assert marker["status"] == "APPLIED"
    world.outputs.read_to_the_end()
    after = [len(world.outputs.results), len(world.outputs.changes), len(world.outputs.letters)]
    replayed = [result.result_id for result in world.outputs.results]
    assert len(set(replayed)) == len(replayed), "a result was published again"
    assert after == [published[0] + 1, published[1] + 1, published[2]]
    for table in ("context", "domain", "mail_group", "group_member"):
        assert world.state()[table] == before[table]
    assert len(world.state()["account"]) == len(before["account"]) + 1
    assert all(world.fences()[number]["next_offset"] >= fence["next_offset"] for number, fence in fences.items())
