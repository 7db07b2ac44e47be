/* `provctl account ...`: the table of commands. What they do: account_show.c, account_events.c. */
#include "account.h"

#include "commands.h"

static const struct option_row show_options[] = {
    {"last", 'n', "N", "how many changes and results; default 10", false, false},
    {.name = NULL},
};

const struct command account_commands[] = {
    {
        .group = "account",
        .name = "show",
        .arguments = "ADDRESS|UUID",
        .arguments_min = 1,
        .arguments_max = 1,
        .summary = "the whole story of an account",
        .help = "Shows the account's row (without its password), its service accounts, its last "
                "changes from the change "
                "log, and the results of the events behind them. An address means the live "
                "account, or the one deleted "
                "last. Tables leave out what is null; -o json has everything.",
        .examples = "  provctl account show bob@example.org\n"
                    "  provctl account show 019bc1a0-5c01-8b3e-9d42-6fd3a1b41eef -o json\n",
        .options = show_options,
        .run = account_show,
    },
    {.group = NULL},
};
