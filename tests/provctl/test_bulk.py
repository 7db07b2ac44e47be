"""account ... --csv: many at once, against the real worker; broken files; calls that were interrupted."""
import csv
import io
import os
import pty
import re
import signal
import subprocess

import pytest

from support.provctl import PROVCTL
from support.secrets import check_noted, plant
from support.waiting import wait_until

DATA, USAGE, NO_INPUT, TEMPORARY = 65, 64, 66, 75
LONG = "90s"
HASH = "{SHA512-CRYPT}$6$rounds=5000$salt$abcdefghijklmnopqrstuvwxyz0123456789"


@pytest.fixture
def write(tmp_path):
    def write_rows(*rows, name="accounts.csv"):
        path = tmp_path / name
        with open(path, "w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows(rows)
        return path

    return write_rows


@pytest.fixture
def domain(run, request):
    """A domain of the test's own."""
    name = request.node.name.partition("[")[0].replace("_", "-")[:50].strip("-") + ".example"
    run("domain", "add", name, "--context", "acme")
    return name


def add(run, path, *options, code=0):
    return run("account", "add", "--csv", path, "--context", "acme", *options, code=code)


def table(ran):
    return list(csv.DictReader(io.StringIO(ran.out)))


def live(run, domain):
    return run("domain", "show", domain, "-o", "json").json["live"]["accounts"]


def test_a_file_makes_accounts_with_a_line_for_each(run, domain, write, worker_world):
    rows = [(f"u{i}@{domain}", HASH, f'N, "{i}"', "5M", "two\nlines") for i in range(1500)]
    path = write(("address", "hash", "first_name", "quota", "comment"), *rows)
    done = table(add(run, path, "-o", "csv", "--reason", "migration"))
    assert sorted(row["name"] for row in done) == sorted(row[0] for row in rows)
    assert {row["status"] for row in done} == {"APPLIED"} and len({row["account_uuid"] for row in done}) == 1500
    assert live(run, domain) == 1500
    story = run("account", "show", f"u7@{domain}", "-o", "json").json
    account = story["account"]
    assert (account["first_name"], account["quota_bytes"], account["comment"]) == ('N, "7"', 5 * 1024 * 1024, "two\nlines")
    assert story["changes"][0]["reason"] == "migration"
    assert worker_world.database.value("SELECT password FROM provd.account WHERE address = %s", f"u7@{domain}") == HASH


def test_the_same_call_again_does_nothing_twice(run, domain, write):
    path = write(("address", "hash"), *[(f"u{i}@{domain}", HASH) for i in range(20)])
    add(run, path)
    again = table(add(run, path, "-o", "csv"))
    assert {row["status"] for row in again} == {"DUPLICATE"} and {row["first_status"] for row in again} == {"APPLIED"}
    anew = table(add(run, path, "-o", "csv", "--run", "second"))
    assert {row["status"] for row in anew} == {"NO_CHANGE"} and live(run, domain) == 20


def test_passwords_in_clear_are_hidden_and_still_not_doubled(run, domain, write, worker_world, keys):
    passwords = [plant(), plant()]
    path = write(("address", "password"), *zip((f"a@{domain}", f"b@{domain}"), passwords))
    sealed = ("--key-id", "k1", "--public-key", keys[1])
    add(run, path, *sealed)
    again = table(add(run, path, *sealed, "-o", "csv"))
    # Sealed anew each time, the payload is another: the id gives it away as sent before.
    assert [row["status"] for row in again] == ["DUPLICATE"] * 2 and live(run, domain) == 2
    sent = b"".join(message.value() for message in worker_world.kafka.read(worker_world.topics.events))
    assert not [password for password in passwords if password.encode() in sent]
    check_noted()
    hashes = worker_world.database.rows("SELECT password FROM provd.account WHERE domain = %s", domain)
    assert all(stored.startswith("{ARGON2ID}") for (stored,) in hashes)


def test_bad_rows_do_not_stop_their_neighbours(run, domain, write):
    path = write(
        ("address", "quota", "services"),
        (f"ok1@{domain}", "", ""),
        ("not an address", "", ""),
        (f"bad-quota@{domain}", "much", ""),
        (f"bad-services@{domain}", "", "many"),
        ("u@nowhere.example", "", ""),
        (f"ok2@{domain}", "", ""),
    )
    done = {int(row["line"]): (row["status"], row["code"]) for row in table(add(run, path, "-o", "csv", code=DATA))}
    assert done[2][0] == done[7][0] == "APPLIED" and live(run, domain) == 2
    assert done[3][0] == "REJECTED" and done[4][0] == done[5][0] == "INVALID" and done[6] == ("REJECTED", "NO_SUCH_DOMAIN")


def test_an_interrupted_call_ends_in_order_and_goes_on(run, domain, write):
    count = 6000
    path = write(("address",), *[(f"u{i}@{domain}",) for i in range(count)])
    started = run.start("account", "add", "--csv", path, "--context", "acme", "-o", "jsonl")
    first_line = started.stdout.readline()
    started.send_signal(signal.SIGINT)
    answered = 1 + len(started.stdout.read().splitlines())
    said = started.stderr.read()
    started.wait(60)
    assert first_line and started.returncode == TEMPORARY and 0 < answered < count, said
    assert "make the same call again" in said and live(run, domain) == answered
    done = table(add(run, path, "-o", "csv"))
    assert len(done) == count and live(run, domain) == count
    assert sum(row["status"] == "DUPLICATE" for row in done) == answered


def test_rows_that_take_long_are_sent_in_time_and_can_be_interrupted(run, domain, write):
    """Passwords are hashed here: nobody waits for a full batch of them, neither the first result nor Ctrl-C."""
    count = 400
    path = write(("address", "password"), *[(f"u{i}@{domain}", f"correct horse {i}") for i in range(count)])
    dear = run.having(hashing__passes=16, hashing__memory="32MiB")
    started = dear.start("account", "add", "--csv", path, "--context", "acme", "-o", "jsonl")
    first_line = started.stdout.readline()
    started.send_signal(signal.SIGINT)
    answered = 1 + len(started.stdout.read().splitlines())
    assert first_line and started.wait(60) == TEMPORARY and answered < count
    said = started.stderr.read()
    assert "Ctrl-C again ends at once" in said and f"{answered} rows done" in said and live(run, domain) == answered


def test_a_second_ctrl_c_ends_at_once(run, domain, write, worker_world):
    path = write(("address",), (f"late@{domain}",))
    worker_world.worker.freeze()
    try:
        started = run.start("account", "add", "--csv", path, "--context", "acme")
        key = f"late@{domain}".encode()
        sent = lambda: any(record.key() == key for record in worker_world.kafka.read(worker_world.topics.events))
        wait_until(sent, what="the row is sent")
        started.send_signal(signal.SIGINT)
        assert "Ctrl-C again" in started.stderr.readline() + started.stderr.readline()
        started.send_signal(signal.SIGINT)
        assert started.wait(20) == -signal.SIGINT
    finally:
        worker_world.worker.thaw()
    (row,) = table(add(run, path, "-o", "csv", "--wait", LONG))
    assert row["status"] == "DUPLICATE" and live(run, domain) == 1


def test_progress_is_told_in_rows_with_share_and_time_left(run, domain, write):
    """On a terminal a bar, elsewhere a line of JSON every few seconds."""
    path = write(("address", "password"), *[(f"u{i}@{domain}", f"correct horse {i}") for i in range(25)])
    ours, theirs = pty.openpty()
    started = subprocess.Popen(
        [PROVCTL, "account", "add", "--csv", str(path), "--context", "acme"], stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL, stderr=theirs, env=run.having(hashing__passes=32, hashing__memory="16MiB").environ(),
    )  # fmt: skip
    os.close(theirs)
    told = b""
    while True:
        try:
            told += os.read(ours, 4096)
        except OSError:  # the other side is closed
            break
    assert started.wait(60) == 0
    bars = re.findall(r"\[(#*-*)\] +(\d+)%, (\d+) rows, \d+/s, \d+:\d\d left", told.decode())
    assert bars and all(len(bar) == 30 for bar, _, _ in bars)
    shares = [int(share) for _, share, _ in bars]
    assert shares == sorted(shares) and shares[-1] <= 100


def test_a_worker_that_is_away_leaves_rows_without_a_result(run, domain, write, worker_world):
    path = write(("address",), (f"late@{domain}",))
    worker_world.worker.freeze()
    try:
        ran = add(run, path, "--wait", "1s", code=TEMPORARY)
        assert "1 without a result yet" in ran.err
    finally:
        worker_world.worker.thaw()
    (row,) = table(add(run, path, "-o", "csv", "--wait", LONG))
    assert row["status"] == "DUPLICATE" and live(run, domain) == 1


def test_a_dry_run_makes_nothing(run, domain, write):
    path = write(("address",), (f"u@{domain}",))
    assert {row["status"] for row in table(add(run, path, "--dry-run", "-o", "csv"))} == {"PLANNED"}
    assert live(run, domain) == 0


def test_other_commands_take_files_too(run, domain, write):
    addresses = [f"u{i}@{domain}" for i in range(3)]
    add(run, write(("address",), *[(address,) for address in addresses]))
    both = ("--context", "acme")
    run("account", "quota", "--csv", write(("address", "quota"), *[(a, "7M") for a in addresses]), *both)
    run("account", "status", "--csv", write(("address", "status", "reason"), *[(a, "LOCKED", "x") for a in addresses]), *both)
    run("account", "password", "--csv", write(("address", "hash"), *[(a, HASH) for a in addresses]), *both)
    account = run("account", "show", addresses[1], "-o", "json").json["account"]
    assert (account["quota_bytes"], account["status"], account["status_reason"]) == (7 * 1024 * 1024, "LOCKED", "x")
    run("account", "delete", "--csv", write(("address",), *[(a,) for a in addresses]), *both)
    assert live(run, domain) == 0


def test_standard_input_with_a_byte_order_mark_and_windows_lines(run, domain):
    text = f'\ufeff"address","first_name"\r\nu@{domain},Jürgen\r\n\r\n'
    ran = run("account", "add", "--csv", "-", "--context", "acme", stdin=text)
    assert f"2 u@{domain}: APPLIED" in ran.out
    assert run("account", "show", f"u@{domain}", "-o", "json").json["account"]["first_name"] == "Jürgen"


@pytest.mark.parametrize(
    "text, said",
    [
        ("", "it is empty"),
        ("adress\nx\n", "unknown column 'adress': did you mean 'address'?"),
        ("first_name\nx\n", "the column 'address' is missing"),
        ("address,address\n", "is there twice"),
        ("address,comment\nonly-one\n", "line 2 has 1 fields, the first line 2"),
        ('address,comment\n"open,x\n', "line 2: a quote is not closed"),
        ('address,comment\n"a"b,x\n', "line 2: something stands behind a closing quote"),
        ("address," + ",".join(f"c{i}" for i in range(70)), "more than 64 columns"),
        ("address\n" + "x" * 2_000_000 + "\n", "longer than"),
    ],
    ids=["empty", "misspelled", "missing", "twice", "short", "open", "behind", "wide", "long"],
)
def test_files_that_are_no_such_table_are_refused_with_the_line(run, tmp_path, text, said):
    path = tmp_path / "broken.csv"
    path.write_text(text)
    ran = add(run, path, code=DATA)
    assert said in ran.err and ran.out == ""


def test_what_is_no_utf8_is_refused(run, tmp_path):
    path = tmp_path / "latin.csv"
    path.write_bytes(b"address,first_name\nu@example.org,J\xfcrgen\n")
    assert "line 2 is not valid UTF-8" in add(run, path, code=DATA).err


def test_a_nul_byte_does_not_cut_a_field_short(run, tmp_path):
    path = tmp_path / "nul.csv"
    path.write_bytes(b"address,first_name\nu@example.org,Bob\0by\n")
    assert "line 2 is not valid UTF-8" in add(run, path, code=DATA).err


def test_wrong_calls(run, tmp_path):
    assert "cannot be opened" in add(run, tmp_path / "gone.csv", code=NO_INPUT).err
    (tmp_path / "x.csv").write_text("address\n")
    assert "--context is needed" in run("account", "add", "--csv", tmp_path / "x.csv", code=USAGE).err
    run("account", "add", "a@example.org", "--csv", tmp_path / "x.csv", "--context", "acme", code=USAGE)
    run("account", "add", code=USAGE)
    run("account", "quota", "a@example.org", code=USAGE)
