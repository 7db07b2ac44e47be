"""What is to become of an event."""
import dataclasses


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
    fan_out: list = dataclasses.field(default_factory=list)  # the record that stands for those of many accounts
    has_target: bool = True  # False: versions and account are not looked at
