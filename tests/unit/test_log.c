/* base/log: what is on stderr, byte for byte but for time and pid; JSON is judged by jansson. */
#include "check.h"

#include "base/log.h"

#include <fcntl.h>
#include <jansson.h>
#include <unistd.h>

static char captured[16384];
static int saved_stderr, pipe_ends[2];

static void begin_capture(void)
{
    assert_int_equal(pipe(pipe_ends), 0);
    assert_int_equal(fcntl(pipe_ends[0], F_SETFL, O_NONBLOCK), 0);
    saved_stderr = dup(STDERR_FILENO);
    dup2(pipe_ends[1], STDERR_FILENO);
}

static const char *end_capture(void)
{
    dup2(saved_stderr, STDERR_FILENO);
    close(saved_stderr);
    close(pipe_ends[1]);
    ssize_t len = read(pipe_ends[0], captured, sizeof(captured) - 1);
    close(pipe_ends[0]);
    captured[len > 0 ? len : 0] = '\0';
    return captured;
}

static json_t *parse(const char *line)
{
    json_error_t error;
    json_t *root = json_loads(line, JSON_REJECT_DUPLICATES, &error);
    if (root == NULL)
        fail_msg("%s: %s", error.text, line);
    size_t len = strlen(line);
    assert_int_equal(line[len - 1], '\n');
    assert_ptr_equal(strchr(line, '\n'), line + len - 1);
    return root;
}

static void json_has_the_fields_with_their_types(void **state)
{
    (void)state;
    log_configure(LOG_INFO, LOG_FORMAT_JSON);
    log_set_process("lane-3");
    begin_capture();
    log_event(LOG_WARNING, "batch applied", LOG_INT("events", -5), LOG_SECONDS("took", 1500001),
              LOG_Z("topic", "t.x"), LOG_TEXT("none", TEXT_NULL));
    json_t *root = parse(end_capture());
    assert_string_equal(json_string_value(json_object_get(root, "level")), "warning");
    assert_string_equal(json_string_value(json_object_get(root, "process")), "lane-3");
    assert_string_equal(json_string_value(json_object_get(root, "message")), "batch applied");
    assert_int_equal(json_integer_value(json_object_get(root, "pid")), getpid());
    assert_int_equal(json_integer_value(json_object_get(root, "events")), -5);
    assert_true(json_real_value(json_object_get(root, "took")) == 1.500001);
    assert_string_equal(json_string_value(json_object_get(root, "topic")), "t.x");
    assert_true(json_is_null(json_object_get(root, "none")));
    const char *time = json_string_value(json_object_get(root, "time"));
    assert_int_equal(strlen(time), strlen("2026-01-01T00:00:00.000Z"));
    json_decref(root);
    log_set_process(NULL);
}

static void json_escapes_everything_that_is_hostile(void **state)
{
    (void)state;
    static const struct text value =
        TEXT("quote\" back\\ line\n tab\t nul\0 del\x7f bad\xff ok\xc3\xa4");
    log_configure(LOG_INFO, LOG_FORMAT_JSON);
    begin_capture();
    log_event(LOG_INFO, "hostile", LOG_TEXT("v", value));
    json_error_t error;
    const char *line = end_capture();
    json_t *root = json_loads(line, JSON_ALLOW_NUL, &error);
    assert_non_null(root);
    const json_t *got = json_object_get(root, "v");
    static const struct text expected =
        TEXT("quote\" back\\ line\n tab\t nul\0 del\x7f bad\xef\xbf\xbd ok\xc3\xa4");
    assert_int_equal(json_string_length(got), expected.len);
    assert_memory_equal(json_string_value(got), expected.data, expected.len);
    json_decref(root);
}

static void a_line_that_is_too_long_stays_valid(void **state)
{
    (void)state;
    static char huge[100000];
    memset(huge, 'x', sizeof(huge) - 1);
    log_configure(LOG_INFO, LOG_FORMAT_JSON);
    begin_capture();
    log_event(LOG_INFO, "long", LOG_Z("a", huge), LOG_Z("b", huge), LOG_Z("c", huge),
              LOG_Z("d", huge), LOG_INT("last", 1));
    const char *line = end_capture();
    assert_true(strlen(line) <= 4096);
    json_t *root = parse(line);
    assert_true(json_is_true(json_object_get(root, "cut")));
    assert_contains(json_string_value(json_object_get(root, "a")), "xxx...");
    json_decref(root);
}

static void escapes_at_the_cut_stay_whole(void **state)
{
    (void)state;
    char quotes[1200];
    memset(quotes, '"', sizeof(quotes) - 1);
    quotes[sizeof(quotes) - 1] = '\0';
    log_configure(LOG_INFO, LOG_FORMAT_JSON);
    for (size_t pad = 0; pad < 12; pad++) {
        char padding[] = "xxxxxxxxxxxx";
        padding[pad] = '\0';
        begin_capture();
        log_event(LOG_INFO, "cut", LOG_Z("p", padding), LOG_Z("a", quotes), LOG_Z("b", quotes),
                  LOG_Z("c", "\xc3\xa4\n\xf0\x9f\x98\x80"));
        json_decref(parse(end_capture()));
    }
}

static void text_quotes_what_is_no_word(void **state)
{
    (void)state;
    log_configure(LOG_INFO, LOG_FORMAT_TEXT);
    begin_capture();
    log_event(LOG_ERROR, "postgres is away", LOG_Z("host", "db-1.example:5432"),
              LOG_Z("why", "two words\nand a line"), LOG_Z("empty", ""),
              LOG_TEXT("none", TEXT_NULL), LOG_SECONDS("s", -250000));
    const char *line = end_capture();
    assert_contains(line, "Z error postgres is away host=db-1.example:5432 "
                          "why=\"two words\\u000aand a line\" empty=\"\" none=null s=-0.250000\n");
}

static void nothing_below_the_level_is_written(void **state)
{
    (void)state;
    log_configure(LOG_WARNING, LOG_FORMAT_TEXT);
    assert_true(log_enabled(LOG_ERROR));
    assert_false(log_enabled(LOG_INFO));
    begin_capture();
    log_event(LOG_INFO, "quiet");
    log_event(LOG_DEBUG, "quieter");
    assert_string_equal(end_capture(), "");
}

static void no_fields_are_fine_and_auto_is_json_in_a_pipe(void **state)
{
    (void)state;
    begin_capture();
    log_configure(LOG_DEBUG, LOG_FORMAT_AUTO);
    log_event(LOG_DEBUG, "alone");
    json_t *root = parse(end_capture());
    assert_int_equal(json_object_size(root), 5);
    json_decref(root);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_has_the_fields_with_their_types),
        cmocka_unit_test(json_escapes_everything_that_is_hostile),
        cmocka_unit_test(a_line_that_is_too_long_stays_valid),
        cmocka_unit_test(escapes_at_the_cut_stay_whole),
        cmocka_unit_test(text_quotes_what_is_no_word),
        cmocka_unit_test(nothing_below_the_level_is_written),
        cmocka_unit_test(no_fields_are_fine_and_auto_is_json_in_a_pipe),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
