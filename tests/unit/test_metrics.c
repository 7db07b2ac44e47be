/* The counters as Prometheus text: names, labels, sums, and that every page is one Prometheus
 * would take. */
#include "metrics.h"

#include "domain/code.h"
#include "domain/kind.h"
#include "domain/outcome.h"
#include "endpoints.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { LANES = 2, TEXT_BYTES_MAX = 4 * 1024 * 1024 };
#define NOW_US INT64_C(1700000000000000)

static struct counters lanes[LANES];
static struct buffer page;
static const struct metrics_source source = {
    .lanes = lanes, .lane_count = LANES, .topic = "provisioning.events", .now_us = NOW_US};

static int setup(void **state)
{
    (void)state;
    memset(lanes, 0, sizeof(lanes));
    buffer_init(&page, TEXT_BYTES_MAX);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    buffer_close(&page);
    return 0;
}

static const char *render(void)
{
    buffer_clear(&page);
    metrics_write(&page, &source);
    buffer_put_char(&page, '\0');
    assert_false(page.failed);
    return page.data;
}

/* The value behind a series, written in full. */
static double value_of(const char *series)
{
    char line[512];
    snprintf(line, sizeof(line), "\n%s ", series);
    const char *found = strstr(render(), line);
    if (found == NULL)
        fail_msg("no series %s", series);
    return strtod(found + strlen(line), NULL);
}

static bool has_text(const char *text)
{
    return strstr(render(), text) != NULL;
}

static int compare_lines(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Cuts the page into lines; series (without values) go to `ret_series`. */
static size_t list_series(char *text, char **ret_series, size_t most)
{
    size_t count = 0;
    for (char *line = text; *line != '\0';) {
        char *end = strchr(line, '\n');
        assert_non_null(end);
        *end = '\0';
        if (*line != '#') {
            char *space = strrchr(line, ' ');
            assert_non_null(space);
            char *rest;
            strtod(space + 1, &rest);
            assert_int_equal(*rest, '\0');
            assert_true(rest > space + 1);
            *space = '\0';
            assert_true(count < most);
            ret_series[count++] = line;
        }
        line = end + 1;
    }
    return count;
}

static void fill(void)
{
    for (int lane = 0; lane < LANES; lane++) {
        gauge_set(&lanes[lane].state, LANE_RUNNING);
        gauge_set(&lanes[lane].pid, getpid());
        for (int i = 0; i < 3; i++) {
            gauge_set(&lanes[lane].partitions[i].state, PARTITION_ACTIVE);
            gauge_set(&lanes[lane].partitions[i].partition, lane + i);
        }
        counter_add(&lanes[lane].errors[STAGE_PUBLISH][CODE_TIMEOUT], 1);
    }
}

static void no_series_is_there_twice(void **state)
{
    static char *series[20000];
    (void)state;
    fill();
    render();
    size_t count = list_series(page.data, series, 20000);
    qsort(series, count, sizeof(series[0]), compare_lines);
    for (size_t i = 1; i < count; i++)
        assert_string_not_equal(series[i - 1], series[i]);
}

/* promtool wants help and type once and before the series, and series of a family together. */
static void series_stand_under_the_head_of_their_family(void **state)
{
    char family[128] = "";
    (void)state;
    fill();
    render();
    for (char *line = strtok(page.data, "\n"); line != NULL; line = strtok(NULL, "\n")) {
        if (strncmp(line, "# TYPE ", 7) == 0) {
            assert_int_equal(sscanf(line, "# TYPE %127s", family), 1);
        } else if (line[0] != '#') {
            assert_memory_equal(line, family, strlen(family));
        }
    }
}

static void names_of_the_conventions_are_there(void **state)
{
    static const char *const names[] = {
        "provd_events_total",
        "provd_event_errors_total",
        "provd_dead_letters_total",
        "provd_event_end_to_end_seconds",
        "provd_batch_stage_seconds",
        "provd_batch_events",
        "provd_consumer_lag_records",
        "provd_consumer_lag_seconds",
        "provd_rebalances_total",
        "provd_assigned_partitions",
        "provd_paused",
        "provd_pg_transactions_total",
        "provd_pg_retries_total",
        "provd_kafka_transactions_total",
        "provd_producer_recycled_total",
        "provd_build_info",
        "provd_last_commit_timestamp_seconds",
        "process_cpu_seconds_total",
        "process_resident_memory_bytes",
        "process_start_time_seconds",
        "process_open_fds",
    };
    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        char head[128];
        snprintf(head, sizeof(head), "\n# TYPE %s ", names[i]);
        if (!has_text(head) && strncmp(page.data, head + 1, strlen(head) - 1) != 0)
            fail_msg("no %s", names[i]);
    }
}

static void every_kind_and_status_starts_at_zero(void **state)
{
    char series[256];
    (void)state;
    for (const struct kind *kind = kinds; kind->name != NULL; kind++) {
        for (int status = 0; status < OUTCOME_STATUS_COUNT; status++) {
            snprintf(series, sizeof(series),
                     "provd_events_total{topic=\"provisioning.events\",kind=\"%s\",status=\"%s\"}",
                     kind->name, outcome_status_names[status]);
            assert_true(value_of(series) == 0);
        }
    }
}

static void every_code_has_an_error_series_from_the_start(void **state)
{
    (void)state;
    for (int code = 1; code < CODE_COUNT; code++) {
        char label[128];
        snprintf(label, sizeof(label), ",code=\"%s\"} 0\n", code_name((enum code)code));
        if (!has_text(label))
            fail_msg("no series of code %s", code_name((enum code)code));
    }
    assert_true(value_of("provd_dead_letters_total{stage=\"FRAME\",code=\"BAD_MAGIC\"}") == 0);
    assert_true(value_of("provd_event_errors_total{stage=\"APPLY\",code=\"FORBIDDEN\"}") == 0);
}

static void unforeseen_error_appears_when_it_occurs(void **state)
{
    (void)state;
    assert_false(has_text("provd_event_errors_total{stage=\"PUBLISH\",code=\"TIMEOUT\"}"));
    counter_add(&lanes[1].errors[STAGE_PUBLISH][CODE_TIMEOUT], 4);
    assert_true(value_of("provd_event_errors_total{stage=\"PUBLISH\",code=\"TIMEOUT\"}") == 4);
}

static void counters_of_all_lanes_are_summed(void **state)
{
    (void)state;
    counter_add(&lanes[0].events[0][OUTCOME_APPLIED], 5);
    counter_add(&lanes[1].events[0][OUTCOME_APPLIED], 7);
    counter_add(&lanes[0].events[COUNTERS_KINDS_MAX - 1][OUTCOME_REJECTED], 2);
    counter_add(&lanes[0].kafka_aborted, 1);
    counter_add(&lanes[1].kafka_aborted, 2);
    counter_add(&lanes[1].pg_retries[1], 6);
    gauge_set(&lanes[0].assigned_partitions, 3);
    gauge_set(&lanes[1].assigned_partitions, 4);
#define OF(kind, status)                                                                           \
    "provd_events_total{topic=\"provisioning.events\",kind=\"" kind "\",status=\"" status "\"}"
    assert_true(value_of(OF("CreateAccount", "APPLIED")) == 12);
    assert_true(value_of(OF("unknown", "REJECTED")) == 2);
    assert_true(value_of("provd_kafka_transactions_total{result=\"aborted\"}") == 3);
    assert_true(value_of("provd_pg_retries_total{sqlstate_class=\"55\"}") == 6);
    assert_true(value_of("provd_assigned_partitions") == 7);
}

static void histogram_is_cumulative_over_lanes(void **state)
{
    (void)state;
    histogram_observe_us(&lanes[0].end_to_end, 4000);
    histogram_observe_us(&lanes[1].end_to_end, 5000); /* the bound itself lies within */
    histogram_observe_us(&lanes[0].end_to_end, 700 * 1000);
    histogram_observe_us(&lanes[0].end_to_end, 60 * 1000 * 1000);
#define BUCKET(le) "provd_event_end_to_end_seconds_bucket{le=\"" le "\"}"
    assert_true(value_of(BUCKET("0.005")) == 2);
    assert_true(value_of(BUCKET("0.5")) == 2);
    assert_true(value_of(BUCKET("0.75")) == 3);
    assert_true(value_of(BUCKET("10")) == 3);
    assert_true(value_of(BUCKET("+Inf")) == 4);
    assert_true(value_of("provd_event_end_to_end_seconds_count") == 4);
    double sum = value_of("provd_event_end_to_end_seconds_sum");
    assert_true(sum > 60.708 && sum < 60.710);
}

static void stages_and_batch_sizes_have_histograms(void **state)
{
    (void)state;
    histogram_observe_us(&lanes[0].stage_time[STAGE_APPLY], 1);
    histogram_observe(&lanes[0].batch_events, histogram_bounds_events, 150, 150);
    assert_true(value_of("provd_batch_stage_seconds_bucket{stage=\"APPLY\",le=\"0.005\"}") == 1);
    assert_true(value_of("provd_batch_stage_seconds_count{stage=\"PUBLISH\"}") == 0);
    assert_true(value_of("provd_batch_events_bucket{le=\"100\"}") == 0);
    assert_true(value_of("provd_batch_events_bucket{le=\"200\"}") == 1);
    assert_true(value_of("provd_batch_events_sum") == 150);
}

#define LAG(what, partition)                                                                       \
    "provd_consumer_lag_" what "{topic=\"provisioning.events\",partition=\"" partition "\"}"

static void lag_is_shown_for_owned_partitions_only(void **state)
{
    struct partition_counters *partition = &lanes[1].partitions[17];
    (void)state;
    gauge_set(&partition->partition, 42);
    gauge_set(&partition->lag_records, 9);
    gauge_set(&partition->next_record_time_us, NOW_US - 2500000);
    assert_false(has_text(LAG("records", "42")));
    gauge_set(&partition->state, PARTITION_ACTIVE);
    assert_true(value_of(LAG("records", "42")) == 9);
    assert_true(value_of(LAG("seconds", "42")) == 2.5);
    gauge_set(&partition->state, PARTITION_NONE);
    assert_false(has_text(LAG("seconds", "42")));
}

static void lag_in_seconds_is_zero_when_caught_up_or_the_clock_differs(void **state)
{
    struct partition_counters *partition = &lanes[0].partitions[0];
    (void)state;
    gauge_set(&partition->state, PARTITION_ACTIVE);
    assert_true(value_of(LAG("seconds", "0")) == 0);
    gauge_set(&partition->next_record_time_us, NOW_US + 1000000);
    assert_true(value_of(LAG("seconds", "0")) == 0);
}

static void halted_partition_is_counted_and_has_no_lag(void **state)
{
    (void)state;
    gauge_set(&lanes[0].partitions[0].state, PARTITION_HALTED);
    gauge_set(&lanes[1].state, LANE_WAITING);
    assert_false(has_text(LAG("records", "0")));
    assert_true(value_of("provd_partition_halted{topic=\"provisioning.events\",partition=\"0\"}") ==
                1);
    assert_true(value_of("provd_paused{reason=\"halted\"}") == 1);
    assert_true(value_of("provd_paused{reason=\"waiting\"}") == 1);
    assert_true(value_of("provd_paused{reason=\"failed\"}") == 0);
    assert_true(value_of("provd_lanes{state=\"waiting\"}") == 1);
}

static void last_commit_is_the_latest_of_all_lanes(void **state)
{
    (void)state;
    assert_false(has_text("\nprovd_last_commit_timestamp_seconds "));
    gauge_set(&lanes[0].last_commit_us, NOW_US);
    gauge_set(&lanes[1].last_commit_us, NOW_US - 1);
    assert_true(value_of("provd_last_commit_timestamp_seconds") == 1700000000);
}

static void label_is_escaped(void **state)
{
    (void)state;
    metrics_label(&page, "a\"b\\c\nd");
    buffer_put_char(&page, '\0');
    assert_string_equal(page.data, "a\\\"b\\\\c\\nd");
}

static void processes_are_those_that_run(void **state)
{
    (void)state;
    assert_false(has_text("process_cpu_seconds_total{process=\"lane-0\"}"));
    gauge_set(&lanes[0].pid, getpid());
    assert_true(value_of("process_resident_memory_bytes{process=\"parent\"}") > 100000);
    assert_true(value_of("process_resident_memory_bytes{process=\"lane-0\"}") > 100000);
    assert_true(value_of("process_start_time_seconds{process=\"lane-0\"}") > 1.6e9);
    assert_true(value_of("process_open_fds{process=\"parent\"}") >= 3);
    gauge_set(&lanes[0].pid, 0x7ffffff0); /* nobody's */
    assert_false(has_text("process_cpu_seconds_total{process=\"lane-0\"}"));
}

static void page_that_does_not_fit_fails_whole(void **state)
{
    struct buffer small;
    (void)state;
    buffer_init(&small, 1000);
    metrics_write(&small, &source);
    assert_true(small.failed);
    buffer_close(&small);
}

int main(void)
{
#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(no_series_is_there_twice),
        CASE(series_stand_under_the_head_of_their_family),
        CASE(names_of_the_conventions_are_there),
        CASE(every_kind_and_status_starts_at_zero),
        CASE(every_code_has_an_error_series_from_the_start),
        CASE(unforeseen_error_appears_when_it_occurs),
        CASE(counters_of_all_lanes_are_summed),
        CASE(histogram_is_cumulative_over_lanes),
        CASE(stages_and_batch_sizes_have_histograms),
        CASE(lag_is_shown_for_owned_partitions_only),
        CASE(lag_in_seconds_is_zero_when_caught_up_or_the_clock_differs),
        CASE(halted_partition_is_counted_and_has_no_lag),
        CASE(last_commit_is_the_latest_of_all_lanes),
        CASE(label_is_escaped),
        CASE(processes_are_those_that_run),
        CASE(page_that_does_not_fit_fails_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
