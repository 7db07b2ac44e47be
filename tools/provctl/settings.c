/* `provctl config ...`: the settings. No command here touches the network. */
#include "commands.h"

#include <stdio.h>
#include <sysexits.h>

#include "configuration.h"

static int run_lint(struct invocation *invocation);
static int run_show(struct invocation *invocation);
static int run_defaults(struct invocation *invocation);
static int run_schema(struct invocation *invocation);
static int run_man(struct invocation *invocation);

const struct command config_commands[] = {
    {
        .group = "config",
        .name = "lint",
        .arguments = "[FILE]",
        .arguments_max = 1,
        .summary = "check a configuration without touching the network",
        .help = "Reads the configuration as provd would, from all its sources, and says what is "
                "wrong and where: unknown "
                "or repeated keys, bad values, settings that contradict each other or are missing. "
                "FILE stands for "
                "--config FILE. Variables PROVD_* that mean nothing are warned about.",
        .examples = "  provctl config lint /etc/provd/provd.yaml\n"
                    "  PROVD_LANES=4 provctl config lint --set kafka.brokers=kafka1:9092\n",
        .flags = COMMAND_NO_CONFIG,
        .run = run_lint,
    },
    {
        .group = "config",
        .name = "show",
        .arguments = "",
        .summary = "print the settings in force and where each comes from",
        .help = "Prints the settings in force as YAML that can be loaded again, each with its "
                "source (default, "
                "credential, file, environment, flag) as a comment. Secrets are shown as ***.",
        .examples = "  provctl config show\n"
                    "  provctl config show --config staging.yaml --set lanes=4\n",
        .run = run_show,
    },
    {
        .group = "config",
        .name = "defaults",
        .arguments = "",
        .summary = "print a documented configuration file with all defaults",
        .help = "Prints a configuration file in which every setting is commented out, documented, "
                "and at its default: "
                "a good start for one's own.",
        .examples = "  provctl config defaults > provd.yaml\n",
        .flags = COMMAND_NO_CONFIG,
        .run = run_defaults,
    },
    {
        .group = "config",
        .name = "schema",
        .arguments = "",
        .summary = "print the JSON schema of the configuration file",
        .help = "Prints the JSON schema (2020-12) of the configuration file, for editors and other "
                "checkers.",
        .examples = "  provctl config schema > provd.schema.json\n",
        .flags = COMMAND_NO_CONFIG,
        .run = run_schema,
    },
    {
        .group = "config",
        .name = "man",
        .arguments = "",
        .summary = "print the settings as a part of provd.yaml(5)",
        .help = "Prints the settings in the language of scdoc, for the manual page.",
        .examples = "  provctl config man\n",
        .flags = COMMAND_NO_CONFIG | COMMAND_HIDDEN,
        .run = run_man,
    },
    {.group = NULL},
};

/* `config lint FILE` is `config lint --config FILE`. */
static void take_file(struct invocation *invocation)
{
    static const struct option_row config_row = {.name = "config", .value = "FILE"};

    if (invocation->argument_count > 0 && invocation->option_count < OPTION_VALUES_MAX)
        invocation->options[invocation->option_count++] =
            (struct option_value){&config_row, invocation->arguments[0]};
}

static int run_lint(struct invocation *invocation)
{
    struct config *config = NULL;
    struct error err;
    const char *const *names;
    const char *file;
    size_t unknown;
    bool is_good;

    take_file(invocation);
    file = configuration_file(invocation);
    if (configuration_load(invocation, &config, &err) != STATUS_OK) {
        complain("%s", err.message);
        return EX_CONFIG;
    }
    is_good = config_check(config, &err) == STATUS_OK;
    if (!is_good)
        complain("%s", err.message);
    unknown = config_warnings(config, &names);
    for (size_t i = 0; i < unknown; i++)
        complain("warning: %s is set, but no setting has this name", names[i]);
    if (is_good)
        fprintf(stderr, "%s: no errors%s\n", file ? file : "the configuration (no file)",
                unknown ? ", see the warnings above" : "");
    config_close(config);
    return is_good ? EX_OK : EX_CONFIG;
}

static int run_show(struct invocation *invocation)
{
    config_print(invocation->config, stdout);
    return EX_OK;
}

static int run_defaults(struct invocation *invocation)
{
    (void)invocation;
    config_print_defaults(stdout);
    return EX_OK;
}

static int run_schema(struct invocation *invocation)
{
    (void)invocation;
    config_print_schema(stdout);
    return EX_OK;
}

static int run_man(struct invocation *invocation)
{
    (void)invocation;
    config_print_man(stdout);
    return EX_OK;
}
