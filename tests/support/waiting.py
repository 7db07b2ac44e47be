"""Waiting for a condition with a deadline, instead of sleeping and hoping."""
import time

# Of what comes within a second on an idle machine: only a failure is waited for that long.
DEADLINE_S = 60.0
PAUSE_S = 0.05


def wait_until(condition, deadline_s=DEADLINE_S, what=None):
    """Calls condition() until it returns something true, and returns that.

    An AssertionError or a false value means "not yet". After deadline_s the test fails and says
    what it last saw.
    """
    end = time.monotonic() + deadline_s
    while True:
        try:
            seen = condition()
            if seen:
                return seen
        except AssertionError as error:
            seen = error
        if time.monotonic() >= end:
            name = what or getattr(condition, "__name__", "condition")
            raise AssertionError(f"not within {deadline_s:g} s: {name}; last seen: {seen!r}")
        time.sleep(PAUSE_S)


def stays_true(condition, for_s=1.0, what=None):
    """Fails as soon as condition() is false within for_s: for what must *not* happen."""
    end = time.monotonic() + for_s
    while time.monotonic() < end:
        assert condition(), f"did not stay true for {for_s:g} s: {what or condition!r}"
        time.sleep(PAUSE_S)
