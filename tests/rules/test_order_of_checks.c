/* The order of checks (rulings.md, 1): ledger > EXPIRED > envelope and fields > FORBIDDEN >
 * NO_SUCH_* > VERSION_MISMATCH > NO_CHANGE > conflicts > limits. Each event breaks several rules at
 * once. */
#include "harness.h"

#define EXPIRED_MEMBER "'expires_at':1,'timestamp':2"
#define WRONG_VERSION "'expected_version':99"
#define FORBIDDEN_ACTOR AS_USER("eve@example.org")

static const struct {
    const char *event, *becomes;
} cases[] = {
    /* EXPIRED before everything but the ledger */
    {EVENT_WITH(EXPIRED_MEMBER ",'event_id':'nonsense'", "UpdateAccount", BOB), "EXPIRED"},
    {EVENT_WITH(EXPIRED_MEMBER, "UpdateAccount", "'ref':''"), "EXPIRED"},
    {EVENT_WITH(EXPIRED_MEMBER "," FORBIDDEN_ACTOR, "UpdateAccount", BOB), "EXPIRED"},
    {EVENT_WITH(EXPIRED_MEMBER, "NoSuchCommand", ""), "EXPIRED"},
    /* the envelope before the payload */
    {EVENT_WITH("'event_id':'nonsense'", "UpdateAccount", "'ref':''"), "REJECTED INVALID_FIELD"},
    {EVENT_WITH("'event_id':''", "UpdateAccount", "'ref':'b@'"), "REJECTED MISSING_FIELD"},
    {EVENT_WITH("'occurred_at':0", "UpdateAccount", "'ref':'b@'"), "REJECTED MISSING_FIELD"},
    {EVENT_WITH("'context':''", "UpdateAccount", "'ref':'b@'"), "REJECTED MISSING_FIELD"},
    {EVENT_WITH("'mode':'PERHAPS'", "UpdateAccount", "'ref':''"), "REJECTED INVALID_FIELD"},
    {EVENT_WITH("'actor':null", "UpdateAccount", "'ref':'b@'"), "REJECTED MISSING_FIELD"},
    {EVENT_WITH("'actor':{'kind':'ROBOT','id':'x'}", "UpdateAccount", "'ref':''"),
     "REJECTED INVALID_FIELD"},
    {EVENT_WITH("'occurred_at':1767312003000001,'timestamp':1767225603000000", "UpdateAccount",
                "'ref':''"),
     "REJECTED INVALID_FIELD"},
    {EVENT_WITH("'occurred_at':-1", "UpdateAccount", "'ref':''"), "REJECTED INVALID_FIELD"},
    {EVENT_WITH("'occurred_at':253402300800000000,'timestamp':9000000000000000000", "UpdateAccount",
                "'ref':''"),
     "REJECTED INVALID_FIELD"},
    {EVENT_WITH("'event_id':'nonsense'", "NoSuchCommand", ""), "REJECTED INVALID_FIELD"},
    {EVENT("NoSuchCommand", ""), "REJECTED UNSUPPORTED"},
    /* fields before FORBIDDEN */
    {EVENT_WITH(FORBIDDEN_ACTOR, "UpdateAccount", BOB ",'fields':['password']"),
     "REJECTED INVALID_FIELD"},
    {EVENT_WITH(FORBIDDEN_ACTOR, "SetPassword", BOB ",'password':'clear'"),
     "REJECTED CLEARTEXT_SECRET"},
    /* FORBIDDEN before what exists */
    {EVENT_WITH(FORBIDDEN_ACTOR, "UpdateAccount", "'ref':'nobody@example.org'"),
     "REJECTED FORBIDDEN"},
    {EVENT_WITH(FORBIDDEN_ACTOR "," WRONG_VERSION, "UpdateAccount", BOB), "REJECTED FORBIDDEN"},
    {EVENT_WITH(FORBIDDEN_ACTOR ",'context':'9'", "CreateDomain", "'domain':'a.org'"),
     "REJECTED FORBIDDEN"},
    /* NO_SUCH_* before VERSION_MISMATCH */
    {EVENT_WITH(WRONG_VERSION, "UpdateAccount", "'ref':'nobody@example.org'"),
     "REJECTED NO_SUCH_ACCOUNT"},
    {EVENT_WITH(WRONG_VERSION, "UpdateAccount", BOB ",'fields':['group'],'group':'none'"),
     "REJECTED NO_SUCH_GROUP"},
    {EVENT_WITH(WRONG_VERSION, "CreateAccount", "'address':'bob@a.org'"),
     "REJECTED NO_SUCH_DOMAIN"},
    {EVENT_WITH(WRONG_VERSION, "CreateAccount", "'address':'bob@example.org','group':'none'"),
     "REJECTED NO_SUCH_GROUP"},
    {EVENT_WITH(WRONG_VERSION ",'context':'9'", "CreateDomain", "'domain':'a.org'"),
     "REJECTED NO_SUCH_CONTEXT"},
    {EVENT_WITH(WRONG_VERSION, "UpdateDomain",
                "'domain':'example.org','fields':['catch_all'],'catch_all':'x@example.org'"),
     "REJECTED NO_SUCH_ACCOUNT"},
    {EVENT_WITH(WRONG_VERSION, "DeleteAccount", "'ref':'nobody@example.org'"),
     "REJECTED NO_SUCH_ACCOUNT"},
    /* VERSION_MISMATCH before NO_CHANGE and conflicts */
    {EVENT_WITH(WRONG_VERSION, "UpdateAccount", BOB), "REJECTED VERSION_MISMATCH"},
    {EVENT_WITH(WRONG_VERSION, "CreateAccount", "'address':'bob@example.org'"),
     "REJECTED VERSION_MISMATCH"},
    {EVENT_WITH(WRONG_VERSION, "CreateAccount", "'address':'bob@example.org','comment':'other'"),
     "REJECTED VERSION_MISMATCH"},
    {EVENT_WITH(WRONG_VERSION, "CreateAccount", "'address':'gone@example.org'"),
     "REJECTED VERSION_MISMATCH"},
    {EVENT_WITH(WRONG_VERSION, "DeleteAccount", "'ref':'gone@example.org'"),
     "REJECTED VERSION_MISMATCH"},
    {EVENT_WITH(WRONG_VERSION, "DeleteDomain", "'domain':'example.org'"),
     "REJECTED VERSION_MISMATCH"},
    {EVENT_WITH(WRONG_VERSION, "CreateContext", "'name':'1'"), "REJECTED VERSION_MISMATCH"},
    {EVENT_WITH(WRONG_VERSION, "DeleteContext", "'name':'1'"), "REJECTED VERSION_MISMATCH"},
    {EVENT_WITH(WRONG_VERSION, "SetQuota", BOB ",'bytes':1000"), "REJECTED VERSION_MISMATCH"},
    /* NO_CHANGE before conflicts and limits: bob has more than is allowed by now */
    {EVENT("UpdateAccount", BOB ",'fields':['quota_bytes'],'quota_bytes':100"), "NO_CHANGE"},
    {EVENT("SetQuota", BOB ",'bytes':100"), "NO_CHANGE"},
    {EVENT("CreateAccount", "'address':'bob@example.org','quota_bytes':100"), "NO_CHANGE"},
    /* conflicts before limits */
    {EVENT("CreateAccount", "'address':'bob@example.org','quota_bytes':1000"),
     "REJECTED ALREADY_EXISTS"},
    {EVENT("CreateAccount", "'address':'gone@example.org','quota_bytes':1000"),
     "REJECTED ADDRESS_RESERVED"},
    {EVENT("CreateAccount", "'address':'new@example.org','quota_bytes':1"),
     "REJECTED LIMIT_EXCEEDED"},
};

static void what_is_judged_first_is_said(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const struct step steps[] = {
            BEGIN_DOMAIN,
            {EVENT("CreateAccount", "'address':'bob@example.org','quota_bytes':100"), "APPLIED"},
            {EVENT("CreateAccount", "'address':'gone@example.org'"), "APPLIED"},
            {EVENT("DeleteAccount", "'ref':'gone@example.org'"), "APPLIED"},
            {EVENT("UpdateDomain", "'domain':'example.org','fields':['limits'],"
                                   "'limits':{'max_accounts':1,'quota_bytes':50}"),
             "APPLIED"},
            {cases[i].event, cases[i].becomes},
            ROW("account bob@example.org", "version=1 quota_bytes=100"),
        };
        PLAY(steps);
    }
}

/* One id for two events is heard before anything else that is wrong with the second. */
static void the_ledger_is_asked_first(void **state)
{
    (void)state;
#define SAME_ID "'event_id':'11111111-1111-7111-8111-111111111111'"
    static const struct step steps[] = {
        BEGIN_DOMAIN,
        {EVENT_WITH(SAME_ID, "CreateAccount", "'address':'bob@example.org'"), "APPLIED"},
        {EVENT_WITH(SAME_ID "," EXPIRED_MEMBER, "CreateAccount", "'address':'bob@example.org'"),
         "DUPLICATE"},
        {EVENT_WITH(SAME_ID "," EXPIRED_MEMBER, "CreateAccount", "'address':''"),
         "REJECTED ID_REUSED"},
        {EVENT_WITH(SAME_ID "," FORBIDDEN_ACTOR, "CreateAccount", "'address':'bob@example.org'"),
         "REJECTED ID_REUSED"},
    };
    PLAY(steps);
}

static void event_ids_are_uuids_in_any_form(void **state)
{
    (void)state;
    static const struct step steps[] = {
        BEGIN_DOMAIN,
        {EVENT_WITH("'event_id':'AAAAAAAA-1111-7111-8111-111111111111'", "CreateAccount",
                    "'address':'bob@example.org'"),
         "APPLIED"},
        {EVENT_WITH("'event_id':'{aaaaaaaa-1111-7111-8111-111111111111}'", "CreateAccount",
                    "'address':'bob@example.org'"),
         "DUPLICATE"},
        {EVENT_WITH("'event_id':'00000000-0000-0000-0000-000000000000'", "UpdateAccount", BOB),
         "REJECTED INVALID_FIELD"},
        {EVENT_WITH("'event_id':'4711'", "UpdateAccount", BOB), "REJECTED INVALID_FIELD",
         "event_id '4711' is not a UUID"},
        /* Without an id there is nothing that could be used twice. */
        {EVENT_WITH("'event_id':'4711'", "UpdateAccount", BOB), "REJECTED INVALID_FIELD"},
    };
    PLAY(steps);
}

static void expiry_is_judged_by_the_records_timestamp(void **state)
{
    (void)state;
#define EXPIRES(us) "'expires_at':1767225700000000,'timestamp':" us
    static const struct step steps[] = {
        BEGIN_BOB,
        {EVENT_WITH(EXPIRES("1767225699999999"), "UpdateAccount", BOB), "NO_CHANGE"},
        {EVENT_WITH(EXPIRES("1767225700000000"), "UpdateAccount", BOB), "NO_CHANGE"},
        {EVENT_WITH(EXPIRES("1767225700000001"), "UpdateAccount", BOB), "EXPIRED"},
        {EVENT_WITH("'expires_at':-5", "UpdateAccount", BOB), "EXPIRED"},
    };
    PLAY(steps);
}

static void the_future_begins_a_day_after_the_record(void **state)
{
    (void)state;
#define OCCURRED(us) "'timestamp':1767225600000000,'occurred_at':" us
    static const struct step steps[] = {
        BEGIN_BOB,
        {EVENT_WITH(OCCURRED("1767312000000000"), "UpdateAccount", BOB), "NO_CHANGE"},
        {EVENT_WITH(OCCURRED("1767312000000001"), "UpdateAccount", BOB), "REJECTED INVALID_FIELD"},
        {EVENT_WITH(OCCURRED("1"), "UpdateAccount", BOB), "NO_CHANGE"},
        /* No timestamp can make a sum overflow. */
        {EVENT_WITH("'timestamp':9223372036854775807", "UpdateAccount", BOB), "NO_CHANGE"},
        {EVENT_WITH("'timestamp':-9223372036854775807", "UpdateAccount", BOB),
         "REJECTED INVALID_FIELD"},
        /* A record without a timestamp says nothing about the future. */
        {EVENT_WITH("'timestamp':-1", "UpdateAccount", BOB), "NO_CHANGE"},
    };
    PLAY(steps);
}

static void only_some_sources_may_say_system(void **state)
{
    (void)state;
    static struct text trusted[] = {{"signup-web", sizeof "signup-web" - 1}};
    struct world world;
    world_init(&world);
    world.policy.system_sources = (struct texts){trusted, 1};
    struct event *events[] = {
        event_from_text(EVENT_WITH("'source':'signup-web'", "CreateContext", "'name':'1'"), 0,
                        &world.arena),
        event_from_text(EVENT_WITH("'source':'signup-WEB'", "CreateContext", "'name':'2'"), 1,
                        &world.arena),
        event_from_text(EVENT_WITH("'source':''", "CreateContext", "'name':'3'"), 2, &world.arena),
    };
    struct outcome *outcomes = world_apply(&world, events, COUNT_OF(events));
    assert_int_equal(outcomes[0].status, OUTCOME_APPLIED);
    assert_int_equal(outcomes[1].code, CODE_FORBIDDEN);
    assert_int_equal(outcomes[2].code, CODE_FORBIDDEN);
    world_close(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_judged_first_is_said),
        cmocka_unit_test(the_ledger_is_asked_first),
        cmocka_unit_test(event_ids_are_uuids_in_any_form),
        cmocka_unit_test(expiry_is_judged_by_the_records_timestamp),
        cmocka_unit_test(the_future_begins_a_day_after_the_record),
        cmocka_unit_test(only_some_sources_may_say_system),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
