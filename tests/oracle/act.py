"""What each command does to the rows of the model, a method for each kind."""
import re

from oracle.expectation import Expectation, NoChange, Rejected
from oracle.faults import (DAY_US, SERVICES_ALL, limits_of, normal_address, normal_domain, nulled,
                           parse_uuid, quota_of)
from oracle.groups import GroupActs

GRACE_US = 30 * DAY_US
FLAG_NO_PASSWORD_CHANGE = 0x01
FLAG_OVERRIDE_LIMITS = 0x2000


def is_limited(limits):
    return any(limits[limit] is not None for limit in ("max_accounts", "quota_bytes", "max_messages"))


class Act(GroupActs):
    """One event done to the model."""

    def __init__(self, model, e):
        self.m, self.e, self.p = model, e, e["payload"]
        self.changes = []
        self.before = None
        self.target = None
        self.items = self.applied = 0

    def run(self):
        name = re.sub(r"(?<!^)([A-Z])", r"_\1", self.e["kind"]).lower()
        return getattr(self, name)()

    def expectation(self, status, target):
        """`target` is a row that is there now (None: none)."""
        result = Expectation(status, items=self.items, applied=self.applied)
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

    def changed(self, action, kind, row, name, before, differs=False):
        """Counts the event in the row when it differs from `before`; NO_CHANGE when it does not. `differs`: what belongs
        to it does."""
        if before is not None and not differs and {**row, "version": 0} == {**before, "version": 0}:
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
        return account, dict(account)

    def updated(self, account, before, differs=False):
        return self.changed("UPDATE", "account", account, account["address"], before, differs)

    # --- limits

    @staticmethod
    def counts(account):
        return not account["flags"] & FLAG_OVERRIDE_LIMITS

    def check_limits(self, account, before):
        """`account` as it is to be; `before` None: it was not there or did not count."""
        domain = self.m.domains.get(account["domain"])
        if not domain or not self.counts(account) or not is_limited(domain["limits"]):
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
        before = dict(context)
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
        self.drop_groups(context["name"])
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
        before = dict(domain)
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
        result.fan_out = [["FANOUT", "domain", name]] if accounts else []
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
        group = self.group_named(p.get("group"))
        present = self.m.live_of(address)
        self.check_version(present)
        given = self.given_attributes()
        for name in ("service_mode", "flags"):
            if p.get(name) is not None:
                given[name] = p[name]
        if present:
            if any(present[column] != value for column, value in given.items()) or (
                    group and self.own_group(present["uuid"]) != group["number"]):
                raise Rejected("ALREADY_EXISTS")
            raise NoChange(target=present)
        deleted = self.m.last_deleted_of(address)
        if deleted and e["occurred_at"] <= deleted["purge_at"]:
            raise Rejected("ADDRESS_RESERVED")
        account = self.new_account(address, domain, given)
        self.check_limits(account, None)
        self.m.accounts[account["uuid"]] = account
        self.move_to(account, group)
        return self.changed("CREATE", "account", account, address, None)

    def new_account(self, address, domain, given):
        p, e = self.p, self.e
        services = p.get("services")
        if services is None:
            services = domain["default_services"]
        if services is None:
            services = SERVICES_ALL
        account = dict.fromkeys(
            (*self.ATTRIBUTES, "forward", "status_reason", "last_login_at",
             "last_login_ip", "last_login_protocol", "deleted_at", "purge_at", *self.reply_columns()))
        account.update(
            uuid=self.m.surroundings.account_uuid(parse_uuid(e["event_id"])), address=address,
            domain=domain["name"], context=domain["context"], status="ACTIVE", flags=0,
            service_mode="EAGER", mailbox_type="Maildir", services=services,
            autoreply_enabled=False, quota_bytes=domain["default_quota_bytes"],
            quota_messages=domain["default_quota_messages"],
            password=self.m.surroundings.stored(p.get("password")), created_by=e["actor"]["id"],
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
        group = self.group_named(p.get("group")) if "group" in fields else None
        self.check_version(account)
        before, domain = dict(account), self.m.domains[account["domain"]]
        for field in fields:
            if field == "group":
                continue
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
            account[field] = value
        self.check_limits(account, before)
        moved = "group" in fields and self.move_to(account, group)
        return self.updated(account, before, moved)

    def set_password(self):
        account = self.m.find_live(self.e, self.p["ref"])
        if not account:
            raise Rejected("NO_SUCH_ACCOUNT")
        if account["flags"] & FLAG_NO_PASSWORD_CHANGE and self.e["actor"]["kind"] == "USER":
            raise Rejected("FORBIDDEN")
        self.check_version(account)
        before = dict(account)
        account["password"] = self.m.surroundings.stored(self.p["password"])
        return self.updated(account, before)

    def verify_password(self):
        account = self.m.find_live(self.e, self.p["ref"])
        if not account:
            raise Rejected("AUTH_FAILED")
        self.check_version(account)
        if not self.m.surroundings.matches(account["password"], self.p["secret"]):
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
            self.leave_all(account["uuid"])
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
        before = dict(account)
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
        before = [dict(account) for account in accounts]
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
        result.fan_out = [["FANOUT", "domain", name]] if applied else []
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
