/* base/clock and base/counters: deadlines never wrap, histograms count each value once. */
#include "check.h"

#include "base/clock.h"
#include "base/counters.h"

static void deadlines_pass_and_never_wrap(void **state)
{
    (void)state;
    assert_true(deadline_passed(deadline_in_ms(0)));
    assert_true(deadline_passed(deadline_in_ms(-5)));
    assert_true(deadline_passed(deadline_in_ms(INT64_MIN)));
    assert_false(deadline_passed(deadline_in_ms(3600000)));
    assert_false(deadline_passed(deadline_in_ms(INT64_MAX)));
}

static void the_time_left_is_rounded_up_and_fits_poll(void **state)
{
    (void)state;
    assert_int_equal(deadline_left_ms(deadline_in_ms(0)), 0);
    assert_int_equal(deadline_left_ms(0), 0);
    assert_int_equal(deadline_left_ms(INT64_MAX), INT32_MAX);
    assert_in_range(deadline_left_ms(deadline_in_ms(3600000)), 3500000, 3600000);
    assert_in_range(deadline_left_ms(clock_monotonic_us() + 3600000001), 3500000, 3600001);
}

static void the_monotonic_clock_does_not_go_back(void **state)
{
    (void)state;
    int64_t before_us = clock_monotonic_us();
    clock_sleep_ms(2);
    assert_true(clock_monotonic_us() >= before_us + 1000);
    clock_sleep_ms(-1); /* returns */
    assert_true(clock_now_us() > INT64_C(1700000000000000));
}

static void a_value_falls_into_the_first_bucket_that_holds_it(void **state)
{
    (void)state;
    struct histogram *histogram = calloc(1, sizeof(*histogram));
    histogram_observe_us(histogram, 5000);     /* exactly 0.005 s */
    histogram_observe_us(histogram, 5001);     /* the next */
    histogram_observe_us(histogram, 10000000); /* the last bound */
    histogram_observe_us(histogram, 10000001); /* only in +Inf */
    assert_int_equal(counter_get(&histogram->buckets[0]), 1);
    assert_int_equal(counter_get(&histogram->buckets[1]), 1);
    assert_int_equal(counter_get(&histogram->buckets[HISTOGRAM_BUCKETS - 1]), 1);
    assert_int_equal(counter_get(&histogram->count), 4);
    assert_int_equal(gauge_get(&histogram->sum), 5000 + 5001 + 10000000 + 10000001);
    free(histogram);
}

static void bounds_rise_and_all_stages_have_names(void **state)
{
    (void)state;
    for (int i = 1; i < HISTOGRAM_BUCKETS; i++) {
        assert_true(histogram_bounds_s[i] > histogram_bounds_s[i - 1]);
        assert_true(histogram_bounds_events[i] > histogram_bounds_events[i - 1]);
    }
    for (int i = 0; i < STAGE_COUNT; i++)
        assert_non_null(stage_names[i]);
    for (int i = 0; i < COUNTERS_SQLSTATE_CLASSES; i++)
        assert_non_null(sqlstate_class_names[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(deadlines_pass_and_never_wrap),
        cmocka_unit_test(the_time_left_is_rounded_up_and_fits_poll),
        cmocka_unit_test(the_monotonic_clock_does_not_go_back),
        cmocka_unit_test(a_value_falls_into_the_first_bucket_that_holds_it),
        cmocka_unit_test(bounds_rise_and_all_stages_have_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
