/* The fold itself: what it remembers, folds, undoes (design.md 2; rulings.md 1 to 3, 6, 8, 10). */
#include "domain/account_events.h"
#include "harness.h"

#define ID_1 "'event_id':'11111111-1111-7111-8111-111111111111'"
#define CREATE_BOB(envelope) EVENT_WITH(envelope, "CreateAccount", "'address':'bob@example.org'")
#define COMMENT(text) EVENT("UpdateAccount", BOB ",'fields':['comment'],'comment':'" text "'")

static void a_second_event_with_the_same_id_changes_nothing(void **state)
{
    (void)state;
#define SET_COMMENT(envelope)                                                                      \
    EVENT_WITH(envelope, "UpdateAccount", BOB ",'fields':['comment'],'comment':'x'")
    static const struct step steps[] = {
        BEGIN_BOB,
        {SET_COMMENT(ID_1), "APPLIED 1>2"},
        {COMMENT("y"), "APPLIED 2>3"},
        {SET_COMMENT(ID_1), "DUPLICATE", "first seen 3"},
        /* Another time or correlation is the same event; other content is not. */
        {SET_COMMENT(ID_1 ",'occurred_at':1767225600000777,'correlation_id':'c','source':'s'"),
         "DUPLICATE", "first seen 3"},
        {SET_COMMENT(ID_1 ",'expected_version':3"), "REJECTED ID_REUSED"},
        {SET_COMMENT(ID_1 "," DRY_RUN), "REJECTED ID_REUSED"},
        {EVENT_WITH(ID_1, "DeleteAccount", BOB), "REJECTED ID_REUSED"},
        ROW("account bob@example.org", "comment=y version=3"),
    };
    PLAY(steps);
}

static void which_outcomes_use_up_an_id(void **state)
{
    (void)state;
    static const struct step steps[] = {
        BEGIN_DOMAIN,
        /* PLANNED does not */
        {CREATE_BOB(ID_1 "," DRY_RUN), "PLANNED ->1"},
        {CREATE_BOB(ID_1 "," DRY_RUN), "PLANNED ->1"},
        {CREATE_BOB(ID_1), "APPLIED ->1"},
        {CREATE_BOB(ID_1), "DUPLICATE", "first seen 4"},
        /* NO_CHANGE, REJECTED and EXPIRED do */
        {CREATE_BOB("'event_id':'21111111-1111-7111-8111-111111111111'"), "NO_CHANGE"},
        {CREATE_BOB("'event_id':'21111111-1111-7111-8111-111111111111'"), "DUPLICATE",
         "first seen 6"},
        {EVENT_WITH("'event_id':'31111111-1111-7111-8111-111111111111'", "DeleteAccount",
                    "'ref':'b@'"),
         "REJECTED"},
        {EVENT_WITH("'event_id':'31111111-1111-7111-8111-111111111111'", "DeleteAccount",
                    "'ref':'b@'"),
         "DUPLICATE", "first seen 8"},
        {CREATE_BOB("'event_id':'41111111-1111-7111-8111-111111111111','expires_at':1"), "EXPIRED"},
        {CREATE_BOB("'event_id':'41111111-1111-7111-8111-111111111111','expires_at':1"),
         "DUPLICATE", "first seen 10"},
        /* A dry run that would be refused is a refusal (rulings.md, 10). */
        {EVENT_WITH("'event_id':'51111111-1111-7111-8111-111111111111'," DRY_RUN, "DeleteAccount",
                    "'ref':'x@example.org'"),
         "NO_CHANGE NO_SUCH_ACCOUNT"},
        {EVENT_WITH("'event_id':'51111111-1111-7111-8111-111111111111'," DRY_RUN, "DeleteAccount",
                    "'ref':'x@example.org'"),
         "DUPLICATE", "first seen 12"},
    };
    PLAY(steps);
}

/* Whether a fan-out changes anybody is known behind the plan of its segment. */
static void a_dry_run_of_a_fan_out_uses_its_id_when_it_would_change_nobody(void **state)
{
    (void)state;
#define SET_FLAGS(envelope)                                                                        \
    EVENT_WITH(envelope, "SetFlags", "'scope':'DOMAIN','domain':'example.org','set_mask':1")
    static const struct step steps[] = {
        BEGIN_DOMAIN,
        {SET_FLAGS(ID_1 "," DRY_RUN), "NO_CHANGE"},
        {SET_FLAGS(ID_1), "REJECTED ID_REUSED"},
        {EVENT("CreateAccount", "'address':'bob@example.org'"), "APPLIED"},
        {SET_FLAGS("'event_id':'21111111-1111-7111-8111-111111111111'," DRY_RUN), "PLANNED"},
        {SET_FLAGS("'event_id':'21111111-1111-7111-8111-111111111111'"), "APPLIED"},
        {SET_FLAGS("'event_id':'21111111-1111-7111-8111-111111111111'"), "DUPLICATE"},
    };
    PLAY(steps);
}

static void a_dry_run_says_exactly_what_would_be_and_does_nothing(void **state)
{
    (void)state;
    static const struct step steps[] = {
        BEGIN_BOB,
        {EVENT_WITH(DRY_RUN, "UpdateAccount", BOB ",'fields':['comment'],'comment':'x'"),
         "PLANNED 1>2", "UPDATE account bob@example.org: comment ->x"},
        {EVENT_WITH(DRY_RUN, "UpdateAccount", BOB ",'fields':['comment'],'comment':'x'"),
         "PLANNED 1>2"},
        {EVENT_WITH(DRY_RUN, "UpdateAccount", BOB), "NO_CHANGE 1>1"},
        {EVENT_WITH(DRY_RUN, "UpdateAccount", "'ref':'eve@example.org'"),
         "REJECTED NO_SUCH_ACCOUNT"},
        {EVENT_WITH(DRY_RUN, "DeleteAccount", BOB ",'mode':'PURGE'"), "PLANNED 1>-"},
        {EVENT_WITH(DRY_RUN, "DeprovisionServices", BOB ",'services':7"), "PLANNED 1>2",
         "services - - -"},
        {EVENT_WITH(DRY_RUN, "SetPassword", BOB ",'password':{'generated':10}"), "PLANNED 1>2"},
        {EVENT_WITH(DRY_RUN, "CreateAccount", "'address':'eve@example.org'"), "PLANNED ->1",
         "services MAIL CALENDAR CONTACTS"},
        {EVENT_WITH(DRY_RUN, "CreateDomain", "'domain':'a.org'"), "PLANNED ->1"},
        {EVENT_WITH(DRY_RUN, "CreateContext", "'name':'2'"), "PLANNED ->1"},
        {EVENT_WITH(DRY_RUN "," AS_USER("bob@example.org"), "CreateContext", "'name':'2'"),
         "REJECTED FORBIDDEN"},
        ROW("account bob@example.org", "comment=- version=1 services=7"),
        ROW("account eve@example.org", "absent"),
        ROW("domain a.org", "absent"),
        ROW("context 1", "domain_count=1"),
        ROW("services bob@example.org", "1000 1001 1002"),
    };
    PLAY(steps);
}

static void a_dry_run_returns_no_password_and_leaves_no_trace_of_a_refusal(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    static const char *const events[] = {
        EVENT("CreateContext", "'name':'1'"),
        EVENT("CreateDomain", "'domain':'example.org'"),
        EVENT("CreateAccount", "'address':'bob@example.org'"),
        EVENT_WITH(DRY_RUN, "SetPassword", BOB ",'password':{'generated':10}"),
        EVENT_WITH(DRY_RUN "," AS_USER("x@example.org"), "SetPassword",
                   BOB ",'password':'{SSHA256}x'"),
        EVENT_WITH(AS_USER("x@example.org"), "SetPassword", BOB ",'password':'{SSHA256}x'"),
        EVENT("SetPassword", BOB ",'password':{'generated':10}"),
    };
    struct event *read[COUNT_OF(events)];
    for (size_t i = 0; i < COUNT_OF(events); i++)
        read[i] = event_from_text(events[i], (int64_t)i, &world.arena);
    struct outcome *outcomes = world_apply(&world, read, COUNT_OF(events));
    assert_int_equal(outcomes[3].status, OUTCOME_PLANNED);
    assert_true(text_is_null(outcomes[3].generated_password));
    assert_int_equal(outcomes[4].change_count, 0);
    assert_int_equal(outcomes[5].change_count, 1);
    assert_int_equal(outcomes[5].changes[0].action, CHANGE_REFUSE);
    assert_int_equal(outcomes[5].changes[0].column_count, 0);
    assert_text_equal(outcomes[6].generated_password, "sealed");
    world_close(&world);
}

/* --- re-reading ---------------------------------------------------------------------------------
 */

static struct event **read_all(const char *const *texts, size_t count, struct world *world)
{
    struct event **events = ARENA_ARRAY(&world->arena, struct event *, count);
    for (size_t i = 0; i < count; i++)
        events[i] = event_from_text(texts[i], (int64_t)i, &world->arena);
    return events;
}

static const char *const story[] = {
    EVENT("CreateContext", "'name':'1'"),
    EVENT("CreateDomain", "'domain':'example.org'"),
    EVENT_WITH(ID_1, "CreateAccount", "'address':'bob@example.org'"),
    EVENT_WITH(ID_1, "CreateAccount", "'address':'bob@example.org'"),
    EVENT_WITH(DRY_RUN, "DeleteAccount", BOB),
    EVENT_WITH("'event_id':'x'", "DeleteAccount", BOB),
    EVENT("DeleteAccount", BOB),
};

static void what_was_processed_is_recalled_by_its_coordinates(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    struct outcome *first =
        world_apply(&world, read_all(story, COUNT_OF(story), &world), COUNT_OF(story));
    struct text rows = world_rows_text(&world, &world.arena);
    struct outcome *again =
        world_apply(&world, read_all(story, COUNT_OF(story), &world), COUNT_OF(story));
    for (size_t i = 0; i < COUNT_OF(story); i++) {
        assert_int_equal(again[i].status, first[i].status);
        /* A duplicate follows from the ledger again; everything else is recalled. */
        assert_int_equal(again[i].recalled, i != 3);
        assert_int_equal(again[i].derived, i == 3);
    }
    assert_int_equal(world.rows_written, 0);
    assert_true(text_equal(rows, world_rows_text(&world, &world.arena)));
    world_close(&world);
}

static void what_was_processed_and_pruned_changes_nothing_either(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    world_apply(&world, read_all(story, COUNT_OF(story), &world), COUNT_OF(story));
    struct text rows = world_rows_text(&world, &world.arena);
    world_forget(&world);
    struct outcome *again =
        world_apply(&world, read_all(story, COUNT_OF(story), &world), COUNT_OF(story));
    for (size_t i = 0; i < COUNT_OF(story); i++)
        assert_int_equal(again[i].status, OUTCOME_DUPLICATE);
    assert_true(text_equal(rows, world_rows_text(&world, &world.arena)));
    world_close(&world);
}

/* --- folding ------------------------------------------------------------------------------------
 */

static void ten_thousand_events_for_one_account_are_one_write(void **state)
{
    (void)state;
    enum { EVENTS = 10000 };
    struct world world;
    world_init(&world);
    static const char *const begin[] = {
        EVENT("CreateContext", "'name':'1'"),
        EVENT("CreateDomain", "'domain':'example.org'"),
        EVENT("CreateAccount", "'address':'bob@example.org'"),
    };
    world_apply(&world, read_all(begin, COUNT_OF(begin), &world), COUNT_OF(begin));
    struct event **events = ARENA_ARRAY(&world.arena, struct event *, EVENTS);
    for (int64_t i = 0; i < EVENTS; i++) {
        char text[256];
        snprintf(text, sizeof text, COMMENT("%d"), (int)i);
        events[i] = event_from_text(text, 3 + i, &world.arena);
    }
    struct outcome *outcomes = world_apply(&world, events, EVENTS);
    for (int64_t i = 0; i < EVENTS; i++) {
        assert_int_equal(outcomes[i].status, OUTCOME_APPLIED);
        assert_int_equal(outcomes[i].version_before, i + 1);
        assert_int_equal(outcomes[i].version_after, i + 2);
        assert_int_equal(outcomes[i].change_count, 1);
    }
    assert_int_equal(world.rows_written, 1);
    assert_text_equal(
        world_row_text(&world, "account bob@example.org", "comment version", &world.arena),
        "comment=9999 version=10001");
    world_close(&world);
}

static void what_comes_back_to_what_it_was_is_still_two_changes(void **state)
{
    (void)state;
    static const struct step steps[] = {
        BEGIN_BOB,
        {EVENT("DeleteAccount", BOB), "APPLIED 1>2"},
        {EVENT("RestoreAccount", BOB), "APPLIED 2>3"},
        {EVENT("DeleteAccount", BOB ",'mode':'PURGE'"), "APPLIED 3>-"},
        {EVENT("CreateAccount", "'address':'bob@example.org'"), "APPLIED ->1"},
        {EVENT("DeleteAccount", BOB ",'mode':'PURGE'"), "APPLIED 1>-"},
        {EVENT("DeleteDomain", "'domain':'example.org'"), "APPLIED 1>-"},
        {EVENT("CreateDomain", "'domain':'example.org'"), "APPLIED ->1"},
        {EVENT("DeleteDomain", "'domain':'example.org'"), "APPLIED 1>-"},
        {EVENT("DeleteContext", "'name':'1'"), "APPLIED 1>-"},
        {EVENT("CreateContext", "'name':'1'"), "APPLIED ->1"},
        ROW("context 1", "domain_count=0 version=1"),
    };
    PLAY(steps);
}

/* --- undoing ------------------------------------------------------------------------------------
 */

/* All the rows of the set, byte for byte. */
static struct text image_of(const struct working_set *set, struct arena *arena)
{
    const struct rows *const lists[] = {&set->context_rows, &set->domain_rows, &set->account_rows,
                                        &set->service_rows, &set->recovery_rows};
    struct buffer buffer;
    buffer_init(&buffer, 1 << 20);
    for (size_t l = 0; l < COUNT_OF(lists); l++) {
        for (size_t i = 0; i < lists[l]->count; i++) {
            if (!lists[l]->items[i]->is_gone)
                buffer_put(&buffer, lists[l]->items[i], lists[l]->items[i]->noun->size);
        }
    }
    struct text image = text_copy(arena, buffer_text(&buffer));
    buffer_close(&buffer);
    return image;
}

static void refused_and_planned_events_leave_the_rows_bit_for_bit(void **state)
{
    (void)state;
    static const char *const undone[] = {
        EVENT_WITH(DRY_RUN, "CreateAccount",
                   "'address':'new@fly.org','recovery':{'question':'q',"
                   "'answer_hash':'{SSHA256}a'}"),
        EVENT_WITH(DRY_RUN, "UpdateAccount", BOB ",'fields':['comment'],'comment':'x'"),
        EVENT_WITH(DRY_RUN, "SetPassword", BOB ",'password':'{SSHA256}y'"),
        EVENT_WITH(DRY_RUN, "SetAccountStatus", BOB ",'status':'LOCKED'"),
        EVENT_WITH(DRY_RUN, "DeleteAccount", BOB),
        EVENT_WITH(DRY_RUN, "DeleteAccount", BOB ",'mode':'PURGE'"),
        EVENT_WITH(DRY_RUN, "DeprovisionServices", BOB ",'services':7"),
        EVENT_WITH(DRY_RUN, "ProvisionServices", "'ref':'lazy@example.org','services':7"),
        EVENT_WITH(DRY_RUN, "ObserveLogin", "'address':'lazy@example.org'"),
        EVENT_WITH(DRY_RUN, "SetQuota", BOB ",'bytes':7"),
        EVENT_WITH(DRY_RUN, "SetFlags", BOB ",'set_mask':8192"),
        EVENT_WITH(DRY_RUN, "SetQuota", "'scope':'DOMAIN','domain':'example.org','bytes':1"),
        EVENT_WITH(DRY_RUN, "SetFlags", "'scope':'DOMAIN','domain':'example.org','set_mask':8192"),
        EVENT_WITH(DRY_RUN, "CreateDomain", "'domain':'a.org'"),
        EVENT_WITH(DRY_RUN, "UpdateDomain", "'domain':'example.org','fields':['limits']"),
        EVENT_WITH(DRY_RUN, "DeleteDomain", "'domain':'example.org','cascade':true"),
        EVENT_WITH(DRY_RUN, "CreateContext", "'name':'2'"),
        EVENT_WITH(DRY_RUN, "UpdateContext",
                   "'name':'1','fields':['default_limits'],"
                   "'default_limits':{'max_accounts':1}"),
        EVENT("CreateAccount", "'address':'many@example.org','quota_bytes':1000"),
        EVENT("UpdateAccount", BOB ",'fields':['quota_bytes'],'quota_bytes':1000"),
    };
    static const char *const begin[] = {
        EVENT("CreateContext", "'name':'1','domains_on_the_fly':true"),
        EVENT("CreateDomain",
              "'domain':'example.org','limits':{'max_accounts':5,'quota_bytes':100}"),
        EVENT("CreateAccount", "'address':'bob@example.org','quota_bytes':10"),
        EVENT("CreateAccount",
              "'address':'lazy@example.org','service_mode':'LAZY','quota_bytes':10"),
    };
    struct arena arena;
    struct working_set set;
    struct plan plan;
    struct policy policy = policy_defaults;
    enum { BEGIN = COUNT_OF(begin), ALL = BEGIN + COUNT_OF(undone) };
    struct event *events[ALL];
    struct outcome outcomes[ALL];
    const struct memory *const memories[ALL] = {NULL};
    const bool is_reread[ALL] = {false};
    arena_init(&arena, 16 << 20, 0);
    for (size_t i = 0; i < ALL; i++) {
        events[i] = event_from_text(i < BEGIN ? begin[i] : undone[i - BEGIN], (int64_t)i, &arena);
        event_check(events[i], &policy, &arena);
    }
    const struct plan_input input = {events, memories, is_reread, ALL, &policy};
    working_set_init(&set, &arena, ALL);
    plan_begin(&plan, &arena, &set, &policy, ALL);
    plan_run(&plan, &input, 0, BEGIN, outcomes);
    struct text before = image_of(&set, &arena);
    for (size_t i = BEGIN; i < ALL; i++) {
        plan_run(&plan, &input, i, i + 1, outcomes);
        enum outcome_status status =
            events[i]->mode == MODE_DRY_RUN ? OUTCOME_PLANNED : OUTCOME_REJECTED;
        struct text after = image_of(&set, &arena);
        if (outcomes[i].status != status || !text_equal(before, after))
            fail_msg("%s: %s, or a row is not what it was", undone[i - BEGIN],
                     outcome_status_names[outcomes[i].status]);
    }
    arena_close(&arena);
}

/* --- segments -----------------------------------------------------------------------------------
 */

static void the_batch_is_cut_before_and_behind_a_fan_out(void **state)
{
    (void)state;
    static const char *const texts[] = {
        EVENT("SetFlags", BOB ",'set_mask':1"),
        EVENT("SetFlags", "'scope':'DOMAIN','domain':'example.org','set_mask':1"),
        EVENT("SetFlags", "'scope':'DOMAIN','domain':'example.org','set_mask':1"),
        EVENT("DeleteDomain", "'domain':'example.org','cascade':false"),
        EVENT("DeleteDomain", "'domain':'example.org','cascade':true"),
        EVENT("SetQuota", "'scope':'DOMAIN','domain':'not a domain','bytes':1"), /* a fault */
        EVENT("SetQuota", BOB ",'bytes':1"),
        EVENT("SetQuota", "'scope':'DOMAIN','domain':'example.org','bytes':1"), /* remembered */
        EVENT("SetQuota", BOB ",'bytes':1"),
    };
    static const size_t ends[] = {1, 2, 3, 4, 5, 9};
    static const struct memory memory;
    const struct memory *memories[COUNT_OF(texts)] = {[7] = &memory};
    struct world world;
    world_init(&world);
    struct event **events = read_all(texts, COUNT_OF(texts), &world);
    for (size_t i = 0; i < COUNT_OF(texts); i++)
        event_check(events[i], &world.policy, &world.arena);
    const struct plan_input input = {
        .events = events, .memories = memories, .count = COUNT_OF(texts)};
    for (size_t from = 0, n = 0; from < COUNT_OF(texts); from = ends[n++])
        assert_int_equal(plan_segment_end(&input, from), ends[n]);
    world_close(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_second_event_with_the_same_id_changes_nothing),
        cmocka_unit_test(which_outcomes_use_up_an_id),
        cmocka_unit_test(a_dry_run_of_a_fan_out_uses_its_id_when_it_would_change_nobody),
        cmocka_unit_test(a_dry_run_says_exactly_what_would_be_and_does_nothing),
        cmocka_unit_test(a_dry_run_returns_no_password_and_leaves_no_trace_of_a_refusal),
        cmocka_unit_test(what_was_processed_is_recalled_by_its_coordinates),
        cmocka_unit_test(what_was_processed_and_pruned_changes_nothing_either),
        cmocka_unit_test(ten_thousand_events_for_one_account_are_one_write),
        cmocka_unit_test(what_comes_back_to_what_it_was_is_still_two_changes),
        cmocka_unit_test(refused_and_planned_events_leave_the_rows_bit_for_bit),
        cmocka_unit_test(the_batch_is_cut_before_and_behind_a_fan_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
