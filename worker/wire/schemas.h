/* Where the schemas of incoming records come from, and how a record names its own: the four
 * framings (Confluent id, Confluent GUID header, single object, bare), a Schema Registry with
 * caches, a directory of schema files. */
#ifndef PROVD_WIRE_SCHEMAS_H
#define PROVD_WIRE_SCHEMAS_H

#include "base/status.h"
#include "base/text.h"
#include "wire/avro.h"

enum framing_kind {
    FRAMING_CONFLUENT_ID,
    FRAMING_CONFLUENT_GUID,
    FRAMING_SINGLE_OBJECT,
    FRAMING_BARE
};

/* What the first bytes (or the header) say. */
struct frame {
    enum framing_kind kind;
    uint32_t id;          /* CONFLUENT_ID */
    struct uuid guid;     /* CONFLUENT_GUID */
    uint64_t fingerprint; /* SINGLE_OBJECT */
    struct text body;
    int64_t timestamp_us; /* the record's, set by the caller; 0: not known. See schemas_find. */
};

/* Reads the framing. `schema_id_header` is the value of `__value_schema_id`, or null; it wins over
 * the first bytes. `accept_bare`: a value with neither magic is bare Avro (one that begins with 00,
 * as the Confluent prefix does, is not taken for bare). A code says what is wrong: NULL_VALUE,
 * TOO_SHORT, BAD_MAGIC. */
enum code frame_parse(struct text value, struct text schema_id_header, bool accept_bare,
                      struct frame *ret_frame);

/* Strings live as long as the handle. */
struct schemas_options {
    const char *registry_url; /* NULL or "": none */
    const char *username, *password, *token, *ca_file;
    int64_t timeout_ms;
    int64_t not_found_after_ms; /* how long a schema that is not there may still be on its way */
    int64_t negative_cache_ms;  /* how long it is not asked for again after that */
    const char *directory;      /* *.avsc, also in folders below; read at start and again when a
                                   fingerprint      is not known; NULL or "": none */
    const char *bare_file;      /* NULL or "": bare Avro is not accepted */
};

struct schemas;
/* FATAL, with what to do: the directory or the bare schema cannot be read or used. Does not need
 * the registry. */
enum status schemas_open(struct schemas **ret_schemas, const struct schemas_options *options,
                         struct error *err);
void schemas_close(struct schemas *schemas); /* NULL is fine */

/* Finds and compiles. What was found is kept (the 256 used last), what was not there is remembered
 * for a while, and lookups of unknown schemas are limited in number, so that random ids are no
 * attack on the registry. A schema that is not there is believed to be on its way until the record,
 * or the first lookup, is older than not_found_after_ms; so a row of bad records costs that time
 * once and not each. OK     *ret_schema, valid until the next call; or NULL with *ret_code
 * UNKNOWN_SCHEMA or UNUSABLE_SCHEMA and the reason in `err` RETRY  the registry cannot be asked, or
 * the schema may still come: wait, no dead letter; or what is known does not suffice and `may_ask`
 * is false */
enum status schemas_find(struct schemas *schemas, const struct frame *frame, bool may_ask,
                         struct writer_schema **ret_schema, enum code *ret_code, struct error *err);

/* The framing of one of our own output schemas: the id that the registry has for it under `subject`
 * (registers nothing), or the fingerprint with `single_object`. RETRY when the registry cannot be
 * asked, FATAL with what to do (`provctl schema register`) when it does not have it. */
enum status schemas_framing(struct schemas *schemas, const char *subject, const char *schema_json,
                            bool single_object, struct framing *ret_framing, struct error *err);

#endif
