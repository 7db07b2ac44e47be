"""The rules of sections 1 to 3 of the catalogue, told a second time and plainly, to be held against the fold.

One event after the other, no batches, no folding, no undo: a refused or planned event is done to a copy
that is thrown away. `Model.process` returns an Expectation; what a rule leaves open is left open there (when
several fields of an event are wrong, any of their codes may be said).
"""
import copy
import dataclasses
import re

DAY_US = 86_400_000_000
GRACE_US = 30 * DAY_US
TIME_MAX_US = 253_402_300_799_999_999
INT64_MAX = 2**63 - 1
SERVICES_ALL = 7
FLAGS_ALL = 0x7FFFF
FLAG_NO_PASSWORD_CHANGE = 0x01
FLAG_OVERRIDE_LIMITS = 0x2000
STATUSES = ("PENDING", "ACTIVE", "LOCKED", "MAINTENANCE", "CLOSED")
PROTOCOLS = ("POP3", "IMAP", "SMTP", "SIEVE", "WEBMAIL")
SCHEMES = ("ARGON2ID", "ARGON2I", "BLF-CRYPT", "SHA512-CRYPT", "SHA256-CRYPT", "CRYPT", "SSHA512",
           "SSHA256", "PBKDF2", "SCRAM-SHA-256")
PATCHABLE = ("first_name", "last_name", "department", "telephone", "group", "quota_bytes",
             "quota_messages", "mailbox_type", "storage_node", "forward", "autoreply", "comment")
NO_LIMITS = {"max_accounts": None, "quota_bytes": None, "max_messages": None,
             "disabled_protocols": 0}
USES_ID = ("APPLIED", "NO_CHANGE", "REJECTED", "EXPIRED")


class Rejected(Exception):
    """The event breaks a rule; `codes` are those that may be said."""

    def __init__(self, *codes):
        super().__init__(*codes)
        self.codes = set(codes)


class NoChange(Exception):
    """Already so."""

    def __init__(self, code=None, target=None):
        super().__init__(code)
        self.code = code
        self.target = target


@dataclasses.dataclass
class Expectation:
    status: str
    codes: set = dataclasses.field(default_factory=lambda: {None})
    before: int | None = None
    after: int | None = None
    account: str | None = None
    services: int = 0
    items: int = 0
    applied: int = 0
    changes: list = dataclasses.field(default_factory=list)
    has_target: bool = True  # False: versions and account are not looked at


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
            return None if secret["sealed"] else "MISSING_FIELD"
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


def stored_hash(secret):
    """What prepare makes of a secret in these tests."""
    if isinstance(secret, dict):
        return "{SHA512-CRYPT}" + secret.get("sealed", "made")
    return secret


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


def account_uuid_of(event_id):
    """As the tests derive it: the bytes of the event id, last first."""
    turned = bytes.fromhex(event_id.replace("-", ""))[::-1].hex()
    return "-".join((turned[:8], turned[8:12], turned[12:16], turned[16:20], turned[20:]))


# --- the model --------------------------------------------------------------------------------------


class Model:
    def __init__(self):
        self.contexts = {}
        self.domains = {}
        self.accounts = {}  # by uuid
        self.ledger = {}  # event id > content

    def process(self, e):
        event_id = parse_uuid(e["event_id"] or "")
        if event_id in self.ledger:
            same = self.ledger[event_id] == content_of(e)
            return Expectation("DUPLICATE", has_target=False) if same else Expectation(
                "REJECTED", {"ID_REUSED"}, has_target=False)
        expectation = self.judge(e)
        if event_id and expectation.status in USES_ID:
            self.ledger[event_id] = content_of(e)
        return expectation

    def judge(self, e):
        if e.get("expires_at") is not None and e["timestamp"] > e["expires_at"]:
            return Expectation("EXPIRED", has_target=False)
        codes = envelope_faults(e)
        if not codes:
            codes = payload_faults(e["kind"], e["payload"])
        if codes:
            return Expectation("REJECTED", codes, has_target=False)
        if not self.may(e):
            return self.forbidden(e)
        kept = copy.deepcopy((self.contexts, self.domains, self.accounts))
        act = Act(self, e)
        try:
            expectation = act.run()
        except Rejected as rejected:
            expectation = self.forbidden(e) if rejected.codes == {"FORBIDDEN"} else Expectation(
                "REJECTED", rejected.codes, has_target=False)
        except NoChange as no_change:
            expectation = act.expectation("NO_CHANGE", no_change.target)
            expectation.codes = {no_change.code}
        if expectation.status == "APPLIED" and e.get("mode") == "DRY_RUN":
            expectation.status = "PLANNED"
        if expectation.status != "APPLIED":
            self.contexts, self.domains, self.accounts = kept
        return expectation

    def may(self, e):
        """SYSTEM may everything; a user what concerns the own password. Nobody has a role yet."""
        actor = e["actor"]
        if actor["kind"] == "SYSTEM":
            return True
        if actor["kind"] != "USER" or e["kind"] not in ("SetPassword", "VerifyPassword"):
            return False
        account = self.find_live(e, e["payload"]["ref"])
        return account is not None and actor["id"].lower() in (account["address"], account["uuid"])

    def forbidden(self, e):
        expectation = Expectation("REJECTED", {"FORBIDDEN"}, has_target=False)
        if e.get("mode") != "DRY_RUN":
            account = self.find_live(e, e["payload"].get("ref"))
            expectation.changes = [["REFUSED", "account", account["address"]] if account else
                                   ["REFUSED", "command", e["kind"]]]
        return expectation

    # looking up

    def live_of(self, address):
        for account in self.accounts.values():
            if account["address"] == address and account["deleted_at"] is None:
                return account
        return None

    def last_deleted_of(self, address):
        gone = [a for a in self.accounts.values()
                if a["address"] == address and a["deleted_at"] is not None]
        return max(gone, key=lambda a: (a["deleted_at"], a["uuid"]), default=None)

    def find(self, e, ref, fallback_to_deleted=False):
        address, uuid = split_ref(ref)
        if uuid:
            account = self.accounts.get(uuid.lower())
        else:
            address = normal_address(address or "")[0]
            account = self.live_of(address)
            if not account and fallback_to_deleted:
                account = self.last_deleted_of(address)
        return account if account and account["context"] == e["context"] else None

    def find_live(self, e, ref):
        account = self.find(e, ref)
        return account if account and account["deleted_at"] is None else None

    def live_in(self, domain):
        return [a for a in self.accounts.values()
                if a["domain"] == domain and a["deleted_at"] is None]


def without_defaults(value, defaults=()):
    if isinstance(value, dict):
        cleaned = {k: without_defaults(v) for k, v in value.items()}
        return {k: v for k, v in cleaned.items() if v is not None and v != []}
    return value


# Fields whose default means the same as leaving them out.
DEFAULTS = {
    "DeleteAccount": {"mode": "SOFT"}, "DeleteDomain": {"cascade": False},
    "CreateContext": {"domains_on_the_fly": False},
    "SetQuota": {"scope": "ACCOUNT"},
    "SetFlags": {"scope": "ACCOUNT", "set_mask": 0, "clear_mask": 0, "clear_all": False},
}


def content_of(e):
    payload = without_defaults(e["payload"])
    for name, default in DEFAULTS.get(e["kind"], {}).items():
        if payload.get(name) == default:
            del payload[name]
    reply = payload.get("autoreply")
    if reply and reply.get("enabled") is False:
        del reply["enabled"]
    return copy.deepcopy((e["kind"], payload, e["context"], e["actor"], e.get("mode", "APPLY"),
                          e.get("expected_version")))


class Act:
    """One event done to the model."""

    def __init__(self, model, e):
        self.m, self.e, self.p = model, e, e["payload"]
        self.changes = []
        self.before = None
        self.target = None

    def run(self):
        name = re.sub(r"(?<!^)([A-Z])", r"_\1", self.e["kind"]).lower()
        return getattr(self, name)()

    def expectation(self, status, target):
        """`target` is a row that is there now (None: none)."""
        result = Expectation(status)
        if target is not None:
            result.before = self.before if status == "APPLIED" else target["version"]
            result.after = target["version"]
            if "uuid" in target:
                result.account = target["uuid"]
                result.services = target["provisioned"]
        if status == "APPLIED":
            result.changes = self.changes
        return result

    # --- helpers

    def check_version(self, row):
        expected = self.e.get("expected_version")
        if expected is not None and expected != (row["version"] if row else 0):
            raise Rejected("VERSION_MISMATCH")

    def changed(self, action, kind, row, name, before):
        """Counts the event in the row when it differs from `before`; NO_CHANGE when it does not."""
        if before is not None and {**row, "version": 0} == {**before, "version": 0}:
            raise NoChange(target=row)
        self.before = before["version"] if before else None
        row["version"] = before["version"] + 1 if before else 1
        row["updated_at"] = self.e["occurred_at"]
        self.changes.append([action, kind, name])
        return self.expectation("APPLIED", row)

    def require_account(self):
        account = self.m.find_live(self.e, self.p["ref"])
        if not account:
            raise Rejected("NO_SUCH_ACCOUNT")
        self.check_version(account)
        return account, copy.deepcopy(account)

    def updated(self, account, before):
        return self.changed("UPDATE", "account", account, account["address"], before)

    # --- limits

    @staticmethod
    def counts(account):
        return not account["flags"] & FLAG_OVERRIDE_LIMITS

    def check_limits(self, account, before):
        """`account` as it is to be; `before` None: it was not there or did not count."""
        domain = self.m.domains.get(account["domain"])
        if not domain or not self.counts(account):
            return
        others = [a for a in self.m.live_in(account["domain"])
                  if self.counts(a) and a["uuid"] != account["uuid"]]
        limits = domain["limits"]
        is_new = before is None or not self.counts(before)
        if limits["max_accounts"] is not None and is_new and len(others) >= limits["max_accounts"]:
            raise Rejected("LIMIT_EXCEEDED")
        for limit, quota in (("quota_bytes", "quota_bytes"), ("max_messages", "quota_messages")):
            was, now = (0 if is_new else before[quota] or 0), account[quota] or 0
            if limits[limit] is None or (not is_new and was == now):
                continue
            given_out = sum(a[quota] or 0 for a in others)
            if now == 0 or (now > was and given_out + now > limits[limit]):
                raise Rejected("LIMIT_EXCEEDED")

    # --- contexts

    def create_context(self):
        name, p = self.p["name"], self.p
        present = self.m.contexts.get(name)
        self.check_version(present)
        if present:
            same = present["domains_on_the_fly"] == bool(p.get("domains_on_the_fly")) and (
                p.get("default_limits") is None
                or limits_of(p["default_limits"]) == present["limits"])
            if not same:
                raise Rejected("ALREADY_EXISTS")
            raise NoChange(target=present)
        context = {"name": name, "domains_on_the_fly": bool(p.get("domains_on_the_fly")),
                   "limits": limits_of(p.get("default_limits")),
                   "created_at": self.e["occurred_at"]}
        self.m.contexts[name] = context
        return self.changed("CREATE", "context", context, name, None)

    def update_context(self):
        context = self.m.contexts.get(self.p["name"])
        if not context:
            raise Rejected("NO_SUCH_CONTEXT")
        self.check_version(context)
        before = copy.deepcopy(context)
        fields = self.p.get("fields", [])
        if "domains_on_the_fly" in fields:
            context["domains_on_the_fly"] = bool(self.p.get("domains_on_the_fly"))
        if "default_limits" in fields:
            context["limits"] = limits_of(self.p.get("default_limits"))
        return self.changed("UPDATE", "context", context, context["name"], before)

    def gone_already(self, code):
        if self.e.get("expected_version"):
            raise Rejected(code)
        raise NoChange(code)

    def delete_context(self):
        context = self.m.contexts.get(self.p["name"])
        if not context:
            self.gone_already("NO_SUCH_CONTEXT")
        self.check_version(context)
        if any(d["context"] == context["name"] for d in self.m.domains.values()):
            raise Rejected("CONTEXT_NOT_EMPTY")
        del self.m.contexts[context["name"]]
        return self.deleted("context", context, context["name"], "DELETE")

    def deleted(self, kind, row, name, action):
        result = Expectation("APPLIED", before=row["version"], after=None)
        result.account = row.get("uuid")
        result.changes = [[action, kind, name]]
        return result

    # --- domains

    def our_domain(self, name):
        domain = self.m.domains.get(name)
        return domain if domain and domain["context"] == self.e["context"] else None

    def check_catch_all(self, domain_name):
        if not self.p.get("catch_all"):
            return
        account = self.m.live_of(normal_address(self.p["catch_all"])[0])
        if (not account or account["domain"] != domain_name
                or account["context"] != self.e["context"]):
            raise Rejected("NO_SUCH_ACCOUNT")

    def new_domain(self, name, context):
        return {"name": name, "context": context["name"], "status": "ACTIVE",
                "default_services": None, "default_quota_bytes": None,
                "default_quota_messages": None, "limits": dict(context["limits"]),
                "catch_all": None, "created_at": self.e["occurred_at"]}

    def create_domain(self):
        name, p = normal_domain(self.p["domain"])[0], self.p
        context = self.m.contexts.get(self.e["context"])
        if not context:
            raise Rejected("NO_SUCH_CONTEXT")
        self.check_catch_all(name)
        ours = self.our_domain(name)
        self.check_version(ours)
        if name in self.m.domains and not ours:
            raise Rejected("ALREADY_EXISTS")
        settings = ("default_services", "default_quota_bytes", "default_quota_messages", "status")
        if ours:
            same = all(p.get(s) is None or p[s] == ours[s] for s in settings) and (
                p.get("limits") is None or limits_of(p["limits"]) == ours["limits"]) and (
                    not p.get("catch_all")
                    or normal_address(p["catch_all"])[0] == ours["catch_all"])
            if not same:
                raise Rejected("ALREADY_EXISTS")
            raise NoChange(target=ours)
        domain = self.new_domain(name, context)
        for setting in settings:
            if p.get(setting) is not None:
                domain[setting] = p[setting]
        if p.get("limits") is not None:
            domain["limits"] = limits_of(p["limits"])
        self.m.domains[name] = domain
        return self.changed("CREATE", "domain", domain, name, None)

    def update_domain(self):
        name, p = normal_domain(self.p["domain"])[0], self.p
        domain, fields = self.our_domain(name), self.p.get("fields", [])
        if not domain:
            raise Rejected("NO_SUCH_DOMAIN")
        if "catch_all" in fields:
            self.check_catch_all(name)
        self.check_version(domain)
        before = copy.deepcopy(domain)
        for field in fields:
            value = p.get(field)
            if field == "limits":
                value = limits_of(value)
            elif field == "catch_all":
                value = normal_address(value)[0] if value else None
            elif field == "status" and value is None:
                value = "ACTIVE"
            domain[field] = value
        return self.changed("UPDATE", "domain", domain, name, before)

    def delete_domain(self):
        name = normal_domain(self.p["domain"])[0]
        domain = self.our_domain(name)
        if not domain:
            self.gone_already("NO_SUCH_DOMAIN")
        self.check_version(domain)
        accounts = self.m.live_in(name)
        if accounts and not self.p.get("cascade"):
            raise Rejected("DOMAIN_NOT_EMPTY")
        for account in accounts:
            self.bury(account)
        del self.m.domains[name]
        result = self.deleted("domain", domain, name, "DELETE")
        result.items = result.applied = len(accounts)
        return result

    # --- accounts

    def bury(self, account):
        account["deleted_at"] = account["updated_at"] = self.e["occurred_at"]
        account["purge_at"] = self.e["occurred_at"] + GRACE_US
        account["version"] += 1

    ATTRIBUTES = ("first_name", "last_name", "department", "telephone", "mailbox_type",
                  "storage_node", "comment")

    def given_attributes(self):
        """Columns and values of the attributes that are not null."""
        p, given = self.p, {}
        for name in self.ATTRIBUTES:
            if nulled(p.get(name)) is not None:
                given[name] = p[name]
        if nulled(p.get("group")) is not None:
            given["mail_group"] = p["group"]
        for name in ("quota_bytes", "quota_messages"):
            if p.get(name) is not None:
                given[name] = p[name]
        if nulled(p.get("forward")) is not None:
            given["forward"] = normal_address(p["forward"])[0]
        if p.get("autoreply") is not None:
            given.update({k: v for k, v in self.reply_columns().items() if v is not None})
        return given

    def reply_columns(self):
        reply = self.p.get("autoreply") or {}
        return {"autoreply_subject": nulled(reply.get("subject")),
                "autoreply_body": nulled(reply.get("body")),
                "autoreply_start": reply.get("start"), "autoreply_end": reply.get("end"),
                "autoreply_enabled": bool(reply.get("enabled"))}

    def create_account(self):
        p, e = self.p, self.e
        address = normal_address(p["address"])[0]
        name = address.rpartition("@")[2]
        context = self.m.contexts.get(e["context"])
        if not context:
            raise Rejected("NO_SUCH_CONTEXT")
        domain = self.m.domains.get(name)
        if domain is None and context["domains_on_the_fly"]:
            domain = self.m.domains[name] = self.new_domain(name, context)
            domain.update(version=1, updated_at=e["occurred_at"])
            self.changes.append(["CREATE", "domain", name])
        if not domain or domain["context"] != e["context"]:
            raise Rejected("NO_SUCH_DOMAIN")
        if nulled(p.get("group")) is not None:
            raise Rejected("NO_SUCH_GROUP")
        present = self.m.live_of(address)
        self.check_version(present)
        given = self.given_attributes()
        for name in ("service_mode", "flags"):
            if p.get(name) is not None:
                given[name] = p[name]
        if present:
            if any(present[column] != value for column, value in given.items()):
                raise Rejected("ALREADY_EXISTS")
            raise NoChange(target=present)
        deleted = self.m.last_deleted_of(address)
        if deleted and e["occurred_at"] <= deleted["purge_at"]:
            raise Rejected("ADDRESS_RESERVED")
        account = self.new_account(address, domain, given)
        self.check_limits(account, None)
        self.m.accounts[account["uuid"]] = account
        return self.changed("CREATE", "account", account, address, None)

    def new_account(self, address, domain, given):
        p, e = self.p, self.e
        services = p.get("services")
        if services is None:
            services = domain["default_services"]
        if services is None:
            services = SERVICES_ALL
        account = dict.fromkeys(
            (*self.ATTRIBUTES, "mail_group", "forward", "status_reason", "last_login_at",
             "last_login_ip", "last_login_protocol", "deleted_at", "purge_at", *self.reply_columns()))
        account.update(
            uuid=account_uuid_of(parse_uuid(e["event_id"])), address=address,
            domain=domain["name"], context=domain["context"], status="ACTIVE", flags=0,
            service_mode="EAGER", mailbox_type="Maildir", services=services,
            autoreply_enabled=False, quota_bytes=domain["default_quota_bytes"],
            quota_messages=domain["default_quota_messages"],
            password=stored_hash(p.get("password")), created_by=e["actor"]["id"],
            created_at=e["occurred_at"])
        account.update(given)
        recovery = p.get("recovery") or {}
        account.update(question=recovery.get("question"), answer=recovery.get("answer_hash"))
        account["provisioned"] = services if account["service_mode"] == "EAGER" else 0
        return account

    def update_account(self):
        p, fields = self.p, self.p.get("fields", [])
        account = self.m.find_live(self.e, p["ref"])
        if not account:
            raise Rejected("NO_SUCH_ACCOUNT")
        if "group" in fields and nulled(p.get("group")) is not None:
            raise Rejected("NO_SUCH_GROUP")
        self.check_version(account)
        before, domain = copy.deepcopy(account), self.m.domains[account["domain"]]
        for field in fields:
            if field == "autoreply":
                account.update(self.reply_columns())
                continue
            value = nulled(p.get(field))
            if field == "forward" and value is not None:
                value = normal_address(value)[0]
            if field == "mailbox_type" and value is None:
                value = "Maildir"
            if field in ("quota_bytes", "quota_messages") and value is None:
                value = domain["default_" + field]
            account["mail_group" if field == "group" else field] = value
        self.check_limits(account, before)
        return self.updated(account, before)

    def set_password(self):
        account = self.m.find_live(self.e, self.p["ref"])
        if not account:
            raise Rejected("NO_SUCH_ACCOUNT")
        if account["flags"] & FLAG_NO_PASSWORD_CHANGE and self.e["actor"]["kind"] == "USER":
            raise Rejected("FORBIDDEN")
        self.check_version(account)
        before = copy.deepcopy(account)
        account["password"] = stored_hash(self.p["password"])
        return self.updated(account, before)

    def verify_password(self):
        account = self.m.find_live(self.e, self.p["ref"])
        if not account:
            raise Rejected("AUTH_FAILED")
        self.check_version(account)
        if account["password"] != stored_hash(self.p["secret"]):
            raise Rejected("AUTH_FAILED")
        raise NoChange(target=account)

    def set_account_status(self):
        account, before = self.require_account()
        account["status"] = self.p["status"]
        account["status_reason"] = nulled(self.p.get("reason"))
        return self.updated(account, before)

    def delete_account(self):
        account = self.m.find(self.e, self.p["ref"], fallback_to_deleted=True)
        if not account:
            self.gone_already("NO_SUCH_ACCOUNT")
        self.check_version(account)
        is_live, purges = account["deleted_at"] is None, self.p.get("mode") == "PURGE"
        if not is_live and not purges:
            raise NoChange(target=account)
        domain = self.m.domains.get(account["domain"])
        if is_live and domain and domain["catch_all"] == account["address"]:
            raise Rejected("CATCHALL_IN_USE")
        if purges:
            del self.m.accounts[account["uuid"]]
            return self.deleted("account", account, account["address"], "PURGE")
        self.before = account["version"]
        self.bury(account)
        self.changes.append(["DELETE", "account", account["address"]])
        return self.expectation("APPLIED", account)

    def restore_account(self):
        account = self.m.find(self.e, self.p["ref"], fallback_to_deleted=True)
        is_live = account is not None and account["deleted_at"] is None
        if not account or not is_live and self.e["occurred_at"] > account["purge_at"]:
            raise Rejected("NO_SUCH_ACCOUNT")
        if not self.our_domain(account["domain"]):
            raise Rejected("NO_SUCH_DOMAIN")
        self.check_version(account)
        if is_live:
            raise NoChange(target=account)
        if self.m.live_of(account["address"]):
            raise Rejected("ALREADY_EXISTS")
        before = copy.deepcopy(account)
        self.check_limits(account, None)
        account["deleted_at"] = account["purge_at"] = None
        return self.changed("RESTORE", "account", account, account["address"], before)

    def provision_services(self):
        account, before = self.require_account()
        account["services"] |= self.p["services"]
        account["provisioned"] |= self.p["services"]
        return self.updated(account, before)

    def deprovision_services(self):
        account, before = self.require_account()
        account["services"] &= ~self.p["services"]
        account["provisioned"] &= ~self.p["services"]
        return self.updated(account, before)

    def observe_login(self):
        address = normal_address(self.p["address"])[0]
        account = self.m.live_of(address)
        if account and account["context"] != self.e["context"]:
            account = None
        if not account:
            if self.our_domain(address.rpartition("@")[2]) or self.e.get("expected_version"):
                raise Rejected("NO_SUCH_ACCOUNT")
            raise NoChange()
        self.check_version(account)
        last = account["last_login_at"]
        if last is not None and self.e["occurred_at"] <= last:
            raise NoChange(target=account)
        account["last_login_at"] = self.e["occurred_at"]
        account["last_login_ip"] = nulled(self.p.get("ip"))
        account["last_login_protocol"] = nulled(self.p.get("protocol"))
        may_log_in = account["status"] not in ("LOCKED", "CLOSED")
        missing = account["services"] & ~account["provisioned"]
        if account["service_mode"] == "LAZY" and may_log_in and missing:
            account["provisioned"] |= missing
            account["updated_at"] = self.e["occurred_at"]
            self.changes.append(["UPDATE", "account", address])
        self.before = account["version"]
        return self.expectation("APPLIED", account)

    # --- quota and flags, for one or for all

    def new_quota(self, account):
        p = self.p
        if nulled(p.get("quota")) is not None:
            account["quota_bytes"], account["quota_messages"] = quota_of(p["quota"])
        if p.get("bytes") is not None:
            account["quota_bytes"] = p["bytes"]
        if p.get("messages") is not None:
            account["quota_messages"] = p["messages"]

    def new_flags(self, account):
        p = self.p
        kept = 0 if p.get("clear_all") else account["flags"] & ~p.get("clear_mask", 0)
        account["flags"] = kept | p.get("set_mask", 0)

    def set_quota(self):
        return self.for_scope(self.new_quota)

    def set_flags(self):
        return self.for_scope(self.new_flags)

    def for_scope(self, edit):
        if self.p.get("scope") == "DOMAIN":
            return self.for_domain(edit)
        account, before = self.require_account()
        edit(account)
        self.check_limits(account, before)
        return self.updated(account, before)

    def for_domain(self, edit):
        """Every live account, or none: the limits are judged for the sums that come out."""
        name = normal_domain(self.p["domain"])[0]
        domain = self.our_domain(name)
        if not domain:
            raise Rejected("NO_SUCH_DOMAIN")
        accounts = self.m.live_in(name)
        before = copy.deepcopy(accounts)
        for account in accounts:
            edit(account)
        self.check_sums(domain["limits"], before, accounts)
        applied = 0
        for account, was in zip(accounts, before):
            if account != was:
                account["version"] += 1
                account["updated_at"] = self.e["occurred_at"]
                applied += 1
        result = Expectation("APPLIED" if applied else "NO_CHANGE")
        result.items, result.applied = len(accounts), applied
        return result

    def check_sums(self, limits, before, after):
        counted = [a for a in after if self.counts(a)]
        is_new = {a["uuid"] for a, b in zip(after, before)
                  if self.counts(a) and not self.counts(b)}
        if limits["max_accounts"] is not None and is_new and len(counted) > limits["max_accounts"]:
            raise Rejected("LIMIT_EXCEEDED")
        was = {b["uuid"]: b for b in before}
        for limit, quota in (("quota_bytes", "quota_bytes"), ("max_messages", "quota_messages")):
            if limits[limit] is None:
                continue
            for a in counted:
                changes = a["uuid"] in is_new or (a[quota] or 0) != (was[a["uuid"]][quota] or 0)
                if changes and not a[quota]:
                    raise Rejected("LIMIT_EXCEEDED")
            total = sum(a[quota] or 0 for a in counted)
            earlier = sum(b[quota] or 0 for b in before if self.counts(b))
            if total > limits[limit] and (total > earlier or is_new and total != earlier):
                raise Rejected("LIMIT_EXCEEDED")
