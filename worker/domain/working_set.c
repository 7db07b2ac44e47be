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
    map_init(&set->groups_by_number, arena, FEW);
    map_init(&set->members, arena, FEW);
    map_init(&set->accounts_by_id, arena, FEW);
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
    if (working_set_group_numbered(set, group->context, group->number))
        return;
    group->owner = working_set_context(set, group->context);
    map_put(&set->groups_by_number, group_number_key(set->arena, group->context, group->number),
            group);
    working_set_rename_group(set, group);
    rows_add(&set->group_rows, set->arena, &group->row);
}

/* What is found under a former name is recognised by the name it has (working_set_group). */
void working_set_rename_group(struct working_set *set, struct group *group)
{
    map_put(&set->groups, group_key(set->arena, group->context, group->name), group);
}

/* An account is in one context only, and so is a group of it. */
struct member_key {
    struct uuid account;
    int64_t number;
};

static struct text member_key(const struct member_key *key)
{
    return (struct text){(const char *)key, sizeof *key};
}

void working_set_add_member(struct working_set *set, struct member *member)
{
    struct account *account = map_get(&set->accounts_by_uuid, uuid_key(&member->account_uuid));
    struct group *group = working_set_group_numbered(set, member->context, member->number);
    if (working_set_member(set, &member->account_uuid, member->number))
        return;
    struct member_key *key = ARENA_NEW(set->arena, struct member_key);
    *key = (struct member_key){member->account_uuid, member->number};
    map_put(&set->members, member_key(key), member);
    member->owner = working_set_context(set, member->context);
    if (account) {
        member->next_of_account = account->memberships;
        account->memberships = member;
    }
    if (group) {
        member->next_of_group = group->members;
        group->members = member;
    }
    rows_add(&set->member_rows, set->arena, &member->row);
}

void working_set_number_accounts(struct working_set *set)
{
    for (size_t i = 0; i < set->account_rows.count; i++) {
        struct account *account = (struct account *)set->account_rows.items[i];
        map_put(&set->accounts_by_id, number_key(&account->account_id), account);
    }
}

static void drop_orphan(struct row *row, const struct context *owner)
{
    if (!owner || !owner->row.is_gone)
        return;
    row->is_dirty = false;
    row->is_gone = row->is_gone || row->is_new;
}

void working_set_drop_orphans(struct working_set *set)
{
    for (size_t i = 0; i < set->group_rows.count; i++)
        drop_orphan(set->group_rows.items[i],
                    ((const struct group *)set->group_rows.items[i])->owner);
    for (size_t i = 0; i < set->member_rows.count; i++)
        drop_orphan(set->member_rows.items[i],
                    ((const struct member *)set->member_rows.items[i])->owner);
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
    return group_is_there(group) && text_equal(group->name, name) ? group : NULL;
}

struct group *working_set_group_numbered(const struct working_set *set, struct text context,
                                         int64_t number)
{
    struct group *group =
        map_get(&set->groups_by_number, group_number_key(set->arena, context, number));
    return group_is_there(group) ? group : NULL;
}

struct member *working_set_member(const struct working_set *set, const struct uuid *account,
                                  int64_t number)
{
    const struct member_key key = {*account, number};
    struct member *member = map_get(&set->members, member_key(&key));
    return member_is_there(member) ? member : NULL;
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

struct account *working_set_account_id(const struct working_set *set, int64_t id)
{
    struct account *account = map_get(&set->accounts_by_id, number_key(&id));
    return account && !account->row.is_gone ? account : NULL;
}
