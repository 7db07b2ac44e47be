/* consume: fills a batch from the assigned partitions until it has enough records, enough bytes, or
 * its first record has waited long enough; gives it the group metadata of its assignment. Commits
 * nothing. */
#ifndef PROVD_STAGE_CONSUME_H
#define PROVD_STAGE_CONSUME_H

#include "base/status.h"
#include "batch.h"

struct kafka_consumer;

/* The partitions that this lane owns at the moment. */
struct assignment {
    struct partition *partitions; /* sorted by number */
    size_t count;
    uint64_t generation; /* grows with each rebalance: what was read before it is dropped */
};
struct partition *assignment_find(const struct assignment *assignment, int32_t partition);

enum {
    HELD_ASKED_MAX = 1000,
    HELD_ASK_EVERY_MS = 1000, /* so late does a lane that holds records hear of the group */
    BEHIND_WAIT_MS_MAX = 100, /* how long a batch that is not full waits for the one before */
};

/* Records that were put back, in the order in which they are taken again. */
struct held_back {
    struct kafka_message **messages;
    size_t first, count, capacity; /* messages[first .. count) are there */
    size_t asked;                  /* the last so many were read only because Kafka has to be asked;
                                      HELD_ASKED_MAX at most */
    uint64_t generation;           /* of the assignment that they were read under */
    int64_t ask_at_us;             /* monotonic: when Kafka is to be asked again */
};

struct consume {
    struct kafka_consumer *consumer;
    struct assignment *assignment;
    struct text topic;
    int64_t bytes_max;
    int64_t wait_ms_max;             /* how long the first record waits for company */
    bool (*is_behind)(void *opaque); /* the batch before is not published so far; may be NULL */
    void *opaque;
    struct counters *counters;
    struct held_back held;
    struct kafka_group_metadata *group; /* as of the assignment that bears `group_generation` */
    uint64_t group_generation;
};

/* Fills the batch, or tops it up. OK with batch->count 0 when nothing came within `idle_ms`; with 0
 * it takes what is there and waits for nothing. When partitions come or go meanwhile, what had been
 * read is forgotten: the fence says where to go on. RETRY and FATAL as kafka_consume; what had been
 * read is then read again. */
enum status consume_run(struct consume *consume, struct batch *batch, int idle_ms,
                        struct error *err);
/* No more records go in. */
bool consume_is_full(const struct consume *consume, const struct batch *batch);
/* Cuts the batch: its records from `from` on come again with the next consume_run. They are kept
 * here, because a consumer that seeks back skips records (pitfalls of librdkafka 2.0.2). RETRY with
 * batch_lost when memory is short. */
enum status consume_put_back(struct consume *consume, struct batch *batch, size_t from,
                             struct error *err);
/* Lets go of what is kept between batches; before the consumer is closed. */
void consume_close(struct consume *consume);

#endif
