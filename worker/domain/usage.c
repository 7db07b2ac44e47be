#include "domain/usage.h"

#include <inttypes.h>

struct usage {
    int64_t live, accounts, bytes, messages;
};

static int64_t bounded(int64_t quota)
{
    return quota == INT_NULL ? 0 : quota;
}

static struct usage usage_of(const struct account *account)
{
    if (!account || account->row.is_gone || !account_is_live(account))
        return (struct usage){0};
    if (account->flags & FLAG_OVERRIDE_LIMITS)
        return (struct usage){.live = 1};
    return (struct usage){1, 1, bounded(account->quota_bytes), bounded(account->quota_messages)};
}

static struct usage usage_change(const struct account *before, const struct account *after)
{
    struct usage a = usage_of(before), b = usage_of(after);
    return (struct usage){b.live - a.live, b.accounts - a.accounts, b.bytes - a.bytes,
                          b.messages - a.messages};
}

/* Quotas are up to 2^63, so that sums of a few could be beyond. They stay at the ends of 0 to 2^63
 * - 1: above 8 EiB the count is no longer exact, until an event for the domain itself counts it
 * afresh. */
static int64_t sum(int64_t a, int64_t b)
{
    int64_t result;
    if (__builtin_add_overflow(a, b, &result))
        return INT64_MAX;
    return result < 0 ? 0 : result;
}

static void follow(struct plan *plan, const struct account *account)
{
    struct domain *domain = working_set_domain(plan->set, account->domain);
    if (!domain || !domain->usage_known)
        return;
    struct usage change =
        usage_change((const struct account *)plan_row_before(&account->row), account);
    if (!change.live && !change.accounts && !change.bytes && !change.messages)
        return;
    plan_edit(plan, &domain->row);
    if (domain->live_accounts != INT_NULL)
        domain->live_accounts += change.live;
    domain->used_accounts += change.accounts;
    domain->used_quota_bytes = sum(domain->used_quota_bytes, change.bytes);
    domain->used_messages = sum(domain->used_messages, change.messages);
}

void usage_follow_edits(struct plan *plan)
{
    size_t count = plan->edited.count; /* plan_edit appends domains */
    for (size_t i = 0; i < count; i++) {
        struct row *row = plan->edited.items[i];
        if (row->noun == &account_noun)
            follow(plan, (const struct account *)row);
    }
}

/* used + more > limit, where more > 0, without a sum that could be at the end of the range. */
static bool is_beyond(int64_t limit, int64_t used, int64_t more)
{
    return more > 0 && used > limit - more;
}

/* One of the two sums: the quota of an account that is new to it, or changes. A limit below what is
 * given out already stops nothing else. */
static bool sum_exceeds(int64_t limit, int64_t used, bool is_new, int64_t before, int64_t after)
{
    if (limit == INT_NULL || (!is_new && bounded(before) == bounded(after)))
        return false;
    int64_t change = bounded(after) - (is_new ? 0 : bounded(before));
    return bounded(after) == 0 || is_beyond(limit, used, change);
}

static bool reject_sum(struct plan *plan, struct outcome *outcome, const char *unit, int64_t limit,
                       int64_t used)
{
    plan_reject(plan, outcome, CODE_LIMIT_EXCEEDED,
                "the domain's accounts may have quotas of %" PRId64 " %s together, %" PRId64
                " are given out, and an account without a quota is not allowed",
                limit, unit, used);
    return true;
}

bool usage_exceeds(struct plan *plan, const struct domain *domain, const struct account *before,
                   const struct account *after, struct outcome *outcome)
{
    if (!domain_is_limited(domain) || usage_of(after).accounts == 0)
        return false;
    const struct limits *limits = &domain->limits;
    bool is_new = usage_of(before).accounts == 0;
    if (limits->max_accounts != INT_NULL && is_new &&
        domain->used_accounts >= limits->max_accounts) {
        plan_reject(plan, outcome, CODE_LIMIT_EXCEEDED,
                    "the domain may have %" PRId64 " accounts and has %" PRId64,
                    limits->max_accounts, domain->used_accounts);
        return true;
    }
    if (sum_exceeds(limits->quota_bytes, domain->used_quota_bytes, is_new,
                    is_new ? 0 : before->quota_bytes, after->quota_bytes))
        return reject_sum(plan, outcome, "bytes", limits->quota_bytes, domain->used_quota_bytes);
    if (sum_exceeds(limits->max_messages, domain->used_messages, is_new,
                    is_new ? 0 : before->quota_messages, after->quota_messages))
        return reject_sum(plan, outcome, "messages", limits->max_messages, domain->used_messages);
    return false;
}

/* --- all accounts of a domain at once -----------------------------------------------------------
 *
 * A fan-out changes accounts that are not in the working set, so that usage_follow_edits does not
 * see them. It need not: the domain's row was locked and counted, and the sums after the change
 * follow from the counts. The limits are judged once, for all, since the event is one change: it is
 * done for every account or for none.
 */

/* The sum of the accounts that count when each of them gets `quota`. */
static int64_t sum_of_all(const struct domain *domain, int64_t quota)
{
    int64_t product;
    return __builtin_mul_overflow(domain->used_accounts, quota, &product) ? INT64_MAX : product;
}

/* As sum_exceeds: unlimited is refused, and so is more than both the limit and what is given out
 * already. A domain where nothing is given out has unlimited accounts only: setting them unlimited
 * changes nothing. */
static bool all_exceed(const struct domain *domain, int64_t limit, int64_t used, int64_t quota)
{
    if (limit == INT_NULL || quota == INT_NULL || domain->used_accounts == 0)
        return false;
    if (quota == 0)
        return used > 0;
    return quota > limit / domain->used_accounts && sum_of_all(domain, quota) > used;
}

bool usage_set_quotas(struct plan *plan, struct domain *domain, int64_t bytes, int64_t messages,
                      struct outcome *outcome)
{
    const struct limits *limits = &domain->limits;
    int64_t all_bytes = bytes == INT_NULL ? domain->used_quota_bytes : sum_of_all(domain, bytes);
    int64_t all_messages =
        messages == INT_NULL ? domain->used_messages : sum_of_all(domain, messages);
    if (!domain_is_limited(domain))
        return false;
    if (all_exceed(domain, limits->quota_bytes, domain->used_quota_bytes, bytes))
        return reject_sum(plan, outcome, "bytes", limits->quota_bytes, domain->used_quota_bytes);
    if (all_exceed(domain, limits->max_messages, domain->used_messages, messages))
        return reject_sum(plan, outcome, "messages", limits->max_messages, domain->used_messages);
    plan_edit(plan, &domain->row);
    domain->used_quota_bytes = all_bytes;
    domain->used_messages = all_messages;
    return false;
}

/* The accounts that overrode the limits count from now on: they are new to the limits. */
static bool overriders_exceed(struct plan *plan, const struct domain *domain,
                              struct outcome *outcome)
{
    const struct limits *limits = &domain->limits;
    if (domain->live_accounts == domain->used_accounts)
        return false;
    if (limits->max_accounts != INT_NULL && domain->live_accounts > limits->max_accounts) {
        plan_reject(plan, outcome, CODE_LIMIT_EXCEEDED,
                    "the domain may have %" PRId64 " accounts and has %" PRId64
                    " together with those that override its limits",
                    limits->max_accounts, domain->live_accounts);
        return true;
    }
    if (limits->quota_bytes != INT_NULL &&
        (domain->overriding_bytes_unlimited ||
         is_beyond(limits->quota_bytes, domain->used_quota_bytes, domain->overriding_quota_bytes)))
        return reject_sum(plan, outcome, "bytes", limits->quota_bytes, domain->used_quota_bytes);
    if (limits->max_messages != INT_NULL &&
        (domain->overriding_messages_unlimited ||
         is_beyond(limits->max_messages, domain->used_messages, domain->overriding_messages)))
        return reject_sum(plan, outcome, "messages", limits->max_messages, domain->used_messages);
    return false;
}

bool usage_set_override(struct plan *plan, struct domain *domain, bool overrides,
                        struct outcome *outcome)
{
    if (!domain_is_limited(domain))
        return false;
    if (!overrides && overriders_exceed(plan, domain, outcome))
        return true;
    plan_edit(plan, &domain->row);
    domain->used_accounts = overrides ? 0 : domain->live_accounts;
    domain->used_quota_bytes =
        overrides ? 0 : sum(domain->used_quota_bytes, domain->overriding_quota_bytes);
    domain->used_messages = overrides ? 0 : sum(domain->used_messages, domain->overriding_messages);
    return false;
}
