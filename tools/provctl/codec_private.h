/* Shared by the codec*.c files: the only owner of <avro.h> in provctl. avro-c reads and writes the
 * primitive values; unions, enums, arrays and records are walked here, since its own readers hide
 * what has to be checked (pitfalls: symbols out of range, branch numbers cut to 32 bits, endless
 * arrays). */
#ifndef PROVCTL_CODEC_PRIVATE_H
#define PROVCTL_CODEC_PRIVATE_H

#include "codec.h"

#include <avro.h>

enum {
    CODEC_SCHEMA_BYTES_MAX = 4 << 20,
    CODEC_DEPTH_MAX = 64,
    CODEC_VALUES_MAX = 1000000,       /* of one document */
    CODEC_VALUE_BYTES_MAX = 32 << 20, /* of one string or bytes */
    CODEC_NAME_MAX = 512,
};

struct codec {
    json_t *root;
    json_t *names; /* full name > definition */
};

enum codec_type {
    TYPE_UNKNOWN,
    TYPE_NULL,
    TYPE_BOOLEAN,
    TYPE_INT,
    TYPE_LONG,
    TYPE_FLOAT,
    TYPE_DOUBLE,
    TYPE_BYTES,
    TYPE_STRING,
    TYPE_RECORD,
    TYPE_ENUM,
    TYPE_ARRAY,
    TYPE_MAP,
    TYPE_FIXED,
    TYPE_UNION,
};

/* A place in the schema. `space` is the namespace around it. */
struct site {
    const json_t *schema; /* an object, an array (union), or the string of a primitive type */
    enum codec_type type;
    char space[CODEC_NAME_MAX];
};

/* The schema that `schema` (a name or a definition) stands for; TYPE_UNKNOWN when it stands for
 * none. */
struct site codec_site(const struct codec *codec, const json_t *schema, const char *space);
/* Name of a branch: of a record without its namespace, of a primitive type itself. */
const char *codec_branch_name(const struct site *site);
/* Number of branches other than null. */
size_t codec_choices(const json_t *branches);
/* Factor from the value to microseconds: 1, 1000, or 0 when it is no time. */
int64_t codec_time_factor(const json_t *schema);
/* Which codec_type is called that; TYPE_UNKNOWN for none. */
enum codec_type codec_type_named(const char *name);

/* Where one is in the document, for messages. */
struct place {
    const struct place *parent;
    const char *name; /* NULL: item number `index` */
    size_t index;
    int depth;
};
/* "payload.CreateAccount.users[3]"; "" is the document itself. */
const char *place_text(const struct place *place, char *buffer, size_t size);

#endif
