/* base/text: views, UTF-8, quoting, numbers. */
#include "check.h"

#include "base/arena.h"
#include "base/text.h"

static struct arena arena;

static int open_arena(void **state)
{
    (void)state;
    arena_init(&arena, 1 << 20, 1 << 20);
    return 0;
}

static int close_arena(void **state)
{
    (void)state;
    arena_close(&arena);
    return 0;
}

static void null_is_not_empty(void **state)
{
    (void)state;
    assert_true(text_is_null(TEXT_NULL));
    assert_true(text_is_null(text_from(NULL)));
    assert_false(text_is_null(TEXT("")));
    assert_true(text_equal(TEXT_NULL, TEXT_NULL));
    assert_false(text_equal(TEXT_NULL, TEXT("")));
    assert_false(text_equal(TEXT(""), TEXT_NULL));
    assert_true(text_equal(TEXT(""), TEXT("")));
    assert_true(text_equal_nocase(TEXT_NULL, TEXT_NULL));
    assert_false(text_equal_nocase(TEXT_NULL, TEXT("")));
    assert_true(text_equal_z(TEXT_NULL, NULL));
}

static void comparing_is_bytewise_with_null_first(void **state)
{
    (void)state;
    assert_true(text_compare(TEXT_NULL, TEXT("")) < 0);
    assert_true(text_compare(TEXT(""), TEXT_NULL) > 0);
    assert_int_equal(text_compare(TEXT_NULL, TEXT_NULL), 0);
    assert_true(text_compare(TEXT("a"), TEXT("ab")) < 0);
    assert_true(text_compare(TEXT("ab"), TEXT("a")) > 0);
    assert_true(text_compare(TEXT("a"), TEXT("\xc3\xa4")) < 0);
    assert_int_equal(text_compare(TEXT("ab"), TEXT("ab")), 0);
    assert_true(text_equal_nocase(TEXT("AbZ09"), TEXT("aBz09")));
    assert_false(text_equal_nocase(TEXT("a"), TEXT("ab")));
    assert_false(text_equal_nocase(TEXT("@"), TEXT("`")));
}

static void cutting_is_clamped(void **state)
{
    (void)state;
    assert_text_equal(text_slice(TEXT("hello"), 1, 3), "ell");
    assert_text_equal(text_slice(TEXT("hello"), 3, SIZE_MAX), "lo");
    assert_text_equal(text_slice(TEXT("hello"), 9, 1), "");
    assert_true(text_is_null(text_slice(TEXT_NULL, 0, 1)));
    assert_text_equal(text_trim(TEXT(" \t a b\r\n ")), "a b");
    assert_text_equal(text_trim(TEXT("   ")), "");
    assert_true(text_is_null(text_trim(TEXT_NULL)));
    assert_true(text_starts_with(TEXT("hello"), "he"));
    assert_true(text_starts_with(TEXT("hello"), ""));
    assert_false(text_starts_with(TEXT("h"), "he"));
    assert_false(text_starts_with(TEXT_NULL, ""));
}

static void finding_gives_the_place_or_size_max(void **state)
{
    (void)state;
    assert_int_equal(text_find(TEXT("a@b@c"), '@'), 1);
    assert_int_equal(text_find_last(TEXT("a@b@c"), '@'), 3);
    assert_true(text_find(TEXT("abc"), '@') == SIZE_MAX);
    assert_true(text_find_last(TEXT(""), '@') == SIZE_MAX);
    assert_true(text_find(TEXT_NULL, '@') == SIZE_MAX);
}

static void copies_end_with_nul_and_keep_null(void **state)
{
    (void)state;
    char original[] = "AbC";
    struct text copy = text_copy(&arena, text_from(original));
    original[0] = 'x';
    assert_string_equal(copy.data, "AbC");
    assert_true(text_is_null(text_copy(&arena, TEXT_NULL)));
    assert_string_equal(text_to_z(&arena, TEXT_NULL), "");
    assert_text_equal(text_lower(&arena, TEXT("AZaz@[\xc3\x84")), "azaz@[\xc3\x84");
    assert_true(text_is_null(text_lower(&arena, TEXT_NULL)));
    assert_text_equal(text_format(&arena, "%s-%d", "a", 7), "a-7");
    assert_text_equal(text_format(&arena, "%.*s", TEXT_ARG(TEXT_NULL)), "");
}

static void utf8_is_judged_as_the_standard_says(void **state)
{
    (void)state;
    static const char *const good[] = {
        "",
        "plain",
        "\xc2\x80",
        "\xdf\xbf",
        "\xe0\xa0\x80",
        "\xed\x9f\xbf",
        "\xee\x80\x80",
        "\xef\xbf\xbf",
        "\xf0\x90\x80\x80",
        "\xf4\x8f\xbf\xbf",
    };
    static const char *const bad[] = {
        "\x80",             /* continuation alone */
        "\xc0\x80",         /* overlong NUL */
        "\xc1\xbf",         /* overlong */
        "\xe0\x9f\xbf",     /* overlong */
        "\xf0\x8f\xbf\xbf", /* overlong */
        "\xed\xa0\x80",     /* surrogate */
        "\xed\xbf\xbf",     /* surrogate */
        "\xf4\x90\x80\x80", /* above U+10FFFF */
        "\xf5\x80\x80\x80",
        "\xff",
        "\xc3",
        "\xe2\x82",
        "\xf0\x9f\x98",
        "\xc3(",
        "ok\xe2\x28\xa1",
    };
    for (size_t i = 0; i < COUNT_OF(good); i++)
        assert_true(text_is_utf8(text_from(good[i])));
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        assert_false(text_is_utf8(text_from(bad[i])));
    assert_false(text_is_utf8(TEXT("a\0b")));
}

static void characters_are_counted_not_bytes(void **state)
{
    (void)state;
    assert_int_equal(text_characters(TEXT("")), 0);
    assert_int_equal(text_characters(TEXT("a\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80")), 4);
}

static void control_characters_are_found(void **state)
{
    (void)state;
    assert_false(text_has_control(TEXT("plain \xc3\xa4"), ""));
    assert_true(text_has_control(TEXT("a\nb"), ""));
    assert_false(text_has_control(TEXT("a\n\tb"), "\n\t"));
    assert_true(text_has_control(TEXT("a\rb"), "\n\t"));
    assert_true(text_has_control(TEXT("\x7f"), ""));
    assert_true(text_has_control(TEXT("\xc2\x85"), "\n")); /* NEL, a C1 control */
    assert_true(text_has_control(TEXT("a\0b"), "\n"));     /* not the end of `allowed` */
    assert_false(text_has_control(TEXT_NULL, ""));
}

static void quoting_shows_what_would_hide(void **state)
{
    (void)state;
    static const struct {
        struct text value;
        size_t max;
        const char *quoted;
    } cases[] = {
        {TEXT("abc"), 10, "'abc'"},
        {TEXT(""), 10, "''"},
        {TEXT_NULL, 10, "null"},
        {TEXT("a'b\\c"), 20, "'a\\'b\\\\c'"},
        {TEXT("a\nb\0c"), 20, "'a\\x0ab\\x00c'"},
        {TEXT("\xff\xc3\xa4"), 20, "'\\xff\xc3\xa4'"},
        {TEXT("\xe2\x80\xae"), 20, "'\\xe2\\x80\\xae'"}, /* right-to-left override */
        {TEXT("abcdef"), 6, "'abcdef'"},
        {TEXT("abcdefg"), 6, "'abcdef...'"},
        {TEXT("a\xe2\x82\xac\xe2\x82\xac"), 5, "'a\xe2\x82\xac...'"}, /* never half a character */
        {TEXT("abc\n"), 6, "'abc...'"},                               /* never half an escape */
        {TEXT("abc"), 0, "'...'"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        assert_text_equal(text_quote(&arena, cases[i].value, cases[i].max), cases[i].quoted);
}

static void numbers_are_whole_and_bounded(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t value;
    } good[] = {
        {"0", 0},
        {"-0", 0},
        {"007", 7},
        {"-15", -15},
        {"9223372036854775807", INT64_MAX},
        {"-9223372036854775808", INT64_MIN},
    };
    static const char *const bad[] = {"",     "-",
                                      "+1",   " 1",
                                      "1 ",   "1.0",
                                      "0x10", "9223372036854775808",
                                      "--1",  "-9223372036854775809",
                                      "1-",   "99999999999999999999999999"};
    int64_t value;
    for (size_t i = 0; i < COUNT_OF(good); i++) {
        assert_true(text_to_int64(text_from(good[i].text), &value));
        assert_int_equal(value, good[i].value);
    }
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        value = 42;
        assert_false(text_to_int64(text_from(bad[i]), &value));
        assert_int_equal(value, 42);
    }
    assert_false(text_to_int64(TEXT_NULL, &value));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(null_is_not_empty),
        cmocka_unit_test(comparing_is_bytewise_with_null_first),
        cmocka_unit_test(cutting_is_clamped),
        cmocka_unit_test(finding_gives_the_place_or_size_max),
        cmocka_unit_test(copies_end_with_nul_and_keep_null),
        cmocka_unit_test(utf8_is_judged_as_the_standard_says),
        cmocka_unit_test(characters_are_counted_not_bytes),
        cmocka_unit_test(control_characters_are_found),
        cmocka_unit_test(quoting_shows_what_would_hide),
        cmocka_unit_test(numbers_are_whole_and_bounded),
    };
    return cmocka_run_group_tests(tests, open_arena, close_arena);
}
