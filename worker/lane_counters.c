/* What the page that a lane shares with its parent learns. */
#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "domain/kind.h"
#include "lane_parts.h"

/* Cut to what the page has room for. */
void lane_show_reason(struct lane *lane, const char *reason)
{
    enum { SHOWN_MAX = sizeof lane->counters->waiting_for - 1 };
    snprintf(lane->counters->waiting_for, SHOWN_MAX + 1, "%.*s", (int)SHOWN_MAX, reason);
}

void lane_set_waiting(struct lane *lane, const char *reason)
{
    lane_show_reason(lane, reason);
    gauge_set(&lane->counters->state, LANE_WAITING);
}

void lane_set_running(struct lane *lane)
{
    if (gauge_get(&lane->counters->state) != LANE_RUNNING)
        log_event(LOG_INFO, "lane runs");
    lane->counters->waiting_for[0] = '\0';
    gauge_set(&lane->counters->state, LANE_RUNNING);
    gauge_set(&lane->counters->progress_us, clock_monotonic_us());
}

static int kind_index(const struct event *event)
{
    return event->kind ? (int)(event->kind - kinds) : COUNTERS_KINDS_MAX - 1;
}

/* Which stage found what is wrong with a readable event. */
static enum stage_name stage_of_refusal(const struct event *event)
{
    if (event->fault.code)
        return STAGE_VALIDATE;
    return event->prepared.fault.code ? STAGE_PREPARE : STAGE_APPLY;
}

static void count_record(struct lane *lane, const struct batch *batch, size_t i, int64_t now_us)
{
    struct counters *counters = lane->counters;
    const struct death *death = batch->deaths[i];
    const struct output *output = &batch->outputs[i];
    if (death) {
        counter_add(&counters->dead_letters[death->stage][death->code], 1);
        return;
    }
    counter_add(&counters->events[kind_index(batch->events[i])][output->status], 1);
    if (output->status == OUTCOME_REJECTED || output->status == OUTCOME_FAILED)
        counter_add(&counters->errors[stage_of_refusal(batch->events[i])][output->code], 1);
    int64_t written_us = record_time_us(&batch->records[i]);
    if (written_us != NO_TIMESTAMP_US)
        histogram_observe_us(&counters->end_to_end, now_us > written_us ? now_us - written_us : 0);
}

void lane_show_lag(struct lane *lane)
{
    for (size_t i = 0; i < lane->assignment.count; i++) {
        struct partition *partition = &lane->assignment.partitions[i];
        int64_t low, high;
        if (partition->is_halted ||
            !kafka_watermarks_cached(lane->consume.consumer, partition->partition, &low, &high))
            continue;
        int64_t from = partition->next_offset > low ? partition->next_offset : low;
        int64_t lag = high > from ? high - from : 0;
        gauge_set(&partition->counters->lag_records, lag);
        if (lag == 0)
            gauge_set(&partition->counters->next_record_time_us, 0);
    }
}

void lane_count_batch(struct lane *lane, const struct batch *batch)
{
    int64_t now_us = clock_now_us();
    for (size_t i = 0; i < batch->count; i++) {
        count_record(lane, batch, i, now_us);
    }
    histogram_observe(&lane->counters->batch_events, histogram_bounds_events, (double)batch->count,
                      (int64_t)batch->count);
    lane_show_lag(lane);
}

/* What has come and is not done: from its first record on, lag in seconds counts. */
void lane_note_waiting_records(struct lane *lane)
{
    const struct batch *batch = lane->batch;
    if (batch->count)
        histogram_observe_us(&lane->counters->stage_time[STAGE_CONSUME],
                             clock_monotonic_us() - batch->started_us);
    for (size_t i = batch->count; i-- > 0;) {
        int64_t written_us = record_time_us(&batch->records[i]);
        gauge_set(&batch->records[i].partition->counters->next_record_time_us,
                  written_us == NO_TIMESTAMP_US ? 0 : written_us);
    }
}
