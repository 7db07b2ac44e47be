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
    domain->used_quota_bytes += change.bytes;
    domain->used_messages += change.messages;
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

static bool exceeds_sum(int64_t limit, int64_t used, int64_t change, int64_t quota)
{
    if (limit == INT_NULL)
        return false;
    bool unlimited_account = quota == INT_NULL || quota == 0;
    return unlimited_account || (change > 0 && used + change > limit);
}

bool usage_exceeds(struct plan *plan, const struct domain *domain, const struct account *before,
                   const struct account *after, struct outcome *outcome)
{
    if (!domain_is_limited(domain) || !account_is_live(after) ||
        after->flags & FLAG_OVERRIDE_LIMITS)
        return false;
    struct usage change = usage_change(before, after);
    const struct limits *limits = &domain->limits;
    if (limits->max_accounts != INT_NULL && change.accounts > 0 &&
        domain->used_accounts + change.accounts > limits->max_accounts) {
        plan_reject(plan, outcome, CODE_LIMIT_EXCEEDED,
                    "the domain may have %" PRId64 " accounts and has %" PRId64,
                    limits->max_accounts, domain->used_accounts);
        return true;
    }
    if (exceeds_sum(limits->quota_bytes, domain->used_quota_bytes, change.bytes,
                    after->quota_bytes)) {
        plan_reject(plan, outcome, CODE_LIMIT_EXCEEDED,
                    "the domain's accounts may have quotas of %" PRId64 " bytes together, %" PRId64
                    " are given out, and an account without a quota is not allowed",
                    limits->quota_bytes, domain->used_quota_bytes);
        return true;
    }
    if (exceeds_sum(limits->max_messages, domain->used_messages, change.messages,
                    after->quota_messages)) {
        plan_reject(plan, outcome, CODE_LIMIT_EXCEEDED,
                    "the domain's accounts may have quotas of %" PRId64
                    " messages together, %" PRId64
                    " are given out, and an account without a quota is not allowed",
                    limits->max_messages, domain->used_messages);
        return true;
    }
    return false;
}
