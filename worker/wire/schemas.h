/* Where the schemas of incoming records come from, and how a record names its own: the four framings
 * (Confluent id, Confluent GUID header, single object, bare), a Schema Registry with caches, a directory
 * of schema files. */
#ifndef PROVD_WIRE_SCHEMAS_H
#define PROVD_WIRE_SCHEMAS_H

#include "base/status.h"
#include "base/text.h"
#include "wire/avro.h"

enum framing_kind { FRAMING_CONFLUENT_ID, FRAMING_CONFLUENT_GUID, FRAMING_SINGLE_OBJECT, FRAMING_BARE };

/* What the first bytes (or the header) say. */
struct frame {
    enum framing_kind kind;
    uint32_t id;          /* CONFLUENT_ID */
    struct uuid guid;     /* CONFLUENT_GUID */
    uint64_t fingerprint; /* SINGLE_OBJECT */
    struct text body;
};

/* Reads the framing. `schema_id_header` is the value of `__value_schema_id`, or null. `accept_bare`: a
 * value with neither magic is bare Avro. A code says what is wrong: NULL_VALUE, TOO_SHORT, BAD_MAGIC. */
enum code frame_parse(struct text value, struct text schema_id_header, bool accept_bare,
                      struct frame *ret_frame);

struct schemas_options {
    const char *registry_url; /* NULL or "": none */
    const char *username, *password, *token, *ca_file;
    int64_t timeout_ms;
    int64_t not_found_after_ms; /* how long a 404 is asked again before it is believed */
    int64_t negative_cache_ms;
    const char *directory; /* *.avsc read at start and on demand; NULL or "": none */
    const char *bare_file; /* NULL or "": bare Avro is not accepted */
};

struct schemas;
enum status schemas_open(struct schemas **ret_schemas, const struct schemas_options *options,
                         struct error *err);
void schemas_close(struct schemas *schemas);

/* Finds and compiles. Positive answers are kept for ever (bounded number), negative ones for a while.
 *   OK     *ret_schema, or NULL with *ret_code UNKNOWN_SCHEMA / UNUSABLE_SCHEMA and a reason in err
 *   RETRY  the registry cannot be reached and the schema is not known: wait, no dead letter */
enum status schemas_find(struct schemas *schemas, const struct frame *frame,
                         const struct writer_schema **ret_schema, enum code *ret_code,
                         struct error *err);

/* The id that the registry has for one of our own output schemas under `subject`; registers nothing.
 * FATAL with what to do (`provctl schema register`) when it is not there. */
enum status schemas_framing(struct schemas *schemas, const char *subject, const char *schema_json,
                            bool single_object, struct framing *ret_framing, struct error *err);

#endif
