#include "domain/domain.h"

const char *const protocol_names[] = {"POP3", "IMAP", "SMTP", "SIEVE", "WEBMAIL", NULL};

#define COL(struct_, member, type_, flags_, ...)                                                   \
    {                                                                                              \
        .name = #member, .type = (type_), .offset = offsetof(struct struct_, member),              \
        .flags = (flags_), __VA_ARGS__                                                             \
    }
#define LIMIT(struct_, member, type_, ...)                                                         \
    {                                                                                              \
        .name = #member, .type = (type_), .offset = offsetof(struct struct_, limits.member),       \
        .flags = COLUMN_AUDITED, __VA_ARGS__                                                       \
    }

/* The orders are those of the lists in worker/sql/{load,update,copy}_{contexts,domains}.sql. */
static const struct column context_columns[] = {
    COL(context, name, COLUMN_TEXT, COLUMN_KEY | COLUMN_AUDITED),
    COL(context, domains_on_the_fly, COLUMN_BOOL, COLUMN_AUDITED | COLUMN_NOT_NULL),
    LIMIT(context, max_accounts, COLUMN_INT8),
    LIMIT(context, quota_bytes, COLUMN_INT8),
    LIMIT(context, max_messages, COLUMN_INT8),
    {.name = "disabled_protocols",
     .type = COLUMN_INT4,
     .offset = offsetof(struct context, limits.disabled_protocols),
     .flags = COLUMN_AUDITED | COLUMN_NOT_NULL},
    COL(context, domain_count, COLUMN_INT8, COLUMN_NOT_NULL),
    COL(context, version, COLUMN_INT8, COLUMN_VERSION),
    COL(context, revision, COLUMN_INT8, COLUMN_REVISION),
    COL(context, created_at, COLUMN_TIME, COLUMN_FIXED),
    COL(context, updated_at, COLUMN_TIME, 0),
    {.name = NULL},
};

const struct noun context_noun = {
    .table = "context",
    .size = sizeof(struct context),
    .columns = context_columns,
    .column_count = sizeof context_columns / sizeof *context_columns - 1,
    .name_offset = offsetof(struct context, name),
    .uuid_offset = SIZE_MAX,
    .version_offset = offsetof(struct context, version),
    .revision_offset = offsetof(struct context, revision),
    .updated_at_offset = offsetof(struct context, updated_at),
};

static const struct column domain_columns[] = {
    COL(domain, name, COLUMN_TEXT, COLUMN_KEY | COLUMN_AUDITED),
    COL(domain, context, COLUMN_TEXT, COLUMN_FIXED | COLUMN_AUDITED),
    COL(domain, status, COLUMN_ENUM, COLUMN_AUDITED | COLUMN_NOT_NULL,
        .names = account_status_names, .fallback = {.number = ACCOUNT_ACTIVE}),
    COL(domain, default_services, COLUMN_INT2, COLUMN_AUDITED),
    COL(domain, default_quota_bytes, COLUMN_INT8, COLUMN_AUDITED),
    COL(domain, default_quota_messages, COLUMN_INT8, COLUMN_AUDITED),
    LIMIT(domain, max_accounts, COLUMN_INT8),
    LIMIT(domain, quota_bytes, COLUMN_INT8),
    LIMIT(domain, max_messages, COLUMN_INT8),
    {.name = "disabled_protocols",
     .type = COLUMN_INT4,
     .offset = offsetof(struct domain, limits.disabled_protocols),
     .flags = COLUMN_AUDITED | COLUMN_NOT_NULL},
    COL(domain, catch_all, COLUMN_TEXT, COLUMN_AUDITED),
    COL(domain, used_accounts, COLUMN_INT8, COLUMN_NOT_NULL),
    COL(domain, used_quota_bytes, COLUMN_INT8, COLUMN_NOT_NULL),
    COL(domain, used_messages, COLUMN_INT8, COLUMN_NOT_NULL),
    COL(domain, version, COLUMN_INT8, COLUMN_VERSION),
    COL(domain, revision, COLUMN_INT8, COLUMN_REVISION),
    COL(domain, created_at, COLUMN_TIME, COLUMN_FIXED),
    COL(domain, updated_at, COLUMN_TIME, 0),
    {.name = NULL},
};

const struct noun domain_noun = {
    .table = "domain",
    .size = sizeof(struct domain),
    .columns = domain_columns,
    .column_count = sizeof domain_columns / sizeof *domain_columns - 1,
    .name_offset = offsetof(struct domain, name),
    .uuid_offset = SIZE_MAX,
    .version_offset = offsetof(struct domain, version),
    .revision_offset = offsetof(struct domain, revision),
    .updated_at_offset = offsetof(struct domain, updated_at),
};

bool domain_is_limited(const struct domain *domain)
{
    return domain->limits.max_accounts != INT_NULL || domain->limits.quota_bytes != INT_NULL ||
           domain->limits.max_messages != INT_NULL;
}
