"""What a lane keeps in memory has a ceiling: batches, transactions, and events about thousands of users at once."""
from support.events import make_event
from support.waiting import wait_until
from support.world import CONTEXT

CEILING = {"batch.memory_max": "16MiB", "limits.event_bytes": "256KiB"}
TOO_MANY_FOR_IT = 12_000  # events without anything optional
LONG_REASON = "x" * 10_000  # stands in the change record of each member
MEMBERS = 2_500  # whose change records, with such a reason, are larger than it
TOO_LARGE_FOR_IT = 40_000  # members of a group that is replaced
BEHIND_IT = 3_000
LISTED = 10_000  # users, as many as an event may list
CEILING_OF_LISTED = "40MiB"  # of one such event, not of two
FIRST_ID = 1_000_000


def create(world, **fields):
    return make_event("CreateAccount", {"address": world.name(), **fields})


def set_members(group, members, **fields):
    return make_event("SetGroupMembers", {"group": group, "members": members}, **fields)


def plant_accounts(world, count):
    """Not by events: accounts of a domain that is left out of the contract's counts, until they are uprooted."""
    world.ask([make_event("CreateDomain", {"domain": "huge.example"})])
    world.database.rows(
        "INSERT INTO provd.account (uuid, account_id, address, tombstone, domain, context, status, services, service_mode,"
        " version, revision, created_at, updated_at)"
        " SELECT md5('huge' || n)::uuid, %s + n, 'u' || n || '@huge.example', 0, 'huge.example', %s, 'ACTIVE', 0, 'EAGER',"
        " 1, 1, now(), now() FROM generate_series(1, %s) n", FIRST_ID, CONTEXT, count)  # fmt: skip


def uproot_accounts(world):
    world.database.rows("DELETE FROM provd.group_member WHERE account_uuid IN"
                        " (SELECT uuid FROM provd.account WHERE domain = 'huge.example')")  # fmt: skip
    world.database.rows("DELETE FROM provd.account WHERE domain = 'huge.example'")


def member_count(world, group):
    return world.database.value("SELECT count(*) FROM provd.group_member WHERE number = %s", group)


def test_a_batch_that_does_not_fit_is_done_in_smaller_ones(make_world):
    world = make_world(partitions=1).start()
    events = [create(world) for _ in range(TOO_MANY_FOR_IT)]
    world.worker.stop()
    sources = world.send(events)
    # A batch ends with the last of them, however long it takes to read them.
    one_batch = {"batch__max_events": len(events), "batch__max_wait": "10s", "batch__max_bytes": "4MiB"}
    world.worker.write_settings(**one_batch, batch__memory_max="16MiB")
    world.worker.start(wait=False)
    assert {result["status"] for result in world.answers(sources)} == {"APPLIED"}
    assert "needs more memory than batch.memory_max" in world.worker.log_text()
    world.check()


def test_an_event_that_alone_does_not_fit_is_a_dead_letter(make_world):
    world = make_world(partitions=1, settings=CEILING).start()
    world.ask([set_members(1, [])])
    plant_accounts(world, TOO_LARGE_FOR_IT)
    world.database.rows("INSERT INTO provd.group_member SELECT context, 1, uuid, false, now() FROM provd.account"
                        " WHERE domain = 'huge.example'")  # fmt: skip
    rebalances = world.worker.metric("provd_rebalances_total")
    # More are behind it than a lane holds back of what it reads meanwhile.
    letter, *results = world.ask([set_members(1, []), *(create(world) for _ in range(BEHIND_IT))], limit_s=180)
    assert (letter.stage, letter.code) == ("FRAME", "TOO_LARGE") and "batch.memory_max" in letter.message
    assert {result["status"] for result in results} == {"APPLIED"}
    assert member_count(world, 1) == TOO_LARGE_FOR_IT
    assert world.worker.metric("provd_rebalances_total") == rebalances, "the group hears nothing of it"
    uproot_accounts(world)
    world.check()


def test_the_change_log_of_many_members_is_written_in_pieces(make_world):
    """The reason, at its longest, stands in the change record of each who goes: together they are larger than memory."""
    world = make_world(partitions=1, settings=CEILING).start()
    people = [world.name() for _ in range(MEMBERS)]
    world.ask([make_event("CreateAccount", {"address": address}) for address in people])
    (made,) = world.ask([set_members(1, people)])
    assert made["status"] == "APPLIED"
    actor = {"kind": "SYSTEM", "id": "crm", "reason": LONG_REASON}
    emptied, result = world.ask([set_members(1, [], actor=actor), create(world)])
    assert (emptied["status"], emptied["items_applied"], result["status"]) == ("APPLIED", MEMBERS, "APPLIED")
    assert member_count(world, 1) == 0
    assert "batch.memory_max" not in world.worker.log_text()
    world.check()


def test_events_that_list_many_users_come_alone(make_world):
    """Each of them fits, all together do not: nothing has to be read again to find that out."""
    world = make_world(partitions=1, settings={**CEILING, "batch.memory_max": CEILING_OF_LISTED}).start()
    plant_accounts(world, LISTED)
    world.worker.stop()
    users = [str(FIRST_ID + n) for n in range(1, LISTED + 1)]
    sources = world.send([create(world), set_members(1, users), set_members(2, users), create(world),
                          set_members(3, users), set_members(4, []), create(world)])  # fmt: skip
    world.worker.write_settings(batch__max_wait="1s")
    world.worker.start(wait=False)
    assert {result["status"] for result in world.answers(sources)} == {"APPLIED"}
    assert [member_count(world, group) for group in range(1, 5)] == [LISTED] * 3 + [0]
    assert "batch.memory_max" not in world.worker.log_text()
    wait_until(lambda: world.worker.metric("provd_batch_events_count") == 3,
               what="one batch for each that lists as many as may be")  # fmt: skip
    uproot_accounts(world)
    world.check()
