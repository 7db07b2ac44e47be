/* What /readyz says, and who is ready. */
#include "endpoints.h"

#include "wire/http_server.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { LANES = 2 };

static struct counters lanes[LANES];
static struct endpoints endpoints;
static struct http_reply reply;

static int setup(void **state)
{
    (void)state;
    memset(lanes, 0, sizeof(lanes));
    for (int i = 0; i < LANES; i++)
        gauge_set(&lanes[i].state, LANE_RUNNING);
    endpoints = (struct endpoints){.lanes = lanes, .lane_count = LANES, .topic = "events"};
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    buffer_close(&reply.body);
    return 0;
}

static const char *get(const char *path)
{
    buffer_close(&reply.body);
    reply = (struct http_reply){.status = 200};
    buffer_init(&reply.body, HTTP_BODY_BYTES_MAX);
    endpoints_answer(&endpoints, path, &reply);
    buffer_put_char(&reply.body, '\0');
    return reply.body.data;
}

static void ready_when_all_lanes_run(void **state)
{
    (void)state;
    assert_string_equal(get("/readyz"), "ready\n");
    assert_int_equal(reply.status, 200);
}

static void lane_that_waits_says_for_what(void **state)
{
    (void)state;
    gauge_set(&lanes[1].state, LANE_WAITING);
    strcpy(lanes[1].waiting_for, "postgres: connection refused");
    assert_string_equal(get("/readyz"), "lane 1 waits: postgres: connection refused; it goes on by "
                                        "itself, `provctl check` tries each connection\n");
    assert_int_equal(reply.status, 503);
    assert_string_equal(get("/livez"), "alive\n");
    assert_int_equal(reply.status, 200);
}

static void each_reason_has_a_line(void **state)
{
    (void)state;
    gauge_set(&lanes[0].state, LANE_STARTING);
    gauge_set(&lanes[1].state, LANE_FAILED);
    gauge_set(&lanes[1].partitions[5].state, PARTITION_HALTED);
    gauge_set(&lanes[1].partitions[5].partition, 7);
    strcpy(lanes[1].partitions[5].reason, "the database went back: provctl fence accept");
    endpoints.is_stopping = true;
    assert_string_equal(get("/readyz"),
                        "provd is stopping\n"
                        "lane 0 is starting; ask again in a moment\n"
                        "lane 1 has failed: the log says why; it is started again within a minute, "
                        "at once by SIGHUP\n"
                        "partition 7 (lane 1) is halted: the database went back: provctl fence "
                        "accept\n");
    assert_int_equal(reply.status, 503);
}

static void halted_partition_of_a_running_lane_is_not_ready(void **state)
{
    (void)state;
    gauge_set(&lanes[0].partitions[COUNTERS_PARTITIONS_MAX - 1].state, PARTITION_HALTED);
    get("/readyz");
    assert_int_equal(reply.status, 503);
}

static void reason_without_an_end_stays_within_its_bounds(void **state)
{
    (void)state;
    gauge_set(&lanes[0].state, LANE_WAITING);
    memset(lanes[0].waiting_for, 'x', COUNTERS_REASON_MAX);
    lanes[0].waiting_for[3] = '\n';
    get("/readyz");
    const char *end = strstr(reply.body.data, "; it goes on by itself");
    assert_ptr_equal(end, reply.body.data + strlen("lane 0 waits: ") + COUNTERS_REASON_MAX);
    assert_string_equal(strchr(reply.body.data, '\n'), "\n");
}

static void version_is_json(void **state)
{
    (void)state;
    assert_memory_equal(get("/version"), "{\"name\":\"provd\",\"version\":\"", 27);
    assert_string_equal(reply.content_type, "application/json");
}

static void metrics_have_their_content_type(void **state)
{
    (void)state;
    get("/metrics");
    assert_int_equal(reply.status, 200);
    assert_string_equal(reply.content_type, "text/plain; version=0.0.4; charset=utf-8");
    assert_memory_equal(reply.body.data, "# HELP ", 7);
}

static void other_paths_are_not_found(void **state)
{
    static const char *const paths[] = {"/", "", "/metrics/", "/livez/x", "//livez", "/LIVEZ"};
    (void)state;
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        assert_non_null(strstr(get(paths[i]), "/readyz"));
        assert_int_equal(reply.status, 404);
    }
}

int main(void)
{
#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(ready_when_all_lanes_run),
        CASE(lane_that_waits_says_for_what),
        CASE(each_reason_has_a_line),
        CASE(halted_partition_of_a_running_lane_is_not_ready),
        CASE(reason_without_an_end_stays_within_its_bounds),
        CASE(version_is_json),
        CASE(metrics_have_their_content_type),
        CASE(other_paths_are_not_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
