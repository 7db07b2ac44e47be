/* The headers of a dead letter: the original ones, Kafka Connect's set, and ours (events.md,
 * section 2; rulings.md, 16). Key and value go through untouched. */
#ifndef PROVD_WIRE_DEAD_LETTER_H
#define PROVD_WIRE_DEAD_LETTER_H

#include "base/text.h"
#include "base/uuid.h"
#include "wire/kafka.h"

struct arena;

/* What is said of a record that cannot be read. */
struct dead_letter {
    const struct kafka_message *message;
    struct text topic;
    int32_t partition;
    int64_t offset;
    int64_t timestamp_ms;
    const char *stage, *code;
    struct text reason;
    int64_t failed_at_us;
    struct uuid result_id;
    struct text worker;
    bool is_truncated; /* the value is left out: too large for the topic */
    bool is_bare;      /* and so are the key and the original's headers */
};

enum { DEAD_LETTER_OWN_HEADERS_MAX = 24 };

/* The headers, in the arena. Those of ours that the original had (from an earlier round) are
 * replaced, but for the redrive count, which only `provctl dlq redrive` raises, and the first
 * failure's time. */
struct kafka_header *dead_letter_headers(const struct dead_letter *letter, struct arena *arena,
                                         size_t *ret_count);

#endif
