/* What the rules about accounts have in common. */
#include "domain/account_events.h"
#include "domain/group_events.h"
#include "domain/password.h"
#include "domain/plan.h"
#include "domain/usage.h"

void ref_touch(const struct event *event, struct keys *keys)
{
    const struct ref *ref = event->payload;
    keys_ref(keys, ref);
}

struct account *account_in_context(struct plan *plan, struct account *account)
{
    return account && text_equal(account->context, plan->event->context) ? account : NULL;
}

struct account *account_find(struct plan *plan, const struct ref *ref)
{
    struct account *account = uuid_is_nil(&ref->uuid) ? working_set_live(plan->set, ref->address)
                                                      : working_set_uuid(plan->set, &ref->uuid);
    return account && account_is_live(account) ? account_in_context(plan, account) : NULL;
}

bool ref_contradicts(struct plan *plan, const struct ref *ref, struct outcome *outcome)
{
    if (text_is_null(ref->address) || uuid_is_nil(&ref->uuid))
        return false;
    struct account *named = account_in_context(plan, working_set_uuid(plan->set, &ref->uuid));
    bool differs =
        named ? !text_equal(named->address, ref->address)
              : account_in_context(plan, working_set_live(plan->set, ref->address)) != NULL;
    if (differs)
        plan_reject(plan, outcome, CODE_INVALID_FIELD,
                    "address and uuid of ref are of different accounts: give one of them");
    return differs;
}

const struct account *ref_target(struct plan *plan, const struct event *event)
{
    return account_find(plan, event->payload);
}

struct account *account_require(struct plan *plan, const struct ref *ref, struct outcome *outcome)
{
    if (ref_contradicts(plan, ref, outcome))
        return NULL;
    struct account *account = account_find(plan, ref);
    if (account) {
        account_is_target(plan, account, outcome);
        return account;
    }
    plan_reject(plan, outcome, CODE_NO_SUCH_ACCOUNT, "there is no such account in the context");
    return NULL;
}

void account_is_target(struct plan *plan, struct account *account, struct outcome *outcome)
{
    outcome->account = account;
    plan->target = &account->row;
}

bool group_is_missing(struct plan *plan, struct text group, struct outcome *outcome)
{
    enum { SHOWN_MAX = 80 };
    if (text_is_null(group) || working_set_group(plan->set, plan->event->context, group))
        return false;
    struct text shown = text_quote(plan->arena, group, SHOWN_MAX);
    plan_reject(plan, outcome, CODE_NO_SUCH_GROUP, "the context has no group %.*s",
                TEXT_ARG(shown));
    return true;
}

void account_know_group(struct account *account)
{
    const struct member *own = account_own_membership(account);
    account->group_number = own ? own->number : INT_NULL;
}

void account_change_group(struct plan *plan, struct account *account, struct text name)
{
    struct group *group =
        name.data ? working_set_group(plan->set, plan->event->context, name) : NULL;
    struct member *own = account_own_membership(account);
    if (own && !(group && group->number == own->number))
        plan_remove(plan, &own->row);
    if (group)
        group_join(plan, group, account, true);
    account->group_number = group ? group->number : INT_NULL;
}

bool account_exceeds(struct plan *plan, const struct account *before, const struct account *after,
                     struct outcome *outcome)
{
    const struct domain *domain = working_set_domain(plan->set, before->domain);
    return domain && usage_exceeds(plan, domain, before, after, outcome);
}

static void provision_one(struct plan *plan, struct account *account, int64_t bit)
{
    struct service *service = plan_new(plan, &service_noun);
    service->account_uuid = account->uuid;
    service->service = bit;
    service->active = true;
    service->created_at = plan->event->occurred_at;
    working_set_add_service(plan->set, service);
}

void services_provision(struct plan *plan, struct account *account, int64_t bits)
{
    int64_t missing = bits & ~account->provisioned;
    if (!missing)
        return;
    plan_edit(plan, &account->row);
    for (int i = 0; i < SERVICE_COUNT; i++) {
        if (missing & 1 << i)
            provision_one(plan, account, 1 << i);
    }
    account->provisioned |= missing;
}

void services_remove(struct plan *plan, struct account *account, int64_t bits)
{
    plan_edit(plan, &account->row);
    for (int i = 0; i < SERVICE_COUNT; i++) {
        struct service *service = account->service[i];
        if (bits & 1 << i && service && !service->row.is_gone)
            plan_remove(plan, &service->row);
    }
    account->provisioned &= ~bits;
}

void account_remove_belongings(struct plan *plan, struct account *account)
{
    services_remove(plan, account, SERVICES_ALL);
    if (account->recovery && !account->recovery->row.is_gone)
        plan_remove(plan, &account->recovery->row);
    for (struct member *m = account->memberships; m; m = m->next_of_account) {
        if (member_is_there(m))
            plan_remove(plan, &m->row);
    }
}

struct text password_to_store(const struct event *event, const struct secret *secret)
{
    if (event->prepared.password_hash.data)
        return event->prepared.password_hash;
    return secret->type == SECRET_HASH ? secret->hash : TEXT_NULL;
}
