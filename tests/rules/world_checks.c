#include "world_checks.h"

#include "check.h"
#include "domain/account_events.h"
#include "domain/usage.h"

static int64_t quota(int64_t given)
{
    return given == INT_NULL ? 0 : given;
}

static int64_t add(int64_t a, int64_t b)
{
    int64_t sum;
    return __builtin_add_overflow(a, b, &sum) ? INT64_MAX : sum;
}

struct usage_counts world_count_usage(const struct world *world, struct text domain)
{
    struct usage_counts counts = {0};
    const struct rows *rows = &world->tables[WORLD_ACCOUNTS].rows;
    for (size_t i = 0; i < rows->count; i++) {
        const struct account *a = (const struct account *)rows->items[i];
        if (!text_equal(a->domain, domain) || !account_is_live(a))
            continue;
        counts.live++;
        bool overrides = a->flags & FLAG_OVERRIDE_LIMITS;
        int64_t *bytes = overrides ? &counts.overriding_bytes : &counts.bytes;
        int64_t *messages = overrides ? &counts.overriding_messages : &counts.messages;
        counts.used += !overrides;
        *bytes = add(*bytes, quota(a->quota_bytes));
        *messages = add(*messages, quota(a->quota_messages));
        counts.overriding_bytes_unlimited += overrides && quota(a->quota_bytes) == 0;
        counts.overriding_messages_unlimited += overrides && quota(a->quota_messages) == 0;
    }
    return counts;
}

/* Above 8 EiB the counts are not exact, and stay so until an event for the domain (usage.c). */
static void check_domain(struct world *world, const struct domain *domain)
{
    const struct usage_counts counts = world_count_usage(world, domain->name);
    if (counts.bytes == INT64_MAX || counts.messages == INT64_MAX)
        world->is_beyond_counting = true;
    if (!domain_is_limited(domain) || world->is_beyond_counting)
        return;
    assert_int_equal(domain->used_accounts, counts.used);
    assert_int_equal(domain->used_quota_bytes, counts.bytes);
    assert_int_equal(domain->used_messages, counts.messages);
}

static void check_context(const struct world *world, const struct context *context)
{
    int64_t count = 0;
    const struct rows *domains = &world->tables[WORLD_DOMAINS].rows;
    for (size_t i = 0; i < domains->count; i++)
        count += text_equal(((const struct domain *)domains->items[i])->context, context->name);
    assert_int_equal(context->domain_count, count);
}

static void check_account(const struct world *world, const struct account *a)
{
    const struct rows *rows = &world->tables[WORLD_ACCOUNTS].rows;
    for (size_t i = 0; i < rows->count; i++) {
        const struct account *b = (const struct account *)rows->items[i];
        bool is_same = text_equal(a->address, b->address) && a->tombstone == b->tombstone;
        assert_true(a == b || !is_same); /* account_address_tombstone */
    }
    assert_true((a->tombstone == 0) == (a->deleted_at == INT_NULL));
    assert_true(a->account_id > 0 && a->version > 0 && a->revision > 0);
    assert_in_range(a->status, 0, ACCOUNT_CLOSED);
    assert_in_range(a->services, 0, SERVICES_ALL);
    assert_in_range(a->flags, 0, FLAGS_ALL);
    assert_true(a->quota_bytes == INT_NULL || a->quota_bytes >= 0);
    assert_true(a->quota_messages == INT_NULL || a->quota_messages >= 0);
    assert_non_null(a->mailbox_type.data);
    assert_in_range(a->autoreply_enabled, 0, 1);
    assert_true(a->created_at != INT_NULL && a->updated_at != INT_NULL);
}

static void check_service(const struct world *world, const struct service *service)
{
    const struct rows *accounts = &world->tables[WORLD_ACCOUNTS].rows;
    size_t i = 0;
    while (i < accounts->count &&
           !uuid_equal(&((const struct account *)accounts->items[i])->uuid, &service->account_uuid))
        i++;
    assert_true(i < accounts->count);
    /* What exists is wanted: deprovisioning takes both away. */
    assert_true(((const struct account *)accounts->items[i])->services & service->service);
    assert_true(service->service_id > 0);
}

static bool has_account(const struct world *world, const struct member *member)
{
    const struct rows *accounts = &world->tables[WORLD_ACCOUNTS].rows;
    for (size_t i = 0; i < accounts->count; i++) {
        const struct account *account = (const struct account *)accounts->items[i];
        if (uuid_equal(&account->uuid, &member->account_uuid))
            return text_equal(account->context, member->context);
    }
    return false;
}

static bool has_group(const struct world *world, const struct member *member)
{
    const struct rows *groups = &world->tables[WORLD_GROUPS].rows;
    for (size_t i = 0; i < groups->count; i++) {
        const struct group *group = (const struct group *)groups->items[i];
        if (group->number == member->number && text_equal(group->context, member->context))
            return true;
    }
    return false;
}

static void check_member(const struct world *world, const struct member *member)
{
    const struct rows *members = &world->tables[WORLD_MEMBERS].rows;
    assert_true(has_account(world, member) && has_group(world, member));
    for (size_t i = 0; i < members->count; i++) {
        const struct member *other = (const struct member *)members->items[i];
        bool is_same = uuid_equal(&other->account_uuid, &member->account_uuid);
        assert_true(other == member || !(is_same && other->is_own && member->is_own));
    }
}

static void check_group(const struct world *world, const struct group *group)
{
    const struct rows *groups = &world->tables[WORLD_GROUPS].rows;
    assert_true(group->number > 0 && group->version > 0 && group->name.len > 0);
    for (size_t i = 0; i < groups->count; i++) {
        const struct group *other = (const struct group *)groups->items[i];
        assert_true(other == group || !text_equal(other->context, group->context) ||
                    !text_equal(other->name, group->name)); /* mail_group_name */
    }
}

void world_check(struct world *world)
{
    const struct table *tables = world->tables;
    for (size_t i = 0; i < tables[WORLD_CONTEXTS].rows.count; i++)
        check_context(world, (const struct context *)tables[WORLD_CONTEXTS].rows.items[i]);
    for (size_t i = 0; i < tables[WORLD_DOMAINS].rows.count; i++)
        check_domain(world, (const struct domain *)tables[WORLD_DOMAINS].rows.items[i]);
    for (size_t i = 0; i < tables[WORLD_ACCOUNTS].rows.count; i++)
        check_account(world, (const struct account *)tables[WORLD_ACCOUNTS].rows.items[i]);
    for (size_t i = 0; i < tables[WORLD_SERVICES].rows.count; i++)
        check_service(world, (const struct service *)tables[WORLD_SERVICES].rows.items[i]);
    for (size_t i = 0; i < tables[WORLD_GROUPS].rows.count; i++)
        check_group(world, (const struct group *)tables[WORLD_GROUPS].rows.items[i]);
    for (size_t i = 0; i < tables[WORLD_MEMBERS].rows.count; i++)
        check_member(world, (const struct member *)tables[WORLD_MEMBERS].rows.items[i]);
}
