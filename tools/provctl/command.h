/* What a command of provctl is, and what it is given when it runs.
 *
 * Each command is one row in a table of its group's file; commands.c lists the tables. From these
 * rows are made: dispatch, reading of options, --help, the bash completion. A new command is a row
 * and a function. */
#ifndef PROVCTL_COMMAND_H
#define PROVCTL_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/status.h"
#include "base/text.h"
#include "output.h"

struct config;
struct invocation;

/* One option of a command. */
struct option_row {
    const char *name;  /* without the dashes; NULL ends a table */
    char letter;       /* short form; 0: none */
    const char *value; /* what the help calls its value; NULL: takes none */
    const char *doc;
    bool value_optional; /* --name or --name=VALUE */
    bool value_literal;  /* the help shows `value` as it is, as in --from OFFSET|TIME */
};

enum command_flag {
    COMMAND_NO_CONFIG = 1, /* runs without a configuration, e.g. keygen */
    COMMAND_STREAMS = 2,   /* prints records as they come: JSON lines unless -o says otherwise */
    COMMAND_HIDDEN = 4,    /* not in the help */
};

struct command {
    const char *group, *name;         /* `provctl GROUP NAME`; a NULL name: `provctl GROUP` */
    const char *arguments;            /* as in the usage line; "" for none */
    int arguments_min, arguments_max; /* -1: any number */
    const char *summary;              /* one line */
    const char *help;                 /* paragraphs */
    const char *examples;             /* lines */
    const struct option_row *options; /* NULL: none but the common ones */
    unsigned flags;
    int (*run)(struct invocation *invocation); /* exit code */
};

struct command_group {
    const char *name, *summary;
    const struct command *commands; /* ended by a NULL group */
};
extern const struct command_group command_groups[]; /* ended by a NULL name */
extern const struct option_row common_options[];

enum { OPTION_VALUES_MAX = 256 };
struct option_value {
    const struct option_row *row;
    const char *value; /* NULL: given without one */
};

struct invocation {
    const struct command *command;
    const struct config *config; /* NULL with COMMAND_NO_CONFIG */
    struct arena *arena;         /* lives as long as the command */
    struct output *output;
    char **arguments;
    int argument_count;
    struct option_value options[OPTION_VALUES_MAX];
    size_t option_count;
};

/* --- options (options.c) ------------------------------------------------------------------------
 */

/* Reads the options of `invocation->command` and the common ones from argv (argv[0] is skipped).
 * False after saying what is wrong. */
bool options_read(struct invocation *invocation, int argc, char **argv);
bool option_given(const struct invocation *invocation, const char *name);
/* The last value; NULL: not given. */
const char *option_value(const struct invocation *invocation, const char *name);
/* All values in their order: begin with *index 0; NULL at the end. */
const char *option_next(const struct invocation *invocation, const char *name, size_t *index);
/* The values of options with a meaning. False after saying what is wrong; *ret_value stays when the
 * option is not given. */
bool option_number(const struct invocation *invocation, const char *name, int64_t min, int64_t max,
                   int64_t *ret_value);
/* Milliseconds; written 500ms, 30s, 5m, 2h, 1d. */
bool option_duration(const struct invocation *invocation, const char *name, int64_t *ret_ms);
/* Microseconds since 1970; written in RFC 3339, or as a duration before now. */
bool option_time(const struct invocation *invocation, const char *name, int64_t *ret_us);

/* --- help (help.c) ------------------------------------------------------------------------------
 */

void help_print(FILE *out);
void help_print_group(const struct command_group *group, FILE *out);
void help_print_command(const struct command *command, FILE *out);
/* Words that may come next, one per line: for the completion. */
void help_print_words(const struct command_group *group, const struct command *command, FILE *out);

/* --- what is said on stderr (complain.c) --------------------------------------------------------
 */

/* "provctl: ..." */
void complain(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Says what is in `err` and returns the exit code that fits: RETRY 69, FATAL 78. */
int complain_status(enum status status, const struct error *err);
/* Says what is wrong with the call, and where help is; returns 64. */
int complain_usage(const struct invocation *invocation, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
