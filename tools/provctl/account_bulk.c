#include "account_bulk.h"

#include <string.h>

#include "account.h"
#include "act.h"
#include "bulk.h"
#include "domain/quota.h"

static json_t *fail(struct error *err, json_t *payload, const char *message)
{
    json_decref(payload);
    error_set(err, STATUS_FATAL, NULL, "%s", message);
    return NULL;
}

/* A hash as it is; a password in clear is sealed or hashed. False when it cannot be. */
static bool put_password(struct invocation *invocation, const struct csv *csv, json_t *payload)
{
    const char *hash = csv_field(csv, "hash");
    const char *plain = csv_field(csv, "password");
    json_t *password = json_null();

    if (hash)
        password = account_given_hash(invocation->arena, hash);
    else if (plain)
        password = account_hide_password(invocation, text_from(plain));
    json_object_set_new(payload, "password", password);
    return password != NULL;
}

static bool put_number(const struct csv *csv, const char *name, json_t *payload)
{
    const char *text = csv_field(csv, name);
    int64_t number = 0;

    if (!text)
        return true;
    if (!text_to_int64(text_from(text), &number))
        return false;
    json_object_set_new(payload, name, json_integer(number));
    return true;
}

static const char *const add_columns[] = {
    "address",   "hash",     "password", "first_name",   "last_name",    "department",
    "telephone", "group",    "forward",  "comment",      "mailbox_type", "storage_node",
    "quota",     "services", "flags",    "service_mode", NULL,
};

static json_t *add_payload(struct invocation *invocation, const struct csv *csv, struct error *err)
{
    static const char *const texts[] = {"address",      "first_name",   "last_name",   "department",
                                        "telephone",    "group",        "forward",     "comment",
                                        "mailbox_type", "storage_node", "service_mode"};
    const char *quota_text = csv_field(csv, "quota");
    json_t *payload = json_object();
    struct quota quota;

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        const char *text = csv_field(csv, texts[i]);
        if (text)
            json_object_set_new(payload, texts[i], json_string(text));
    }
    if (!put_number(csv, "services", payload) || !put_number(csv, "flags", payload))
        return fail(err, payload, "services and flags are whole numbers");
    if (quota_text && !quota_parse(text_from(quota_text), &quota))
        return fail(err, payload, "quota: write NOQUOTA, bytes, 100M, 5000C, or 100000000S,5000C");
    if (quota_text) {
        json_object_set_new(payload, "quota_bytes", json_integer(quota.bytes));
        json_object_set_new(payload, "quota_messages", json_integer(quota.messages));
    }
    if (!put_password(invocation, csv, payload))
        return fail(err, payload, "the password cannot be hashed or sealed");
    return payload;
}

int account_bulk_add(struct invocation *invocation)
{
    return bulk_send(invocation, "CreateAccount", add_columns, add_payload);
}

static json_t *ref_of(const struct csv *csv)
{
    const char *address = csv_field(csv, "address");

    return act_ref(address ? address : "");
}

static json_t *delete_payload(struct invocation *invocation, const struct csv *csv,
                              struct error *err)
{
    (void)err;
    return json_pack("{so ss}", "ref", ref_of(csv), "mode",
                     option_given(invocation, "purge") ? "PURGE" : "SOFT");
}

int account_bulk_delete(struct invocation *invocation)
{
    static const char *const columns[] = {"address", NULL};

    return bulk_send(invocation, "DeleteAccount", columns, delete_payload);
}

static json_t *quota_payload(struct invocation *invocation, const struct csv *csv,
                             struct error *err)
{
    (void)invocation;
    if (!csv_field(csv, "quota"))
        return fail(err, NULL, "the quota is empty");
    return json_pack("{ss so ss}", "scope", "ACCOUNT", "ref", ref_of(csv), "quota",
                     csv_field(csv, "quota"));
}

int account_bulk_quota(struct invocation *invocation)
{
    static const char *const columns[] = {"address", "quota", NULL};

    return bulk_send(invocation, "SetQuota", columns, quota_payload);
}

static json_t *status_payload(struct invocation *invocation, const struct csv *csv,
                              struct error *err)
{
    (void)invocation;
    if (!csv_field(csv, "status"))
        return fail(err, NULL, "the status is empty");
    return json_pack("{so ss ss?}", "ref", ref_of(csv), "status", csv_field(csv, "status"),
                     "reason", csv_field(csv, "reason"));
}

int account_bulk_status(struct invocation *invocation)
{
    static const char *const columns[] = {"address", "status", "reason", NULL};

    return bulk_send(invocation, "SetAccountStatus", columns, status_payload);
}

static json_t *password_payload(struct invocation *invocation, const struct csv *csv,
                                struct error *err)
{
    json_t *payload = json_pack("{so}", "ref", ref_of(csv));

    if (!csv_field(csv, "hash") && !csv_field(csv, "password"))
        return fail(err, payload, "neither hash nor password is given");
    return put_password(invocation, csv, payload)
               ? payload
               : fail(err, payload, "the password cannot be hashed or sealed");
}

int account_bulk_password(struct invocation *invocation)
{
    static const char *const columns[] = {"address", "hash", "password", NULL};

    return bulk_send(invocation, "SetPassword", columns, password_payload);
}
