#include "wire/load.h"

#include <string.h>

#include "base/arena.h"
#include "wire/load_groups.h"
#include "wire/postgres.h"
#include "wire/rows.h"

/* Kept from batch to batch. A lane has one thread. */
static struct array arrays[3];

static void take_context(void *set, void *row)
{
    working_set_add_context(set, row);
}

static void take_domain(void *set, void *row)
{
    struct domain *domain = row;
    domain->live_accounts = INT_NULL;
    working_set_add_domain(set, domain);
}

static void take_account(void *set, void *row)
{
    working_set_add_account(set, row);
}

static void take_service(void *set, void *row)
{
    struct service *service = row;
    working_set_add_service(set, service);
    struct account *account = working_set_uuid(set, &service->account_uuid);
    if (account)
        account->provisioned |= service->service;
}

static void take_recovery(void *set, void *row)
{
    struct recovery *recovery = row;
    working_set_add_recovery(set, recovery);
    struct account *account = working_set_uuid(set, &recovery->account_uuid);
    if (account) {
        account->recovery_question = recovery->question;
        account->recovery_answer = recovery->answer;
    }
}

/* The locked row of a limited domain replaces what was read before it was locked. */
static void take_locked_domain(void *opaque, void *row)
{
    struct working_set *set = opaque;
    struct domain *locked = row, *domain = working_set_domain(set, locked->name);
    if (!domain)
        return;
    *domain = *locked;
    domain->live_accounts = INT_NULL;
    domain->usage_known = true;
}

/* --- first: what the keys name ------------------------------------------------------------------
 */

static enum status send_texts(struct postgres *pg, const char *statement, struct texts texts,
                              struct error *err)
{
    array_begin(&arrays[0], ARRAY_TEXT);
    for (size_t i = 0; i < texts.count; i++)
        array_add_text(&arrays[0], texts.items[i]);
    struct param param = array_param(&arrays[0]);
    return postgres_send(pg, statement, &param, 1, err);
}

/* The members that are not in `more`, which is locked harder and loaded by itself. */
static struct texts sorted_without(const struct key_set *set, const struct key_set *more,
                                   struct arena *arena)
{
    struct texts sorted = key_set_sorted(set, arena);
    size_t kept = 0;
    for (size_t i = 0; i < sorted.count; i++) {
        if (!key_set_has(more, sorted.items[i]))
            sorted.items[kept++] = sorted.items[i];
    }
    sorted.count = kept;
    return sorted;
}

static enum status send_named(struct postgres *pg, const struct key_set *locked,
                              const char *locked_statement, const struct key_set *relied,
                              const char *relied_statement, struct arena *arena, struct error *err)
{
    enum status status = STATUS_OK;
    if (locked->map.count)
        status = send_texts(pg, locked_statement, key_set_sorted(locked, arena), err);
    struct texts rest = sorted_without(relied, locked, arena);
    if (status == STATUS_OK && rest.count)
        status = send_texts(pg, relied_statement, rest, err);
    return status;
}

static enum status read_named(struct postgres *pg, const struct key_set *locked,
                              const struct key_set *relied, const struct noun *noun,
                              rows_take *take, struct working_set *set, struct error *err)
{
    enum status status = STATUS_OK;
    if (locked->map.count)
        status = rows_read(pg, noun, set->arena, take, set, err);
    if (status == STATUS_OK && sorted_without(relied, locked, set->arena).count)
        status = rows_read(pg, noun, set->arena, take, set, err);
    return status;
}

static struct uuid key_uuid(struct text key)
{
    struct uuid uuid;
    memcpy(uuid.bytes, key.data, sizeof uuid.bytes);
    return uuid;
}

static bool wants_accounts(const struct keys *keys)
{
    return keys->addresses.map.count || keys->uuids.map.count || keys->account_ids.map.count;
}

static enum status send_accounts(struct postgres *pg, const struct keys *keys, bool is_locked,
                                 struct error *err)
{
    if (!wants_accounts(keys))
        return STATUS_OK;
    struct texts addresses = key_set_sorted(&keys->addresses, keys->arena);
    struct texts uuids = key_set_sorted(&keys->uuids, keys->arena);
    struct texts ids = key_set_sorted(&keys->account_ids, keys->arena);
    array_begin(&arrays[0], ARRAY_TEXT);
    array_begin(&arrays[1], ARRAY_UUID);
    array_begin(&arrays[2], ARRAY_INT8);
    for (size_t i = 0; i < addresses.count; i++)
        array_add_text(&arrays[0], addresses.items[i]);
    for (size_t i = 0; i < uuids.count; i++) {
        struct uuid uuid = key_uuid(uuids.items[i]);
        array_add_uuid(&arrays[1], &uuid);
    }
    for (size_t i = 0; i < ids.count; i++)
        array_add_int(&arrays[2], key_number(ids.items[i]));
    struct param params[] = {array_param(&arrays[0]), array_param(&arrays[1]),
                             array_param(&arrays[2])};
    return postgres_send(pg, is_locked ? "load_accounts_locked" : "load_accounts", params, 3, err);
}

enum status load_send(struct postgres *pg, const struct keys *keys, bool is_locked,
                      struct error *err)
{
    enum status status = send_named(pg, &keys->contexts_locked, "load_contexts_locked",
                                    &keys->contexts, "load_contexts", keys->arena, err);
    if (status == STATUS_OK)
        status = send_named(pg, &keys->domains_locked, "load_domains_locked", &keys->domains,
                            "load_domains", keys->arena, err);
    if (status == STATUS_OK)
        status = load_groups_send(pg, keys, err);
    if (status == STATUS_OK)
        status = send_accounts(pg, keys, is_locked, err);
    return status;
}

static enum status read_first(struct postgres *pg, const struct keys *keys, struct working_set *set,
                              struct error *err)
{
    enum status status = read_named(pg, &keys->contexts_locked, &keys->contexts, &context_noun,
                                    take_context, set, err);
    if (status == STATUS_OK)
        status = read_named(pg, &keys->domains_locked, &keys->domains, &domain_noun, take_domain,
                            set, err);
    if (status == STATUS_OK)
        status = load_groups_read(pg, keys, set, err);
    if (status == STATUS_OK && wants_accounts(keys))
        status = rows_read(pg, &account_noun, set->arena, take_account, set, err);
    if (status == STATUS_OK && keys->account_ids.map.count)
        working_set_number_accounts(set);
    return status;
}

/* --- then: what the rows ask for ----------------------------------------------------------------
 */

/* Domains of accounts that were named by uuid. */
static struct texts domains_of_accounts(const struct working_set *set)
{
    struct keys missing;
    keys_init(&missing, set->arena, set->account_rows.count);
    for (size_t i = 0; i < set->account_rows.count; i++) {
        const struct account *account = (const struct account *)set->account_rows.items[i];
        if (!working_set_domain(set, account->domain))
            keys_domain(&missing, account->domain);
    }
    return key_set_sorted(&missing.domains, set->arena);
}

static enum status send_belongings(struct postgres *pg, const struct working_set *set,
                                   struct error *err)
{
    array_begin(&arrays[0], ARRAY_UUID);
    for (size_t i = 0; i < set->account_rows.count; i++)
        array_add_uuid(&arrays[0], &((const struct account *)set->account_rows.items[i])->uuid);
    struct param param = array_param(&arrays[0]);
    enum status status = postgres_send(pg, "load_services", &param, 1, err);
    if (status == STATUS_OK)
        status = postgres_send(pg, "load_recoveries", &param, 1, err);
    return status;
}

static void take_usage(const struct result *result, struct working_set *set)
{
    for (int row = 0; row < result_rows(result); row++) {
        struct domain *domain = working_set_domain(set, result_text(result, row, 0));
        if (!domain)
            continue;
        domain->live_accounts = result_int(result, row, 1);
        domain->used_accounts = result_int(result, row, 2);
        domain->used_quota_bytes = result_int(result, row, 3);
        domain->used_messages = result_int(result, row, 4);
        domain->overriding_quota_bytes = result_int(result, row, 5);
        domain->overriding_messages = result_int(result, row, 6);
        domain->overriding_bytes_unlimited = result_int(result, row, 7);
        domain->overriding_messages_unlimited = result_int(result, row, 8);
    }
}

/* A locked domain without accounts has no row in the count. */
static void expect_usage(const struct keys *keys, struct working_set *set)
{
    for (size_t i = 0; i < keys->domains_locked.map.count; i++) {
        struct domain *domain = working_set_domain(set, keys->domains_locked.map.entries[i].key);
        if (!domain)
            continue;
        domain->usage_known = true;
        domain->live_accounts = 0;
        domain->used_accounts = domain->used_quota_bytes = domain->used_messages = 0;
    }
}

static enum status read_usage(struct postgres *pg, struct working_set *set, struct error *err)
{
    struct result *result;
    enum status status = postgres_result(pg, &result, err);
    if (status == STATUS_OK) {
        take_usage(result, set);
        result_close(result);
    }
    return status;
}

static enum status load_second(struct postgres *pg, const struct keys *keys,
                               struct working_set *set, struct error *err)
{
    struct texts domains = domains_of_accounts(set);
    bool belongings = keys->belongings && set->account_rows.count > 0;
    bool counts = keys->domains_locked.map.count > 0;
    if (!belongings && !domains.count && !counts && !load_members_wanted(keys, set))
        return STATUS_OK;
    enum status status = STATUS_OK;
    if (belongings)
        status = send_belongings(pg, set, err);
    if (status == STATUS_OK && domains.count)
        status = send_texts(pg, "load_domains", domains, err);
    if (status == STATUS_OK && counts)
        status = send_texts(pg, "load_domain_usage",
                            key_set_sorted(&keys->domains_locked, keys->arena), err);
    if (status == STATUS_OK)
        status = load_members_send(pg, keys, set, err);
    if (status == STATUS_OK)
        status = postgres_sync(pg, err);
    if (status == STATUS_OK && belongings)
        status = rows_read(pg, &service_noun, set->arena, take_service, set, err);
    if (status == STATUS_OK && belongings)
        status = rows_read(pg, &recovery_noun, set->arena, take_recovery, set, err);
    if (status == STATUS_OK && domains.count)
        status = rows_read(pg, &domain_noun, set->arena, take_domain, set, err);
    expect_usage(keys, set);
    if (status == STATUS_OK && counts)
        status = read_usage(pg, set, err);
    if (status == STATUS_OK)
        status = load_members_read(pg, keys, set, err);
    return status == STATUS_OK ? postgres_drain(pg, err) : status;
}

/* Domains that turned out to have limits, and are not locked harder already. */
static enum status load_limited(struct postgres *pg, struct working_set *set, struct error *err)
{
    struct keys limited;
    keys_init(&limited, set->arena, set->domain_rows.count);
    for (size_t i = 0; i < set->domain_rows.count; i++) {
        const struct domain *domain = (const struct domain *)set->domain_rows.items[i];
        if (domain_is_limited(domain) && !domain->usage_known)
            keys_domain(&limited, domain->name);
    }
    if (limited.domains.map.count == 0)
        return STATUS_OK;
    enum status status =
        send_texts(pg, "load_domains_limited", key_set_sorted(&limited.domains, set->arena), err);
    if (status == STATUS_OK)
        status = postgres_sync(pg, err);
    if (status == STATUS_OK)
        status = rows_read(pg, &domain_noun, set->arena, take_locked_domain, set, err);
    return status == STATUS_OK ? postgres_drain(pg, err) : status;
}

enum status load_read(struct postgres *pg, const struct keys *keys, struct working_set *set,
                      struct error *err)
{
    enum status status = read_first(pg, keys, set, err);
    if (status == STATUS_OK)
        status = postgres_drain(pg, err);
    if (status == STATUS_OK)
        status = load_second(pg, keys, set, err);
    if (status == STATUS_OK)
        status = load_limited(pg, set, err);
    return status;
}
