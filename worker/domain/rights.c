#include "domain/rights.h"

#include "domain/account.h"
#include "domain/kind.h"
#include "domain/plan.h"

static bool source_may_say_system(const struct policy *policy, struct text source)
{
    if (policy->system_sources.count == 0)
        return true;
    for (size_t i = 0; i < policy->system_sources.count; i++) {
        if (text_equal(policy->system_sources.items[i], source))
            return true;
    }
    return false;
}

/* An actor is named by address or by uuid. */
static bool actor_is(const struct event *event, const struct account *account)
{
    struct uuid uuid;
    if (text_equal_nocase(event->actor->id, account->address))
        return true;
    return uuid_parse(event->actor->id, &uuid) && uuid_equal(&uuid, &account->uuid);
}

static bool is_own_account(struct plan *plan, const struct event *event)
{
    const struct account *account = event->kind->target ? event->kind->target(plan, event) : NULL;
    return account && text_equal(account->context, event->context) && actor_is(event, account);
}

bool rights_is_user(const struct event *event)
{
    return event->actor->kind == ACTOR_USER;
}

/* Roles are granted by events of section 6; without a grant an admin has no right. */
bool rights_allow(struct plan *plan, const struct event *event)
{
    switch ((enum actor_kind)event->actor->kind) {
    case ACTOR_SYSTEM:
        return source_may_say_system(plan->policy, event->source);
    case ACTOR_USER:
        return event->kind->right == RIGHT_OWN && is_own_account(plan, event);
    case ACTOR_GROUP_ADMIN:
    case ACTOR_MAILBOX_ADMIN:
        break;
    }
    return false;
}
