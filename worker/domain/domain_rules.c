/* CreateDomain, UpdateDomain, DeleteDomain (events.md, section 3; rulings.md, 35 and 36). */
#include "domain/domain_events.h"
#include "domain/fanout.h"
#include "domain/plan.h"
#include "domain/usage.h"

#define FIELD(struct_, member, type_, ...)                                                         \
    {                                                                                              \
        .name = #member, .type = (type_), .offset = offsetof(struct struct_, member), __VA_ARGS__  \
    }

#define DOMAIN_SETTINGS                                                                            \
    FIELD(domain_given, default_services, FIELD_INT, .max = SERVICES_ALL),                         \
        FIELD(domain_given, default_quota_bytes, FIELD_INT, .max = INT64_MAX),                     \
        FIELD(domain_given, default_quota_messages, FIELD_INT, .max = INT64_MAX),                  \
        FIELD(domain_given, limits, FIELD_RECORD, .fields = limits_fields,                         \
              .size = sizeof(struct limits)),                                                      \
        FIELD(domain_given, catch_all, FIELD_ADDRESS),                                             \
        FIELD(domain_given, status, FIELD_ENUM, .symbols = account_status_names)

const struct field create_domain_fields[] = {
    FIELD(domain_given, domain, FIELD_DOMAIN, .flags = FIELD_REQUIRED),
    DOMAIN_SETTINGS,
    {.type = FIELD_END},
};

const struct field update_domain_fields[] = {
    FIELD(domain_given, domain, FIELD_DOMAIN, .flags = FIELD_REQUIRED),
    FIELD(domain_given, fields, FIELD_TEXTS, .max = FIELDS_MAX),
    DOMAIN_SETTINGS,
    {.type = FIELD_END},
};

const struct field delete_domain_fields[] = {
    FIELD(delete_domain, domain, FIELD_DOMAIN, .flags = FIELD_REQUIRED),
    FIELD(delete_domain, cascade, FIELD_BOOL, .has_fallback = true),
    {.type = FIELD_END},
};

static const struct limits no_limits = {INT_NULL, INT_NULL, INT_NULL, 0};

/* The domain's row and its context's count of domains change: both are locked. */
void domain_touch(const struct event *event, struct keys *keys)
{
    const struct text *name = event->payload; /* the first member of each payload */
    keys_context_locked(keys, event->context);
    keys_domain_locked(keys, *name);
    if (event->kind->fields == delete_domain_fields)
        return;
    const struct domain_given *given = event->payload;
    if (given->catch_all.data)
        keys_address(keys, given->catch_all);
}

bool update_domain_check(struct event *event, const struct policy *policy, struct arena *arena)
{
    static const char *const allowed[] = {"default_services",
                                          "default_quota_bytes",
                                          "default_quota_messages",
                                          "limits",
                                          "catch_all",
                                          "status",
                                          NULL};
    (void)policy;
    const struct domain_given *given = event->payload;
    return fields_check(&given->fields, allowed, "UpdateDomain", arena, &event->fault);
}

struct domain *domain_make(struct plan *plan, struct context *context, struct text name)
{
    struct domain *domain = plan_new(plan, &domain_noun);
    domain->name = name;
    domain->context = context->name;
    domain->limits = context->limits;
    domain->live_accounts = 0;
    domain->usage_known = true;
    domain->created_at = plan->event->occurred_at;
    working_set_add_domain(plan->set, domain);
    plan_edit(plan, &context->row);
    context->domain_count++;
    return domain;
}

struct domain *domain_require(struct plan *plan, struct text name, struct outcome *outcome)
{
    struct domain *domain = working_set_domain(plan->set, name);
    if (domain && text_equal(domain->context, plan->event->context)) {
        plan->target = &domain->row;
        return domain;
    }
    plan_reject(plan, outcome, CODE_NO_SUCH_DOMAIN, "the context has no domain %.*s",
                TEXT_ARG(name));
    return NULL;
}

/* A catch-all must be a live account of the domain. */
static bool catch_all_is_missing(struct plan *plan, const struct domain_given *given,
                                 struct outcome *outcome)
{
    if (text_is_null(given->catch_all))
        return false;
    const struct account *account = working_set_live(plan->set, given->catch_all);
    if (account && text_equal(account->domain, given->domain) &&
        text_equal(account->context, plan->event->context))
        return false;
    plan_reject(plan, outcome, CODE_NO_SUCH_ACCOUNT,
                "catch_all must be a live account of the domain");
    return true;
}

static bool differs(int64_t given, int64_t present)
{
    return given != INT_NULL && given != present;
}

static bool same_domain(const struct domain *domain, const struct domain_given *given)
{
    return !differs(given->default_services, domain->default_services) &&
           !differs(given->default_quota_bytes, domain->default_quota_bytes) &&
           !differs(given->default_quota_messages, domain->default_quota_messages) &&
           !differs(given->status, domain->status) &&
           (!given->limits || limits_equal(given->limits, &domain->limits)) &&
           (text_is_null(given->catch_all) || text_equal(given->catch_all, domain->catch_all));
}

static enum outcome_status compare_with(struct plan *plan, const struct domain *domain,
                                        const struct domain_given *given, struct outcome *outcome)
{
    if (same_domain(domain, given))
        return plan_no_change(plan, outcome, CODE_NONE, NULL);
    return plan_reject(plan, outcome, CODE_ALREADY_EXISTS,
                       "the domain exists with other settings: use UpdateDomain");
}

enum outcome_status create_domain_rule(struct plan *plan, const struct event *event,
                                       struct outcome *outcome)
{
    const struct domain_given *given = event->payload;
    struct context *context = working_set_context(plan->set, event->context);
    if (!context)
        return plan_reject(plan, outcome, CODE_NO_SUCH_CONTEXT, "there is no such context");
    if (catch_all_is_missing(plan, given, outcome))
        return OUTCOME_REJECTED;
    struct domain *domain = working_set_domain(plan->set, given->domain);
    bool is_ours = domain && text_equal(domain->context, event->context);
    if (plan_version_differs(plan, is_ours ? domain->version : 0, outcome))
        return OUTCOME_REJECTED;
    if (domain && !is_ours)
        return plan_reject(plan, outcome, CODE_ALREADY_EXISTS, "the domain name is taken");
    if (domain) {
        plan->target = &domain->row;
        return compare_with(plan, domain, given, outcome);
    }
    domain = domain_make(plan, context, given->domain);
    domain->default_services = given->default_services;
    domain->default_quota_bytes = given->default_quota_bytes;
    domain->default_quota_messages = given->default_quota_messages;
    if (given->limits)
        domain->limits = *given->limits;
    if (given->status != INT_NULL)
        domain->status = given->status;
    plan->target = &domain->row;
    return OUTCOME_APPLIED;
}

static void patch(const struct domain_given *given, struct domain *domain)
{
    const struct texts *fields = &given->fields;
    if (fields_name(fields, "default_services"))
        domain->default_services = given->default_services;
    if (fields_name(fields, "default_quota_bytes"))
        domain->default_quota_bytes = given->default_quota_bytes;
    if (fields_name(fields, "default_quota_messages"))
        domain->default_quota_messages = given->default_quota_messages;
    if (fields_name(fields, "limits"))
        domain->limits = given->limits ? *given->limits : no_limits;
    if (fields_name(fields, "catch_all"))
        domain->catch_all = given->catch_all;
    if (fields_name(fields, "status"))
        domain->status = given->status == INT_NULL ? ACCOUNT_ACTIVE : given->status;
}

enum outcome_status update_domain_rule(struct plan *plan, const struct event *event,
                                       struct outcome *outcome)
{
    const struct domain_given *given = event->payload;
    struct domain *domain = domain_require(plan, given->domain, outcome);
    if (!domain)
        return OUTCOME_REJECTED;
    if (fields_name(&given->fields, "catch_all") && catch_all_is_missing(plan, given, outcome))
        return OUTCOME_REJECTED;
    if (plan_version_differs(plan, domain->version, outcome))
        return OUTCOME_REJECTED;
    plan_edit(plan, &domain->row);
    patch(given, domain);
    return OUTCOME_APPLIED;
}

bool delete_domain_fans_out(const struct event *event)
{
    const struct delete_domain *delete = event->payload;
    return delete->cascade == 1;
}

/* The same as worker/sql/fanout_delete.sql does. */
static void bury(const struct fanout *fanout, struct account *account)
{
    account->deleted_at = fanout->occurred_at;
    account->purge_at = fanout->occurred_at + fanout->numbers[0];
}

static struct fanout *delete_accounts(struct plan *plan, const struct domain *domain)
{
    struct fanout *fanout = fanout_new(plan, "fanout_delete", bury, CHANGE_DELETE, domain);
    fanout->numbers[0] = plan->policy->grace_period_us;
    fanout->number_count = 1;
    return fanout;
}

enum outcome_status delete_domain_rule(struct plan *plan, const struct event *event,
                                       struct outcome *outcome)
{
    const struct delete_domain *delete = event->payload;
    struct domain *domain = working_set_domain(plan->set, delete->domain);
    if (domain && !text_equal(domain->context, event->context))
        domain = NULL;
    int64_t expected = event->expected_version;
    if (!domain && expected != INT_NULL && expected != 0)
        return plan_reject(plan, outcome, CODE_NO_SUCH_DOMAIN, "the context has no such domain");
    if (!domain)
        return plan_no_change(plan, outcome, CODE_NO_SUCH_DOMAIN, "the context has no such domain");
    plan->target = &domain->row;
    if (plan_version_differs(plan, domain->version, outcome))
        return OUTCOME_REJECTED;
    if (domain->live_accounts > 0 && delete->cascade != 1)
        return plan_reject(plan, outcome, CODE_DOMAIN_NOT_EMPTY,
                           "the domain still has %lld accounts: delete these first, or cascade",
                           (long long)domain->live_accounts);
    if (domain->live_accounts > 0)
        outcome->fanout = delete_accounts(plan, domain);
    struct context *context = working_set_context(plan->set, event->context);
    if (context) {
        plan_edit(plan, &context->row);
        context->domain_count--;
    }
    plan_remove(plan, &domain->row);
    return OUTCOME_APPLIED;
}
