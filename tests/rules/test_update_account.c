/* UpdateAccount: the patch rule, rulings.md 26 and 29. */
#include "harness.h"

#define UPDATE(more) EVENT("UpdateAccount", BOB "," more)

static void only_named_fields_are_set(void **state)
{
    (void)state;
    static const struct step steps[] = {
        BEGIN_BOB,
        {UPDATE("'fields':['first_name','comment'],'first_name':'Bob','comment':'x',"
                "'last_name':'ignored'"),
         "APPLIED 1>2", "UPDATE account bob@example.org: first_name ->Bob comment ->x"},
        {UPDATE("'fields':['first_name'],'comment':'ignored'"), "APPLIED 2>3", "first_name Bob>-"},
        ROW("account bob@example.org", "first_name=- last_name=- comment=x version=3"),
    };
    PLAY(steps);
}

static void nothing_named_or_nothing_new_is_no_change(void **state)
{
    (void)state;
    static const struct step steps[] = {
        BEGIN_BOB,
        {UPDATE("'fields':[]"), "NO_CHANGE 1>1"},
        {UPDATE("'first_name':'Bob'"), "NO_CHANGE 1>1"},
        {UPDATE("'fields':['telephone','telephone']"), "NO_CHANGE 1>1"},
        {UPDATE("'fields':['telephone'],'telephone':''"), "NO_CHANGE 1>1"},
        ROW("account bob@example.org", "version=1"),
    };
    PLAY(steps);
}

static void fields_with_commands_of_their_own_are_refused(void **state)
{
    (void)state;
    static const char *const refused[] = {"password", "status", "flags",    "services",  "address",
                                          "uuid",     "ref",    "Comment",  "",          "fields",
                                          "version",  "domain", "recovery", "attributes"};
    for (size_t i = 0; i < COUNT_OF(refused); i++) {
        char event[256];
        snprintf(event, sizeof event, UPDATE("'fields':['comment','%s'],'comment':'x'"),
                 refused[i]);
        const struct step steps[] = {
            BEGIN_BOB,
            {event, "REJECTED INVALID_FIELD ->-", "which UpdateAccount cannot set"},
            ROW("account bob@example.org", "comment=-"),
        };
        PLAY(steps);
    }
}

static void every_patchable_field_can_be_set_and_cleared(void **state)
{
    (void)state;
    static const struct {
        const char *field, *given, *set, *cleared;
    } cases[] = {
        {"first_name", "'Ä'", "first_name=Ä", "first_name=-"},
        {"last_name", "'b'", "last_name=b", "last_name=-"},
        {"department", "'c'", "department=c", "department=-"},
        {"telephone", "'+49'", "telephone=+49", "telephone=-"},
        {"quota_bytes", "9", "quota_bytes=9", "quota_bytes=-"},
        {"quota_messages", "0", "quota_messages=0", "quota_messages=-"},
        {"mailbox_type", "'mdbox'", "mailbox_type=mdbox", "mailbox_type=Maildir"},
        {"storage_node", "'n1'", "storage_node=n1", "storage_node=-"},
        {"forward", "'Eve@Example.org'", "forward=eve@example.org", "forward=-"},
        {"comment", "'d'", "comment=d", "comment=-"},
        {"autoreply", "{'subject':'s','body':'b','start':1,'end':2,'enabled':true}",
         "autoreply_subject=s autoreply_body=b autoreply_start=1970-01-01T00:00:00.000001Z "
         "autoreply_end=1970-01-01T00:00:00.000002Z autoreply_enabled=true",
         "autoreply_subject=- autoreply_body=- autoreply_start=- autoreply_end=- "
         "autoreply_enabled=false"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char set[512], clear[256];
        snprintf(set, sizeof set, UPDATE("'fields':['%s'],'%s':%s"), cases[i].field, cases[i].field,
                 cases[i].given);
        snprintf(clear, sizeof clear, UPDATE("'fields':['%s'],'%s':null"), cases[i].field,
                 cases[i].field);
        const struct step steps[] = {
            BEGIN_BOB,
            {set, "APPLIED 1>2"},
            ROW("account bob@example.org", cases[i].set),
            {set, "NO_CHANGE 2>2"},
            {clear, "APPLIED 2>3"},
            ROW("account bob@example.org", cases[i].cleared),
        };
        PLAY(steps);
    }
}

static void an_auto_reply_is_replaced_as_a_whole(void **state)
{
    (void)state;
    static const struct step steps[] = {
        BEGIN_BOB,
        {UPDATE("'fields':['autoreply'],'autoreply':{'subject':'s','body':'b','enabled':true}"),
         "APPLIED"},
        {UPDATE("'fields':['autoreply'],'autoreply':{'body':'c','enabled':true}"), "APPLIED"},
        ROW("account bob@example.org", "autoreply_subject=- autoreply_body=c"),
    };
    PLAY(steps);
}

static void a_cleared_quota_is_the_domains_default(void **state)
{
    (void)state;
    static const struct step steps[] = {
        {EVENT("CreateContext", "'name':'1'"), "APPLIED"},
        {EVENT("CreateDomain", "'domain':'example.org','default_quota_bytes':100"), "APPLIED"},
        {EVENT("CreateAccount", "'address':'bob@example.org','quota_bytes':5"), "APPLIED"},
        {UPDATE("'fields':['quota_bytes']"), "APPLIED 1>2", "quota_bytes 5>100"},
    };
    PLAY(steps);
}

static void an_account_is_named_by_address_or_uuid(void **state)
{
    (void)state;
    /* Bob's uuid is made from the id of the third event. */
#define BOBS_UUID "03000000-0000-0080-0070-000000000000"
#define NAMED(ref) EVENT("UpdateAccount", "'ref':" ref ",'fields':['comment'],'comment':'x'")
    static const struct step steps[] = {
        BEGIN_BOB,
        {NAMED("'BOB@Example.ORG'"), "APPLIED 1>2", BOBS_UUID},
        {NAMED("'" BOBS_UUID "'"), "NO_CHANGE 2>2"},
        {NAMED("{'address':'bob@example.org','uuid':'" BOBS_UUID "'}"), "NO_CHANGE 2>2"},
        {NAMED("{'address':'eve@example.org','uuid':'" BOBS_UUID "'}"), "REJECTED INVALID_FIELD"},
        {NAMED("{'address':'bob@example.org','uuid':'00000000-0000-0000-0000-000000000001'}"),
         "REJECTED INVALID_FIELD ->-"},
        {NAMED("{'address':'eve@example.org','uuid':'00000000-0000-0000-0000-000000000001'}"),
         "REJECTED NO_SUCH_ACCOUNT ->-"},
        {NAMED("{}"), "REJECTED MISSING_FIELD"},
        {NAMED("''"), "REJECTED MISSING_FIELD"},
        {NAMED("'eve@example.org'"), "REJECTED NO_SUCH_ACCOUNT ->-"},
        {EVENT_WITH("'context':'2'", "UpdateAccount", BOB ",'fields':['comment']"),
         "REJECTED NO_SUCH_ACCOUNT ->-"},
        {EVENT_WITH("'context':'2'", "UpdateAccount", "'ref':'" BOBS_UUID "','fields':['comment']"),
         "REJECTED NO_SUCH_ACCOUNT ->-"},
    };
    PLAY(steps);
}

static void a_stale_version_is_heard_even_when_nothing_would_change(void **state)
{
    (void)state;
    static const struct step steps[] = {
        BEGIN_BOB,
        {EVENT_WITH("'expected_version':2", "UpdateAccount", BOB), "REJECTED VERSION_MISMATCH 1>1",
         "version 2 is expected, but the object is at version 1"},
        {EVENT_WITH("'expected_version':0", "UpdateAccount", BOB), "REJECTED VERSION_MISMATCH 1>1"},
        {EVENT_WITH("'expected_version':1", "UpdateAccount",
                    BOB ",'fields':['comment'],'comment':'x'"),
         "APPLIED 1>2"},
        {EVENT_WITH("'expected_version':1", "UpdateAccount",
                    BOB ",'fields':['comment'],'comment':'y'"),
         "REJECTED VERSION_MISMATCH 2>2"},
        {EVENT_WITH("'expected_version':1", "UpdateAccount", "'ref':'eve@example.org'"),
         "REJECTED NO_SUCH_ACCOUNT ->-"},
    };
    PLAY(steps);
}

static void versions_count_events_while_they_are_folded(void **state)
{
    (void)state;
    static const struct step steps[] = {
        BEGIN_BOB,
        {UPDATE("'fields':['comment'],'comment':'a'"), "APPLIED 1>2", "comment ->a"},
        {UPDATE("'fields':['comment'],'comment':'b'"), "APPLIED 2>3", "comment a>b"},
        {UPDATE("'fields':['comment'],'comment':'b'"), "NO_CHANGE 3>3"},
        {UPDATE("'fields':['comment'],'comment':'a'"), "APPLIED 3>4", "comment b>a"},
        ROW("account bob@example.org", "version=4 comment=a"),
    };
    PLAY(steps);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_named_fields_are_set),
        cmocka_unit_test(nothing_named_or_nothing_new_is_no_change),
        cmocka_unit_test(fields_with_commands_of_their_own_are_refused),
        cmocka_unit_test(every_patchable_field_can_be_set_and_cleared),
        cmocka_unit_test(an_auto_reply_is_replaced_as_a_whole),
        cmocka_unit_test(a_cleared_quota_is_the_domains_default),
        cmocka_unit_test(an_account_is_named_by_address_or_uuid),
        cmocka_unit_test(a_stale_version_is_heard_even_when_nothing_would_change),
        cmocka_unit_test(versions_count_events_while_they_are_folded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
