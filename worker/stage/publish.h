/* publish: ONE Kafka transaction with the results, change records and dead letters of a batch, in
 * order, and its source offsets (KIP-447). Does not talk to PostgreSQL. */
#ifndef PROVD_STAGE_PUBLISH_H
#define PROVD_STAGE_PUBLISH_H

#include <stdatomic.h>

#include "base/arena.h"
#include "base/background.h"
#include "base/status.h"
#include "batch.h"
#include "wire/cloudevents.h"
#include "wire/kafka.h"

/* The transactions of a lane go to two producers in turn: one that begins while the broker still
 * writes the markers of the same producer's last is told to wait, and librdkafka waits 20 ms. No
 * two are open at once. */
enum { PRODUCERS = 2 };

/* Opened again after a fatal error: a normal path. */
struct publish_slot {
    struct kafka_options options; /* as the lane's, with a transactional id of its own */
    char transactional_id[160];
    struct kafka_producer *producer;
};

struct publish {
    struct publish_slot slots[PRODUCERS];
    size_t turn;                     /* the slot whose transaction is open, or the next */
    struct kafka_consumer *consumer; /* asked for committed offsets when a commit is in doubt */
    struct counters *counters;
    struct text worker;
    int64_t request_timeout_ms;
    int64_t output_bytes_max;
    bool has_cloudevents; /* their headers are wanted */
    struct cloudevents ce;

    /* From publish_begin to publish_finish these, the producer and the batch belong to the thread
     * in the background. */
    struct arena arena; /* for what is needed beside the batch; ready when handed over */
    struct background *background;
    struct batch *batch;     /* that is on its way; NULL: none */
    atomic_bool is_unwanted; /* by the owner: no further attempt is made */
    bool is_in_doubt; /* a commit of the batch may have taken place, and nobody could say so far */
    enum status status; /* how it ended */
    struct error error;
};

/* `options` and what it points to must outlive the publisher. */
void publish_set_options(struct publish *publish, const struct kafka_options *options);
enum status publish_connect(struct publish *publish, struct error *err);
void publish_close(struct publish *publish);

/* Sends the batch off: the whole transaction runs in the background, while the caller does
 * something else, such as applying the next batch. The batch must not be touched until
 * publish_finish or publish_give_up has returned. */
void publish_begin(struct publish *publish, struct batch *batch);
/* True when publish_finish would not wait. */
bool publish_is_done(const struct publish *publish);
/* Waits for that, so long at most. */
bool publish_wait_ms(const struct publish *publish, int ms);
/* Waits for the end of the batch that was sent off, however often Kafka makes it try again from
 * memory; sends it off when it is not on its way. RETRY: Kafka is away; run it again. RETRY with
 * the code BATCH_LOST: the group has moved on, drop the batch and restart the consumer; whoever
 * owns the partitions publishes the stored results. */
enum status publish_finish(struct publish *publish, struct batch *batch, struct error *err);
/* Waits until the attempt that is under way has ended, and aborts what is open: the batch will be
 * read again, from where the committed offsets and the fence say. The next one gets a new
 * producer. */
void publish_give_up(struct publish *publish);

#endif
