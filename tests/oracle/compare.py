"""Outcomes and rows against what the model expects."""
from oracle.act import Act, is_limited
from oracle.surroundings import Hashed


def outcome_differs(expected, outcome):
    """What of the outcome is not as expected, or None."""
    if outcome["status"] != expected.status:
        return f"status {expected.status} is expected"
    if outcome["code"] not in expected.codes and expected.status != "DUPLICATE":
        return f"code of {expected.codes} is expected"
    if expected.status in ("APPLIED", "PLANNED") or "FORBIDDEN" in expected.codes:
        changes = expected.changes + (expected.fan_out if "published" in outcome else [])
        if sorted(outcome["changes"]) != sorted(changes):
            return f"changes {changes} are expected, not {outcome['changes']}"
    elif outcome["changes"]:
        return f"no change is expected, but there is {outcome['changes']}"
    if not expected.has_target:
        return None
    for name in ("before", "after", "account", "services", "items", "applied"):
        if outcome[name] != getattr(expected, name):
            return f"{name} {getattr(expected, name)} is expected, not {outcome[name]}"
    return None


def expected_rows(model):
    """The model's rows under the names of the tables' columns."""
    rows = {}
    for name, context in model.contexts.items():
        rows["context", name] = flat(context) | {
            "domain_count": sum(d["context"] == name for d in model.domains.values())}
    for name, domain in model.domains.items():
        rows["domain", name] = flat(domain) | used_of(model, domain)
    for key, group in model.groups.items():
        rows["mail_group", *key] = dict(group)
    for key, member in model.members.items():
        rows["group_member", *key] = dict(member)
    for uuid, account in model.accounts.items():
        row = dict(account)
        provisioned, question, answer = (row.pop(k) for k in ("provisioned", "question", "answer"))
        rows["account", uuid] = row
        for bit in (1, 2, 4):
            if provisioned & bit:
                rows["service_account", uuid, bit] = {"active": True}
        if question is not None:
            rows["recovery", uuid] = {"question": question, "answer": answer, "version": 1}
    return rows


def used_of(model, domain):
    """What a domain uses of its limits; nobody counts where there are none."""
    if not is_limited(domain["limits"]):
        return {}
    counted = [account for account in model.live_in(domain["name"]) if Act.counts(account)]
    return {"used_accounts": len(counted),
            "used_quota_bytes": sum(account["quota_bytes"] or 0 for account in counted),
            "used_messages": sum(account["quota_messages"] or 0 for account in counted)}


def flat(row):
    return {k: v for k, v in row.items() if k != "limits"} | row["limits"]


def rows_differ(expected, found):
    """Where two sets of rows part, in words; None when they agree. Columns that are not expected are not looked at."""
    if expected.keys() != found.keys():
        missing, extra = sorted(expected.keys() - found.keys(), key=str), sorted(found.keys() - expected.keys(), key=str)
        return f"{len(missing)} rows are missing, e.g. {missing[:5]}; {len(extra)} should not be, e.g. {extra[:5]}"
    for key, row in expected.items():
        for column, value in row.items():
            if not same(value, found[key][column]):
                return f"{key}: {column} is {found[key][column]!r}, {value!r} is expected"
    return None


def same(expected, value):
    if isinstance(expected, Hashed):
        return expected.accepts(value)
    return expected == value
