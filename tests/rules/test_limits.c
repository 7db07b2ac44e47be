/* Limits of domains: rulings.md 35, and 37 for whole domains. The world checks after each
 * transaction that the counts in the domain's row are true. */
#include "harness.h"

#define BEGIN_LIMITED(limits)                                                                      \
    {EVENT("CreateContext", "'name':'1'"), "APPLIED"},                                             \
    {                                                                                              \
        EVENT("CreateDomain", "'domain':'example.org','limits':{" limits "}"), "APPLIED"           \
    }
#define CREATE(name, more) EVENT("CreateAccount", "'address':'" name "@example.org'" more)
#define LIMITS(limits)                                                                             \
    EVENT("UpdateDomain", "'domain':'example.org','fields':['limits'],'limits':{" limits "}")
#define QUOTA(name, bytes) EVENT("SetQuota", "'ref':'" name "@example.org','bytes':" bytes)

static void accounts_are_counted(void **state)
{
    (void)state;
    static const struct step steps[] = {
        BEGIN_LIMITED("'max_accounts':2"),
        {CREATE("a", ""), "APPLIED"},
        {CREATE("b", ""), "APPLIED"},
        {CREATE("c", ""), "REJECTED LIMIT_EXCEEDED ->-",
         "the domain may have 2 accounts and has 2"},
        /* vpopmail's flag: neither limited nor counted */
        {CREATE("c", ",'flags':8192"), "APPLIED"},
        ROW("domain example.org", "used_accounts=2"),
        {EVENT("DeleteAccount", "'ref':'a@example.org'"), "APPLIED"},
        {CREATE("d", ""), "APPLIED"},
        {EVENT("SetFlags", "'ref':'c@example.org','clear_all':true"), "REJECTED LIMIT_EXCEEDED"},
        {EVENT("SetFlags", "'ref':'d@example.org','set_mask':8192"), "APPLIED"},
        {EVENT("SetFlags", "'ref':'c@example.org','clear_all':true"), "APPLIED"},
        ROW("domain example.org", "used_accounts=2 version=1"),
    };
    PLAY(steps);
}

static void zero_accounts_is_none_and_null_is_unlimited(void **state)
{
    (void)state;
    static const struct step steps[] = {
        BEGIN_LIMITED("'max_accounts':0"),
        {CREATE("a", ""), "REJECTED LIMIT_EXCEEDED"},
        {LIMITS("'max_accounts':null"), "APPLIED"},
        {CREATE("a", ""), "APPLIED"},
        {EVENT("CreateDomain", "'domain':'a.org','limits':{'max_accounts':-1}"),
         "REJECTED INVALID_FIELD"},
    };
    PLAY(steps);
}

static void quotas_are_summed(void **state)
{
    (void)state;
    static const struct step steps[] = {
        BEGIN_LIMITED("'quota_bytes':100"),
        {CREATE("a", ""), "REJECTED LIMIT_EXCEEDED"},
        {CREATE("a", ",'quota_bytes':0"), "REJECTED LIMIT_EXCEEDED"},
        {CREATE("a", ",'quota_bytes':60"), "APPLIED"},
        {CREATE("b", ",'quota_bytes':41"), "REJECTED LIMIT_EXCEEDED"},
        {CREATE("b", ",'quota_bytes':40"), "APPLIED"},
        {QUOTA("a", "61"), "REJECTED LIMIT_EXCEEDED"},
        {QUOTA("a", "0"), "REJECTED LIMIT_EXCEEDED"},
        {QUOTA("b", "39"), "APPLIED"},
        {QUOTA("a", "61"), "APPLIED"},
        ROW("domain example.org", "used_quota_bytes=100 used_accounts=2 used_messages=0"),
        {EVENT("UpdateAccount", "'ref':'a@example.org','fields':['quota_bytes']"),
         "REJECTED LIMIT_EXCEEDED"},
        {EVENT("DeleteAccount", "'ref':'a@example.org','mode':'PURGE'"), "APPLIED"},
        ROW("domain example.org", "used_quota_bytes=39"),
    };
    PLAY(steps);
}

static void a_lowered_limit_stops_new_ones_only(void **state)
{
    (void)state;
    static const struct step steps[] = {
        BEGIN_DOMAIN,
        {CREATE("a", ",'quota_bytes':60"), "APPLIED"},
        {CREATE("b", ",'quota_bytes':60"), "APPLIED"},
        {CREATE("free", ""), "APPLIED"},
        {LIMITS("'max_accounts':1,'quota_bytes':50"), "APPLIED"},
        ROW("domain example.org", "used_accounts=3 used_quota_bytes=120"),
        {CREATE("c", ",'quota_bytes':1"), "REJECTED LIMIT_EXCEEDED"},
        {QUOTA("a", "61"), "REJECTED LIMIT_EXCEEDED"},
        {QUOTA("a", "59"), "APPLIED"},
        /* What is unlimited in bytes may still change its messages. */
        {EVENT("SetQuota", "'ref':'free@example.org','messages':5"), "APPLIED"},
        {EVENT("UpdateAccount", "'ref':'free@example.org','fields':['comment'],'comment':'x'"),
         "APPLIED"},
        {QUOTA("free", "0"), "APPLIED"},
        {QUOTA("free", "1"), "REJECTED LIMIT_EXCEEDED"},
        ROW("domain example.org", "used_quota_bytes=119"),
    };
    PLAY(steps);
}

static void messages_are_limited_by_themselves(void **state)
{
    (void)state;
    static const struct step steps[] = {
        BEGIN_LIMITED("'max_messages':10"),
        {CREATE("a", ",'quota_messages':10"), "APPLIED"},
        {CREATE("b", ",'quota_messages':1"), "REJECTED LIMIT_EXCEEDED", "messages together"},
        {EVENT("SetQuota", "'ref':'a@example.org','quota':'5K'"), "REJECTED LIMIT_EXCEEDED"},
        {QUOTA("a", "5"), "APPLIED"},
        ROW("domain example.org", "used_messages=10 used_quota_bytes=5"),
    };
    PLAY(steps);
}

static void a_new_limit_finds_the_counts_right(void **state)
{
    (void)state;
    static const struct step steps[] = {
        BEGIN_DOMAIN,
        {CREATE("a", ",'quota_bytes':60"), "APPLIED"},
        {LIMITS("'max_accounts':2"), "APPLIED"},
        {CREATE("b", ",'quota_bytes':50"), "APPLIED"},
        {LIMITS(""), "APPLIED"},
        {CREATE("c", ",'quota_bytes':40"), "APPLIED"},
        {EVENT("DeleteAccount", "'ref':'a@example.org'"), "APPLIED"},
        {LIMITS("'quota_bytes':100"), "APPLIED"},
        ROW("domain example.org", "used_accounts=2 used_quota_bytes=90"),
        {CREATE("d", ",'quota_bytes':11"), "REJECTED LIMIT_EXCEEDED"},
        {CREATE("d", ",'quota_bytes':10"), "APPLIED"},
    };
    PLAY(steps);
}

static void sums_beyond_all_numbers_do_not_wrap(void **state)
{
    (void)state;
#define MAX "9223372036854775807"
    static const struct step steps[] = {
        BEGIN_LIMITED("'max_accounts':3"),
        {CREATE("a", ",'quota_bytes':" MAX), "APPLIED"},
        {CREATE("b", ",'quota_bytes':" MAX), "APPLIED"},
        {LIMITS("'quota_bytes':" MAX), "APPLIED"},
        ROW("domain example.org", "used_quota_bytes=" MAX),
        {QUOTA("a", "5"), "APPLIED"},
    };
    PLAY(steps);
}

#define DOMAIN_QUOTA(more) EVENT("SetQuota", "'scope':'DOMAIN','domain':'example.org'," more)
#define DOMAIN_FLAGS(more) EVENT("SetFlags", "'scope':'DOMAIN','domain':'example.org'," more)

static void a_quota_for_all_is_judged_for_all(void **state)
{
    (void)state;
    static const struct step steps[] = {
        BEGIN_LIMITED("'quota_bytes':100"),
        {CREATE("a", ",'quota_bytes':10"), "APPLIED"},
        {CREATE("b", ",'quota_bytes':20"), "APPLIED"},
        {CREATE("x", ",'flags':8192"), "APPLIED"},
        {DOMAIN_QUOTA("'bytes':51"), "REJECTED LIMIT_EXCEEDED ->-"},
        {DOMAIN_QUOTA("'bytes':0"), "REJECTED LIMIT_EXCEEDED ->-"},
        {DOMAIN_QUOTA("'bytes':" MAX), "REJECTED LIMIT_EXCEEDED ->-"},
        {DOMAIN_QUOTA("'quota':'NOQUOTA'"), "REJECTED LIMIT_EXCEEDED ->-"},
        {DOMAIN_QUOTA("'messages':7"), "APPLIED ->-", "items 3/3"},
        {EVENT_WITH(DRY_RUN, "SetQuota", "'scope':'DOMAIN','domain':'example.org','bytes':50"),
         "PLANNED ->-", "items 3/3"},
        ROW("domain example.org", "used_quota_bytes=30 used_messages=14"),
        {DOMAIN_QUOTA("'bytes':50"), "APPLIED ->-", "items 3/3"},
        ROW("domain example.org", "used_quota_bytes=100 used_accounts=2 version=1"),
        ROW("account x@example.org", "quota_bytes=50"),
        {CREATE("c", ",'quota_bytes':1"), "REJECTED LIMIT_EXCEEDED"},
        {LIMITS("'quota_bytes':10"), "APPLIED"},
        /* Less than before is always allowed. */
        {DOMAIN_QUOTA("'bytes':20"), "APPLIED ->-"},
        {DOMAIN_QUOTA("'bytes':21"), "REJECTED LIMIT_EXCEEDED ->-"},
        ROW("domain example.org", "used_quota_bytes=40"),
    };
    PLAY(steps);
}

static void the_flag_that_overrides_limits_for_all(void **state)
{
    (void)state;
    static const struct step steps[] = {
        BEGIN_LIMITED("'max_accounts':2,'quota_bytes':100"),
        {CREATE("a", ",'quota_bytes':10"), "APPLIED"},
        {CREATE("b", ",'quota_bytes':20"), "APPLIED"},
        {CREATE("x", ",'flags':8192,'quota_bytes':30"), "APPLIED"},
        {DOMAIN_FLAGS("'clear_all':true"), "REJECTED LIMIT_EXCEEDED ->-",
         "may have 2 accounts and has 3"},
        {DOMAIN_FLAGS("'set_mask':1"), "APPLIED ->-", "items 3/3"},
        ROW("domain example.org", "used_accounts=2 used_quota_bytes=30"),
        {DOMAIN_FLAGS("'set_mask':8192"), "APPLIED ->-", "items 2/3"},
        ROW("domain example.org", "used_accounts=0 used_quota_bytes=0"),
        {LIMITS("'max_accounts':3,'quota_bytes':59"), "APPLIED"},
        {DOMAIN_FLAGS("'clear_mask':8192"), "REJECTED LIMIT_EXCEEDED ->-", "bytes together"},
        {LIMITS("'max_accounts':3,'quota_bytes':60"), "APPLIED"},
        {DOMAIN_FLAGS("'clear_mask':8192"), "APPLIED ->-", "items 3/3"},
        ROW("domain example.org", "used_accounts=3 used_quota_bytes=60"),
        {DOMAIN_FLAGS("'clear_mask':8192"), "NO_CHANGE ->-"},
    };
    PLAY(steps);
}

static void accounts_without_a_quota_cannot_come_under_its_limit(void **state)
{
    (void)state;
    static const struct step steps[] = {
        BEGIN_LIMITED("'quota_bytes':100"),
        {CREATE("x", ",'flags':8192"), "APPLIED"},
        {DOMAIN_FLAGS("'clear_all':true"), "REJECTED LIMIT_EXCEEDED ->-"},
        {EVENT("SetFlags", "'ref':'x@example.org','clear_all':true"), "REJECTED LIMIT_EXCEEDED"},
        {QUOTA("x", "5"), "APPLIED"},
        {DOMAIN_FLAGS("'clear_all':true"), "APPLIED ->-"},
        ROW("domain example.org", "used_accounts=1 used_quota_bytes=5"),
    };
    PLAY(steps);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accounts_are_counted),
        cmocka_unit_test(zero_accounts_is_none_and_null_is_unlimited),
        cmocka_unit_test(quotas_are_summed),
        cmocka_unit_test(a_lowered_limit_stops_new_ones_only),
        cmocka_unit_test(messages_are_limited_by_themselves),
        cmocka_unit_test(a_new_limit_finds_the_counts_right),
        cmocka_unit_test(sums_beyond_all_numbers_do_not_wrap),
        cmocka_unit_test(a_quota_for_all_is_judged_for_all),
        cmocka_unit_test(the_flag_that_overrides_limits_for_all),
        cmocka_unit_test(accounts_without_a_quota_cannot_come_under_its_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
