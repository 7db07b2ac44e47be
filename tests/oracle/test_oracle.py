"""The fold against the model, on random histories. A failure shows the shortest history that fails.

PROVD_TEST_SEED runs one seed alone, PROVD_TEST_HISTORIES more of them, PROVD_TEST_SECONDS as many as there is time for,
from the seed PROVD_TEST_FROM on.
"""
import itertools
import json
import os
import pathlib
import time

import pytest

from oracle.compare import expected_rows, outcome_differs, rows_differ
from oracle.database import expected
from oracle.histories import Fold, Writer, cuts_of, shrink
from oracle.model import Model
from support.events import make_event

HISTORIES = int(os.environ.get("PROVD_TEST_HISTORIES", "1500"))
EVENT_ID = "019bc1a0-5c01-7b3e-9d42-6fd3a1b41eef"
UUID = "019bc1a0-5c01-7ec4-adb8-f437949be487"  # of the account that it makes
FIRST = int(os.environ.get("PROVD_TEST_FROM", "1"))
PROGRAM = pathlib.Path(os.environ.get("PROVD_TEST_BUILD_DIR", "build/dev")) / "tests/oracle/fold"


@pytest.fixture(scope="module")
def fold():
    program = Fold(str(PROGRAM))
    yield program
    program.close()


# --- comparing ------------------------------------------------------------------------------------


def rows_by_key(tables):
    found = {("context", r["name"]): r for r in tables["context"]}
    found |= {("domain", r["name"]): r for r in tables["domain"]}
    found |= {("account", r["uuid"]): r for r in tables["account"]}
    found |= {("service_account", r["account_uuid"], r["service"]): r
              for r in tables["service_account"]}
    found |= {("recovery", r["account_uuid"]): r for r in tables["recovery"]}
    found |= {("mail_group", r["context"], r["number"]): r for r in tables["mail_group"]}
    found |= {("group_member", r["context"], r["number"], r["account_uuid"]): r for r in tables["group_member"]}
    return found


def difference(fold, events, cuts):
    """Where fold and model part, in words; None when they agree."""
    model = Model()
    outcomes, tables = fold.run(events, cuts)
    for i, (event, outcome) in enumerate(zip(events, outcomes)):
        reason = outcome_differs(model.process(event), outcome)
        if reason:
            return f"event {i} becomes {json.dumps(outcome)}: {reason}"
    return rows_differ(expected_rows(model), rows_by_key(tables))


# --- tests ----------------------------------------------------------------------------------------


def seeds():
    if "PROVD_TEST_SEED" in os.environ:
        return [int(os.environ["PROVD_TEST_SEED"])]
    if "PROVD_TEST_SECONDS" in os.environ:
        end = time.monotonic() + float(os.environ["PROVD_TEST_SECONDS"])
        return itertools.takewhile(lambda _: time.monotonic() < end, itertools.count(FIRST))
    return range(FIRST, FIRST + HISTORIES)


def test_fold_and_model_agree_on_random_histories(fold):
    agreed = 0
    for seed in seeds():
        events = Writer(seed).history()
        cuts = cuts_of(seed, len(events))
        if difference(fold, events, cuts) is None:
            agreed += 1
            continue

        def still_fails(shorter, seed=seed):
            return difference(fold, shorter, cuts_of(seed, len(shorter))) is not None

        shortest = shrink(events, still_fails)
        told = "\n".join(f"{i:3} {json.dumps(e)}" for i, e in enumerate(shortest))
        reason = difference(fold, shortest, cuts_of(seed, len(shortest)))
        pytest.fail(f"seed {seed}, after {agreed} that agree: {reason}\n{told}", pytrace=False)
    print(f"{agreed} histories agree")


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
        "NO_SUCH_DOMAIN", "NO_SUCH_ACCOUNT", "NO_SUCH_GROUP", "NO_SUCH_USER", "ALREADY_EXISTS",
        "VERSION_MISMATCH", "ADDRESS_RESERVED", "CATCHALL_IN_USE", "LIMIT_EXCEEDED",
        "DOMAIN_NOT_EMPTY", "CONTEXT_NOT_EMPTY", "FORBIDDEN", "AUTH_FAILED"} - reached
    assert not missing


def test_events_as_they_travel_lead_to_rows():
    """The same by uuid and by address, sealed and hashed; the uuid is the one that every version must derive."""
    events = [
        make_event("CreateContext", {"name": "acme"}),
        make_event("CreateDomain", {"domain": "example.org", "limits": {"max_accounts": 3}}),
        make_event("CreateAccount", {"address": "Bob@example.org", "services": 3, "password": {
            "SealedSecret": {"key_id": "k", "ciphertext": b"box"}}}, event_id=EVENT_ID),
        make_event("VerifyPassword", {"ref": {"uuid": UUID}, "secret": {"key_id": "k", "ciphertext": b"box"}}),
        make_event("SetQuota", {"ref": {"address": "bob@example.org"}, "quota": "1K"}),
    ]  # fmt: skip
    rows, became = expected([*events, events[2]], unseal=lambda _key_id, _ciphertext: "open sesame")
    assert [e.status for e in became] == ["APPLIED", "APPLIED", "APPLIED", "NO_CHANGE", "APPLIED", "DUPLICATE"]
    assert rows["domain", "example.org"]["used_accounts"] == 1
    assert rows["account", UUID]["address"] == "bob@example.org"
    assert (rows["account", UUID]["quota_bytes"], rows["account", UUID]["version"]) == (1024, 2)
    assert {key for key in rows if key[0] == "service_account"} == {
        ("service_account", UUID, 1), ("service_account", UUID, 2)}


def test_a_wrong_model_is_noticed(fold, monkeypatch):
    """The comparison can fail, and failing histories become short."""
    monkeypatch.setattr("oracle.act.GRACE_US", 0)
    for seed in range(1, 500):
        events = Writer(seed).history()
        if difference(fold, events, []) is not None:
            break
    else:
        pytest.fail("no history notices that the grace period is gone")
    assert len(shrink(events, lambda e: difference(fold, e, []) is not None)) <= 7
