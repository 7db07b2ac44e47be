/* CreateDomain, UpdateDomain, DeleteDomain: events.md 3; rulings.md 12, 29, 36. */
#include "harness.h"

#define CREATE(more) EVENT("CreateDomain", "'domain':'example.org'" more)
#define UPDATE(more) EVENT("UpdateDomain", "'domain':'example.org'," more)
#define CREATE_CONTEXT                                                                             \
    {                                                                                              \
        EVENT("CreateContext", "'name':'1'"), "APPLIED"                                            \
    }

static void a_domain_is_made_once(void **state)
{
    (void)state;
    static const struct step steps[] = {
        {CREATE(""), "REJECTED NO_SUCH_CONTEXT ->-"},
        CREATE_CONTEXT,
        {CREATE(",'default_services':3"), "APPLIED ->1"},
        ROW("context 1", "domain_count=1 version=1"),
        {CREATE(""), "NO_CHANGE 1>1"},
        {EVENT("CreateDomain", "'domain':'EXAMPLE.org'"), "NO_CHANGE 1>1"},
        {CREATE(",'default_services':4"), "REJECTED ALREADY_EXISTS 1>1"},
        {CREATE(",'default_services':8"), "REJECTED INVALID_FIELD"},
        {CREATE(",'catch_all':'bob@example.org'"), "REJECTED NO_SUCH_ACCOUNT"},
        {EVENT("CreateDomain", "'domain':'localhost'"), "REJECTED INVALID_ADDRESS"},
        {EVENT("CreateDomain", "'domain':''"), "REJECTED MISSING_FIELD"},
        {EVENT("CreateDomain", "'domain':'a.org','status':'LOCKED'"), "APPLIED ->1"},
        ROW("domain a.org", "status=LOCKED"),
    };
    PLAY(steps);
}

static void the_contexts_limits_are_the_defaults(void **state)
{
    (void)state;
    static const struct step steps[] = {
        {EVENT("CreateContext", "'name':'1','default_limits':{'max_accounts':5,'quota_bytes':9}"),
         "APPLIED"},
        {CREATE(""), "APPLIED"},
        ROW("domain example.org", "max_accounts=5 quota_bytes=9"),
        {EVENT("CreateDomain", "'domain':'a.org','limits':{'max_accounts':1}"), "APPLIED"},
        ROW("domain a.org", "max_accounts=1 quota_bytes=-"),
    };
    PLAY(steps);
}

static void the_name_of_another_context_is_taken_but_shows_nothing(void **state)
{
    (void)state;
    static const struct step steps[] = {
        BEGIN_DOMAIN,
        {EVENT("CreateContext", "'name':'2'"), "APPLIED"},
#define IN_2(kind, payload) EVENT_WITH("'context':'2'", kind, payload)
        {IN_2("CreateDomain", "'domain':'example.org'"), "REJECTED ALREADY_EXISTS ->-"},
        {EVENT_WITH("'context':'2','expected_version':0", "CreateDomain", "'domain':'example.org'"),
         "REJECTED ALREADY_EXISTS ->-"},
        {EVENT_WITH("'context':'2','expected_version':1", "CreateDomain", "'domain':'example.org'"),
         "REJECTED VERSION_MISMATCH ->-", "there is no such object"},
        {IN_2("UpdateDomain", "'domain':'example.org','fields':[]"), "REJECTED NO_SUCH_DOMAIN ->-"},
        {IN_2("DeleteDomain", "'domain':'example.org'"), "NO_CHANGE NO_SUCH_DOMAIN ->-"},
    };
    PLAY(steps);
}

static void every_setting_can_be_set_and_cleared(void **state)
{
    (void)state;
    static const struct {
        const char *field, *given, *set, *cleared;
    } cases[] = {
        {"default_services", "1", "default_services=1", "default_services=-"},
        {"default_quota_bytes", "5", "default_quota_bytes=5", "default_quota_bytes=-"},
        {"default_quota_messages", "6", "default_quota_messages=6", "default_quota_messages=-"},
        {"status", "'CLOSED'", "status=CLOSED", "status=ACTIVE"},
        {"catch_all", "'Bob@example.org'", "catch_all=bob@example.org", "catch_all=-"},
        {"limits", "{'max_accounts':7,'disabled_protocols':['SMTP']}",
         "max_accounts=7 disabled_protocols=4", "max_accounts=- disabled_protocols=0"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char set[256], clear[256];
        snprintf(set, sizeof set, UPDATE("'fields':['%s'],'%s':%s"), cases[i].field, cases[i].field,
                 cases[i].given);
        snprintf(clear, sizeof clear, UPDATE("'fields':['%s']"), cases[i].field);
        const struct step steps[] = {
            BEGIN_BOB,
            {set, "APPLIED 1>2"},
            ROW("domain example.org", cases[i].set),
            {set, "NO_CHANGE 2>2"},
            {clear, "APPLIED 2>3"},
            ROW("domain example.org", cases[i].cleared),
        };
        PLAY(steps);
    }
}

static void a_catch_all_is_a_live_account_of_the_domain(void **state)
{
    (void)state;
#define CATCH_ALL(who) UPDATE("'fields':['catch_all'],'catch_all':'" who "'")
    static const struct step steps[] = {
        BEGIN_BOB,
        {EVENT("CreateDomain", "'domain':'a.org'"), "APPLIED"},
        {EVENT("CreateAccount", "'address':'bob@a.org'"), "APPLIED"},
        {CATCH_ALL("eve@example.org"), "REJECTED NO_SUCH_ACCOUNT"},
        {CATCH_ALL("bob@a.org"), "REJECTED NO_SUCH_ACCOUNT"},
        {CATCH_ALL("not an address"), "REJECTED BAD_CHARACTER"},
        {UPDATE("'fields':['name']"), "REJECTED INVALID_FIELD"},
        {CATCH_ALL("bob@example.org"), "APPLIED 1>2"},
        {EVENT("DeleteAccount", BOB), "REJECTED CATCHALL_IN_USE"},
        {CREATE(",'catch_all':'bob@example.org'"), "NO_CHANGE 2>2"},
    };
    PLAY(steps);
}

static void a_domain_with_accounts_is_deleted_by_cascade_only(void **state)
{
    (void)state;
    static const struct step steps[] = {
        BEGIN_BOB,
        {EVENT("CreateAccount", "'address':'eve@example.org'"), "APPLIED"},
        {EVENT("DeleteDomain", "'domain':'example.org'"), "REJECTED DOMAIN_NOT_EMPTY 1>1",
         "still has 2 accounts"},
        {EVENT_WITH(DRY_RUN, "DeleteDomain", "'domain':'example.org','cascade':true"),
         "PLANNED 1>-", "items 2/2"},
        ROW("account bob@example.org", "deleted_at=- version=1"),
        ROW("domain example.org", "version=1"),
        {EVENT("DeleteDomain", "'domain':'example.org','cascade':true"), "APPLIED 1>-",
         "items 2/2"},
        ROW("account bob@example.org", "deleted_at=2026-01-01T00:00:08.000000Z "
                                       "purge_at=2026-01-31T00:00:08.000000Z version=2"),
        ROW("domain example.org", "absent"),
        ROW("context 1", "domain_count=0"),
        {EVENT("DeleteDomain", "'domain':'example.org','cascade':true"),
         "NO_CHANGE NO_SUCH_DOMAIN ->-"},
        {EVENT("CreateAccount", "'address':'bob@example.org'"), "REJECTED NO_SUCH_DOMAIN"},
        {CREATE(""), "APPLIED ->1"},
        {EVENT("CreateAccount", "'address':'bob@example.org'"), "REJECTED ADDRESS_RESERVED"},
        {EVENT("RestoreAccount", BOB), "APPLIED 2>3"},
    };
    PLAY(steps);
}

static void an_empty_domain_needs_no_cascade(void **state)
{
    (void)state;
    static const struct step steps[] = {
        BEGIN_DOMAIN,
        {EVENT("DeleteDomain", "'domain':'example.org','cascade':true"), "APPLIED 1>-",
         "DELETE domain example.org: name example.org>-"},
        {CREATE(""), "APPLIED ->1"},
        {EVENT_WITH("'expected_version':2", "DeleteDomain", "'domain':'example.org'"),
         "REJECTED VERSION_MISMATCH 1>1"},
        {EVENT_WITH("'expected_version':1", "DeleteDomain", "'domain':'example.org'"),
         "APPLIED 1>-"},
        {EVENT_WITH("'expected_version':1", "DeleteDomain", "'domain':'example.org'"),
         "REJECTED NO_SUCH_DOMAIN ->-"},
    };
    PLAY(steps);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_domain_is_made_once),
        cmocka_unit_test(the_contexts_limits_are_the_defaults),
        cmocka_unit_test(the_name_of_another_context_is_taken_but_shows_nothing),
        cmocka_unit_test(every_setting_can_be_set_and_cleared),
        cmocka_unit_test(a_catch_all_is_a_live_account_of_the_domain),
        cmocka_unit_test(a_domain_with_accounts_is_deleted_by_cascade_only),
        cmocka_unit_test(an_empty_domain_needs_no_cascade),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
