/* The payload hash: the same for the same event however it was sent, another for any other
 * (rulings.md 2). */
#include "harness.h"

static struct text hash_of(const char *text, struct arena *arena)
{
    const struct event *event = event_from_text(text, 0, arena);
    return (struct text){(const char *)event->payload_hash, PAYLOAD_HASH_LEN};
}

static bool same(const char *a, const char *b)
{
    struct arena arena;
    arena_init(&arena, 1 << 20, 0);
    bool is_same = text_equal(hash_of(a, &arena), hash_of(b, &arena));
    arena_close(&arena);
    return is_same;
}

#define BASE                                                                                       \
    EVENT("CreateAccount", "'address':'bob@example.org','first_name':'Bob','quota_bytes':5,"       \
                           "'autoreply':{'subject':'s','enabled':true}")

static void what_is_no_content_does_not_count(void **state)
{
    (void)state;
    static const char *const others[] = {
        /* another time, source, correlation, id, expiry */
        EVENT_WITH("'occurred_at':7,'source':'other','correlation_id':'c','expires_at':9,"
                   "'event_id':'11111111-1111-7111-8111-111111111111'",
                   "CreateAccount",
                   "'address':'bob@example.org','first_name':'Bob',"
                   "'quota_bytes':5,'autoreply':{'subject':'s','enabled':true}"),
        /* another order of members */
        EVENT("CreateAccount", "'autoreply':{'enabled':true,'subject':'s'},'quota_bytes':5,"
                               "'first_name':'Bob','address':'bob@example.org'"),
        /* nulls and defaults, written out or not: fields that a later schema adds */
        EVENT_WITH("'mode':'APPLY','expected_version':null", "CreateAccount",
                   "'address':'bob@example.org','first_name':'Bob','quota_bytes':5,"
                   "'last_name':null,'services':null,'recovery':null,'password':null,"
                   "'autoreply':{'subject':'s','body':null,'enabled':true,'start':null}"),
    };
    for (size_t i = 0; i < COUNT_OF(others); i++)
        assert_true(same(BASE, others[i]));
    assert_true(same(EVENT("DeleteDomain", "'domain':'a.org'"),
                     EVENT("DeleteDomain", "'domain':'a.org','cascade':false")));
    assert_true(same(EVENT("SetFlags", BOB),
                     EVENT("SetFlags", BOB ",'set_mask':0,'scope':'ACCOUNT','domain':null")));
}

/* Every two of these differ in one thing. */
static const char *const different[] = {
    BASE,
    EVENT_WITH("'context':'2'", "CreateAccount",
               "'address':'bob@example.org','first_name':'Bob','quota_bytes':5,"
               "'autoreply':{'subject':'s','enabled':true}"),
    EVENT_WITH(DRY_RUN, "CreateAccount",
               "'address':'bob@example.org','first_name':'Bob','quota_bytes':5,"
               "'autoreply':{'subject':'s','enabled':true}"),
    EVENT_WITH("'expected_version':0", "CreateAccount",
               "'address':'bob@example.org','first_name':'Bob','quota_bytes':5,"
               "'autoreply':{'subject':'s','enabled':true}"),
    EVENT_WITH("'actor':{'kind':'SYSTEM','id':'other'}", "CreateAccount",
               "'address':'bob@example.org','first_name':'Bob','quota_bytes':5,"
               "'autoreply':{'subject':'s','enabled':true}"),
    EVENT_WITH("'actor':{'kind':'SYSTEM','id':'other','ip':'192.0.2.1'}", "CreateAccount",
               "'address':'bob@example.org','first_name':'Bob','quota_bytes':5,"
               "'autoreply':{'subject':'s','enabled':true}"),
    EVENT("CreateAccount", "'address':'Bob@example.org'"),
    EVENT("CreateAccount", "'address':'bob@example.org'"),
    EVENT("CreateAccount", "'address':'bob@example.org','first_name':''"),
    EVENT("CreateAccount", "'address':'bob@example.org','first_name':'a','last_name':'bc'"),
    EVENT("CreateAccount", "'address':'bob@example.org','first_name':'ab','last_name':'c'"),
    EVENT("CreateAccount", "'address':'bob@example.org','first_name':'a'"),
    EVENT("CreateAccount", "'address':'bob@example.org','last_name':'a'"),
    EVENT("CreateAccount", "'address':'bob@example.org','quota_bytes':0"),
    EVENT("CreateAccount", "'address':'bob@example.org','quota_messages':0"),
    EVENT("CreateAccount", "'address':'bob@example.org','flags':0"),
    EVENT("CreateAccount", "'address':'bob@example.org','services':0"),
    EVENT("CreateAccount", "'address':'bob@example.org','service_mode':'EAGER'"),
    EVENT("CreateAccount", "'address':'bob@example.org','service_mode':'LAZY'"),
    EVENT("CreateAccount", "'address':'bob@example.org','autoreply':{}"),
    EVENT("CreateAccount", "'address':'bob@example.org','autoreply':{'body':'x'}"),
    EVENT("CreateAccount", "'address':'bob@example.org','autoreply':{},'comment':'x'"),
    EVENT("CreateAccount", "'address':'bob@example.org','password':'{SSHA256}a'"),
    EVENT("CreateAccount", "'address':'bob@example.org','password':'{SSHA256}b'"),
    EVENT("CreateAccount", "'address':'bob@example.org','password':{'sealed':'{SSHA256}a'}"),
    EVENT("CreateAccount", "'address':'bob@example.org','password':{'generated':8}"),
    EVENT("CreateAccount", "'address':'bob@example.org','password':{'generated':9}"),
    EVENT("UpdateAccount", BOB),
    EVENT("UpdateAccount", "'ref':'03000000-0000-0080-0070-000000000000'"),
    EVENT("UpdateAccount",
          "'ref':{'address':'bob@example.org','uuid':'03000000-0000-0080-0070-000000000000'}"),
    EVENT("UpdateAccount", BOB ",'fields':['comment']"),
    EVENT("UpdateAccount", BOB ",'fields':['comment','group']"),
    EVENT("UpdateAccount", BOB ",'fields':['group','comment']"),
    EVENT("UpdateAccount", BOB ",'fields':['commentgroup']"),
    EVENT("DeleteAccount", BOB),
    EVENT("DeleteAccount", BOB ",'mode':'PURGE'"),
    EVENT("DeleteAccount", BOB ",'mode':'SHRED'"),
    EVENT("RestoreAccount", BOB),
    EVENT("ProvisionServices", BOB ",'services':1"),
    EVENT("DeprovisionServices", BOB ",'services':1"),
    EVENT("CreateDomain", "'domain':'a.org'"),
    EVENT("CreateDomain", "'domain':'a.org','limits':{}"),
    EVENT("CreateDomain", "'domain':'a.org','limits':{'max_accounts':0}"),
    EVENT("CreateDomain", "'domain':'a.org','limits':{'disabled_protocols':['IMAP']}"),
    EVENT("CreateDomain", "'domain':'a.org','limits':{'disabled_protocols':['IMAP','POP3']}"),
    EVENT("DeleteDomain", "'domain':'a.org'"),
    EVENT("DeleteDomain", "'domain':'a.org','cascade':true"),
    EVENT("UnknownCommand", ""),
    EVENT("UnknownCommand2", ""),
};

static void whatever_else_differs_makes_another_hash(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(different); i++) {
        for (size_t j = 0; j < i; j++) {
            if (same(different[i], different[j]))
                fail_msg("the same hash: %s and %s", different[i], different[j]);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_no_content_does_not_count),
        cmocka_unit_test(whatever_else_differs_makes_another_hash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
