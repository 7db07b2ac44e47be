/* `provctl account add|update|delete|restore|quota|status`: each builds the payload of its event.
 */
#include "account.h"

#include <string.h>
#include <sysexits.h>

#include "account_bulk.h"
#include "act.h"
#include "command.h"
#include "domain/quota.h"

/* --- adding -------------------------------------------------------------------------------------
 */

/* Options that are fields of the same meaning. */
static const char *const text_fields[][2] = {
    {"first-name", "first_name"},
    {"last-name", "last_name"},
    {"department", "department"},
    {"telephone", "telephone"},
    {"group", "group"},
    {"forward", "forward"},
    {"comment", "comment"},
    {"mailbox-type", "mailbox_type"},
    {"storage-node", "storage_node"},
};

static void put_texts(const struct invocation *invocation, json_t *payload)
{
    for (size_t i = 0; i < sizeof text_fields / sizeof *text_fields; i++) {
        const char *value = option_value(invocation, text_fields[i][0]);
        if (value)
            json_object_set_new(payload, text_fields[i][1], json_string(value));
    }
}

static bool put_quota(struct invocation *invocation, const char *text, json_t *payload)
{
    struct quota quota;

    if (!text)
        return true;
    if (!quota_parse(text_from(text), &quota)) {
        complain_usage(invocation,
                       "'%s' is no quota: NOQUOTA, bytes as in 10000000, 100M, 512K, 5000C, or "
                       "100000000S,5000C",
                       text);
        return false;
    }
    json_object_set_new(payload, "quota_bytes", json_integer(quota.bytes));
    json_object_set_new(payload, "quota_messages", json_integer(quota.messages));
    return true;
}

static bool put_numbers(struct invocation *invocation, json_t *payload)
{
    int64_t services = -1;

    if (!option_number(invocation, "services", 0, 7, &services))
        return false;
    if (services >= 0)
        json_object_set_new(payload, "services", json_integer(services));
    if (option_given(invocation, "lazy"))
        json_object_set_new(payload, "service_mode", json_string("LAZY"));
    return true;
}

static int add_one(struct invocation *invocation)
{
    const char *address = invocation->arguments[0];
    json_t *payload = json_pack("{ss}", "address", address);
    const char *made = NULL;
    json_t *password = NULL;
    int code = EX_USAGE;

    put_texts(invocation, payload);
    if (put_quota(invocation, option_value(invocation, "quota"), payload) &&
        put_numbers(invocation, payload))
        code = account_read_password(invocation, address, &password, &made);
    if (code != EX_OK) {
        json_decref(payload);
        return code;
    }
    json_object_set_new(payload, "password", password);
    return act_send(invocation, ACT_ACCOUNT, address, "CreateAccount", payload, made);
}

int account_add(struct invocation *invocation)
{
    return act_one_or_many(invocation, 1, add_one, account_bulk_add);
}

/* --- changing -----------------------------------------------------------------------------------
 */

static bool is_in(const char *const *names, const char *name)
{
    for (; *names; names++) {
        if (strcmp(*names, name) == 0)
            return true;
    }
    return false;
}

static json_t *value_of(const char *name, const char *text, const char *const *numbers)
{
    int64_t number;

    if (!*text)
        return json_null();
    if (is_in(numbers, name))
        return text_to_int64(text_from(text), &number) ? json_integer(number) : NULL;
    return json_string(text);
}

bool account_read_assignments(struct invocation *invocation, int first, const char *const *numbers,
                              json_t *payload)
{
    json_t *fields = json_array();

    json_object_set_new(payload, "fields", fields);
    for (int i = first; i < invocation->argument_count; i++) {
        struct text argument = text_from(invocation->arguments[i]);
        size_t equals = text_find(argument, '=');
        if (equals == SIZE_MAX || equals == 0) {
            complain_usage(invocation, "'%s' is not NAME=VALUE", invocation->arguments[i]);
            return false;
        }
        const char *name = text_to_z(invocation->arena, text_slice(argument, 0, equals));
        json_t *value = value_of(name, argument.data + equals + 1, numbers);
        if (!value) {
            complain_usage(invocation, "%s: a whole number is wanted", name);
            return false;
        }
        json_object_set_new(payload, name, value);
        json_array_append_new(fields, json_string(name));
    }
    return true;
}

int account_update(struct invocation *invocation)
{
    static const char *const numbers[] = {"quota_bytes", "quota_messages", NULL};
    const char *name = invocation->arguments[0];
    json_t *payload = json_pack("{so}", "ref", act_ref(name));

    if (!account_read_assignments(invocation, 1, numbers, payload)) {
        json_decref(payload);
        return EX_USAGE;
    }
    return act_send(invocation, ACT_ACCOUNT, name, "UpdateAccount", payload, NULL);
}

static int delete_one(struct invocation *invocation)
{
    const char *name = invocation->arguments[0];

    return act_send(invocation, ACT_ACCOUNT, name, "DeleteAccount",
                    json_pack("{so ss}", "ref", act_ref(name), "mode",
                              option_given(invocation, "purge") ? "PURGE" : "SOFT"),
                    NULL);
}

int account_delete(struct invocation *invocation)
{
    return act_one_or_many(invocation, 1, delete_one, account_bulk_delete);
}

int account_restore(struct invocation *invocation)
{
    const char *name = invocation->arguments[0];

    return act_send(invocation, ACT_ACCOUNT, name, "RestoreAccount",
                    json_pack("{so}", "ref", act_ref(name)), NULL);
}

/* As vsetuserquota: an address, or a domain for all of its accounts. The worker judges the quota.
 */
static int quota_one(struct invocation *invocation)
{
    const char *name = invocation->arguments[0];
    bool is_account = strchr(name, '@') || !strchr(name, '.');
    json_t *payload = json_pack("{ss ss ss*}", "scope", is_account ? "ACCOUNT" : "DOMAIN", "quota",
                                invocation->arguments[1], "domain", is_account ? NULL : name);

    if (is_account)
        json_object_set_new(payload, "ref", act_ref(name));
    return act_send(invocation, is_account ? ACT_ACCOUNT : ACT_DOMAIN, name, "SetQuota", payload,
                    NULL);
}

int account_quota(struct invocation *invocation)
{
    return act_one_or_many(invocation, 2, quota_one, account_bulk_quota);
}

static int status_one(struct invocation *invocation)
{
    const char *name = invocation->arguments[0];
    const char *reason = option_value(invocation, "reason");
    json_t *payload =
        json_pack("{so ss}", "ref", act_ref(name), "status", invocation->arguments[1]);

    if (reason)
        json_object_set_new(payload, "reason", json_string(reason));
    return act_send(invocation, ACT_ACCOUNT, name, "SetAccountStatus", payload, NULL);
}

int account_status(struct invocation *invocation)
{
    return act_one_or_many(invocation, 2, status_one, account_bulk_status);
}
