/* assign: what happens when a partition comes to this lane, before its first record is read: raise
 * the epoch in its fence row, compare the fence with Kafka's offsets (domain/fence.h), decide where
 * to start or to halt. */
#ifndef PROVD_STAGE_ASSIGN_H
#define PROVD_STAGE_ASSIGN_H

#include "base/status.h"
#include "batch.h"
#include "wire/outputs.h"

struct kafka_consumer;
struct postgres;

struct assign {
    struct postgres *pg;
    struct kafka_consumer *consumer;
    struct output_maker *maker; /* topic, cluster id; encoder for the record of an operator's act */
    const char *group_id;
    bool policy_rewind;
    int64_t request_timeout_ms;
    struct arena *arena;
};

/* Decides on one partition, with all facts fresh, in one transaction that makes the caller its
 * owner. Fills in all of `partition` but its counters; `is_halted` with the reason in `ret_reason`
 * (and the remedy, when there is one, behind it). RETRY: database or brokers are away, nothing is
 * decided. */
enum status assign_partition(struct assign *assign, struct partition *partition,
                             struct text *ret_reason, struct error *err);

/* A number that changes when an operator acts on the fence of a halted partition (`provctl fence
 * accept` or `adopt`): cheap to ask for, while to ask the consumer anew disturbs the whole group.
 */
enum status assign_operator_acts(struct postgres *pg, const struct output_maker *maker,
                                 const struct partition *partitions, size_t count,
                                 int64_t *ret_acts, struct error *err);

/* Remembers in the fence rows what the partitions' results are known to be published up to, where
 * it is news. For idle moments and the end: a batch does it by itself for the one before it. */
enum status assign_note_published(struct postgres *pg, struct partition *partitions, size_t count,
                                  struct arena *arena, struct error *err);

#endif
