"""A worker's traces in the database, written by libraries that are not ours: fences, a hash chain, a ledger."""
import hashlib
import time
import uuid

from support.events import CHANGE, HASH_BYTES, RESULT, single_object_prefix, uuid7

FRAME = single_object_prefix(CHANGE)


class History:
    """What the worker left in one source partition."""

    def __init__(self, database, cluster_id, topic, partition=0, next_offset=0, group="provd"):
        self.database = database
        self.topic, self.partition = topic, partition
        self.seq, self.head = 0, bytes(HASH_BYTES)
        self.fence_id = database.value(
            "INSERT INTO provd.fence (cluster_id, topic, partition, group_id, next_offset, updated_at)"
            " VALUES (%s, %s, %s, %s, %s, now()) RETURNING fence_id",
            cluster_id, topic, partition, group, next_offset,
        )  # fmt: skip

    def body(self, seq, prev_hash, **fields):
        change = {
            "change_id": str(uuid.uuid4()),
            "chain_seq": seq,
            "prev_hash": prev_hash,
            "kind": "UpdateAccount",
            "recorded_at": time.time_ns() // 1000,
            "actor": {"kind": "SYSTEM", "id": "signup-web"},
            "object_type": "account",
            "object_id": "bob@example.org",
            "action": "UPDATE",
            "before": [{"name": "department", "value": None}],
            "after": [{"name": "department", "value": "Sales"}],
            "source": {"topic": self.topic, "partition": self.partition, "offset": seq},
            "hash": bytes(HASH_BYTES),
            **fields,
        }
        return CHANGE.encode(change)[:-HASH_BYTES]

    def changes(self, count, event_id=None, account=None, **fields):
        """Appends records and moves the head of the fence."""
        rows = []
        for _ in range(count):
            body = self.body(self.seq + 1, self.head, event_id=event_id, object_uuid=account, **fields)
            self.seq, self.head = self.seq + 1, hashlib.sha256(body).digest()
            rows.append((self.fence_id, self.seq, event_id, account, FRAME, body, self.head))
        connection = self.database.connect()
        with connection, connection.cursor() as cursor:
            cursor.executemany(
                "INSERT INTO provd.change_log (fence_id, seq, changed_at, event_id, object_type, object_id, frame, body, hash)"
                " VALUES (%s, %s, now(), %s, 'account', %s, %s, %s, %s)",
                rows,
            )
            cursor.execute(
                "UPDATE provd.fence SET chain_seq = %s, chain_head = %s WHERE fence_id = %s",
                (self.seq, self.head, self.fence_id),
            )
        connection.close()

    def ledger(self, status="APPLIED", offset=0, change_count=0, event_id=None, **fields):
        """An entry of the ledger with its result; the event's id."""
        event_id = event_id or uuid7()
        result = {
            "result_id": str(uuid.uuid4()),
            "event_id": event_id,
            "kind": "UpdateAccount",
            "status": status,
            "applied_at": time.time_ns() // 1000,
            "source": {"topic": self.topic, "partition": self.partition, "offset": offset},
            **fields,
        }
        first = self.seq - change_count + 1 if change_count else None
        self.database.rows(
            "INSERT INTO provd.event_ledger (event_id, fence_id, kafka_offset, status, payload_hash, result, chain_seq,"
            " change_count, applied_at) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, now())",
            event_id, self.fence_id, offset, {"APPLIED": 0, "REJECTED": 4}[status], bytes(16),
            single_object_prefix(RESULT) + RESULT.encode(result), first, change_count,
        )  # fmt: skip
        return event_id
