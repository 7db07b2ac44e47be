"""account and domain: what the old tools' users type, against the real worker."""
import os
import pty
import termios

import pytest

from support.provctl import PROVCTL
from support.secrets import check_noted, plant
from support.waiting import wait_until

DATA, USAGE, TEMPORARY, CONFIG_ERROR = 65, 64, 75, 78
# vpopmail's error numbers as a shell sees them.
EXISTS, NO_USER, NO_DOMAIN, BAD_DOMAIN, DOMAIN_EXISTS, BAD_QUOTA, CATCH_ALL = 254, 246, 245, 244, 243, 227, 201
BOB = "bob@example.org"
HASH = "{SHA512-CRYPT}$6$rounds=5000$salt$abcdefghijklmnopqrstuvwxyz0123456789"


@pytest.fixture
def bob(run):
    """A live account bob@example.org; gone afterwards."""
    run("account", "add", BOB, "--hash", HASH, "--first-name", "Bob")
    yield BOB
    run("account", "delete", BOB, "--purge", code=None)


def shown(run, address=BOB):
    return run("account", "show", address, "-o", "json").json


def test_add_prints_the_ids_as_atmail_logs_them(run, worker_world):
    ran = run("account", "add", "ids@example.org", "-n")
    words = ran.out.split()
    assert words[:2] == ["ids@example.org:", "APPLIED"] and words[2].startswith("AccountID=")
    assert [word.partition("=")[0] for word in words[3:]] == ["ServiceAccountID", "(CALENDAR)", "(CONTACTS)", "(MAIL)"]
    story = shown(run, "ids@example.org")
    ids = {f"({service['service']})={service['id']}" for service in story["services"]}
    assert ids == set(words[4:])


def test_add_again_is_no_change_and_something_else_exists_already(run, bob):
    assert "NO_CHANGE" in run("account", "add", bob, "--hash", HASH).out
    ran = run("account", "add", bob, "--hash", HASH, "--first-name", "Robert", code=EXISTS)
    assert ran.out == "Error: Username exists\n" and "first_name" in ran.err


def test_all_options_of_add_arrive(run):
    run(
        "account", "add", "all@example.org", "-n", "--quota", "1000000S,50C", "--comment", "c", "--first-name", "Älla",
        "--last-name", "L", "--department", "D", "--telephone", "1", "--forward", "f@example.net", "--services", 5,
        "--storage-node", "s1", "--lazy", "--reason", "because", "--ticket", "HD-1",
    )  # fmt: skip
    story = shown(run, "all@example.org")
    account = story["account"]
    assert (account["quota_bytes"], account["quota_messages"], account["services"]) == (1000000, 50, 5)
    assert (account["first_name"], account["forward"], account["service_mode"]) == ("Älla", "f@example.net", "LAZY")
    assert (story["changes"][0]["reason"], story["changes"][0]["ticket"]) == ("because", "HD-1")
    assert account["created_by"].startswith("provctl:")


def stored_hash(worker_world, address):
    return worker_world.database.value("SELECT password FROM provd.account WHERE address = %s AND tombstone = 0", address)


def test_a_password_from_standard_input_is_hashed_before_it_is_sent(run, bob, worker_world):
    password = plant()
    run("account", "password", bob, stdin=password + "\n")
    assert stored_hash(worker_world, bob).startswith("{ARGON2ID}$argon2id$")
    sent = b"".join(message.value() for message in worker_world.kafka.read(worker_world.topics.events))
    assert password.encode() not in sent
    check_noted()


def test_a_made_up_password_is_printed_once_and_works(run, bob, worker_world):
    ran = run("account", "password", bob, "-r12")
    (line,) = [line for line in ran.out.splitlines() if line.startswith("Random password: ")]
    password = line.partition(": ")[2]
    assert len(password) == 12 and password not in stored_hash(worker_world, bob)
    assert "random_password" in run("account", "password", bob, "-r", "-o", "json").json


def test_a_sealed_password_is_opened_by_the_worker(run, bob, worker_world, keys):
    run("account", "password", bob, "-k", "k1", "--public-key", keys[1], stdin=plant() + "\n")
    assert stored_hash(worker_world, bob).startswith("{ARGON2ID}")
    run("account", "password", bob, "-k", "k1", "--set", f"secrets.keys_directory={keys[0]}", stdin=plant() + "\n")
    ran = run("account", "password", bob, "-k", "k2", "--public-key", keys[1], stdin=plant() + "\n", code=DATA)
    assert "k2" in ran.err  # a key that the worker has not


@pytest.mark.parametrize("password", ["short\n", "bob\n", ""])
def test_weak_passwords_are_refused_here(run, bob, password):
    run("account", "password", bob, stdin=password, code=DATA)


def test_a_hash_is_stored_and_shown_nowhere(run, bob, worker_world):
    """Neither when it is taken nor when it is refused."""
    hashed = plant("{SSHA256}")
    run("account", "password", bob, "--hash", hashed, "-o", "json")
    assert stored_hash(worker_world, bob) == hashed
    run("account", "password", bob, "--hash", plant("{ROT13}"), code=DATA)
    for form in ("table", "json"):
        run("account", "show", bob, "-o", form)
    check_noted()


def test_an_account_without_a_password_is_made_only_when_that_is_said(run):
    ran = run("account", "add", "silent@example.org", stdin="", code=DATA)
    assert "the secret is empty" in ran.err and "--no-password" in ran.err
    assert "choose one of" in run("account", "add", "silent@example.org", "-n", "--random", code=USAGE).err
    run("account", "show", "silent@example.org", "--depth", 0, code=DATA)
    run("account", "add", "silent@example.org", "--no-password")


@pytest.mark.parametrize("_time", range(5))
def test_ctrl_c_at_the_question_for_a_password_leaves_a_terminal_that_echoes(run, bob, _time):
    """Several times, since it is typed at once: before anybody waits for it, or behind."""
    child, terminal = pty.fork()
    if child == 0:
        os.execve(PROVCTL, [PROVCTL, "account", "password", bob], run.environ())
    asked = b""
    while b"password: " not in asked:
        asked += os.read(terminal, 100)
    assert not echoes(terminal), "the terminal is silent"
    os.write(terminal, b"hush\x03")
    wait_until(lambda: echoes(terminal), what="the terminal echoes again")
    os.close(terminal)
    status = os.waitpid(child, 0)[1]
    assert os.WIFSIGNALED(status) and b"hush" not in asked


def echoes(terminal):
    return bool(termios.tcgetattr(terminal)[3] & termios.ECHO)


# --- the story ----------------------------------------------------------------------------------------------------------


def test_the_story_has_events_that_changed_nothing_and_those_refused(run, bob):
    run("account", "add", bob, "--hash", HASH)
    run("account", "add", bob, "--hash", HASH, "--first-name", "Robert", code=EXISTS)
    run("account", "quota", bob, "lots", code=BAD_QUOTA)
    run("account", "flags", bob, "--on", "bounce", "--dry-run")
    told = [(result["kind"], result["status"], result["code"]) for result in shown(run)["results"]]
    assert told[:5] == [
        ("SetFlags", "PLANNED", None),
        ("SetQuota", "REJECTED", "INVALID_QUOTA"),
        ("CreateAccount", "REJECTED", "ALREADY_EXISTS"),
        ("CreateAccount", "NO_CHANGE", None),
        ("CreateAccount", "APPLIED", None),
    ]
    changed = run("account", "show", bob, "--depth", 0, "-o", "json").json["results"]
    assert {result["status"] for result in changed} == {"APPLIED"}
    assert len(run("account", "show", bob, "-n", 2, "-o", "json").json["results"]) == 2
    assert "ALREADY_EXISTS" in run("account", "show", bob).out


def test_who_never_had_an_account_is_told_why(run):
    run("account", "add", "u@nowhere.example", "-n", "--context", "acme", code=NO_DOMAIN)
    ran = run("account", "show", "u@nowhere.example", "-o", "json", code=DATA)
    assert [result["code"] for result in ran.json["results"]] == ["NO_SUCH_DOMAIN"] and "there is no account" in ran.err


def test_quota_in_vpopmails_syntax(run, bob):
    run("account", "quota", bob, "2048000000S,50000C")
    assert (shown(run)["account"]["quota_bytes"], shown(run)["account"]["quota_messages"]) == (2048000000, 50000)
    run("account", "quota", bob, "10M")
    assert (shown(run)["account"]["quota_bytes"], shown(run)["account"]["quota_messages"]) == (10 * 1024 * 1024, 0)
    ran = run("account", "quota", bob, "lots", code=BAD_QUOTA)
    assert "INVALID_QUOTA" in ran.err and shown(run)["account"]["quota_bytes"] == 10 * 1024 * 1024


def test_flags_by_letter_by_name_and_by_number(run, bob):
    run("account", "flags", bob, "-p", "-i", "--no-smtp")
    assert shown(run)["account"]["flags"] == 0x02 | 0x08 | 0x800
    run("account", "flags", bob, "--on", "bounce,0x40000", "--off", "no-pop, no-imap")
    assert shown(run)["account"]["flags"] == 0x10 | 0x40000 | 0x800
    run("account", "flags", bob, "-x", "-d")
    assert shown(run)["account"]["flags"] == 0x01
    run("account", "flags", bob, "--on", "no-such-flag", code=USAGE)
    run("account", "flags", bob, code=USAGE)


def test_status_with_its_reason(run, bob):
    run("account", "status", bob, "LOCKED", "--reason", "unpaid")
    assert (shown(run)["account"]["status"], shown(run)["account"]["status_reason"]) == ("LOCKED", "unpaid")
    assert "not one of PENDING, ACTIVE" in run("account", "status", bob, "LOKED", code=DATA).err


def test_update_sets_and_clears_by_name(run, bob):
    run("account", "update", bob, "department=Sales", "first_name=")
    assert (shown(run)["account"]["department"], shown(run)["account"]["first_name"]) == ("Sales", None)
    assert "departmnt" in run("account", "update", bob, "departmnt=x", code=DATA).err
    run("account", "update", bob, "quota_bytes=much", code=USAGE)


def test_delete_restore_and_delete_again(run, bob):
    run("account", "delete", bob, "--dry-run")
    assert shown(run)["account"]["tombstone"] == 0
    run("account", "delete", bob)
    assert shown(run)["account"]["tombstone"] > 0
    assert "NO_CHANGE" in run("account", "delete", bob).out
    run("account", "restore", bob)
    assert shown(run)["account"]["tombstone"] == 0


def test_an_account_may_be_named_by_its_uuid(run, bob):
    account = shown(run)["account"]["uuid"]
    run("account", "update", account, "department=Ops")
    assert shown(run)["account"]["department"] == "Ops"


def test_who_is_not_there_ends_as_in_vpopmail(run):
    ran = run("account", "password", "nobody@example.org", "--hash", HASH, code=NO_USER)
    assert ran.out == "Error: User does not exist\n"
    ran = run("account", "add", "bob@nowhere.example", "-n", "--context", "acme", code=NO_DOMAIN)
    assert ran.out == "Error: Domain does not exist\n"
    ran = run("account", "add", "bob@nowhere.example", "-n", code=NO_DOMAIN)
    assert "give --context" in ran.err


def test_json_is_the_result_whole(run, bob):
    result = run("account", "update", bob, "comment=x", "-o", "json").json
    assert result["status"] == "APPLIED" and result["changes"][0]["fields"][0]["name"] == "comment"


def test_without_a_worker_it_is_not_done_yet(run, worker_world):
    pids = worker_world.worker.lane_pids()
    worker_world.worker.freeze()
    try:
        ran = run("account", "add", "late@example.org", "-n", "--wait", "1s", code=TEMPORARY)
        assert "the event was sent as" in ran.err and pids
    finally:
        worker_world.worker.thaw()


# --- domains ----------------------------------------------------------------------------------------------------------


def domain(run, name):
    return run("domain", "show", name, "-o", "json").json


def test_a_domain_with_defaults_and_limits(run):
    run(
        "domain", "add", "Bücher.example", "--context", "acme", "--quota", "10M", "--services", 3, "--max-accounts", 2,
        "--max-bytes", 50000000, "--disable", "pop3,webmail",
    )  # fmt: skip
    row = domain(run, "bücher.example")["domain"]
    assert (row["name"], row["context"], row["default_services"]) == ("xn--bcher-kva.example", "acme", 3)
    assert (row["default_quota_bytes"], row["max_accounts"], row["quota_bytes"]) == (10 * 1024 * 1024, 2, 50000000)
    assert row["disabled_protocols"] == ["POP3", "WEBMAIL"]
    for number in range(2):
        run("account", "add", f"u{number}@bücher.example", "-n")
    assert domain(run, "bücher.example")["live"]["accounts"] == 2
    ran = run("account", "add", "u2@bücher.example", "-n", code=220)
    assert "LIMIT_EXCEEDED" in ran.err
    run("domain", "update", "bücher.example", "default_services=7", "--max-accounts", 3)
    row = domain(run, "bücher.example")["domain"]
    assert (row["default_services"], row["max_accounts"], row["quota_bytes"], row["disabled_protocols"]) == (7, 3, None, [])


def test_quota_and_flags_for_a_whole_domain(run):
    run("domain", "add", "whole.example", "--context", "acme")
    for number in range(3):
        run("account", "add", f"u{number}@whole.example", "-n")
    assert "(3 of 3 accounts changed)" in run("account", "quota", "whole.example", "5M").out
    assert "(3 of 3 accounts changed)" in run("account", "flags", "whole.example", "-p").out
    account = shown(run, "u1@whole.example")["account"]
    assert (account["quota_bytes"], account["flags"]) == (5 * 1024 * 1024, 0x02)


def test_a_domain_is_deleted_when_it_is_empty_or_with_its_accounts(run):
    run("domain", "add", "short.example", "--context", "acme")
    run("account", "add", "u@short.example", "-n")
    assert "DOMAIN_NOT_EMPTY" in run("domain", "delete", "short.example", code=DATA).err
    run("domain", "delete", "short.example", "--cascade")
    assert "no domain" in run("domain", "show", "short.example", code=DATA).err
    run("domain", "delete", "short.example", code=None)


def test_domains_that_cannot_be(run):
    assert run("domain", "add", "example.org", "--context", "acme", "--quota", "1M", code=DOMAIN_EXISTS).out == "Error: Domain already exists\n"
    assert run("domain", "add", "under_score.example", "--context", "acme", code=BAD_DOMAIN).out == "Error: Invalid domain name\n"
    run("domain", "add", "new.example", code=USAGE)
    run("domain", "add", "new.example", "--context", "acme", "--disable", "gopher", code=USAGE)


def test_the_catch_all_stays(run):
    run("domain", "add", "catch.example", "--context", "acme")
    run("account", "add", "all@catch.example", "-n")
    run("domain", "update", "catch.example", "catch_all=all@catch.example")
    ran = run("account", "delete", "all@catch.example", code=CATCH_ALL)
    assert ran.out == "Error: can't delete catchall account\n"


def test_the_audit_of_all_this_is_whole(run):
    assert {row["verdict"] for row in run("audit", "verify", "-o", "json").json} == {"ok"}
    assert {row["verdict"] for row in run("fence", "show", "-o", "json").json} == {"GO"}
