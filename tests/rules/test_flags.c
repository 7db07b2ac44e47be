/* SetFlags: events.md 3, rulings.md 37. */
#include "harness.h"

#define SET(more) EVENT("SetFlags", BOB "," more)
#define DOMAIN_FLAGS(more) EVENT("SetFlags", "'scope':'DOMAIN','domain':'example.org'," more)

static void bits_are_cleared_before_they_are_set(void **state)
{
    (void)state;
    static const struct {
        int present, set_mask, clear_mask;
        bool clear_all;
        int flags;
    } cases[] = {
        {0, 0, 0, false, 0},
        {0, 5, 0, false, 5},
        {5, 2, 0, false, 7},
        {7, 0, 5, false, 2},
        {7, 4, 6, false, 5},
        {7, 1, 1, false, 7},
        {7, 0, 0, true, 0},
        {7, 8, 7, true, 8},
        {0x7FFFF, 0, 0x40000, false, 0x3FFFF},
        {0, 0x7FFFF, 0, false, 0x7FFFF},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char create[256], set[256], domain_set[256], values[32];
        const char *all = cases[i].clear_all ? "true" : "false";
        bool same = cases[i].flags == cases[i].present;
        snprintf(create, sizeof create,
                 EVENT("CreateAccount", "'address':'bob@example.org','flags':%d"),
                 cases[i].present);
        snprintf(set, sizeof set, SET("'set_mask':%d,'clear_mask':%d,'clear_all':%s"),
                 cases[i].set_mask, cases[i].clear_mask, all);
        snprintf(domain_set, sizeof domain_set,
                 DOMAIN_FLAGS("'set_mask':%d,'clear_mask':%d,'clear_all':%s"), cases[i].set_mask,
                 cases[i].clear_mask, all);
        snprintf(values, sizeof values, "flags=%d", cases[i].flags);
        const struct step one[] = {BEGIN_DOMAIN,
                                   {create, "APPLIED"},
                                   {set, same ? "NO_CHANGE 1>1" : "APPLIED 1>2"},
                                   ROW("account bob@example.org", values)};
        const struct step all_of_domain[] = {BEGIN_DOMAIN,
                                             {create, "APPLIED"},
                                             {domain_set, same ? "NO_CHANGE ->-" : "APPLIED ->-"},
                                             ROW("account bob@example.org", values)};
        PLAY(one);
        PLAY(all_of_domain);
    }
}

static void unknown_bits_are_refused(void **state)
{
    (void)state;
    static const struct step steps[] = {
        BEGIN_BOB,
        {SET("'set_mask':524288"), "REJECTED INVALID_FIELD"},
        {SET("'clear_mask':524288"), "REJECTED INVALID_FIELD"},
        {SET("'set_mask':-1"), "REJECTED INVALID_FIELD"},
        {EVENT("SetFlags", "'set_mask':1"), "REJECTED MISSING_FIELD"},
        {EVENT("SetFlags", "'ref':'eve@example.org','set_mask':1"), "REJECTED NO_SUCH_ACCOUNT"},
        {EVENT_WITH("'expected_version':1", "SetFlags",
                    "'scope':'DOMAIN','domain':'example.org','set_mask':1"),
         "REJECTED INVALID_FIELD"},
        {EVENT_WITH(AS_USER("bob@example.org"), "SetFlags", BOB ",'set_mask':4096"),
         "REJECTED FORBIDDEN"},
    };
    PLAY(steps);
}

static void a_fan_out_has_its_place_in_the_order(void **state)
{
    (void)state;
    static const struct step steps[] = {
        BEGIN_BOB,
        {SET("'set_mask':2"), "APPLIED 1>2"},
        {DOMAIN_FLAGS("'set_mask':4"), "APPLIED ->-", "items 1/1"},
        {SET("'set_mask':6"), "NO_CHANGE 3>3"},
        {EVENT("CreateAccount", "'address':'eve@example.org'"), "APPLIED"},
        {DOMAIN_FLAGS("'set_mask':4"), "APPLIED ->-", "items 1/2"},
        {DOMAIN_FLAGS("'clear_all':true"), "APPLIED ->-", "items 2/2"},
        ROW("account bob@example.org", "flags=0 version=4"),
        ROW("account eve@example.org", "flags=0 version=3"),
    };
    PLAY(steps);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bits_are_cleared_before_they_are_set),
        cmocka_unit_test(unknown_bits_are_refused),
        cmocka_unit_test(a_fan_out_has_its_place_in_the_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
