"""group: made, filled, shown, against the real worker."""
import pytest

DATA, USAGE = 65, 64
PEOPLE = ("ann@example.org", "bob@example.org", "eve@example.org")
ACME = ("--context", "acme")


@pytest.fixture(scope="module", autouse=True)
def people(run):
    """id by address."""
    ids = {}
    for address in PEOPLE:
        run("account", "add", address, "-n", code=None)
        ids[address] = run("account", "show", address, "-o", "json", "--depth", 0).json["account"]["account_id"]
    return ids


def members(run, group):
    found = run("group", "show", group, "-o", "json").json["members"]
    return [member["address"] for member in found]


def test_a_group_is_set_added_to_and_taken_from(run, people):
    ann, bob, eve = PEOPLE
    ran = run("group", "set", 9, ann, people[bob], "--name", "support-team", *ACME, "--ticket", "HD-1")
    assert ran.out == "9: APPLIED (2 of 2 accounts changed)\n"
    assert members(run, 9) == members(run, "support-team") == [ann, bob]
    assert run("group", "add", 9, eve, bob, *ACME).out == "9: APPLIED (1 of 2 accounts changed)\n"
    assert run("group", "add", 9, eve, *ACME).out == "9: NO_CHANGE (0 of 1 accounts changed)\n"
    assert "PLANNED (1 of 1 accounts changed)" in run("group", "remove", 9, eve, *ACME, "--dry-run").out
    assert run("group", "remove", 9, eve, ann, *ACME, "-o", "json").json["items_applied"] == 2
    assert members(run, 9) == [bob]


def test_what_the_worker_refuses_is_told(run):
    ran = run("group", "add", 99, PEOPLE[0], *ACME, code=DATA)
    assert ran.out == "Error: the context has no group 99\n" and "NO_SUCH_GROUP" in ran.err
    assert "NO_SUCH_USER" in run("group", "set", 98, "nobody@example.org", *ACME, code=DATA).err
    assert "NO_SUCH_CONTEXT" in run("group", "set", 98, "--context", "none", code=DATA).err


@pytest.mark.parametrize("arguments, said", [
    (["set", 9], "--context is needed"),
    (["set", 0, *ACME], "no number of a group"),
    (["set", "support-team", *ACME], "no number of a group"),
    (["add", 9, *ACME], "missing argument"),
    (["remove", 2**31, "x", *ACME], "no number of a group"),
    (["show", 9, "--members", -1], "--members"),
])  # fmt: skip
def test_a_wrong_call_is_explained(run, arguments, said):
    assert said in run("group", *arguments, code=USAGE).err


def test_groups_are_listed_and_shown(run, people):
    run("group", "set", 21, *PEOPLE, "-n", "shown", *ACME)
    run("account", "update", PEOPLE[1], "group=shown")
    listed = run("group", "list", *ACME, "-o", "jsonl").out
    assert '"shown"' in listed and not run("group", "list", "--context", "none", "-o", "jsonl").out
    assert "shown" in run("group", "list").out
    shown = run("group", "show", 21, "-o", "json", "--members", 2).json
    assert (shown["group"]["number"], shown["group"]["name"], shown["group"]["context"]) == (21, "shown", "acme")
    assert [(m["address"], m["id"], m["own"]) for m in shown["members"]] == [
        (PEOPLE[0], people[PEOPLE[0]], False), (PEOPLE[1], people[PEOPLE[1]], True)]  # fmt: skip
    assert "there is no group nothing" in run("group", "show", "nothing", code=DATA).err
    story = run("account", "show", PEOPLE[1], "-o", "json").json
    assert {"number": 21, "name": "shown", "own": True} in story["groups"]
    assert any(change["object_type"] == "group_member" for change in story["changes"]), "when it came in"


def test_a_number_that_several_contexts_have_needs_the_context(run):
    run("events", "send", "--wait=90s", stdin='{"payload": {"CreateContext": {"name": "rival"}}}')
    for context in ("acme", "rival"):
        run("group", "set", 31, "--context", context, "--name", f"of-{context}")
    assert "give --context" in run("group", "show", 31, code=USAGE).err
    assert run("group", "show", 31, "--context", "rival", "-o", "json").json["group"]["name"] == "of-rival"
