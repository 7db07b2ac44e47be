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
};

enum status publish_connect(struct publish *publish, struct error *err);
void publish_close(struct publish *publish);

/* Publishes the batch, however often Kafka makes it try again from memory. RETRY: Kafka is away;
 * run it again. RETRY with the code PUBLISH_FENCED: the group has moved on, drop the batch and
 * restart the consumer; whoever owns the partitions publishes the stored results. */
enum status publish_run(struct publish *publish, struct batch *batch, struct error *err);
extern const char publish_fenced[]; /* "FENCED" */

#endif
