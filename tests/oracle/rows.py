"""Rows by key that can be put back to what they were before an event. A row that is handed out may be edited in
place; its values are never."""


class Rows(dict):
    def __init__(self):
        super().__init__()
        self._before = {}  # key -> the row as it was, None: it was not there

    def begin(self):
        self._before.clear()

    def undo(self):
        for key, row in self._before.items():
            if row is None:
                self.pop(key, None)
            else:
                super().__setitem__(key, row)

    def _note(self, key):
        if key not in self._before:
            row = super().get(key)
            self._before[key] = row if row is None else dict(row)

    def get(self, key, default=None):
        if key not in self:
            return default
        return self[key]

    def __getitem__(self, key):
        self._note(key)
        return super().__getitem__(key)

    def __setitem__(self, key, row):
        self._note(key)
        super().__setitem__(key, row)

    def __delitem__(self, key):
        self._note(key)
        super().__delitem__(key)


class Accounts(Rows):
    """Accounts by uuid, and their uuids by address and by domain, neither of which ever changes."""

    def __init__(self):
        super().__init__()
        self._by_address, self._by_domain = {}, {}

    def __setitem__(self, uuid, account):
        super().__setitem__(uuid, account)
        self._by_address.setdefault(account["address"], {})[uuid] = True
        self._by_domain.setdefault(account["domain"], {})[uuid] = True

    def at(self, address):
        return [account for account in self._found(self._by_address, address) if account["address"] == address]

    def of(self, domain):
        return [account for account in self._found(self._by_domain, domain) if account["domain"] == domain]

    def _found(self, index, name):
        """Also those that were undone, and whose uuid stands for another account since."""
        return [self[uuid] for uuid in index.get(name, ()) if uuid in self]
