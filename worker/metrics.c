/* All metrics but those of processes and partitions. Most are rows of the table `families`. */
#include "metrics.h"

#include "domain/code.h"
#include "domain/kind.h"
#include "domain/outcome.h"
#include "version.h"

#include <assert.h>
#include <inttypes.h>
#include <stddef.h>

_Static_assert((int)CODE_COUNT <= (int)COUNTERS_CODES_MAX, "raise COUNTERS_CODES_MAX");
_Static_assert((int)OUTCOME_STATUS_COUNT <= (int)COUNTERS_STATUS_MAX, "raise COUNTERS_STATUS_MAX");

enum { SERIES_MAX = 3, UNKNOWN_KIND = COUNTERS_KINDS_MAX - 1 };

/* --- pieces ---------------------------------------------------------------------------------- */

void metrics_head(struct buffer *out, const char *name, const char *type, const char *help)
{
    buffer_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

void metrics_label(struct buffer *out, const char *value)
{
    for (const char *c = value; *c != '\0'; c++) {
        if (*c == '\n') {
            buffer_put(out, "\\n", 2);
            continue;
        }
        if (*c == '"' || *c == '\\')
            buffer_put_char(out, '\\');
        buffer_put_char(out, *c);
    }
}

/* A counter of each lane's page, `offset` bytes into it, summed. */
static uint64_t sum_counter(const struct metrics_source *source, size_t offset)
{
    uint64_t sum = 0;
    for (int i = 0; i < source->lane_count; i++)
        sum += counter_get((const counter *)((const char *)&source->lanes[i] + offset));
    return sum;
}

static int64_t sum_gauge(const struct metrics_source *source, size_t offset)
{
    int64_t sum = 0;
    for (int i = 0; i < source->lane_count; i++)
        sum += gauge_get((const gauge *)((const char *)&source->lanes[i] + offset));
    return sum;
}

/* --- counters that stand alone or in a short list --------------------------------------------- */

struct series {
    const char *value; /* of the label; NULL: there is no label */
    size_t offset;
};
struct family {
    const char *name, *help;
    const char *label;
    struct series series[SERIES_MAX];
    int series_count;
};

#define AT(member) offsetof(struct counters, member)

static const struct family families[] = {
    {"provd_records_consumed_total",
     "Records read from the topic of events.",
     NULL,
     {{NULL, AT(records_consumed)}},
     1},
    {"provd_consumed_bytes_total",
     "Bytes of keys, values and headers of these records.",
     NULL,
     {{NULL, AT(bytes_consumed)}},
     1},
    {"provd_rebalances_total",
     "Changes of the assigned partitions.",
     "reason",
     {{"assigned", AT(rebalances_assigned)},
      {"revoked", AT(rebalances_revoked)},
      {"lost", AT(rebalances_lost)}},
     3},
    {"provd_pg_transactions_total",
     "Transactions of PostgreSQL by how they ended.",
     "result",
     {{"committed", AT(pg_committed)},
      {"rolled_back", AT(pg_rolled_back)},
      {"in_doubt", AT(pg_in_doubt)}},
     3},
    {"provd_pg_lost_races_total",
     "Batches that another writer overtook and that ran again.",
     NULL,
     {{NULL, AT(pg_lost_races)}},
     1},
    {"provd_pg_unrolled_batches_total",
     "Batches that were run event by event to find the one that the database refuses.",
     NULL,
     {{NULL, AT(pg_unrolled_batches)}},
     1},
    {"provd_kafka_transactions_total",
     "Transactions of Kafka by how they ended.",
     "result",
     {{"committed", AT(kafka_committed)},
      {"aborted", AT(kafka_aborted)},
      {"in_doubt", AT(kafka_in_doubt)}},
     3},
    {"provd_producer_recycled_total",
     "Producers that were given up for a new one.",
     NULL,
     {{NULL, AT(producer_recycled)}},
     1},
    {"provd_breaker_opened_total",
     "Times that the circuit breaker stopped a lane: too many dead letters.",
     NULL,
     {{NULL, AT(breaker_open)}},
     1},
};

static void write_family(struct buffer *out, const struct metrics_source *source,
                         const struct family *family)
{
    metrics_head(out, family->name, "counter", family->help);
    for (int i = 0; i < family->series_count; i++) {
        uint64_t value = sum_counter(source, family->series[i].offset);
        if (family->label == NULL)
            buffer_printf(out, "%s %" PRIu64 "\n", family->name, value);
        else
            buffer_printf(out, "%s{%s=\"%s\"} %" PRIu64 "\n", family->name, family->label,
                          family->series[i].value, value);
    }
}

static void write_pg_retries(struct buffer *out, const struct metrics_source *source)
{
    static const char name[] = "provd_pg_retries_total";
    metrics_head(out, name, "counter", "Batches run again, by the SQLSTATE class that caused it.");
    for (int i = 0; i < COUNTERS_SQLSTATE_CLASSES; i++)
        buffer_printf(out, "%s{sqlstate_class=\"%s\"} %" PRIu64 "\n", name, sqlstate_class_names[i],
                      sum_counter(source, AT(pg_retries) + (size_t)i * sizeof(counter)));
}

/* --- events ---------------------------------------------------------------------------------- */

static void write_events_of(struct buffer *out, const struct metrics_source *source, int kind,
                            const char *kind_name)
{
    for (int status = 0; status < OUTCOME_STATUS_COUNT; status++) {
        size_t at = (size_t)(kind * COUNTERS_STATUS_MAX + status) * sizeof(counter);
        buffer_printf(out, "provd_events_total{topic=\"");
        metrics_label(out, source->topic);
        buffer_printf(out, "\",kind=\"%s\",status=\"%s\"} %" PRIu64 "\n", kind_name,
                      outcome_status_names[status], sum_counter(source, AT(events) + at));
    }
}

static void write_events(struct buffer *out, const struct metrics_source *source)
{
    metrics_head(out, "provd_events_total", "counter", "Events by kind and what became of them.");
    int kind = 0;
    for (; kinds[kind].name != NULL; kind++) {
        assert(kind < UNKNOWN_KIND);
        write_events_of(out, source, kind, kinds[kind].name);
    }
    write_events_of(out, source, UNKNOWN_KIND, "unknown");
}

/* Where codes of a family are expected: these series begin with 0. Others appear when they occur.
 */
struct expectation {
    enum stage_name stage;
    enum code_family family;
};
static const struct expectation expected_errors[] = {
    {STAGE_VALIDATE, FAMILY_INPUT},   {STAGE_PREPARE, FAMILY_INPUT},
    {STAGE_PREPARE, FAMILY_PROBE},    {STAGE_APPLY, FAMILY_INPUT},
    {STAGE_APPLY, FAMILY_REFERENCE},  {STAGE_APPLY, FAMILY_CONFLICT},
    {STAGE_APPLY, FAMILY_PERMISSION}, {STAGE_APPLY, FAMILY_PROBE},
};
static const struct expectation expected_dead_letters[] = {
    {STAGE_FRAME, FAMILY_DEAD},
    {STAGE_SCHEMA, FAMILY_DEAD},
    {STAGE_DECODE, FAMILY_DEAD},
    {STAGE_APPLY, FAMILY_STORAGE},
};
#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static bool is_expected(const struct expectation *expected, size_t count, int stage, int code)
{
    for (size_t i = 0; i < count; i++) {
        if ((int)expected[i].stage == stage && expected[i].family == code_family((enum code)code))
            return true;
    }
    return false;
}

/* The counters are an array of stages by codes at `offset`. */
static void write_by_code(struct buffer *out, const struct metrics_source *source, const char *name,
                          size_t offset, const struct expectation *expected, size_t expected_count)
{
    for (int stage = 0; stage < STAGE_COUNT; stage++) {
        for (int code = 1; code < CODE_COUNT; code++) {
            size_t at = (size_t)(stage * COUNTERS_CODES_MAX + code) * sizeof(counter);
            uint64_t value = sum_counter(source, offset + at);
            if (value > 0 || is_expected(expected, expected_count, stage, code))
                buffer_printf(out, "%s{stage=\"%s\",code=\"%s\"} %" PRIu64 "\n", name,
                              stage_names[stage], code_name((enum code)code), value);
        }
    }
}

static void write_errors(struct buffer *out, const struct metrics_source *source)
{
    metrics_head(out, "provd_event_errors_total", "counter",
                 "Events that ended as REJECTED or FAILED, by the reason in their result.");
    write_by_code(out, source, "provd_event_errors_total", AT(errors), expected_errors,
                  COUNT_OF(expected_errors));
    metrics_head(out, "provd_dead_letters_total", "counter",
                 "Records that could not be read and went to the topic of dead letters.");
    write_by_code(out, source, "provd_dead_letters_total", AT(dead_letters), expected_dead_letters,
                  COUNT_OF(expected_dead_letters));
}

/* --- histograms ------------------------------------------------------------------------------ */

/* Sums of seconds are kept as microseconds, those of events as they are. */
enum histogram_unit { UNIT_SECONDS, UNIT_EVENTS };

static void write_histogram(struct buffer *out, const struct metrics_source *source,
                            const char *name, const char *labels, size_t offset,
                            enum histogram_unit unit)
{
    const double *bounds = unit == UNIT_SECONDS ? histogram_bounds_s : histogram_bounds_events;
    const char *comma = *labels != '\0' ? "," : "";
    uint64_t below = 0;
    for (int i = 0; i < HISTOGRAM_BUCKETS; i++) {
        size_t at = offsetof(struct histogram, buckets) + (size_t)i * sizeof(counter);
        below += sum_counter(source, offset + at);
        buffer_printf(out, "%s_bucket{%s%sle=\"%g\"} %" PRIu64 "\n", name, labels, comma, bounds[i],
                      below);
    }
    /* The lane counts on while we read: +Inf must not be below the last bucket. */
    uint64_t count = sum_counter(source, offset + offsetof(struct histogram, count));
    count = count < below ? below : count;
    double sum = (double)sum_gauge(source, offset + offsetof(struct histogram, sum));
    const char *open = *labels != '\0' ? "{" : "", *close = *labels != '\0' ? "}" : "";
    buffer_printf(out, "%s_bucket{%s%sle=\"+Inf\"} %" PRIu64 "\n", name, labels, comma, count);
    buffer_printf(out, "%s_sum%s%s%s %.6f\n", name, open, labels, close,
                  unit == UNIT_SECONDS ? sum / 1e6 : sum);
    buffer_printf(out, "%s_count%s%s%s %" PRIu64 "\n", name, open, labels, close, count);
}

static void write_histograms(struct buffer *out, const struct metrics_source *source)
{
    static const enum stage_name timed[] = {STAGE_CONSUME, STAGE_DECODE, STAGE_PREPARE, STAGE_APPLY,
                                            STAGE_PUBLISH};
    static const char *const labels[] = {"stage=\"CONSUME\"", "stage=\"DECODE\"",
                                         "stage=\"PREPARE\"", "stage=\"APPLY\"",
                                         "stage=\"PUBLISH\""};
    metrics_head(out, "provd_event_end_to_end_seconds", "histogram",
                 "From the time of the record to the commit of its result.");
    write_histogram(out, source, "provd_event_end_to_end_seconds", "", AT(end_to_end),
                    UNIT_SECONDS);
    metrics_head(out, "provd_batch_stage_seconds", "histogram", "Time of a batch in a stage.");
    for (size_t i = 0; i < COUNT_OF(timed); i++)
        write_histogram(out, source, "provd_batch_stage_seconds", labels[i],
                        AT(stage_time) + timed[i] * sizeof(struct histogram), UNIT_SECONDS);
    metrics_head(out, "provd_batch_events", "histogram", "Records in a batch.");
    write_histogram(out, source, "provd_batch_events", "", AT(batch_events), UNIT_EVENTS);
}

/* --- state ----------------------------------------------------------------------------------- */

static void write_lanes(struct buffer *out, const struct metrics_source *source)
{
    static const char *const states[] = {
        [LANE_STARTING] = "starting", [LANE_RUNNING] = "running", [LANE_WAITING] = "waiting",
        [LANE_STOPPING] = "stopping", [LANE_FAILED] = "failed",
    };
    metrics_head(out, "provd_lanes", "gauge", "Lanes by state; all are running when all is well.");
    for (size_t state = 0; state < COUNT_OF(states); state++) {
        int count = 0;
        for (int i = 0; i < source->lane_count; i++)
            count += gauge_get(&source->lanes[i].state) == (int64_t)state;
        buffer_printf(out, "provd_lanes{state=\"%s\"} %d\n", states[state], count);
    }
    metrics_head(out, "provd_lane_restarts_total", "counter", "Restarts after a lane's death.");
    for (int i = 0; i < source->lane_count; i++)
        buffer_printf(out, "provd_lane_restarts_total{lane=\"%d\"} %" PRId64 "\n", i,
                      gauge_get(&source->lanes[i].restarts));
    metrics_head(out, "provd_assigned_partitions", "gauge", "Partitions that the lanes own.");
    buffer_printf(out, "provd_assigned_partitions %" PRId64 "\n",
                  sum_gauge(source, AT(assigned_partitions)));
}

static void write_last_commit(struct buffer *out, const struct metrics_source *source)
{
    int64_t last_us = 0;
    for (int i = 0; i < source->lane_count; i++) {
        int64_t commit_us = gauge_get(&source->lanes[i].last_commit_us);
        last_us = commit_us > last_us ? commit_us : last_us;
    }
    metrics_head(out, "provd_last_commit_timestamp_seconds", "gauge",
                 "When results were committed last, by any lane; absent before the first time.");
    if (last_us > 0)
        buffer_printf(out, "provd_last_commit_timestamp_seconds %.6f\n", (double)last_us / 1e6);
}

static void write_build(struct buffer *out)
{
    metrics_head(out, "provd_build_info", "gauge", "Which provd this is.");
    buffer_printf(out, "provd_build_info{version=\"%s\",commit=\"%s\"} 1\n", PROVD_VERSION,
                  provd_commit);
}

void metrics_write(struct buffer *out, const struct metrics_source *source)
{
    write_build(out);
    write_lanes(out, source);
    write_last_commit(out, source);
    write_events(out, source);
    write_errors(out, source);
    write_histograms(out, source);
    for (size_t i = 0; i < COUNT_OF(families); i++)
        write_family(out, source, &families[i]);
    write_pg_retries(out, source);
    metrics_write_partitions(out, source);
    metrics_write_processes(out, source);
}
