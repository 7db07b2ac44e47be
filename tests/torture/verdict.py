"""Whether everything is as if nothing had happened."""
import collections

from oracle.database import differences
from support.contract import check_contract
from support.events import decode_change
from support.waiting import wait_until

SETTLE_LIMIT_S = 240
READY_LIMIT_S = 60


def judge(arena, traffic, log):
    """Waits until the lag is zero, without a person, and compares everything with everything."""
    world = arena.world
    world.settle(SETTLE_LIMIT_S)
    log("lag is zero")
    for machine in arena.machines[:-1]:
        wait_until(lambda machine=machine: machine.get("/readyz").ok, READY_LIMIT_S, "all workers are ready")
    log("workers are ready")
    check_contract(world)
    log("the contract holds")
    contexts = {name for island in traffic.islands for name in island.contexts}
    found = differences(world, traffic.unseal, contexts)
    assert not found, "the database or the results are not as the oracle has them:\n" + "\n".join(found)
    log("the oracle agrees")
    check_change_log(world.database)
    log("the change log agrees")


def check_change_log(database):
    """The change log says what changed: the fields of each account, played from its records, are those of its row."""
    rows = database.rows(
        "SELECT f.partition, c.seq, c.frame || c.body || c.hash FROM provd.change_log c"
        " JOIN provd.fence f USING (fence_id) ORDER BY 1, 2"
    )
    records = collections.defaultdict(list)  # uuid -> (partition, change), in the order of the chain
    for partition, seq, value in rows:
        change = decode_change(bytes(value))
        if change["object_type"] == "account" and change["object_uuid"] and change["action"] != "REFUSED":
            records[change["object_uuid"]].append((partition, change))
    # Records of two partitions have no order that an outsider could know.
    played = {uuid: _play(found) for uuid, found in records.items() if len({partition for partition, _ in found}) == 1}
    _compare_with_accounts(database, played)


def _play(records):
    """The fields of an account after its change records; each record must begin where the one before it ended."""
    fields = {}
    for partition, change in records:
        for field in change["before"]:
            known = fields.get(field["name"], field["value"])
            where = f"change {change['chain_seq']} of partition {partition}"
            assert known == field["value"], f"{where}: {field} is said to have been, and it was {known!r}"
        fields.update((field["name"], field["value"]) for field in change["after"])
    return fields


def _compare_with_accounts(database, played):
    names = [name for (name,) in database.rows(
        "SELECT column_name::text FROM information_schema.columns WHERE table_schema = 'provd' AND table_name = 'account'"
        " ORDER BY ordinal_position")]  # fmt: skip
    provisioned = "(SELECT COALESCE(sum(service), 0)::int FROM provd.service_account WHERE account_uuid = uuid AND active)"
    for values in database.rows(f"SELECT {', '.join(names)}, {provisioned} FROM provd.account"):
        row = dict(zip([*names, "provisioned"], values))
        for name, value in played.get(str(row["uuid"]), {}).items():
            stored = row.get(name)
            if name not in row or value == "***" or isinstance(stored, bool) or not isinstance(stored, (str, int, type(None))):
                continue  # the oracle has compared these
            same = (None if stored is None else str(stored)) == value
            assert same, f"account {row['uuid']}: {name} is {stored!r}, the change log has {value!r}"
