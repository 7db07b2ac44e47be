/* CreateAccount (events.md, section 3): the address, its attributes, its service accounts. */
#include "domain/account_events.h"
#include "domain/domain_events.h"
#include "domain/password.h"
#include "domain/plan.h"
#include "domain/usage.h"

#define FIELD(member, type_, ...)                                                                  \
    {                                                                                              \
        .name = #member, .type = (type_), .offset = offsetof(struct recovery_given, member),       \
        __VA_ARGS__                                                                                \
    }

static const struct field recovery_given_fields[] = {
    FIELD(question, FIELD_NAME, .flags = FIELD_REQUIRED),
    FIELD(answer_hash, FIELD_NAME, .flags = FIELD_REQUIRED | FIELD_IS_SECRET,
          .max = PASSWORD_CHARACTERS_MAX),
    {.type = FIELD_END},
};

#undef FIELD
#define FIELD(member, type_, ...)                                                                  \
    {                                                                                              \
        .name = #member, .type = (type_), .offset = offsetof(struct create_account, member),       \
        __VA_ARGS__                                                                                \
    }

const struct field create_account_fields[] = {
    FIELD(address, FIELD_ADDRESS, .flags = FIELD_REQUIRED),
    FIELD(password, FIELD_SECRET, .flags = FIELD_IS_SECRET | FIELD_STORED_HASH),
    {.name = "attributes",
     .type = FIELD_INLINE,
     .offset = offsetof(struct create_account, attributes),
     .fields = account_attribute_fields},
    FIELD(services, FIELD_INT, .max = SERVICES_ALL),
    FIELD(service_mode, FIELD_ENUM, .symbols = service_mode_names),
    FIELD(flags, FIELD_INT, .max = FLAGS_ALL),
    FIELD(recovery, FIELD_RECORD, .fields = recovery_given_fields,
          .size = sizeof(struct recovery_given)),
    {.type = FIELD_END},
};

/* The answer is a hash as a password may be, but never clear text: nobody hashes it afterwards. */
bool create_account_check(struct event *event, const struct policy *policy, struct arena *arena)
{
    const struct create_account *create = event->payload;
    if (!create->recovery)
        return true;
    static const struct field field = {.name = "recovery.answer_hash", .flags = FIELD_IS_SECRET};
    struct policy strict = *policy;
    strict.allow_cleartext = false;
    struct secret answer = {.type = SECRET_HASH, .hash = create->recovery->answer_hash};
    return password_check(&field, &answer, &strict, arena, &event->fault);
}

void create_account_touch(const struct event *event, struct keys *keys)
{
    const struct create_account *create = event->payload;
    keys_context(keys, event->context);
    keys_address(keys, create->address);
    keys_group(keys, event->context, create->attributes.group);
    if (create->attributes.group.data)
        keys_memberships(keys);
}

/* The domain of the address as it is or, where the context allows it, as it is made now. NULL after
 * saying what is missing. */
static struct domain *require_domain(struct plan *plan, struct text name, struct outcome *outcome)
{
    struct context *context = working_set_context(plan->set, plan->event->context);
    if (!context) {
        plan_reject(plan, outcome, CODE_NO_SUCH_CONTEXT, "there is no such context");
        return NULL;
    }
    struct domain *domain = working_set_domain(plan->set, name);
    if (domain && text_equal(domain->context, context->name))
        return domain;
    if (!domain && context->domains_on_the_fly)
        return domain_make(plan, context, name);
    plan_reject(plan, outcome, CODE_NO_SUCH_DOMAIN, "the context has no domain %.*s",
                TEXT_ARG(name));
    return NULL;
}

static struct text also(struct plan *plan, struct text names, const char *name)
{
    return names.len ? text_format(plan->arena, "%.*s, %s", TEXT_ARG(names), name)
                     : text_from(name);
}

/* The group that is named must be the account's own. */
static bool differs_in_group(struct plan *plan, struct text name, const struct account *account)
{
    const struct member *own = account_own_membership(account);
    return name.data &&
           !(own && own->number == working_set_group(plan->set, account->context, name)->number);
}

/* The address has a live account already: the same one, or another. */
static enum outcome_status compare_with(struct plan *plan, const struct create_account *create,
                                        const struct account *account, struct outcome *outcome)
{
    struct text names = attributes_differing(&create->attributes, account, plan->arena);
    if (differs_in_group(plan, create->attributes.group, account))
        names = also(plan, names, "group");
    if (create->service_mode != INT_NULL && create->service_mode != account->service_mode)
        names = also(plan, names, "service_mode");
    if (create->flags != INT_NULL && create->flags != account->flags)
        names = also(plan, names, "flags");
    if (names.len == 0)
        return plan_no_change(plan, outcome, CODE_NONE, NULL);
    return plan_reject(plan, outcome, CODE_ALREADY_EXISTS,
                       "the address has an account already, which differs in: %.*s",
                       TEXT_ARG(names));
}

static int64_t first_of(int64_t a, int64_t b, int64_t c)
{
    return a != INT_NULL ? a : b != INT_NULL ? b : c;
}

static void make_recovery(struct plan *plan, struct account *account,
                          const struct recovery_given *given)
{
    struct recovery *recovery = plan_new(plan, &recovery_noun);
    recovery->account_uuid = account->uuid;
    recovery->question = account->recovery_question = given->question;
    recovery->answer = account->recovery_answer = given->answer_hash;
    recovery->version = 1;
    working_set_add_recovery(plan->set, recovery);
}

static struct account *make_account(struct plan *plan, const struct domain *domain,
                                    const struct create_account *create)
{
    const struct event *event = plan->event;
    struct account *account = plan_new(plan, &account_noun);
    account->uuid = event->object_uuid;
    account->address = create->address;
    account->domain = domain->name;
    account->context = domain->context;
    account->provisioned = 0;
    attributes_fill(&create->attributes, account);
    account->quota_bytes =
        first_of(create->attributes.quota_bytes, domain->default_quota_bytes, INT_NULL);
    account->quota_messages =
        first_of(create->attributes.quota_messages, domain->default_quota_messages, INT_NULL);
    account->services =
        first_of(create->services, domain->default_services, plan->policy->default_services);
    account->service_mode =
        first_of(create->service_mode, plan->policy->default_service_mode, SERVICE_EAGER);
    account->flags = first_of(create->flags, 0, 0);
    account->password = password_to_store(event, &create->password);
    account->created_by = event->actor->id;
    account->created_at = event->occurred_at;
    return account;
}

enum outcome_status create_account_rule(struct plan *plan, const struct event *event,
                                        struct outcome *outcome)
{
    const struct create_account *create = event->payload;
    struct domain *domain = require_domain(plan, address_domain(create->address), outcome);
    if (!domain || group_is_missing(plan, create->attributes.group, outcome))
        return OUTCOME_REJECTED;

    struct account *present = working_set_live(plan->set, create->address);
    if (plan_version_differs(plan, present ? present->version : 0, outcome))
        return OUTCOME_REJECTED;
    if (present) {
        account_is_target(plan, present, outcome);
        return compare_with(plan, create, present, outcome);
    }
    const struct account *deleted = working_set_last_deleted(plan->set, create->address);
    if (deleted && account_is_reserved(deleted, event->occurred_at))
        return plan_reject(plan, outcome, CODE_ADDRESS_RESERVED,
                           "a deleted account reserves the address: restore or purge it");

    struct account *account = make_account(plan, domain, create);
    if (usage_exceeds(plan, domain, NULL, account, outcome))
        return OUTCOME_REJECTED;
    working_set_add_account(plan->set, account);
    account_change_group(plan, account, create->attributes.group);
    if (account->service_mode == SERVICE_EAGER)
        services_provision(plan, account, account->services);
    if (create->recovery)
        make_recovery(plan, account, create->recovery);
    outcome->generated_password = event->prepared.sealed_password;
    account_is_target(plan, account, outcome);
    return OUTCOME_APPLIED;
}
