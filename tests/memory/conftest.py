"""Fixtures of these tests; see tests/support/world.py."""
from support.world import make_world, world  # noqa: F401
