/* Help texts, made of the tables of commands and options. */
#include "command.h"

#include <stdio.h>
#include <string.h>

enum { OPTION_COLUMN = 30, NAME_COLUMN = 24, LINE_MAX = 100 };

/* Prints words so that no line is longer than LINE_MAX; the cursor is at `column` already. */
static void put_wrapped(FILE *out, const char *words, int indent, int column)
{
    while (*words) {
        int len = (int)strcspn(words, " \n");
        fprintf(out, "%.*s", len, words);
        column += len;
        words += len;
        if (*words == '\n') {
            fprintf(out, "\n%*s", words[1] && words[1] != '\n' ? indent : 0, "");
            column = indent;
        } else if (*words == ' ' && column + 1 + (int)strcspn(words + 1, " \n") <= LINE_MAX) {
            fputc(' ', out);
            column++;
        } else if (*words == ' ') {
            fprintf(out, "\n%*s", indent, "");
            column = indent;
        }
        words += *words != '\0';
    }
    fputc('\n', out);
}

static void put_option(FILE *out, const struct option_row *row)
{
    char name[96];
    int len = snprintf(name, sizeof name, "  %c%c%s--%s", row->letter ? '-' : ' ',
                       row->letter ? row->letter : ' ', row->letter ? ", " : "  ", row->name);

    if (row->value)
        len +=
            snprintf(name + len, sizeof name - (size_t)len, "%s%s%s",
                     row->value_optional ? "[=" : " ", row->value, row->value_optional ? "]" : "");
    if (len >= OPTION_COLUMN)
        fprintf(out, "%s\n%*s", name, OPTION_COLUMN, "");
    else
        fprintf(out, "%-*s", OPTION_COLUMN, name);
    put_wrapped(out, row->doc, OPTION_COLUMN, OPTION_COLUMN);
}

static void put_options(FILE *out, const char *title, const struct option_row *rows)
{
    fprintf(out, "\n%s\n", title);
    for (; rows->name; rows++)
        put_option(out, rows);
}

static void put_command_line(FILE *out, const struct command *command)
{
    char name[96];

    snprintf(name, sizeof name, "  %s%s%s", command->group, command->name ? " " : "",
             command->name ? command->name : "");
    fprintf(out, "%-*s", NAME_COLUMN, name);
    put_wrapped(out, command->summary, NAME_COLUMN, NAME_COLUMN);
}

static void put_commands(FILE *out, const struct command_group *group)
{
    for (const struct command *command = group->commands; command->group; command++) {
        if (!(command->flags & COMMAND_HIDDEN))
            put_command_line(out, command);
    }
}

void help_print(FILE *out)
{
    fputs("Usage: provctl COMMAND [options] [arguments]\n\n"
          "The operators' tool of provd, the provisioning worker for mail platforms.\n\n"
          "Commands:\n",
          out);
    for (const struct command_group *group = command_groups; group->name; group++)
        put_commands(out, group);
    put_options(out, "Options of all commands:", common_options);
    fputs("\n"
          "Settings are those of provd: a file in YAML, PROVD_* variables, --set. `provctl config\n"
          "defaults` prints all of them. Data goes to stdout, everything else to stderr.\n\n"
          "Exit codes: 0 done; 64 wrong call; 65 wrong input, or the event was refused; 69 a "
          "server cannot be\n"
          "reached; 70 an error of provctl; 75 not now, try again; 78 wrong configuration.\n\n"
          "Examples:\n"
          "  provctl check                                  is everything there that provd needs?\n"
          "  provctl events send --wait event.json          send an event and see its result\n"
          "  provctl account show bob@example.org           the whole story of an account\n"
          "  provctl COMMAND --help                         more about a command\n",
          out);
}

void help_print_group(const struct command_group *group, FILE *out)
{
    fprintf(out, "Usage: provctl %s COMMAND [options] [arguments]\n\n%s\n\nCommands:\n",
            group->name, group->summary);
    put_commands(out, group);
    fprintf(out, "\nMore: provctl %s COMMAND --help\n", group->name);
}

void help_print_command(const struct command *command, FILE *out)
{
    fprintf(out, "Usage: provctl %s%s%s [options]%s%s\n\n", command->group,
            command->name ? " " : "", command->name ? command->name : "",
            *command->arguments ? " " : "", command->arguments);
    put_wrapped(out, command->help, 0, 0);
    if (command->options)
        put_options(out, "Options:", command->options);
    put_options(out, "Options of all commands:", common_options);
    fprintf(out, "\nExamples:\n%s", command->examples);
}

static void put_option_words(FILE *out, const struct option_row *rows)
{
    for (; rows && rows->name; rows++)
        fprintf(out, "--%s%s\n", rows->name, rows->value && !rows->value_optional ? "=" : "");
}

static void put_group_words(FILE *out)
{
    for (const struct command_group *group = command_groups; group->name; group++) {
        if (!(group->commands->flags & COMMAND_HIDDEN))
            fprintf(out, "%s\n", group->name);
    }
}

void help_print_words(const struct command_group *group, const struct command *command, FILE *out)
{
    if (command) {
        put_option_words(out, command->options);
        put_option_words(out, common_options);
    } else if (group) {
        for (const struct command *row = group->commands; row->group; row++)
            if (row->name && !(row->flags & COMMAND_HIDDEN))
                fprintf(out, "%s\n", row->name);
    } else {
        put_group_words(out);
    }
}
