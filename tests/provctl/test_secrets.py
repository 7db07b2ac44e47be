"""keygen and seal: what comes out opens with libsodium, and nothing secret is ever shown."""
import base64
import ctypes
import ctypes.util
import os
import pty
import select
import stat
import time

import pytest

from support.provctl import PROVCTL
from support.secrets import plant

USAGE, DATA, NO_INPUT, CANT_CREATE = 64, 65, 66, 73
SEAL_BYTES = 48


@pytest.fixture(scope="module")
def sodium():
    library = ctypes.CDLL(ctypes.util.find_library("sodium"))
    assert library.sodium_init() >= 0
    return library


def unseal(sodium, sealed, public, secret):
    box = base64.b64decode(sealed["SealedSecret"]["ciphertext"])
    plain = ctypes.create_string_buffer(len(box) - SEAL_BYTES)
    assert sodium.crypto_box_seal_open(plain, box, ctypes.c_ulonglong(len(box)), public, secret) == 0
    return plain.raw


@pytest.fixture
def key(offline, tmp_path):
    made = offline("keygen", "2026-01", "-d", tmp_path, "-o", "json").json
    secret = base64.b64decode((tmp_path / "2026-01.key").read_text())
    return made["public_key"], base64.b64decode(made["public_key"]), secret


def test_keygen_writes_a_file_for_its_owner_only(offline, tmp_path):
    ran = offline("keygen", "2026-01", "--directory", tmp_path, "-o", "json")
    path = tmp_path / "2026-01.key"
    assert ran.json["file"] == str(path) and ran.json["key_id"] == "2026-01"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    secret = path.read_text().strip()
    assert len(base64.b64decode(secret)) == 32 and secret not in ran.out + ran.err


def test_keygen_never_overwrites_nor_follows_a_link(offline, tmp_path):
    offline("keygen", "k", "-d", tmp_path)
    before = (tmp_path / "k.key").read_bytes()
    assert "is there already" in offline("keygen", "k", "-d", tmp_path, code=CANT_CREATE).err
    assert (tmp_path / "k.key").read_bytes() == before
    (tmp_path / "l.key").symlink_to(tmp_path / "elsewhere")
    offline("keygen", "l", "-d", tmp_path, code=CANT_CREATE)
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize("key_id", ["../x", ".x", "a b", "", "x" * 65])
def test_keygen_refuses_odd_names(offline, tmp_path, key_id):
    offline("keygen", key_id, "-d", tmp_path, code=USAGE)
    assert list(tmp_path.iterdir()) == []


def test_seal_opens_with_libsodium(offline, sodium, key):
    text, public, secret = key
    ran = offline("seal", "-k", "2026-01", "-p", text, "-o", "jsonl", stdin="correct hörse\nnot this\n")
    assert ran.json["SealedSecret"]["key_id"] == "2026-01"
    assert unseal(sodium, ran.json, public, secret) == "correct hörse".encode()
    assert "hörse" not in ran.out + ran.err


def test_seal_takes_the_public_key_from_the_key_file(offline, sodium, tmp_path, key):
    _, public, secret = key
    password = plant()
    ran = offline("seal", "-k", "2026-01", "--set", f"secrets.keys_directory={tmp_path}", stdin=password + "\n")
    assert unseal(sodium, ran.json, public, secret) == password.encode()
    assert "no key 'other'" in offline(
        "seal", "-k", "other", "--set", f"secrets.keys_directory={tmp_path}", stdin="x\n", code=NO_INPUT
    ).err


@pytest.mark.parametrize("stdin, code", [("", DATA), ("\n", DATA), ("x" * 5000, NO_INPUT)])
def test_seal_refuses_what_is_no_secret(offline, key, stdin, code):
    assert offline("seal", "-k", "2026-01", "-p", key[0], stdin=stdin, code=code).out == ""


@pytest.mark.parametrize("public_key", ["", "no base64!", base64.b64encode(b"short").decode(), base64.b64encode(bytes(32)).decode()])
def test_seal_refuses_what_is_no_key(offline, public_key):
    assert offline("seal", "-k", "2026-01", "-p", public_key, stdin="x\n", code=USAGE).out == ""


def type_on_terminal(arguments, lines, environ):
    """Runs with a terminal of its own as its controlling terminal, and types a line at each prompt. (screen, code)"""
    pid, terminal = pty.fork()
    if pid == 0:
        os.execve(PROVCTL, [PROVCTL, *arguments], environ)
    screen = b""
    typed = 0
    end = time.monotonic() + 60
    while time.monotonic() < end:
        ready, _, _ = select.select([terminal], [], [], 0.5)
        if not ready:
            continue
        try:
            piece = os.read(terminal, 4096)
        except OSError:
            break
        screen += piece
        if typed < len(lines) and screen.count(b": ") > typed:
            os.write(terminal, lines[typed].encode() + b"\n")
            typed += 1
    _, status = os.waitpid(pid, 0)
    return screen.decode(), os.waitstatus_to_exitcode(status)


def test_seal_asks_twice_without_showing(offline, key):
    arguments = ["seal", "-k", "2026-01", "-p", key[0]]
    screen, code = type_on_terminal(arguments, ["open sesame", "open sesame"], offline.environ())
    assert code == 0 and "SealedSecret" in screen and "sesame" not in screen


def test_seal_refuses_two_that_differ(offline, key):
    arguments = ["seal", "-k", "2026-01", "-p", key[0]]
    screen, code = type_on_terminal(arguments, ["open sesame", "open sesam"], offline.environ())
    assert code == DATA and "not the same" in screen and "SealedSecret" not in screen
