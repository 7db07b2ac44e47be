/* SetQuota and vpopmail's syntax: events.md 3; rulings.md 26, 35, 37. */
#include "domain/quota.h"
#include "harness.h"

#define MAX "9223372036854775807"

static void every_form_of_vpopmail_is_read(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        struct quota quota;
    } cases[] = {
        {"NOQUOTA", {0, 0}},
        {"noquota", {0, 0}},
        {"0", {0, 0}},
        {"0S", {0, 0}},
        {"0C", {0, 0}},
        {"0S,0C", {0, 0}},
        {"1000", {1000, 0}},
        {"007", {7, 0}},
        {"1000B", {1000, 0}},
        {"1000b", {1000, 0}},
        {"10K", {10240, 0}},
        {"10k", {10240, 0}},
        {"10KB", {10240, 0}},
        {"10kb", {10240, 0}},
        {"10Kb", {10240, 0}},
        {"10M", {10485760, 0}},
        {"10m", {10485760, 0}},
        {"10MB", {10485760, 0}},
        {"10mb", {10485760, 0}},
        {"1000S", {1000, 0}},
        {"1000C", {0, 1000}},
        {"1000c", {0, 1000}},
        {"1000S,20C", {1000, 20}},
        {"1000s,20c", {1000, 20}},
        {"0S,20C", {0, 20}},
        {MAX, {INT64_MAX, 0}},
        {MAX "B", {INT64_MAX, 0}},
        {MAX "S," MAX "C", {INT64_MAX, INT64_MAX}},
        {"9007199254740991K", {INT64_C(9007199254740991) * 1024, 0}},
        {"8796093022207M", {INT64_C(8796093022207) * 1024 * 1024, 0}},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct quota quota = {-1, -1};
        if (!quota_parse(text_from(cases[i].text), &quota) || quota.bytes != cases[i].quota.bytes ||
            quota.messages != cases[i].quota.messages)
            fail_msg("%s is read as %lld bytes, %lld messages", cases[i].text,
                     (long long)quota.bytes, (long long)quota.messages);
    }
}

static void everything_else_is_refused(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "",
        " ",
        "B",
        "K",
        "S",
        "C",
        "MB",
        ",",
        "10 K",
        " 10",
        "10 ",
        "+10",
        "-10",
        "-0",
        "1.5M",
        "1,5M",
        "1e3",
        "0x10",
        "10G",
        "10GB",
        "10T",
        "10KS",
        "10BB",
        "10KBB",
        "10BK",
        "10SC",
        "10C,10S",
        "10S,",
        ",10C",
        "10S,10C,",
        "10S,10C,1S",
        "10S, 10C",
        "10S ,10C",
        "10,10",
        "10,10C",
        "10S,10",
        "10K,10C",
        "10S,10S",
        "10C,10C",
        "NOQUOTA,10C",
        "NO",
        "NOQUOTAS",
        "NOQUOTA ",
        "9223372036854775808",
        "9223372036854775808C",
        "9007199254740992K",
        "8796093022208M",
        "99999999999999999999999999",
        "10S,9223372036854775808C",
        "10\xC2\xA0K",
        "\xD9\xA1",
        "10K\n",
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct quota quota = {-1, -1};
        if (quota_parse(text_from(cases[i]), &quota))
            fail_msg("'%s' is read as %lld bytes, %lld messages", cases[i], (long long)quota.bytes,
                     (long long)quota.messages);
        assert_int_equal(quota.bytes, -1); /* nothing is set on failure */
    }
    struct quota quota;
    assert_false(quota_parse((struct text){"1\0K", 3}, &quota));
    assert_false(quota_parse(TEXT_NULL, &quota));
}

#define SET(more) EVENT("SetQuota", BOB "," more)

static void numbers_set_what_is_given_a_string_sets_all(void **state)
{
    (void)state;
    static const struct step steps[] = {
        BEGIN_BOB,
        {SET("'bytes':100"), "APPLIED 1>2", "UPDATE account bob@example.org: quota_bytes ->100"},
        {SET("'messages':5"), "APPLIED 2>3"},
        ROW("account bob@example.org", "quota_bytes=100 quota_messages=5"),
        {SET("'bytes':100,'messages':5"), "NO_CHANGE 3>3"},
        {SET("'quota':'10M'"), "APPLIED 3>4", "quota_bytes 100>10485760 quota_messages 5>0"},
        {SET("'quota':'7c'"), "APPLIED 4>5", "quota_bytes 10485760>0 quota_messages 0>7"},
        {SET("'quota':'NOQUOTA'"), "APPLIED 5>6", "quota_messages 7>0"},
        {SET("'bytes':0"), "NO_CHANGE 6>6"},
    };
    PLAY(steps);
}

static void a_quota_that_is_none_is_refused(void **state)
{
    (void)state;
    static const struct step steps[] = {
        BEGIN_BOB,
        {SET("'scope':'ACCOUNT'"), "REJECTED MISSING_FIELD"},
        {SET("'quota':''"), "REJECTED MISSING_FIELD"},
        {SET("'quota':'x'"), "REJECTED INVALID_QUOTA", "quota 'x' is none of"},
        {SET("'quota':'1K','bytes':1"), "REJECTED INVALID_QUOTA"},
        {SET("'bytes':-1"), "REJECTED INVALID_QUOTA"},
        {SET("'messages':-5"), "REJECTED INVALID_QUOTA"},
        {EVENT("SetQuota", "'bytes':1"), "REJECTED MISSING_FIELD", "ref is empty"},
        {SET("'bytes':1,'domain':'example.org'"), "REJECTED INVALID_FIELD"},
        {SET("'bytes':1,'scope':'GALAXY'"), "REJECTED INVALID_FIELD"},
        {EVENT("SetQuota", "'scope':'DOMAIN','bytes':1"), "REJECTED MISSING_FIELD",
         "domain is empty"},
        {SET("'bytes':1,'domain':'example.org','scope':'DOMAIN'"), "REJECTED INVALID_FIELD"},
        {EVENT("SetQuota", "'ref':'eve@example.org','bytes':1"), "REJECTED NO_SUCH_ACCOUNT ->-"},
        {EVENT_WITH("'expected_version':9", "SetQuota", BOB ",'bytes':1"),
         "REJECTED VERSION_MISMATCH 1>1"},
        ROW("account bob@example.org", "quota_bytes=- version=1"),
    };
    PLAY(steps);
}

#define DOMAIN_QUOTA(more) EVENT("SetQuota", "'scope':'DOMAIN','domain':'example.org'," more)

static void a_domains_quota_is_set_for_each_live_account(void **state)
{
    (void)state;
    static const struct step steps[] = {
        BEGIN_BOB,
        {EVENT("CreateAccount", "'address':'eve@example.org','quota_bytes':50"), "APPLIED"},
        {EVENT("CreateAccount", "'address':'old@example.org'"), "APPLIED"},
        {EVENT("DeleteAccount", "'ref':'old@example.org'"), "APPLIED"},
        {EVENT_WITH(DRY_RUN, "SetQuota", "'scope':'DOMAIN','domain':'example.org','bytes':50"),
         "PLANNED ->-", "items 1/2"},
        ROW("account bob@example.org", "quota_bytes=- version=1"),
        {DOMAIN_QUOTA("'bytes':50"), "APPLIED ->-", "items 1/2"},
        ROW("account bob@example.org", "quota_bytes=50 version=2"),
        ROW("account eve@example.org", "quota_bytes=50 version=1"),
        ROW("account old@example.org", "quota_bytes=- version=2"),
        {DOMAIN_QUOTA("'bytes':50"), "NO_CHANGE ->-", "items 0/2"},
        {DOMAIN_QUOTA("'quota':'5C'"), "APPLIED ->-", "items 2/2"},
        {SET("'bytes':9"), "APPLIED 3>4"},
        ROW("account bob@example.org", "quota_bytes=9 quota_messages=5"),
        ROW("domain example.org", "version=1 default_quota_bytes=-"),
    };
    PLAY(steps);
}

static void a_domains_quota_has_no_version_and_needs_the_domain(void **state)
{
    (void)state;
    static const struct step steps[] = {
        BEGIN_DOMAIN,
        {EVENT_WITH("'expected_version':1", "SetQuota",
                    "'scope':'DOMAIN','domain':'example.org','bytes':1"),
         "REJECTED INVALID_FIELD"},
        {EVENT("SetQuota", "'scope':'DOMAIN','domain':'a.org','bytes':1"),
         "REJECTED NO_SUCH_DOMAIN ->-"},
        {EVENT_WITH("'context':'2'", "SetQuota",
                    "'scope':'DOMAIN','domain':'example.org','bytes':1"),
         "REJECTED NO_SUCH_DOMAIN ->-"},
        {EVENT_WITH(AS_USER("bob@example.org"), "SetQuota",
                    "'scope':'DOMAIN','domain':'example.org','bytes':1"),
         "REJECTED FORBIDDEN"},
        {DOMAIN_QUOTA("'bytes':1"), "NO_CHANGE ->-", "items 0/0"},
    };
    PLAY(steps);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_form_of_vpopmail_is_read),
        cmocka_unit_test(everything_else_is_refused),
        cmocka_unit_test(numbers_set_what_is_given_a_string_sets_all),
        cmocka_unit_test(a_quota_that_is_none_is_refused),
        cmocka_unit_test(a_domains_quota_is_set_for_each_live_account),
        cmocka_unit_test(a_domains_quota_has_no_version_and_needs_the_domain),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
