/* base/status: errors are filled, cut and prefixed. */
#include "check.h"

#include "base/status.h"

static void a_failure_says_what_and_returns_its_status(void **state)
{
    (void)state;
    struct error err = {0};
    assert_int_equal(error_set(&err, STATUS_RETRY, "08006", "postgres: %s", "gone"), STATUS_RETRY);
    assert_string_equal(err.code, "08006");
    assert_string_equal(err.message, "postgres: gone");
    assert_int_equal(error_set(&err, STATUS_FATAL, NULL, "x"), STATUS_FATAL);
    assert_string_equal(err.code, "");
    assert_int_equal(error_set(NULL, STATUS_FATAL, "c", "x"), STATUS_FATAL);
    assert_int_equal(error_prefix(NULL, STATUS_RETRY, "x"), STATUS_RETRY);
}

static void a_long_message_is_cut_and_says_so(void **state)
{
    (void)state;
    struct error err;
    char longer[2 * ERROR_MESSAGE_MAX];
    memset(longer, 'x', sizeof(longer) - 1);
    longer[sizeof(longer) - 1] = '\0';
    error_set(&err, STATUS_FATAL, longer, "%s", longer);
    assert_int_equal(strlen(err.message), ERROR_MESSAGE_MAX - 1);
    assert_string_equal(err.message + ERROR_MESSAGE_MAX - 4, "...");
    assert_int_equal(strlen(err.code), ERROR_CODE_MAX - 1);
    error_prefix(&err, STATUS_FATAL, "%s", longer);
    assert_int_equal(strlen(err.message), ERROR_MESSAGE_MAX - 1);
    assert_string_equal(err.message + ERROR_MESSAGE_MAX - 4, "...");
}

static void exactly_the_limit_is_not_cut(void **state)
{
    (void)state;
    struct error err;
    char exact[ERROR_MESSAGE_MAX];
    memset(exact, 'x', sizeof(exact) - 1);
    exact[sizeof(exact) - 1] = '\0';
    error_set(&err, STATUS_FATAL, NULL, "%s", exact);
    assert_string_equal(err.message, exact);
}

static void a_message_is_one_line(void **state)
{
    (void)state;
    struct error err;
    error_set(&err, STATUS_FATAL, NULL, "server said:\nline one\r\nline two\t\x7f\n");
    assert_string_equal(err.message, "server said: line one  line two");
}

static void a_prefix_stands_before_what_was_there(void **state)
{
    (void)state;
    struct error err;
    error_set(&err, STATUS_RETRY, "40001", "inner");
    assert_int_equal(error_prefix(&err, STATUS_RETRY, "batch %d", 7), STATUS_RETRY);
    assert_string_equal(err.message, "batch 7: inner");
    assert_string_equal(err.code, "40001");
}

static void an_error_can_be_made_of_itself(void **state)
{
    (void)state;
    struct error err;
    error_set(&err, STATUS_RETRY, NULL, "inner");
    error_set(&err, STATUS_FATAL, NULL, "outer (%s)", err.message);
    assert_string_equal(err.message, "outer (inner)");
}

static void statuses_have_names(void **state)
{
    (void)state;
    assert_string_equal(status_name(STATUS_OK), "ok");
    assert_string_equal(status_name(STATUS_RETRY), "retry");
    assert_string_equal(status_name(STATUS_FATAL), "fatal");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_failure_says_what_and_returns_its_status),
        cmocka_unit_test(a_long_message_is_cut_and_says_so),
        cmocka_unit_test(exactly_the_limit_is_not_cut),
        cmocka_unit_test(a_message_is_one_line),
        cmocka_unit_test(a_prefix_stands_before_what_was_there),
        cmocka_unit_test(an_error_can_be_made_of_itself),
        cmocka_unit_test(statuses_have_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
