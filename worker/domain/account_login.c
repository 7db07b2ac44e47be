/* VerifyPassword and ObserveLogin (events.md, section 3; rulings.md, 32 to 34). */
#include "domain/account_events.h"
#include "domain/plan.h"

#define FIELD(struct_, member, type_, ...)                                                         \
    {                                                                                              \
        .name = #member, .type = (type_), .offset = offsetof(struct struct_, member), __VA_ARGS__  \
    }

const struct field verify_password_fields[] = {
    FIELD(verify_password, ref, FIELD_REF, .flags = FIELD_REQUIRED),
    FIELD(verify_password, secret, FIELD_SECRET,
          .flags = FIELD_REQUIRED | FIELD_IS_SECRET | FIELD_COMPARED),
    {.type = FIELD_END},
};

const struct field observe_login_fields[] = {
    FIELD(observe_login, address, FIELD_ADDRESS, .flags = FIELD_REQUIRED),
    FIELD(observe_login, ip, FIELD_NAME, .flags = FIELD_NULLED_EMPTY),
    FIELD(observe_login, protocol, FIELD_NAME, .flags = FIELD_NULLED_EMPTY),
    FIELD(observe_login, secret, FIELD_SECRET, .flags = FIELD_IS_SECRET),
    FIELD(observe_login, template, FIELD_NAME, .flags = FIELD_NULLED_EMPTY),
    {.type = FIELD_END},
};

/* --- VerifyPassword -----------------------------------------------------------------------------
 */

/* What prepare compared is what is stored now; an event that prepare left alone has compared
 * nothing. */
static bool is_fresh(const struct prepared *prepared, const struct account *account)
{
    bool has_compared = prepared->verified == VERIFY_RIGHT || prepared->verified == VERIFY_WRONG;
    return has_compared && uuid_equal(&prepared->verified_uuid, &account->uuid) &&
           text_equal(prepared->verified_hash, account->password);
}

/* The same words for a wrong password and for no account: the answer does not tell who exists, and
 * so it does not name the account either. */
static enum outcome_status refuse(struct plan *plan, struct outcome *outcome)
{
    return plan_reject(plan, outcome, CODE_AUTH_FAILED,
                       "the password is wrong, or there is no such account in the context");
}

enum outcome_status verify_password_rule(struct plan *plan, const struct event *event,
                                         struct outcome *outcome)
{
    const struct verify_password *verify = event->payload;
    if (ref_contradicts(plan, &verify->ref, outcome))
        return OUTCOME_REJECTED;
    struct account *account = account_find(plan, &verify->ref);
    if (!account)
        return refuse(plan, outcome);
    if (plan_version_differs(plan, account->version, outcome))
        return OUTCOME_REJECTED;
    if (!is_fresh(&event->prepared, account)) {
        outcome->stale = true; /* whatever is said here is thrown away: the event runs again */
        return refuse(plan, outcome);
    }
    if (event->prepared.verified == VERIFY_WRONG)
        return refuse(plan, outcome);
    account_is_target(plan, account, outcome);
    return plan_no_change(plan, outcome, CODE_NONE, NULL);
}

/* --- ObserveLogin -------------------------------------------------------------------------------
 */

void observe_login_touch(const struct event *event, struct keys *keys)
{
    const struct observe_login *login = event->payload;
    keys_address(keys, login->address);
}

/* Services that an account wants and has not got, made at its first login. A locked or closed
 * account cannot log in: such a report is about an attempt, or late. */
static void provision_lazily(struct plan *plan, struct account *account)
{
    if (account->service_mode == SERVICE_LAZY && account->status != ACCOUNT_LOCKED &&
        account->status != ACCOUNT_CLOSED)
        services_provision(plan, account, account->services);
}

/* A login in a domain that is not of this context may well be one of a foreign mailbox, which mail
 * servers are found for (rulings.md, 38): that there is no account here is no error of the sender,
 * and nothing is there to be changed. NO_SUCH_ACCOUNT is said when the domain is ours (rulings.md,
 * 34), or when the sender is sure of a version. */
static enum outcome_status nobody(struct plan *plan, const struct observe_login *login,
                                  struct outcome *outcome)
{
    int64_t expected = plan->event->expected_version;
    const struct domain *domain = working_set_domain(plan->set, address_domain(login->address));
    bool is_ours = domain && text_equal(domain->context, plan->event->context);
    if (is_ours || (expected != INT_NULL && expected != 0))
        return plan_reject(plan, outcome, CODE_NO_SUCH_ACCOUNT,
                           "there is no such account in the context");
    return plan_no_change(plan, outcome, CODE_NONE, NULL);
}

/* The last login is a maximum: one that is older than what is known, or the same, changes nothing
 * at all. */
enum outcome_status observe_login_rule(struct plan *plan, const struct event *event,
                                       struct outcome *outcome)
{
    const struct observe_login *login = event->payload;
    const struct ref ref = {.address = login->address};
    struct account *account = account_find(plan, &ref);
    if (!account)
        return nobody(plan, login, outcome);
    account_is_target(plan, account, outcome);
    if (plan_version_differs(plan, account->version, outcome))
        return OUTCOME_REJECTED;
    if (account->last_login_at != INT_NULL && event->occurred_at <= account->last_login_at)
        return plan_no_change(plan, outcome, CODE_NONE, NULL);
    plan_edit(plan, &account->row);
    account->last_login_at = event->occurred_at;
    account->last_login_ip = login->ip;
    account->last_login_protocol = login->protocol;
    provision_lazily(plan, account);
    return OUTCOME_APPLIED;
}
