/* provctl: the operators' tool of provd. Finds the command, reads options and settings, runs it. */
#include "command.h"

#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "base/log.h"
#include "configuration.h"
#include "version.h"
#include "wire/crypto.h"

enum {
    ARENA_BYTES_MAX = 1 << 30,
    ARENA_KEPT_BYTES = 64 << 20,
};

/* What the first words of the command line name. */
struct choice {
    const struct command_group *group;
    const struct command *command;
    int words; /* how many they are */
};

static const struct command_group *find_group(const char *name)
{
    for (const struct command_group *group = command_groups; group->name; group++) {
        if (strcmp(group->name, name) == 0)
            return group;
    }
    return NULL;
}

static const struct command *find_command(const struct command_group *group, const char *name)
{
    for (const struct command *command = group->commands; command->group; command++) {
        if (command->name ? name && strcmp(command->name, name) == 0 : true)
            return command;
    }
    return NULL;
}

static struct choice choose(int argc, char **argv)
{
    struct choice choice = {0};

    if (argc < 1 || !(choice.group = find_group(argv[0])))
        return choice;
    choice.command = find_command(choice.group, argc > 1 ? argv[1] : NULL);
    choice.words = choice.command ? (choice.command->name ? 2 : 1) : 1;
    return choice;
}

static bool is_help(const char *word)
{
    return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0 || strcmp(word, "help") == 0;
}

/* No command was found, or none was asked for. */
static int explain(const struct choice *choice, int argc, char **argv)
{
    const char *unknown = choice->group ? (argc > 1 ? argv[1] : NULL) : (argc > 0 ? argv[0] : NULL);

    if (unknown && !is_help(unknown)) {
        if (*unknown == '-')
            complain("options stand behind the command: provctl %s COMMAND %s ...",
                     choice->group ? choice->group->name : "GROUP", unknown);
        else
            complain("unknown command '%s%s%s'", choice->group ? choice->group->name : "",
                     choice->group ? " " : "", unknown);
        fprintf(stderr, "See: provctl %s%s--help\n", choice->group ? choice->group->name : "",
                choice->group ? " " : "");
        return EX_USAGE;
    }
    if (choice->group)
        help_print_group(choice->group, unknown ? stdout : stderr);
    else
        help_print(unknown ? stdout : stderr);
    return unknown ? EX_OK : EX_USAGE;
}

/* `provctl help ...` and `provctl words ...` (for the completion) look like commands but are none.
 */
static int answer_about_commands(int argc, char **argv)
{
    struct choice choice = choose(argc - 1, argv + 1);

    if (strcmp(argv[0], "words") == 0)
        help_print_words(choice.group, choice.command, stdout);
    else if (choice.command)
        help_print_command(choice.command, stdout);
    else
        return explain(&choice, argc - 1 > 0 ? argc - 1 : 1, argc - 1 > 0 ? argv + 1 : argv);
    return EX_OK;
}

static bool choose_format(const struct invocation *invocation, enum output_format *ret_format)
{
    const char *given = option_value(invocation, "output");

    *ret_format = invocation->command->flags & COMMAND_STREAMS ? OUTPUT_JSONL : OUTPUT_TABLE;
    if (!given)
        return true;
    for (int i = 0; output_format_names[i]; i++) {
        if (strcmp(given, output_format_names[i]) == 0) {
            *ret_format = (enum output_format)i;
            return true;
        }
    }
    complain_usage(invocation, "--output %s: choose table, json, jsonl or csv", given);
    return false;
}

static int run_with_config(struct invocation *invocation)
{
    struct config *config = NULL;
    struct error err;
    int code;

    if (invocation->command->flags & COMMAND_NO_CONFIG)
        return invocation->command->run(invocation);
    if (configuration_load(invocation, &config, &err) != STATUS_OK) {
        complain("%s", err.message);
        return EX_CONFIG;
    }
    invocation->config = config;
    code = invocation->command->run(invocation);
    config_close(config);
    return code;
}

static int run(const struct command *command, int argc, char **argv)
{
    struct arena arena;
    struct output output;
    struct invocation invocation = {.command = command, .arena = &arena, .output = &output};
    enum output_format format;
    int code = EX_USAGE;

    arena_init(&arena, ARENA_BYTES_MAX, ARENA_KEPT_BYTES);
    if (options_read(&invocation, argc, argv) && choose_format(&invocation, &format)) {
        output_init(&output, format, stdout);
        if (option_given(&invocation, "help")) {
            help_print_command(command, stdout);
            code = EX_OK;
        } else {
            code = run_with_config(&invocation);
        }
    }
    arena_close(&arena);
    return code;
}

/* What could not be written (a full disk, a closed pipe) must not look like success. */
static int flush(int code)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return code;
    complain("standard output cannot be written");
    return code == EX_OK ? EX_IOERR : code;
}

int main(int argc, char **argv)
{
    struct choice choice;
    struct error err;

    setlocale(LC_CTYPE, "C.UTF-8"); /* widths of characters; what we print is UTF-8 in any case */
    log_configure(LOG_ERROR, LOG_FORMAT_AUTO);
    if (crypto_start(&err) != STATUS_OK)
        return complain_status(STATUS_FATAL, &err);
    argc--;
    argv++;
    if (argc > 0 && (strcmp(argv[0], "help") == 0 || strcmp(argv[0], "words") == 0))
        return flush(answer_about_commands(argc, argv));
    if (argc > 0 && (strcmp(argv[0], "--version") == 0 || strcmp(argv[0], "version") == 0)) {
        printf("provctl %s (%s)\n", PROVD_VERSION, provd_commit);
        return flush(EX_OK);
    }
    choice = choose(argc, argv);
    if (!choice.command)
        return flush(explain(&choice, argc, argv));
    /* getopt reads from the last word of the command on, which stands for the program's name. */
    return flush(run(choice.command, argc - choice.words + 1, argv + choice.words - 1));
}
