/* Which schema wrote a value: by its framing, from the versions built in, the schema directory or
 * the registry; and the value as JSON. */
#ifndef PROVCTL_SHELF_H
#define PROVCTL_SHELF_H

#include "base/status.h"
#include "base/text.h"
#include "codec.h"
#include "config.h"

struct shelf;

/* The records of the topics. */
enum record_type { RECORD_EVENT, RECORD_RESULT, RECORD_CHANGE, RECORD_TYPE_COUNT };
extern const char *const record_type_names[]; /* "ProvisioningEvent", ... */

/* Needs no network; the registry is asked only for a schema that nobody else knows. `config` must
 * outlive it. */
enum status shelf_open(struct shelf **ret_shelf, const struct config *config, struct error *err);
void shelf_close(struct shelf *shelf); /* NULL is fine */

/* The newest version that is built in. */
const struct codec *shelf_newest(const struct shelf *shelf, enum record_type type);
/* Its fingerprint (CRC-64-AVRO). */
uint64_t shelf_newest_fingerprint(const struct shelf *shelf, enum record_type type);

/* The value as JSON. `type` is what it is thought to be (its bare form is read by schemas.bare for
 * events only). `schema_header` is the value of the header __value_schema_id, or null. NULL: `err`
 * says what is wrong. *ret_schema (may be NULL) says which schema it was: "ProvisioningEvent v2",
 * "registry id 7", ... */
json_t *shelf_decode(struct shelf *shelf, enum record_type type, struct text value,
                     struct text schema_header, char ret_schema[64], struct error *err);

/* A change record as the database has it: its bytes without the framing but with the hash, in
 * whatever version. */
json_t *shelf_decode_change(struct shelf *shelf, struct text bytes, struct error *err);

#endif
