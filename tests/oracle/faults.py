"""What an event can be refused for by itself: the shapes of values, and which of them are wrong in which field.

Where several fields are wrong, all their codes are named: which one is looked at first is no rule.
"""
import re

DAY_US = 86_400_000_000
TIME_MAX_US = 253_402_300_799_999_999
INT64_MAX = 2**63 - 1
INT32_MAX = 2**31 - 1
SERVICES_ALL = 7
FLAGS_ALL = 0x7FFFF
STATUSES = ("PENDING", "ACTIVE", "LOCKED", "MAINTENANCE", "CLOSED")
PROTOCOLS = ("POP3", "IMAP", "SMTP", "SIEVE", "WEBMAIL")
SCHEMES = ("ARGON2ID", "ARGON2I", "BLF-CRYPT", "SHA512-CRYPT", "SHA256-CRYPT", "CRYPT", "SSHA512",
           "SSHA256", "PBKDF2", "SCRAM-SHA-256")
NO_LIMITS = {"max_accounts": None, "quota_bytes": None, "max_messages": None,
             "disabled_protocols": 0}
PATCHABLE = ("first_name", "last_name", "department", "telephone", "group", "quota_bytes",
             "quota_messages", "mailbox_type", "storage_node", "forward", "autoreply", "comment")

# --- values ---------------------------------------------------------------------------------------


def normal_domain(text):
    """The domain in A-labels, or the code that it is refused with."""
    if not text:
        return None, "MISSING_FIELD"
    if re.search(r"[\x00-\x20\x7f-\xa0\u2000-\u200b\u200e\u200f\u2028-\u202f\u2066-\u2069]", text):
        return None, "BAD_CHARACTER"
    try:
        ascii_form = ".".join(label.encode("idna").decode() for label in text.lower().split("."))
    except UnicodeError:
        return None, "NAME_TOO_LONG" if max(map(len, text.split("."))) > 63 else "INVALID_ADDRESS"
    labels = ascii_form.split(".")
    if len(labels) < 2 or labels[-1].isdigit():
        return None, "INVALID_ADDRESS"
    if any(not re.fullmatch(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?", label) for label in labels):
        return None, "INVALID_ADDRESS"
    if len(ascii_form) > 253 or max(map(len, labels)) > 63:
        return None, "NAME_TOO_LONG"
    return ascii_form, None


def normal_address(text):
    if not text:
        return None, "MISSING_FIELD"
    if re.search(r"[\x00-\x20\x7f-\xa0\u2000-\u200b\u200e\u200f\u2028-\u202f\u2066-\u2069]", text):
        return None, "BAD_CHARACTER"
    local, at, domain = text.rpartition("@")
    if not at or not local or not domain:
        return None, "INVALID_ADDRESS"
    if len(local.encode()) > 64:
        return None, "NAME_TOO_LONG"
    if not re.fullmatch(r"[A-Za-z0-9!#$%&'*+=?^_{}~-]+(\.[A-Za-z0-9!#$%&'*+=?^_{}~-]+)*", local):
        return None, "INVALID_ADDRESS"
    ascii_form, code = normal_domain(domain)
    if code:
        return None, code
    if len(local) + 1 + len(ascii_form) > 254:
        return None, "NAME_TOO_LONG"
    return f"{local.lower()}@{ascii_form}", None


def password_fault(secret, required):
    if secret is None:
        return "MISSING_FIELD" if required else None
    if isinstance(secret, dict):
        if "sealed" in secret:
            return "MISSING_FIELD" if secret["sealed"] == "" else None
        return "WEAK_PASSWORD" if secret["generated"] < 8 else (
            "INVALID_FIELD" if secret["generated"] > 128 else None)
    if secret == "":
        return "MISSING_FIELD"
    prefix = re.match(r"\{([^}]*)\}", secret)
    if not prefix or prefix[1].upper() in ("PLAIN", "CLEARTEXT", "CLEAR"):
        return "CLEARTEXT_SECRET"
    scheme, rest = prefix[1].upper().split(".")[0], secret[prefix.end():]
    if scheme not in SCHEMES:
        return "UNKNOWN_SCHEME"
    if not rest or len(secret) > 512 or not re.fullmatch(r"[!-~]+", secret):
        return "INVALID_FIELD"
    if scheme == "CRYPT" and (rest[0] != "$" or rest.startswith("$1$")):
        return "WEAK_PASSWORD"
    return None


def quota_of(text):
    """vpopmail's syntax: (bytes, messages), or None."""
    if text.upper() == "NOQUOTA":
        return 0, 0
    pair = re.fullmatch(r"([0-9]+)S,([0-9]+)C", text, re.IGNORECASE)
    if pair:
        sizes = int(pair[1]), int(pair[2])
    else:
        single = re.fullmatch(r"([0-9]+)(|B|K|KB|M|MB|S|C)", text, re.IGNORECASE)
        if not single or not single[1].isascii():
            return None
        factor = {"K": 1024, "M": 1024 * 1024}.get(single[2][:1].upper(), 1)
        value = int(single[1]) * factor
        sizes = (0, value) if single[2].upper() == "C" else (value, 0)
    return sizes if max(sizes) <= INT64_MAX else None


def nulled(text):
    return None if text == "" else text


def limits_of(given):
    if given is None:
        return dict(NO_LIMITS)
    bits = sum(1 << PROTOCOLS.index(p) for p in set(given.get("disabled_protocols", [])))
    return {"max_accounts": given.get("max_accounts"), "quota_bytes": given.get("quota_bytes"),
            "max_messages": given.get("max_messages"), "disabled_protocols": bits}


# --- faults of an event by itself -------------------------------------------------------------------


class Faults:
    def __init__(self):
        self.codes = set()

    def add(self, code):
        if code:
            self.codes.add(code)

    def name(self, value, required=False, maximum=255, note=False):
        if value in (None, ""):
            self.add("MISSING_FIELD" if required else None)
            return
        if len(value) > maximum:
            self.add("INVALID_FIELD" if note else "NAME_TOO_LONG")
        if re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]" if note else r"[\x00-\x1f\x7f-\x9f]", value):
            self.add("BAD_CHARACTER")

    def number(self, value, maximum=INT64_MAX, required=False):
        if value is None:
            self.add("MISSING_FIELD" if required else None)
        elif not 0 <= value <= maximum:
            self.add("INVALID_FIELD")

    def word(self, value, words, required=False):
        if value is None:
            self.add("MISSING_FIELD" if required else None)
        elif value not in words:
            self.add("INVALID_FIELD")

    def fields(self, fields, allowed):
        if len(fields) > 100 or any(f not in allowed for f in fields):
            self.add("INVALID_FIELD")
        for field in fields:
            self.name(field)

    def ref(self, ref, required=True):
        address, uuid = split_ref(ref)
        if not address and not uuid:
            self.add("MISSING_FIELD" if required else None)
        elif address:
            self.add(normal_address(address)[1])

    def limits(self, given):
        for name in ("max_accounts", "quota_bytes", "max_messages"):
            self.number((given or {}).get(name))
        for protocol in (given or {}).get("disabled_protocols", []):
            self.word(protocol, PROTOCOLS)

    def attributes(self, p):
        for name in ("first_name", "last_name", "department", "telephone", "group", "mailbox_type",
                     "storage_node"):
            self.name(p.get(name))
        self.name(p.get("comment"), maximum=10000, note=True)
        self.number(p.get("quota_bytes"))
        self.number(p.get("quota_messages"))
        if p.get("forward"):
            self.add(normal_address(p["forward"])[1])
        reply = p.get("autoreply") or {}
        self.name(reply.get("subject"), maximum=998)
        self.name(reply.get("body"), maximum=10000, note=True)
        for name in ("start", "end"):
            if reply.get(name) is not None and not 0 <= reply[name] <= TIME_MAX_US:
                self.add("INVALID_FIELD")

    def group(self, p):
        """0 is everybody: nobody can be put into it."""
        number = p.get("group")
        if number is None:
            self.add("MISSING_FIELD")
        elif not 1 <= number <= INT32_MAX:
            self.add("INVALID_FIELD")

    def users(self, names):
        """What they say, in normal form."""
        said = set()
        if len(names or []) > 10000:
            self.add("INVALID_FIELD")
        for name in names or []:
            self.name(name)
            if "@" in name:
                address, code = normal_address(name)
                self.add(code)
                said.add(address)
            elif parse_uuid(name):
                said.add(parse_uuid(name))
            elif re.fullmatch("[0-9]+", name) and 0 < int(name) <= INT64_MAX:
                said.add(int(name))
            else:
                self.add("INVALID_FIELD")
        return said - {None}

    def scope(self, p):
        self.word(p.get("scope", "ACCOUNT"), ("ACCOUNT", "DOMAIN"))
        has_ref = any(split_ref(p.get("ref")))
        self.ref(p.get("ref"), required=False)
        if p.get("domain"):
            self.add(normal_domain(p["domain"])[1])
        if p.get("scope", "ACCOUNT") == "ACCOUNT":
            self.add(None if has_ref else "MISSING_FIELD")
            self.add("INVALID_FIELD" if p.get("domain") else None)
        else:
            self.add(None if p.get("domain") else "MISSING_FIELD")
            self.add("INVALID_FIELD" if has_ref else None)


def split_ref(ref):
    """(address, uuid) of a ref in the short form of the tests."""
    if not ref:
        return None, None
    if isinstance(ref, dict):
        return ref.get("address"), ref.get("uuid")
    return (ref, None) if "@" in ref else (None, ref)


def payload_faults(kind, p):
    f = Faults()
    if kind == "CreateAccount":
        f.add(normal_address(p.get("address"))[1])
        f.add(password_fault(p.get("password"), False))
        f.attributes(p)
        f.number(p.get("services"), SERVICES_ALL)
        f.number(p.get("flags"), FLAGS_ALL)
        f.word(p.get("service_mode"), ("EAGER", "LAZY"))
        if p.get("recovery"):
            f.name(p["recovery"].get("question"), required=True)
            f.add(password_fault(p["recovery"].get("answer_hash") or "", True))
    elif kind == "UpdateAccount":
        f.ref(p.get("ref"))
        f.fields(p.get("fields", []), PATCHABLE)
        f.attributes(p)
    elif kind == "SetPassword":
        f.ref(p.get("ref"))
        f.add(password_fault(p.get("password"), True))
    elif kind == "VerifyPassword":
        f.ref(p.get("ref"))
        f.add(password_fault(p.get("secret"), True))
    elif kind == "SetAccountStatus":
        f.ref(p.get("ref"))
        f.word(p.get("status"), STATUSES, required=True)
        f.name(p.get("reason"))
    elif kind == "DeleteAccount":
        f.ref(p.get("ref"))
        f.word(p.get("mode"), ("SOFT", "PURGE"))
    elif kind == "RestoreAccount":
        f.ref(p.get("ref"))
    elif kind in ("ProvisionServices", "DeprovisionServices"):
        f.ref(p.get("ref"))
        f.number(p.get("services"), SERVICES_ALL, required=True)
    elif kind == "SetQuota":
        f.scope(p)
        quota_faults(f, p)
    elif kind == "SetFlags":
        f.scope(p)
        f.number(p.get("set_mask", 0), FLAGS_ALL)
        f.number(p.get("clear_mask", 0), FLAGS_ALL)
    elif kind == "ObserveLogin":
        f.add(normal_address(p.get("address"))[1])
        f.name(p.get("ip"))
        f.name(p.get("protocol"))
    elif kind in ("CreateContext", "UpdateContext"):
        f.name(p.get("name"), required=True)
        f.limits(p.get("default_limits"))
        if kind == "UpdateContext":
            f.fields(p.get("fields", []), ("domains_on_the_fly", "default_limits"))
    elif kind == "DeleteContext":
        f.name(p.get("name"), required=True)
    elif kind in ("CreateDomain", "UpdateDomain"):
        f.add(normal_domain(p.get("domain"))[1])
        f.number(p.get("default_services"), SERVICES_ALL)
        f.number(p.get("default_quota_bytes"))
        f.number(p.get("default_quota_messages"))
        f.word(p.get("status"), STATUSES)
        f.limits(p.get("limits"))
        if p.get("catch_all"):
            f.add(normal_address(p["catch_all"])[1])
        if kind == "UpdateDomain":
            f.fields(p.get("fields", []), ("default_services", "default_quota_bytes",
                                           "default_quota_messages", "limits", "catch_all",
                                           "status"))
    elif kind == "DeleteDomain":
        f.add(normal_domain(p.get("domain"))[1])
    elif kind == "SetGroupMembers":
        f.group(p)
        f.name(p.get("name"))
        f.users(p.get("members"))
    elif kind == "ChangeGroupMembers":
        f.group(p)
        added, removed = f.users(p.get("add")), f.users(p.get("remove"))
        f.add("INVALID_FIELD" if added & removed else None)
    return f.codes


def quota_faults(f, p):
    has_numbers = p.get("bytes") is not None or p.get("messages") is not None
    text = nulled(p.get("quota"))
    if not has_numbers and text is None:
        f.add("MISSING_FIELD")
    if has_numbers and text is not None:
        f.add("INVALID_QUOTA")
    if text is not None and quota_of(text) is None:
        f.add("INVALID_QUOTA")
    if any((p.get(name) or 0) < 0 for name in ("bytes", "messages")):
        f.add("INVALID_QUOTA")


def is_fan_out(kind, p):
    if kind == "DeleteDomain":
        return bool(p.get("cascade"))
    return kind in ("SetQuota", "SetFlags") and p.get("scope") == "DOMAIN"


def envelope_faults(e):
    codes = set()
    if not e["event_id"]:
        codes.add("MISSING_FIELD")
    elif not parse_uuid(e["event_id"]):
        codes.add("INVALID_FIELD")
    if e["occurred_at"] == 0:
        codes.add("MISSING_FIELD")
    elif not 0 <= e["occurred_at"] <= TIME_MAX_US or e["occurred_at"] > e["timestamp"] + DAY_US:
        codes.add("INVALID_FIELD")
    if not e["context"] and e["kind"] not in ("CreateContext", "UpdateContext", "DeleteContext"):
        codes.add("MISSING_FIELD")
    if e.get("mode", "APPLY") not in ("APPLY", "DRY_RUN"):
        codes.add("INVALID_FIELD")
    if (e.get("expected_version") or 0) < 0:
        codes.add("INVALID_FIELD")
    if e.get("expected_version") is not None and is_fan_out(e["kind"], e["payload"]):
        codes.add("INVALID_FIELD")
    if e["actor"]["kind"] not in ("USER", "GROUP_ADMIN", "MAILBOX_ADMIN", "SYSTEM"):
        codes.add("INVALID_FIELD")
    return codes


def parse_uuid(text):
    digits = re.fullmatch(r"\{?([0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})\}?", text)
    if not digits or (text[0] == "{") != (text[-1] == "}") or not digits[1].strip("0-"):
        return None
    return digits[1].lower()
