"""Groups of accounts: made, filled, renamed, shown as atmail shows them, and gone with their context.

    PROVD_TEST_MEMBERS=100000 pytest -s tests/flow/test_groups.py      a group as large as the limit
"""
import contextlib
import os
import time

import pytest

from support.events import decode_change, make_event, uuid7
from support.waiting import wait_until
from support.world import CONTEXT

LIMIT = 100_000  # members that SetGroupMembers replaces
MANY = int(os.environ.get("PROVD_TEST_MEMBERS", "5000"))  # the limit takes a minute to check
HUGE_LIMIT_S = 120


def create(address, **fields):
    return make_event("CreateAccount", {"address": address, **fields})


def set_members(group, *members, **fields):
    return make_event("SetGroupMembers", {"group": group, "members": list(members), **fields})


def change_members(group, add=(), remove=()):
    return make_event("ChangeGroupMembers", {"group": group, "add": list(add), "remove": list(remove)})


def members(world, group, context=CONTEXT):
    """(address, whether it is the account's own group), as provd_reader sees them."""
    return world.database.rows(
        "SELECT address, is_own FROM provd.group_members WHERE context = %s AND number = %s ORDER BY address",
        context, group,
    )  # fmt: skip


def group_id(world, address):
    """What atmail's programs see."""
    return world.database.value('SELECT "groupId" FROM provd.atmail_accounts WHERE username = %s', address)


@pytest.fixture(scope="module")
def world(make_world):
    return make_world(partitions=3, settings={"lanes": 2}).start()


@pytest.fixture(scope="module", autouse=True)
def contract_holds_at_the_end(world):
    yield
    world.check()


@pytest.fixture
def people(world):
    """Three accounts: addresses and the results that made them, by address."""
    addresses = sorted(world.name(stem) for stem in ("ann", "bob", "eve"))
    return dict(zip(addresses, world.ask([create(address) for address in addresses])))


def test_a_group_is_made_filled_and_emptied(world, people):
    ann, bob, eve = people
    (made,) = world.ask([set_members(101, ann, people[bob]["account_uuid"].upper(), name="support")])
    assert (made["status"], made["version_before"], made["version_after"]) == ("APPLIED", None, 1)
    assert (made["items_total"], made["items_applied"], made["account_uuid"]) == (2, 2, None)
    assert members(world, 101) == [(ann, False), (bob, False)]
    # By the number that eve's result carries; bob is named twice.
    (changed,) = world.ask([change_members(101, add=[bob, str(people[eve]["account_id"])], remove=[ann])])
    assert (changed["status"], changed["version_after"], changed["items_total"]) == ("APPLIED", 2, 3)
    assert [(item["object"], item["status"], item["message"]) for item in changed["items"]] == [
        (bob, "NO_CHANGE", None), (eve, "APPLIED", "added"), (ann, "APPLIED", "removed")]  # fmt: skip
    assert members(world, 101) == [(bob, False), (eve, False)]
    (same,) = world.ask([set_members(101, eve, bob)])
    assert (same["status"], same["items_unchanged"], same["version_after"]) == ("NO_CHANGE", 2, 2)
    (emptied,) = world.ask([set_members(101)])
    assert (emptied["status"], emptied["items_applied"]) == ("APPLIED", 2) and not members(world, 101)
    # It is there still, and may be named.
    (joined,) = world.ask([make_event("UpdateAccount", {"ref": {"address": ann}, "fields": ["group"], "group": "support"})])
    assert joined["status"] == "APPLIED" and members(world, 101) == [(ann, True)]


def test_what_is_not_there_or_cannot_be_is_refused(world, people):
    ann, *_ = people
    wrong = [
        (change_members(102, add=[ann]), "NO_SUCH_GROUP", True),
        (set_members(102, "nobody@example.org"), "NO_SUCH_USER", False),
        (set_members(102, "9" * 15), "NO_SUCH_USER", False),
        (set_members(102, "nobody"), "INVALID_FIELD", False),
        (set_members(0, ann), "INVALID_FIELD", False),
        (make_event("SetGroupMembers", {"group": 1}, context="none"), "NO_SUCH_CONTEXT", True),
        (set_members(102, *["1"] * 10001), "INVALID_FIELD", False),
    ]
    results = world.ask([event for event, _, _ in wrong])
    assert [(r["status"], r["code"], r["retryable"]) for r in results] == [
        ("REJECTED", code, retryable) for _, code, retryable in wrong]  # fmt: skip
    world.found("rivals", "rivals.example")
    (theirs,) = world.ask([make_event("SetGroupMembers", {"group": 1, "members": [ann]}, context="rivals")])
    assert theirs["code"] == "NO_SUCH_USER", "accounts of another context do not exist"


def test_accounts_name_their_own_group_and_atmail_shows_it(world):
    bob, eve, stranger = (world.name() for _ in range(3))
    world.ask([set_members(17, name="staff"), set_members(18, name="sales")])
    made, unknown = world.ask([create(bob, group="staff"), create(stranger, group="nobody")])
    assert made["status"] == "APPLIED" and (unknown["code"], unknown["retryable"]) == ("NO_SUCH_GROUP", True)
    assert members(world, 17) == [(bob, True)] and group_id(world, bob) == 17
    # A group that it was put into is shown when it has none of its own.
    world.ask([create(eve)])
    assert group_id(world, eve) is None
    world.ask([set_members(18, bob, eve)])
    assert (group_id(world, bob), group_id(world, eve)) == (17, 18)
    # Another name is no other group.
    world.ask([make_event("SetGroupMembers", {"group": 17, "name": "crew", "members": [bob]})])
    assert group_id(world, bob) == 17
    same, gone = world.ask([create(bob, group="crew"), create(stranger, group="staff")])
    assert (same["status"], gone["code"]) == ("NO_CHANGE", "NO_SUCH_GROUP")
    (left,) = world.ask([make_event("UpdateAccount", {"ref": {"address": bob}, "fields": ["group"]})])
    assert left["status"] == "APPLIED" and group_id(world, bob) == 18


def test_one_batch_does_as_many_do(world):
    """An account that is made before and after the group events around it, all on one partition."""
    bob, eve = world.name(), world.name()
    events = [
        set_members(31, name="batch"),
        create(bob, group="batch"),
        change_members(31, add=[bob]),
        set_members(31, eve),
        create(eve),
        set_members(31, eve),
        change_members(31, add=[bob], remove=[eve]),
        make_event("DeleteAccount", {"ref": {"address": eve}, "mode": "PURGE"}),
        change_members(31, remove=[bob]),
        make_event("UpdateAccount", {"ref": {"address": bob}, "fields": ["group"], "group": "batch"}),
    ]
    results = world.ask(events, partition=0)
    assert [(r["status"], r["code"]) for r in results] == [
        ("APPLIED", None), ("APPLIED", None), ("NO_CHANGE", None), ("REJECTED", "NO_SUCH_USER"), ("APPLIED", None),
        ("APPLIED", None), ("APPLIED", None), ("APPLIED", None), ("APPLIED", None), ("APPLIED", None)]  # fmt: skip
    assert members(world, 31) == [(bob, True)]


def test_the_change_log_tells_who_came_and_went(world, people):
    ann, bob, eve = people
    world.ask([set_members(41, ann, bob, name="told")])
    (source,) = world.send([make_event("SetGroupMembers", {"group": 41, "members": [bob, eve]})])
    world.answers([source])
    group, summary = world.changes_of(source)
    assert (group["action"], group["object_type"], group["object_id"]) == ("UPDATE", "mail_group", "told")
    assert {field["name"]: field["value"] for field in group["after"]} == {"members_added": "1", "members_removed": "1"}
    assert (summary["action"], summary["objects"]) == ("FANOUT", 2)
    rows = [decode_change(bytes(value)) for (value,) in world.database.rows(
        "SELECT frame || body || hash FROM provd.change_log JOIN provd.fence USING (fence_id)"
        " WHERE partition = %s AND seq BETWEEN %s AND %s ORDER BY seq",
        source[0], summary["seq_first"], summary["seq_last"])]  # fmt: skip
    told = [(row["object_type"], row["object_id"], row["object_uuid"], row["before"], row["after"]) for row in rows]
    number = [{"name": "number", "value": "41"}]
    assert told == [
        ("group_member", eve, people[eve]["account_uuid"], [], number),
        ("group_member", ann, people[ann]["account_uuid"], number, []),
    ]
    assert {row["event_id"] for row in rows} == {group["event_id"]}


def test_a_plan_is_what_happens_then(world, people):
    ann, bob, _ = people
    event_id = uuid7()
    planned = make_event("SetGroupMembers", {"group": 51, "name": "plan", "members": [ann, bob]}, event_id=event_id,
                         mode="DRY_RUN")  # fmt: skip
    (plan,) = world.ask([planned])
    assert plan["status"] == "PLANNED" and not members(world, 51)
    assert [item["status"] for item in plan["items"]] == ["PLANNED", "PLANNED"]
    done, again = world.ask([{**planned, "mode": "APPLY"}] * 2)
    assert (done["status"], again["status"]) == ("APPLIED", "DUPLICATE")
    assert [(c["object_id"], c["action"], c["fields"]) for c in plan["changes"]] == [
        (c["object_id"], c["action"], c["fields"]) for c in done["changes"]]  # fmt: skip
    assert (again["version_before"], again["version_after"]) == (None, 1)
    assert again["first_seen"]["status"] == "APPLIED"


def test_a_context_takes_its_groups_along(world):
    """Nobody has to empty them first: no event deletes a group."""
    world.found("leaving", "leaving.example")
    bob = make_event("CreateAccount", {"address": "bob@leaving.example"}, context="leaving")
    world.ask([bob])
    in_it = {"context": "leaving"}
    fill = make_event("SetGroupMembers", {"group": 1, "name": "all of us", "members": ["bob@leaving.example"]}, **in_it)
    (full,) = world.ask([make_event("DeleteContext", {"name": "leaving"}, **in_it)])
    assert full["code"] == "CONTEXT_NOT_EMPTY"
    results = [world.ask([event])[0] for event in (
        fill, make_event("DeleteDomain", {"domain": "leaving.example", "cascade": True}, **in_it),
        make_event("DeleteContext", {"name": "leaving"}, **in_it))]  # fmt: skip
    assert [result["status"] for result in results] == ["APPLIED"] * 3
    for table in ("mail_group", "group_member", "context"):
        column = "name" if table == "context" else "context"
        assert not world.database.rows(f"SELECT 1 FROM provd.{table} WHERE {column} = 'leaving'")
    (gone,) = world.ask([fill | {"event_id": uuid7()}])
    assert gone["code"] == "NO_SUCH_CONTEXT"


def test_a_member_that_is_purged_meanwhile_is_in_no_group(world, people):
    """Another worker purges the account after it was loaded: the batch loses the race and finds it gone."""
    ann, *_ = people
    world.ask([set_members(61, name="race")])
    purge = "DELETE FROM provd.account WHERE address = %s"
    with contextlib.closing(world.database.connect()) as connection, connection.cursor() as rival:
        rival.execute(purge, (ann,))
        sources = world.send([set_members(61, ann)])
        waiting = ("SELECT query FROM pg_stat_activity WHERE datname = current_database() AND usename = 'provd'"
                   " AND wait_event_type = 'Lock'")  # fmt: skip
        wait_until(lambda: world.database.rows(waiting), what="the lane waits for the account")
        connection.commit()
    (result,) = world.answers(sources)
    assert (result["status"], result["code"]) == ("REJECTED", "NO_SUCH_USER")
    assert not world.database.rows("SELECT 1 FROM provd.group_member WHERE number = 61")
    world.database.rows("DELETE FROM provd.service_account WHERE account_uuid = %s", people[ann]["account_uuid"])


def test_an_account_that_comes_into_a_group_while_it_is_purged_leaves_it_again(world, people):
    """The other way round: the purge has loaded it before, and waits until the other worker has committed."""
    _, bob, _ = people
    uuid = people[bob]["account_uuid"]
    world.ask([set_members(62, name="late")])
    with contextlib.closing(world.database.connect()) as connection, connection.cursor() as rival:
        rival.execute("SELECT FROM provd.account WHERE uuid = %s FOR KEY SHARE", (uuid,))
        rival.execute("INSERT INTO provd.group_member VALUES (%s, 62, %s, false, now())", (CONTEXT, uuid))
        sources = world.send([make_event("DeleteAccount", {"ref": {"address": bob}, "mode": "PURGE"})])
        waiting = ("SELECT query FROM pg_stat_activity WHERE datname = current_database() AND usename = 'provd'"
                   " AND wait_event_type = 'Lock'")  # fmt: skip
        wait_until(lambda: world.database.rows(waiting), what="the lane waits for the account")
        connection.commit()
    (result,) = world.answers(sources)
    assert result["status"] == "APPLIED"
    assert not world.database.rows("SELECT 1 FROM provd.group_member WHERE account_uuid = %s", uuid)


def test_lanes_that_meet_at_a_group_agree(world):
    """Group events belong on one partition; whoever sends them on several still gets whole groups."""
    people = [world.name() for _ in range(40)]
    world.ask([create(address) for address in people])
    world.ask([set_members(71, name="meeting")])
    sources = []
    for n, address in enumerate(people):
        sources += world.send([change_members(71, add=[address])], partition=n % 3)
        sources += world.send([make_event("UpdateAccount", {"ref": {"address": address}, "fields": ["group"],
                                                            "group": "meeting"})], partition=(n + 1) % 3)  # fmt: skip
    assert {result["status"] for result in world.answers(sources)} <= {"APPLIED", "NO_CHANGE"}
    assert members(world, 71) == [(address, True) for address in sorted(people)]
    version = world.database.value("SELECT version FROM provd.mail_group WHERE number = 71 AND context = %s", CONTEXT)
    applied = [r for r in world.answers(sources) if (r["kind"], r["status"]) == ("ChangeGroupMembers", "APPLIED")]
    assert version == 1 + len(applied)


def test_thousands_of_members_are_replaced_by_one_event(world):
    domain = "huge.example"
    world.ask([make_event("CreateDomain", {"domain": domain}), set_members(81, name="huge")])
    # Not by events, which would take a minute: accounts of a domain that is left out of the contract's counts.
    world.database.rows(
        "INSERT INTO provd.account (uuid, account_id, address, tombstone, deleted_at, domain, context, status, services,"
        " service_mode, version, revision, created_at, updated_at)"
        " SELECT md5('huge' || n)::uuid, 1000000 + n, 'u' || n || '@huge.example', 1000000 + n, now(), 'huge.example',"
        " %s, 'ACTIVE', 0, 'EAGER', 1, 1, now(), now() FROM generate_series(1, %s) n", CONTEXT, MANY)  # fmt: skip
    world.database.rows(
        "INSERT INTO provd.group_member SELECT context, 81, uuid, false, now() FROM provd.account"
        " WHERE domain = 'huge.example'; ANALYZE provd.group_member, provd.account")  # fmt: skip
    bob = world.name()
    world.ask([create(bob)])
    began = time.monotonic()
    (result,) = world.ask([set_members(81, bob)], limit_s=HUGE_LIMIT_S)
    print(f"{MANY} members replaced in {time.monotonic() - began:.1f} s")
    assert (result["status"], result["items_applied"], len(result["items"])) == ("APPLIED", MANY + 1, 100)
    assert members(world, 81) == [(bob, False)]
    assert not world.database.rows("SELECT 1 FROM provd.group_member WHERE number = 81 AND account_uuid <> %s"
                                   " LIMIT 1", world.database.value("SELECT uuid FROM provd.account WHERE address = %s", bob))  # fmt: skip
    world.database.rows("DELETE FROM provd.account WHERE domain = 'huge.example'")


def test_a_group_that_is_too_large_is_not_replaced(world):
    world.ask([set_members(91, name="larger")])
    world.database.rows("INSERT INTO provd.account (uuid, account_id, address, tombstone, deleted_at, domain, context,"
                        " status, services, service_mode, version, revision, created_at, updated_at)"
                        " SELECT md5('larger' || n)::uuid, 2000000 + n, 'v' || n || '@huge.example', 2000000 + n, now(),"
                        " 'huge.example', %s, 'ACTIVE', 0, 'EAGER', 1, 1, now(), now()"
                        " FROM generate_series(1, %s) n", CONTEXT, LIMIT + 1)  # fmt: skip
    world.database.rows("INSERT INTO provd.group_member SELECT context, 91, uuid, false, now() FROM provd.account"
                        " WHERE domain = 'huge.example'")  # fmt: skip
    (result,) = world.ask([set_members(91)], limit_s=HUGE_LIMIT_S)
    assert (result["status"], result["code"]) == ("REJECTED", "LIMIT_EXCEEDED")
    world.database.rows("DELETE FROM provd.group_member WHERE number = 91")
    world.database.rows("DELETE FROM provd.account WHERE domain = 'huge.example'")
