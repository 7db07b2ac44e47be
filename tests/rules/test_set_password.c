/* SetPassword and VerifyPassword: events.md 1 and 3; rulings.md 31 and 32. */
#include "domain/account_events.h"
#include "harness.h"

#define SET(password) EVENT("SetPassword", BOB ",'password':" password)
#define VERIFY(secret) EVENT("VerifyPassword", BOB ",'secret':{'sealed':'" secret "'}")

static void the_same_hash_is_no_change(void **state)
{
    (void)state;
    static const struct step steps[] = {
        BEGIN_BOB,
        {SET("'{SSHA256}new'"), "APPLIED 1>2", "password ***>***"},
        {SET("'{SSHA256}new'"), "NO_CHANGE 2>2"},
        {SET("{'sealed':'secret'}"), "APPLIED 2>3"},
        {SET("{'generated':8}"), "APPLIED 3>4"},
        ROW("account bob@example.org", "password={SHA512-CRYPT}made version=4"),
    };
    PLAY(steps);
}

static void secrets_that_are_none_are_refused(void **state)
{
    (void)state;
    static const struct step steps[] = {
        BEGIN_BOB,
        {SET("null"), "REJECTED MISSING_FIELD"},
        {SET("''"), "REJECTED MISSING_FIELD"},
        {SET("'plain'"), "REJECTED CLEARTEXT_SECRET"},
        {SET("'{PLAIN}plain'"), "REJECTED CLEARTEXT_SECRET"},
        {SET("'{MD5}x'"), "REJECTED UNKNOWN_SCHEME"},
        {SET("'{SSHA256}'"), "REJECTED INVALID_FIELD"},
        {SET("'{CRYPT}abDEFGHIJKLMN'"), "REJECTED WEAK_PASSWORD"},
        {SET("{'sealed':''}"), "REJECTED MISSING_FIELD"},
        ROW("account bob@example.org", "version=1"),
    };
    PLAY(steps);
}

static void a_user_may_change_the_own_password_only(void **state)
{
    (void)state;
#define USER_SETS(actor, ref)                                                                      \
    EVENT_WITH(AS_USER(actor), "SetPassword", "'ref':'" ref "','password':'{SSHA256}u'")
    static const struct step steps[] = {
        BEGIN_BOB,
        {EVENT("CreateAccount", "'address':'eve@example.org'"), "APPLIED"},
        {USER_SETS("bob@example.org", "eve@example.org"), "REJECTED FORBIDDEN ->-",
         "REFUSED account eve@example.org:"},
        {USER_SETS("bob@example.org", "nobody@example.org"), "REJECTED FORBIDDEN ->-",
         "REFUSED command SetPassword:"},
        {USER_SETS("Bob@Example.org", "bob@example.org"), "APPLIED 1>2"},
    };
    PLAY(steps);
}

static void flag_1_stops_the_user_but_no_admin(void **state)
{
    (void)state;
    static const struct step steps[] = {
        BEGIN_BOB,
        {EVENT("SetFlags", BOB ",'set_mask':1"), "APPLIED 1>2"},
        {USER_SETS("bob@example.org", "bob@example.org"), "REJECTED FORBIDDEN 2>2",
         "REFUSED account bob@example.org:"},
        {SET("'{SSHA256}s'"), "APPLIED 2>3"},
    };
    PLAY(steps);
}

static void a_password_is_compared_with_what_is_stored(void **state)
{
    (void)state;
    static const struct step steps[] = {
        BEGIN_BOB,
        {VERIFY("secret"), "REJECTED AUTH_FAILED ->-"},
        {SET("{'sealed':'secret'}"), "APPLIED 1>2"},
        {VERIFY("secret"), "NO_CHANGE 2>2", "03000000-0000-0080-0070-000000000000"},
        {VERIFY("Secret"), "REJECTED AUTH_FAILED ->-"},
        {EVENT("VerifyPassword", "'ref':'eve@example.org','secret':{'sealed':'secret'}"),
         "REJECTED AUTH_FAILED ->-"},
        {EVENT("VerifyPassword", BOB), "REJECTED MISSING_FIELD"},
        {EVENT("VerifyPassword", BOB ",'secret':'clear text'"), "REJECTED INVALID_FIELD",
         "must be sealed"},
        {EVENT("VerifyPassword", BOB ",'secret':{'generated':12}"), "REJECTED INVALID_FIELD",
         "must be sealed"},
        {EVENT_WITH("'expected_version':1", "VerifyPassword", BOB ",'secret':{'sealed':'secret'}"),
         "REJECTED VERSION_MISMATCH"},
        {EVENT_WITH(DRY_RUN, "VerifyPassword", BOB ",'secret':{'sealed':'secret'}"),
         "NO_CHANGE 2>2"},
        {EVENT("DeleteAccount", BOB), "APPLIED 2>3"},
        {VERIFY("secret"), "REJECTED AUTH_FAILED ->-"},
        ROW("account bob@example.org", "version=3"),
    };
    PLAY(steps);
}

/* The refusal has the same words whether there is an account or not. */
static void a_failed_check_does_not_tell_who_exists(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    struct event *events[] = {
        event_from_text(EVENT("CreateContext", "'name':'1'"), 0, &world.arena),
        event_from_text(EVENT("CreateDomain", "'domain':'example.org'"), 1, &world.arena),
        event_from_text(EVENT("CreateAccount", "'address':'bob@example.org'"), 2, &world.arena),
        event_from_text(VERIFY("wrong"), 3, &world.arena),
        event_from_text(EVENT("VerifyPassword", "'ref':'eve@example.org','secret':{'sealed':'x'}"),
                        4, &world.arena),
    };
    struct outcome *outcomes = world_apply(&world, events, COUNT_OF(events));
    struct text known = world_outcome_text(&outcomes[3], &world.arena);
    struct text unknown = world_outcome_text(&outcomes[4], &world.arena);
    assert_true(text_equal(known, unknown));
    world_close(&world);
}

/* What prepare compared is not what is stored now: the event must run again. */
static void a_comparison_with_another_hash_is_stale(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    world.cuts_at_verify = false;
    struct event *first[] = {
        event_from_text(EVENT("CreateContext", "'name':'1'"), 0, &world.arena),
        event_from_text(EVENT("CreateDomain", "'domain':'example.org'"), 1, &world.arena),
        event_from_text(
            EVENT("CreateAccount", "'address':'bob@example.org','password':{'sealed':'old'}"), 2,
            &world.arena),
    };
    world_apply(&world, first, COUNT_OF(first));
    struct event *second[] = {
        event_from_text(VERIFY("old"), 3, &world.arena),
        event_from_text(SET("{'sealed':'new'}"), 4, &world.arena),
        event_from_text(VERIFY("new"), 5, &world.arena),
        event_from_text(EVENT("DeleteAccount", BOB), 6, &world.arena),
        event_from_text(VERIFY("new"), 7, &world.arena),
    };
    struct outcome *outcomes = world_apply(&world, second, COUNT_OF(second));
    assert_false(outcomes[0].stale);
    assert_int_equal(outcomes[0].status, OUTCOME_NO_CHANGE);
    assert_true(outcomes[2].stale);
    /* An account that is gone needs no comparison. */
    assert_false(outcomes[4].stale);
    assert_int_equal(outcomes[4].code, CODE_AUTH_FAILED);
    world_close(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_hash_is_no_change),
        cmocka_unit_test(secrets_that_are_none_are_refused),
        cmocka_unit_test(a_user_may_change_the_own_password_only),
        cmocka_unit_test(flag_1_stops_the_user_but_no_admin),
        cmocka_unit_test(a_password_is_compared_with_what_is_stored),
        cmocka_unit_test(a_failed_check_does_not_tell_who_exists),
        cmocka_unit_test(a_comparison_with_another_hash_is_stale),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
