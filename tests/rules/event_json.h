/* Events from JSON, by the tables of fields: what decode makes of Avro, for tests and the oracle.
 *
 *     {"kind": "CreateAccount", "payload": {"address": "bob@example.org"}, "event_id": "...", ...}
 *
 * All members of the envelope are optional but must be known; absent ones get ordinary values.
 * Secrets are
 * "{SSHA256}..." (a hash), {"sealed": "text"} or {"generated": 12}; a ref is an address, a uuid, or
 * {"address": .., "uuid": ..}. */
#ifndef PROVD_TESTS_EVENT_JSON_H
#define PROVD_TESTS_EVENT_JSON_H

#include "domain/event.h"
#include "wire/json.h"

struct arena;

enum {
    US_PER_S = 1000000,
};
/* When the histories of tests begin: 2026-01-01. */
#define EVENT_EPOCH_US (INT64_C(1767225600) * US_PER_S)

/* The event that lies at `offset` of the one partition; its defaults follow from that: event_id,
 * occurred_at and record timestamp, one second after the other. Hashed, not yet checked. A mistake
 * in the JSON fails the test. `text` may use ' for ". */
struct event *event_from_text(const char *text, int64_t offset, struct arena *arena);
struct event *event_from_json(const json_t *object, int64_t offset, struct arena *arena);

/* Sets payload_hash, by a toy hash: of what decode hashes, before event_check. */
void event_hash(struct event *event);

/* The uuid of the account that an event with that id creates. */
struct uuid object_uuid_of(const struct uuid *event_id);

#endif
