"""A real worker held against the model: what its database holds and what it has published, after all it was sent.

    from oracle.database import differences
    assert not differences(world)

Inputs are read from the topic of events, so it does not matter who sent them, how often, or what was killed meanwhile.
"""
import collections
import datetime

from support.avro_schema import microseconds, versions
from support.events import unframe

from oracle.compare import expected_rows, outcome_differs, rows_differ
from oracle.model import Model
from oracle.surroundings import Real
from oracle.words import model_event

SERVICE_BITS = {"MAIL": 1, "CALENDAR": 2, "CONTACTS": 4}
DIFFERENCES_MAX = 20
TABLES = {
    "context": ("name",),
    "domain": ("name",),
    "account": ("uuid",),
    "service_account": ("account_uuid", "service"),
    "recovery": ("account_uuid",),
    "mail_group": ("context", "number"),
    "group_member": ("context", "number", "account_uuid"),
}


def differences(world, unseal=None, contexts=None):
    """All that is not as the model has it, in words, at most DIFFERENCES_MAX; an empty list when database, results and
    change records are what they must be. The lag must be zero; `world` is a support.world.World, or has the same
    kafka, topics, outputs and database.

    unseal(key_id, ciphertext) -> the clear text of a sealed secret, None when the worker has no key for it.
    contexts: look at events and rows of these alone.
    """
    world.outputs.read_to_the_end()
    events = sent_events(world, unseal)
    results = {result.source: result.said for result in world.outputs.results if result.said["final"]}
    changes = collections.defaultdict(list)
    for change in world.outputs.changes:
        changes[change.source].append(change.said)
    users = {result["account_id"]: result["account_uuid"] for result in results.values()}
    model, found = Model(Real(users)), []
    for source in applied_order(results):
        if contexts and events[source]["context"] not in contexts:
            continue
        difference = outcome_differs(model.process(events[source]), outcome_of(results[source], changes[source]))
        if difference:
            found.append(f"{source}: {difference}: {results[source]} for {events[source]}")
    difference = rows_differ(expected_rows(model), rows_of(world.database, contexts))
    return (found + ([difference] if difference else []))[:DIFFERENCES_MAX]


def expected(events, unseal=None):
    """What events lead to that are applied in this order: (rows, what becomes of each event).

    Events are those of support.events.make_event; "timestamp" is that of the record in microseconds, occurred_at when
    it is not given. Rows are {(table, key, ..): {column: value}}, see rows_of; the others are Expectations.
    """
    model, became = Model(Real()), []
    for event in events:
        became.append(model.process(model_event(event, event.get("timestamp", event["occurred_at"]), unseal)))
    return expected_rows(model), became


def sent_events(world, unseal=None):
    """(partition, offset) -> event in the model's words, of all records but those that became dead letters."""
    schemas = {schema.fingerprint: schema for schema in versions("ProvisioningEvent")}
    newest = versions("ProvisioningEvent")[-1]
    dead = {letter.source for letter in world.outputs.letters}
    events = {}
    for message in world.kafka.read(world.topics.events):
        source = message.partition(), message.offset()
        if source in dead:
            continue
        (fingerprint, _), body = unframe(message.value())
        event = (newest if fingerprint is None else schemas[fingerprint]).decode(body)
        events[source] = model_event(event, message.timestamp()[1] * 1000, unseal)
    return events


def applied_order(results):
    """Sources in an order in which the worker may have applied them: each partition in its own order, and between
    partitions by the time of the batch, so that what was sent after an answer had come lies behind what was answered.
    What two partitions do to the same rows at the same time has no order that an outsider could know.
    """
    queues = collections.defaultdict(list)
    for partition, offset in sorted(results):
        queue = queues[partition]
        applied_at = results[partition, offset]["applied_at"]
        queue.append((max(applied_at, queue[-1][0]) if queue else applied_at, (partition, offset)))
    return [source for _, source in sorted(place for queue in queues.values() for place in queue)]


def outcome_of(result, changes):
    """A result with its change records, as outcomes are compared."""
    told = result["changes"] if result["status"] == "PLANNED" else changes  # what was done is in the topic of changes
    bits = [SERVICE_BITS[service["service"]] for service in result["services"]]
    return {
        "status": result["status"],
        "code": result["code"],
        "before": result["version_before"],
        "after": result["version_after"],
        "account": result["account_uuid"],
        "services": sum(bits),
        "items": result["items_total"] or 0,
        "applied": result["items_applied"] or 0,
        "changes": [[c["action"], c["object_type"], c["object_id"]] for c in told],
        "published": True,
    }


def rows_of(database, contexts=None):
    """(table, key, ..) -> {column: value}; times as microseconds since 1970."""
    found = {}
    for table, keys in TABLES.items():
        names = [name for (name,) in database.rows(
            "SELECT column_name::text FROM information_schema.columns WHERE table_schema = 'provd' AND table_name = %s"
            " ORDER BY ordinal_position", table)]  # fmt: skip
        for values in database.rows(f"SELECT {', '.join(names)} FROM provd.{table}"):
            row = {name: _plain(value) for name, value in zip(names, values)}
            if contexts is None or _context_of(table, row, found) in contexts:
                found[table, *(row[key] for key in keys)] = row
    return found


def _context_of(table, row, found):
    """The context that a row belongs to; services and recoveries belong to accounts that were found before."""
    if "account_uuid" in row:
        row = found.get(("account", row["account_uuid"]), {})
    return row.get("name") if table == "context" else row.get("context")


def _plain(value):
    return microseconds(value) if isinstance(value, datetime.datetime) else value
