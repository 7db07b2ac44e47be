/* CreateContext, UpdateContext, DeleteContext (rulings.md, 12). */
#include "domain/domain_events.h"
#include "domain/plan.h"

#define FIELD(struct_, member, type_, ...)                                                         \
    {                                                                                              \
        .name = #member, .type = (type_), .offset = offsetof(struct struct_, member), __VA_ARGS__  \
    }

const struct field limits_fields[] = {
    FIELD(limits, max_accounts, FIELD_INT, .max = INT64_MAX),
    FIELD(limits, quota_bytes, FIELD_INT, .max = INT64_MAX),
    FIELD(limits, max_messages, FIELD_INT, .max = INT64_MAX),
    FIELD(limits, disabled_protocols, FIELD_MASK, .symbols = protocol_names, .has_fallback = true),
    {.type = FIELD_END},
};

#define LIMITS_FIELD(struct_, member)                                                              \
    FIELD(struct_, member, FIELD_RECORD, .fields = limits_fields, .size = sizeof(struct limits))

const struct field create_context_fields[] = {
    FIELD(context_given, name, FIELD_NAME, .flags = FIELD_REQUIRED),
    FIELD(context_given, domains_on_the_fly, FIELD_BOOL, .has_fallback = true),
    LIMITS_FIELD(context_given, default_limits),
    {.type = FIELD_END},
};

const struct field update_context_fields[] = {
    FIELD(context_given, name, FIELD_NAME, .flags = FIELD_REQUIRED),
    FIELD(context_given, fields, FIELD_TEXTS, .max = FIELDS_MAX),
    FIELD(context_given, domains_on_the_fly, FIELD_BOOL),
    LIMITS_FIELD(context_given, default_limits),
    {.type = FIELD_END},
};

const struct field delete_context_fields[] = {
    FIELD(delete_context, name, FIELD_NAME, .flags = FIELD_REQUIRED),
    {.type = FIELD_END},
};

bool fields_name(const struct texts *fields, const char *name)
{
    for (size_t i = 0; i < fields->count; i++) {
        if (text_equal_z(fields->items[i], name))
            return true;
    }
    return false;
}

static bool is_listed(struct text name, const char *const *list)
{
    while (*list && !text_equal_z(name, *list))
        list++;
    return *list != NULL;
}

bool fields_check(const struct texts *fields, const char *const *allowed, const char *command,
                  struct arena *arena, struct fault *fault)
{
    enum { SHOWN_MAX = 80 };
    for (size_t i = 0; i < fields->count; i++) {
        if (is_listed(fields->items[i], allowed))
            continue;
        struct text shown = text_quote(arena, fields->items[i], SHOWN_MAX);
        return fault_set(fault, arena, CODE_INVALID_FIELD, "fields names %.*s, which %s cannot set",
                         TEXT_ARG(shown), command);
    }
    return true;
}

bool limits_equal(const struct limits *a, const struct limits *b)
{
    return a->max_accounts == b->max_accounts && a->quota_bytes == b->quota_bytes &&
           a->max_messages == b->max_messages && a->disabled_protocols == b->disabled_protocols;
}

static const struct limits no_limits = {INT_NULL, INT_NULL, INT_NULL, 0};

void context_touch(const struct event *event, struct keys *keys)
{
    const struct text *name = event->payload; /* the first member of each payload */
    keys_context_locked(keys, *name);
}

bool update_context_check(struct event *event, const struct policy *policy, struct arena *arena)
{
    static const char *const allowed[] = {"domains_on_the_fly", "default_limits", NULL};
    (void)policy;
    const struct context_given *given = event->payload;
    return fields_check(&given->fields, allowed, "UpdateContext", arena, &event->fault);
}

static bool same_context(const struct context *context, const struct context_given *given)
{
    return context->domains_on_the_fly == given->domains_on_the_fly &&
           (!given->default_limits || limits_equal(&context->limits, given->default_limits));
}

enum outcome_status create_context_rule(struct plan *plan, const struct event *event,
                                        struct outcome *outcome)
{
    const struct context_given *given = event->payload;
    struct context *context = working_set_context(plan->set, given->name);
    if (plan_version_differs(plan, context ? context->version : 0, outcome))
        return OUTCOME_REJECTED;
    if (context) {
        plan->target = &context->row;
        return same_context(context, given)
                   ? plan_no_change(plan, outcome, CODE_NONE, NULL)
                   : plan_reject(plan, outcome, CODE_ALREADY_EXISTS,
                                 "the context exists with other settings: use UpdateContext");
    }
    context = plan_new(plan, &context_noun);
    context->name = given->name;
    context->domains_on_the_fly = given->domains_on_the_fly;
    context->limits = given->default_limits ? *given->default_limits : no_limits;
    context->created_at = event->occurred_at;
    working_set_add_context(plan->set, context);
    plan->target = &context->row;
    return OUTCOME_APPLIED;
}

enum outcome_status update_context_rule(struct plan *plan, const struct event *event,
                                        struct outcome *outcome)
{
    const struct context_given *given = event->payload;
    struct context *context = working_set_context(plan->set, given->name);
    if (!context)
        return plan_reject(plan, outcome, CODE_NO_SUCH_CONTEXT, "there is no such context");
    plan->target = &context->row;
    if (plan_version_differs(plan, context->version, outcome))
        return OUTCOME_REJECTED;
    plan_edit(plan, &context->row);
    if (fields_name(&given->fields, "domains_on_the_fly"))
        context->domains_on_the_fly = given->domains_on_the_fly == 1;
    if (fields_name(&given->fields, "default_limits"))
        context->limits = given->default_limits ? *given->default_limits : no_limits;
    return OUTCOME_APPLIED;
}

enum outcome_status delete_context_rule(struct plan *plan, const struct event *event,
                                        struct outcome *outcome)
{
    const struct delete_context *delete = event->payload;
    struct context *context = working_set_context(plan->set, delete->name);
    int64_t expected = event->expected_version;
    if (!context && expected != INT_NULL && expected != 0)
        return plan_reject(plan, outcome, CODE_NO_SUCH_CONTEXT, "there is no such context");
    if (!context)
        return plan_no_change(plan, outcome, CODE_NO_SUCH_CONTEXT, "there is no such context");
    plan->target = &context->row;
    if (plan_version_differs(plan, context->version, outcome))
        return OUTCOME_REJECTED;
    if (context->domain_count > 0)
        return plan_reject(plan, outcome, CODE_CONTEXT_NOT_EMPTY,
                           "the context still has %lld domains: delete these first",
                           (long long)context->domain_count);
    plan_remove(plan, &context->row);
    return OUTCOME_APPLIED;
}
