/* The named types of one Avro schema document, and the rules by which a short name becomes a full
 * one (Avro specification, "Names"). Only for wire/avro_*.c. */
#ifndef PROVD_WIRE_AVRO_NAMES_H
#define PROVD_WIRE_AVRO_NAMES_H

#include "wire/json.h"

enum {
    AVRO_FULLNAME_MAX = 511,
    AVRO_NAMED_TYPES_MAX = 512,
    AVRO_SCHEMA_BYTES_MAX = 1 << 20,
    AVRO_SCHEMA_DEPTH_MAX = 64,
};

struct named_type {
    char fullname[AVRO_FULLNAME_MAX + 1];
    const json_t *definition;
    bool is_open; /* its fields are just being walked: a use of the name is recursion */
};

struct names {
    struct named_type *items; /* malloc'ed, AVRO_NAMED_TYPES_MAX of them */
    size_t count;
};

void names_open(struct names *names);
void names_close(struct names *names);

/* The full name of `name` used inside the namespace `space` (NULL or "": none). False when it is no
 * valid name or too long. */
bool names_resolve(const char *name, const char *space, char ret_fullname[AVRO_FULLNAME_MAX + 1]);
/* The full name that a definition (record, enum, fixed) gives itself. */
bool names_of_definition(const json_t *definition, const char *space,
                         char ret_fullname[AVRO_FULLNAME_MAX + 1]);
/* Adds a definition; the same definition again is found again. NULL when another one has the name
 * already, or there are too many. */
struct named_type *names_add(struct names *names, const char *fullname, const json_t *definition);
/* NULL when there is none of that name so far. */
struct named_type *names_find(const struct names *names, const char *fullname);
/* Copies the namespace of a full name: what stands before its last dot. */
void names_space(const char *fullname, char ret_space[AVRO_FULLNAME_MAX + 1]);

/* True for the eight primitive types and for nothing else. */
bool names_is_primitive(const char *name);
/* True when it may be the name of a field or an enum's symbol: [A-Za-z_][A-Za-z0-9_]*. */
bool names_is_word(const char *name);

#endif
