/* SetAccountStatus: events.md 3, rulings.md 37. */
#include "harness.h"

#define STATUS(more) EVENT("SetAccountStatus", BOB "," more)

static void every_status_can_be_set(void **state)
{
    (void)state;
    static const struct step steps[] = {
        BEGIN_BOB,
        {STATUS("'status':'LOCKED','reason':'unpaid'"), "APPLIED 1>2",
         "status ACTIVE>LOCKED status_reason ->unpaid"},
        {STATUS("'status':'MAINTENANCE'"), "APPLIED 2>3", "status_reason unpaid>-"},
        {STATUS("'status':'CLOSED'"), "APPLIED 3>4"},
        {STATUS("'status':'PENDING'"), "APPLIED 4>5"},
        {STATUS("'status':'ACTIVE'"), "APPLIED 5>6"},
        ROW("account bob@example.org", "status=ACTIVE status_reason=- version=6"),
    };
    PLAY(steps);
}

static void another_reason_is_a_change_the_same_is_none(void **state)
{
    (void)state;
    static const struct step steps[] = {
        BEGIN_BOB,
        {STATUS("'status':'LOCKED','reason':'a'"), "APPLIED 1>2"},
        {STATUS("'status':'LOCKED','reason':'a'"), "NO_CHANGE 2>2"},
        {STATUS("'status':'LOCKED','reason':'b'"), "APPLIED 2>3"},
        {STATUS("'status':'LOCKED','reason':''"), "APPLIED 3>4", "status_reason b>-"},
        {STATUS("'status':'LOCKED'"), "NO_CHANGE 4>4"},
    };
    PLAY(steps);
}

static void a_status_must_be_known(void **state)
{
    (void)state;
    static const struct step steps[] = {
        BEGIN_BOB,
        {STATUS("'status':null"), "REJECTED MISSING_FIELD"},
        {STATUS("'status':'UNKNOWN'"), "REJECTED INVALID_FIELD"},
        {STATUS("'status':'ACTIVE','reason':'a\\nb'"), "REJECTED BAD_CHARACTER"},
        {EVENT("SetAccountStatus", "'ref':'eve@example.org','status':'LOCKED'"),
         "REJECTED NO_SUCH_ACCOUNT ->-"},
        {EVENT_WITH(AS_USER("bob@example.org"), "SetAccountStatus", BOB ",'status':'LOCKED'"),
         "REJECTED FORBIDDEN"},
    };
    PLAY(steps);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_status_can_be_set),
        cmocka_unit_test(another_reason_is_a_change_the_same_is_none),
        cmocka_unit_test(a_status_must_be_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
