/* `provctl seal`: a secret from the terminal or standard input, sealed to the worker's key. */
#include "commands.h"

#include <sysexits.h>

#include "configuration.h"
#include "secret.h"
#include "wire/crypto.h"

static int run(struct invocation *invocation);

static const struct option_row options[] = {
    {"key-id", 'k', "ID", "the worker's key", false, false},
    {"public-key", 'p', "BASE64",
     "its public key, as `provctl keygen` printed it; default: that of the key file in "
     "secrets.keys_directory, where it can be read",
     false, false},
    {.name = NULL},
};

const struct command seal_commands[] = {
    {
        .group = "seal",
        .arguments = "",
        .summary = "seal a secret for the worker",
        .help = "Asks for a secret (twice, without showing it), or reads one line from standard "
                "input when that is no "
                "terminal, and prints it as the SealedSecret that events take wherever they take a "
                "password. Only the "
                "worker can open it. Secrets are never read from the command line, where others "
                "could see them.",
        .examples = "  provctl seal --key-id 2026-01 --public-key "
                    "3R0YhJDtJo4ZEbSS5R0waR9lIMeuaBa7IQys2FlOHRw=\n"
                    "  pwgen 16 1 | provctl seal --key-id 2026-01 -o jsonl\n",
        .options = options,
        .run = run,
    },
    {.group = NULL},
};

static int run(struct invocation *invocation)
{
    struct text public_key;
    struct text plain;
    json_t *sealed;
    int code = secret_public_key(invocation, option_value(invocation, "key-id"),
                                 option_value(invocation, "public-key"), &public_key);

    if (code != EX_OK || (code = secret_read(invocation->arena, "Secret", &plain)) != EX_OK)
        return code;
    sealed = secret_seal(invocation->arena, option_value(invocation, "key-id"), public_key, plain);
    crypto_wipe(plain);
    if (!sealed) {
        complain("--public-key is no key for sealed boxes: 32 bytes in base64, as `provctl keygen` "
                 "prints them");
        return EX_USAGE;
    }
    if (invocation->output->format == OUTPUT_TABLE)
        invocation->output->format = OUTPUT_JSON; /* it goes into an event */
    output_document(invocation->output, sealed);
    return EX_OK;
}
