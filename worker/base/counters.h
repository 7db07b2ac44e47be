/* The page of counters that a lane writes and the parent reads: plain memory shared between
 * processes (mmap MAP_SHARED before the fork), one writer, so relaxed atomic loads and stores
 * suffice.
 *
 * Dimensions are small numbers; the names behind them (kinds, statuses, codes) are tables of the
 * domain, and the exporter puts them together. */
#ifndef PROVD_BASE_COUNTERS_H
#define PROVD_BASE_COUNTERS_H

#include <stdatomic.h>
#include <stdint.h>

#include "base/text.h"

typedef _Atomic uint64_t counter;
typedef _Atomic int64_t gauge;

enum {
    COUNTERS_KINDS_MAX = 64,  /* index in kinds[]; the last one stands for unknown branches */
    COUNTERS_STATUS_MAX = 12, /* enum outcome_status */
    COUNTERS_CODES_MAX = 64,  /* enum code */
    COUNTERS_PARTITIONS_MAX = 1024,
    COUNTERS_REASON_MAX = 256,
    COUNTERS_SQLSTATE_CLASSES = 8,
};

/* Stages, as labels and as x-provd-stage of dead letters. */
enum stage_name {
    STAGE_CONSUME,
    STAGE_FRAME,
    STAGE_SCHEMA,
    STAGE_DECODE,
    STAGE_VALIDATE,
    STAGE_PREPARE,
    STAGE_APPLY,
    STAGE_PUBLISH,
    STAGE_COUNT
};
extern const char *const stage_names[];            /* "CONSUME", "FRAME", ... */
enum stage_name stage_from_name(struct text name); /* STAGE_DECODE for an unknown one */

/* Cumulative histogram with the buckets of the conventions. */
enum { HISTOGRAM_BUCKETS = 14 };
extern const double histogram_bounds_s[HISTOGRAM_BUCKETS];      /* 0.005 .. 10 */
extern const double histogram_bounds_events[HISTOGRAM_BUCKETS]; /* 1 2 5 10 .. for batch sizes */
struct histogram {
    counter buckets[HISTOGRAM_BUCKETS]; /* not cumulative here; the last bound is followed by +Inf =
                                           count */
    counter count;
    gauge sum; /* microseconds, or events */
};
void histogram_observe(struct histogram *histogram, const double bounds[HISTOGRAM_BUCKETS],
                       double value, int64_t sum_increment);
void histogram_observe_us(struct histogram *histogram, int64_t duration_us);

enum lane_state { LANE_STARTING, LANE_RUNNING, LANE_WAITING, LANE_STOPPING, LANE_FAILED };
enum partition_state { PARTITION_NONE, PARTITION_ACTIVE, PARTITION_HALTED };

struct partition_counters {
    gauge state; /* enum partition_state; NONE: the slot is not shown */
    gauge partition;
    gauge lag_records;
    gauge next_record_time_us;        /* time of the next unprocessed record; 0: caught up */
    char reason[COUNTERS_REASON_MAX]; /* HALTED: why, and the remedy */
};

struct counters {
    gauge state; /* enum lane_state */
    gauge pid;
    gauge started_at_us;
    gauge progress_us; /* monotonic time of the last turn of the loop: what the watchdog watches */
    gauge last_commit_us; /* wall clock of the last Kafka commit */
    gauge restarts;
    char waiting_for[COUNTERS_REASON_MAX]; /* WAITING/FAILED: for what, e.g. "postgres: ..." */

    counter events[COUNTERS_KINDS_MAX][COUNTERS_STATUS_MAX];
    counter errors[STAGE_COUNT][COUNTERS_CODES_MAX]; /* REJECTED and FAILED by code */
    counter dead_letters[STAGE_COUNT][COUNTERS_CODES_MAX];
    counter records_consumed, bytes_consumed;
    counter rebalances_assigned, rebalances_revoked, rebalances_lost;
    gauge assigned_partitions;
    counter pg_committed, pg_rolled_back, pg_in_doubt;
    counter pg_retries[COUNTERS_SQLSTATE_CLASSES]; /* by class: 40 55 08 57 53 23 22 other */
    counter pg_lost_races, pg_unrolled_batches;
    counter kafka_committed, kafka_aborted, kafka_in_doubt, producer_recycled;
    counter breaker_open;
    gauge breaker_seen, breaker_dead; /* outlive the process: batch_breaker.h */
    struct histogram end_to_end, stage_time[STAGE_COUNT], batch_events;
    struct partition_counters partitions[COUNTERS_PARTITIONS_MAX];
};
extern const char *const sqlstate_class_names[COUNTERS_SQLSTATE_CLASSES];

static inline void counter_add(counter *c, uint64_t n)
{
    atomic_store_explicit(c, atomic_load_explicit(c, memory_order_relaxed) + n,
                          memory_order_relaxed);
}
static inline uint64_t counter_get(const counter *c)
{
    return atomic_load_explicit(c, memory_order_relaxed);
}
static inline void gauge_set(gauge *g, int64_t v)
{
    atomic_store_explicit(g, v, memory_order_relaxed);
}
static inline int64_t gauge_get(const gauge *g)
{
    return atomic_load_explicit(g, memory_order_relaxed);
}

#endif
