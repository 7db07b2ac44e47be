/* How the fields of a command look: the rows from which decoding, limits, payload hash and
 * documentation are made.
 *
 * A kind of event has one plain struct for its payload and one table of fields that says where in
 * the struct each Avro field goes, by name. Decoding (wire/avro) fills the struct; field_check
 * judges what needs no database. Limits that are not given here are those of rulings.md, 15. */
#ifndef PROVD_DOMAIN_FIELD_H
#define PROVD_DOMAIN_FIELD_H

#include <stdbool.h>

#include "domain/code.h"
#include "domain/value.h"

struct arena;
struct policy;

enum field_type {
    FIELD_END = 0, /* closes a table */
    FIELD_TEXT,    /* struct text; no rule but the byte limit of any string */
    FIELD_NAME,    /* struct text; at most `max` characters, no control characters */
    FIELD_NOTE,    /* struct text; LF and TAB may stand in it; at most `max` characters */
    FIELD_ADDRESS, /* struct text; replaced by its normal form (address.h) */
    FIELD_DOMAIN,  /* struct text; replaced by its A-labels */
    FIELD_INT,     /* int64_t in min..max; Avro int or long */
    FIELD_BOOL,    /* int64_t 0 or 1 */
    FIELD_TIME,    /* int64_t, microseconds since 1970 */
    FIELD_ENUM,    /* int64_t, index into `symbols`; a symbol not there is INVALID_FIELD */
    FIELD_UUID,    /* struct uuid, from a string */
    FIELD_TEXTS,   /* struct texts; at most `max` items */
    FIELD_MASK,    /* int64_t bit mask from an array of enum symbols or strings: bit 1 << index in
                      `symbols` */
    FIELD_SECRET,  /* struct secret, from the union of the password records */
    FIELD_REF,     /* struct ref, from AccountRef; null is a ref that names nothing */
    FIELD_RECORD,  /* pointer to a struct described by `fields`; NULL when null */
    FIELD_INLINE,  /* a table of more fields of the same Avro record, at `offset` in the struct */
};

enum field_flag {
    FIELD_REQUIRED = 1,     /* null or "" is MISSING_FIELD */
    FIELD_IS_SECRET = 2,    /* never in messages, diffs or logs */
    FIELD_NULLED_EMPTY = 4, /* "" is stored as null (rulings.md, 26) */
    FIELD_STORED_HASH = 8,  /* SECRET: what is behind it is hashed in prepare and stored */
    FIELD_COMPARED = 16,    /* SECRET: compared in prepare with the password of the kind's ref */
};

struct field {
    const char *name; /* in the schema */
    enum field_type type;
    size_t offset; /* in the payload's struct */
    unsigned flags;
    int64_t min, max;  /* see the type; both 0: the type's own limits */
    int64_t fallback;  /* numbers: what an absent field means; 0 with `has_fallback` false: null */
    bool has_fallback; /* (defaults are ours: avro-c knows none) */
    const char *const *symbols; /* ENUM, MASK: NULL-terminated */
    const struct field *fields; /* RECORD, INLINE */
    size_t size;                /* RECORD: sizeof its struct */
};

enum {
    NAME_CHARACTERS_MAX = 255,
    NOTE_CHARACTERS_MAX = 10000,
    FIELDS_MAX = 100,
    USERS_MAX = 10000,
    PASSWORD_CHARACTERS_MAX = 512,
};

/* The first thing that is wrong with an event, judged without a database. */
struct fault {
    enum code code;      /* CODE_NONE: nothing is wrong */
    struct text message; /* English, one line, values quoted and cut */
};

/* Sets `fault` when it is still empty; always returns false, for `return fault_set(...)`. */
bool fault_set(struct fault *fault, struct arena *arena, enum code code, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Judges and normalises a decoded struct in place. True when nothing is wrong; else `fault` says
 * the first thing that is. */
bool field_check(const struct field *fields, void *record, const struct policy *policy,
                 struct arena *arena, struct fault *fault);

/* Feeds the canonical form of a decoded struct to `update`, for the payload hash (rulings.md, 2):
 * names and values of the fields that are neither null nor at their fallback, so that a field added
 * to the schema later does not change the hash of an old event. Runs before field_check. */
typedef void field_hash_update(void *hash, const void *bytes, size_t len);
void field_hash(const struct field *fields, const void *record, field_hash_update *update,
                void *hash);

#endif
