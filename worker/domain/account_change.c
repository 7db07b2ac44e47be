/* UpdateAccount, SetPassword, SetAccountStatus (events.md, section 3). */
#include "domain/account_events.h"
#include "domain/domain_events.h"
#include "domain/plan.h"
#include "domain/rights.h"

enum { FLAG_NO_PASSWORD_CHANGE = 0x01 };

#define FIELD(struct_, member, type_, ...)                                                         \
    {                                                                                              \
        .name = #member, .type = (type_), .offset = offsetof(struct struct_, member), __VA_ARGS__  \
    }
#define REF_FIELD(struct_) FIELD(struct_, ref, FIELD_REF, .flags = FIELD_REQUIRED)

const struct field update_account_fields[] = {
    REF_FIELD(update_account),
    FIELD(update_account, fields, FIELD_TEXTS, .max = FIELDS_MAX),
    {.name = "attributes",
     .type = FIELD_INLINE,
     .offset = offsetof(struct update_account, attributes),
     .fields = account_attribute_fields},
    {.type = FIELD_END},
};

const struct field set_password_fields[] = {
    REF_FIELD(set_password),
    FIELD(set_password, password, FIELD_SECRET,
          .flags = FIELD_REQUIRED | FIELD_IS_SECRET | FIELD_STORED_HASH),
    {.type = FIELD_END},
};

const struct field set_account_status_fields[] = {
    REF_FIELD(set_account_status),
    FIELD(set_account_status, status, FIELD_ENUM, .flags = FIELD_REQUIRED,
          .symbols = account_status_names),
    FIELD(set_account_status, reason, FIELD_NAME, .flags = FIELD_NULLED_EMPTY),
    {.type = FIELD_END},
};

void update_account_touch(const struct event *event, struct keys *keys)
{
    const struct update_account *update = event->payload;
    keys_ref(keys, &update->ref);
    if (!fields_name(&update->fields, "group"))
        return;
    keys_group(keys, event->context, update->attributes.group);
    keys_memberships(keys);
}

bool update_account_check(struct event *event, const struct policy *policy, struct arena *arena)
{
    enum { SHOWN_MAX = 80 };
    (void)policy;
    const struct update_account *update = event->payload;
    struct text unknown = attributes_unknown(&update->fields);
    if (text_is_null(unknown))
        return true;
    struct text shown = text_quote(arena, unknown, SHOWN_MAX);
    return fault_set(&event->fault, arena, CODE_INVALID_FIELD,
                     "fields names %.*s, which UpdateAccount cannot set", TEXT_ARG(shown));
}

/* A quota that is cleared is what a new account gets: the domain's default (rulings.md, 26 and 29).
 */
static void patch(struct plan *plan, const struct update_account *update, struct account *account)
{
    const struct account_attributes *given = &update->attributes;
    attributes_patch(given, &update->fields, account);
    const struct domain *domain = working_set_domain(plan->set, account->domain);
    if (!domain)
        return;
    if (given->quota_bytes == INT_NULL && fields_name(&update->fields, "quota_bytes"))
        account->quota_bytes = domain->default_quota_bytes;
    if (given->quota_messages == INT_NULL && fields_name(&update->fields, "quota_messages"))
        account->quota_messages = domain->default_quota_messages;
}

enum outcome_status update_account_rule(struct plan *plan, const struct event *event,
                                        struct outcome *outcome)
{
    const struct update_account *update = event->payload;
    struct account *account = account_require(plan, &update->ref, outcome);
    if (!account)
        return OUTCOME_REJECTED;
    if (fields_name(&update->fields, "group") &&
        group_is_missing(plan, update->attributes.group, outcome))
        return OUTCOME_REJECTED;
    if (plan_version_differs(plan, account->version, outcome))
        return OUTCOME_REJECTED;

    struct account patched = *account;
    patch(plan, update, &patched);
    if (account_exceeds(plan, account, &patched, outcome))
        return OUTCOME_REJECTED;
    bool changes_group = fields_name(&update->fields, "group");
    if (changes_group)
        account_know_group(account);
    plan_edit(plan, &account->row);
    patch(plan, update, account);
    if (changes_group)
        account_change_group(plan, account, update->attributes.group);
    return OUTCOME_APPLIED;
}

enum outcome_status set_password_rule(struct plan *plan, const struct event *event,
                                      struct outcome *outcome)
{
    const struct set_password *set = event->payload;
    struct account *account = account_require(plan, &set->ref, outcome);
    if (!account)
        return OUTCOME_REJECTED;
    if (account->flags & FLAG_NO_PASSWORD_CHANGE && rights_is_user(event))
        return plan_forbid(plan, outcome, "the account's user may not change the password");
    if (plan_version_differs(plan, account->version, outcome))
        return OUTCOME_REJECTED;
    plan_edit(plan, &account->row);
    account->password = password_to_store(event, &set->password);
    outcome->generated_password = event->prepared.sealed_password;
    return OUTCOME_APPLIED;
}

enum outcome_status set_account_status_rule(struct plan *plan, const struct event *event,
                                            struct outcome *outcome)
{
    const struct set_account_status *set = event->payload;
    struct account *account = account_require(plan, &set->ref, outcome);
    if (!account || plan_version_differs(plan, account->version, outcome))
        return OUTCOME_REJECTED;
    plan_edit(plan, &account->row);
    account->status = set->status;
    account->status_reason = set->reason;
    return OUTCOME_APPLIED;
}
