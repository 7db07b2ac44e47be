"""Whether everything is as if nothing had happened."""
from oracle.database import differences
from oracle.story import unbalanced, untold
from support.contract import check_contract
from support.waiting import wait_until
from torture.traffic import CROWD_CONTEXT

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
    for machine in arena.machines:
        machine.check_log(world.secrets)
    log("nothing has crashed")
    check_contract(world)
    log("the contract holds")
    contexts = {name for island in traffic.script.islands for name in island.contexts}
    found = differences(world, traffic.unseal, contexts)
    assert not found, "the database or the results are not as the oracle has them:\n" + "\n".join(found)
    log("the oracle agrees")
    found = untold(world.database, contexts)
    assert not found, "the change log does not tell what is there:\n" + "\n".join(found)
    found = unbalanced(world.database, {CROWD_CONTEXT})
    assert not found, "the change log does not add up to the accounts of the crowd:\n" + "\n".join(found)
    log("the change log agrees")
