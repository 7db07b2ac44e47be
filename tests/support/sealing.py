"""Sealed boxes as a sender makes them, and hashes as a mail server checks them, with libsodium itself."""
import base64
import ctypes
import ctypes.util
import os

_sodium = ctypes.CDLL(ctypes.util.find_library("sodium") or "libsodium.so.23")
_sodium.sodium_init()

SEAL_BYTES = 48
KEY_BYTES = 32


class KeyPair:
    """A key pair of a worker or a requester."""

    def __init__(self):
        public, secret = ctypes.create_string_buffer(KEY_BYTES), ctypes.create_string_buffer(KEY_BYTES)
        assert _sodium.crypto_box_keypair(public, secret) == 0
        self.public, self.secret = public.raw, secret.raw

    def write(self, folder, key_id):
        """The key file that the worker reads, as provctl keygen makes it."""
        path = folder / f"{key_id}.key"
        path.touch(mode=0o600)
        path.write_text(base64.b64encode(self.secret).decode() + "\n", encoding="ascii")
        os.chmod(path, 0o600)

    def seal(self, text):
        sealed = ctypes.create_string_buffer(len(text.encode()) + SEAL_BYTES)
        plain = text.encode()
        assert _sodium.crypto_box_seal(sealed, plain, ctypes.c_ulonglong(len(plain)), self.public) == 0
        return sealed.raw

    def open(self, sealed):
        plain = ctypes.create_string_buffer(len(sealed) - SEAL_BYTES)
        length = ctypes.c_ulonglong(len(sealed))
        assert _sodium.crypto_box_seal_open(plain, sealed, length, self.public, self.secret) == 0, "not for this key"
        return plain.raw.decode()


def argon2_matches(stored, plain):
    """Whether a stored {ARGON2ID} hash is that of the password."""
    text = stored.removeprefix("{ARGON2ID}").encode()
    return _sodium.crypto_pwhash_str_verify(text, plain.encode(), ctypes.c_ulonglong(len(plain.encode()))) == 0
