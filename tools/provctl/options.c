/* Options by getopt_long, from the tables of commands. */
#include "command.h"

#include <assert.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "moment.h"

enum {
    OPTIONS_MAX = 64,
    FIRST_CODE = 256, /* what getopt_long returns for the first row: above all letters */
};

const struct option_row common_options[] = {
    {"config", 'c', "FILE",
     "configuration; default: $PROVD_CONFIG, else /etc/provd/provd.yaml if it is there", false,
     false},
    {"set", 's', "PATH=VALUE", "one setting, above file and environment; may be repeated", false,
     false},
    {"property", 'X', "NAME=VALUE",
     "a property for librdkafka, as in kafka.client; may be repeated", false, false},
    {"output", 'o', "FORMAT", "table, json, jsonl or csv", false, false},
    {"help", 'h', NULL, "this text", false, false},
    {.name = NULL},
};

/* What getopt_long wants, made of the rows. */
struct getopt_tables {
    const struct option_row *rows[OPTIONS_MAX];
    struct option longs[OPTIONS_MAX + 1];
    char letters[3 * OPTIONS_MAX + 2];
    size_t count, letter_count;
};

static void add_row(struct getopt_tables *tables, const struct option_row *row)
{
    struct option *option = &tables->longs[tables->count];
    int argument = !row->value           ? no_argument
                   : row->value_optional ? optional_argument
                                         : required_argument;

    assert(tables->count < OPTIONS_MAX);
    *option = (struct option){row->name, argument, NULL, FIRST_CODE + (int)tables->count};
    tables->rows[tables->count++] = row;
    if (row->letter) {
        tables->letters[tables->letter_count++] = row->letter;
        for (int colon = 0; colon < argument; colon++)
            tables->letters[tables->letter_count++] = ':';
    }
}

static void make_tables(struct getopt_tables *tables, const struct command *command)
{
    memset(tables, 0, sizeof *tables);
    tables->letters[tables->letter_count++] = ':'; /* we say ourselves what is wrong */
    for (const struct option_row *row = command->options; row && row->name; row++)
        add_row(tables, row);
    for (const struct option_row *row = common_options; row->name; row++)
        add_row(tables, row);
}

static const struct option_row *row_of_code(const struct getopt_tables *tables, int code)
{
    if (code >= FIRST_CODE)
        return tables->rows[code - FIRST_CODE];
    for (size_t i = 0; i < tables->count; i++) {
        if (tables->rows[i]->letter == code)
            return tables->rows[i];
    }
    return NULL;
}

static bool check_argument_count(const struct invocation *invocation)
{
    const struct command *command = invocation->command;
    int count = invocation->argument_count;

    if (count < command->arguments_min) {
        complain_usage(invocation, "missing argument: %s", command->arguments);
        return false;
    }
    if (command->arguments_max >= 0 && count > command->arguments_max) {
        complain_usage(invocation, "unexpected argument '%s'",
                       invocation->arguments[command->arguments_max]);
        return false;
    }
    return true;
}

bool options_read(struct invocation *invocation, int argc, char **argv)
{
    struct getopt_tables tables;
    int code;

    make_tables(&tables, invocation->command);
    optind = 1;
    while ((code = getopt_long(argc, argv, tables.letters, tables.longs, NULL)) != -1) {
        const struct option_row *row = row_of_code(&tables, code);
        if (code == ':') {
            complain_usage(invocation, "option %s needs a value", argv[optind - 1]);
            return false;
        }
        if (code == '?' || !row) {
            complain_usage(invocation, "unknown option %s", argv[optind - 1]);
            return false;
        }
        if (invocation->option_count == OPTION_VALUES_MAX) {
            complain_usage(invocation, "more than %d options", OPTION_VALUES_MAX);
            return false;
        }
        invocation->options[invocation->option_count++] = (struct option_value){row, optarg};
    }
    invocation->arguments = argv + optind;
    invocation->argument_count = argc - optind;
    return option_given(invocation, "help") || check_argument_count(invocation);
}

static const struct option_value *find_last(const struct invocation *invocation, const char *name)
{
    for (size_t i = invocation->option_count; i > 0; i--) {
        if (strcmp(invocation->options[i - 1].row->name, name) == 0)
            return &invocation->options[i - 1];
    }
    return NULL;
}

bool option_given(const struct invocation *invocation, const char *name)
{
    return find_last(invocation, name) != NULL;
}

const char *option_value(const struct invocation *invocation, const char *name)
{
    const struct option_value *found = find_last(invocation, name);

    return found ? found->value : NULL;
}

const char *option_next(const struct invocation *invocation, const char *name, size_t *index)
{
    while (*index < invocation->option_count) {
        const struct option_value *option = &invocation->options[(*index)++];
        if (strcmp(option->row->name, name) == 0)
            return option->value;
    }
    return NULL;
}

bool option_number(const struct invocation *invocation, const char *name, int64_t min, int64_t max,
                   int64_t *ret_value)
{
    const char *value = option_value(invocation, name);
    int64_t number;

    if (!value)
        return true;
    if (!text_to_int64(text_from(value), &number) || number < min || number > max) {
        complain_usage(invocation,
                       "--%s %s: a whole number from %" PRId64 " to %" PRId64 " is needed", name,
                       value, min, max);
        return false;
    }
    *ret_value = number;
    return true;
}

bool option_duration(const struct invocation *invocation, const char *name, int64_t *ret_ms)
{
    const char *value = option_value(invocation, name);

    if (!value || moment_parse_duration(text_from(value), ret_ms))
        return true;
    complain_usage(invocation, "--%s %s: write a whole number and ms, s, m, h or d, as in 30s",
                   name, value);
    return false;
}

bool option_time(const struct invocation *invocation, const char *name, int64_t *ret_us)
{
    const char *value = option_value(invocation, name);
    int64_t ms;

    if (!value || moment_parse(text_from(value), ret_us))
        return true;
    if (moment_parse_duration(text_from(value), &ms)) {
        *ret_us = clock_now_us() - ms * 1000;
        return true;
    }
    complain_usage(invocation,
                   "--%s %s: write a time as in 2026-01-15T09:00:00Z, or how long ago as in 10m",
                   name, value);
    return false;
}
