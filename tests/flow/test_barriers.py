"""Events that reach every account of a domain: one event, one statement, one result, however many accounts."""
import pytest

from support.events import make_event
from support.provd import binary
from support.waiting import wait_until

SANITIZED = "asan" in str(binary())  # the rules are the same, the time is not
MANY = 20_000 if SANITIZED else 100_000
FEW = 250
MIB = 1024 * 1024
PEAK_MEMORY_MIB = 160

FILL = """
WITH numbered AS (SELECT n, gen_random_uuid() AS uuid FROM generate_series(1, %s) AS n)
INSERT INTO provd.account (uuid, account_id, address, domain, context, status, services, service_mode, quota_bytes,
    version, revision, created_at, updated_at)
SELECT uuid, 100 * nextval('provd.account_id_block'), 'user' || n || '@' || %s, %s, %s, 'ACTIVE', 0, 'EAGER', 5, 1, 1, now(), now() FROM numbered
RETURNING 1
"""


def domain_event(kind, domain, **payload):
    return make_event(kind, {"scope": "DOMAIN", "domain": domain, **payload})


def fill(world, domain, count):
    """Accounts that were there before, without the events that made them."""
    world.found(f"of-{domain}", domain)
    world.database.rows(FILL, count, domain, domain, f"of-{domain}")


def in_context(domain, event):
    return {**event, "context": f"of-{domain}"}


def quotas(world, domain):
    return world.database.rows(
        "SELECT quota_bytes, version, count(*) FROM provd.account WHERE domain = %s GROUP BY 1, 2 ORDER BY 1", domain
    )


def peak_memory_mib(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        return next(int(line.split()[1]) / 1024 for line in status if line.startswith("VmHWM"))


def test_a_quota_for_a_whole_domain_is_one_event(world):
    fill(world, "many.example.org", MANY)
    sources = world.send([in_context("many.example.org", domain_event("SetQuota", "many.example.org", bytes=7 * MIB))])
    (result,) = world.answers(sources, limit_s=120)
    assert (result["status"], result["code"]) == ("APPLIED", None)
    assert (result["items_total"], result["items_applied"], result["items_unchanged"]) == (MANY, MANY, 0)
    assert len(result["items"]) == 100 and {item["status"] for item in result["items"]} == {"APPLIED"}
    assert quotas(world, "many.example.org") == [(7 * MIB, 2, MANY)]

    (summary,) = world.changes_of(sources[0])
    assert (summary["action"], summary["object_id"], summary["objects"]) == ("FANOUT", "many.example.org", MANY)
    assert summary["seq_last"] - summary["seq_first"] == MANY - 1
    rows = world.database.value(
        "SELECT count(*) FROM provd.change_log l JOIN provd.fence f USING (fence_id)"
        " WHERE f.topic = %s AND f.partition = %s AND seq BETWEEN %s AND %s AND object_id IS NOT NULL",
        world.topics.events,
        sources[0][0],
        summary["seq_first"],
        summary["seq_last"],
    )
    assert rows == MANY
    if not SANITIZED:
        (pid,) = world.worker.lane_pids()
        assert peak_memory_mib(pid) < PEAK_MEMORY_MIB


def test_a_fan_out_has_its_own_place_in_the_order(world):
    fill(world, "order.example.org", FEW)
    context, domain = "of-order.example.org", "order.example.org"
    events = [
        make_event("CreateAccount", {"address": f"before@{domain}", "quota_bytes": 1}, context=context),
        domain_event("SetQuota", domain, bytes=3 * MIB),
        make_event("CreateAccount", {"address": f"after@{domain}", "quota_bytes": 2}, context=context),
        domain_event("SetFlags", domain, set_mask=0x08),
        make_event("SetAccountStatus", {"ref": {"address": f"before@{domain}"}, "status": "LOCKED"}, context=context),
        domain_event("SetQuota", domain, bytes=3 * MIB),
    ]
    answers = world.ask([{**event, "context": context} for event in events], partition=0)
    assert [answer["status"] for answer in answers] == ["APPLIED"] * 6
    assert [answer["items_applied"] for answer in answers] == [None, FEW + 1, None, FEW + 2, None, 1]
    rows = world.database.rows(
        "SELECT address, quota_bytes, flags, status, version FROM provd.account WHERE address = ANY(%s) ORDER BY 1",
        [f"before@{domain}", f"after@{domain}"],
    )
    assert rows == [
        (f"after@{domain}", 3 * MIB, 0x08, "ACTIVE", 3),
        (f"before@{domain}", 3 * MIB, 0x08, "LOCKED", 4),
    ]


def test_a_fan_out_that_changes_nothing_says_so(world):
    fill(world, "same.example.org", FEW)
    (answer,) = world.ask([in_context("same.example.org", domain_event("SetQuota", "same.example.org", bytes=5))])
    assert (answer["status"], answer["items_applied"], answer["items_unchanged"]) == ("NO_CHANGE", 0, FEW)
    assert quotas(world, "same.example.org") == [(5, 1, FEW)]


def test_the_plan_of_a_fan_out_writes_nothing(world):
    fill(world, "planned.example.org", FEW)
    event = in_context("planned.example.org", domain_event("SetQuota", "planned.example.org", bytes=9))
    (answer,) = world.ask([{**event, "mode": "DRY_RUN"}])
    assert (answer["status"], answer["items_applied"]) == ("PLANNED", FEW)
    assert quotas(world, "planned.example.org") == [(5, 1, FEW)]
    (answer,) = world.ask([in_context("planned.example.org", domain_event("SetQuota", "planned.example.org", bytes=9))])
    assert (answer["status"], answer["items_applied"]) == ("APPLIED", FEW)


def test_a_domain_goes_with_its_accounts(world):
    fill(world, "gone.example.org", FEW)
    refused, done = world.ask(
        [
            make_event("DeleteDomain", {"domain": "gone.example.org"}, context="of-gone.example.org"),
            make_event("DeleteDomain", {"domain": "gone.example.org", "cascade": True}, context="of-gone.example.org"),
        ],
        partition=1,
    )
    assert (refused["status"], refused["code"]) == ("REJECTED", "DOMAIN_NOT_EMPTY")
    assert (done["status"], done["items_applied"]) == ("APPLIED", FEW)
    live = world.database.value("SELECT count(*) FROM provd.account WHERE domain = 'gone.example.org' AND tombstone = 0")
    assert live == 0


def test_a_lane_killed_inside_a_fan_out_loses_and_doubles_nothing(world):
    """All audit rows are written and the statement has run, but nothing is committed."""
    fill(world, "killed.example.org", 20_000)
    world.settle()
    world.worker.stop()  # so that it is the first batch of a lane that is killed
    world.worker.set_failpoints("in_transaction=kill")
    world.worker.start()
    victims = world.worker.wait_lanes(1)
    sources = world.send(
        [in_context("killed.example.org", domain_event("SetQuota", "killed.example.org", bytes=11 * MIB))]
    )
    wait_until(lambda: not set(victims) & set(world.worker.lane_pids()), 60, "the lane is killed inside a fan-out")
    assert quotas(world, "killed.example.org") == [(5, 1, 20_000)]
    world.worker.set_failpoints("")
    (answer,) = world.answers(sources, limit_s=120)
    assert (answer["status"], answer["items_applied"]) == ("APPLIED", 20_000)
    assert quotas(world, "killed.example.org") == [(11 * MIB, 2, 20_000)]


SLOW = """
CREATE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(0.01); RETURN NEW; END';
CREATE TRIGGER dawdle BEFORE UPDATE ON provd.account FOR EACH ROW EXECUTE FUNCTION dawdle();
GRANT EXECUTE ON FUNCTION dawdle() TO provd_writer;
"""


@pytest.fixture(scope="module")
def slow_world(make_world):
    """Each row takes 10 ms to write: 250 of them are longer than a statement of another kind may take."""
    settings = {"database.statement_timeout": "1500ms", "database.fanout_timeout": "20s"}
    world = make_world(settings=settings, partitions=1).start()
    fill(world, "slow.example.org", FEW)
    world.database.rows(SLOW + "SELECT 1")
    return world


def slow_quota(mebibytes):
    return in_context("slow.example.org", domain_event("SetQuota", "slow.example.org", bytes=mebibytes * MIB))


def test_a_fan_out_may_take_longer_than_other_statements(slow_world):
    (answer,) = slow_world.ask([slow_quota(2)])
    assert (answer["status"], answer["items_applied"]) == ("APPLIED", FEW)


def test_a_fan_out_that_never_ends_in_time_is_buried_and_its_neighbours_are_not(slow_world):
    world = slow_world
    world.worker.stop()
    world.worker.write_settings(database__fanout_timeout="1s")
    around = [make_event("CreateAccount", {"address": f"{name}@slow.example.org"}, context="of-slow.example.org")
              for name in ("before", "behind")]  # fmt: skip
    sources = world.send([around[0], slow_quota(3), around[1]])
    world.worker.start()
    before, buried, behind = world.answers(sources)
    assert (before["status"], behind["status"]) == ("APPLIED", "APPLIED")
    assert (buried.stage, buried.code) == ("APPLY", "STORAGE_REFUSED")
    assert "database.fanout_timeout" in buried.message
    world.settle()
    world.database.rows("DELETE FROM provd.account WHERE created_by IS NULL RETURNING 1")
    world.check()


def test_the_contract_holds(world):
    """Of all but the accounts that no event has made."""
    world.settle()
    world.database.rows("DELETE FROM provd.account WHERE created_by IS NULL RETURNING 1")
    world.check()


def test_a_barrier_that_is_read_again_behind_new_accounts(make_world):
    """Their rows are still on their way to the database when its part of the batch begins, which has nothing to load. Which
    partition comes first is up to Kafka: so both ways round."""
    world = make_world(partitions=2, settings={"batch.max_wait": "500ms"}).start()
    for again, new in ((0, 1), (1, 0)):
        everybody = make_event("SetQuota", {"scope": "DOMAIN", "domain": "example.org", "bytes": 10 + again})
        ((_, place),) = world.send([everybody], partition=again)
        world.settle()
        world.worker.stop()
        world.set_offsets({again: place})
        (created,) = world.send([make_event("CreateAccount", {"address": world.name()})], partition=new)
        world.worker.start()
        assert [answer["status"] for answer in world.answers([created])] == ["APPLIED"]
    world.check()
