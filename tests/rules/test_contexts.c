/* CreateContext, UpdateContext, DeleteContext: rulings.md 12. */
#include "harness.h"

static void a_context_is_made_once(void **state)
{
    (void)state;
    static const struct step steps[] = {
        {EVENT("CreateContext", "'name':'1'"), "APPLIED ->1",
         "CREATE context 1: name ->1 domains_on_the_fly ->false disabled_protocols ->0"},
        {EVENT("CreateContext", "'name':'1'"), "NO_CHANGE 1>1"},
        {EVENT("CreateContext", "'name':'1','domains_on_the_fly':true"),
         "REJECTED ALREADY_EXISTS 1>1"},
        {EVENT("CreateContext", "'name':'1','default_limits':{'max_accounts':1}"),
         "REJECTED ALREADY_EXISTS 1>1"},
        {EVENT("CreateContext", "'name':''"), "REJECTED MISSING_FIELD"},
        {EVENT("CreateContext", "'name':'a\\nb'"), "REJECTED BAD_CHARACTER"},
        {EVENT_WITH("'expected_version':1", "CreateContext", "'name':'2'"),
         "REJECTED VERSION_MISMATCH ->-"},
        /* The envelope's context may be empty: the payload names one. */
        {EVENT_WITH("'context':''", "CreateContext", "'name':'2'"), "APPLIED ->1"},
    };
    PLAY(steps);
}

static void an_update_replaces_limits_as_a_whole(void **state)
{
    (void)state;
#define LIMITS(more) "'name':'1','fields':['default_limits']" more
    static const struct step steps[] = {
        {EVENT("CreateContext", "'name':'1'"), "APPLIED"},
        {EVENT("UpdateContext", LIMITS(",'default_limits':{'max_accounts':5,'quota_bytes':9}")),
         "APPLIED 1>2", "max_accounts ->5 quota_bytes ->9"},
        {EVENT(
             "UpdateContext",
             LIMITS(",'default_limits':{'max_messages':3,'disabled_protocols':['IMAP','SIEVE']}")),
         "APPLIED 2>3",
         "max_accounts 5>- quota_bytes 9>- max_messages ->3 disabled_protocols 0>10"},
        {EVENT("UpdateContext", LIMITS("")), "APPLIED 3>4",
         "max_messages 3>- disabled_protocols 10>0"},
        {EVENT("UpdateContext", LIMITS("")), "NO_CHANGE 4>4"},
        {EVENT("UpdateContext", "'name':'1','fields':['name']"), "REJECTED INVALID_FIELD"},
        {EVENT("UpdateContext", "'name':'2','fields':[]"), "REJECTED NO_SUCH_CONTEXT ->-"},
        {EVENT("UpdateContext", "'name':'1','fields':['domains_on_the_fly'],"
                                "'domains_on_the_fly':true"),
         "APPLIED 4>5"},
        {EVENT("UpdateContext", "'name':'1','fields':['domains_on_the_fly']"), "APPLIED 5>6",
         "domains_on_the_fly true>false"},
    };
    PLAY(steps);
}

static void only_an_empty_context_can_be_deleted(void **state)
{
    (void)state;
    static const struct step steps[] = {
        BEGIN_DOMAIN,
        {EVENT("DeleteContext", "'name':'1'"), "REJECTED CONTEXT_NOT_EMPTY 1>1"},
        {EVENT("DeleteDomain", "'domain':'example.org'"), "APPLIED"},
        {EVENT_WITH("'expected_version':2", "DeleteContext", "'name':'1'"),
         "REJECTED VERSION_MISMATCH 1>1"},
        {EVENT("DeleteContext", "'name':'1'"), "APPLIED 1>-", "DELETE context 1: name 1>-"},
        {EVENT("DeleteContext", "'name':'1'"), "NO_CHANGE NO_SUCH_CONTEXT ->-"},
        {EVENT_WITH("'expected_version':1", "DeleteContext", "'name':'1'"),
         "REJECTED NO_SUCH_CONTEXT ->-"},
        {EVENT("CreateContext", "'name':'1'"), "APPLIED ->1"},
    };
    PLAY(steps);
}

static void only_the_system_makes_contexts(void **state)
{
    (void)state;
#define AS(kind) "'actor':{'kind':'" kind "','id':'bob@example.org'}"
    static const struct step steps[] = {
        BEGIN_BOB,
        {EVENT_WITH(AS("USER"), "CreateContext", "'name':'2'"), "REJECTED FORBIDDEN",
         "REFUSED command CreateContext:"},
        {EVENT_WITH(AS("GROUP_ADMIN"), "CreateContext", "'name':'2'"), "REJECTED FORBIDDEN"},
        {EVENT_WITH(AS("MAILBOX_ADMIN"), "DeleteContext", "'name':'2'"), "REJECTED FORBIDDEN"},
        ROW("context 2", "absent"),
    };
    PLAY(steps);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_context_is_made_once),
        cmocka_unit_test(an_update_replaces_limits_as_a_whole),
        cmocka_unit_test(only_an_empty_context_can_be_deleted),
        cmocka_unit_test(only_the_system_makes_contexts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
