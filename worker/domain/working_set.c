#include "domain/working_set.h"

#include <string.h>

#include "base/arena.h"
#include "domain/keys.h"

void working_set_init(struct working_set *set, struct arena *arena, size_t expected)
{
    enum { FEW = 16 };
    *set = (struct working_set){.arena = arena};
    map_init(&set->contexts, arena, FEW);
    map_init(&set->domains, arena, FEW);
    map_init(&set->groups, arena, FEW);
    map_init(&set->accounts_by_address, arena, expected);
    map_init(&set->accounts_by_uuid, arena, expected);
}

void rows_add(struct rows *rows, struct arena *arena, struct row *row)
{
    enum { FIRST_CAPACITY = 64 };
    if (rows->count == rows->capacity) {
        size_t capacity = rows->capacity ? rows->capacity * 2 : FIRST_CAPACITY;
        struct row **items = ARENA_ARRAY(arena, struct row *, capacity);
        if (rows->count)
            memcpy(items, rows->items, rows->count * sizeof *items);
        rows->items = items;
        rows->capacity = capacity;
    }
    rows->items[rows->count++] = row;
}

static struct text uuid_key(const struct uuid *uuid)
{
    return (struct text){(const char *)uuid->bytes, sizeof uuid->bytes};
}

void working_set_add_context(struct working_set *set, struct context *context)
{
    map_put(&set->contexts, context->name, context);
    rows_add(&set->context_rows, set->arena, &context->row);
}

void working_set_add_domain(struct working_set *set, struct domain *domain)
{
    map_put(&set->domains, domain->name, domain);
    rows_add(&set->domain_rows, set->arena, &domain->row);
}

void working_set_add_group(struct working_set *set, struct group *group)
{
    map_put(&set->groups, group_key(set->arena, group->context, group->name), group);
    rows_add(&set->group_rows, set->arena, &group->row);
}

void working_set_add_account(struct working_set *set, struct account *account)
{
    struct map_entry *entry = map_slot(&set->accounts_by_address, account->address);
    account->next_of_address = entry->value;
    entry->value = account;
    map_put(&set->accounts_by_uuid, uuid_key(&account->uuid), account);
    rows_add(&set->account_rows, set->arena, &account->row);
}

static int service_index(int64_t bit)
{
    return bit == SERVICE_MAIL ? 0 : bit == SERVICE_CALENDAR ? 1 : 2;
}

void working_set_add_service(struct working_set *set, struct service *service)
{
    struct account *account = map_get(&set->accounts_by_uuid, uuid_key(&service->account_uuid));
    if (!account)
        return;
    account->service[service_index(service->service)] = service;
    rows_add(&set->service_rows, set->arena, &service->row);
}

void working_set_add_recovery(struct working_set *set, struct recovery *recovery)
{
    struct account *account = map_get(&set->accounts_by_uuid, uuid_key(&recovery->account_uuid));
    if (!account)
        return;
    account->recovery = recovery;
    rows_add(&set->recovery_rows, set->arena, &recovery->row);
}

struct context *working_set_context(const struct working_set *set, struct text name)
{
    struct context *context = map_get(&set->contexts, name);
    return context && !context->row.is_gone ? context : NULL;
}

struct domain *working_set_domain(const struct working_set *set, struct text name)
{
    struct domain *domain = map_get(&set->domains, name);
    return domain && !domain->row.is_gone ? domain : NULL;
}

struct group *working_set_group(const struct working_set *set, struct text context,
                                struct text name)
{
    struct group *group = map_get(&set->groups, group_key(set->arena, context, name));
    return group && !group->row.is_gone ? group : NULL;
}

struct account *working_set_live(const struct working_set *set, struct text address)
{
    struct account *account = map_get(&set->accounts_by_address, address);
    while (account && (account->row.is_gone || !account_is_live(account)))
        account = account->next_of_address;
    return account;
}

struct account *working_set_last_deleted(const struct working_set *set, struct text address)
{
    struct account *last = NULL;
    for (struct account *a = map_get(&set->accounts_by_address, address); a;
         a = a->next_of_address) {
        if (a->row.is_gone || account_is_live(a))
            continue;
        /* Of two that were deleted at the same instant always the same one, in whatever order they
         * came. */
        if (!last || a->deleted_at > last->deleted_at ||
            (a->deleted_at == last->deleted_at && uuid_compare(&a->uuid, &last->uuid) > 0))
            last = a;
    }
    return last;
}

struct account *working_set_uuid(const struct working_set *set, const struct uuid *uuid)
{
    struct account *account = map_get(&set->accounts_by_uuid, uuid_key(uuid));
    return account && !account->row.is_gone ? account : NULL;
}
