/* The sink: an implementation of avro-c's value interface that checks each value which avro-c reads
 * and puts it where the node of the compiled schema says. Only for wire/avro_*.c. */
#ifndef PROVD_WIRE_AVRO_SINK_H
#define PROVD_WIRE_AVRO_SINK_H

#include "wire/avro_private.h"

/* One event being read. The first member is what avro-c sees; it is a copy of `avro_sink`. */
struct decoding {
    avro_value_iface_t iface;
    const struct decode_limits *limits;
    struct arena *arena;
    struct event *event;
    struct unreadable *unreadable;
    const struct node *current; /* for messages */
    size_t values;
};

extern const avro_value_iface_t avro_sink;

/* Gives avro-c the value of `node`, which lies in the struct at `place`. */
void sink_enter(struct decoding *d, char *place, struct node *node, avro_value_t *ret_value);

/* Says why the bytes cannot be read; the message names the place. Returns what makes avro-c stop.
 */
int unreadable_set(struct decoding *d, enum code code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
