"""The life of an account, from the event in Kafka to rows, results and change records."""
import json
import time

import pytest

from support.avro_schema import SCHEMAS
from support.events import SYSTEM, make_event, uuid7
from support.world import CONTEXT, DOMAIN

HOUR_US = 3_600_000_000
DAY_US = 24 * HOUR_US


def create(address, **fields):
    return make_event("CreateAccount", {"address": address, **fields})


def ref(address):
    return {"ref": {"address": address}}


def account(world, address):
    """The live row of an address as a dict, or None."""
    rows = world.database.rows(
        "SELECT row_to_json(a) FROM provd.account a WHERE address = %s AND tombstone = 0", address
    )
    return rows[0][0] if rows else None


def services(world, uuid):
    """service name -> id of the active services."""
    names = {1: "MAIL", 2: "CALENDAR", 4: "CONTACTS"}
    rows = world.database.rows(
        "SELECT service, service_id FROM provd.service_account WHERE account_uuid = %s AND active", uuid
    )
    return {names[bit]: number for bit, number in rows}


@pytest.fixture(scope="module", autouse=True)
def contract_holds_at_the_end(world):
    yield
    world.check()


def test_bob_at_atmail_gets_three_services_with_ids_of_their_own(world):
    world.found("atmail", "atmail.com")
    event = make_event(
        "CreateAccount", {"address": "bob@atmail.com", "first_name": "Bob", "last_name": "Miller"}, context="atmail"
    )
    (result,) = world.ask([event])
    assert (result["status"], result["code"], result["final"]) == ("APPLIED", None, True)
    ids = {service["service"]: service["id"] for service in result["services"]}
    assert set(ids) == {"MAIL", "CALENDAR", "CONTACTS"} and len(set(ids.values())) == 3
    assert services(world, result["account_uuid"]) == ids
    row = account(world, "bob@atmail.com")
    assert (row["uuid"], row["account_id"]) == (result["account_uuid"], result["account_id"])
    assert (row["first_name"], row["services"], row["status"]) == ("Bob", 7, "ACTIVE")
    assert "bob@atmail.com" in str(world.database.rows("SELECT row_to_json(v) FROM provd.atmail_accounts v"))


def test_addresses_are_normalised(world):
    (result,) = world.ask([create("Carol.Old@EXAMPLE.org")])
    assert result["status"] == "APPLIED" and account(world, "carol.old@example.org")


def test_domains_with_umlauts_become_a_labels(world):
    world.ask([make_event("CreateDomain", {"domain": "bücher.example"})])
    (result,) = world.ask([create("eva@BÜCHER.example")])
    assert result["status"] == "APPLIED" and account(world, "eva@xn--bcher-kva.example")


def test_the_whole_life_in_one_batch(world):
    """Created, changed, locked, deleted, restored: the events lie in one partition and are sent at once."""
    address = world.name("life")
    events = [
        create(address, first_name="Ann", quota_bytes=1000),
        make_event("UpdateAccount", {**ref(address), "fields": ["first_name", "comment"], "comment": "moved"}),
        make_event("SetAccountStatus", {**ref(address), "status": "LOCKED", "reason": "unpaid"}),
        make_event("DeleteAccount", {**ref(address), "mode": "SOFT"}),
        create(address, first_name="Another"),
        make_event("RestoreAccount", ref(address)),
        make_event("RestoreAccount", ref(address)),
    ]
    results = world.ask(events, partition=1)
    assert [(result["status"], result["code"]) for result in results] == [
        ("APPLIED", None),
        ("APPLIED", None),
        ("APPLIED", None),
        ("APPLIED", None),
        ("REJECTED", "ADDRESS_RESERVED"),
        ("APPLIED", None),
        ("NO_CHANGE", None),
    ]
    versions = [(result["version_before"], result["version_after"]) for result in results[:4]]
    assert [after for _, after in versions] == [1, 2, 3, 4]
    row = account(world, address)
    assert row["uuid"] == results[0]["account_uuid"] == results[5]["account_uuid"]
    assert (row["first_name"], row["comment"], row["status"], row["quota_bytes"]) == (None, "moved", "LOCKED", 1000)
    before = {service["service"]: service["id"] for service in results[0]["services"]}
    assert services(world, row["uuid"]) == before, "restored services keep their ids"


def test_the_same_wish_again_is_no_change_and_another_is_a_conflict(world):
    address = world.name("twice")
    first, again, other = world.ask(
        [create(address, first_name="Jo"), create(address, first_name="Jo"), create(address, first_name="Joe")]
    )
    assert (first["status"], again["status"]) == ("APPLIED", "NO_CHANGE")
    assert again["account_uuid"] == first["account_uuid"]
    assert (other["status"], other["code"]) == ("REJECTED", "ALREADY_EXISTS")
    assert "first_name" in other["message"]


def test_services_as_the_event_wants_them(world):
    none, mail, lazy, eight = world.ask(
        [
            create(world.name("none"), services=0),
            create(world.name("mail"), services=1),
            create(world.name("lazy"), services=7, service_mode="LAZY"),
            create(world.name("eight"), services=8),
        ]
    )
    assert services(world, none["account_uuid"]) == {} and services(world, lazy["account_uuid"]) == {}
    assert set(services(world, mail["account_uuid"])) == {"MAIL"}
    assert (eight["status"], eight["code"]) == ("REJECTED", "INVALID_FIELD")


@pytest.mark.parametrize(
    "fields, code",
    [
        ({"address": ""}, "MISSING_FIELD"),
        ({"address": "no-at-sign"}, "INVALID_ADDRESS"),
        ({"address": f"{'a' * 65}@{DOMAIN}"}, "NAME_TOO_LONG"),
        ({"address": f"a b@{DOMAIN}"}, "BAD_CHARACTER"),
        ({"address": "who@nowhere.example"}, "NO_SUCH_DOMAIN"),
        ({"address": f"q1@{DOMAIN}", "quota_bytes": -1}, "INVALID_FIELD"),
        ({"address": f"q2@{DOMAIN}", "group": "no such"}, "NO_SUCH_GROUP"),
        ({"address": f"q3@{DOMAIN}", "first_name": "x" * 256}, "NAME_TOO_LONG"),
    ],
)
def test_rules_are_answered_with_their_code(world, fields, code):
    (result,) = world.ask([make_event("CreateAccount", fields)])
    assert (result["status"], result["code"]) == ("REJECTED", code)
    assert result["message"] and "\n" not in result["message"] and len(result["message"]) <= 500
    assert result["retryable"] == (code in ("NO_SUCH_DOMAIN", "NO_SUCH_GROUP"))


def test_fields_that_cannot_be_patched_are_named(world):
    address = world.name("patch")
    world.ask([create(address)])
    (result,) = world.ask([make_event("UpdateAccount", {**ref(address), "fields": ["password"]})])
    assert (result["status"], result["code"]) == ("REJECTED", "INVALID_FIELD") and "password" in result["message"]


def test_deleting_what_is_gone_succeeds_and_purging_frees_the_address(world):
    address = world.name("gone")
    results = world.ask(
        [
            make_event("DeleteAccount", {**ref(address), "mode": "SOFT"}),
            create(address),
            make_event("DeleteAccount", {**ref(address), "mode": "SOFT"}),
            make_event("DeleteAccount", {**ref(address), "mode": "SOFT"}),
            make_event("DeleteAccount", {**ref(address), "mode": "PURGE"}),
            create(address, first_name="New"),
        ]
    )
    assert [result["status"] for result in results] == [
        "NO_CHANGE", "APPLIED", "APPLIED", "NO_CHANGE", "APPLIED", "APPLIED",
    ]  # fmt: skip
    assert results[0]["code"] == "NO_SUCH_ACCOUNT"
    assert results[5]["account_uuid"] != results[1]["account_uuid"]


def test_after_the_grace_period_the_address_belongs_to_somebody_new(world):
    address = world.name("grace")
    made, deleted, new, restored = world.ask(
        [
            {**create(address), "occurred_at": "2026-01-01T00:00:00Z"},
            {**make_event("DeleteAccount", {**ref(address), "mode": "SOFT"}), "occurred_at": "2026-01-02T00:00:00Z"},
            {**create(address), "occurred_at": "2026-02-02T00:00:01Z"},
            {**make_event("RestoreAccount", ref(address)), "occurred_at": "2026-02-03T00:00:00Z"},
        ]
    )
    assert [made["status"], deleted["status"], new["status"]] == ["APPLIED"] * 3
    assert new["account_uuid"] != made["account_uuid"]
    assert restored["status"] == "NO_CHANGE" and restored["account_uuid"] == new["account_uuid"]


def test_a_status_again_is_no_change_but_another_reason_is_one(world):
    address = world.name("status")
    locked = {**ref(address), "status": "LOCKED", "reason": "unpaid"}
    results = world.ask(
        [
            create(address),
            make_event("SetAccountStatus", locked),
            make_event("SetAccountStatus", locked),
            make_event("SetAccountStatus", {**locked, "reason": "abuse"}),
        ]
    )
    assert [result["status"] for result in results] == ["APPLIED", "APPLIED", "NO_CHANGE", "APPLIED"]
    assert account(world, address)["status_reason"] == "abuse"


def test_what_another_context_has_does_not_exist(world):
    world.found("rival", "rival.example")
    address = world.name("secret-of-acme")
    world.ask([create(address)])
    update = make_event("UpdateAccount", {**ref(address), "fields": ["comment"]}, context="rival")
    squat = make_event("CreateAccount", {"address": f"me@{DOMAIN}"}, context="rival")
    results = world.ask([update, squat])
    assert [result["code"] for result in results] == ["NO_SUCH_ACCOUNT", "NO_SUCH_DOMAIN"]


def test_limits_of_a_domain_are_kept_inside_one_batch(world):
    domain = "small.example"
    world.ask([make_event("CreateDomain", {"domain": domain, "limits": {"max_accounts": 2}})])
    results = world.ask([create(f"{name}@{domain}") for name in "abc"], partition=0)
    assert [(result["status"], result["code"]) for result in results] == [
        ("APPLIED", None), ("APPLIED", None), ("REJECTED", "LIMIT_EXCEEDED"),
    ]  # fmt: skip


def test_a_domain_with_accounts_is_deleted_by_cascade_only(world):
    domain = "leaving.example"
    world.ask([make_event("CreateDomain", {"domain": domain})])
    world.ask([create(f"{name}@{domain}") for name in ("x", "y", "z")], partition=0)
    (refused,) = world.ask([make_event("DeleteDomain", {"domain": domain})], partition=0)
    assert refused["code"] == "DOMAIN_NOT_EMPTY"
    (source,) = world.send([make_event("DeleteDomain", {"domain": domain, "cascade": True})], partition=0)
    (gone,) = world.answers([source])
    assert (gone["status"], gone["items_total"], gone["items_applied"]) == ("APPLIED", 3, 3)
    assert sorted(item["object"] for item in gone["items"]) == [f"{name}@{domain}" for name in "xyz"]
    assert account(world, f"x@{domain}") is None
    fanout = [change for change in world.changes_of(source) if change["action"] == "FANOUT"]
    assert len(fanout) == 1 and fanout[0]["objects"] == 3


def test_a_context_goes_last(world):
    world.found("shortlived", "shortlived.example")
    context = {"context": "shortlived"}
    (kept,) = world.ask([make_event("DeleteContext", {"name": "shortlived"}, **context)])
    assert kept["code"] == "CONTEXT_NOT_EMPTY"
    world.ask([make_event("DeleteDomain", {"domain": "shortlived.example"}, **context)])
    (gone,) = world.ask([make_event("DeleteContext", {"name": "shortlived"}, **context)])
    assert gone["status"] == "APPLIED"


def test_expected_version_guards_against_a_stale_reader(world):
    address = world.name("version")
    update = {**ref(address), "fields": ["comment"]}
    results = world.ask(
        [
            {**create(address), "expected_version": 0},
            {**create(address), "expected_version": 0},
            {**make_event("UpdateAccount", {**update, "comment": "a"}), "expected_version": 1},
            {**make_event("UpdateAccount", {**update, "comment": "b"}), "expected_version": 1},
            {**make_event("UpdateAccount", {**update, "comment": "a"}), "expected_version": 2},
        ]
    )
    assert [(result["status"], result["code"]) for result in results] == [
        ("APPLIED", None),
        ("REJECTED", "VERSION_MISMATCH"),
        ("APPLIED", None),
        ("REJECTED", "VERSION_MISMATCH"),
        ("NO_CHANGE", None),
    ]


def test_a_dry_run_writes_nothing_and_says_what_it_would_do(world):
    address = world.name("dry")
    wish = create(address, first_name="Dry")
    planned, refused, done = world.ask(
        [{**wish, "mode": "DRY_RUN"}, {**create("bad"), "mode": "DRY_RUN"}, wish]
    )  # the very same id afterwards: a plan does not use it up
    assert (planned["status"], planned["mode"]) == ("PLANNED", "DRY_RUN")
    assert planned["account_id"] is None and planned["changes"]
    assert refused["status"] == "REJECTED"
    assert done["status"] == "APPLIED"


def test_a_dry_run_that_would_change_nothing_says_so(world):
    address = world.name("drysame")
    world.ask([create(address)])
    (same,) = world.ask([{**create(address), "mode": "DRY_RUN"}])
    assert same["status"] == "NO_CHANGE"


def test_expired_events_do_nothing(world):
    late, sharp = world.name("late"), world.name("sharp")
    now_ms = 1_790_000_000_000
    results = world.ask(
        [
            make_event("CreateAccount", {"address": late}, occurred_at=now_ms * 1000, expires_at=now_ms * 1000 - 1),
            make_event("CreateAccount", {"address": sharp}, occurred_at=now_ms * 1000, expires_at=now_ms * 1000),
        ],
        timestamp=now_ms,
    )
    assert [result["status"] for result in results] == ["EXPIRED", "APPLIED"], "judged by the record's time"
    assert account(world, late) is None and account(world, sharp)


def test_changes_are_recorded_with_before_after_and_who(world):
    address = world.name("audit")
    actor = {"kind": "SYSTEM", "id": "billing", "ip": "192.0.2.7", "reason": "new contract", "ticket": "T-1"}
    (made,) = world.send([create(address, first_name="Old")])
    (changed,) = world.send(
        [make_event("UpdateAccount", {**ref(address), "fields": ["first_name"], "first_name": "New"}, actor=actor)]
    )
    world.answers([made, changed])
    (creation,) = world.changes_of(made)
    (update,) = world.changes_of(changed)
    assert (creation["action"], creation["object_type"], creation["object_id"]) == ("CREATE", "account", address)
    assert (update["action"], update["before"], update["after"]) == (
        "UPDATE", [{"name": "first_name", "value": "Old"}], [{"name": "first_name", "value": "New"}],
    )  # fmt: skip
    assert (update["actor"]["id"], update["ip"], update["reason"], update["ticket"]) == (
        "billing", "192.0.2.7", "new contract", "T-1",
    )  # fmt: skip
    assert update["context"] == CONTEXT


def test_an_actor_without_the_right_is_refused_and_recorded(world):
    address, other = world.name("victim"), world.name("nosy")
    world.ask([create(address), create(other)])
    nosy = {"kind": "USER", "id": other}
    (source,) = world.send([make_event("DeleteAccount", {**ref(address), "mode": "PURGE"}, actor=nosy)])
    (result,) = world.answers([source])
    assert (result["status"], result["code"]) == ("REJECTED", "FORBIDDEN")
    (change,) = world.changes_of(source)
    assert (change["action"], change["before"], change["after"]) == ("REFUSED", [], [])


def test_event_ids_come_in_any_dress(world):
    event_id = uuid7()
    address = world.name("dress")
    plain, braced, wrong, empty = world.ask(
        [
            make_event("CreateAccount", {"address": address}, event_id=event_id),
            make_event("CreateAccount", {"address": address}, event_id="{%s}" % event_id.upper()),
            make_event("CreateAccount", {"address": address}, event_id="order-4711" * 10),
            make_event("CreateAccount", {"address": address}, event_id=""),
        ]
    )
    assert (plain["status"], braced["status"]) == ("APPLIED", "DUPLICATE")
    assert (wrong["status"], wrong["code"]) == ("REJECTED", "INVALID_FIELD") and len(wrong["event_id"]) <= 64
    assert (empty["status"], empty["code"]) == ("REJECTED", "MISSING_FIELD")


@pytest.mark.parametrize("kind", ["CreateMailServer", "GrantRole", "SignupStep"])
def test_commands_of_later_versions_are_answered_unsupported(world, kind):
    example = json.loads((SCHEMAS / "examples" / f"{kind}.json").read_text(encoding="utf-8"))
    (result,) = world.ask([{**example, "actor": SYSTEM}])
    assert (result["status"], result["code"], result["kind"]) == ("REJECTED", "UNSUPPORTED", kind)


def test_times_in_the_future_are_refused(world):
    soon = time.time_ns() // 1000 + DAY_US + HOUR_US
    ok, far = world.ask(
        [
            make_event("CreateAccount", {"address": world.name("soon")}, occurred_at=soon - 2 * HOUR_US),
            make_event("CreateAccount", {"address": world.name("far")}, occurred_at=soon),
        ]
    )
    assert ok["status"] == "APPLIED" and (far["status"], far["code"]) == ("REJECTED", "INVALID_FIELD")
