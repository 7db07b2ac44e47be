/* Schemas that other schemas refer to by name (a registry's `references`), put in where they are
 * used first, so that one document says all. */
#ifndef PROVD_WIRE_AVRO_REFERENCES_H
#define PROVD_WIRE_AVRO_REFERENCES_H

#include "wire/json.h"

enum { REFERENCES_MAX = 64 };

/* Plain; begins zeroed. */
struct references {
    json_t *schemas[REFERENCES_MAX]; /* owned */
    bool is_used[REFERENCES_MAX];
    size_t count;
};

bool references_are_full(const struct references *references);
/* Takes `schema` over. */
void references_add(struct references *references, json_t *schema);
void references_release(struct references *references);
/* Appends the text of `root` with the named types that it uses, itself or through others, put in.
 * False when that does not fit. `root` is changed. */
bool references_resolve(struct references *references, json_t *root, struct buffer *out);

#endif
