/* Where the values of an event go: into the places that the nodes of the compiled schema name. Only
 * for wire/avro_*.c. */
#ifndef PROVD_WIRE_AVRO_PLACE_H
#define PROVD_WIRE_AVRO_PLACE_H

#include "wire/avro_private.h"

/* One event being read. */
struct decoding {
    const struct decode_limits *limits;
    struct arena *arena;
    struct event *event;
    struct unreadable *unreadable;
    const struct node *current; /* for messages */
    size_t values;

    const char *at, *end; /* what is left to be read */
    size_t len;           /* of all */
};

/* These return false when the event cannot be read; `unreadable` then says why. */

/* Says why, with the name of the place. Always false. */
bool unreadable_set(struct decoding *d, enum code code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Before the value of `node`, which lies in the struct at `place`, is read. */
bool place_enter(struct decoding *d, char *place, struct node *node);
bool place_boolean(struct decoding *d, struct node *node, uint8_t value);
bool place_int(struct decoding *d, struct node *node, int64_t value);
bool place_symbol(struct decoding *d, struct node *node, int64_t index);
bool place_string(struct decoding *d, struct node *node, struct text text);
bool place_bytes(struct decoding *d, struct node *node, struct text bytes);

#endif
