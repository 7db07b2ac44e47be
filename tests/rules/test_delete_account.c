/* DeleteAccount and RestoreAccount: events.md 3; rulings.md 27, 28, 35, 36. */
#include "harness.h"

#define DELETE_BOB EVENT("DeleteAccount", BOB)
#define PURGE_BOB EVENT("DeleteAccount", BOB ",'mode':'PURGE'")
#define RESTORE_BOB EVENT("RestoreAccount", BOB)
#define CREATE_BOB EVENT("CreateAccount", "'address':'bob@example.org'")
#define AT(us, kind, payload)                                                                      \
    EVENT_WITH("'occurred_at':" us ",'timestamp':9000000000000000", kind, payload)

static void a_soft_delete_keeps_row_and_services(void **state)
{
    (void)state;
    static const struct step steps[] = {
        BEGIN_BOB,
        {AT("1767225600000000", "DeleteAccount", BOB), "APPLIED 1>2",
         "DELETE account bob@example.org: deleted_at ->2026-01-01T00:00:00.000000Z"},
        ROW("account bob@example.org", "purge_at=2026-01-31T00:00:00.000000Z version=2"),
        ROW("services bob@example.org", "1000 1001 1002"),
        {DELETE_BOB, "NO_CHANGE 2>2"},
        {EVENT("UpdateAccount", BOB ",'fields':['comment']"), "REJECTED NO_SUCH_ACCOUNT ->-"},
        {EVENT("SetAccountStatus", BOB ",'status':'LOCKED'"), "REJECTED NO_SUCH_ACCOUNT ->-"},
    };
    PLAY(steps);
}

static void deleting_what_was_never_there_is_no_change(void **state)
{
    (void)state;
    static const struct step steps[] = {
        BEGIN_DOMAIN,
        {DELETE_BOB, "NO_CHANGE NO_SUCH_ACCOUNT ->-"},
        {PURGE_BOB, "NO_CHANGE NO_SUCH_ACCOUNT ->-"},
        {EVENT_WITH("'expected_version':0", "DeleteAccount", BOB), "NO_CHANGE NO_SUCH_ACCOUNT ->-"},
        {EVENT_WITH("'expected_version':1", "DeleteAccount", BOB), "REJECTED NO_SUCH_ACCOUNT ->-"},
        {EVENT("DeleteAccount", BOB ",'mode':'SHRED'"), "REJECTED INVALID_FIELD"},
    };
    PLAY(steps);
}

static void a_purge_frees_the_address_at_once(void **state)
{
    (void)state;
    static const struct step steps[] = {
        BEGIN_BOB,
        {PURGE_BOB, "APPLIED 1>-", "PURGE account bob@example.org: address bob@example.org>-"},
        ROW("account bob@example.org", "absent"),
        ROW("services bob@example.org", "0 0 0"),
        {PURGE_BOB, "NO_CHANGE NO_SUCH_ACCOUNT ->-"},
        {CREATE_BOB, "APPLIED ->1"},
        {DELETE_BOB, "APPLIED 1>2"},
        {CREATE_BOB, "REJECTED ADDRESS_RESERVED"},
        {PURGE_BOB, "APPLIED 2>-"},
        {CREATE_BOB, "APPLIED ->1"},
    };
    PLAY(steps);
}

static void restoring_brings_everything_back(void **state)
{
    (void)state;
    static const struct step steps[] = {
        BEGIN_BOB,
        {EVENT("SetAccountStatus", BOB ",'status':'LOCKED','reason':'r'"), "APPLIED 1>2"},
        {DELETE_BOB, "APPLIED 2>3"},
        {RESTORE_BOB, "APPLIED 3>4", "RESTORE account bob@example.org: deleted_at 2026-"},
        ROW("account bob@example.org",
            "status=LOCKED status_reason=r deleted_at=- purge_at=- version=4 "
            "password={SSHA256}c2FsdA=="),
        ROW("services bob@example.org", "1000 1001 1002"),
        {RESTORE_BOB, "NO_CHANGE 4>4"},
    };
    PLAY(steps);
}

static void after_the_grace_period_nothing_is_restored(void **state)
{
    (void)state;
    static const struct step steps[] = {
        BEGIN_BOB,
        {RESTORE_BOB, "NO_CHANGE 1>1"},
        {EVENT("RestoreAccount", "'ref':'eve@example.org'"), "REJECTED NO_SUCH_ACCOUNT ->-"},
        {AT("1767225600000000", "DeleteAccount", BOB), "APPLIED 1>2"},
        {AT("1769817600000001", "RestoreAccount", BOB), "REJECTED NO_SUCH_ACCOUNT ->-"},
        {AT("1769817600000000", "RestoreAccount", BOB), "APPLIED 2>3"},
    };
    PLAY(steps);
}

static void a_restore_by_uuid_meets_the_new_owner_of_the_address(void **state)
{
    (void)state;
    static const struct step steps[] = {
        BEGIN_BOB,
        {AT("1767225600000000", "DeleteAccount", BOB), "APPLIED"},
        {AT("1769817600000001", "CreateAccount", "'address':'bob@example.org'"), "APPLIED ->1"},
        {EVENT("RestoreAccount", "'ref':'03000000-0000-0080-0070-000000000000'"),
         "REJECTED ALREADY_EXISTS 2>2"},
        {PURGE_BOB, "APPLIED 1>-"},
        {EVENT("RestoreAccount", "'ref':'03000000-0000-0080-0070-000000000000'"), "APPLIED 2>3"},
    };
    PLAY(steps);
}

static void of_several_deleted_ones_the_last_is_restored(void **state)
{
    (void)state;
    static const struct step steps[] = {
        BEGIN_BOB,
        {AT("1767225600000000", "DeleteAccount", BOB), "APPLIED"},
        {AT("1780000000000000", "CreateAccount", "'address':'bob@example.org','comment':'second'"),
         "APPLIED"},
        {AT("1780000000000001", "DeleteAccount", BOB), "APPLIED 1>2"},
        {AT("1780000000000002", "RestoreAccount", BOB), "APPLIED 2>3"},
        ROW("account bob@example.org", "comment=second"),
    };
    PLAY(steps);
}

static void a_catch_all_cannot_be_deleted(void **state)
{
    (void)state;
#define CATCH_ALL(value)                                                                           \
    EVENT("UpdateDomain", "'domain':'example.org','fields':['catch_all']" value)
    static const struct step steps[] = {
        BEGIN_BOB,
        {CATCH_ALL(",'catch_all':'bob@example.org'"), "APPLIED 1>2"},
        {DELETE_BOB, "REJECTED CATCHALL_IN_USE 1>1"},
        {PURGE_BOB, "REJECTED CATCHALL_IN_USE 1>1"},
        {EVENT("DeleteAccount", "'ref':'03000000-0000-0080-0070-000000000000'"),
         "REJECTED CATCHALL_IN_USE 1>1"},
        {CATCH_ALL(""), "APPLIED 2>3"},
        {DELETE_BOB, "APPLIED 1>2"},
    };
    PLAY(steps);
}

static void a_restored_account_needs_room_and_its_domain(void **state)
{
    (void)state;
    static const struct step steps[] = {
        {EVENT("CreateContext", "'name':'1'"), "APPLIED"},
        {EVENT("CreateDomain", "'domain':'example.org','limits':{'max_accounts':1}"), "APPLIED"},
        {CREATE_BOB, "APPLIED"},
        {DELETE_BOB, "APPLIED"},
        ROW("domain example.org", "used_accounts=0"),
        {EVENT("CreateAccount", "'address':'eve@example.org'"), "APPLIED"},
        {RESTORE_BOB, "REJECTED LIMIT_EXCEEDED 2>2"},
        {EVENT("DeleteAccount", "'ref':'eve@example.org','mode':'PURGE'"), "APPLIED"},
        {EVENT("DeleteDomain", "'domain':'example.org'"), "APPLIED 1>-"},
        {RESTORE_BOB, "REJECTED NO_SUCH_DOMAIN 2>2"},
        {EVENT("CreateDomain", "'domain':'example.org'"), "APPLIED"},
        {RESTORE_BOB, "APPLIED 2>3"},
    };
    PLAY(steps);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_soft_delete_keeps_row_and_services),
        cmocka_unit_test(deleting_what_was_never_there_is_no_change),
        cmocka_unit_test(a_purge_frees_the_address_at_once),
        cmocka_unit_test(restoring_brings_everything_back),
        cmocka_unit_test(after_the_grace_period_nothing_is_restored),
        cmocka_unit_test(a_restore_by_uuid_meets_the_new_owner_of_the_address),
        cmocka_unit_test(of_several_deleted_ones_the_last_is_restored),
        cmocka_unit_test(a_catch_all_cannot_be_deleted),
        cmocka_unit_test(a_restored_account_needs_room_and_its_domain),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
