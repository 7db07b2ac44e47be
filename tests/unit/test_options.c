/* The command line of provd. */
#include "options.h"

#include "base/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { ARGUMENTS_MAX = 16 };

static struct options options;
static char *printed, *said;

static int setup(void **state)
{
    (void)state;
    return unsetenv("PROVD_CONFIG");
}

static int teardown(void **state)
{
    (void)state;
    options_close(&options);
    free(printed);
    free(said);
    printed = said = NULL;
    return 0;
}

/* Parses "provd" and the given words. */
static enum options_result parse(const char *first, ...)
{
    char words[ARGUMENTS_MAX][64] = {"provd"};
    char *argv[ARGUMENTS_MAX + 1] = {words[0]};
    size_t len;
    int argc = 1;
    va_list more;
    va_start(more, first);
    for (const char *word = first; word != NULL; word = va_arg(more, const char *)) {
        snprintf(words[argc], sizeof(words[argc]), "%s", word);
        argv[argc] = words[argc];
        argc++;
    }
    va_end(more);
    FILE *out = open_memstream(&printed, &len), *err = open_memstream(&said, &len);
    enum options_result result = options_parse(&options, argc, argv, out, err);
    fclose(out);
    fclose(err);
    /* What points into argv must not outlive the words above. */
    options.file = options.file != NULL ? text_to_z(&options.arena, text_from(options.file)) : NULL;
    return result;
}

static void nothing_given_runs_with_defaults(void **state)
{
    (void)state;
    assert_int_equal(parse(NULL), OPTIONS_RUN);
    assert_int_equal(options.set_count, 0);
    assert_false(options.only_check);
    if (access(OPTIONS_DEFAULT_FILE, F_OK) != 0)
        assert_null(options.file);
}

static void settings_keep_their_order(void **state)
{
    (void)state;
    assert_int_equal(parse("--set", "lanes=1", "-X", "debug=broker", "-n", "3", "--lanes=4", "-s",
                           "batch.max_events=5", NULL),
                     OPTIONS_RUN);
    assert_int_equal(options.set_count, 5);
    assert_string_equal(options.sets[0], "lanes=1");
    assert_string_equal(options.sets[1], "kafka.client.debug=broker");
    assert_string_equal(options.sets[2], "lanes=3");
    assert_string_equal(options.sets[3], "lanes=4");
    assert_string_equal(options.sets[4], "batch.max_events=5");
}

static void file_comes_from_the_option_before_the_environment(void **state)
{
    (void)state;
    setenv("PROVD_CONFIG", "/from/environment", 1);
    assert_int_equal(parse(NULL), OPTIONS_RUN);
    assert_string_equal(options.file, "/from/environment");
    teardown(NULL);
    assert_int_equal(parse("--config", "/from/option", "--check-config", NULL), OPTIONS_RUN);
    assert_string_equal(options.file, "/from/option");
    assert_true(options.only_check);
}

static void help_has_examples_and_goes_to_stdout(void **state)
{
    (void)state;
    assert_int_equal(parse("--help", NULL), OPTIONS_ANSWERED);
    assert_non_null(strstr(printed, "Examples:\n"));
    assert_string_equal(said, "");
}

static void version_is_one_line(void **state)
{
    (void)state;
    assert_int_equal(parse("-V", NULL), OPTIONS_ANSWERED);
    assert_memory_equal(printed, "provd ", 6);
    assert_ptr_equal(strchr(printed, '\n'), printed + strlen(printed) - 1);
}

static void wrong_calls_name_the_word_and_the_help(void **state)
{
    static const char *const wrong[][3] = {
        {"--nonsense", NULL, "--nonsense: there is no such option"},
        {"-q", NULL, "-q: there is no such option"},
        {"--config", NULL, "--config: needs a value"},
        {"-X", NULL, "-X: needs a value"},
        {"--set", "lanes", "lanes: write --set PATH=VALUE"},
        {"-X", "debug", "debug: write -X NAME=VALUE"},
        {"file.yaml", NULL, "file.yaml: provd takes options only"},
        {"--version=3", NULL, "--version=3"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_int_equal(parse(wrong[i][0], wrong[i][1], NULL), OPTIONS_WRONG);
        if (strstr(said, wrong[i][2]) == NULL)
            fail_msg("%s is not in %s", wrong[i][2], said);
        assert_non_null(strstr(said, "Try 'provd --help'"));
        assert_string_equal(printed, "");
        teardown(NULL);
        options = (struct options){.file = NULL};
    }
}

int main(void)
{
#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(nothing_given_runs_with_defaults),
        CASE(settings_keep_their_order),
        CASE(file_comes_from_the_option_before_the_environment),
        CASE(help_has_examples_and_goes_to_stdout),
        CASE(version_is_one_line),
        CASE(wrong_calls_name_the_word_and_the_help),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
