/* The envelope of events that provctl sends: fields that are not given, the Kafka key by the kind.
 */
#ifndef PROVCTL_ENVELOPE_H
#define PROVCTL_ENVELOPE_H

#include "base/status.h"
#include "base/text.h"
#include "post.h"
#include "wire/json.h"

/* Fills event_id (UUIDv7), occurred_at (now), source, context and actor where they are absent.
 * False when the event is no object with a payload of one kind. */
bool envelope_complete(json_t *event, const struct envelope *envelope, struct error *err);
/* The branch of the payload, without namespace; NULL: none. Lives as long as the event. */
const char *envelope_kind(const json_t *event);
/* By the kind (rulings, 11): context, domain or the account's address, in normal form where they
 * have one. */
struct text envelope_key(const json_t *event, struct arena *arena);
/* {kind SYSTEM, id provctl:USER}: who calls. */
json_t *envelope_actor(void);

#endif
