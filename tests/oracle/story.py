"""The change log as a story: told from its beginning, it must lead to the rows that are there.

Nothing of the model is needed: what a record says was there before must be what the records before it left.
"""
import collections
import datetime

from support.events import decode_change

NO_CHANGES = ("REFUSED", "FANOUT", "OPERATOR")
HIDDEN = "***"
NO_COLUMNS = {"group_number"}  # memberships have rows of their own
COUNTS = ("members_added", "members_removed")  # of one event: nothing that stays


def untold(database, contexts=None, limit=20):
    """Where the change log says what was not so, or leaves out what is: a list of texts. Every object's events must lie
    in one partition: only there is the log in their order. `contexts`: look at objects of these alone."""
    state, wrong = {}, []
    for (value,) in database.rows("SELECT frame || body || hash FROM provd.change_log ORDER BY fence_id, seq"):
        change = decode_change(bytes(value))
        if change["action"] not in NO_CHANGES and (contexts is None or change["context"] in contexts):
            wrong += _tell(state, change)
    return (wrong + _compare(state, _rows(database, contexts)))[:limit]


def unbalanced(database, contexts=None, limit=20):
    """The same for accounts that several partitions have changed, whose records have no order that we could know: a list
    of texts. Each record is a version, and found of each of its fields what another record has left: nothing before the
    first, and what the last has left is there. Who overwrites a change without having seen it finds what somebody else
    has found."""
    left, versions = collections.defaultdict(collections.Counter), collections.Counter()
    for (value,) in database.rows("SELECT frame || body || hash FROM provd.change_log"):
        change = decode_change(bytes(value))
        if change["action"] in NO_CHANGES or change["object_type"] != "account":
            continue
        before, after = _fields(change, "before"), _fields(change, "after")
        versions[change["object_uuid"]] += 1
        for name in {**before, **after}.keys() - NO_COLUMNS:
            left[change["object_uuid"], name].update([after.get(name)])
            left[change["object_uuid"], name].subtract([before.get(name)])
    accounts = {key[1]: row for key, row in _rows(database, contexts).items() if key[0] == "account"}
    wrong = [f"account {uuid} is at version {row['version']}, the log has {versions[uuid]} changes of it"
             for uuid, row in accounts.items() if versions[uuid] != row["version"]]  # fmt: skip
    for (uuid, name), values in sorted(left.items()):
        if uuid in accounts and (surplus := _surplus(name, values, accounts[uuid].get(name))):
            wrong.append(f"account {uuid}: {name} is {accounts[uuid].get(name)!r}, left more often than found: {surplus}")
    return wrong[:limit]


def _surplus(name, left, there):
    """Value -> how often it was left more often than found, when the beginning and the end are counted."""
    nothing = "0" if name == "provisioned" else None  # an account without services has no row of them
    there = nothing if there is None else HIDDEN if HIDDEN in left else _text(there)
    surplus = collections.Counter([nothing])
    for value, count in left.items():
        surplus[nothing if value is None else value] += count
    surplus.subtract([there])
    return {value: count for value, count in surplus.items() if count}


def _key(change, before):
    """A group is known by its context and the name that it had before."""
    if change["object_type"] == "mail_group":
        return "mail_group", (change["context"], before.get("name") or change["object_id"])
    return change["object_type"], change["object_uuid"] or change["object_id"]


def _fields(change, side):
    return {field["name"]: field["value"] for field in change[side] if field["name"] not in COUNTS}


def _tell(state, change):
    before, after = _fields(change, "before"), _fields(change, "after")
    key = _key(change, before)
    if key[0] == "group_member":
        return _tell_member(state, (change["context"], key[1]), before, after)
    wrong = []
    if "group_number" in {**before, **after}:
        sides = [{"number": side.pop("group_number", None)} for side in (before, after)]
        wrong += _tell_member(state, (change["context"], key[1]), *sides)
    known = state.setdefault(key, {})
    wrong += [f"{key}: {change['action']} {change['chain_seq']} found {name} {value!r}, the log left {known.get(name)!r}"
             for name, value in before.items() if known.get(name) != value]  # fmt: skip
    if change["action"] == "CREATE" and known:
        wrong.append(f"{key} is made a second time")
    known.update(after)
    if change["action"] == "PURGE" or (change["action"] == "DELETE" and change["object_type"] != "account"):
        del state[key]
        _forget_groups(state, *key)
    if key[0] == "mail_group" and "name" in before:
        state["mail_group", (change["context"], after["name"])] = state.pop(key)
    return wrong


def _tell_member(state, member, before, after):
    """A membership is there or not. An account that makes a group its own may be in it already."""
    wrong = []
    if before.get("number") is not None and not state.pop(("group_member", (*member, before["number"])), False):
        wrong.append(f"{member} leaves group {before['number']}, where it was not")
    if after.get("number") is not None:
        state["group_member", (*member, after["number"])] = {"number": after["number"]}
    return wrong


def _forget_groups(state, kind, name):
    """Those of a context that is gone, and the memberships of an account that is."""
    gone = [key for key in state if kind == "context" and key[0] in ("mail_group", "group_member") and key[1][0] == name]
    gone += [key for key in state if kind == "account" and key[0] == "group_member" and key[1][1] == name]
    for key in gone:
        del state[key]


def _rows(database, contexts):
    """The rows by the keys of the log, with what it tells of services and recovery as columns."""
    rows = {}
    for table, key in (("context", "name"), ("domain", "name"), ("account", "uuid::text")):
        for name, row in database.rows(f"SELECT {key}, to_jsonb(t) FROM provd.{table} t"):
            if contexts is None or row.get("context", name) in contexts:
                rows[table, name] = row
    for context, name, number in database.rows("SELECT context, name, number FROM provd.mail_group"):
        if contexts is None or context in contexts:
            rows["mail_group", (context, name)] = {"name": name, "number": number}
    members = "SELECT context, account_uuid::text, number::text FROM provd.group_member"
    for context, uuid, number in database.rows(members):
        if contexts is None or context in contexts:
            rows["group_member", (context, uuid, number)] = {"number": number}
    for uuid, bits in database.rows("SELECT account_uuid::text, sum(service) FROM provd.service_account GROUP BY 1"):
        rows.get(("account", uuid), {})["provisioned"] = int(bits)
    for uuid, question, answer in database.rows("SELECT account_uuid::text, question, answer FROM provd.recovery"):
        rows.get(("account", uuid), {}).update(recovery_question=question, recovery_answer=answer)
    return rows


def _compare(state, rows):
    wrong = [f"{key} is on one side only" for key in sorted(state.keys() ^ rows.keys())]
    told = {(key[0], name) for key, fields in state.items() for name in fields}
    for key in state.keys() & rows.keys():
        for name in sorted(name for table, name in told if table == key[0]):
            there, said = _text(rows[key].get(name)), state[key].get(name)
            if name == "provisioned":
                there, said = there or "0", said or "0"  # an account without services has no row of them
            if (there is None) != (said is None) or said not in (HIDDEN, there):
                wrong.append(f"{key}: {name} is {there!r}, the log says {said!r}")
    return wrong


def _text(value):
    """As change records write values."""
    if value is None or isinstance(value, str) and "T" not in value:
        return value
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return str(value)
    try:
        moment = datetime.datetime.fromisoformat(value)
    except ValueError:
        return value
    return moment.astimezone(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
