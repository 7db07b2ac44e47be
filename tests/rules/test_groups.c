/* SetGroupMembers, ChangeGroupMembers, and groups of accounts in the other commands: events.md 3
 * and 5; rulings.md 1, 9 to 12, 21, 36, 39, 42. */
#include "domain/group_events.h"
#include "harness.h"

#define SET(payload) EVENT("SetGroupMembers", payload)
#define CHANGE(payload) EVENT("ChangeGroupMembers", payload)
#define CREATE(name, more) EVENT("CreateAccount", "'address':'" name "@example.org'" more)
#define STAFF "'group':9,'name':'staff'"
#define BOBS "'bob@example.org'"
#define EVES "'eve@example.org'"

#define BEGIN_TWO                                                                                  \
    BEGIN_DOMAIN, {CREATE("bob", ""), "APPLIED ->1"},                                              \
    {                                                                                              \
        CREATE("eve", ""), "APPLIED"                                                               \
    }

/* The uuid of the account that the event at an offset made. */
#define UUID_OF(offset) "'" #offset "000000-0000-0080-0070-000000000000'"

static void setting_members_makes_an_unknown_group(void **state)
{
    (void)state;
    static const struct step steps[] = {
        BEGIN_TWO,
        {SET(STAFF ",'members':[" BOBS "]"), "APPLIED ->1",
         "items 1/1 bob@example.org APPLIED added +bob@example.org \n"
         "  CREATE mail_group staff: number ->9 name ->staff members_added ->1"},
        ROW("mail_group staff", "context=1 number=9 version=1"),
        ROW("members staff", "bob@example.org"),
        {SET("'group':10"), "APPLIED ->1", "CREATE mail_group 10: number ->10 name ->10"},
        {SET("'group':2147483647,'name':'','members':[]"), "APPLIED ->1", "name ->2147483647"},
        /* It is no event about one account. */
        {SET("'group':11,'members':[" BOBS "]"), "APPLIED ->1", "items 1/1"},
    };
    PLAY(steps);
}

static void setting_members_replaces_them_all(void **state)
{
    (void)state;
    static const struct step steps[] = {
        BEGIN_TWO,
        {CREATE("al", ""), "APPLIED"},
        {SET(STAFF ",'members':[" BOBS "," EVES "]"), "APPLIED ->1"},
        {SET("'group':9,'members':[" EVES "," BOBS "]"), "NO_CHANGE 1>1",
         "items 0/2 eve@example.org NO_CHANGE  bob@example.org NO_CHANGE "},
        {SET("'group':9,'members':['al@example.org'," BOBS "]"), "APPLIED 1>2",
         "items 2/3 al@example.org APPLIED added bob@example.org NO_CHANGE  eve@example.org "
         "APPLIED "
         "removed +al@example.org -eve@example.org \n"
         "  UPDATE mail_group staff: members_added ->1 members_removed ->1"},
        ROW("members staff", "al@example.org bob@example.org"),
        {SET("'group':9"), "APPLIED 2>3", "members_removed ->2"},
        ROW("members staff", ""),
        {SET("'group':9"), "NO_CHANGE 3>3"},
        /* Whose turn it is to come and go does not depend on the one before. */
        {SET("'group':9,'members':[" EVES "]"), "APPLIED 3>4",
         "UPDATE mail_group staff: members_added ->1"},
    };
    PLAY(steps);
}

static void members_are_named_by_address_uuid_or_id_and_count_once(void **state)
{
    (void)state;
    static const struct step steps[] = {
        BEGIN_TWO,
        {SET(STAFF ",'members':['BOB@Example.org'," BOBS "," UUID_OF(03) "]"), "APPLIED ->1",
         "items 1/1 bob@example.org APPLIED added +bob@example.org "},
        {SET("'group':9,'members':['nobody@example.org']"), "REJECTED NO_SUCH_USER 1>1",
         "no user 'nobody@example.org'"},
        {SET("'group':9,'members':['77']"), "REJECTED NO_SUCH_USER"},
        {SET("'group':9,'members':['99999999-0000-0000-0000-000000000000']"),
         "REJECTED NO_SUCH_USER"},
        {SET("'group':9,'members':['bob']"), "REJECTED INVALID_FIELD", "members names 'bob'"},
        {SET("'group':9,'members':['']"), "REJECTED INVALID_FIELD"},
        {SET("'group':9,'members':['0']"), "REJECTED INVALID_FIELD"},
        {SET("'group':9,'members':['-1']"), "REJECTED INVALID_FIELD"},
        {SET("'group':9,'members':['9223372036854775808']"), "REJECTED INVALID_FIELD"},
        {SET("'group':9,'members':['00000000-0000-0000-0000-000000000000']"),
         "REJECTED INVALID_FIELD"},
        {SET("'group':9,'members':['b b@example.org']"), "REJECTED BAD_CHARACTER"},
        {SET("'group':9,'members':['@example.org']"), "REJECTED INVALID_ADDRESS"},
        {CHANGE("'group':9,'remove':['x']"), "REJECTED INVALID_FIELD", "remove names"},
        ROW("members staff", "bob@example.org"),
    };
    PLAY(steps);
}

/* The id is drawn when the account is stored: nobody knows it before. */
static void a_user_id_is_found_once_the_account_is_stored(void **state)
{
    (void)state;
    static const char *const texts[] = {
        EVENT("CreateContext", "'name':'1'"),
        EVENT("CreateDomain", "'domain':'example.org'"),
        CREATE("bob", ""),
        SET(STAFF ",'members':['100']"),
        CHANGE("'group':9,'remove':['100']"),
    };
    struct world world;
    world_init(&world);
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        struct event *event = event_from_text(texts[i], (int64_t)i, &world.arena);
        struct outcome *outcome = world_apply(&world, &event, 1);
        assert_int_equal(outcome->status, OUTCOME_APPLIED);
        if (i >= 3)
            assert_true(text_equal_z(outcome->items.items[0].object, "bob@example.org"));
    }
    world_close(&world);
}

static void changing_members_leaves_the_others(void **state)
{
    (void)state;
    static const struct step steps[] = {
        BEGIN_TWO,
        {CHANGE("'group':9,'add':[" BOBS "]"), "REJECTED NO_SUCH_GROUP ->-", "no group 9"},
        {SET(STAFF ",'members':[" BOBS "]"), "APPLIED ->1"},
        {CHANGE("'group':9,'add':[" BOBS "],'remove':[" EVES "]"), "NO_CHANGE 1>1", "items 0/2"},
        {CHANGE("'group':9"), "NO_CHANGE 1>1"},
        {CHANGE("'group':9,'add':[" EVES "," EVES "]"), "APPLIED 1>2",
         "items 1/1 eve@example.org APPLIED added +eve@example.org "},
        {CHANGE("'group':9,'add':['nobody@example.org'],'remove':[" EVES "]"),
         "REJECTED NO_SUCH_USER 2>2"},
        {CHANGE("'group':9,'remove':['nobody@example.org']"), "REJECTED NO_SUCH_USER 2>2"},
        {CHANGE("'group':9,'remove':[" BOBS "]"), "APPLIED 2>3",
         "bob@example.org APPLIED removed -bob@example.org"},
        ROW("members staff", "eve@example.org"),
        {CHANGE("'group':9,'remove':[" BOBS "]"), "NO_CHANGE 3>3"},
    };
    PLAY(steps);
}

static void nobody_is_added_and_removed(void **state)
{
    (void)state;
    static const struct step steps[] = {
        BEGIN_TWO,
        {SET(STAFF), "APPLIED ->1"},
        /* As the event says it: before who may send it, and before who is there. */
        {EVENT_WITH(AS_USER("bob@example.org"), "ChangeGroupMembers",
                    "'group':8,'add':[" EVES "],'remove':['Eve@example.org']"),
         "REJECTED INVALID_FIELD ->-", "item 1 of remove"},
        {CHANGE("'group':9,'add':['5'],'remove':['4','5']"), "REJECTED INVALID_FIELD ->-",
         "item 2 of remove"},
        /* The same user under another name. */
        {CHANGE("'group':9,'add':[" UUID_OF(03) "],'remove':[" BOBS "]"),
         "REJECTED INVALID_FIELD 1>1", "bob@example.org is both added and removed"},
        ROW("members staff", ""),
    };
    PLAY(steps);
}

static void group_zero_is_everybody(void **state)
{
    (void)state;
    static const struct step steps[] = {
        BEGIN_TWO,
        {SET("'group':0,'name':'all'"), "REJECTED INVALID_FIELD ->-", "group is 0"},
        {SET("'group':-1"), "REJECTED INVALID_FIELD"},
        {SET("'group':2147483648"), "REJECTED INVALID_FIELD"},
        {SET("'name':'x'"), "REJECTED MISSING_FIELD"},
        {CHANGE("'group':0,'add':[" BOBS "]"), "REJECTED INVALID_FIELD"},
        {SET("'group':1,'name':'a\\nb'"), "REJECTED BAD_CHARACTER"},
        ROW("mail_group all", "absent"),
    };
    PLAY(steps);
}

static void a_group_keeps_its_number_and_may_change_its_name(void **state)
{
    (void)state;
    static const struct step steps[] = {
        BEGIN_DOMAIN,
        {SET(STAFF), "APPLIED ->1"},
        {CREATE("bob", ",'group':'staff'"), "APPLIED ->1", "group_number ->9"},
        {SET("'group':10,'name':'staff'"), "REJECTED ALREADY_EXISTS ->-", "group 9"},
        {SET("'group':9,'name':'crew','members':[" BOBS "]"), "APPLIED 1>2",
         "UPDATE mail_group crew: name staff>crew"},
        /* Bob stays in it, whatever it is called. */
        ROW("members crew", "bob@example.org*"),
        {CREATE("bob", ",'group':'crew'"), "NO_CHANGE 1>1"},
        {CREATE("eve", ",'group':'staff'"), "REJECTED NO_SUCH_GROUP"},
        {EVENT("UpdateAccount", BOB ",'fields':['group'],'group':'crew'"), "NO_CHANGE 1>1"},
        /* The name is free again. */
        {SET("'group':10,'name':'staff'"), "APPLIED ->1"},
        {SET("'group':9,'name':'staff','members':[" BOBS "]"), "REJECTED ALREADY_EXISTS 2>2"},
        {CREATE("eve", ",'group':'staff'"), "APPLIED", "group_number ->10"},
        {EVENT_WITH(DRY_RUN, "SetGroupMembers", "'group':10,'name':'band'"), "PLANNED 1>2"},
        {SET("'group':11,'name':'band'"), "APPLIED ->1"},
        ROW("members staff", "eve@example.org*"),
        /* A new group without a name is called by its number, unless another one is. */
        {SET("'group':12,'name':'13'"), "APPLIED"},
        {SET("'group':13"), "REJECTED ALREADY_EXISTS"},
    };
    PLAY(steps);
}

static void an_account_has_one_group_of_its_own_and_may_be_in_others(void **state)
{
    (void)state;
    static const struct step steps[] = {
        BEGIN_TWO,
        {SET(STAFF ",'members':[" BOBS "]"), "APPLIED"},
        {SET("'group':10,'name':'sales','members':[" BOBS "," EVES "]"), "APPLIED"},
        /* It is in both; neither is its own yet. */
        {CREATE("bob", ",'group':'staff'"), "REJECTED ALREADY_EXISTS 1>1", "group"},
        {EVENT("UpdateAccount", BOB ",'fields':['group'],'group':'staff'"), "APPLIED 1>2",
         "UPDATE account bob@example.org: group_number ->9"},
        ROW("members staff", "bob@example.org*"),
        {CREATE("bob", ",'group':'staff'"), "NO_CHANGE 2>2"},
        /* Moved: it leaves the one, and is in the other already. */
        {EVENT("UpdateAccount", BOB ",'fields':['group'],'group':'sales'"), "APPLIED 2>3",
         "group_number 9>10"},
        ROW("members staff", ""),
        ROW("members sales", "bob@example.org* eve@example.org"),
        /* And back, out of a group where it was not only by its own choice. */
        {EVENT("UpdateAccount", BOB ",'fields':['group'],'group':'staff'"), "APPLIED 3>4",
         "group_number 10>9"},
        ROW("members sales", "eve@example.org"),
        {EVENT("UpdateAccount", BOB ",'fields':['group']"), "APPLIED 4>5", "group_number 9>-"},
        ROW("members staff", ""),
        {EVENT("UpdateAccount", BOB ",'fields':['group']"), "NO_CHANGE 5>5"},
        /* Not named: the group stays as it is. */
        {EVENT("UpdateAccount", "'ref':" EVES ",'fields':[],'group':'staff'"), "NO_CHANGE"},
        ROW("members staff", ""),
        /* Accounts come and go without a new version of the group, group events without one of the
         * account. */
        ROW("mail_group staff", "version=1"),
        ROW("account eve@example.org", "version=1"),
    };
    PLAY(steps);
}

static void a_group_event_takes_away_an_own_group_too(void **state)
{
    (void)state;
    static const struct step steps[] = {
        BEGIN_DOMAIN,
        {SET(STAFF), "APPLIED ->1"},
        {CREATE("bob", ",'group':'staff'"), "APPLIED ->1"},
        {CREATE("eve", ",'group':'staff'"), "APPLIED ->1"},
        {SET("'group':9,'members':[" BOBS "]"), "APPLIED 1>2",
         "bob@example.org NO_CHANGE  eve@example.org APPLIED removed"},
        {CREATE("eve", ",'group':'staff'"), "REJECTED ALREADY_EXISTS 1>1", "group"},
        {CHANGE("'group':9,'remove':[" BOBS "]"), "APPLIED 2>3"},
        ROW("members staff", ""),
        ROW("account bob@example.org", "version=1"),
        {EVENT("UpdateAccount", BOB ",'fields':['group'],'group':'staff'"), "APPLIED 1>2",
         "group_number ->9"},
        {EVENT("DeleteAccount", BOB ",'mode':'PURGE'"), "APPLIED", "group_number 9>-"},
        ROW("members staff", ""),
    };
    PLAY(steps);
}

static void a_deleted_member_sleeps_and_a_purged_one_is_gone(void **state)
{
    (void)state;
    static const struct step steps[] = {
        BEGIN_TWO,
        {SET(STAFF ",'members':[" BOBS "," EVES "]"), "APPLIED"},
        {EVENT("DeleteAccount", BOB), "APPLIED 1>2"},
        {CHANGE("'group':9,'add':[" BOBS "]"), "REJECTED NO_SUCH_USER"},
        {CHANGE("'group':9,'remove':[" UUID_OF(03) "]"), "REJECTED NO_SUCH_USER"},
        {EVENT("RestoreAccount", BOB), "APPLIED 2>3"},
        ROW("members staff", "bob@example.org eve@example.org"),
        /* All members are those that are listed, also among the deleted. */
        {EVENT("DeleteAccount", BOB), "APPLIED"},
        {SET("'group':9,'members':[" EVES "]"), "APPLIED 1>2", "-bob@example.org"},
        {EVENT("RestoreAccount", BOB), "APPLIED"},
        ROW("members staff", "eve@example.org"),
        {EVENT("DeleteAccount", "'ref':" EVES ",'mode':'PURGE'"), "APPLIED"},
        ROW("members staff", ""),
        {CREATE("eve", ""), "APPLIED ->1"},
        ROW("members staff", ""),
    };
    PLAY(steps);
}

static void a_context_takes_its_groups_along(void **state)
{
    (void)state;
    static const struct step steps[] = {
        BEGIN_TWO,
        {SET(STAFF ",'members':[" BOBS "]"), "APPLIED ->1"},
        {SET("'group':10,'name':'sales'"), "APPLIED ->1"},
        {EVENT("DeleteContext", "'name':'1'"), "REJECTED CONTEXT_NOT_EMPTY"},
        {EVENT("DeleteDomain", "'domain':'example.org','cascade':true"), "APPLIED"},
        {EVENT_WITH(DRY_RUN, "DeleteContext", "'name':'1'"), "PLANNED 1>-"},
        ROW("members staff", "bob@example.org"),
        {CHANGE("'group':9"), "NO_CHANGE 1>1"},
        {EVENT("DeleteContext", "'name':'1'"), "APPLIED 1>-"},
        ROW("mail_group staff", "absent"),
        {SET(STAFF), "REJECTED NO_SUCH_CONTEXT ->-"},
        {CHANGE("'group':9"), "REJECTED NO_SUCH_CONTEXT ->-"},
        /* Another context of the same name has none of them. */
        {EVENT("CreateContext", "'name':'1'"), "APPLIED"},
        {EVENT("CreateDomain", "'domain':'example.org'"), "APPLIED"},
        {CHANGE("'group':9"), "REJECTED NO_SUCH_GROUP"},
        {CREATE("al", ",'group':'staff'"), "REJECTED NO_SUCH_GROUP"},
        {SET("'group':9,'name':'sales'"), "APPLIED ->1"},
        {EVENT("RestoreAccount", BOB), "APPLIED"},
        ROW("members sales", ""),
        {CHANGE("'group':9,'add':[" BOBS "]"), "APPLIED 1>2"},
        ROW("members sales", "bob@example.org"),
    };
    PLAY(steps);
}

/* All of it between two looks at the database. */
static void a_group_may_come_and_go_with_its_context_in_one_batch(void **state)
{
    (void)state;
    static const struct step steps[] = {
        {EVENT("CreateContext", "'name':'1'"), "APPLIED"},
        {SET(STAFF), "APPLIED ->1"},
        {EVENT("DeleteContext", "'name':'1'"), "APPLIED"},
        {EVENT("CreateContext", "'name':'1'"), "APPLIED"},
        {SET("'group':9,'name':'crew'"), "APPLIED ->1"},
        {SET("'group':9,'name':'staff'"), "APPLIED 1>2"},
        {EVENT("DeleteContext", "'name':'1'"), "APPLIED"},
        ROW("mail_group staff", "absent"),
        ROW("context 1", "absent"),
    };
    PLAY(steps);
}

static void the_order_of_checks_holds(void **state)
{
    (void)state;
    static const struct step steps[] = {
        BEGIN_TWO,
        {EVENT_WITH(AS_USER("bob@example.org"), "SetGroupMembers", STAFF), "REJECTED FORBIDDEN"},
        {EVENT_WITH("'context':'2'", "SetGroupMembers", STAFF ",'members':[" BOBS "]"),
         "REJECTED NO_SUCH_CONTEXT"},
        {EVENT("CreateContext", "'name':'2'"), "APPLIED"},
        /* An account of another context does not exist. */
        {EVENT_WITH("'context':'2'", "SetGroupMembers", STAFF ",'members':[" BOBS "]"),
         "REJECTED NO_SUCH_USER"},
        {EVENT_WITH("'expected_version':1", "SetGroupMembers", STAFF),
         "REJECTED VERSION_MISMATCH ->-"},
        {EVENT_WITH("'expected_version':0", "SetGroupMembers", STAFF), "APPLIED ->1"},
        {EVENT_WITH("'expected_version':0", "SetGroupMembers", STAFF),
         "REJECTED VERSION_MISMATCH 1>1"},
        {EVENT_WITH("'expected_version':2", "ChangeGroupMembers", "'group':9"),
         "REJECTED VERSION_MISMATCH 1>1"},
        {EVENT_WITH("'expected_version':3", "ChangeGroupMembers", "'group':9,'add':['99']"),
         "REJECTED NO_SUCH_USER 1>1"},
        {EVENT_WITH("'expected_version':1", "ChangeGroupMembers", "'group':9,'add':[" BOBS "]"),
         "APPLIED 1>2"},
        /* A dry run says it all and does nothing. */
        {EVENT_WITH(DRY_RUN, "SetGroupMembers", "'group':9,'name':'crew','members':[" EVES "]"),
         "PLANNED 2>3",
         "items 2/2 eve@example.org PLANNED added bob@example.org PLANNED removed \n"
         "  UPDATE mail_group crew: name staff>crew members_added ->1 members_removed ->1"},
        {EVENT_WITH(DRY_RUN, "SetGroupMembers", "'group':5,'members':[" EVES "]"), "PLANNED ->1"},
        {EVENT_WITH(DRY_RUN, "ChangeGroupMembers", "'group':9,'add':[" BOBS "]"), "NO_CHANGE 2>2"},
        ROW("mail_group staff", "number=9 version=2"),
        ROW("mail_group 5", "absent"),
        ROW("members staff", "bob@example.org"),
        {SET("'group':9,'members':[" EVES "]"), "APPLIED 2>3"},
    };
    PLAY(steps);
}

/* A group of `count` members, and an event that would replace them. */
static struct outcome *replace(struct world *world, size_t count)
{
    static const char *const texts[] = {EVENT("CreateContext", "'name':'1'"), SET(STAFF),
                                        SET("'group':9")};
    struct event *events[COUNT_OF(texts)];
    for (size_t i = 0; i < COUNT_OF(texts); i++)
        events[i] = event_from_text(texts[i], (int64_t)i, &world->arena);
    world_apply(world, events, 2);
    struct keys keys;
    struct working_set set;
    struct plan plan;
    struct outcome *outcome = arena_zalloc(&world->arena, 1, sizeof *outcome);
    keys_init(&keys, &world->arena, 1);
    working_set_init(&set, &world->arena, 1);
    working_set_add_context(&set, (void *)world->tables[WORLD_CONTEXTS].rows.items[0]);
    struct group *group = (void *)world->tables[WORLD_GROUPS].rows.items[0];
    group->members_loaded = count;
    working_set_add_group(&set, group);
    const struct memory *memory = NULL;
    bool is_reread = false;
    struct plan_input input = {&events[2], &memory, &is_reread, 1, &world->policy};
    event_check(events[2], &world->policy, &world->arena);
    plan_begin(&plan, &world->arena, &set, &world->policy, 1);
    plan_run(&plan, &input, 0, 1, outcome);
    return outcome;
}

static void a_group_that_is_too_large_is_not_replaced(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    assert_int_equal(replace(&world, GROUP_MEMBERS_MAX)->status, OUTCOME_NO_CHANGE);
    world_close(&world);
    world_init(&world);
    const struct outcome *outcome = replace(&world, GROUP_MEMBERS_MAX + 1);
    assert_int_equal(outcome->status, OUTCOME_REJECTED);
    assert_int_equal(outcome->code, CODE_LIMIT_EXCEEDED);
    world_close(&world);
}

static void lists_have_a_limit(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    for (size_t more = 0; more < 2; more++) {
        struct buffer text;
        buffer_init(&text, 1 << 20);
        buffer_printf(&text, "{'kind':'SetGroupMembers','payload':{" STAFF ",'members':['1'");
        for (size_t i = 1; i < USERS_MAX + more; i++)
            buffer_printf(&text, ",'1'");
        buffer_printf(&text, "]}}");
        char *z = text_to_z(&world.arena, buffer_text(&text));
        buffer_close(&text);
        struct event *event = event_from_text(z, (int64_t)more, &world.arena);
        const struct outcome *outcome = world_apply(&world, &event, 1);
        assert_int_equal(outcome->code, more ? CODE_INVALID_FIELD : CODE_NO_SUCH_CONTEXT);
    }
    world_close(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(setting_members_makes_an_unknown_group),
        cmocka_unit_test(setting_members_replaces_them_all),
        cmocka_unit_test(members_are_named_by_address_uuid_or_id_and_count_once),
        cmocka_unit_test(a_user_id_is_found_once_the_account_is_stored),
        cmocka_unit_test(changing_members_leaves_the_others),
        cmocka_unit_test(nobody_is_added_and_removed),
        cmocka_unit_test(group_zero_is_everybody),
        cmocka_unit_test(a_group_keeps_its_number_and_may_change_its_name),
        cmocka_unit_test(an_account_has_one_group_of_its_own_and_may_be_in_others),
        cmocka_unit_test(a_group_event_takes_away_an_own_group_too),
        cmocka_unit_test(a_deleted_member_sleeps_and_a_purged_one_is_gone),
        cmocka_unit_test(a_context_takes_its_groups_along),
        cmocka_unit_test(a_group_may_come_and_go_with_its_context_in_one_batch),
        cmocka_unit_test(the_order_of_checks_holds),
        cmocka_unit_test(a_group_that_is_too_large_is_not_replaced),
        cmocka_unit_test(lists_have_a_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
