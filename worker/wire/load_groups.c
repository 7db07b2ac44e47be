#include "wire/load_groups.h"

#include "base/arena.h"
#include "domain/account.h"
#include "wire/postgres.h"
#include "wire/rows.h"

/* Kept from batch to batch. A lane has one thread. */
static struct array arrays[2];

/* --- groups -------------------------------------------------------------------------------------
 */

static void take_group(void *set, void *row)
{
    struct group *group = row;
    group->members_added = group->members_removed = INT_NULL;
    working_set_add_group(set, group);
}

static enum status send_named(struct postgres *pg, const struct keys *keys, struct error *err)
{
    struct texts sorted = key_set_sorted(&keys->groups, keys->arena);
    array_begin(&arrays[0], ARRAY_TEXT);
    array_begin(&arrays[1], ARRAY_TEXT);
    for (size_t i = 0; i < sorted.count; i++) {
        struct text key = sorted.items[i];
        size_t split = text_find(key, '\0');
        array_add_text(&arrays[0], text_slice(key, 0, split));
        array_add_text(&arrays[1], text_slice(key, split + 1, SIZE_MAX));
    }
    struct param params[] = {array_param(&arrays[0]), array_param(&arrays[1])};
    return postgres_send(pg, "load_groups", params, 2, err);
}

static void fill_numbered(const struct key_set *groups, struct arena *arena)
{
    struct texts sorted = key_set_sorted(groups, arena);
    array_begin(&arrays[0], ARRAY_TEXT);
    array_begin(&arrays[1], ARRAY_INT8);
    for (size_t i = 0; i < sorted.count; i++) {
        int64_t number;
        array_add_text(&arrays[0], group_key_context(sorted.items[i], &number));
        array_add_int(&arrays[1], number);
    }
}

enum status load_groups_send(struct postgres *pg, const struct keys *keys, struct error *err)
{
    enum status status = STATUS_OK;
    if (keys->groups_numbered.map.count) {
        fill_numbered(&keys->groups_numbered, keys->arena);
        struct param params[] = {array_param(&arrays[0]), array_param(&arrays[1])};
        status = postgres_send(pg, "load_groups_numbered", params, 2, err);
    }
    if (status == STATUS_OK && keys->groups.map.count)
        status = send_named(pg, keys, err);
    return status;
}

enum status load_groups_read(struct postgres *pg, const struct keys *keys, struct working_set *set,
                             struct error *err)
{
    enum status status = STATUS_OK;
    if (keys->groups_numbered.map.count)
        status = rows_read(pg, &group_noun, set->arena, take_group, set, err);
    if (status == STATUS_OK && keys->groups.map.count)
        status = rows_read(pg, &group_noun, set->arena, take_group, set, err);
    return status;
}

/* --- members ------------------------------------------------------------------------------------
 */

static bool wants_memberships(const struct keys *keys, const struct working_set *set)
{
    return keys->memberships && set->account_rows.count > 0;
}

bool load_members_wanted(const struct keys *keys, const struct working_set *set)
{
    return keys->groups_whole.map.count || wants_memberships(keys, set);
}

static enum status send_memberships(struct postgres *pg, const struct working_set *set,
                                    struct error *err)
{
    array_begin(&arrays[0], ARRAY_UUID);
    for (size_t i = 0; i < set->account_rows.count; i++)
        array_add_uuid(&arrays[0], &((const struct account *)set->account_rows.items[i])->uuid);
    struct param param = array_param(&arrays[0]);
    return postgres_send(pg, "load_memberships", &param, 1, err);
}

enum status load_members_send(struct postgres *pg, const struct keys *keys,
                              const struct working_set *set, struct error *err)
{
    enum status status = STATUS_OK;
    if (keys->groups_whole.map.count) {
        fill_numbered(&keys->groups_whole, keys->arena);
        struct param params[] = {array_param(&arrays[0]), array_param(&arrays[1]),
                                 param_int8(keys->arena, GROUP_MEMBERS_MAX + 1)};
        status = postgres_send(pg, "load_group_members", params, 3, err);
    }
    if (status == STATUS_OK && wants_memberships(keys, set))
        status = send_memberships(pg, set, err);
    return status;
}

/* What rows_read does, and the address behind the noun's columns. */
static enum status read_members(struct postgres *pg, struct working_set *set, bool are_whole,
                                struct error *err)
{
    struct result *result = NULL;
    enum status status = postgres_result(pg, &result, err);
    for (int i = 0; status == STATUS_OK && i < result_rows(result); i++) {
        struct member *member = ARENA_NEW(set->arena, struct member);
        struct group *group;
        *member = (struct member){
            .row.noun = &member_noun,
            .context = text_copy(set->arena, result_text(result, i, 0)),
            .number = result_int(result, i, 1),
            .account_uuid = result_uuid(result, i, 2),
            .is_own = result_int(result, i, 3),
            .created_at = result_int(result, i, 4),
            .address = text_copy(set->arena, result_text(result, i, 5)),
        };
        working_set_add_member(set, member);
        group = are_whole ? working_set_group_numbered(set, member->context, member->number) : NULL;
        if (group)
            group->members_loaded++;
    }
    result_close(result);
    return status;
}

enum status load_members_read(struct postgres *pg, const struct keys *keys, struct working_set *set,
                              struct error *err)
{
    enum status status = STATUS_OK;
    if (keys->groups_whole.map.count)
        status = read_members(pg, set, true, err);
    if (status == STATUS_OK && wants_memberships(keys, set))
        status = read_members(pg, set, false, err);
    return status;
}
