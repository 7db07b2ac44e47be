/* `provctl check`: tries everything that a worker with this configuration needs. */
#include "check.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "commands.h"
#include "configuration.h"
#include "wire/certificate.h"
#include "wire/crypto.h"

static int run(struct invocation *invocation);

const struct command check_commands[] = {
    {
        .group = "check",
        .arguments = "",
        .summary = "try every connection and say what is wrong",
        .help = "Tries what a worker with this configuration needs: the settings; Kafka with its "
                "topics, the consumer group, "
                "transactions; PostgreSQL with its role, schema version, the partitions of this "
                "month and the next; the "
                "Schema Registry with the subjects; the keys for sealed secrets. Says what is "
                "wrong and what to do. "
                "Changes nothing. Exit code 69: something failed.",
        .examples = "  provctl check\n"
                    "  provctl check --config /etc/provd/provd.yaml -o json\n",
        .run = run,
    },
    {.group = NULL},
};

static const struct output_column columns[] = {{"what", NULL, 0},
                                               {"verdict", NULL, 0},
                                               {"found", NULL, 0},
                                               {"advice", "what to do", 0},
                                               {.key = NULL}};

static const char *const verdict_names[] = {"ok", "warning", "failed"};

void check_find(struct check *check, const char *what, enum verdict verdict, const char *found,
                const char *advice)
{
    check->failed += verdict == VERDICT_FAILED;
    check->warnings += verdict == VERDICT_WARNING;
    output_row(check->invocation->output,
               json_pack("{ss ss ss? ss?}", "what", what, "verdict", verdict_names[verdict],
                         "found", found, "advice", advice));
}

void check_found(struct check *check, const char *what, enum verdict verdict, const char *advice,
                 const char *format, ...)
{
    va_list args;
    struct text found;

    va_start(args, format);
    found = text_vformat(check->invocation->arena, format, args);
    va_end(args);
    check_find(check, what, verdict, found.data, advice);
}

void check_unreachable(struct check *check, const char *what, const struct error *err,
                       const char *otherwise)
{
    const char *advice = certificate_advice(err->message);
    const char *at = advice ? strstr(err->message, advice) : NULL;
    size_t len = at ? (size_t)(at - err->message) : strlen(err->message);

    while (at && len > 0 && strchr("; ", err->message[len - 1]))
        len--;
    check_found(check, what, VERDICT_FAILED, advice ? advice : otherwise, "%.*s", (int)len,
                err->message);
}

static void check_settings(struct check *check)
{
    const char *const *names;
    struct error err;
    size_t unknown = config_warnings(check->invocation->config, &names);
    const char *file = configuration_file(check->invocation);

    if (config_check(check->invocation->config, &err) == STATUS_OK)
        check_find(check, "settings", VERDICT_OK,
                   file ? file : "no file: environment and options only", NULL);
    else
        check_find(check, "settings", VERDICT_FAILED, err.message,
                   "see `provctl config lint`, `provctl config show`");
    for (size_t i = 0; i < unknown; i++)
        check_find(check, "settings", VERDICT_WARNING, names[i],
                   "no setting has this name: is it misspelled?");
}

void check_keys(struct check *check)
{
    const char *directory = check->invocation->config->keys_directory;
    struct keyring *keyring;
    struct error err;

    if (!*directory) {
        check_find(check, "keys", VERDICT_OK,
                   "none: sealed secrets are refused (secrets.keys_directory is not set)", NULL);
        return;
    }
    if (keyring_open(&keyring, directory, &err) != STATUS_OK) {
        check_find(check, "keys", VERDICT_FAILED, err.message,
                   "make a key with `provctl keygen`, mode 0600, owned by the "
                   "worker's user");
        return;
    }
    keyring_close(keyring);
    check_find(check, "keys", VERDICT_OK, directory, NULL);
}

static int run(struct invocation *invocation)
{
    struct check check = {.invocation = invocation};

    output_begin(invocation->output, columns);
    check_settings(&check);
    check_kafka(&check);
    check_database(&check);
    check_registry(&check);
    check_keys(&check);
    output_end(invocation->output, NULL);
    if (check.failed) {
        complain("%zu of the above failed%s", check.failed,
                 check.warnings ? ", and there are warnings" : "");
        return EX_UNAVAILABLE;
    }
    fprintf(stderr, "%s\n",
            check.warnings ? "Everything works; see the warnings above."
                           : "Everything is as it should be.");
    return EX_OK;
}
