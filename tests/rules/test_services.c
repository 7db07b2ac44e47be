/* ProvisionServices, DeprovisionServices, ObserveLogin: events.md 3; rulings.md 8, 33, 34. */
#include "harness.h"

#define PROVISION(bits) EVENT("ProvisionServices", BOB ",'services':" bits)
#define DEPROVISION(bits) EVENT("DeprovisionServices", BOB ",'services':" bits)
#define BEGIN_WITH(more)                                                                           \
    BEGIN_DOMAIN,                                                                                  \
    {                                                                                              \
        EVENT("CreateAccount", "'address':'bob@example.org'," more), "APPLIED ->1"                 \
    }
#define LOGIN(us)                                                                                  \
    EVENT_WITH("'occurred_at':" us, "ObserveLogin",                                                \
               "'address':'bob@example.org','ip':'192.0.2.1','protocol':'imap'")

static void provisioning_adds_what_is_missing(void **state)
{
    (void)state;
    static const struct step steps[] = {
        BEGIN_WITH("'services':1"),
        ROW("services bob@example.org", "1000 0 0"),
        {PROVISION("5"), "APPLIED 1>2", "services 1>5 provisioned 1>5"},
        ROW("services bob@example.org", "1000 0 1001"),
        {PROVISION("5"), "NO_CHANGE 2>2"},
        {PROVISION("0"), "NO_CHANGE 2>2"},
        {PROVISION("null"), "REJECTED MISSING_FIELD"},
        {PROVISION("8"), "REJECTED INVALID_FIELD"},
        {EVENT("ProvisionServices", "'ref':'eve@example.org','services':1"),
         "REJECTED NO_SUCH_ACCOUNT"},
    };
    PLAY(steps);
}

static void deprovisioned_services_come_back_with_new_ids(void **state)
{
    (void)state;
    static const struct step steps[] = {
        BEGIN_BOB,
        ROW("services bob@example.org", "1000 1001 1002"),
        {DEPROVISION("3"), "APPLIED 1>2", "services 7>4 provisioned 7>4"},
        ROW("services bob@example.org", "0 0 1002"),
        {DEPROVISION("3"), "NO_CHANGE 2>2"},
        {DEPROVISION("0"), "NO_CHANGE 2>2"},
        {DEPROVISION("null"), "REJECTED MISSING_FIELD"},
        ROW("account bob@example.org", "services=4"),
        {PROVISION("2"), "APPLIED 2>3", "services - CALENDAR CONTACTS"},
        ROW("services bob@example.org", "0 1003 1002"),
    };
    PLAY(steps);
}

static void taken_away_and_given_back_in_one_batch_is_a_new_service(void **state)
{
    (void)state;
    static const struct step steps[] = {
        BEGIN_BOB,
        ROW("services bob@example.org", "1000 1001 1002"),
        {DEPROVISION("7"), "APPLIED 1>2", "services - - -"},
        {PROVISION("1"), "APPLIED 2>3", "services MAIL - -"},
        ROW("services bob@example.org", "1003 0 0"),
    };
    PLAY(steps);
}

static void the_first_login_makes_lazy_services(void **state)
{
    (void)state;
    static const struct step steps[] = {
        BEGIN_WITH("'service_mode':'LAZY','services':3"),
        ROW("services bob@example.org", "0 0 0"),
        {LOGIN("1767225700000000"), "APPLIED 1>1",
         "services MAIL CALENDAR - \n  UPDATE account bob@example.org: provisioned 0>3"},
        ROW("services bob@example.org", "1000 1001 0"),
        ROW("account bob@example.org",
            "version=1 last_login_at=2026-01-01T00:01:40.000000Z last_login_ip=192.0.2.1 "
            "last_login_protocol=imap"),
        {DEPROVISION("1"), "APPLIED 1>2"},
        {LOGIN("1767225800000000"), "APPLIED 2>2", "services - CALENDAR -"},
        ROW("services bob@example.org", "0 1001 0"),
    };
    PLAY(steps);
}

static void the_last_login_is_a_maximum(void **state)
{
    (void)state;
    static const struct step steps[] = {
        BEGIN_BOB,
        {LOGIN("1767225700000000"), "APPLIED 1>1"},
        {LOGIN("1767225700000000"), "NO_CHANGE 1>1"},
        {LOGIN("1767225600000001"), "NO_CHANGE 1>1"},
        {LOGIN("1767225700000001"), "APPLIED 1>1"},
        ROW("account bob@example.org", "last_login_at=2026-01-01T00:01:40.000001Z version=1 "
                                       "updated_at=2026-01-01T00:00:02.000000Z"),
        {EVENT_WITH("'expected_version':1", "UpdateAccount", BOB ",'fields':[]"), "NO_CHANGE 1>1"},
    };
    PLAY(steps);
}

static void locked_and_closed_accounts_get_no_services_by_a_login(void **state)
{
    (void)state;
    static const struct {
        const char *status, *services;
    } cases[] = {
        {"PENDING", "1000 1001 1002"},
        {"ACTIVE", "1000 1001 1002"},
        {"MAINTENANCE", "1000 1001 1002"},
        {"LOCKED", "0 0 0"},
        {"CLOSED", "0 0 0"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char event[128];
        snprintf(event, sizeof event, EVENT("SetAccountStatus", BOB ",'status':'%s','reason':'r'"),
                 cases[i].status);
        const struct step steps[] = {
            BEGIN_WITH("'service_mode':'LAZY'"),
            {event, "APPLIED 1>2"},
            {LOGIN("1767225700000000"), "APPLIED 2>2"},
            ROW("services bob@example.org", cases[i].services),
        };
        PLAY(steps);
    }
}

static void a_login_of_nobody_is_an_error_in_our_domains_only(void **state)
{
    (void)state;
#define OTHER(address) EVENT("ObserveLogin", "'address':'" address "'")
    static const struct step steps[] = {
        BEGIN_DOMAIN,
        {EVENT("CreateContext", "'name':'2'"), "APPLIED"},
        {EVENT_WITH("'context':'2'", "CreateDomain", "'domain':'a.org'"), "APPLIED"},
        {OTHER("bob@example.org"), "REJECTED NO_SUCH_ACCOUNT ->-"},
        {OTHER("bob@a.org"), "NO_CHANGE ->-"},
        {OTHER("bob@elsewhere.org"), "NO_CHANGE ->-"},
        {OTHER("bob"), "REJECTED INVALID_ADDRESS"},
        {EVENT_WITH("'expected_version':1", "ObserveLogin", "'address':'bob@elsewhere.org'"),
         "REJECTED NO_SUCH_ACCOUNT ->-"},
    };
    PLAY(steps);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(provisioning_adds_what_is_missing),
        cmocka_unit_test(deprovisioned_services_come_back_with_new_ids),
        cmocka_unit_test(taken_away_and_given_back_in_one_batch_is_a_new_service),
        cmocka_unit_test(the_first_login_makes_lazy_services),
        cmocka_unit_test(the_last_login_is_a_maximum),
        cmocka_unit_test(locked_and_closed_accounts_get_no_services_by_a_login),
        cmocka_unit_test(a_login_of_nobody_is_an_error_in_our_domains_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
