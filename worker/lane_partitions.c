/* How partitions come to a lane and go from it. */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "lane_parts.h"

enum {
    REASSIGN_UNDECIDED_MS = 1000,     /* the fence could not be read; twice as long each time, */
    REASSIGN_UNDECIDED_MS_MAX = 8000, /* since all lanes of the group stand still meanwhile */
    REASSIGN_HALTED_MS = 60000,       /* something else may have changed */
    LOOK_MS = 2000,                   /* an operator may have permitted to go on */
};

static void show_partition(struct lane *lane, struct partition *partition, size_t slot,
                           struct text reason)
{
    struct partition_counters *counters = &lane->counters->partitions[slot];
    partition->counters = counters;
    snprintf(counters->reason, sizeof counters->reason, "%.*s", TEXT_ARG(reason));
    gauge_set(&counters->partition, partition->partition);
    gauge_set(&counters->lag_records, 0);
    gauge_set(&counters->next_record_time_us, 0);
    gauge_set(&counters->state, partition->is_halted ? PARTITION_HALTED : PARTITION_ACTIVE);
}

void lane_hide_partitions(struct lane *lane)
{
    for (size_t i = 0; i < lane->assignment.count; i++)
        gauge_set(&lane->counters->partitions[i].state, PARTITION_NONE);
}

/* Asks fence and Kafka; a partition about which nothing can be learned now waits like a halted one.
 */
static void assign_one(struct lane *lane, struct partition *partition, size_t slot)
{
    struct error err;
    struct text reason = TEXT_NULL;
    struct assign assign = {
        .consumer = lane->consume.consumer,
        .maker = &lane->maker,
        .group_id = lane->config->kafka.group_id,
        .policy_rewind = lane->config->on_rewound_database == REWOUND_REWIND,
        .request_timeout_ms = lane->config->kafka.request_timeout_ms,
        .arena = &lane->assign_arena,
    };
    enum status status = lane_connect_database(lane, &err);
    assign.pg = lane->apply.pg;
    if (status == STATUS_OK)
        status = assign_partition(&assign, partition, &reason, &err);
    if (status != STATUS_OK) {
        log_event(LOG_WARNING, "partition cannot be started now; trying again",
                  LOG_INT("partition", partition->partition), LOG_Z("reason", err.message));
        partition->is_halted = true;
        lane->has_undecided = true;
        reason = text_format(&lane->assign_arena, "%s", err.message);
    }
    show_partition(lane, partition, slot, reason);
}

static int compare_partitions(const void *a, const void *b)
{
    const struct partition *x = a, *y = b;
    return (x->partition > y->partition) - (x->partition < y->partition);
}

/* The lane's page and its batches have room for so many; the others wait like halted ones. */
static size_t count_ownable(size_t count)
{
    if (count <= COUNTERS_PARTITIONS_MAX)
        return count;
    log_event(LOG_ERROR, "too many partitions for one lane: start more lanes",
              LOG_INT("assigned", count), LOG_INT("at_most", COUNTERS_PARTITIONS_MAX));
    return COUNTERS_PARTITIONS_MAX;
}

/* The first look takes note, later ones compare. */
static bool operator_has_acted(struct lane *lane)
{
    struct error ignored;
    int64_t acts;
    if (!deadline_passed(lane->look_at_us))
        return false;
    lane->look_at_us = deadline_in_ms(LOOK_MS);
    apply_abandon(&lane->apply);
    if (!postgres_usable(lane->apply.pg) ||
        assign_operator_acts(lane->apply.pg, &lane->maker, lane->assignment.partitions,
                             lane->assignment.count, &acts, &ignored) != STATUS_OK)
        return false;
    bool has_acted = lane->operator_acts >= 0 && acts != lane->operator_acts;
    lane->operator_acts = acts;
    return has_acted;
}

/* When to ask again about partitions that do not run; 0: all do. */
static int64_t reassign_at_us(struct lane *lane, bool has_halted)
{
    int64_t wait_ms = backoff_longer_ms(lane->undecided_wait_ms, REASSIGN_UNDECIDED_MS,
                                        REASSIGN_UNDECIDED_MS_MAX);
    lane->undecided_wait_ms = lane->has_undecided ? wait_ms : 0;
    if (!has_halted)
        return 0;
    return deadline_in_ms(lane->has_undecided ? wait_ms : REASSIGN_HALTED_MS);
}

static void assigned(void *opaque, struct kafka_partition *partitions, size_t count)
{
    struct lane *lane = opaque;
    bool has_halted = false;
    arena_reset(&lane->assign_arena);
    free(lane->assignment.partitions);
    size_t owned = count_ownable(count);
    lane->assignment.partitions = memory_zalloc("lane", owned, sizeof(struct partition));
    lane->assignment.count = owned;
    lane->assignment.generation++;
    lane->has_undecided = false;
    for (size_t i = 0; i < lane->assignment.count; i++)
        lane->assignment.partitions[i].partition = partitions[i].partition;
    if (lane->assignment.count)
        qsort(lane->assignment.partitions, lane->assignment.count, sizeof(struct partition),
              compare_partitions);
    for (size_t i = 0; i < lane->assignment.count; i++)
        assign_one(lane, &lane->assignment.partitions[i], i);
    for (size_t i = 0; i < count; i++) {
        const struct partition *partition =
            assignment_find(&lane->assignment, partitions[i].partition);
        bool is_halted = !partition || partition->is_halted;
        partitions[i].start_offset = is_halted ? -1 : partition->next_offset;
        has_halted = has_halted || is_halted;
    }
    lane->reassign_at_us = reassign_at_us(lane, has_halted);
    lane->operator_acts = -1;
    lane->look_at_us = 0;
    if (has_halted)
        operator_has_acted(lane);
    counter_add(&lane->counters->rebalances_assigned, 1);
    gauge_set(&lane->counters->assigned_partitions, (int64_t)count);
    log_event(LOG_INFO, "partitions assigned", LOG_INT("count", count));
}

bool lane_reassign_is_due(struct lane *lane)
{
    if (!lane->reassign_at_us)
        return false;
    return deadline_passed(lane->reassign_at_us) ||
           (!lane->has_undecided && operator_has_acted(lane));
}

static void revoked(void *opaque, const int32_t *partitions, size_t count, bool lost)
{
    struct lane *lane = opaque;
    (void)partitions;
    lane_settle_in_flight(lane, lost);
    lane_hide_partitions(lane);
    lane->assignment.count = 0;
    lane->assignment.generation++;
    lane->reassign_at_us = 0;
    counter_add(lost ? &lane->counters->rebalances_lost : &lane->counters->rebalances_revoked, 1);
    gauge_set(&lane->counters->assigned_partitions, 0);
    log_event(LOG_INFO, lost ? "partitions lost" : "partitions revoked", LOG_INT("count", count));
}

struct kafka_rebalance lane_rebalance(struct lane *lane)
{
    return (struct kafka_rebalance){assigned, revoked, lane};
}
