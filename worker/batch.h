/* The batch: the only thing that flows. Each stage fills in its own arrays, left to right:
 *
 *     consume: records, sources, group     decode: events, deaths     prepare: events[].prepared
 *     apply: outputs                       publish: nothing, it sends outputs and offsets
 *
 * Everything in it lives in the batch's arena, but the messages, whose bytes records and texts of
 * events point into.
 * It lives until it is published: what a stage needs no longer than itself is not put there. */
#ifndef PROVD_BATCH_H
#define PROVD_BATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/counters.h"
#include "base/text.h"
#include "domain/event.h"
#include "domain/outcome.h"

struct kafka_message;
struct kafka_group_metadata;

/* A partition that this lane owns: what is known of it between batches. Owned by the lane. */
struct partition {
    int32_t partition;
    int32_t fence_id;
    uint32_t source;         /* its place among the sources of the batch that is being filled */
    int64_t epoch;           /* ours; another one in the fence row means that we lost it */
    int64_t next_offset;     /* of the next record to read */
    int64_t fence_offset;    /* as of the last committed transaction of the database */
    int64_t published_upto;  /* results below are known to be published */
    int64_t noted_upto;      /* the same as the fence row says it at least */
    int64_t republish_below; /* results of records below were published before a rewind: marked */
    int64_t judged_upto;     /* records below were shown to the circuit breaker */
    bool is_halted;
    struct partition_counters *counters;
};

/* A record as it came. Views into the message. */
struct record {
    struct kafka_message *message;
    struct partition *partition;
    uint32_t source; /* index into the batch's sources */
    int64_t offset;
    int64_t timestamp_ms;
    struct text key, value;
    size_t header_count; /* asked once: librdkafka parses anew each time when there are none */
    bool is_reread;      /* below the fence: processed before */
    bool is_replay;      /* below published_upto: its result was published before */
};

/* When the record was written, in microseconds, or NO_TIMESTAMP_US. Senders may put anything there:
 * times before 1970 count as its begin, those behind the year 9999 as its end. */
int64_t record_time_us(const struct record *record);

/* Why a record is a dead letter. */
struct death {
    enum stage_name stage;
    enum code code;
    struct text message;
    int64_t failed_at_us;
    uint8_t value_hash[PAYLOAD_HASH_LEN];
};

/* The records of one partition in the batch. */
struct batch_source {
    struct partition *partition;
    struct text topic;
    int64_t from_offset; /* what was read before the batch ends here: the fence is not below it */
    int64_t next_offset; /* last + 1: what both sides commit */
    size_t count;
};

/* A change record, ready to be published: value is frame, body, hash. */
struct output_change {
    struct text value;
};

/* What is to be published for a record. */
struct output {
    enum outcome_status status; /* and code: undefined for a dead letter */
    enum code code;
    bool is_silent;     /* a replay: nothing is published */
    struct text result; /* framed value; null for a dead letter */
    struct uuid result_id;
    struct output_change *changes;
    size_t change_count;
};

struct batch {
    struct arena arena;
    size_t count;       /* records */
    size_t count_max;   /* at present; see batch_shrink */
    size_t count_limit; /* as configured */
    size_t lives_since_shrunk;
    size_t bytes;
    uint64_t generation; /* of the assignment that its records were read under */
    int64_t started_us;  /* monotonic, when its first record came */
    bool has_waited;     /* that one was put back: it waits for no company again */
    int64_t now_us;      /* wall clock of the batch: applied_at of all its results */

    struct record *records;
    struct batch_source *sources;
    size_t source_count;
    struct kafka_group_metadata *group;

    size_t decoded;        /* the first so many records are */
    size_t users_listed;   /* by their events */
    bool is_heavy;         /* with the record behind them there would be too many */
    struct event **events; /* NULL: a dead letter */
    struct death **deaths; /* NULL: an event */

    struct output *outputs;
};

/* Users that the events of a batch may list together. What a transaction needs for one is ten times
 * what the event needs to name it. An event that lists more is the only one of its batch that lists
 * any. */
enum { BATCH_USERS_MAX = 10000 };

/* The code of an error of any stage: the batch is not ours any more, or cannot be gone on with.
 * Drop it, and ask the fence where to read again. */
extern const char batch_lost[];

/* Arena and arrays for up to `count_max` records; memory comes with use, from the pool. */
void batch_init(struct batch *batch, size_t count_max, size_t memory_bytes_max,
                struct arena_pool *pool);
/* Gives messages and metadata back and forgets everything; ready for the next records. */
void batch_reset(struct batch *batch);
/* Half as many records from now on, since these needed more memory than there is. It takes more
 * again, twice as many after each hundred batches, up to its limit. */
void batch_shrink(struct batch *batch);
void batch_close(struct batch *batch);
/* The source that a record belongs to. */
struct batch_source *batch_source(const struct batch *batch, size_t record);

#endif
