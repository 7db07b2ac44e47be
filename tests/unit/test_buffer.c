/* base/text: the growing buffer and its ceiling. */
#include "check.h"

#include "base/text.h"

static void what_is_put_is_there(void **state)
{
    (void)state;
    struct buffer buffer;
    buffer_init(&buffer, 1 << 20);
    buffer_put_text(&buffer, TEXT("abc"));
    buffer_put_text(&buffer, TEXT_NULL);
    buffer_put_char(&buffer, '-');
    buffer_printf(&buffer, "%d/%s", 7, "x");
    assert_text_equal(buffer_text(&buffer), "abc-7/x");
    assert_false(buffer.failed);
    buffer_close(&buffer);
}

static void numbers_are_big_endian(void **state)
{
    (void)state;
    struct buffer buffer;
    buffer_init(&buffer, 100);
    buffer_put_be16(&buffer, 0x0102);
    buffer_put_be32(&buffer, 0x03040506);
    buffer_put_be64(&buffer, 0x0708090a0b0c0d0e);
    assert_int_equal(buffer.len, 14);
    for (int i = 0; i < 14; i++)
        assert_int_equal(buffer.data[i], i + 1);
    buffer_close(&buffer);
}

static void it_grows_through_many_sizes(void **state)
{
    (void)state;
    struct buffer buffer;
    buffer_init(&buffer, 1 << 20);
    for (int i = 0; i < 100000; i++)
        buffer_printf(&buffer, "%05d", i);
    assert_int_equal(buffer.len, 500000);
    assert_memory_equal(buffer.data, "0000000001", 10);
    assert_memory_equal(buffer.data + 499995, "99999", 5);
    buffer_close(&buffer);
}

static void exactly_the_ceiling_fits_and_one_more_does_not(void **state)
{
    (void)state;
    struct buffer buffer;
    buffer_init(&buffer, 10);
    buffer_printf(&buffer, "%s", "0123456789");
    assert_false(buffer.failed);
    assert_int_equal(buffer.len, 10);
    buffer_put_char(&buffer, 'x');
    assert_true(buffer.failed);
    assert_text_equal(buffer_text(&buffer), "0123456789");
    buffer_close(&buffer);
}

static void failure_sticks_until_cleared(void **state)
{
    (void)state;
    struct buffer buffer;
    buffer_init(&buffer, 10);
    buffer_put(&buffer, "01234567890", 11);
    assert_true(buffer.failed);
    buffer_put_char(&buffer, 'a'); /* would fit, but something before it is missing */
    assert_int_equal(buffer.len, 0);
    assert_null(buffer_reserve(&buffer, 1));
    buffer_clear(&buffer);
    buffer_put_char(&buffer, 'a');
    assert_text_equal(buffer_text(&buffer), "a");
    buffer_close(&buffer);
}

static void absurd_requests_are_refused(void **state)
{
    (void)state;
    struct buffer buffer;
    buffer_init(&buffer, SIZE_MAX);
    buffer_put_char(&buffer, 'a');
    assert_null(buffer_reserve(&buffer, SIZE_MAX));
    buffer_clear(&buffer);
    assert_null(buffer_reserve(&buffer, SIZE_MAX / 2));
    buffer_close(&buffer);
}

static void reserved_room_is_counted_by_the_caller(void **state)
{
    (void)state;
    struct buffer buffer;
    buffer_init(&buffer, 1000);
    char *place = buffer_reserve(&buffer, 500);
    assert_non_null(place);
    memset(place, 'x', 500);
    assert_int_equal(buffer.len, 0);
    buffer.len += 3;
    assert_text_equal(buffer_text(&buffer), "xxx");
    buffer_close(&buffer);
}

static void an_unused_buffer_is_the_empty_text(void **state)
{
    (void)state;
    struct buffer buffer;
    buffer_init(&buffer, 0);
    assert_text_equal(buffer_text(&buffer), "");
    assert_non_null(buffer_reserve(&buffer, 0));
    buffer_close(&buffer);
    buffer_close(&buffer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_put_is_there),
        cmocka_unit_test(numbers_are_big_endian),
        cmocka_unit_test(it_grows_through_many_sizes),
        cmocka_unit_test(exactly_the_ceiling_fits_and_one_more_does_not),
        cmocka_unit_test(failure_sticks_until_cleared),
        cmocka_unit_test(absurd_requests_are_refused),
        cmocka_unit_test(reserved_room_is_counted_by_the_caller),
        cmocka_unit_test(an_unused_buffer_is_the_empty_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
