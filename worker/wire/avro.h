/* Reading events and writing results and change records in Avro: the only owner of <avro.h>.
 *
 * Decoding uses the writer's schema and picks fields by name (avro-c's resolver maps a reordered
 * enum to the wrong symbol); the mapping from a schema to the tables of fields is made once per
 * schema. Hostile bytes are expected: see pitfalls.md. */
#ifndef PROVD_WIRE_AVRO_H
#define PROVD_WIRE_AVRO_H

#include <stdint.h>

#include "base/status.h"
#include "base/text.h"
#include "domain/code.h"
#include "domain/event.h"
#include "domain/outcome.h"

struct arena;

/* A writer's schema, parsed, checked (no recursion, no items without bytes) and mapped to the
 * tables of fields. It holds the state of the decoding, so one thread at a time uses it. */
struct writer_schema;
/* NULL when events cannot be read with it: `err` then says where in the schema and why. That is a
 * property of the record that names the schema, not an error of the world. Close with
 * writer_schema_close. */
struct writer_schema *writer_schema_compile(struct text json, struct error *err);
void writer_schema_close(struct writer_schema *schema); /* NULL is fine */

/* Why bytes could not be read. */
struct unreadable {
    enum code code;      /* CODE_NONE: they could */
    struct text message; /* in the arena: what was wrong, at which byte or field */
};

struct decode_limits {
    size_t string_bytes_max; /* of any string or bytes */
    size_t items_max;        /* of any array or map */
};

/* Decodes one event body into `event`: envelope fields, kind, payload, payload hash; `event_id`
 * itself is left to event_check. All of `body` must be consumed. Strings are views into it: it must
 * outlive the event. Judges the bytes, not the event (event_check does that), with these
 * exceptions, since their text is not kept: a UUID that is none, an unknown word in a mask and an
 * unknown type of secret set `event->fault`. */
void avro_decode_event(struct writer_schema *schema, struct text body,
                       const struct decode_limits *limits, struct arena *arena, struct event *event,
                       struct unreadable *unreadable);

/* --- what we write ---------------------------------------------------------------------------- */

/* How our values are framed: the prefix, ready to be put in front. */
struct framing {
    uint8_t prefix[10];
    size_t prefix_len; /* 5: Confluent; 10: single object */
};

struct source {
    struct text topic;
    int32_t partition;
    int64_t offset;
};

/* Everything a ProvisioningResult says. */
struct result_facts {
    struct uuid result_id;
    const struct event *event; /* never NULL */
    const struct outcome *outcome;
    /* DUPLICATE of an earlier batch: what the first result said, decoded from the ledger. */
    const struct first_result *first;
    struct source source, first_seen; /* first_seen only for DUPLICATE */
    bool republished;
    int64_t applied_at;
    struct text worker;
};

/* What a DUPLICATE repeats of the first result. */
struct first_result {
    struct text status, code; /* code may be null */
    struct uuid account_uuid;
    int64_t account_id, version_before, version_after;
    int64_t service_ids[SERVICE_COUNT]; /* INT_NULL: absent */
    int64_t applied_at;
    struct text worker;
};

/* Everything a ChangeRecord says but its hash. */
struct change_facts {
    struct uuid change_id;
    int64_t chain_seq;
    const uint8_t *prev_hash; /* 32 bytes */
    const struct event *event;
    const struct change *change;
    struct source source;
    int64_t recorded_at;
};

/* Encoders for the embedded schemas, with their values made once and used again. One thread at a
 * time. */
struct encoder;
/* FATAL: the embedded schemas lack something that we write. */
enum status encoder_open(struct encoder **ret_encoder, struct error *err);
void encoder_close(struct encoder *encoder); /* NULL is fine */
/* Appends prefix and body. The buffer's `failed` says that it was too small a ceiling. */
void encode_result(struct encoder *encoder, const struct framing *framing,
                   const struct result_facts *facts, struct arena *arena, struct buffer *out);
/* Appends the body of a change record without its last field, `hash` (rulings.md, 22). */
void encode_change_body(struct encoder *encoder, const struct change_facts *facts,
                        struct arena *arena, struct buffer *out);

/* Says which schema results with this framing were written with: the present one, and any that
 * stored results may still have. Needed before decode_first_result. FATAL: no schema, or too many.
 */
enum status encoder_know_results(struct encoder *encoder, const struct framing *framing,
                                 const char *schema_json, struct error *err);
/* Reads a stored result (framing included) back. False when its framing is not known or its bytes
 * are broken; texts are in the arena. */
bool decode_first_result(struct encoder *encoder, struct text framed, struct arena *arena,
                         struct first_result *ret_first);

/* CRC-64-AVRO of the parsing canonical form (Avro specification, "Schema Fingerprints"). False when
 * the text is no schema. Little-endian bytes in single-object encoding. */
bool schema_fingerprint(struct text json, uint64_t *ret_fingerprint);
/* Appends the parsing canonical form. False when the text is no schema or does not fit. */
bool schema_canonical(struct text json, struct buffer *out);

#endif
