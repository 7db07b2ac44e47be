"""The rules of sections 1 to 3 of the catalogue, and of groups, told a second time and plainly, to be held against the worker.

One event after the other, no batches, no folding. `Model.process` returns an Expectation; what a rule leaves
open is left open there (when several fields of an event are wrong, any of their codes may be said).
"""
import copy

from oracle.act import Act
from oracle.expectation import Expectation, NoChange, Rejected
from oracle.faults import envelope_faults, normal_address, parse_uuid, payload_faults, split_ref
from oracle.rows import Accounts, Rows
from oracle.surroundings import Toy

USES_ID = ("APPLIED", "NO_CHANGE", "REJECTED", "EXPIRED")


class Model:
    def __init__(self, surroundings=None):
        self.surroundings = surroundings or Toy()
        self.contexts = Rows()
        self.domains = Rows()
        self.accounts = Accounts()  # by uuid
        self.groups = Rows()  # by context and number
        self.members = Rows()  # by context, number and uuid of the account
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
        if not codes:
            codes = {self.surroundings.secret_fault(e["payload"], e["payload"].get("password"))} - {None}
        if codes:
            return Expectation("REJECTED", codes, has_target=False)
        if not self.may(e):
            return self.forbidden(e)
        tables = (self.contexts, self.domains, self.accounts, self.groups, self.members)
        for table in tables:
            table.begin()
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
            for table in tables:
                table.undo()
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
        for account in self.accounts.at(address):
            if account["deleted_at"] is None:
                return account
        return None

    def last_deleted_of(self, address):
        gone = [a for a in self.accounts.at(address) if a["deleted_at"] is not None]
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
        return [a for a in self.accounts.of(domain) if a["deleted_at"] is None]


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
