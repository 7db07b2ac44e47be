/* Domains and contexts: the rows. */
#ifndef PROVD_DOMAIN_DOMAIN_H
#define PROVD_DOMAIN_DOMAIN_H

#include "domain/column.h"
#include "domain/value.h"

/* Limits of a domain; null is unlimited. */
struct limits {
    int64_t max_accounts;
    int64_t quota_bytes;
    int64_t max_messages;
    int64_t disabled_protocols; /* bits of protocol_names */
};

/* "POP3", "IMAP", ...: bit = 1 << index. */
extern const char *const protocol_names[];

struct context {
    struct row row;
    struct text name;
    int64_t domains_on_the_fly;
    struct limits limits; /* of new domains */
    int64_t domain_count;
    int64_t version, revision, created_at, updated_at;
};

struct domain {
    struct row row;
    struct text name;
    struct text context;
    int64_t status; /* enum account_status */
    int64_t default_services, default_quota_bytes, default_quota_messages;
    struct limits limits;
    struct text catch_all;
    /* Kept in the table only while the domain is limited; counted when it is loaded locked. */
    int64_t used_accounts, used_quota_bytes, used_messages;
    int64_t version, revision, created_at, updated_at;

    /* Not columns. */
    int64_t live_accounts; /* all of them; counted when it is loaded locked, else INT_NULL */
    bool usage_known;      /* used_* are true and kept up by the plan */
    /* What the accounts that override limits have: counted when it is loaded locked, and only for
     * fan-outs, which are alone in their working set. */
    int64_t overriding_quota_bytes, overriding_messages;               /* sums of their quotas */
    int64_t overriding_bytes_unlimited, overriding_messages_unlimited; /* accounts without one */
};

extern const struct noun context_noun, domain_noun;

bool domain_is_limited(const struct domain *domain);

#endif
