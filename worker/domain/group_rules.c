/* SetGroupMembers and ChangeGroupMembers (events.md, section 5; rulings.md, 39 and 42). */
#include "domain/group_events.h"

#include <stdlib.h>

#include "base/arena.h"
#include "domain/account.h"
#include "domain/plan.h"

#define FIELD(struct_, member, type_, ...)                                                         \
    {                                                                                              \
        .name = #member, .type = (type_), .offset = offsetof(struct struct_, member), __VA_ARGS__  \
    }
/* 0 is everybody: nobody can be put into it or taken out of it. */
#define GROUP_FIELD(struct_)                                                                       \
    FIELD(struct_, group, FIELD_INT, .flags = FIELD_REQUIRED, .min = 1, .max = INT32_MAX)

const struct field set_group_members_fields[] = {
    GROUP_FIELD(set_group_members),
    FIELD(set_group_members, name, FIELD_NAME, .flags = FIELD_NULLED_EMPTY),
    FIELD(set_group_members, members, FIELD_TEXTS, .max = USERS_MAX),
    {.type = FIELD_END},
};

const struct field change_group_members_fields[] = {
    GROUP_FIELD(change_group_members),
    FIELD(change_group_members, add, FIELD_TEXTS, .max = USERS_MAX),
    FIELD(change_group_members, remove, FIELD_TEXTS, .max = USERS_MAX),
    {.type = FIELD_END},
};

/* --- members come and go ------------------------------------------------------------------------
 */

struct member *group_join(struct plan *plan, struct group *group, const struct account *account,
                          bool is_own)
{
    struct member *member = working_set_member(plan->set, &account->uuid, group->number);
    if (!member) {
        member = plan_new(plan, &member_noun);
        member->context = group->context;
        member->number = group->number;
        member->account_uuid = account->uuid;
        member->address = account->address;
        member->created_at = plan->event->occurred_at;
        working_set_add_member(plan->set, member);
    }
    if (is_own && member->is_own != 1) {
        plan_edit(plan, &member->row);
        member->is_own = 1;
    }
    return member;
}

/* What the event does to one account, for the result and the change log. */
static void note(struct plan *plan, struct outcome *outcome, const struct member *member,
                 struct text address, const char *what)
{
    struct outcome_items *items = &outcome->items;
    items->total++;
    items->applied += what != NULL;
    items->unchanged += what == NULL;
    if (what)
        outcome->members[outcome->member_count++] =
            (struct outcome_member){member, member->row.is_gone};
    if (items->count == OUTCOME_ITEMS_SHOWN_MAX)
        return;
    enum outcome_status done =
        plan->event->mode == MODE_DRY_RUN ? OUTCOME_PLANNED : OUTCOME_APPLIED;
    items->items[items->count++] = (struct outcome_item){
        .object = address,
        .status = what ? done : OUTCOME_NO_CHANGE,
        .message = what ? text_from(what) : TEXT_NULL,
    };
}

static void count_one(int64_t *count)
{
    *count = *count == INT_NULL ? 1 : *count + 1;
}

static void add_one(struct plan *plan, struct group *group, const struct account *account,
                    struct outcome *outcome)
{
    struct member *member = working_set_member(plan->set, &account->uuid, group->number);
    bool is_new = !member;
    if (is_new) {
        member = group_join(plan, group, account, false);
        count_one(&group->members_added);
    }
    note(plan, outcome, member, account->address, is_new ? "added" : NULL);
}

static void remove_one(struct plan *plan, struct group *group, struct member *member,
                       struct text address, struct outcome *outcome)
{
    if (member) {
        plan_remove(plan, &member->row);
        count_one(&group->members_removed);
    }
    note(plan, outcome, member, address, member ? "removed" : NULL);
}

/* The result's target is the group; `count` accounts are about to come and go. */
static void begin(struct plan *plan, struct group *group, size_t count, struct outcome *outcome)
{
    enum { SHOWN = OUTCOME_ITEMS_SHOWN_MAX };
    group->members_added = group->members_removed = INT_NULL;
    plan_edit(plan, &group->row);
    plan->target = &group->row;
    outcome->members = ARENA_ARRAY(plan->arena, struct outcome_member, count);
    outcome->items.items =
        ARENA_ARRAY(plan->arena, struct outcome_item, count < SHOWN ? count : SHOWN);
}

static bool context_is_missing(struct plan *plan, struct outcome *outcome)
{
    if (working_set_context(plan->set, plan->event->context))
        return false;
    plan_reject(plan, outcome, CODE_NO_SUCH_CONTEXT, "there is no such context");
    return true;
}

/* --- SetGroupMembers ----------------------------------------------------------------------------
 */

static struct text name_of_new(const struct set_group_members *set, struct arena *arena)
{
    return set->name.data ? set->name : text_format(arena, "%lld", (long long)set->group);
}

bool set_group_members_check(struct event *event, const struct policy *policy, struct arena *arena)
{
    struct set_group_members *set = event->payload;
    return users_parse(event, "members", &set->members, policy, arena, &set->users);
}

void set_group_members_touch(const struct event *event, struct keys *keys)
{
    const struct set_group_members *set = event->payload;
    keys_context(keys, event->context);
    keys_group_whole(keys, event->context, set->group);
    keys_group(keys, event->context, name_of_new(set, keys->arena));
    users_touch(&set->users, keys);
}

static bool name_is_taken(struct plan *plan, const struct group *group, struct text name,
                          struct outcome *outcome)
{
    const struct group *other = working_set_group(plan->set, plan->event->context, name);
    if (!other || other == group)
        return false;
    plan_reject(plan, outcome, CODE_ALREADY_EXISTS, "the name is that of group %lld",
                (long long)other->number);
    return true;
}

static struct group *make_group(struct plan *plan, int64_t number, struct text name)
{
    struct group *group = plan_new(plan, &group_noun);
    group->context = working_set_context(plan->set, plan->event->context)->name;
    group->number = number;
    group->name = name;
    group->created_at = plan->event->occurred_at;
    working_set_add_group(plan->set, group);
    return group;
}

static int compare_members(const void *a, const void *b)
{
    const struct member *x = *(const struct member *const *)a;
    const struct member *y = *(const struct member *const *)b;
    int order = text_compare(x->address, y->address);
    return order ? order : uuid_compare(&x->account_uuid, &y->account_uuid);
}

/* Who is in the group and not in the list, sorted: the list of members has no order. */
static struct member **members_leaving(struct plan *plan, const struct group *group,
                                       const struct user_accounts *accounts, size_t *ret_count)
{
    size_t count = 0;
    for (const struct member *m = group->members; m; m = m->next_of_group)
        count++;
    struct member **leaving = ARENA_ARRAY(plan->arena, struct member *, count);
    count = 0;
    for (struct member *m = group->members; m; m = m->next_of_group) {
        if (member_is_there(m) && !user_accounts_have(accounts, &m->account_uuid))
            leaving[count++] = m;
    }
    if (count)
        qsort(leaving, count, sizeof(struct member *), compare_members);
    *ret_count = count;
    return leaving;
}

static void replace_members(struct plan *plan, struct group *group,
                            const struct user_accounts *accounts, struct outcome *outcome)
{
    size_t leaving_count;
    struct member **leaving = members_leaving(plan, group, accounts, &leaving_count);
    begin(plan, group, accounts->count + leaving_count, outcome);
    for (size_t i = 0; i < accounts->count; i++)
        add_one(plan, group, accounts->items[i], outcome);
    for (size_t i = 0; i < leaving_count; i++)
        remove_one(plan, group, leaving[i], leaving[i]->address, outcome);
}

enum outcome_status set_group_members_rule(struct plan *plan, const struct event *event,
                                           struct outcome *outcome)
{
    const struct set_group_members *set = event->payload;
    struct user_accounts accounts;
    if (context_is_missing(plan, outcome))
        return OUTCOME_REJECTED;
    struct group *group = working_set_group_numbered(plan->set, event->context, set->group);
    if (group)
        plan->target = &group->row;
    if (!users_require(plan, &set->users, &set->members, outcome, &accounts) ||
        plan_version_differs(plan, group ? group->version : 0, outcome))
        return OUTCOME_REJECTED;
    struct text name = group ? set->name : name_of_new(set, plan->arena);
    if (name.data && name_is_taken(plan, group, name, outcome))
        return OUTCOME_REJECTED;
    if (group && group->members_loaded > GROUP_MEMBERS_MAX)
        return plan_reject(plan, outcome, CODE_LIMIT_EXCEEDED,
                           "the group has more than %d members: use ChangeGroupMembers",
                           GROUP_MEMBERS_MAX);
    if (!group)
        group = make_group(plan, set->group, name);
    replace_members(plan, group, &accounts, outcome);
    if (name.data && !text_equal(group->name, name)) {
        group->name = name;
        working_set_rename_group(plan->set, group);
    }
    return OUTCOME_APPLIED;
}

/* --- ChangeGroupMembers -------------------------------------------------------------------------
 */

bool change_group_members_check(struct event *event, const struct policy *policy,
                                struct arena *arena)
{
    struct change_group_members *change = event->payload;
    return users_parse(event, "add", &change->add, policy, arena, &change->adding) &&
           users_parse(event, "remove", &change->remove, policy, arena, &change->removing) &&
           users_differ(event, &change->adding, &change->removing, arena);
}

void change_group_members_touch(const struct event *event, struct keys *keys)
{
    const struct change_group_members *change = event->payload;
    keys_context(keys, event->context);
    keys_group_numbered(keys, event->context, change->group);
    keys_memberships(keys);
    users_touch(&change->adding, keys);
    users_touch(&change->removing, keys);
}

/* By whatever name: bob@example.org may be 4. */
static bool both_ways(struct plan *plan, const struct user_accounts *adding,
                      const struct user_accounts *removing, struct outcome *outcome)
{
    for (size_t i = 0; i < removing->count; i++) {
        if (!user_accounts_have(adding, &removing->items[i]->uuid))
            continue;
        plan_reject(plan, outcome, CODE_INVALID_FIELD, "%.*s is both added and removed",
                    TEXT_ARG(removing->items[i]->address));
        return true;
    }
    return false;
}

enum outcome_status change_group_members_rule(struct plan *plan, const struct event *event,
                                              struct outcome *outcome)
{
    const struct change_group_members *change = event->payload;
    struct user_accounts adding, removing;
    if (context_is_missing(plan, outcome))
        return OUTCOME_REJECTED;
    struct group *group = working_set_group_numbered(plan->set, event->context, change->group);
    if (!group)
        return plan_reject(plan, outcome, CODE_NO_SUCH_GROUP, "the context has no group %lld",
                           (long long)change->group);
    plan->target = &group->row;
    if (!users_require(plan, &change->adding, &change->add, outcome, &adding) ||
        !users_require(plan, &change->removing, &change->remove, outcome, &removing) ||
        both_ways(plan, &adding, &removing, outcome) ||
        plan_version_differs(plan, group->version, outcome))
        return OUTCOME_REJECTED;
    begin(plan, group, adding.count + removing.count, outcome);
    for (size_t i = 0; i < adding.count; i++)
        add_one(plan, group, adding.items[i], outcome);
    for (size_t i = 0; i < removing.count; i++)
        remove_one(plan, group,
                   working_set_member(plan->set, &removing.items[i]->uuid, group->number),
                   removing.items[i]->address, outcome);
    return OUTCOME_APPLIED;
}
