/* `provctl account ...`: the table of commands. What they do: account_show.c, account_act.c,
 * account_password.c, account_flags.c. */
#include "account.h"

#include "act.h"
#include "bulk.h"
#include "commands.h"

#define PASSWORD_OPTIONS                                                                           \
    {                                                                                              \
        "hash", 'e',                                                                               \
        "HASH", "a hashed password, as in {ARGON2ID}...; without a scheme it is crypt's",          \
        false,  false},                                                                            \
        {"random", 'r',  "LENGTH", "make the password up and print it; default 16 characters",     \
         true,     false},                                                                         \
        {"key-id", 'k',                                                                            \
         "ID",     "seal the password to this key of the worker, instead of hashing it here",      \
         false,    false},                                                                         \
    {                                                                                              \
        "public-key", 0, "BASE64", "that key; default: from secrets.keys_directory", false, false  \
    }

static const struct option_row show_options[] = {
    {"last", 'n', "N", "how many changes and results; default 10", false, false},
    {"depth", 0, "N",
     "how many of the newest records of each partition of the results to look through; default "
     "20000",
     false, false},
    {.name = NULL},
};
static const struct option_row add_options[] = {
    {"quota", 'q', "QUOTA",
     "NOQUOTA, 10000000, 100M, 5000C, or 100000000S,5000C; default: that of the domain", false,
     false},
    {"comment", 0, "TEXT", "remark", false, false},
    {"first-name", 0, "NAME", "first name", false, false},
    {"last-name", 0, "NAME", "last name", false, false},
    {"department", 0, "NAME", "department", false, false},
    {"telephone", 0, "NUMBER", "telephone number", false, false},
    {"group", 'g', "NAME", "group of the context", false, false},
    {"forward", 0, "ADDRESS", "mail is forwarded there, too", false, false},
    {"mailbox-type", 0, "TYPE", "default Maildir", false, false},
    {"storage-node", 0, "NAME", "mail store that holds the mailbox", false, false},
    {"services", 0, "N", "1 mail, 2 calendar, 4 contacts, added up; default: those of the domain",
     false, false},
    {"lazy", 0, NULL, "make the services at the first login", false, false},
    {"no-password", 'n', NULL, "nobody can log in until there is a password", false, false},
    PASSWORD_OPTIONS,
    BULK_OPTIONS,
    ACT_OPTIONS,
    {.name = NULL},
};
static const struct option_row password_options[] = {
    PASSWORD_OPTIONS, BULK_OPTIONS, ACT_OPTIONS, {.name = NULL}};
static const struct option_row plain_options[] = {ACT_OPTIONS, {.name = NULL}};
static const struct option_row bulk_options[] = {BULK_OPTIONS, ACT_OPTIONS, {.name = NULL}};
static const struct option_row delete_options[] = {
    {"purge", 0, NULL, "for good: the address is free at once, and nothing can be restored", false,
     false},
    BULK_OPTIONS,
    ACT_OPTIONS,
    {.name = NULL},
};
static const struct option_row flag_options[] = {
    {"no-password-change", 'd', NULL, "0x01: the user cannot change the password", false, false},
    {"no-pop", 'p', NULL, "0x02: no POP", false, false},
    {"no-webmail", 'w', NULL, "0x04: no webmail", false, false},
    {"no-imap", 'i', NULL, "0x08: no IMAP", false, false},
    {"bounce", 'b', NULL, "0x10: mail bounces", false, false},
    {"no-relay", 'r', NULL, "0x20: no relaying", false, false},
    {"no-dialup", 'u', NULL, "0x40: no dial-up", false, false},
    {"user0", '0', NULL, "0x80: user flag 0", false, false},
    {"user1", '1', NULL, "0x100: user flag 1", false, false},
    {"user2", '2', NULL, "0x200: user flag 2", false, false},
    {"user3", '3', NULL, "0x400: user flag 3", false, false},
    {"no-smtp", 0, NULL, "0x800: no SMTP AUTH", false, false},
    {"domain-admin", 'a', NULL,
     "0x1000: administrator of the domain in old tools; gives no right here", false, false},
    {"override-limits", 0, NULL, "0x2000: not subject to the limits of the domain", false, false},
    {"no-spam-filter", 'f', NULL, "0x4000: no spam filter", false, false},
    {"delete-spam", 'F', NULL, "0x8000: spam is deleted", false, false},
    {"system-admin", 'S', NULL, "0x10000: system administrator in old tools; gives no right here",
     false, false},
    {"expert", 'E', NULL, "0x20000: expert", false, false},
    {"no-maildrop", 'm', NULL, "0x40000: no maildrop", false, false},
    {"on", 0, "FLAGS", "set these: names with commas between, or a number", false, false},
    {"off", 0, "FLAGS", "clear these", false, false},
    {"clear-all", 'x', NULL, "clear all, before others are set", false, false},
    ACT_OPTIONS,
    {.name = NULL},
};

#define BULK_HELP                                                                                  \
    " With --csv the file's first line names its columns, each further line is an event, and the " \
    "output has a line for each. Its events' ids come from its rows: a call that was interrupted " \
    "(Ctrl-C ends it after the batch in hand) is made again and goes on; nothing is done twice."

#define EXIT_CODES                                                                                 \
    " Exit codes are those of vpopmail: 255 illegal name, 254 it exists, 246 no such account, "    \
    "245 no such domain, "                                                                         \
    "236 bad character, 231 too long, 227 bad quota, 220 a limit of the domain, 201 the domain's " \
    "catch-all; else 65 refused, "                                                                 \
    "75 no result yet."

const struct command account_commands[] = {
    {
        .group = "account",
        .name = "show",
        .arguments = "ADDRESS|UUID",
        .arguments_min = 1,
        .arguments_max = 1,
        .summary = "the whole story of an account",
        .help = "Shows the account's row (without its password), its service accounts, its last "
                "changes from the change log, and the last results: those of the events behind the "
                "changes from the ledger, and those of events that changed nothing or were refused "
                "from the newest records of the topic of results (--depth says how many), found by "
                "the key or the account's uuid. An address means the live account, or the one "
                "deleted last; one that never had an account still shows what was refused. Tables "
                "leave out what is null; -o json has everything.",
        .examples = "  provctl account show bob@example.org\n"
                    "  provctl account show 019bc1a0-5c01-8b3e-9d42-6fd3a1b41eef -o json\n",
        .options = show_options,
        .run = account_show,
    },
    {
        .group = "account",
        .name = "add",
        .arguments = "ADDRESS",
        .arguments_max = 1,
        .summary = "make an account (vadduser)",
        .help = "Sends CreateAccount, waits for the result and prints it. The password is asked "
                "for, or read as one line from "
                "standard input, and hashed here (hashing.scheme) or sealed (--key-id)." BULK_HELP
                " Columns: address, hash or password, first_name, last_name, department, "
                "telephone, group, forward, comment, mailbox_type, storage_node, quota, services, "
                "flags, service_mode." EXIT_CODES,
        .examples =
            "  provctl account add bob@example.org --quota 100M --random\n"
            "  pwgen 16 1 | provctl account add bob@example.org --context acme --first-name Bob\n"
            "  provctl account add bob@example.org --hash '{SHA512-CRYPT}$6$...' --dry-run\n",
        .options = add_options,
        .run = account_add,
    },
    {
        .group = "account",
        .name = "update",
        .arguments = "ADDRESS|UUID NAME=VALUE...",
        .arguments_min = 2,
        .arguments_max = -1,
        .summary = "change attributes of an account",
        .help = "Sends UpdateAccount with the fields that are named; NAME= clears one. Fields: "
                "first_name, last_name, "
                "department, telephone, group, quota_bytes, quota_messages, mailbox_type, "
                "storage_node, forward, comment." EXIT_CODES,
        .examples = "  provctl account update bob@example.org department=Sales telephone=\n",
        .options = plain_options,
        .run = account_update,
    },
    {
        .group = "account",
        .name = "delete",
        .arguments = "ADDRESS|UUID",
        .arguments_max = 1,
        .summary = "delete an account (vdeluser)",
        .help = "Sends DeleteAccount. The address stays reserved, and the account can be restored, "
                "for accounts.grace_period, "
                "unless --purge is given. One that is gone already is no error." BULK_HELP
                " Columns: address." EXIT_CODES,
        .examples = "  provctl account delete bob@example.org --reason 'left the company' --ticket "
                    "HD-4711\n",
        .options = delete_options,
        .run = account_delete,
    },
    {
        .group = "account",
        .name = "restore",
        .arguments = "ADDRESS|UUID",
        .arguments_min = 1,
        .arguments_max = 1,
        .summary = "bring a deleted account back",
        .help = "Sends RestoreAccount: row, status, password, flags and services come back, while "
                "the address is reserved." EXIT_CODES,
        .examples = "  provctl account restore bob@example.org\n",
        .options = plain_options,
        .run = account_restore,
    },
    {
        .group = "account",
        .name = "password",
        .arguments = "ADDRESS|UUID",
        .arguments_max = 1,
        .summary = "set the password of an account (vpasswd)",
        .help = "Sends SetPassword. The password is asked for, or read as one line from standard "
                "input, and hashed here "
                "(hashing.scheme) or sealed (--key-id)." BULK_HELP
                " Columns: address, hash or password." EXIT_CODES,
        .examples = "  provctl account password bob@example.org --random\n"
                    "  provctl account password bob@example.org --hash '{SHA512-CRYPT}$6$...'\n",
        .options = password_options,
        .run = account_password,
    },
    {
        .group = "account",
        .name = "quota",
        .arguments = "ADDRESS|UUID|DOMAIN QUOTA",
        .arguments_max = 2,
        .summary = "set the quota of an account or domain (vsetuserquota)",
        .help = "Sends SetQuota: NOQUOTA, N, NB, NK, NKB, NM, NMB, NS (bytes), NC (messages) or "
                "\"NS,NC\". A string is the whole "
                "quota: the half that it does not name is unlimited. With a domain, all of its "
                "accounts get it." BULK_HELP " Columns: address, quota." EXIT_CODES,
        .examples = "  provctl account quota bob@example.org 100M\n"
                    "  provctl account quota example.org 100000000S,5000C --dry-run\n",
        .options = bulk_options,
        .run = account_quota,
    },
    {
        .group = "account",
        .name = "flags",
        .arguments = "ADDRESS|UUID|DOMAIN",
        .arguments_min = 1,
        .arguments_max = 1,
        .summary = "set vpopmail's flags (vmoduser)",
        .help = "Sends SetFlags; the letters are those of vmoduser, but for -s and -o, which are "
                "common options here. "
                "First all are cleared (-x), then --off, then the others set. With a domain, all "
                "of its accounts get them." EXIT_CODES,
        .examples = "  provctl account flags bob@example.org -p -i\n"
                    "  provctl account flags bob@example.org --on no-pop,no-imap --off bounce\n"
                    "  provctl account flags example.org -x\n",
        .options = flag_options,
        .run = account_flags,
    },
    {
        .group = "account",
        .name = "status",
        .arguments = "ADDRESS|UUID STATUS",
        .arguments_max = 2,
        .summary = "set the status of an account",
        .help = "Sends SetAccountStatus: PENDING, ACTIVE, LOCKED (no login, mail is delivered), "
                "MAINTENANCE (no login, delivery "
                "deferred) or CLOSED (no login, mail bounces). --reason is kept with the "
                "account." BULK_HELP " Columns: address, status, reason." EXIT_CODES,
        .examples = "  provctl account status bob@example.org LOCKED --reason 'unpaid'\n",
        .options = bulk_options,
        .run = account_status,
    },
    {.group = NULL},
};
