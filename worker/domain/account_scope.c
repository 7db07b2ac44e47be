/* SetQuota and SetFlags: for one account, or for every live account of a domain (events.md, section
 * 3; rulings.md, 26, 35 and 37). */
#include "domain/account_events.h"
#include "domain/domain_events.h"
#include "domain/fanout.h"
#include "domain/plan.h"
#include "domain/quota.h"
#include "domain/usage.h"

#define FIELD(struct_, member, type_, ...)                                                         \
    {                                                                                              \
        .name = #member, .type = (type_), .offset = offsetof(struct struct_, member), __VA_ARGS__  \
    }
#define SCOPE_FIELDS(struct_)                                                                      \
    FIELD(struct_, scope, FIELD_ENUM, .symbols = fanout_scope_names, .has_fallback = true,         \
          .fallback = SCOPE_ACCOUNT),                                                              \
        FIELD(struct_, ref, FIELD_REF), FIELD(struct_, domain, FIELD_DOMAIN)

/* The numbers have no range here: set_quota_check says INVALID_QUOTA. */
const struct field set_quota_fields[] = {
    SCOPE_FIELDS(set_quota),
    FIELD(set_quota, bytes, FIELD_INT),
    FIELD(set_quota, messages, FIELD_INT),
    FIELD(set_quota, quota, FIELD_TEXT, .flags = FIELD_NULLED_EMPTY),
    {.type = FIELD_END},
};

const struct field set_flags_fields[] = {
    SCOPE_FIELDS(set_flags),
    FIELD(set_flags, set_mask, FIELD_INT, .max = FLAGS_ALL, .has_fallback = true),
    FIELD(set_flags, clear_mask, FIELD_INT, .max = FLAGS_ALL, .has_fallback = true),
    FIELD(set_flags, clear_all, FIELD_BOOL, .has_fallback = true),
    {.type = FIELD_END},
};

/* --- the scope ----------------------------------------------------------------------------------
 */

bool scope_check(struct event *event, int64_t scope, const struct ref *ref, struct text domain,
                 struct arena *arena)
{
    bool has_ref = ref->address.data || !uuid_is_nil(&ref->uuid);
    bool is_account = scope == SCOPE_ACCOUNT;
    if (is_account ? !has_ref : !domain.data)
        return fault_set(&event->fault, arena, CODE_MISSING_FIELD,
                         is_account ? "ref is empty: scope ACCOUNT needs it"
                                    : "domain is empty: scope DOMAIN needs it");
    if (is_account ? domain.data != NULL : has_ref)
        return fault_set(&event->fault, arena, CODE_INVALID_FIELD,
                         is_account ? "domain is given with scope ACCOUNT"
                                    : "ref is given with scope DOMAIN");
    return true;
}

struct domain *scope_domain(struct plan *plan, struct text name, struct outcome *outcome)
{
    struct domain *domain = domain_require(plan, name, outcome);
    plan->target = NULL;
    return domain;
}

static void scope_touch(int64_t scope, const struct ref *ref, struct text domain, struct keys *keys)
{
    if (scope == SCOPE_DOMAIN)
        keys_domain_locked(keys, domain);
    else
        keys_ref(keys, ref);
}

/* --- SetQuota -----------------------------------------------------------------------------------
 */

bool set_quota_check(struct event *event, const struct policy *policy, struct arena *arena)
{
    enum { SHOWN_MAX = 80 };
    (void)policy;
    struct set_quota *set = event->payload;
    struct quota parsed;
    bool has_numbers = set->bytes != INT_NULL || set->messages != INT_NULL;
    if (!scope_check(event, set->scope, &set->ref, set->domain, arena))
        return false;
    if (!has_numbers && !set->quota.data)
        return fault_set(&event->fault, arena, CODE_MISSING_FIELD,
                         "no quota is given: bytes, messages or quota is required");
    if (has_numbers && set->quota.data)
        return fault_set(&event->fault, arena, CODE_INVALID_QUOTA,
                         "quota is given together with bytes or messages: give one of them");
    if (has_numbers)
        return ((set->bytes == INT_NULL || set->bytes >= 0) &&
                (set->messages == INT_NULL || set->messages >= 0)) ||
               fault_set(&event->fault, arena, CODE_INVALID_QUOTA,
                         "bytes or messages is below 0: 0 is unlimited");
    if (!quota_parse(set->quota, &parsed)) {
        struct text shown = text_quote(arena, set->quota, SHOWN_MAX);
        return fault_set(&event->fault, arena, CODE_INVALID_QUOTA,
                         "quota %.*s is none of NOQUOTA, N, NB, NK, NKB, NM, NMB, NS, NC, or NS,NC",
                         TEXT_ARG(shown));
    }
    set->bytes = parsed.bytes;
    set->messages = parsed.messages;
    return true;
}

void set_quota_touch(const struct event *event, struct keys *keys)
{
    const struct set_quota *set = event->payload;
    scope_touch(set->scope, &set->ref, set->domain, keys);
}

bool set_quota_fans_out(const struct event *event)
{
    return ((const struct set_quota *)event->payload)->scope == SCOPE_DOMAIN;
}

/* Numbers set only what is given. */
static void put_quota(int64_t bytes, int64_t messages, struct account *account)
{
    if (bytes != INT_NULL)
        account->quota_bytes = bytes;
    if (messages != INT_NULL)
        account->quota_messages = messages;
}

/* The same as worker/sql/fanout_quota.sql does. */
static void edit_quota(const struct fanout *fanout, struct account *account)
{
    put_quota(fanout->numbers[0], fanout->numbers[1], account);
}

static enum outcome_status set_domain_quota(struct plan *plan, const struct set_quota *set,
                                            struct outcome *outcome)
{
    struct domain *domain = scope_domain(plan, set->domain, outcome);
    if (!domain || usage_set_quotas(plan, domain, set->bytes, set->messages, outcome))
        return OUTCOME_REJECTED;
    outcome->fanout = fanout_new(plan, "fanout_quota", edit_quota, CHANGE_UPDATE, domain);
    outcome->fanout->numbers[0] = set->bytes;
    outcome->fanout->numbers[1] = set->messages;
    outcome->fanout->number_count = 2;
    return OUTCOME_APPLIED;
}

enum outcome_status set_quota_rule(struct plan *plan, const struct event *event,
                                   struct outcome *outcome)
{
    const struct set_quota *set = event->payload;
    if (set->scope == SCOPE_DOMAIN)
        return set_domain_quota(plan, set, outcome);
    struct account *account = account_require(plan, &set->ref, outcome);
    if (!account || plan_version_differs(plan, account->version, outcome))
        return OUTCOME_REJECTED;
    struct account changed = *account;
    put_quota(set->bytes, set->messages, &changed);
    if (account_exceeds(plan, account, &changed, outcome))
        return OUTCOME_REJECTED;
    plan_edit(plan, &account->row);
    put_quota(set->bytes, set->messages, account);
    return OUTCOME_APPLIED;
}

/* --- SetFlags -----------------------------------------------------------------------------------
 */

bool set_flags_check(struct event *event, const struct policy *policy, struct arena *arena)
{
    (void)policy;
    const struct set_flags *set = event->payload;
    return scope_check(event, set->scope, &set->ref, set->domain, arena);
}

void set_flags_touch(const struct event *event, struct keys *keys)
{
    const struct set_flags *set = event->payload;
    scope_touch(set->scope, &set->ref, set->domain, keys);
}

bool set_flags_fans_out(const struct event *event)
{
    return ((const struct set_flags *)event->payload)->scope == SCOPE_DOMAIN;
}

/* clear_all, then clear, then set: bits that stay, and bits that are set. */
static int64_t kept_flags(const struct set_flags *set)
{
    return set->clear_all == 1 ? 0 : FLAGS_ALL & ~set->clear_mask;
}

/* The same as worker/sql/fanout_flags.sql does. */
static void edit_flags(const struct fanout *fanout, struct account *account)
{
    account->flags = (account->flags & fanout->numbers[0]) | fanout->numbers[1];
}

static enum outcome_status set_domain_flags(struct plan *plan, const struct set_flags *set,
                                            struct outcome *outcome)
{
    struct domain *domain = scope_domain(plan, set->domain, outcome);
    if (!domain)
        return OUTCOME_REJECTED;
    bool sets = set->set_mask & FLAG_OVERRIDE_LIMITS;
    bool clears = !sets && !(kept_flags(set) & FLAG_OVERRIDE_LIMITS);
    if ((sets || clears) && usage_set_override(plan, domain, sets, outcome))
        return OUTCOME_REJECTED;
    outcome->fanout = fanout_new(plan, "fanout_flags", edit_flags, CHANGE_UPDATE, domain);
    outcome->fanout->numbers[0] = kept_flags(set);
    outcome->fanout->numbers[1] = set->set_mask;
    outcome->fanout->number_count = 2;
    return OUTCOME_APPLIED;
}

enum outcome_status set_flags_rule(struct plan *plan, const struct event *event,
                                   struct outcome *outcome)
{
    const struct set_flags *set = event->payload;
    if (set->scope == SCOPE_DOMAIN)
        return set_domain_flags(plan, set, outcome);
    struct account *account = account_require(plan, &set->ref, outcome);
    if (!account || plan_version_differs(plan, account->version, outcome))
        return OUTCOME_REJECTED;
    struct account changed = *account;
    changed.flags = (account->flags & kept_flags(set)) | set->set_mask;
    if (account_exceeds(plan, account, &changed, outcome))
        return OUTCOME_REJECTED;
    plan_edit(plan, &account->row);
    account->flags = changed.flags;
    return OUTCOME_APPLIED;
}
