/* Writing plain structs by an embedded schema: the other direction of the sink in avro_decode.c. A
 * table of slots says where in a struct each field of the schema lies; the schema is walked, and
 * one value after the other is put into the buffer. Only for wire/avro_*.c. */
#ifndef PROVD_WIRE_AVRO_SOURCE_H
#define PROVD_WIRE_AVRO_SOURCE_H

#include "wire/avro_private.h"

enum slot_type {
    SLOT_END = 0,
    SLOT_TEXT,     /* struct text; null where the schema allows it, else "" */
    SLOT_BYTES,    /* struct text */
    SLOT_INT,      /* int64_t; INT_NULL is null where the schema allows it, else 0 */
    SLOT_BOOL,     /* bool */
    SLOT_ENUM,     /* int64_t, index into `words`; outside of them null, or the symbol UNKNOWN */
    SLOT_FIXED,    /* const uint8_t *, `size` bytes */
    SLOT_RECORD,   /* the struct itself */
    SLOT_OPTIONAL, /* pointer to a struct; NULL is null */
    SLOT_LIST,     /* struct list of structs of `size` bytes */
};

struct slot {
    const char *name; /* in the schema */
    enum slot_type type;
    size_t offset;
    size_t size;              /* FIXED, LIST */
    const char *const *words; /* ENUM: NULL-terminated */
    const struct slot *slots; /* RECORD, OPTIONAL, LIST */
};

struct list {
    const void *items;
    size_t count;
};

#define SLOT(struct_, member, type_, ...)                                                          \
    {                                                                                              \
        .name = #member, .type = (type_), .offset = offsetof(struct struct_, member), __VA_ARGS__  \
    }

struct record_writer;
/* FATAL when table and schema do not have the same fields, or a type does not fit. */
enum status record_writer_open(struct record_writer **ret_writer, const char *schema_json,
                               const struct slot *slots, struct error *err);
void record_writer_close(struct record_writer *writer); /* NULL is fine */
/* Appends the struct's bytes to `out`, which fails when they do not fit. */
void record_writer_write(const struct record_writer *writer, const void *record,
                         struct buffer *out);

/* The text of a UUID in the arena; null for none. */
struct text uuid_text(const struct uuid *uuid, struct arena *arena);

#endif
