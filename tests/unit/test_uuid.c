/* base/uuid: forms, order, time. */
#include "check.h"

#include "base/uuid.h"

static const char canonical[] = "0192f3a4-b5c6-7def-8123-456789abcdef";

static void all_forms_of_the_rulings_are_read(void **state)
{
    (void)state;
    static const char *const forms[] = {
        "0192f3a4-b5c6-7def-8123-456789abcdef",   "0192F3A4-B5C6-7DEF-8123-456789ABCDEF",
        "0192F3a4-b5C6-7dEf-8123-456789aBcDeF",   "{0192f3a4-b5c6-7def-8123-456789abcdef}",
        "{0192F3A4-B5C6-7DEF-8123-456789ABCDEF}",
    };
    for (size_t i = 0; i < COUNT_OF(forms); i++) {
        struct uuid u;
        char text[UUID_TEXT_LEN + 1];
        assert_true(uuid_parse(text_from(forms[i]), &u));
        uuid_format(&u, text);
        assert_string_equal(text, canonical);
    }
}

static void everything_else_is_refused(void **state)
{
    (void)state;
    static const char *const forms[] = {
        "",
        "{}",
        "0192f3a4b5c67def8123456789abcdef",
        "0192f3a4-b5c6-7def-8123-456789abcde",
        "0192f3a4-b5c6-7def-8123-456789abcdef0",
        "0192f3a4-b5c6-7def-8123-456789abcdeg",
        "0192f3a4-b5c6-7def-8123-456789abcde ",
        " 0192f3a4-b5c6-7def-8123-456789abcde",
        "{0192f3a4-b5c6-7def-8123-456789abcdef",
        "0192f3a4-b5c6-7def-8123-456789abcdef}",
        "(0192f3a4-b5c6-7def-8123-456789abcdef)",
        "0192f3a4_b5c6_7def_8123_456789abcdef",
        "0192f3a-4b5c6-7def-8123-456789abcdef",
        "----------------------------------------",
        "0192f3a4-b5c6-7def-8123-456789abcd\xc3\xa4",
        "urn:uuid:0192f3a4-b5c6-7def-8123-456789abcdef",
    };
    struct uuid u = UUID_NIL;
    for (size_t i = 0; i < COUNT_OF(forms); i++)
        assert_false(uuid_parse(text_from(forms[i]), &u));
    assert_false(uuid_parse(TEXT_NULL, &u));
    assert_false(uuid_parse(TEXT("0192f3a4-b5c6-7def-8123-456789abcd\0f"), &u));
    assert_true(uuid_is_nil(&u)); /* untouched */
}

static void order_is_that_of_the_bytes(void **state)
{
    (void)state;
    struct uuid low, high;
    assert_true(uuid_parse(TEXT("00000000-0000-0000-0000-0000000000ff"), &low));
    assert_true(uuid_parse(TEXT("80000000-0000-0000-0000-000000000000"), &high));
    assert_true(uuid_compare(&low, &high) < 0);
    assert_true(uuid_compare(&high, &low) > 0);
    assert_int_equal(uuid_compare(&low, &low), 0);
    assert_false(uuid_equal(&low, &high));
    assert_false(uuid_is_nil(&low));
    assert_true(uuid_is_nil(&UUID_NIL));
}

static void version_7_tells_its_time(void **state)
{
    (void)state;
    struct uuid u;
    /* The example of RFC 9562, appendix A.6: 2022-02-22T19:22:22Z. */
    assert_true(uuid_parse(TEXT("017F22E2-79B0-7CC3-98C4-DC0C0C07398F"), &u));
    assert_true(uuid_v7_time_ms(&u) == INT64_C(1645557742000));
    assert_true(uuid_parse(TEXT("919108f7-52d1-4320-9bac-f847db4148a8"), &u));
    assert_int_equal(uuid_v7_time_ms(&u), -1);
    assert_int_equal(uuid_v7_time_ms(&UUID_NIL), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_forms_of_the_rulings_are_read),
        cmocka_unit_test(everything_else_is_refused),
        cmocka_unit_test(order_is_that_of_the_bytes),
        cmocka_unit_test(version_7_tells_its_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
