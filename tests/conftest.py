"""Fixtures of all Python tests. See tests/support for what they return."""
import os
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
sys.dont_write_bytecode = True
pytest.register_assert_rewrite("support.database", "support.kafka")

from support.database import fresh_database  # noqa: E402
from support.kafka import Kafka  # noqa: E402
from support.secrets import check_noted  # noqa: E402
from support.stack import ROOT, Stack  # noqa: E402

# What may be skipped under CI as well, by its reason, since nothing that is missing could be installed.
CANNOT_APPLY = (
    "the sanitizers have an allocator of their own",  # memory/test_allocations, in the preset asan
    "valgrind cannot run programs with a sanitizer",  # memory/test_valgrind, there too
    "this release wants all workers",  # upgrade/test_rolling: a release may say that it cannot be rolled out
)


def fail_when_skipped(report):
    """Under CI all that tests need is there: one that is skipped would hide that it is not."""
    if os.environ.get("CI") != "true" or not report.skipped:
        return
    reason = report.longrepr[2]
    if not any(stands in reason for stands in CANNOT_APPLY):
        report.outcome = "failed"
        report.longrepr = f"CI runs every test: {reason} ({report.longrepr[0]}:{report.longrepr[1]})"


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport():
    outcome = yield
    fail_when_skipped(outcome.get_result())


@pytest.hookimpl(hookwrapper=True)
def pytest_make_collect_report():
    outcome = yield
    fail_when_skipped(outcome.get_result())


@pytest.fixture(scope="session", autouse=True)
def nothing_secret_was_printed():
    """Of all that our programs printed while these tests ran."""
    yield
    check_noted()


@pytest.fixture(scope="session")
def stack():
    """The stack that all tests share: nobody kills its servers. It is left running."""
    return Stack().up()


@pytest.fixture(scope="module")
def own_stack(request):
    """A stack whose servers this module may kill; it is wiped afterwards."""
    name = request.module.__name__.rsplit(".", 1)[-1]
    own = Stack(ROOT / "build" / f"stack-{name}")
    try:
        yield own.up()
    finally:
        own.down(wipe=True)


@pytest.fixture(scope="module")
def database(stack, request):
    """A fresh, migrated database for this module."""
    with fresh_database(stack.database_url, request.module.__name__) as fresh:
        yield fresh


@pytest.fixture(scope="session")
def kafka(stack):
    """A client of the shared cluster."""
    return Kafka(stack.brokers)


@pytest.fixture
def make_topics(kafka):
    """make_topics(partitions=3): fresh topics of events, results, changes and dead letters.

    They are deleted after the test.
    """
    made = []

    def make(partitions=3):
        made.append(kafka.create_topics(partitions))
        return made[-1]

    yield make
    for topics in made:
        kafka.delete(topics.all())


@pytest.fixture
def topics(make_topics):
    """A fresh set of topics with three partitions."""
    return make_topics()
