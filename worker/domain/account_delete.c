/* DeleteAccount and RestoreAccount (events.md, section 3; rulings.md, 27). */
#include "domain/account_events.h"
#include "domain/plan.h"
#include "domain/usage.h"

#define FIELD(struct_, member, type_, ...)                                                         \
    {                                                                                              \
        .name = #member, .type = (type_), .offset = offsetof(struct struct_, member), __VA_ARGS__  \
    }

const struct field delete_account_fields[] = {
    FIELD(delete_account, ref, FIELD_REF, .flags = FIELD_REQUIRED),
    FIELD(delete_account, mode, FIELD_ENUM, .symbols = delete_mode_names, .has_fallback = true,
          .fallback = DELETE_SOFT),
    {.type = FIELD_END},
};

const struct field restore_account_fields[] = {
    FIELD(restore_account, ref, FIELD_REF, .flags = FIELD_REQUIRED),
    {.type = FIELD_END},
};

void delete_account_touch(const struct event *event, struct keys *keys)
{
    const struct delete_account *delete = event->payload;
    keys_ref(keys, &delete->ref);
    if (delete->mode == DELETE_PURGE)
        keys_memberships(keys);
}

/* The deleted account that `ref` names in the event's context, or NULL. */
static struct account *find_deleted(struct plan *plan, const struct ref *ref)
{
    struct account *account = uuid_is_nil(&ref->uuid)
                                  ? working_set_last_deleted(plan->set, ref->address)
                                  : working_set_uuid(plan->set, &ref->uuid);
    return account && !account_is_live(account) ? account_in_context(plan, account) : NULL;
}

static bool is_catch_all(struct plan *plan, const struct account *account)
{
    const struct domain *domain = working_set_domain(plan->set, account->domain);
    return account_is_live(account) && domain && text_equal(domain->catch_all, account->address);
}

static enum outcome_status purge(struct plan *plan, struct account *account)
{
    plan->action = CHANGE_PURGE;
    account_know_group(account);
    account_remove_belongings(plan, account);
    plan_remove(plan, &account->row);
    return OUTCOME_APPLIED;
}

static enum outcome_status bury(struct plan *plan, struct account *account)
{
    plan->action = CHANGE_DELETE;
    plan_edit(plan, &account->row);
    account->deleted_at = plan->event->occurred_at;
    account->purge_at = plan->event->occurred_at + plan->policy->grace_period_us;
    return OUTCOME_APPLIED;
}

/* Deleting what is gone succeeds, unless the sender is sure of a version. */
static enum outcome_status never_seen(struct plan *plan, struct outcome *outcome)
{
    int64_t expected = plan->event->expected_version;
    if (expected != INT_NULL && expected != 0)
        return plan_reject(plan, outcome, CODE_NO_SUCH_ACCOUNT,
                           "there is no such account in the context");
    return plan_no_change(plan, outcome, CODE_NO_SUCH_ACCOUNT,
                          "there is no such account in the context");
}

enum outcome_status delete_account_rule(struct plan *plan, const struct event *event,
                                        struct outcome *outcome)
{
    const struct delete_account *delete = event->payload;
    if (ref_contradicts(plan, &delete->ref, outcome))
        return OUTCOME_REJECTED;
    struct account *account = account_find(plan, &delete->ref);
    if (!account)
        account = find_deleted(plan, &delete->ref);
    if (!account)
        return never_seen(plan, outcome);
    account_is_target(plan, account, outcome);
    if (plan_version_differs(plan, account->version, outcome))
        return OUTCOME_REJECTED;
    if (!account_is_live(account) && delete->mode == DELETE_SOFT)
        return plan_no_change(plan, outcome, CODE_NONE, NULL);
    if (is_catch_all(plan, account))
        return plan_reject(plan, outcome, CODE_CATCHALL_IN_USE,
                           "the account is the catch-all of %.*s: name another one first",
                           TEXT_ARG(account->domain));
    return delete->mode == DELETE_PURGE ? purge(plan, account) : bury(plan, account);
}

enum outcome_status restore_account_rule(struct plan *plan, const struct event *event,
                                         struct outcome *outcome)
{
    const struct restore_account *restore = event->payload;
    if (ref_contradicts(plan, &restore->ref, outcome))
        return OUTCOME_REJECTED;
    struct account *account = account_find(plan, &restore->ref);
    bool is_live = account != NULL;
    if (!account)
        account = find_deleted(plan, &restore->ref);
    if (!account || (!is_live && !account_is_reserved(account, event->occurred_at)))
        return plan_reject(plan, outcome, CODE_NO_SUCH_ACCOUNT,
                           "there is no such account to restore in the context");
    account_is_target(plan, account, outcome);
    const struct domain *domain = working_set_domain(plan->set, account->domain);
    if (!domain || !text_equal(domain->context, event->context))
        return plan_reject(plan, outcome, CODE_NO_SUCH_DOMAIN, "the context has no domain %.*s",
                           TEXT_ARG(account->domain));
    if (plan_version_differs(plan, account->version, outcome))
        return OUTCOME_REJECTED;
    if (is_live)
        return plan_no_change(plan, outcome, CODE_NONE, NULL);
    if (working_set_live(plan->set, account->address))
        return plan_reject(plan, outcome, CODE_ALREADY_EXISTS,
                           "another account has the address now");
    struct account restored = *account;
    restored.deleted_at = INT_NULL;
    if (usage_exceeds(plan, domain, account, &restored, outcome))
        return OUTCOME_REJECTED;
    plan->action = CHANGE_RESTORE;
    plan_edit(plan, &account->row);
    account->deleted_at = account->purge_at = INT_NULL;
    return OUTCOME_APPLIED;
}
