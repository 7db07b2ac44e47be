"""The fold against the model, on random histories. A failure shows the shortest history that fails.

PROVD_TEST_SEED runs one seed alone, PROVD_TEST_HISTORIES more of them.
"""
import json
import os
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
# pylint: disable=wrong-import-position
from histories import Fold, Writer, cuts_of, shrink  # noqa: E402
from model import Model  # noqa: E402

HISTORIES = int(os.environ.get("PROVD_TEST_HISTORIES", "1500"))
PROGRAM = pathlib.Path(os.environ.get("PROVD_TEST_BUILD_DIR", "build/dev")) / "tests/oracle/fold"


@pytest.fixture(scope="module")
def fold():
    program = Fold(str(PROGRAM))
    yield program
    program.close()


# --- comparing ------------------------------------------------------------------------------------


def outcome_differs(expected, outcome):
    """What of the outcome is not as expected, or None."""
    if outcome["status"] != expected.status:
        return f"status {expected.status} is expected"
    if outcome["code"] not in expected.codes and expected.status != "DUPLICATE":
        return f"code of {expected.codes} is expected"
    if sorted(outcome["changes"]) != sorted(expected.changes):
        if expected.status in ("APPLIED", "PLANNED") or "FORBIDDEN" in expected.codes:
            return f"changes {expected.changes} are expected"
    if not expected.has_target:
        return None
    for name in ("before", "after", "account", "services", "items", "applied"):
        if outcome[name] != getattr(expected, name):
            return f"{name} {getattr(expected, name)} is expected"
    return None


def rows_of_model(model):
    """The model's rows under the names of the tables' columns."""
    rows = {}
    for name, context in model.contexts.items():
        rows["context", name] = flat(context) | {
            "domain_count": sum(d["context"] == name for d in model.domains.values())}
    for name, domain in model.domains.items():
        rows["domain", name] = flat(domain)
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


def flat(row):
    return {k: v for k, v in row.items() if k != "limits"} | row["limits"]


def rows_differ(model, tables):
    expected = rows_of_model(model)
    found = {("context", r["name"]): r for r in tables["context"]}
    found |= {("domain", r["name"]): r for r in tables["domain"]}
    found |= {("account", r["uuid"]): r for r in tables["account"]}
    found |= {("service_account", r["account_uuid"], r["service"]): r
              for r in tables["service_account"]}
    found |= {("recovery", r["account_uuid"]): r for r in tables["recovery"]}
    if expected.keys() != found.keys():
        return f"rows {sorted(map(str, expected.keys() ^ found.keys()))} are on one side only"
    for key, row in expected.items():
        for column, value in row.items():
            if found[key][column] != value:
                return f"{key}: {column} is {found[key][column]!r}, {value!r} is expected"
    return None


def difference(fold, events, cuts):
    """Where fold and model part, in words; None when they agree."""
    model = Model()
    outcomes, tables = fold.run(events, cuts)
    for i, (event, outcome) in enumerate(zip(events, outcomes)):
        reason = outcome_differs(model.process(event), outcome)
        if reason:
            return f"event {i} becomes {json.dumps(outcome)}: {reason}"
    return rows_differ(model, tables)


# --- tests ----------------------------------------------------------------------------------------


def seeds():
    if "PROVD_TEST_SEED" in os.environ:
        return [int(os.environ["PROVD_TEST_SEED"])]
    return range(1, HISTORIES + 1)


def test_fold_and_model_agree_on_random_histories(fold):
    for seed in seeds():
        events = Writer(seed).history()
        cuts = cuts_of(seed, len(events))
        if difference(fold, events, cuts) is None:
            continue

        def still_fails(shorter, seed=seed):
            return difference(fold, shorter, cuts_of(seed, len(shorter))) is not None

        shortest = shrink(events, still_fails)
        told = "\n".join(f"{i:3} {json.dumps(e)}" for i, e in enumerate(shortest))
        reason = difference(fold, shortest, cuts_of(seed, len(shortest)))
        pytest.fail(f"seed {seed}: {reason}\n{told}", pytrace=False)


def test_histories_reach_most_that_can_become_of_an_event(fold):
    reached = set()
    for seed in range(1, 400):
        events = Writer(seed).history()
        for outcome in fold.run(events, [])[0]:
            reached |= {outcome["status"], outcome["code"]}
    missing = {
        "APPLIED", "NO_CHANGE", "DUPLICATE", "PLANNED", "REJECTED", "EXPIRED", "INVALID_FIELD",
        "MISSING_FIELD", "INVALID_ADDRESS", "NAME_TOO_LONG", "BAD_CHARACTER", "INVALID_QUOTA",
        "UNKNOWN_SCHEME", "WEAK_PASSWORD", "CLEARTEXT_SECRET", "ID_REUSED", "NO_SUCH_CONTEXT",
        "NO_SUCH_DOMAIN", "NO_SUCH_ACCOUNT", "NO_SUCH_GROUP", "ALREADY_EXISTS",
        "VERSION_MISMATCH", "ADDRESS_RESERVED", "CATCHALL_IN_USE", "LIMIT_EXCEEDED",
        "DOMAIN_NOT_EMPTY", "CONTEXT_NOT_EMPTY", "FORBIDDEN", "AUTH_FAILED"} - reached
    assert not missing


def test_a_wrong_model_is_noticed(fold, monkeypatch):
    """The comparison can fail, and failing histories become short."""
    monkeypatch.setattr("model.GRACE_US", 0)
    for seed in range(1, 500):
        events = Writer(seed).history()
        if difference(fold, events, []) is not None:
            break
    else:
        pytest.fail("no history notices that the grace period is gone")
    assert len(shrink(events, lambda e: difference(fold, e, []) is not None)) <= 5
