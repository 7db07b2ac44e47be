"""Random histories for the oracle, the fold that they are given to, and the shrinking of those that fail."""
import hashlib
import json
import random
import subprocess

from oracle.surroundings import Toy

EPOCH_US = 1_767_225_600_000_000  # 2026-01-01
DAY_US = 86_400_000_000
SECOND_US = 1_000_000

QUOTAS = [0, 10, 40, 60, 100, None, None]
LIMITS = [None, {}, {"max_accounts": 1}, {"max_accounts": 2, "quota_bytes": 100},
          {"quota_bytes": 60}, {"max_messages": 10}, {"disabled_protocols": ["IMAP", "POP3"]},
          {"max_accounts": 0}]
SEALED = ("open sesame", "shut sesame")  # passwords that no output may show
MASKS = [0, 1, 2, 4, 7, 0x2000, 0x2001, 0x40000]


class Island:
    """Names that a history uses: those of another island have nothing to do with it, so that histories can be sent to
    one worker at the same time. Everything follows from its name; "" is the plain one."""

    def __init__(self, name="", surroundings=None, epoch_us=EPOCH_US):
        self.name = name
        self.epoch_us = epoch_us
        self.surroundings = surroundings or Toy()
        dot = f"{name}." if name else ""
        org, other, third = f"{dot}example.org", f"{dot}a.org", f"{dot}bücher.example"
        self.contexts = (name + "1", name + "2")
        self.domains = [org, org, org, other, third.replace("b", "B", 1)]
        self.addresses = [f"bob@{org}", f"bob@{org}", f"eve@{org}", f"Eve@{org.upper()}", f"bob@{other}",
                          f"zoe@{third}", f"no@{org}"]
        self.bob, self.eve, self.forward = f"bob@{org}", f"eve@{org}", f"F@{org}"
        self._stem = hashlib.sha256(name.encode()).hexdigest()[:8] if name else "00000000"

    def event_id(self, offset):
        """Of version 7; on an island of a name each second one is of the time of its event, as it should be."""
        time_ms = self.epoch_us // 1000 + offset if self.name and offset % 2 else 0
        digits = f"{time_ms:012x}7000{self._stem}{offset + 1:08x}"
        return "-".join((digits[:8], digits[8:12], digits[12:16], "8" + digits[17:20], digits[20:]))


class Writer:
    """Writes one history; everything follows from the seed and the island."""

    def __init__(self, seed, island=None):
        self.r = random.Random(seed)
        self.island = island or Island()
        self.latest_us = self.island.epoch_us + 70 * DAY_US
        self.ids = []
        self.deletions = []

    def history(self):
        count = self.r.randrange(20, 70)
        events = [self.event(i) for i in range(count)]
        for i in range(1, count):
            former = self.r.choice(events[:i])
            if self.one_in(30) and "sealed" not in json.dumps(former):  # sealed again it would be another event
                events[i] = dict(former)
        if self.r.random() < 0.9:
            events[0].update(kind="CreateContext", payload={"name": self.island.contexts[0]}, **self.plain())
            events[1].update(kind="CreateDomain", payload={"domain": self.island.domains[0]},
                             **self.plain())
            if not self.one_in(3):
                self.found_group(events)
        return events

    def found_group(self, events):
        """Chance alone rarely has accounts and groups at the same time."""
        bob, eve = self.island.bob, self.island.eve
        first = (("CreateAccount", {"address": bob}),
                 ("SetGroupMembers", {"group": 1, "name": "staff", "members": [bob]}),
                 ("CreateAccount", {"address": eve, "group": "staff"}),
                 ("SetGroupMembers", {"group": 2, "name": "sales"}))  # fmt: skip
        for event, (kind, payload) in zip(events[2:], first):
            event.update(kind=kind, payload=payload, **self.plain())

    def plain(self):
        return {"context": self.island.contexts[0], "mode": "APPLY", "expected_version": None, "expires_at": None,
                "actor": {"kind": "SYSTEM", "id": "signup-web"}}

    def one_in(self, n):
        return self.r.randrange(n) == 0

    def pick(self, *choices):
        return self.r.choice(choices)

    # --- pieces

    def ref(self):
        if self.one_in(8) and self.ids:
            return self.island.surroundings.account_uuid(self.r.choice(self.ids))
        if self.one_in(40):
            return ""
        return self.r.choice(self.island.addresses)

    def context(self):
        first, second = self.island.contexts
        return self.pick(*[first] * 6, second)

    def attributes(self):
        given = {}
        for name, choices in (
                ("first_name", ("Bob", "", "x" * 255, None)), ("last_name", ("Miller", "Müller", None)),
                ("department", ("Sales", None)), ("telephone", ("1", "", None)), ("comment", ("x", "y\n", None)),
                ("quota_bytes", QUOTAS), ("quota_messages", QUOTAS),
                ("mailbox_type", ("mdbox", "Maildir", None)),
                ("forward", (self.island.forward, "", None)), ("storage_node", ("n1", None)),
                ("autoreply", ({"subject": "s", "body": "b", "enabled": True},
                               {"body": "c", "start": 5, "enabled": False}, None))):
            if self.one_in(3):
                given[name] = self.r.choice(choices)
        if self.one_in(6):
            given["group"] = self.group_name()
        if self.one_in(30):
            given.update(self.pick({"first_name": "x" * 256}, {"comment": "a\x07"},
                                   {"quota_bytes": -1}, {"forward": "nobody"}, {"group": "sales"}))
        return given

    def secret(self):
        return self.pick("{SSHA256}a", "{SSHA256}b", {"sealed": SEALED[0]}, {"sealed": SEALED[1]}, {"sealed": "short"},
                         {"generated": 8}, None, "clear", "{CRYPT}$6$x", "{CRYPT}abc", "{MD5}x",
                         "{SSHA256}")

    def scope(self):
        if self.one_in(3):
            return {"scope": "DOMAIN", "domain": self.r.choice(self.island.domains)}
        if self.one_in(30):
            return {"scope": "ACCOUNT", "domain": self.island.domains[0]}
        return {"ref": self.ref()}

    # --- payloads

    def create_account(self):
        p = {"address": self.r.choice(self.island.addresses), **self.attributes()}
        if self.one_in(3):
            p.update(self.pick({"password": self.secret()}, {"services": self.pick(0, 1, 6, 8)},
                               {"service_mode": "LAZY"}, {"flags": self.r.choice(MASKS)},
                               {"recovery": {"question": "q", "answer_hash": "{SSHA256}a"}},
                               {"recovery": {"question": "q", "answer_hash": "clear"}}))
        return p

    def update_account(self):
        fields = self.r.sample(["first_name", "last_name", "department", "telephone", "comment", "quota_bytes", "quota_messages",
                                "mailbox_type", "forward", "autoreply", "storage_node"],
                               self.r.randrange(4))
        if self.one_in(4):
            fields.append("group")
        if self.one_in(20):
            fields.append(self.pick("password", "status", "nonsense"))
        return {"ref": self.ref(), "fields": fields, **self.attributes()}

    def set_password(self):
        return {"ref": self.ref(), "password": self.secret()}

    def verify_password(self):
        return {"ref": self.ref(), "secret": {"sealed": self.pick(*SEALED)}}

    def set_account_status(self):
        return {"ref": self.ref(), "status": self.pick("ACTIVE", "LOCKED", "CLOSED", None, "ODD"),
                "reason": self.pick(None, "r", "s", "")}

    def delete_account(self):
        return {"ref": self.ref(), "mode": self.pick("SOFT", "SOFT", "PURGE")}

    def restore_account(self):
        return {"ref": self.ref()}

    def provision_services(self):
        return {"ref": self.ref(), "services": self.pick(0, 1, 3, 6, 7, 8, None)}

    deprovision_services = provision_services

    def observe_login(self):
        return {"address": self.r.choice(self.island.addresses), "ip": self.pick(None, "192.0.2.1", ""),
                "protocol": self.pick(None, "imap")}

    def set_quota(self):
        p = self.scope()
        if self.one_in(3):
            p["quota"] = self.pick("NOQUOTA", "10", "1k", "5C", "10S,5C", "x", "", "10C,5S",
                                   "9223372036854775808")
        if self.one_in(20) or "quota" not in p:
            p["bytes"] = self.pick(*QUOTAS, -1)
        if self.one_in(3):
            p["messages"] = self.pick(0, 4, 10)
        return p

    def set_flags(self):
        return {**self.scope(), "set_mask": self.pick(*MASKS, 0x80000),
                "clear_mask": self.r.choice(MASKS), "clear_all": self.one_in(4)}

    def create_context(self):
        return {"name": self.context(), "domains_on_the_fly": self.one_in(3),
                "default_limits": self.r.choice(LIMITS)}

    def update_context(self):
        return {"name": self.context(),
                "fields": self.pick([], ["domains_on_the_fly"], ["default_limits"], ["name"]),
                "domains_on_the_fly": self.pick(True, False, None),
                "default_limits": self.r.choice(LIMITS)}

    def delete_context(self):
        return {"name": self.context()}

    def create_domain(self):
        return {"domain": self.pick(*self.island.domains, "localhost", ""),
                "default_services": self.pick(None, None, 1, 8),
                "default_quota_bytes": self.pick(None, None, 5), "limits": self.r.choice(LIMITS),
                "status": self.pick(None, None, "LOCKED")}

    def update_domain(self):
        return {"domain": self.r.choice(self.island.domains),
                "fields": self.pick([], ["limits"], ["limits"], ["default_quota_bytes"],
                                    ["catch_all"], ["catch_all"], ["catch_all"], ["catch_all"],
                                    ["status", "default_services"],
                                    ["domain"]),
                "limits": self.r.choice(LIMITS), "default_quota_bytes": self.pick(None, 5),
                "default_services": self.pick(None, 3), "status": self.pick(None, "CLOSED"),
                "catch_all": self.pick(None, *[self.island.bob] * 3, self.island.eve)}

    def delete_domain(self):
        return {"domain": self.r.choice(self.island.domains), "cascade": self.one_in(3)}

    def group(self):
        return self.pick(3, 2**31 - 1, 0) if self.one_in(12) else self.pick(1, 1, 2)

    def group_name(self):
        return self.pick(None, None, "staff", "staff", "sales", self.pick("2", "", "x" * 256, "crew"))

    def users(self):
        names = [(self.ref() or "bob") if self.one_in(6) else self.pick(self.island.bob, self.island.eve)
                 for _ in range(self.pick(0, 1, 1, 1, 2, 3))]
        if self.one_in(30):
            names.append(self.pick("999999999999", "0", "-1", "bob", "b b@example.org"))
        return names

    def set_group_members(self):
        return {"group": self.group(), "name": self.group_name(), "members": self.users()}

    def change_group_members(self):
        first, second = self.users(), self.users() if self.one_in(8) else []
        return {"group": self.group(), "add": first, "remove": second} if self.one_in(2) else {
            "group": self.group(), "add": second, "remove": first}

    # --- events

    KINDS = {"CreateAccount": 12, "UpdateAccount": 8, "SetPassword": 5, "SetAccountStatus": 4,
             "DeleteAccount": 7, "RestoreAccount": 6, "ProvisionServices": 3,
             "DeprovisionServices": 3, "VerifyPassword": 3, "ObserveLogin": 4, "SetQuota": 7,
             "SetFlags": 6, "CreateContext": 3, "UpdateContext": 2, "DeleteContext": 1,
             "CreateDomain": 5, "UpdateDomain": 5, "DeleteDomain": 2, "SetGroupMembers": 6,
             "ChangeGroupMembers": 6}

    def event(self, offset):
        kind = self.r.choices(list(self.KINDS), self.KINDS.values())[0]
        method = "".join("_" + c.lower() if c.isupper() else c for c in kind)[1:]
        now = self.island.epoch_us + offset * SECOND_US
        event_id = self.island.event_id(offset)
        if self.one_in(12) and self.ids:
            event_id = self.r.choice(self.ids)
        if self.one_in(60):
            event_id = self.pick("", "nonsense", "00000000-0000-0000-0000-000000000000")
        else:
            self.ids.append(event_id)
        e = {"kind": kind, "payload": getattr(self, method)(), **self.plain(),
             "event_id": event_id, "occurred_at": now, "timestamp": now, "source": "test",
             "context": self.context()}
        if self.one_in(8):
            e["mode"] = "DRY_RUN"
        if self.one_in(6):
            e["expected_version"] = self.pick(0, 1, 2, 3, -1)
        if self.one_in(25):
            e["expires_at"] = now + self.pick(-1, 0, 1)
        if self.one_in(12):
            e["actor"] = {"kind": self.pick("USER", "USER", "USER", "GROUP_ADMIN", "ROBOT"),
                          "id": self.r.choice(self.island.addresses)}
        if self.one_in(10):
            e["occurred_at"] = self.island.epoch_us + DAY_US * self.r.randrange(70)
            if self.deletions and self.one_in(2):  # the very moment at which a grace period ends, or one later
                e["occurred_at"] = min(self.r.choice(self.deletions) + 30 * DAY_US + self.pick(0, 0, 1), self.latest_us)
            e["timestamp"] = max(now, e["occurred_at"])
        if "Delete" in kind:
            self.deletions.append(e["occurred_at"])
        if self.one_in(60):
            e["occurred_at"] = self.pick(0, -1, e["timestamp"] + DAY_US + 1)
        return e


class Fold:
    """The program `fold`: tests/oracle/fold.c."""

    def __init__(self, program):
        self.process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True)

    def close(self):
        self.process.stdin.close()
        assert self.process.wait(60) == 0

    def _send(self, request):
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()

    def _answer(self):
        line = self.process.stdout.readline()
        if not line:
            raise AssertionError(f"fold ended with {self.process.wait(60)}: see its last words")
        return json.loads(line)

    def run(self, events, cuts):
        """Outcomes of all events, in batches that end at `cuts`; and the rows at the end."""
        self._send({"reset": True})
        outcomes, start = [], 0
        for end in [*cuts, len(events)]:
            if end > start:
                self._send({"from": start, "events": events[start:end]})
                outcomes += self._answer()
            start = end
        self._send({"rows": True})
        return outcomes, self._answer()


def cuts_of(seed, count):
    """Where the batches of a history end."""
    r = random.Random(seed + 1)
    if r.randrange(3) == 0:
        return list(range(count))
    return sorted(r.sample(range(count), min(count, r.randrange(6))))


def shrink(events, fails):
    """A history as short as leaving out events makes it, for which `fails` still holds."""
    size = len(events) // 2
    while size:
        at = 0
        while at < len(events):
            shorter = events[:at] + events[at + size:]
            if fails(shorter):
                events = shorter
            else:
                at += size
        size //= 2
    return events
