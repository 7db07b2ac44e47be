"""Traffic that goes on while something is broken: creations, changes, secrets, duplicates and poison, repeatable by its
seed."""
import random

from support.events import event_record, make_event
from support.world import DOMAIN


HASHES = 3


class Traffic:
    """Makes events for a world; the same seed makes the same story (ids, times and secrets differ)."""

    def __init__(self, world, seed):
        self._hashes = [world.secret("{SSHA256}") for _ in range(HASHES)]
        self._chance = random.Random(seed)
        self._accounts = []
        self._sent = []

    def records(self, count):
        return [self._record() for _ in range(count)]

    def _record(self):
        dice = self._chance.random()
        if dice < 0.05:
            return {"key": b"poison", "value": b"\x7f" + self._chance.randbytes(20)}
        if dice < 0.15 and self._sent:
            return event_record(self._chance.choice(self._sent))
        self._sent.append(self._event(dice))
        return event_record(self._sent[-1])

    def _event(self, dice):
        if dice < 0.6 or not self._accounts:
            address = f"traffic{len(self._accounts)}.{self._chance.randrange(10**6)}@{DOMAIN}"
            self._accounts.append(address)
            return make_event("CreateAccount", {"address": address, "first_name": "T"})
        ref = {"ref": {"address": self._chance.choice(self._accounts)}}
        if dice < 0.65:
            return make_event("SetPassword", {**ref, "password": {"PasswordHash": {"hash": self._chance.choice(self._hashes)}}})
        if dice < 0.85:
            note = f"note {self._chance.randrange(10**6)}"
            return make_event("UpdateAccount", {**ref, "fields": ["comment"], "comment": note})
        if dice < 0.9:
            return make_event("SetAccountStatus", {**ref, "status": self._chance.choice(["LOCKED", "ACTIVE"])})
        kind = self._chance.choice(["DeleteAccount", "RestoreAccount"])
        return make_event(kind, {**ref, "mode": "SOFT"} if kind == "DeleteAccount" else ref)
