"""account show and ledger show: what the database knows, without a secret."""
import uuid

import pytest

from support.history import History
from support.events import uuid7

DATA, USAGE, UNAVAILABLE, CONFIG_ERROR = 65, 64, 69, 78
HASH = "{SSHA256}aHVzaC1odXNo"


@pytest.fixture
def history(database):
    database.rows("TRUNCATE provd.change_log, provd.fence, provd.account, provd.service_account, provd.event_ledger")
    return History(database, "cluster", "provisioning.events")


@pytest.fixture
def add_account(database):
    def add(address, number=1, tombstone=0):
        account = str(uuid.uuid4())
        database.rows(
            "INSERT INTO provd.account (uuid, account_id, address, tombstone, domain, context, status, password, services,"
            " service_mode, version, revision, created_at, updated_at, deleted_at)"
            " VALUES (%s, %s, %s, %s, split_part(%s, '@', 2), 'acme', 'ACTIVE', %s, 7, 'EAGER', 1, 1, now(), now(),"
            " CASE WHEN %s > 0 THEN now() END)",
            account, number, address, tombstone, address, HASH, tombstone,
        )  # fmt: skip
        database.rows("INSERT INTO provd.service_account VALUES (%s, 1, 8, true, now()), (%s, 4, 9, false, now())", account, account)
        return account

    return add


def test_an_account_is_shown_with_its_services_changes_and_results(provctl_db, history, add_account):
    account = add_account("bob@xn--bcher-kva.example")
    event_id = uuid7()
    history.changes(2, event_id=event_id, account=account)
    history.ledger(change_count=2, event_id=event_id)
    story = provctl_db("account", "show", "Bob@Bücher.example", "-o", "json").json
    assert story["account"]["uuid"] == account and story["account"]["version"] == 1
    assert [(s["service"], s["id"], s["active"]) for s in story["services"]] == [("MAIL", 8, True), ("CONTACTS", 9, False)]
    assert [change["chain_seq"] for change in story["changes"]] == [2, 1]
    assert [result["event_id"] for result in story["results"]] == [event_id]
    assert provctl_db("account", "show", account.upper(), "-o", "json").json == story
    assert len(provctl_db("account", "show", account, "--last", 1, "-o", "json").json["changes"]) == 1


def test_no_secret_is_shown(provctl_db, history, add_account, database):
    account = add_account("bob@example.org")
    for provctl in (provctl_db, provctl_db.having(database__url=database.url)):  # a superuser could read it
        ran = provctl("account", "show", account, "-o", "json")
        assert "aHVzaC1odXNo" not in ran.out and "password" not in ran.json["account"]


def test_the_live_account_comes_before_deleted_ones(provctl_db, history, add_account):
    add_account("bob@example.org", 1, tombstone=1)
    assert provctl_db("account", "show", "bob@example.org", "-o", "json").json["account"]["tombstone"] == 1
    live = add_account("bob@example.org", 2)
    assert provctl_db("account", "show", "bob@example.org", "-o", "json").json["account"]["uuid"] == live


def test_the_table_tells_changes_in_words(provctl_db, history, add_account):
    account = add_account("bob@example.org")
    history.changes(1, account=account)
    assert "department: - > Sales" in provctl_db("account", "show", account).out


def test_a_record_that_cannot_be_read_does_not_hide_the_others(provctl_db, history, add_account, database):
    account = add_account("bob@example.org")
    history.changes(2, account=account)
    database.rows("UPDATE provd.change_log SET body = '\\x00' WHERE seq = 1")
    changes = provctl_db("account", "show", account, "-o", "json").json["changes"]
    assert changes[0]["chain_seq"] == 2 and changes[1].keys() == {"error"}


@pytest.mark.parametrize("name, code", [("nobody@example.org", DATA), (str(uuid.uuid4()), DATA), ("no address", USAGE)])
def test_who_is_not_there_is_said_so(provctl_db, database, name, code):
    ran = provctl_db("account", "show", name, code=code)
    assert name in ran.err and ran.out == ""


def test_an_event_is_shown_with_result_and_changes(provctl_db, history):
    event_id = uuid7()
    history.changes(3)
    history.changes(2, event_id=event_id)
    history.ledger(offset=17, change_count=2, event_id=event_id)
    shown = provctl_db("ledger", "show", event_id, "-o", "json").json
    assert shown["ledger"]["status"] == "APPLIED" and shown["ledger"]["offset"] == 17
    assert shown["ledger"]["topic"] == "provisioning.events" and shown["result"]["event_id"] == event_id
    assert [change["chain_seq"] for change in shown["changes"]] == [4, 5]


def test_what_used_up_no_id_is_found_by_the_id_as_it_was_sent(provctl_db, history, database):
    database.rows(
        "INSERT INTO provd.record_outcome (fence_id, kafka_offset, status, event_id, stage, code, message, recorded_at)"
        " VALUES (%s, 5, 100, 'not-a-uuid', 'DECODE', 'TRUNCATED', 'it ends too early', now())",
        history.fence_id,
    )
    (record,) = provctl_db("ledger", "show", "not-a-uuid", "-o", "json").json["records"]
    assert (record["status"], record["code"], record["offset"]) == ("DEAD_LETTER", "TRUNCATED", 5)


def test_an_unknown_event_is_said_so(provctl_db, database):
    assert "nothing is known" in provctl_db("ledger", "show", uuid7(), code=DATA).err


def test_a_role_that_may_not_is_told_which_may(provctl, database):
    ran = provctl.having(database__url=database.url_as("postfix"))("account", "show", "a@example.org", code=CONFIG_ERROR)
    assert "provd_operator" in ran.err


def test_a_database_that_is_away_is_named_without_its_url(provctl):
    away = provctl.having(database__url="postgresql://u:hush-hush@127.0.0.1:9/mail", database__connect_timeout="1s")
    ran = away("account", "show", "a@example.org", code=UNAVAILABLE)
    assert "postgres" in ran.err and "hush-hush" not in ran.err
