/* Lag and halts of the partitions that the lanes own now. A partition that was revoked has no
 * series: an old lag would look like a real one. */
#include "metrics.h"

#include <inttypes.h>
#include <stdlib.h>

/* What is known of a partition, taken once, so that all families tell of the same moment. */
struct shown {
    int64_t partition;
    int64_t lag_records;
    int64_t lag_us;
    bool is_halted;
};

static int64_t lag_us(const struct partition_counters *partition, int64_t now_us)
{
    int64_t next_us = gauge_get(&partition->next_record_time_us);
    /* 0: caught up. A sender's clock ahead of ours is no lag either. */
    return next_us == 0 || next_us > now_us ? 0 : now_us - next_us;
}

static int compare(const void *a, const void *b)
{
    const struct shown *x = a, *y = b;
    return (x->partition > y->partition) - (x->partition < y->partition);
}

/* While a partition moves, two lanes may claim it for a moment; the same series twice would spoil
 * the whole page. */
static size_t drop_repeated(struct shown *shown, size_t count)
{
    size_t kept = 0;
    qsort(shown, count, sizeof(*shown), compare);
    for (size_t i = 0; i < count; i++) {
        if (kept == 0 || shown[kept - 1].partition != shown[i].partition)
            shown[kept++] = shown[i];
    }
    return kept;
}

static size_t collect(const struct metrics_source *source, struct shown *shown)
{
    size_t count = 0;
    for (int i = 0; i < source->lane_count; i++) {
        for (int k = 0; k < COUNTERS_PARTITIONS_MAX; k++) {
            const struct partition_counters *partition = &source->lanes[i].partitions[k];
            int64_t state = gauge_get(&partition->state);
            if (state == PARTITION_NONE)
                continue;
            shown[count++] = (struct shown){
                .partition = gauge_get(&partition->partition),
                .lag_records = gauge_get(&partition->lag_records),
                .lag_us = lag_us(partition, source->now_us),
                .is_halted = state == PARTITION_HALTED,
            };
        }
    }
    return count == 0 ? 0 : drop_repeated(shown, count);
}

static void write_name(struct buffer *out, const char *name, const char *topic, int64_t partition)
{
    buffer_printf(out, "%s{topic=\"", name);
    metrics_label(out, topic);
    buffer_printf(out, "\",partition=\"%" PRId64 "\"} ", partition);
}

static void write_lag(struct buffer *out, const char *topic, const struct shown *shown,
                      size_t count)
{
    metrics_head(out, "provd_consumer_lag_records", "gauge", "Records that wait in a partition.");
    for (size_t i = 0; i < count; i++) {
        if (shown[i].is_halted)
            continue;
        write_name(out, "provd_consumer_lag_records", topic, shown[i].partition);
        buffer_printf(out, "%" PRId64 "\n", shown[i].lag_records);
    }
    metrics_head(out, "provd_consumer_lag_seconds", "gauge",
                 "Age of the next record to be processed; 0 when there is none.");
    for (size_t i = 0; i < count; i++) {
        if (shown[i].is_halted)
            continue;
        write_name(out, "provd_consumer_lag_seconds", topic, shown[i].partition);
        buffer_printf(out, "%.6f\n", (double)shown[i].lag_us / 1e6);
    }
}

static void write_halts(struct buffer *out, const char *topic, const struct shown *shown,
                        size_t count)
{
    metrics_head(out, "provd_partition_halted", "gauge",
                 "1 for a partition that waits for a person; /readyz says why and what to do.");
    for (size_t i = 0; i < count; i++) {
        write_name(out, "provd_partition_halted", topic, shown[i].partition);
        buffer_printf(out, "%d\n", shown[i].is_halted);
    }
}

static void write_paused(struct buffer *out, const struct metrics_source *source,
                         const struct shown *shown, size_t count)
{
    int waiting = 0, failed = 0, halted = 0;
    for (int i = 0; i < source->lane_count; i++) {
        waiting += gauge_get(&source->lanes[i].state) == LANE_WAITING;
        failed += gauge_get(&source->lanes[i].state) == LANE_FAILED;
    }
    for (size_t i = 0; i < count; i++)
        halted += shown[i].is_halted;
    metrics_head(out, "provd_paused", "gauge",
                 "What does not go on: lanes that wait for a server or have failed, partitions "
                 "that are halted.");
    buffer_printf(out, "provd_paused{reason=\"waiting\"} %d\n", waiting);
    buffer_printf(out, "provd_paused{reason=\"failed\"} %d\n", failed);
    buffer_printf(out, "provd_paused{reason=\"halted\"} %d\n", halted);
}

void metrics_write_partitions(struct buffer *out, const struct metrics_source *source)
{
    size_t count_max = (size_t)source->lane_count * COUNTERS_PARTITIONS_MAX;
    struct shown *shown = calloc(count_max, sizeof(*shown));
    if (shown == NULL) {
        out->failed = true;
        return;
    }
    size_t count = collect(source, shown);
    write_paused(out, source, shown, count);
    write_lag(out, source->topic, shown, count);
    write_halts(out, source->topic, shown, count);
    free(shown);
}
