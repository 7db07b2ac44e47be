"""Events for the bench, made fast: each kind is encoded once, and only ids and addresses are put in."""
import random
import string
import time
import uuid

from support.events import event_record, make_event

CONTEXT = "acme"
DOMAINS = [f"d{number}.example.org" for number in range(10)]
HASH = "{ARGON2ID}$argon2id$v=19$m=65536,t=3,p=1$c29tZXNhbHRzb21lc2FsdA$" + "q" * 43
# Placeholders as long as what replaces them, since Avro writes the length in front.
ID_PLACE = "00000000-0000-7000-8000-00000000beef"
ADDRESS_PLACE = "uxxxxxxxx@dx.example.org"
BIG_TEXT_CHARS = 10_000
LONGER_TEXT_CHARS = 600
TOO_LONG_TEXT_CHARS = 62_000  # four of them are an event near limits.event_bytes, each is too long for its field
MEMBERS = 10_000  # of a group: as many as an event may name

_PAYLOADS = {
    "CreateAccount": lambda: {
        "address": ADDRESS_PLACE, "password": {"PasswordHash": {"hash": HASH}}, "first_name": "Bob", "last_name": "Miller",
        "quota_bytes": 1 << 30, "quota_messages": 100_000,
    },
    "UpdateAccount": lambda: {
        "ref": {"address": ADDRESS_PLACE}, "fields": ["department", "telephone"],
        "department": "Sales", "telephone": "+49 30 1234567",
    },
    "SetQuota": lambda: {"ref": {"address": ADDRESS_PLACE}, "bytes": (1 << 31) + random.randrange(1 << 30)},
    "SetPassword": lambda: {
        "ref": {"address": ADDRESS_PLACE}, "password": {"PasswordHash": {"hash": HASH[:-4] + f"{random.randrange(10_000):04}"}},
    },
    "SetAccountStatus": lambda: {
        "ref": {"address": ADDRESS_PLACE}, "status": random.choice(("ACTIVE", "LOCKED", "MAINTENANCE")),
    },
    "ObserveLogin": lambda: {"address": ADDRESS_PLACE, "ip": "192.0.2.7", "protocol": "imap"},
    "DeleteAccount": lambda: {"ref": {"address": ADDRESS_PLACE}, "mode": "SOFT"},
    "Longer": lambda: {
        "address": ADDRESS_PLACE, "comment": "".join(random.choices(string.ascii_lowercase, k=LONGER_TEXT_CHARS)),
    },
    "Big": lambda: {
        "address": ADDRESS_PLACE, "comment": "c" * BIG_TEXT_CHARS,
        "autoreply": {"subject": "away", "body": "b" * BIG_TEXT_CHARS, "enabled": True},
    },
    "TooLong": lambda: {
        "address": ADDRESS_PLACE,
        **dict.fromkeys(("first_name", "last_name", "department", "comment"), "t" * TOO_LONG_TEXT_CHARS),
    },
}  # fmt: skip
_ACCOUNTS = ("Longer", "Big", "TooLong")
_MIX = {"CreateAccount": 40, "UpdateAccount": 15, "SetQuota": 12, "SetPassword": 10, "SetAccountStatus": 8,
        "ObserveLogin": 10, "DeleteAccount": 5}  # fmt: skip
VARIANTS = 16  # of a kind, so that updates change something


class Template:
    """The bytes of an event around its id and its address."""

    def __init__(self, kind):
        name = "CreateAccount" if kind in _ACCOUNTS else kind
        event = make_event(name, _PAYLOADS[kind](), context=CONTEXT, event_id=ID_PLACE)
        value = event_record(event)["value"]
        self._head, rest = value.split(ID_PLACE.encode())
        self._middle, self._tail = rest.split(ADDRESS_PLACE.encode())

    def fill(self, event_id, address):
        return b"".join((self._head, event_id, self._middle, address, self._tail))


def address_of(number):
    return b"u%08d@d%d.example.org" % (number, number % len(DOMAINS))


def event_ids():
    """UUIDv7s of now, as bytes, without end."""
    while True:
        stem = int(time.time() * 1000) << 80 | 0x7 << 76 | 0x2 << 62
        for _ in range(1000):
            bits = random.getrandbits(74)
            number = stem | (bits >> 62) << 64 | bits & (1 << 62) - 1
            yield str(uuid.UUID(int=number)).encode()


def creates(count, first=0, kind="CreateAccount"):
    """`count` accounts that are not there: (number of the account, key, value)."""
    template = Template(kind)
    ids = event_ids()
    for number in range(first, first + count):
        address = address_of(number)
        yield number, address, template.fill(next(ids), address)


def mixed(count, seed=1):
    """A life: 40% are born, most of the rest happens to accounts that are there, a few die."""
    chance = random.Random(seed)
    random.seed(seed)
    templates = {kind: [Template(kind) for _ in range(VARIANTS)] for kind in _MIX}
    kinds = chance.choices(list(_MIX), weights=_MIX.values(), k=count)
    ids = event_ids()
    born = 0
    for kind in kinds:
        if kind == "CreateAccount" or not born:
            kind, number, born = "CreateAccount", born, born + 1
        else:
            number = chance.randrange(born)
        address = address_of(number)
        yield number, address, chance.choice(templates[kind]).fill(next(ids), address)


def hot_key(count):
    """One account, then its quota again and again."""
    templates = [Template("SetQuota") for _ in range(VARIANTS)]
    ids = event_ids()
    yield from creates(1)
    for turn in range(1, count):
        yield 0, address_of(0), templates[turn % VARIANTS].fill(next(ids), address_of(0))


def groups(count):
    """Groups of the first accounts, all of them in each."""
    members = [address_of(number).decode() for number in range(MEMBERS)]
    for number in range(1, count + 1):
        event = make_event("SetGroupMembers", {"group": number, "members": members}, context=CONTEXT)
        yield number, CONTEXT.encode(), event_record(event)["value"]
