"""What the demo sends: the traffic of a sign-up system, a help desk and a few mail servers, with its mistakes.

    for told, record in traffic(5000, framing, seal): ...

`told` says what kind of record it is (a line of the final table), `record` goes to Producer.produce. Events of one
account keep their order; apart from that everything is mixed. The same call gives the same story, but for ids.
"""
import itertools
import random
import struct

from support.events import event_key, event_record, make_event, uuid7

CONTEXT = "acme"
DOMAINS = ("example.org", "example.net", "bücher.example")
FAN_OUT_DOMAIN = "example.net"

VALID = "valid"
DRY_RUN = "dry run"
TWICE = "the same event again"
FORGED = "an id again, other payload"
BREAKS_RULE = "breaks a rule"
EXPIRED = "sent too late"
UNREADABLE = "unreadable"
KINDS_OF_RECORDS = (VALID, DRY_RUN, TWICE, FORGED, BREAKS_RULE, EXPIRED, UNREADABLE)

SEED = 20260115
EVENTS_PER_ACCOUNT = 2.77  # what comes out at these odds
SEALED_EVERY = 40  # each of them is hashed with argon2id, which takes its time on purpose
UNREADABLE_MAX = 60  # above 100 the worker's circuit breaker would rightly stop

HASH = "{SSHA256}diItlPkdWkA18C2u6tAkeX58S1wkmp2zxvjDxgSk0k2+cZ06mCoHNA+j+LZiHAxz3qZ0goVeCkSvc6AMNxgryw=="
FIRST_NAMES = "Ada Ben Cleo Dan Eva Finn Gina Hugo Ines Jan Kira Leo Mia Nils Olga Paul Rosa Sam Tara Uwe".split()
LAST_NAMES = "Adler Brandt Conti Duarte Engel Fuchs Garcia Haas Ito Jensen Klein Lopez Meyer Novak Okafor".split()
DEPARTMENTS = "Sales Support Finance Research Logistics".split()
GIB = 1 << 30


def foundation():
    """Events of which each must have its result before the next is sent: context, then domains."""
    yield make_event("CreateContext", {"name": CONTEXT}, context=CONTEXT)
    for domain in DOMAINS:
        yield make_event("CreateDomain", {"domain": domain, "default_quota_bytes": GIB}, context=CONTEXT)


def fan_out():
    """One event for all accounts of a domain."""
    return make_event("SetQuota", {"scope": "DOMAIN", "domain": FAN_OUT_DOMAIN, "quota": "3072M"}, context=CONTEXT)


def traffic(count, framing, seal):
    """About `count` pairs of (kind of record, arguments for produce). seal() returns a sealed password."""
    dice = random.Random(SEED)
    accounts = [_account(dice, number, seal) for number in range(max(1, int(count / EVENTS_PER_ACCOUNT)))]
    told = [(kind, event_record(event, framing)) for kind, event in _interleave(dice, accounts)]
    told = _with_repetitions(dice, told, framing)
    letters = list(itertools.islice(_unreadable(framing), max(6, min(UNREADABLE_MAX, count // 150))))
    for letter in letters:
        told.insert(dice.randrange(len(told)), (UNREADABLE, letter))
    return told


# --- the life of an account ---------------------------------------------------------------------------------------


def _account(dice, number, seal):
    """The events about one account, in order."""
    first, last = dice.choice(FIRST_NAMES), dice.choice(LAST_NAMES)
    address = f"{first}.{last}{number}@{dice.choice(DOMAINS)}".lower()
    ref = {"ref": {"address": address}}
    fields = {
        "address": address,
        "first_name": first,
        "last_name": last,
        "department": dice.choice(DEPARTMENTS),
        "password": seal() if number % SEALED_EVERY == 0 else {"PasswordHash": {"hash": HASH}},
        "services": dice.choice((7, 7, 7, 1, 3)),
        "service_mode": dice.choice(("EAGER", "EAGER", "EAGER", "LAZY")),
    }
    create = make_event("CreateAccount", fields, context=CONTEXT)
    if number % 25 == 7:
        plan = make_event("CreateAccount", fields, context=CONTEXT, mode="DRY_RUN", event_id=create["event_id"])
        yield DRY_RUN, plan  # the very same id afterwards: a plan does not use it up
    yield VALID, create
    for make in dice.sample(_LATER, dice.choice((0, 1, 1, 2, 3))):
        yield VALID, make(dice, address, ref)
    if number % 15 == 3:
        yield BREAKS_RULE, _mistake(dice, number, address, ref)
    if number % 60 == 11:
        now = create["occurred_at"]
        late = _event("SetAccountStatus", {**ref, "status": "LOCKED"}, "billing")
        yield EXPIRED, {**late, "occurred_at": now - 7200_000_000, "expires_at": now - 3600_000_000}
    if number % 30 == 5:
        yield VALID, _event("DeleteAccount", {**ref, "mode": "SOFT"}, "help desk", ticket=f"HD-{20000 + number}")
        if number % 60 == 5:
            yield VALID, _event("RestoreAccount", ref, "help desk", reason="deleted by mistake")


def _event(kind, payload, who, **actor):
    return make_event(kind, payload, context=CONTEXT, source=who,
                      actor={"kind": "SYSTEM", "id": who, "ip": "192.0.2.14", **actor})  # fmt: skip


def _move(dice, _address, ref):
    department = dice.choice(DEPARTMENTS)
    return _event("UpdateAccount", {**ref, "fields": ["department"], "department": department}, "webadmin")


def _login(dice, address, _ref):
    ip, protocol = f"198.51.100.{dice.randrange(1, 255)}", dice.choice(("imap", "pop3", "smtp"))
    return _event("ObserveLogin", {"address": address, "ip": ip, "protocol": protocol}, "dovecot")


def _quota(dice, _address, ref):
    return _event("SetQuota", {"scope": "ACCOUNT", **ref, "quota": dice.choice(("500M", "NOQUOTA", "750MB"))}, "billing")


def _password(_dice, _address, ref):
    return _event("SetPassword", {**ref, "password": {"PasswordHash": {"hash": HASH[:-4] + "AA=="}}}, "webmail")


def _lock(_dice, _address, ref):
    return _event("SetAccountStatus", {**ref, "status": "LOCKED", "reason": "invoice is overdue"}, "billing")


def _services(_dice, _address, ref):
    return _event("ProvisionServices", {**ref, "services": 6}, "signup-web")


_LATER = (_move, _login, _login, _quota, _password, _lock, _services)


def _mistake(dice, number, address, ref):
    """An event that can be read and breaks a rule."""
    return dice.choice((
        lambda: _event("CreateAccount", {"address": f"x{number}@nowhere.example"}, "signup-web"),
        lambda: _event("CreateAccount", {"address": f"two words{number}@example.org"}, "signup-web"),
        lambda: _event("CreateAccount", {"address": address, "first_name": "Somebody", "last_name": "Else"}, "signup-web"),
        lambda: _event("CreateAccount", {"address": f"s{number}@example.org", "services": 9}, "signup-web"),
        lambda: _event("SetQuota", {"scope": "ACCOUNT", **ref, "quota": "lots"}, "billing"),
        lambda: _event("SetPassword", {**ref, "password": {"PasswordHash": {"hash": "letmein"}}}, "webmail"),
        lambda: {**_event("UpdateAccount", {**ref, "fields": ["comment"], "comment": "x"}, "webadmin"),
                 "expected_version": 99},
        lambda: make_event("DeleteAccount", {**ref, "mode": "PURGE"}, context=CONTEXT, source="webmail",
                           actor={"kind": "USER", "id": f"nosy@{DOMAINS[0]}", "ip": "203.0.113.9"}),
    ))()  # fmt: skip


# --- order, repetitions, noise ------------------------------------------------------------------------------------


def _interleave(dice, accounts):
    """Mixes the accounts, a few dozen at a time, and keeps the order of each."""
    waiting = iter(accounts)
    open_ = list(itertools.islice(waiting, 40))
    while open_:
        index = dice.randrange(len(open_))
        event = next(open_[index], None)
        if event is not None:
            yield event
            continue
        following = next(waiting, None)
        if following is None:
            open_.pop(index)
        else:
            open_[index] = following


def _with_repetitions(dice, told, framing):
    """Some valid events come again later: unchanged, as a producer does that had no answer, or forged."""
    later = []
    for index, (kind, record) in enumerate(told):
        if kind == VALID and index % 20 == 13:
            later.append((index + dice.randrange(1, 400), (TWICE, dict(record))))
    for place, again in sorted(later, key=lambda entry: -entry[0]):
        told.insert(min(place, len(told)), again)
    for number in range(max(3, len(told) // 400)):
        event = make_event("CreateAccount", {"address": f"first.use{number}@example.org"}, context=CONTEXT)
        other = make_event("CreateAccount", {"address": f"first.use{number}@example.org", "comment": "another wish"},
                           context=CONTEXT, event_id=event["event_id"])  # fmt: skip
        told.append((VALID, event_record(event, framing)))
        told.append((FORGED, event_record(other, framing)))
    return told


def _unreadable(framing):
    """Records that no worker can make an event of, for ever."""
    for number in itertools.count():
        event = make_event("CreateAccount", {"address": f"lost{number}@example.org"}, context=CONTEXT, event_id=uuid7())
        whole = event_record(event, framing)["value"]
        value = (
            b'{"event": "CreateAccount", "address": "json@example.org"}',
            whole[: len(whole) // 2],
            b"\x00" + struct.pack(">I", 999_999) + whole[5:],
            whole + b"\x00\x00",
            None,
            b"\x00\x01",
        )[number % 6]
        yield {"key": event_key(event), "value": value}
