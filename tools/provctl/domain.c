/* `provctl domain ...`: domains as vadddomain and its siblings had them. */
#include <string.h>
#include <strings.h>
#include <sysexits.h>

#include "account.h"
#include "act.h"
#include "commands.h"
#include "configuration.h"
#include "database.h"
#include "domain/address.h"
#include "domain/domain.h"
#include "domain/quota.h"
#include "story.h"
#include "wire/idna.h"

static int run_show(struct invocation *invocation);
static int run_add(struct invocation *invocation);
static int run_update(struct invocation *invocation);
static int run_delete(struct invocation *invocation);

#define LIMIT_OPTIONS                                                                              \
    {"max-accounts", 0, "N", "limit: live accounts", false, false},                                \
        {"max-bytes", 0, "N", "limit: sum of the accounts' quotas in bytes", false, false},        \
        {"max-messages", 0, "N", "limit: sum of the accounts' message quotas", false, false},      \
    {                                                                                              \
        "disable", 0, "PROTOCOLS",                                                                 \
            "protocols that are switched off: pop3,imap,smtp,sieve,webmail", false, false          \
    }

static const struct option_row add_options[] = {
    {"services", 0, "N", "default services of accounts: 1 mail, 2 calendar, 4 contacts, added up",
     false, false},
    {"quota", 'q', "QUOTA", "default quota of accounts, as in vpopmail", false, false},
    {"catch-all", 0, "ADDRESS", "account that takes mail for unknown addresses", false, false},
    LIMIT_OPTIONS,
    ACT_OPTIONS,
    {.name = NULL},
};
static const struct option_row update_options[] = {LIMIT_OPTIONS, ACT_OPTIONS, {.name = NULL}};
static const struct option_row delete_options[] = {
    {"cascade", 0, NULL, "delete its accounts, too: they can be restored for a while", false,
     false},
    ACT_OPTIONS,
    {.name = NULL},
};

#define EXIT_CODES                                                                                 \
    " Exit codes are those of vpopmail: 245 no such domain or context, 244 invalid name, 243 it "  \
    "exists, 230 too long; else 65 refused, 75 no result yet."

const struct command domain_commands[] = {
    {
        .group = "domain",
        .name = "show",
        .arguments = "DOMAIN",
        .arguments_min = 1,
        .arguments_max = 1,
        .summary = "a domain, its limits and what is used of them",
        .help =
            "Shows the domain's row, how many accounts it has, and the quotas that are given out.",
        .examples = "  provctl domain show example.org\n",
        .run = run_show,
    },
    {
        .group = "domain",
        .name = "add",
        .arguments = "DOMAIN",
        .arguments_min = 1,
        .arguments_max = 1,
        .summary = "make a domain (vadddomain)",
        .help = "Sends CreateDomain, waits for the result and prints it. --context says whose "
                "domain it "
                "is." EXIT_CODES,
        .examples =
            "  provctl domain add example.org --context acme --quota 100M --max-accounts 500\n",
        .options = add_options,
        .run = run_add,
    },
    {
        .group = "domain",
        .name = "update",
        .arguments = "DOMAIN [NAME=VALUE...]",
        .arguments_min = 1,
        .arguments_max = -1,
        .summary = "change a domain",
        .help = "Sends UpdateDomain with the fields that are named; NAME= clears one. Fields: "
                "default_services, default_quota_bytes, default_quota_messages, catch_all, status. "
                "With one of "
                "the options for limits, the limits are replaced as a whole." EXIT_CODES,
        .examples = "  provctl domain update example.org default_quota_bytes=100000000 catch_all=\n"
                    "  provctl domain update example.org --max-accounts 1000 --disable pop3\n",
        .options = update_options,
        .run = run_update,
    },
    {
        .group = "domain",
        .name = "delete",
        .arguments = "DOMAIN",
        .arguments_min = 1,
        .arguments_max = 1,
        .summary = "delete a domain (vdeldomain)",
        .help =
            "Sends DeleteDomain. A domain with live accounts is refused, unless --cascade deletes "
            "these, too." EXIT_CODES,
        .examples = "  provctl domain delete example.org --reason 'contract ended' --dry-run\n"
                    "  provctl domain delete example.org --cascade\n",
        .options = delete_options,
        .run = run_delete,
    },
    {.group = NULL},
};

/* --- showing ------------------------------------------------------------------------------------
 */

static const char sql_accounts[] =
    "SELECT to_json(t)::text FROM ("
    "    SELECT count(*) AS accounts, COALESCE(sum(quota_bytes), 0)::int8 AS quota_bytes,"
    "        COALESCE(sum(quota_messages), 0)::int8 AS quota_messages,"
    "        count(*) FILTER (WHERE COALESCE(quota_bytes, 0) = 0) AS unlimited"
    "    FROM provd.account WHERE domain = $1 AND tombstone = 0) t";
static const char sql_domain[] =
    "SELECT to_json(t)::text FROM (SELECT * FROM provd.domain WHERE name = $1) t";

static json_t *protocols_of(int64_t mask)
{
    json_t *names = json_array();

    for (int i = 0; protocol_names[i]; i++) {
        if (mask >> i & 1)
            json_array_append_new(names, json_string(protocol_names[i]));
    }
    return names;
}

static int tell(struct invocation *invocation, struct postgres *pg, struct text name)
{
    struct param param = param_text(name);
    json_t *domains = NULL;
    json_t *used = NULL;
    struct error err;
    int64_t disabled = 0;
    enum status status = database_rows(pg, sql_domain, &param, 1, &domains, &err);

    if (status == STATUS_OK)
        status = database_rows(pg, sql_accounts, &param, 1, &used, &err);
    json_t *domain = json_incref(json_array_get(domains, 0));
    json_decref(domains);
    if (status != STATUS_OK || !domain) {
        json_decref(domain);
        json_decref(used);
        if (status == STATUS_OK)
            complain("there is no domain %.*s", TEXT_ARG(name));
        return status == STATUS_OK ? EX_DATAERR : database_complain(status, &err);
    }
    json_member_int64(domain, "disabled_protocols", &disabled);
    json_object_set_new(domain, "disabled_protocols", protocols_of(disabled));
    if (invocation->output->format == OUTPUT_TABLE)
        story_without_nulls(domain);
    output_document(invocation->output,
                    json_pack("{so sO}", "domain", domain, "live", json_array_get(used, 0)));
    json_decref(used);
    return EX_OK;
}

static int run_show(struct invocation *invocation)
{
    struct text name;
    struct postgres *pg;
    struct error err;
    enum code wrong = domain_normalise(text_from(invocation->arguments[0]), idna_to_ascii,
                                       invocation->arena, &name);

    if (wrong != CODE_NONE)
        return complain_usage(invocation, "'%s' is no domain: %s", invocation->arguments[0],
                              code_doc(wrong));
    if (!configuration_needs(invocation->config->database.url, "database.url"))
        return EX_CONFIG;
    enum status status = database_open(&pg, invocation->config, &err);
    if (status != STATUS_OK)
        return database_complain(status, &err);
    int code = tell(invocation, pg, name);
    postgres_close(pg);
    return code;
}

/* --- changing -----------------------------------------------------------------------------------
 */

/* "pop3,imap" as the symbols of the schema. */
static bool read_protocols(struct invocation *invocation, json_t *limits)
{
    struct text rest = text_from(option_value(invocation, "disable"));
    json_t *symbols = json_array();

    json_object_set_new(limits, "disabled_protocols", symbols);
    while (rest.len > 0) {
        size_t comma = text_find(rest, ',');
        const char *name = text_to_z(invocation->arena, text_trim(text_slice(rest, 0, comma)));
        int i = 0;
        while (protocol_names[i] && strcasecmp(protocol_names[i], name) != 0)
            i++;
        if (!protocol_names[i]) {
            complain_usage(invocation,
                           "--disable: '%s' is none of pop3, imap, smtp, sieve, webmail", name);
            return false;
        }
        json_array_append_new(symbols, json_string(protocol_names[i]));
        rest = comma == SIZE_MAX ? TEXT_NULL : text_slice(rest, comma + 1, SIZE_MAX);
    }
    return true;
}

/* DomainLimits from the options; *ret_limits NULL: none was given. */
static bool read_limits(struct invocation *invocation, json_t **ret_limits)
{
    static const char *const options[][2] = {{"max-accounts", "max_accounts"},
                                             {"max-bytes", "quota_bytes"},
                                             {"max-messages", "max_messages"}};
    json_t *limits = json_object();
    bool is_good = read_protocols(invocation, limits);
    bool is_any = option_given(invocation, "disable");

    for (size_t i = 0; is_good && i < sizeof options / sizeof *options; i++) {
        int64_t number = -1;
        is_good = option_number(invocation, options[i][0], 0, INT64_MAX, &number);
        if (number < 0)
            continue;
        is_any = true;
        json_object_set_new(limits, options[i][1], json_integer(number));
    }
    *ret_limits = is_good && is_any ? json_incref(limits) : NULL;
    json_decref(limits);
    return is_good;
}

static bool read_defaults(struct invocation *invocation, json_t *payload)
{
    const char *text = option_value(invocation, "quota");
    const char *catch_all = option_value(invocation, "catch-all");
    int64_t services = -1;
    struct quota quota;

    if (!option_number(invocation, "services", 0, 7, &services))
        return false;
    if (text && !quota_parse(text_from(text), &quota)) {
        complain_usage(invocation,
                       "'%s' is no quota: NOQUOTA, bytes, 100M, 5000C, or 100000000S,5000C", text);
        return false;
    }
    if (services >= 0)
        json_object_set_new(payload, "default_services", json_integer(services));
    if (text) {
        json_object_set_new(payload, "default_quota_bytes", json_integer(quota.bytes));
        json_object_set_new(payload, "default_quota_messages", json_integer(quota.messages));
    }
    if (catch_all)
        json_object_set_new(payload, "catch_all", json_string(catch_all));
    return true;
}

static int run_add(struct invocation *invocation)
{
    const char *name = invocation->arguments[0];
    json_t *payload = json_pack("{ss}", "domain", name);
    json_t *limits = NULL;

    if (!option_given(invocation, "context")) {
        json_decref(payload);
        return complain_usage(invocation, "--context is needed: whose domain is it?");
    }
    if (!read_defaults(invocation, payload) || !read_limits(invocation, &limits)) {
        json_decref(payload);
        return EX_USAGE;
    }
    if (limits)
        json_object_set_new(payload, "limits", limits);
    return act_send(invocation, ACT_DOMAIN, name, "CreateDomain", payload, NULL);
}

static int run_update(struct invocation *invocation)
{
    static const char *const numbers[] = {"default_services", "default_quota_bytes",
                                          "default_quota_messages", NULL};
    const char *name = invocation->arguments[0];
    json_t *payload = json_pack("{ss}", "domain", name);
    json_t *limits = NULL;

    if (!account_read_assignments(invocation, 1, numbers, payload) ||
        !read_limits(invocation, &limits)) {
        json_decref(payload);
        return EX_USAGE;
    }
    if (limits) {
        json_object_set_new(payload, "limits", limits);
        json_array_append_new(json_object_get(payload, "fields"), json_string("limits"));
    }
    return act_send(invocation, ACT_DOMAIN, name, "UpdateDomain", payload, NULL);
}

static int run_delete(struct invocation *invocation)
{
    const char *name = invocation->arguments[0];

    return act_send(
        invocation, ACT_DOMAIN, name, "DeleteDomain",
        json_pack("{ss sb}", "domain", name, "cascade", option_given(invocation, "cascade")), NULL);
}
