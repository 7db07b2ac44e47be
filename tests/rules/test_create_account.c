/* CreateAccount: events.md 3; rulings.md 25 to 31, 33, 35. */
#include "harness.h"

#define CREATE(more) EVENT("CreateAccount", "'address':'bob@example.org'" more)

static void an_account_gets_its_services_and_their_ids(void **state)
{
    (void)state;
    static const struct step steps[] = {
        BEGIN_DOMAIN,
        {CREATE(""), "APPLIED ->1", "services MAIL CALENDAR CONTACTS"},
        ROW("services bob@example.org", "1000 1001 1002"),
        ROW("account bob@example.org",
            "status=ACTIVE services=7 service_mode=EAGER flags=0 mailbox_type=Maildir version=1 "
            "quota_bytes=- domain=example.org context=1 created_by=signup-web"),
    };
    PLAY(steps);
}

static void the_change_record_tells_of_the_whole_account(void **state)
{
    (void)state;
    static const struct step steps[] = {
        BEGIN_DOMAIN,
        {CREATE(",'first_name':'Bob','services':5,'password':'{SSHA256}x'"), "APPLIED ->1",
         "CREATE account bob@example.org: address ->bob@example.org status ->ACTIVE password "
         "->*** first_name ->Bob mailbox_type ->Maildir services ->5 service_mode ->EAGER flags "
         "->0 autoreply_enabled ->false provisioned ->5"},
    };
    PLAY(steps);
}

static void addresses_are_brought_into_their_normal_form(void **state)
{
    (void)state;
    static const struct step steps[] = {
        {EVENT("CreateContext", "'name':'1'"), "APPLIED"},
        {EVENT("CreateDomain", "'domain':'Bücher.Example'"), "APPLIED"},
        {EVENT("CreateAccount", "'address':'Bob@BÜCHER.example'"), "APPLIED"},
        {EVENT("CreateAccount", "'address':'bob@xn--bcher-kva.example'"), "NO_CHANGE 1>1"},
        ROW("account bob@xn--bcher-kva.example", "domain=xn--bcher-kva.example"),
    };
    PLAY(steps);
}

static void the_domain_must_be_of_the_context(void **state)
{
    (void)state;
    static const struct step steps[] = {
        BEGIN_DOMAIN,
        {EVENT("CreateContext", "'name':'2'"), "APPLIED"},
        {EVENT("CreateAccount", "'address':'bob@elsewhere.org'"), "REJECTED NO_SUCH_DOMAIN ->-"},
        {EVENT_WITH("'context':'2'", "CreateAccount", "'address':'bob@example.org'"),
         "REJECTED NO_SUCH_DOMAIN ->-"},
        {EVENT_WITH("'context':'3'", "CreateAccount", "'address':'bob@example.org'"),
         "REJECTED NO_SUCH_CONTEXT ->-"},
        ROW("account bob@example.org", "absent"),
    };
    PLAY(steps);
}

static void a_context_may_make_domains_on_the_fly(void **state)
{
    (void)state;
    static const struct step steps[] = {
        {EVENT("CreateContext", "'name':'1','domains_on_the_fly':true,'default_limits':"
                                "{'max_accounts':1,'disabled_protocols':['POP3']}"),
         "APPLIED"},
        {EVENT("CreateAccount", "'address':'bob@fly.org'"), "APPLIED ->1",
         "CREATE domain fly.org: name ->fly.org context ->1 status ->ACTIVE max_accounts ->1 "
         "disabled_protocols ->1"},
        ROW("domain fly.org", "used_accounts=1 version=1"),
        ROW("context 1", "domain_count=1 version=1"),
        {EVENT("CreateAccount", "'address':'eve@fly.org'"), "REJECTED LIMIT_EXCEEDED"},
        /* A refusal makes no domain either. */
        {EVENT("CreateAccount", "'address':'eve@other.org','group':'nobody'"),
         "REJECTED NO_SUCH_GROUP"},
        ROW("domain other.org", "absent"),
        ROW("context 1", "domain_count=1"),
    };
    PLAY(steps);
}

static void the_same_again_is_no_change(void **state)
{
    (void)state;
    static const struct step steps[] = {
        BEGIN_DOMAIN,
        {CREATE(",'first_name':'Bob','password':'{SSHA256}a','services':3,'flags':2"), "APPLIED"},
        {CREATE(",'first_name':'Bob','password':'{SSHA256}b','services':7,'flags':2"),
         "NO_CHANGE 1>1", "services MAIL CALENDAR -"},
        {CREATE(""), "NO_CHANGE 1>1"},
        ROW("account bob@example.org", "password={SSHA256}a services=3 version=1"),
    };
    PLAY(steps);
}

static void other_attributes_are_named_in_the_conflict(void **state)
{
    (void)state;
    static const struct step steps[] = {
        BEGIN_BOB,
        {CREATE(",'first_name':'Eve','comment':'x','service_mode':'LAZY','flags':1"),
         "REJECTED ALREADY_EXISTS 1>1", "differs in: first_name, comment, service_mode, flags"},
        {CREATE(",'autoreply':{'subject':'away','body':'gone','enabled':true}"),
         "REJECTED ALREADY_EXISTS 1>1", "differs in: autoreply"},
        {CREATE(",'mailbox_type':'Maildir','last_name':''"), "NO_CHANGE 1>1"},
    };
    PLAY(steps);
}

static void services_come_from_event_domain_or_configuration(void **state)
{
    (void)state;
    static const struct step steps[] = {
        BEGIN_DOMAIN,
        {EVENT("CreateDomain", "'domain':'mail.org','default_services':1"), "APPLIED"},
        {EVENT("CreateAccount", "'address':'a@example.org'"), "APPLIED"},
        {EVENT("CreateAccount", "'address':'a@mail.org'"), "APPLIED", "services MAIL - -"},
        {EVENT("CreateAccount", "'address':'b@mail.org','services':0"), "APPLIED",
         "services - - -"},
        {EVENT("CreateAccount", "'address':'c@mail.org','services':8"), "REJECTED INVALID_FIELD"},
        {EVENT("CreateAccount", "'address':'c@mail.org','services':-1"), "REJECTED INVALID_FIELD"},
        {EVENT("CreateAccount", "'address':'d@mail.org','services':6,'service_mode':'LAZY'"),
         "APPLIED", "services - - -"},
        ROW("account a@example.org", "services=7"),
        ROW("account a@mail.org", "services=1"),
        ROW("account b@mail.org", "services=0"),
        ROW("account d@mail.org", "services=6"),
        ROW("services d@mail.org", "0 0 0"),
    };
    PLAY(steps);
}

static void quotas_are_copied_from_the_domain(void **state)
{
    (void)state;
    static const struct step steps[] = {
        {EVENT("CreateContext", "'name':'1'"), "APPLIED"},
        {EVENT("CreateDomain", "'domain':'example.org','default_quota_bytes':1000"), "APPLIED"},
        {CREATE(""), "APPLIED"},
        {EVENT("CreateAccount", "'address':'eve@example.org','quota_bytes':0,'quota_messages':7"),
         "APPLIED"},
        {EVENT("UpdateDomain",
               "'domain':'example.org','fields':['default_quota_bytes'],'default_quota_bytes':5"),
         "APPLIED 1>2"},
        ROW("account bob@example.org", "quota_bytes=1000 quota_messages=-"),
        ROW("account eve@example.org", "quota_bytes=0 quota_messages=7"),
        {EVENT("CreateAccount", "'address':'x@example.org','quota_bytes':-1"),
         "REJECTED INVALID_FIELD"},
    };
    PLAY(steps);
}

static void a_group_must_be_of_the_context(void **state)
{
    (void)state;
    static const struct step steps[] = {
        BEGIN_DOMAIN,
        {EVENT("SetGroupMembers", "'group':1,'name':'sales'"), "APPLIED ->1"},
        {CREATE(",'group':'sales'"), "APPLIED", "group_number ->1"},
        {EVENT("CreateAccount", "'address':'eve@example.org','group':'Sales'"),
         "REJECTED NO_SUCH_GROUP ->-"},
        ROW("members sales", "bob@example.org*"),
        {CREATE(",'group':'sales'"), "NO_CHANGE 1>1"},
        {EVENT("UpdateAccount", BOB ",'fields':['group'],'group':'marketing'"),
         "REJECTED NO_SUCH_GROUP 1>1"},
        {EVENT("UpdateAccount", BOB ",'fields':['group']"), "APPLIED 1>2", "group_number 1>-"},
        {CREATE(",'group':'sales'"), "REJECTED ALREADY_EXISTS 2>2", "group"},
    };
    PLAY(steps);
}

static void a_deleted_address_is_reserved_for_thirty_days(void **state)
{
    (void)state;
#define AT_DAY(us) "'occurred_at':" us ",'timestamp':9000000000000000"
    /* Bob is deleted on the first day; 30 days are 2592000 s. */
    static const struct step steps[] = {
        BEGIN_BOB,
        {EVENT_WITH("'occurred_at':1767225600000000", "DeleteAccount", BOB), "APPLIED 1>2"},
        {EVENT_WITH(AT_DAY("1769817600000000"), "CreateAccount", "'address':'bob@example.org'"),
         "REJECTED ADDRESS_RESERVED ->-"},
        {EVENT_WITH(AT_DAY("1769817600000001"), "CreateAccount", "'address':'bob@example.org'"),
         "APPLIED ->1"},
        ROW("account bob@example.org", "version=1"),
    };
    PLAY(steps);
}

static void an_expected_version_of_a_creation_is_zero(void **state)
{
    (void)state;
#define EXPECTING(n) "'expected_version':" #n
    static const struct step steps[] = {
        BEGIN_DOMAIN,
        {EVENT_WITH(EXPECTING(1), "CreateAccount", "'address':'bob@example.org'"),
         "REJECTED VERSION_MISMATCH ->-", "there is no such object"},
        {EVENT_WITH(EXPECTING(0), "CreateAccount", "'address':'bob@example.org'"), "APPLIED ->1"},
        {EVENT_WITH(EXPECTING(0), "CreateAccount", "'address':'bob@example.org'"),
         "REJECTED VERSION_MISMATCH"},
        {EVENT_WITH(EXPECTING(1), "CreateAccount", "'address':'bob@example.org'"), "NO_CHANGE 1>1"},
        {EVENT_WITH(EXPECTING(-1), "CreateAccount", "'address':'bob@example.org'"),
         "REJECTED INVALID_FIELD"},
    };
    PLAY(steps);
}

static void recovery_comes_with_the_account(void **state)
{
    (void)state;
#define RECOVERY(hash) ",'recovery':{'question':'Pet?','answer_hash':'" hash "'}"
    static const struct step steps[] = {
        BEGIN_DOMAIN,
        {CREATE(RECOVERY("felix")), "REJECTED CLEARTEXT_SECRET"},
        {CREATE(RECOVERY("{MD5}felix")), "REJECTED UNKNOWN_SCHEME"},
        {CREATE(RECOVERY("")), "REJECTED MISSING_FIELD"},
        {CREATE(RECOVERY("{SSHA256}fel\\tix")), "REJECTED BAD_CHARACTER", "(not shown)"},
        {CREATE(RECOVERY("{SSHA256}felix")), "APPLIED ->1",
         "recovery_question ->Pet? recovery_answer ->***"},
    };
    PLAY(steps);
}

static void what_is_too_long_or_not_text_is_refused(void **state)
{
    (void)state;
    static const struct step steps[] = {
        BEGIN_DOMAIN,
        {EVENT("CreateAccount", "'address':''"), "REJECTED MISSING_FIELD"},
        {EVENT("CreateAccount", "'address':'bob'"), "REJECTED INVALID_ADDRESS"},
        {EVENT("CreateAccount", "'address':'b b@example.org'"), "REJECTED BAD_CHARACTER"},
        {CREATE(",'first_name':'a\\u0007'"), "REJECTED BAD_CHARACTER"},
        {CREATE(",'comment':'a\\tb\\nc'"), "APPLIED"},
        {CREATE(",'comment':'a\\rb'"), "REJECTED BAD_CHARACTER"},
        {CREATE(",'forward':'no address'"), "REJECTED BAD_CHARACTER"},
        {CREATE(",'service_mode':'SOMETIMES'"), "REJECTED INVALID_FIELD"},
        {CREATE(",'flags':524288"), "REJECTED INVALID_FIELD"},
        {CREATE(",'autoreply':{'start':-1,'enabled':true}"), "REJECTED INVALID_FIELD"},
    };
    PLAY(steps);
}

static void a_password_comes_hashed_sealed_or_is_made(void **state)
{
    (void)state;
    static const struct step steps[] = {
        BEGIN_DOMAIN,
        {EVENT("CreateAccount", "'address':'a@example.org'"), "APPLIED"},
        {EVENT("CreateAccount", "'address':'b@example.org','password':{'sealed':'secret'}"),
         "APPLIED"},
        {EVENT("CreateAccount", "'address':'c@example.org','password':{'generated':12}"),
         "APPLIED"},
        {EVENT("CreateAccount", "'address':'d@example.org','password':{'generated':7}"),
         "REJECTED WEAK_PASSWORD"},
        {EVENT("CreateAccount", "'address':'d@example.org','password':'secret'"),
         "REJECTED CLEARTEXT_SECRET"},
        ROW("account a@example.org", "password=-"),
        ROW("account b@example.org", "password={SHA512-CRYPT}secret"),
        ROW("account c@example.org", "password={SHA512-CRYPT}made"),
    };
    PLAY(steps);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_account_gets_its_services_and_their_ids),
        cmocka_unit_test(the_change_record_tells_of_the_whole_account),
        cmocka_unit_test(addresses_are_brought_into_their_normal_form),
        cmocka_unit_test(the_domain_must_be_of_the_context),
        cmocka_unit_test(a_context_may_make_domains_on_the_fly),
        cmocka_unit_test(the_same_again_is_no_change),
        cmocka_unit_test(other_attributes_are_named_in_the_conflict),
        cmocka_unit_test(services_come_from_event_domain_or_configuration),
        cmocka_unit_test(quotas_are_copied_from_the_domain),
        cmocka_unit_test(a_group_must_be_of_the_context),
        cmocka_unit_test(a_deleted_address_is_reserved_for_thirty_days),
        cmocka_unit_test(an_expected_version_of_a_creation_is_zero),
        cmocka_unit_test(recovery_comes_with_the_account),
        cmocka_unit_test(what_is_too_long_or_not_text_is_refused),
        cmocka_unit_test(a_password_comes_hashed_sealed_or_is_made),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
