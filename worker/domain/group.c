#include "domain/group.h"

#include "domain/account.h"
#include "domain/change.h"
#include "domain/domain.h"
#include "domain/outcome.h"

#define COL(struct_, member, type_, flags_)                                                        \
    {                                                                                              \
        .name = #member, .type = (type_), .offset = offsetof(struct struct_, member),              \
        .flags = (flags_)                                                                          \
    }

/* The orders are those of the lists in worker/sql/{load,update}_groups.sql. */
static const struct column group_columns[] = {
    COL(group, context, COLUMN_TEXT, COLUMN_KEY),
    COL(group, number, COLUMN_INT8, COLUMN_KEY | COLUMN_AUDITED),
    COL(group, name, COLUMN_TEXT, COLUMN_AUDITED),
    COL(group, version, COLUMN_INT8, COLUMN_VERSION),
    COL(group, revision, COLUMN_INT8, COLUMN_REVISION),
    COL(group, created_at, COLUMN_TIME, COLUMN_FIXED),
    COL(group, updated_at, COLUMN_TIME, 0),
    COL(group, members_added, COLUMN_INT8, COLUMN_VIRTUAL | COLUMN_AUDITED),
    COL(group, members_removed, COLUMN_INT8, COLUMN_VIRTUAL | COLUMN_AUDITED),
    {.name = NULL},
};

const struct noun group_noun = {
    .table = "mail_group",
    .size = sizeof(struct group),
    .columns = group_columns,
    .column_count = sizeof group_columns / sizeof *group_columns - 1,
    .name_offset = offsetof(struct group, name),
    .uuid_offset = SIZE_MAX,
    .version_offset = offsetof(struct group, version),
    .revision_offset = offsetof(struct group, revision),
    .updated_at_offset = offsetof(struct group, updated_at),
};

static const struct column member_columns[] = {
    COL(member, context, COLUMN_TEXT, COLUMN_KEY),
    COL(member, number, COLUMN_INT8, COLUMN_KEY | COLUMN_AUDITED),
    COL(member, account_uuid, COLUMN_UUID, COLUMN_KEY),
    COL(member, is_own, COLUMN_BOOL, COLUMN_NOT_NULL),
    COL(member, created_at, COLUMN_TIME, COLUMN_FIXED),
    {.name = NULL},
};

/* Never audited by itself: in the record of its account when the group is its own, else by the
 * event's list of members (outcome.h). */
const struct noun member_noun = {
    .table = "group_member",
    .size = sizeof(struct member),
    .columns = member_columns,
    .column_count = sizeof member_columns / sizeof *member_columns - 1,
    .name_offset = SIZE_MAX,
    .uuid_offset = SIZE_MAX,
    .version_offset = SIZE_MAX,
    .revision_offset = SIZE_MAX,
    .updated_at_offset = SIZE_MAX,
};

bool group_is_there(const struct group *group)
{
    return group && !group->row.is_gone && !(group->owner && group->owner->row.is_gone);
}

bool member_is_there(const struct member *member)
{
    return member && !member->row.is_gone && !(member->owner && member->owner->row.is_gone);
}

struct member *account_own_membership(const struct account *account)
{
    struct member *member = account->memberships;
    while (member && !(member->is_own == 1 && member_is_there(member)))
        member = member->next_of_account;
    return member;
}

/* Who came has a number after, who went one before; what the row is by now does not matter. */
void member_change(const struct outcome_member *member, struct column_change *column,
                   struct change *ret_change)
{
    *column = (struct column_change){.column = noun_column(&member_noun, "number"),
                                     .before = {.number = INT_NULL},
                                     .after = {.number = INT_NULL}};
    *(member->has_left ? &column->before : &column->after) =
        (union cell){.number = member->member->number};
    *ret_change = (struct change){
        .action = member->has_left ? CHANGE_PURGE : CHANGE_CREATE,
        .object_type = member_noun.table,
        .object_id = member->member->address,
        .object_uuid = member->member->account_uuid,
        .columns = column,
        .column_count = 1,
        .objects = INT_NULL,
        .seq_first = INT_NULL,
        .seq_last = INT_NULL,
    };
}
