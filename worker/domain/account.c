#include "domain/account.h"

#include "domain/domain.h"

#define COL(member, type_, flags_, ...)                                                            \
    {                                                                                              \
        .name = #member, .type = (type_), .offset = offsetof(struct account, member),              \
        .flags = (flags_), __VA_ARGS__                                                             \
    }

/* The order is that of the lists in worker/sql/{load,update,copy}_accounts.sql. */
static const struct column account_columns[] = {
    COL(uuid, COLUMN_UUID, COLUMN_KEY),
    COL(account_id, COLUMN_INT8, COLUMN_FIXED),
    COL(address, COLUMN_TEXT, COLUMN_FIXED | COLUMN_AUDITED),
    COL(tombstone, COLUMN_INT8, 0),
    COL(domain, COLUMN_TEXT, COLUMN_FIXED),
    COL(context, COLUMN_TEXT, COLUMN_FIXED),
    COL(status, COLUMN_ENUM, COLUMN_AUDITED | COLUMN_NOT_NULL, .names = account_status_names,
        .fallback = {.number = ACCOUNT_ACTIVE}),
    COL(status_reason, COLUMN_TEXT, COLUMN_AUDITED),
    COL(password, COLUMN_TEXT, COLUMN_AUDITED | COLUMN_SECRET),
    COL(first_name, COLUMN_TEXT, COLUMN_AUDITED),
    COL(last_name, COLUMN_TEXT, COLUMN_AUDITED),
    COL(department, COLUMN_TEXT, COLUMN_AUDITED),
    COL(telephone, COLUMN_TEXT, COLUMN_AUDITED),
    COL(quota_bytes, COLUMN_INT8, COLUMN_AUDITED),
    COL(quota_messages, COLUMN_INT8, COLUMN_AUDITED),
    COL(mailbox_type, COLUMN_TEXT, COLUMN_AUDITED | COLUMN_NOT_NULL,
        .fallback = {.text = {"Maildir", sizeof "Maildir" - 1}}),
    COL(storage_node, COLUMN_TEXT, COLUMN_AUDITED),
    COL(services, COLUMN_INT2, COLUMN_AUDITED | COLUMN_NOT_NULL),
    COL(service_mode, COLUMN_ENUM, COLUMN_AUDITED | COLUMN_NOT_NULL, .names = service_mode_names),
    COL(flags, COLUMN_INT4, COLUMN_AUDITED | COLUMN_NOT_NULL),
    COL(forward, COLUMN_TEXT, COLUMN_AUDITED),
    COL(autoreply_subject, COLUMN_TEXT, COLUMN_AUDITED),
    COL(autoreply_body, COLUMN_TEXT, COLUMN_AUDITED),
    COL(autoreply_start, COLUMN_TIME, COLUMN_AUDITED),
    COL(autoreply_end, COLUMN_TIME, COLUMN_AUDITED),
    COL(autoreply_enabled, COLUMN_BOOL, COLUMN_AUDITED | COLUMN_NOT_NULL),
    COL(comment, COLUMN_TEXT, COLUMN_AUDITED),
    COL(created_by, COLUMN_TEXT, COLUMN_FIXED),
    COL(last_login_at, COLUMN_TIME, 0),
    COL(last_login_ip, COLUMN_TEXT, 0),
    COL(last_login_protocol, COLUMN_TEXT, 0),
    COL(deleted_at, COLUMN_TIME, COLUMN_AUDITED),
    COL(purge_at, COLUMN_TIME, 0),
    COL(version, COLUMN_INT8, COLUMN_VERSION),
    COL(revision, COLUMN_INT8, COLUMN_REVISION),
    COL(created_at, COLUMN_TIME, COLUMN_FIXED),
    COL(updated_at, COLUMN_TIME, 0),
    COL(provisioned, COLUMN_INT2, COLUMN_VIRTUAL | COLUMN_AUDITED),
    COL(recovery_question, COLUMN_TEXT, COLUMN_VIRTUAL | COLUMN_AUDITED),
    COL(recovery_answer, COLUMN_TEXT, COLUMN_VIRTUAL | COLUMN_AUDITED | COLUMN_SECRET),
    COL(group_number, COLUMN_INT8, COLUMN_VIRTUAL | COLUMN_AUDITED),
    {.name = NULL},
};

const struct noun account_noun = {
    .table = "account",
    .size = sizeof(struct account),
    .columns = account_columns,
    .column_count = sizeof account_columns / sizeof *account_columns - 1,
    .name_offset = offsetof(struct account, address),
    .uuid_offset = offsetof(struct account, uuid),
    .version_offset = offsetof(struct account, version),
    .revision_offset = offsetof(struct account, revision),
    .updated_at_offset = offsetof(struct account, updated_at),
};

#undef COL
#define COL(member, type_, flags_)                                                                 \
    {                                                                                              \
        .name = #member, .type = (type_), .offset = offsetof(struct service, member),              \
        .flags = (flags_)                                                                          \
    }

static const struct column service_columns[] = {
    COL(account_uuid, COLUMN_UUID, COLUMN_KEY), COL(service, COLUMN_INT2, COLUMN_KEY),
    COL(service_id, COLUMN_INT8, COLUMN_FIXED), COL(active, COLUMN_BOOL, COLUMN_NOT_NULL),
    COL(created_at, COLUMN_TIME, COLUMN_FIXED), {.name = NULL},
};

const struct noun service_noun = {
    .table = "service_account",
    .size = sizeof(struct service),
    .columns = service_columns,
    .column_count = sizeof service_columns / sizeof *service_columns - 1,
    .name_offset = SIZE_MAX,
    .uuid_offset = SIZE_MAX,
    .version_offset = SIZE_MAX,
    .revision_offset = SIZE_MAX,
    .updated_at_offset = SIZE_MAX,
};

#undef COL
#define COL(member, type_, flags_)                                                                 \
    {                                                                                              \
        .name = #member, .type = (type_), .offset = offsetof(struct recovery, member),             \
        .flags = (flags_)                                                                          \
    }

static const struct column recovery_columns[] = {
    COL(account_uuid, COLUMN_UUID, COLUMN_KEY),
    COL(question, COLUMN_TEXT, 0),
    COL(answer, COLUMN_TEXT, COLUMN_SECRET),
    COL(wrong_answers, COLUMN_INT2, COLUMN_NOT_NULL),
    COL(first_wrong_at, COLUMN_TIME, 0),
    COL(locked_until, COLUMN_TIME, 0),
    COL(version, COLUMN_INT8, COLUMN_VERSION),
    COL(revision, COLUMN_INT8, COLUMN_REVISION),
    COL(updated_at, COLUMN_TIME, 0),
    {.name = NULL},
};

const struct noun recovery_noun = {
    .table = "recovery",
    .size = sizeof(struct recovery),
    .columns = recovery_columns,
    .column_count = sizeof recovery_columns / sizeof *recovery_columns - 1,
    .name_offset = SIZE_MAX,
    .uuid_offset = SIZE_MAX,
    .version_offset = offsetof(struct recovery, version),
    .revision_offset = offsetof(struct recovery, revision),
    .updated_at_offset = offsetof(struct recovery, updated_at),
};

bool account_is_live(const struct account *account)
{
    return account->deleted_at == INT_NULL;
}

bool account_is_reserved(const struct account *account, int64_t at_us)
{
    return !account_is_live(account) && at_us <= account->purge_at;
}
