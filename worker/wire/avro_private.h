/* Shared by the avro_*.c files: the one place that includes <avro.h>, and the compiled form of a
 * writer's schema. */
#ifndef PROVD_WIRE_AVRO_PRIVATE_H
#define PROVD_WIRE_AVRO_PRIVATE_H

#include "base/arena.h"
#include "domain/kind.h"
#include "wire/avro.h"

#include <avro.h>

/* --- a compiled schema (avro_compile.c makes it, avro_decode.c runs it) ----------------------- */

/* Types of places that no table of fields has. */
#define FIELD_BYTES ((enum field_type)(FIELD_INLINE + 1))   /* struct text; any bytes */
#define FIELD_PAYLOAD ((enum field_type)(FIELD_INLINE + 2)) /* the union of commands */
#define FIELD_EVENT ((enum field_type)(FIELD_INLINE + 3))   /* the whole record */

/* What is done with a value; "place" is where the table says it belongs. */
enum take {
    TAKE_NOTHING,         /* read and checked, not kept */
    TAKE_TEXT,            /* string or bytes */
    TAKE_BYTES,           /* bytes that need not be text */
    TAKE_INT,             /* int, long, boolean */
    TAKE_MILLISECONDS,    /* long, to microseconds */
    TAKE_ENUM,            /* index of the symbol in our list, or ENUM_UNKNOWN */
    TAKE_SYMBOL,          /* the same from a string */
    TAKE_UUID,            /* string */
    TAKE_ITEM,            /* string, one more of struct texts */
    TAKE_BIT,             /* enum, one more bit of a mask */
    TAKE_BIT_NAME,        /* the same from a string */
    TAKE_MASK,            /* array of bits: begins with none */
    TAKE_STRUCT,          /* record: a new struct, its address goes into the place */
    TAKE_SECRET,          /* record: one type of secret */
    TAKE_SECRET_TEXT,     /* string: a hash */
    TAKE_SECRET_UNKNOWN,  /* a type of secret that came later */
    TAKE_PAYLOAD,         /* record: a command */
    TAKE_PAYLOAD_UNKNOWN, /* a command that came later */
};

/* One place of the schema: a tree, since a named type that is used twice has a node for each use.
 */
struct node {
    avro_type_t type;
    enum take take;
    const char *name;          /* of the field or branch, for messages; NULL: see parent */
    const struct node *parent; /* NULL: the whole record */
    const struct field *field; /* NULL: none of ours */
    size_t offset;             /* of the place, in the struct of the node above */
    struct node **children;    /* fields; branches; the one kind of item, or key and value */
    size_t child_count;
    int32_t *symbols; /* enum: our index of each symbol of the writer's */
    size_t symbol_count;
    size_t size;             /* float, double, fixed: bytes */
    const struct kind *kind; /* PAYLOAD */
    enum secret_type secret; /* SECRET */
    bool can_be_empty;       /* takes no bytes at all */

    /* While an event is decoded. */
    char *place;
    size_t items;
};

struct writer_schema {
    struct arena arena;
    struct node *root;
};

/* A schema of any records, whose values are checked and kept nowhere. */
struct writer_schema *checking_schema_compile(struct text json, struct error *err);

/* --- numbers --------------------------------------------------------------------------------- */

enum varint { VARINT_READ, VARINT_ENDS, VARINT_TOO_LONG };

/* An int or a long, zigzag and of variable length (Avro specification, "Binary Encoding"); moves
 * *at on. Inline, because there are some dozens in an event. */
static inline enum varint varint_read(const char **at, const char *end, int64_t *ret_value)
{
    enum { LONG_BITS = 64, BYTE_BITS = 7 };
    uint64_t zigzag = 0;

    *ret_value = 0;
    for (int shift = 0; shift < LONG_BITS; shift += BYTE_BITS) {
        if (*at == end)
            return VARINT_ENDS;
        uint8_t byte = (uint8_t) * (*at)++;
        zigzag |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            *ret_value = (int64_t)(zigzag >> 1) ^ -(int64_t)(zigzag & 1);
            return VARINT_READ;
        }
    }
    return VARINT_TOO_LONG;
}

/* "payload.CreateAccount.address", in `buffer`. */
const char *node_path(const struct node *node, char *buffer, size_t size);
/* --- what fits where (avro_fit.c) ------------------------------------------------------------- */

/* How a value of that type gets into a place; TAKE_NOTHING: it cannot. Other than null, which
 * leaves the place as it is. `logical` is the logical type or NULL. */
enum take take_of_scalar(const struct field *field, avro_type_t type, const char *logical);
/* The same for an item of an array. */
enum take take_of_item(const struct field *field, avro_type_t type);
/* What the fields of a record feed (*ret_fields, left alone for nothing), and what the record
 * itself does; false when it fits nowhere. */
bool record_fits(const struct field *field, const char *name, struct node *node,
                 const struct field **ret_fields);
/* The place of a word in a NULL-terminated list (NULL: an empty one), or ENUM_UNKNOWN. */
int32_t word_index(const char *const *words, const char *word);
/* The row for an Avro field of that name, or NULL; *offset grows by the offsets of the tables
 * between. */
const struct field *fields_find(const struct field *fields, const char *name, size_t *offset);
/* Sets every place of the table to its fallback or null. */
void fields_clear(const struct field *fields, void *record);

#endif
