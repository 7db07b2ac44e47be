"""The contract, checked from outside: inputs, outputs, database and offsets of one worker against each other.

    check_contract(world)

Everything is compared: what a read_committed reader sees, what the ledger and the change log hold, what the consumer
group has committed. It must hold whenever the lag is zero, whatever has happened before.
"""
import collections
import hashlib

from support.secrets import check_world
from support.events import HASH_BYTES, OUR_HEADERS, check_chain, decode_change, decode_result

STATUS_NAMES = ("APPLIED", "NO_CHANGE", "DUPLICATE", "PLANNED", "REJECTED", "FAILED", "EXPIRED", "PARKED", "HELD")
DEAD_LETTER = 100
LARGE_BYTES = 512 * 1024  # only what is larger may be left out of its dead letter


def check_contract(world):
    """Settles, then compares everything with everything."""
    world.settle()
    outputs = world.outputs
    outputs.read_to_the_end()
    inputs = {(message.partition(), message.offset()): message for message in world.kafka.read(world.topics.events)}
    check_one_answer_each(set(inputs), outputs)
    check_order(outputs)
    check_letters(inputs, outputs)
    check_changes(world.database, outputs)
    check_chains(world.database)
    check_fences(world)
    check_stored_results(world.database, outputs)
    check_event_ids(outputs)
    check_accounts(world.database, outputs)
    check_secrets(world)


def check_one_answer_each(inputs, outputs):
    answers = collections.Counter(result.source for result in outputs.results if result.said["final"])
    answers.update(letter.source for letter in outputs.letters)
    missing, extra = sorted(inputs - set(answers)), sorted(set(answers) - inputs)
    assert not missing, f"{len(missing)} records without an answer, e.g. {missing[:5]}"
    assert not extra, f"{len(extra)} answers to records that never were, e.g. {extra[:5]}"
    doubled = [source for source, count in answers.items() if count > 1]
    assert not doubled, f"{len(doubled)} records with more than one answer, e.g. {doubled[:5]}"
    for result in outputs.results:
        assert result.header("ce_id") in (None, result.said["result_id"].encode()), "ce_id is the result_id"
    ids = [published.result_id for published in outputs.results + outputs.letters]
    assert len(set(ids)) == len(ids), "a result_id occurs twice"


def check_order(outputs):
    """Answers lie in their source's partition, in its order."""
    for published in (outputs.results, outputs.letters):
        last = collections.defaultdict(lambda: -1)
        for answer in published:
            partition, offset = answer.source
            assert answer.partition == partition, f"answer to {answer.source} lies in partition {answer.partition}"
            assert offset > last[partition], f"{answer.source} answered after offset {last[partition]}"
            last[partition] = offset


def check_letters(inputs, outputs):
    """A dead letter is the record itself, with headers of ours; where that would be too large it says where the rest is."""
    for letter in outputs.letters:
        record, said = inputs[letter.source], letter.said
        assert said.origin == (record.topic(), *letter.source), f"dead letter of {said.origin}"
        assert said.headers["x-original-timestamp"] == str(record.timestamp()[1]), f"time of {letter.source}"
        left_out = said.headers.get("x-provd-truncated", "")
        assert not left_out or record_bytes(record) > LARGE_BYTES, f"{letter.source} is small, but {left_out}"
        is_bare = left_out.startswith("key, headers and")
        assert said.key == (None if is_bare else record.key()), f"the dead letter of {letter.source} has another key"
        assert said.value == (None if left_out else record.value()), f"the dead letter of {letter.source} has another value"
        kept = [] if is_bare else foreign_headers(record)
        assert foreign_headers(letter.message) == kept, f"the dead letter of {letter.source} has other headers"


def record_bytes(record):
    return sum(len(part or b"") for part in (record.key(), record.value(), *dict(record.headers() or []).values()))


def foreign_headers(message):
    return [(name, value) for name, value in message.headers() or [] if not name.startswith(OUR_HEADERS)]


def check_changes(database, outputs):
    """The topic of changes is the change log, in its order; rows of a fan-out and of operators are in the log only."""
    rows = database.rows(
        "SELECT f.partition, c.seq, c.frame || c.body || c.hash FROM provd.change_log c"
        " JOIN provd.fence f USING (fence_id) ORDER BY 1, 2"
    )
    stored = collections.defaultdict(dict)
    for partition, seq, value in rows:
        stored[partition][seq] = bytes(value)
    published = collections.defaultdict(list)
    for change in outputs.changes:
        published[change.said["source"]["partition"]].append(change)
    assert set(published) <= set(stored), "change records of a partition that the change log does not know"
    for partition, log in stored.items():
        _check_changes_of_partition(partition, log, published[partition])


def _check_changes_of_partition(partition, log, published):
    told = set()
    last_seq = 0
    for change in published:
        seq = change.said["chain_seq"]
        assert change.partition == partition, f"change {seq} of partition {partition} lies in {change.partition}"
        assert seq > last_seq, f"change {seq} of partition {partition} published after {last_seq}"
        assert change.value == log.get(seq), f"change {seq} of partition {partition} is not what the log has"
        last_seq = seq
        told.add(seq)
        if change.said["seq_first"] is not None:
            told.update(range(change.said["seq_first"], change.said["seq_last"] + 1))
    silent = [seq for seq in set(log) - told if decode_change(log[seq])["action"] != "OPERATOR"]
    assert not silent, f"partition {partition}: changes {sorted(silent)[:5]} are in the log but were not published"


def check_chains(database):
    """SHA-256 of every body, every prev_hash, seq dense from 1, the head in the fence."""
    rows = database.rows(
        "SELECT f.partition, c.seq, c.frame, c.body, c.hash FROM provd.change_log c"
        " JOIN provd.fence f USING (fence_id) ORDER BY 1, 2"
    )
    heads = {partition: (seq, bytes(head)) for partition, seq, head in
             database.rows("SELECT partition, chain_seq, chain_head FROM provd.fence")}  # fmt: skip
    chains = collections.defaultdict(list)
    for partition, seq, frame, body, digest in rows:
        assert hashlib.sha256(body).digest() == bytes(digest), f"hash of change {seq} in partition {partition}"
        change = decode_change(bytes(frame) + bytes(body) + bytes(digest))
        assert change["chain_seq"] == seq
        chains[partition].append(change)
    for partition, head in heads.items():
        chain = chains[partition]
        assert [change["chain_seq"] for change in chain] == list(range(1, len(chain) + 1)), "seq has gaps"
        check_chain(chain)
        newest = (len(chain), chain[-1]["hash"]) if chain else (0, bytes(HASH_BYTES))
        assert head == newest, f"the fence of partition {partition} has another head than its chain"


def check_fences(world):
    """fence = committed offset; the fence may lag behind by control records, of which the events' topic has none."""
    committed = world.kafka.committed(world.topics.group, world.topics.events)
    for partition, next_offset, published_upto in world.database.rows(
        "SELECT partition, next_offset, published_upto FROM provd.fence WHERE topic = %s", world.topics.events
    ):
        assert next_offset == committed.get(partition, 0), f"fence and offset of partition {partition} differ"
        assert published_upto <= next_offset, f"published_upto is ahead in partition {partition}"


def check_stored_results(database, outputs):
    """What the ledger would publish again is what was published, byte for byte, but for the mark of what was published
    again."""
    stored = {
        (partition, offset): (status, result and bytes(result))
        for partition, offset, status, result in database.rows(
            "SELECT f.partition, kafka_offset, status, result FROM provd.event_ledger JOIN provd.fence f"
            " USING (fence_id) UNION ALL "
            "SELECT f.partition, kafka_offset, status, result FROM provd.record_outcome JOIN provd.fence f"
            " USING (fence_id)"
        )
    }
    for result in outputs.results:
        status, value = stored.pop(result.source, (None, None))
        said = result.said
        if value is None:
            derived = said["status"] == "DUPLICATE" or said["code"] == "ID_REUSED"
            assert derived and said["final"], f"the result of {result.source} is not stored: {said}"
            continue
        assert STATUS_NAMES[status] == said["status"], f"{result.source}: stored as {STATUS_NAMES[status]}"
        if said["republished"]:
            marked = {**decode_result(value), "republished": True}
            assert marked == said, f"{result.source}: {marked} is stored, {said} was published again"
        else:
            assert value == result.value, f"{result.source}: other bytes are stored"
    for letter in outputs.letters:
        status, _ = stored.pop(letter.source, (None, None))
        assert status == DEAD_LETTER, f"the dead letter of {letter.source} is stored as {status}"
    assert not stored, f"stored, but not published: {sorted(stored)[:5]}"


def check_event_ids(outputs):
    """No event id is applied twice."""
    applied = collections.Counter(
        result.said["event_id"].lower() for result in outputs.results if result.said["status"] == "APPLIED"
    )
    twice = [event_id for event_id, count in applied.items() if count > 1]
    assert not twice, f"applied more than once: {twice[:5]}"


# What must not be in the database, each as a query that returns what is wrong.
WRONG_ROWS = {
    "services without an account": """
        SELECT s.account_uuid FROM provd.service_account s LEFT JOIN provd.account a ON a.uuid = s.account_uuid
        WHERE a.uuid IS NULL""",
    "service ids that occur twice": "SELECT service_id FROM provd.service_account GROUP BY 1 HAVING count(*) > 1",
    "account ids that occur twice": "SELECT account_id FROM provd.account GROUP BY 1 HAVING count(*) > 1",
    "live eager accounts whose services are not those wanted": """
        SELECT a.address, a.services FROM provd.account a
        LEFT JOIN provd.service_account s ON s.account_uuid = a.uuid AND s.active
        WHERE a.tombstone = 0 AND a.service_mode = 'EAGER'
        GROUP BY 1, 2 HAVING a.services <> COALESCE(sum(s.service), 0)""",
    "live accounts outside of a domain of their context": """
        SELECT a.address FROM provd.account a LEFT JOIN provd.domain d ON d.name = a.domain AND d.context = a.context
        WHERE a.tombstone = 0 AND d.name IS NULL""",
    "contexts that count their domains wrong": """
        SELECT c.name FROM provd.context c WHERE domain_count <>
        (SELECT count(*) FROM provd.domain d WHERE d.context = c.name)""",
    "limited domains that count their accounts wrong": """
        SELECT d.name, d.used_accounts FROM provd.domain d WHERE limited AND used_accounts <>
        (SELECT count(*) FROM provd.account a WHERE a.domain = d.name AND tombstone = 0 AND flags & 8192 = 0)""",
    "recoveries without an account": """
        SELECT r.account_uuid FROM provd.recovery r LEFT JOIN provd.account a ON a.uuid = r.account_uuid
        WHERE a.uuid IS NULL""",
    "members of a group without an account, without a group, or of another context": """
        SELECT m.number, m.account_uuid FROM provd.group_member m LEFT JOIN provd.account a ON a.uuid = m.account_uuid
        LEFT JOIN provd.mail_group g ON g.context = m.context AND g.number = m.number
        WHERE a.context IS DISTINCT FROM m.context OR g.number IS NULL""",
}


def check_accounts(database, outputs):
    for what, query in WRONG_ROWS.items():
        wrong = database.rows(query)
        assert not wrong, f"{what}: {wrong[:5]}"
    made = {
        result.said["account_uuid"]: result.said["account_id"]
        for result in outputs.results
        if (result.said["kind"], result.said["status"]) == ("CreateAccount", "APPLIED")
    }
    for uuid, account_id in database.rows("SELECT uuid::text, account_id FROM provd.account"):
        assert made.get(uuid) == account_id, f"account {uuid} {account_id} was not made by an applied event"


def check_secrets(world):
    """No planted secret in anything that was written: topics, tables, logs, files, answers, what others see of processes.

    Hashes stand in the password column, passwords not even there; a dead letter's value is the sender's own."""
    check_world(world)
