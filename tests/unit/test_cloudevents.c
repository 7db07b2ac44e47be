/* CloudEvents' headers of what is published: all follow from the record that is answered. */
#include "check.h"

#include "wire/cloudevents.h"

static struct text header(const struct kafka_header *headers, const char *name)
{
    for (int i = 0; i < CLOUDEVENTS_HEADERS; i++) {
        if (text_equal_z(headers[i].name, name))
            return headers[i].value;
    }
    fail_msg("no header %s", name);
    return TEXT_NULL;
}

static void times_are_of_rfc_3339(void **state)
{
    static const struct {
        int64_t timestamp_ms;
        const char *text;
    } cases[] = {
        {1767225600250, "2026-01-01T00:00:00.250Z"},
        {1767225600007, "2026-01-01T00:00:00.007Z"}, /* the same second, its text kept */
        {0, "1970-01-01T00:00:00.000Z"},
        {-1, "1970-01-01T00:00:00.000Z"},
        {INT64_MIN, "1970-01-01T00:00:00.000Z"},
        {253402300799999, "9999-12-31T23:59:59.999Z"},
        {253402300800000, "9999-12-31T23:59:59.999Z"},
        {INT64_MAX, "9999-12-31T23:59:59.999Z"},
    };
    struct cloudevents ce = {.second = 0};
    const struct uuid id = {.bytes = {1}};
    struct kafka_header headers[CLOUDEVENTS_HEADERS];
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        cloudevents_headers(&ce, &id, 0, cases[i].timestamp_ms, headers);
        if (!text_equal_z(header(headers, "ce_time"), cases[i].text))
            fail_msg("%lld is shown as %.*s", (long long)cases[i].timestamp_ms,
                     TEXT_ARG(header(headers, "ce_time")));
    }
}

static void a_change_has_an_id_of_its_own(void **state)
{
    struct cloudevents ce = {.second = 0};
    const struct uuid id = {.bytes = {1}};
    struct kafka_header headers[CLOUDEVENTS_HEADERS];
    (void)state;
    cloudevents_headers(&ce, &id, 0, 0, headers);
    assert_true(text_equal_z(header(headers, "ce_id"), "01000000-0000-0000-0000-000000000000"));
    assert_true(text_equal_z(header(headers, "ce_type"), "provisioning.result"));
    cloudevents_headers(&ce, &id, 12, 0, headers);
    assert_true(text_equal_z(header(headers, "ce_id"), "01000000-0000-0000-0000-000000000000/12"));
    assert_true(text_equal_z(header(headers, "ce_type"), "provisioning.change"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(times_are_of_rfc_3339),
        cmocka_unit_test(a_change_has_an_id_of_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
