/* A plain producer to one topic: acknowledged by all replicas, no duplicates by repetitions, no
 * transaction. For `provctl events send` and redriving, never for the worker. */
#ifndef PROVD_WIRE_KAFKA_SENDER_H
#define PROVD_WIRE_KAFKA_SENDER_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "wire/kafka.h"

struct kafka_record {
    int32_t partition;      /* -1: murmur2 of the key, as in Java */
    struct text key, value; /* null is null */
    int64_t timestamp_ms;   /* milliseconds since 1970; 0: now */
    const struct kafka_header *headers;
    size_t header_count;
};

/* Called once per record, during kafka_sender_send and kafka_sender_flush. OK: it lies at
 * `partition` and `offset`; otherwise `err` says why it was not delivered. */
typedef void kafka_delivered(void *opaque, void *tag, enum status status, int32_t partition,
                             int64_t offset, const struct error *err);

struct kafka_sender;

/* Does not wait for the brokers. `delivered` may be NULL; `options` must outlive the sender. */
enum status kafka_sender_open(struct kafka_sender **ret_sender, const struct kafka_options *options,
                              const char *topic, kafka_delivered *delivered, void *opaque,
                              struct error *err);
/* Gives up what was not delivered. NULL is fine. */
void kafka_sender_close(struct kafka_sender *sender);

/* Queues a copy of the record; a full queue is waited out for `timeout_ms` (then RETRY). FATAL when
 * the record can never be sent (too large, no such partition). `tag` comes back with the delivery.
 */
enum status kafka_sender_send(struct kafka_sender *sender, const struct kafka_record *record,
                              void *tag, int timeout_ms, struct error *err);
/* Waits until all records are delivered or have failed. RETRY when `timeout_ms` is over; otherwise
 * the first failed delivery since the last flush, if there was one. */
enum status kafka_sender_flush(struct kafka_sender *sender, int timeout_ms, struct error *err);

#endif
