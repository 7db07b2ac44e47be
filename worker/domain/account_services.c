/* ProvisionServices and DeprovisionServices (events.md, section 3; rulings.md, 33). */
#include "domain/account_events.h"
#include "domain/plan.h"

#define FIELD(struct_, member, type_, ...)                                                         \
    {                                                                                              \
        .name = #member, .type = (type_), .offset = offsetof(struct struct_, member), __VA_ARGS__  \
    }

const struct field change_services_fields[] = {
    FIELD(change_services, ref, FIELD_REF, .flags = FIELD_REQUIRED),
    FIELD(change_services, services, FIELD_INT, .flags = FIELD_REQUIRED, .max = SERVICES_ALL),
    {.type = FIELD_END},
};

/* The services are wanted from now on and made at once, also those of a LAZY account: the event
 * asks for it. */
enum outcome_status provision_services_rule(struct plan *plan, const struct event *event,
                                            struct outcome *outcome)
{
    const struct change_services *change = event->payload;
    struct account *account = account_require(plan, &change->ref, outcome);
    if (!account || plan_version_differs(plan, account->version, outcome))
        return OUTCOME_REJECTED;
    plan_edit(plan, &account->row);
    account->services |= change->services;
    services_provision(plan, account, change->services);
    return OUTCOME_APPLIED;
}

/* The rows go, so that a later provisioning draws new ids; the bits leave the wanted set, so that a
 * login does not bring the services back. */
enum outcome_status deprovision_services_rule(struct plan *plan, const struct event *event,
                                              struct outcome *outcome)
{
    const struct change_services *change = event->payload;
    struct account *account = account_require(plan, &change->ref, outcome);
    if (!account || plan_version_differs(plan, account->version, outcome))
        return OUTCOME_REJECTED;
    plan_edit(plan, &account->row);
    account->services &= ~change->services;
    services_remove(plan, account, change->services);
    return OUTCOME_APPLIED;
}
