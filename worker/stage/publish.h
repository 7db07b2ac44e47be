/* publish: ONE Kafka transaction with the results, change records and dead letters of a batch, in
 * order, and its source offsets (KIP-447). Does not talk to PostgreSQL. */
#ifndef PROVD_STAGE_PUBLISH_H
#define PROVD_STAGE_PUBLISH_H

#include "base/status.h"
#include "batch.h"
#include "wire/kafka.h"

struct publish {
    const struct kafka_options *options;
    struct kafka_producer *producer; /* opened again after a fatal error: a normal path */
    struct kafka_consumer *consumer; /* asked for committed offsets when a commit is in doubt */
    struct counters *counters;
    struct text worker;
    int64_t request_timeout_ms;
    int64_t output_bytes_max;
    bool has_begun; /* a transaction is open with all outputs of one batch, its commit is to come */
    enum kafka_verdict verdict; /* of what was begun */
    bool is_in_doubt; /* a commit of the batch may have taken place, and nobody could say so far */
};

enum status publish_connect(struct publish *publish, struct error *err);
void publish_close(struct publish *publish);

/* Opens the transaction and hands over the outputs. They travel while the caller does something
 * else, such as applying the next batch; the batch's memory has to stay until publish_finish or
 * publish_give_up. */
void publish_begin(struct publish *publish, struct batch *batch);
/* Commits them with the source offsets, however often Kafka makes it try again from memory; also
 * what did not begin. RETRY: Kafka is away; run it again. RETRY with the code BATCH_LOST: the
 * group has moved on, drop the batch and restart the consumer; whoever owns the partitions
 * publishes the stored results. */
enum status publish_finish(struct publish *publish, struct batch *batch, struct error *err);
/* Aborts what was begun, if anything: the batch will be read again, from where the committed
 * offsets and the fence say. The next batch gets a new producer. */
void publish_give_up(struct publish *publish);

#endif
