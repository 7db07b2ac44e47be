/* The names and bounds behind the counters. */
#include "base/counters.h"

const char *const stage_names[STAGE_COUNT] = {
    [STAGE_CONSUME] = "CONSUME", [STAGE_FRAME] = "FRAME",       [STAGE_SCHEMA] = "SCHEMA",
    [STAGE_DECODE] = "DECODE",   [STAGE_VALIDATE] = "VALIDATE", [STAGE_PREPARE] = "PREPARE",
    [STAGE_APPLY] = "APPLY",     [STAGE_PUBLISH] = "PUBLISH",
};

const char *const sqlstate_class_names[COUNTERS_SQLSTATE_CLASSES] = {"40", "55", "08", "57",
                                                                     "53", "23", "22", "other"};

/* These buckets are an interface: dashboards and alerts count on them. */
const double histogram_bounds_s[HISTOGRAM_BUCKETS] = {0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25,
                                                      0.5,   0.75, 1,     2.5,  5,     7.5, 10};
const double histogram_bounds_events[HISTOGRAM_BUCKETS] = {
    1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 20000};

void histogram_observe(struct histogram *histogram, const double bounds[HISTOGRAM_BUCKETS],
                       double value, int64_t sum_increment)
{
    for (int i = 0; i < HISTOGRAM_BUCKETS; i++) {
        if (value <= bounds[i]) {
            counter_add(&histogram->buckets[i], 1);
            break;
        }
    }
    counter_add(&histogram->count, 1);
    gauge_set(&histogram->sum, gauge_get(&histogram->sum) + sum_increment);
}

void histogram_observe_us(struct histogram *histogram, int64_t duration_us)
{
    histogram_observe(histogram, histogram_bounds_s, (double)duration_us / 1e6, duration_us);
}

enum stage_name stage_from_name(struct text name)
{
    for (int i = 0; i < STAGE_COUNT; i++) {
        if (text_equal_z(name, stage_names[i]))
            return (enum stage_name)i;
    }
    return STAGE_DECODE;
}
