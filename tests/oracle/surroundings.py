"""What lies around the rules: how accounts get their uuid, and what becomes of secrets. The fold's world of
tests/rules makes both in a toy way, a real worker makes them in earnest.
"""
import hashlib
import uuid

from oracle.faults import normal_address, split_ref
from support.sealing import argon2_matches

PASSWORD_CHARACTERS_MIN = 8
TIME_BYTES = 6


class Toy:
    """The world of tests/rules/world.h."""

    def account_uuid(self, event_id):
        """The bytes of the event id, last first."""
        return str(uuid.UUID(bytes=uuid.UUID(event_id).bytes[::-1]))

    def secret_fault(self, _payload, _secret):
        return None

    def user(self, _number):
        """The uuid of the account that has a number. Histories name nobody by number here: see tests/rules."""
        return None

    def stored(self, secret):
        """Whoever knows the secret knows the hash."""
        if isinstance(secret, dict):
            return "{SHA512-CRYPT}" + secret.get("sealed", "made")
        return secret

    def matches(self, stored, secret):
        return stored == self.stored(secret)


class Hashed:
    """A hash with a salt: equal to no other one, not even to one of the same password."""

    def __init__(self, plain):
        self.plain = plain  # None: made by the worker, nobody else knows it

    def accepts(self, stored):
        """Whether what is stored is such a hash."""
        made = stored is not None and stored.startswith("{ARGON2ID}")
        return made and (self.plain is None or argon2_matches(stored, self.plain))

    def __repr__(self):
        return f"a hash of {self.plain or 'a generated password'}"


class Real:
    """A worker on real servers. Sealed secrets are given in clear, or as None when no key opens them. `users`: uuids of
    accounts by the numbers that results gave them."""

    def __init__(self, users=None):
        self.users = users or {}

    def user(self, number):
        return self.users.get(int(number))

    def account_uuid(self, event_id):
        """Made from the event's id, and of the same time: a replay into an empty database makes the same ones."""
        made = uuid.UUID(event_id)
        digest = bytearray(hashlib.blake2b(b"account\0" + made.bytes, digest_size=16).digest())
        is_timed = made.variant == uuid.RFC_4122 and made.version == 7
        if is_timed:
            digest[:TIME_BYTES] = made.bytes[:TIME_BYTES]
        digest[6] = digest[6] & 0x0F | (0x70 if is_timed else 0x80)
        digest[8] = digest[8] & 0x3F | 0x80
        return str(uuid.UUID(bytes=bytes(digest)))

    def secret_fault(self, payload, secret):
        """Why a sealed secret that is to be stored is refused."""
        if not isinstance(secret, dict) or "sealed" not in secret:
            return None
        if secret["sealed"] is None:
            return "INVALID_FIELD"
        address = normal_address(payload.get("address") or split_ref(payload.get("ref"))[0] or "")[0] or ""
        if len(secret["sealed"]) < PASSWORD_CHARACTERS_MIN or secret["sealed"] == address.rpartition("@")[0]:
            return "WEAK_PASSWORD"
        return None

    def stored(self, secret):
        if isinstance(secret, dict):
            return Hashed(secret.get("sealed"))
        return secret

    def matches(self, stored, secret):
        return isinstance(stored, Hashed) and secret["sealed"] in (stored.plain,)
