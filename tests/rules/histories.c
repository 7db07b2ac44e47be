#include "histories.h"

#include "base/arena.h"
#include "base/text.h"
#include "check.h"

uint64_t history_random(uint64_t *stream)
{
    uint64_t z = *stream += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

struct writer {
    uint64_t stream;
    struct arena *arena;
    size_t at; /* number of the event being written */
};

static uint64_t below(struct writer *w, uint64_t n)
{
    return history_random(&w->stream) % n;
}

static bool one_in(struct writer *w, uint64_t n)
{
    return below(w, n) == 0;
}

#define PICK(w, ...)                                                                               \
    (((const char *const[]){__VA_ARGS__})[below(w, sizeof((const char *const[]){__VA_ARGS__}) /    \
                                                       sizeof(const char *))])

static const char *context(struct writer *w)
{
    return PICK(w, "1", "1", "1", "1", "1", "1", "2");
}

static const char *domain(struct writer *w)
{
    return PICK(w, "example.org", "example.org", "example.org", "a.org");
}

static const char *address(struct writer *w)
{
    return PICK(w, "bob@example.org", "bob@example.org", "eve@example.org", "Eve@Example.org",
                "bob@a.org", "no@example.org");
}

/* A uuid is that of the account that an event of the beginning made. */
static const char *ref(struct writer *w)
{
    if (one_in(w, 8))
        return text_to_z(w->arena, text_format(w->arena, "%02x000000-0000-0080-0070-000000000000",
                                               (unsigned)below(w, 24) + 1));
    return address(w);
}

static const char *group_name(struct writer *w)
{
    return PICK(w, "null", "null", "'staff'", "'sales'", "'1'");
}

static const char *quota(struct writer *w)
{
    return PICK(w, "0", "10", "40", "60", "100", "null", "null", "-1");
}

static const char *mask(struct writer *w)
{
    return PICK(w, "0", "1", "2", "4", "7", "8192", "8193", "524288");
}

static const char *limits(struct writer *w)
{
    return PICK(w, "null", "{}", "{'max_accounts':1}", "{'max_accounts':2,'quota_bytes':100}",
                "{'quota_bytes':60}", "{'max_messages':10}", "{'disabled_protocols':['IMAP']}");
}

static const char *format(struct writer *w, const char *pattern, ...)
    __attribute__((format(printf, 2, 3)));

static const char *format(struct writer *w, const char *pattern, ...)
{
    va_list args;
    va_start(args, pattern);
    struct text text = text_vformat(w->arena, pattern, args);
    va_end(args);
    return text_to_z(w->arena, text);
}

/* --- payloads -----------------------------------------------------------------------------------
 */

static const char *create_account(struct writer *w)
{
    const char *more =
        PICK(w, "", "", ",'comment':'x'", ",'service_mode':'LAZY'", ",'services':3",
             ",'flags':8192", ",'group':'staff'", ",'group':'1'", ",'password':{'sealed':'secret'}",
             ",'first_name':'Bob','forward':'f@example.org'",
             ",'recovery':{'question':'q','answer_hash':'{SSHA256}a'}");
    return format(w, "'address':'%s','quota_bytes':%s%s", address(w), quota(w), more);
}

static const char *update_account(struct writer *w)
{
    const char *fields = PICK(w, "", "'comment'", "'comment','first_name'", "'quota_bytes'",
                              "'quota_bytes','quota_messages'", "'mailbox_type'", "'autoreply'",
                              "'password'", "'storage_node'", "'group'", "'group'", "'group'");
    return format(w,
                  "'ref':'%s','fields':[%s],'comment':'%s','first_name':%s,'quota_bytes':%s,"
                  "'quota_messages':%s,'autoreply':{'body':'b','enabled':true},'group':%s",
                  ref(w), fields, PICK(w, "x", "y", ""), PICK(w, "'Bob'", "null"), quota(w),
                  quota(w), group_name(w));
}

static const char *set_password(struct writer *w)
{
    return format(w, "'ref':'%s','password':%s", ref(w),
                  PICK(w, "'{SSHA256}a'", "'{SSHA256}b'", "{'sealed':'secret'}",
                       "{'sealed':'other'}", "{'generated':8}", "null", "'clear'"));
}

static const char *set_status(struct writer *w)
{
    return format(w, "'ref':'%s','status':%s,'reason':%s", ref(w),
                  PICK(w, "'ACTIVE'", "'LOCKED'", "'CLOSED'", "'PENDING'", "null"),
                  PICK(w, "null", "'r'", "'s'"));
}

static const char *delete_account(struct writer *w)
{
    return format(w, "'ref':'%s','mode':'%s'", ref(w), PICK(w, "SOFT", "SOFT", "PURGE"));
}

static const char *restore_account(struct writer *w)
{
    return format(w, "'ref':'%s'", ref(w));
}

static const char *services(struct writer *w)
{
    return format(w, "'ref':'%s','services':%s", ref(w), PICK(w, "0", "1", "3", "7", "8", "null"));
}

static const char *verify(struct writer *w)
{
    return format(w, "'ref':'%s','secret':{'sealed':'%s'}", ref(w), PICK(w, "secret", "other"));
}

static const char *login(struct writer *w)
{
    return format(w, "'address':'%s','ip':'192.0.2.%d'", address(w), (int)below(w, 3));
}

static const char *scope(struct writer *w)
{
    return one_in(w, 3) ? format(w, "'scope':'DOMAIN','domain':'%s'", domain(w))
                        : format(w, "'ref':'%s'", ref(w));
}

static const char *set_quota(struct writer *w)
{
    return one_in(w, 3) ? format(w, "%s,'quota':'%s'", scope(w),
                                 PICK(w, "NOQUOTA", "10", "1K", "5C", "10S,5C", "x"))
                        : format(w, "%s,'bytes':%s,'messages':%s", scope(w), quota(w),
                                 PICK(w, "null", "null", "0", "4"));
}

static const char *set_flags(struct writer *w)
{
    return format(w, "%s,'set_mask':%s,'clear_mask':%s,'clear_all':%s", scope(w), mask(w), mask(w),
                  PICK(w, "false", "false", "true"));
}

static const char *create_context(struct writer *w)
{
    return format(w, "'name':'%s','domains_on_the_fly':%s,'default_limits':%s", context(w),
                  PICK(w, "false", "false", "true"), limits(w));
}

static const char *update_context(struct writer *w)
{
    return format(w, "'name':'%s','fields':[%s],'domains_on_the_fly':%s,'default_limits':%s",
                  context(w), PICK(w, "", "'domains_on_the_fly'", "'default_limits'", "'name'"),
                  PICK(w, "true", "false", "null"), limits(w));
}

static const char *delete_context(struct writer *w)
{
    return format(w, "'name':'%s'", context(w));
}

static const char *create_domain(struct writer *w)
{
    return format(w, "'domain':'%s','default_services':%s,'limits':%s", domain(w),
                  PICK(w, "null", "1", "7"), limits(w));
}

static const char *update_domain(struct writer *w)
{
    const char *fields = PICK(w, "", "'limits'", "'limits'", "'default_quota_bytes'", "'catch_all'",
                              "'catch_all'", "'catch_all'");
    return format(w,
                  "'domain':'%s','fields':[%s],'limits':%s,'default_quota_bytes':%s,"
                  "'catch_all':%s",
                  domain(w), fields, limits(w), PICK(w, "null", "5"),
                  PICK(w, "null", "'bob@example.org'", "'bob@example.org'", "'eve@example.org'"));
}

static const char *users(struct writer *w)
{
    const char *list = "";
    for (uint64_t left = below(w, 4); left > 0; left--)
        list = format(w, "%s%s'%s'", list, *list ? "," : "",
                      one_in(w, 20)   ? "9999"
                      : one_in(w, 30) ? "x"
                      : one_in(w, 3)  ? ref(w)
                                      : PICK(w, "bob@example.org", "eve@example.org"));
    return list;
}

static const char *set_group_members(struct writer *w)
{
    return format(w, "'group':%d,'name':%s,'members':[%s]", (int)below(w, 4), group_name(w),
                  users(w));
}

static const char *change_group_members(struct writer *w)
{
    const char *some = users(w), *others = one_in(w, 3) ? users(w) : "";
    bool adds = one_in(w, 2);
    return format(w, "'group':%d,'add':[%s],'remove':[%s]", (int)below(w, 4), adds ? some : others,
                  adds ? others : some);
}

static const char *delete_domain(struct writer *w)
{
    return format(w, "'domain':'%s','cascade':%s", domain(w), PICK(w, "false", "false", "true"));
}

/* --- events -------------------------------------------------------------------------------------
 */

struct kind_of_event {
    const char *name;
    const char *(*payload)(struct writer *w);
    unsigned weight;
};

static const struct kind_of_event all_kinds[] = {
    {"CreateAccount", create_account, 12},
    {"UpdateAccount", update_account, 8},
    {"SetPassword", set_password, 5},
    {"SetAccountStatus", set_status, 4},
    {"DeleteAccount", delete_account, 7},
    {"RestoreAccount", restore_account, 6},
    {"ProvisionServices", services, 3},
    {"DeprovisionServices", services, 3},
    {"VerifyPassword", verify, 3},
    {"ObserveLogin", login, 4},
    {"SetQuota", set_quota, 7},
    {"SetFlags", set_flags, 6},
    {"CreateContext", create_context, 3},
    {"UpdateContext", update_context, 2},
    {"DeleteContext", delete_context, 1},
    {"CreateDomain", create_domain, 5},
    {"UpdateDomain", update_domain, 5},
    {"DeleteDomain", delete_domain, 2},
    {"SetGroupMembers", set_group_members, 6},
    {"ChangeGroupMembers", change_group_members, 6},
};

static const struct kind_of_event *pick_kind(struct writer *w)
{
    unsigned total = 0;
    for (size_t i = 0; i < COUNT_OF(all_kinds); i++)
        total += all_kinds[i].weight;
    uint64_t at = below(w, total);
    size_t i = 0;
    while (at >= all_kinds[i].weight)
        at -= all_kinds[i++].weight;
    return &all_kinds[i];
}

/* Members of the envelope that are out of the ordinary, each now and then. Time goes back at times,
 * and leaps past the grace period. */
static const char *envelope(struct writer *w)
{
    const char *more = "";
    if (one_in(w, 8))
        more = format(w, "%s,'mode':'DRY_RUN'", more);
    if (one_in(w, 6))
        more = format(w, "%s,'expected_version':%d", more, (int)below(w, 4));
    if (one_in(w, 20))
        more = format(w, "%s,'expires_at':1", more);
    if (one_in(w, 15))
        more = format(w, "%s,'actor':{'kind':'USER','id':'%s'}", more, address(w));
    if (one_in(w, 12))
        more = format(w, "%s,'event_id':'11111111-1111-7111-8111-00000000000%d'", more,
                      (int)below(w, 4));
    if (one_in(w, 10))
        more = format(w, "%s,'occurred_at':%lld,'timestamp':9000000000000000", more,
                      1767225600000000 + 86400000000 * (long long)below(w, 70));
    return format(w, "%s,'context':'%s'", more, context(w));
}

static char *write_event(struct writer *w)
{
    const struct kind_of_event *kind = pick_kind(w);
    const char *payload = kind->payload(w);
    return text_to_z(w->arena, text_format(w->arena, "{'kind':'%s','payload':{%s}%s}", kind->name,
                                           payload, envelope(w)));
}

size_t history_write(uint64_t seed, char **ret_texts, size_t max, struct arena *arena)
{
    struct writer w = {.stream = seed, .arena = arena};
    size_t count = max / 2 + below(&w, max / 2);
    for (w.at = 0; w.at < count; w.at++) {
        if (w.at == 0 && !one_in(&w, 10))
            ret_texts[0] =
                text_to_z(arena, TEXT("{'kind':'CreateContext','payload':{'name':'1'}}"));
        else if (w.at == 1 && !one_in(&w, 10))
            ret_texts[1] = text_to_z(
                arena, TEXT("{'kind':'CreateDomain','payload':{'domain':'example.org'}}"));
        else
            ret_texts[w.at] = write_event(&w);
        if (w.at > 2 && one_in(&w, 15)) /* sent again, or once more with another id */
            ret_texts[w.at] = ret_texts[below(&w, w.at)];
    }
    return count;
}
