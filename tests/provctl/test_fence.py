"""fence show, accept, adopt: each way in which the two sides can disagree, and the permission that helps."""
import pytest

from support.history import History
from support.events import event_record, make_event

DATA, USAGE, TEMPORARY = 65, 64, 75


@pytest.fixture
def cluster_id(kafka):
    return kafka.admin.list_topics(timeout=30).cluster_id


@pytest.fixture
def provctl_rw(provctl_db):
    return provctl_db.having(kafka__request_timeout="15s")


@pytest.fixture
def partition(database, kafka, topics, cluster_id):
    """partition(fence, committed, records): partition 0 in that state; None: no row, nothing committed."""
    database.rows("TRUNCATE provd.fence")

    def make(fence=None, committed=None, records=0):
        events = [make_event("DeleteContext", {"name": "x"}) for _ in range(records)]
        kafka.produce(topics.events, [event_record(event, partition=0) for event in events])
        if fence is not None:
            History(database, cluster_id, topics.events, 0, fence, topics.group)
        if committed is not None:
            kafka.commit(topics.group, topics.events, {0: committed})

    return make


def show(provctl, code=0):
    (row,) = provctl("fence", "show", "--partition", 0, "-o", "json", code=code).json
    return row


@pytest.mark.parametrize(
    "fence, committed, records, decision, halted",
    [
        (None, None, 3, "first_start", False),
        (2, 2, 3, "clean", False),
        (3, 1, 3, "reread", False),
        (1, 3, 3, "ahead_of_database", True),
        (None, 2, 3, "unknown_database", True),
        (9, 9, 3, "topic_made_again", True),
    ],
)
def test_show_says_what_a_worker_would_do(provctl_rw, partition, fence, committed, records, decision, halted):
    partition(fence, committed, records)
    row = show(provctl_rw, TEMPORARY if halted else 0)
    assert (row["decision"], row["verdict"]) == (decision, "HALT" if halted else "GO")
    assert (row["fence"], row["committed"], row["log_end"]) == (fence, committed, records)


def test_all_partitions_are_shown_with_lag(provctl_rw, partition):
    partition(1, 1, 3)
    rows = provctl_rw("fence", "show", "-o", "json").json
    assert [row["partition"] for row in rows] == [0, 1, 2] and [row["lag"] for row in rows] == [2, 0, 0]


def test_a_halt_is_said_in_words_with_the_way_on(provctl_rw, partition):
    partition(1, 3, 3)
    assert "provctl fence accept" in provctl_rw("fence", "show", code=TEMPORARY).err


REASON = ("--partition", 0, "--reason", "INC-4711: fail-over")


def permission(database):
    return database.rows("SELECT permission, permission_reason, permission_by, next_offset FROM provd.fence")


@pytest.mark.parametrize(
    "command, state, decision, goes_on_at",
    [
        ("accept", (1, 3, 3), "rewound_database", 1),
        ("adopt", (1, 3, 3), "skipped_adopted", 3),
        ("adopt", (9, 9, 3), "topic_made_again_adopted", 0),
    ],
)
def test_a_permission_is_written_once_with_who_and_why(provctl_rw, partition, database, command, state, decision, goes_on_at):
    partition(*state)
    done = provctl_rw("fence", command, *REASON, "--by", "alice", "-o", "json").json
    assert (done["decision"], done["goes_on_at"], done["given"]) == (decision, goes_on_at, True)
    assert permission(database) == [(command, "INC-4711: fail-over", "alice", state[0])]
    assert show(provctl_rw)["decision"] == decision  # a worker that looks now goes on


def test_adopt_makes_the_row_of_a_new_database(provctl_rw, partition, database):
    partition(None, 2, 3)
    assert provctl_rw("fence", "adopt", *REASON, "--by", "alice", "-o", "json").json["goes_on_at"] == 2
    assert permission(database) == [("adopt", "INC-4711: fail-over", "alice", 0)]
    row = show(provctl_rw)
    assert (row["verdict"], row["decision"]) == ("GO", "skipped_adopted")


def test_where_nothing_is_skipped_the_new_row_needs_no_permission(provctl_rw, partition, database):
    partition(None, 0, 3)
    provctl_rw("fence", "adopt", *REASON)
    assert [row[0] for row in permission(database)] == [None] and show(provctl_rw)["decision"] == "clean"


def test_a_dry_run_writes_nothing(provctl_rw, partition, database):
    partition(1, 3, 3)
    assert provctl_rw("fence", "accept", *REASON, "--dry-run", "-o", "json").json["given"] is False
    assert permission(database) == [(None, None, None, 1)]


def test_a_partition_that_is_not_halted_gets_no_permission(provctl_rw, partition, database):
    partition(2, 2, 3)
    assert "is not halted" in provctl_rw("fence", "accept", *REASON, code=DATA).err
    assert permission(database)[0][0] is None


def test_the_wrong_permission_is_refused_and_the_right_one_named(provctl_rw, partition, database):
    partition(9, 9, 3)
    assert "provctl fence adopt" in provctl_rw("fence", "accept", *REASON, code=DATA).err
    assert permission(database)[0][0] is None


@pytest.mark.parametrize(
    "arguments", [(), ("--partition", 0), ("--reason", "x"), ("--partition", 0, "--reason", "two\nlines"), ("--partition", -1, "--reason", "x")]
)
def test_partition_and_reason_are_needed(provctl_rw, arguments):
    provctl_rw("fence", "accept", *arguments, code=USAGE)


def test_a_topic_or_partition_that_is_not_there_is_named(provctl_rw, topics):
    assert "no topic nowhere" in provctl_rw("fence", "show", "--topic", "nowhere", code=None).err
    assert "partitions 0 to 2" in provctl_rw("fence", "show", "--partition", 7, code=None).err
