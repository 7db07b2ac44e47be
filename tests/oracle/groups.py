"""Groups of accounts in the model: the two commands about them, and the group of its own that an account may have.

A membership is a row by context, number and account. One of an account's may be marked as its own: that is the group
which CreateAccount and UpdateAccount name. Group events count for the group, account events for the account.
"""
from oracle.expectation import Rejected
from oracle.faults import normal_address, nulled, parse_uuid


class GroupActs:
    """The part of Act that is about groups."""

    def group_named(self, name):
        """The group of the event's context, or NO_SUCH_GROUP; None for no name."""
        if nulled(name) is None:
            return None
        for group in self.m.groups.values():
            if (group["context"], group["name"]) == (self.e["context"], name):
                return group
        raise Rejected("NO_SUCH_GROUP")

    def own_group(self, uuid):
        for member in self.m.members.values():
            if member["account_uuid"] == uuid and member["is_own"]:
                return member["number"]
        return None

    def move_to(self, account, group):
        """Whether the account has another group of its own now."""
        own, number = self.own_group(account["uuid"]), group["number"] if group else None
        if own == number:
            return False
        if own is not None:
            del self.m.members[account["context"], own, account["uuid"]]
        if group:
            self.join(account["context"], number, account["uuid"])
            self.m.members[account["context"], number, account["uuid"]]["is_own"] = True
        return True

    def join(self, context, number, uuid):
        if (context, number, uuid) not in self.m.members:
            self.m.members[context, number, uuid] = {
                "context": context, "number": number, "account_uuid": uuid, "is_own": False,
                "created_at": self.e["occurred_at"]}

    def leave_all(self, uuid):
        for key in [key for key in self.m.members if key[2] == uuid]:
            del self.m.members[key]

    def drop_groups(self, context):
        for rows in (self.m.groups, self.m.members):
            for key in [key for key in rows if key[0] == context]:
                del rows[key]

    def users(self, names):
        """Their uuids, each once."""
        found = []
        for name in names:
            if "@" in name:
                account = self.m.live_of(normal_address(name)[0])
            else:
                account = self.m.accounts.get(parse_uuid(name) or self.m.surroundings.user(name))
            if not account or account["deleted_at"] is not None or account["context"] != self.e["context"]:
                raise Rejected("NO_SUCH_USER")
            if account["uuid"] not in found:
                found.append(account["uuid"])
        return found

    def members_of(self, group):
        return {key[2] for key in self.m.members if key[:2] == (group["context"], group["number"])}

    def set_group_members(self):
        p, context = self.p, self.e["context"]
        if context not in self.m.contexts:
            raise Rejected("NO_SUCH_CONTEXT")
        group = self.m.groups.get((context, p["group"]))
        wanted = self.users(p.get("members") or [])
        self.check_version(group)
        name = nulled(p.get("name")) or (None if group else str(p["group"]))
        if any(g["context"] == context and g["name"] == name and g is not group for g in self.m.groups.values()):
            raise Rejected("ALREADY_EXISTS")
        before = dict(group) if group else None
        if not group:
            group = self.m.groups[context, p["group"]] = {
                "context": context, "number": p["group"], "created_at": self.e["occurred_at"]}
        if name is not None:
            group["name"] = name
        there = self.members_of(group)
        added, removed = [u for u in wanted if u not in there], [u for u in there if u not in wanted]
        return self.members_changed(group, before, added, removed, len(wanted) + len(removed))

    def change_group_members(self):
        p, context = self.p, self.e["context"]
        if context not in self.m.contexts:
            raise Rejected("NO_SUCH_CONTEXT")
        group = self.m.groups.get((context, p["group"]))
        if not group:
            raise Rejected("NO_SUCH_GROUP")
        adding, removing = self.users(p.get("add") or []), self.users(p.get("remove") or [])
        if set(adding) & set(removing):
            raise Rejected("INVALID_FIELD")
        self.check_version(group)
        there = self.members_of(group)
        added, removed = [u for u in adding if u not in there], [u for u in removing if u in there]
        return self.members_changed(group, dict(group), added, removed, len(adding) + len(removing))

    def members_changed(self, group, before, added, removed, items):
        for uuid in added:
            self.join(group["context"], group["number"], uuid)
        for uuid in removed:
            del self.m.members[group["context"], group["number"], uuid]
        self.items, self.applied = items, len(added) + len(removed)
        result = self.changed("UPDATE" if before else "CREATE", "mail_group", group, group["name"], before,
                              differs=self.applied > 0)
        result.fan_out = [["FANOUT", "mail_group", group["name"]]] if self.applied else []
        return result
