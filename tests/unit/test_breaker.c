/* The circuit breaker: when it opens, what it counts, and that a restart of the lane is no amnesty.
 */
#include "batch_breaker.h"

#include "base/arena.h"
#include "batch.h"
#include "check.h"

enum { WINDOW = 20, DEAD_MIN = 5, RECORDS = 4 };

static struct arena arena;
static struct counters counters;
static struct breaker breaker;

static void make(void)
{
    breaker_init(&breaker, WINDOW, &arena, &counters);
    breaker.dead_min = DEAD_MIN;
    breaker.share_percent = 50;
}

static int setup(void **state)
{
    (void)state;
    arena_init(&arena, 1 << 20, 0);
    counters = (struct counters){.state = 0};
    make();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    arena_close(&arena);
    return 0;
}

static int count(int times, bool is_dead)
{
    int opened = 0;
    for (int i = 0; i < times; i++)
        opened += breaker_count(&breaker, is_dead);
    return opened;
}

static void it_opens_at_more_than_the_share_and_not_below_the_least_number(void **state)
{
    (void)state;
    assert_int_equal(count(DEAD_MIN - 1, true), 0);
    assert_int_equal(count(1, true), 1);
    assert_int_equal(count(WINDOW - DEAD_MIN, false), 0);
    assert_int_equal(count(5, true), 0); /* in place of the first five */
    assert_int_equal(count(6, true), 1); /* 11 of 20 are more than half */
}

/* Or a lane could not even apply the good records that follow. */
static void it_never_opens_at_a_good_record(void **state)
{
    (void)state;
    count(WINDOW, true);
    assert_int_equal(count(3, false), 0);
    assert_int_equal(count(1, true), 1);
}

static void a_restart_of_the_lane_is_no_amnesty(void **state)
{
    (void)state;
    count(8, false);
    count(12, true);
    make();
    assert_int_equal(breaker.seen, WINDOW);
    assert_int_equal(breaker.dead, 12);
    assert_int_equal(count(1, true), 1);
    assert_int_equal(count(WINDOW, false), 0);
    assert_int_equal(breaker.dead, 0);
}

static void a_smaller_window_takes_over_what_fits(void **state)
{
    (void)state;
    count(WINDOW, true);
    breaker_init(&breaker, 7, &arena, &counters);
    assert_int_equal(breaker.seen, 7);
    assert_int_equal(breaker.dead, 7);
    count(7, false);
    assert_int_equal(breaker.dead, 0);
}

/* Records 2 and 3 are dead, record 0 was processed before. */
static void each_record_is_counted_once_however_often_it_is_put_back(void **state)
{
    struct partition partition = {.partition = 0};
    struct record records[RECORDS];
    struct death death = {.stage = STAGE_DECODE}, *deaths[RECORDS] = {NULL, NULL, &death, &death};
    struct batch batch = {.records = records, .deaths = deaths, .count = RECORDS};
    struct error err;

    (void)state;
    for (int i = 0; i < RECORDS; i++)
        records[i] =
            (struct record){.partition = &partition, .offset = 10 + i, .is_reread = i == 0};
    assert_int_equal(breaker_judge(&breaker, &batch, &err), STATUS_OK);
    assert_int_equal(breaker.dead, 2);
    batch.count = 3; /* cut behind the third; all come again */
    breaker_take_applied(&breaker, &batch);
    assert_int_equal(breaker.seen, 3);
    batch = (struct batch){.records = records + 3, .deaths = deaths + 3, .count = 1};
    assert_int_equal(breaker_judge(&breaker, &batch, &err), STATUS_OK);
    breaker_take_applied(&breaker, &batch);
    assert_int_equal(breaker.seen, 3);
    assert_int_equal(breaker.dead, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            it_opens_at_more_than_the_share_and_not_below_the_least_number, setup, teardown),
        cmocka_unit_test_setup_teardown(it_never_opens_at_a_good_record, setup, teardown),
        cmocka_unit_test_setup_teardown(a_restart_of_the_lane_is_no_amnesty, setup, teardown),
        cmocka_unit_test_setup_teardown(a_smaller_window_takes_over_what_fits, setup, teardown),
        cmocka_unit_test_setup_teardown(each_record_is_counted_once_however_often_it_is_put_back,
                                        setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
