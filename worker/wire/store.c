#include "wire/store.h"

#include "base/arena.h"
#include "domain/account.h"
#include "domain/keys.h"
#include "wire/postgres.h"
#include "wire/rows.h"

/* Also a row that an event made and a later one of the batch removed: the result of the first names
 * it. Not one that was only planned. */
static bool needs_id(const struct row *row)
{
    return row->is_new && (row->is_dirty || !row->is_gone);
}

static int64_t count_new(const struct rows *rows)
{
    int64_t count = 0;
    for (size_t i = 0; i < rows->count; i++)
        count += needs_id(rows->items[i]);
    return count;
}

static int64_t blocks_needed(const struct id_supply *supply, int64_t count)
{
    int64_t missing = count - (supply->end - supply->next);
    return missing <= 0 ? 0 : (missing + ID_BLOCK - 1) / ID_BLOCK;
}

static enum status send_draw(struct postgres *pg, const char *statement, int64_t blocks,
                             struct arena *arena, struct error *err)
{
    struct param param = param_int4(arena, blocks);
    return blocks ? postgres_send(pg, statement, &param, 1, err) : STATUS_OK;
}

/* The ids in hand first, then those of the drawn blocks. */
struct drawing {
    struct id_supply *supply;
    struct result *blocks;
    int block;
};

static int64_t next_id(struct drawing *drawing)
{
    struct id_supply *supply = drawing->supply;
    if (supply->next == supply->end) {
        int64_t block = result_int(drawing->blocks, drawing->block++, 0);
        supply->next = (block - 1) * ID_BLOCK + 1;
        supply->end = supply->next + ID_BLOCK;
    }
    return supply->next++;
}

static void number_accounts(struct working_set *set, struct drawing *drawing)
{
    for (size_t i = 0; i < set->account_rows.count; i++) {
        struct account *account = (struct account *)set->account_rows.items[i];
        if (needs_id(&account->row))
            account->account_id = next_id(drawing);
        account->tombstone = account_is_live(account) ? 0 : account->account_id;
    }
}

static void number_services(struct working_set *set, struct drawing *drawing)
{
    for (size_t i = 0; i < set->service_rows.count; i++) {
        struct service *service = (struct service *)set->service_rows.items[i];
        if (needs_id(&service->row))
            service->service_id = next_id(drawing);
    }
}

static enum status read_blocks(struct postgres *pg, int64_t blocks, struct drawing *drawing,
                               struct error *err)
{
    return blocks ? postgres_result(pg, &drawing->blocks, err) : STATUS_OK;
}

enum status store_draw_ids(struct postgres *pg, struct working_set *set,
                           struct id_supplies *supplies, struct error *err)
{
    int64_t account_blocks = blocks_needed(&supplies->accounts, count_new(&set->account_rows));
    int64_t service_blocks = blocks_needed(&supplies->services, count_new(&set->service_rows));
    struct drawing accounts = {.supply = &supplies->accounts};
    struct drawing services = {.supply = &supplies->services};
    enum status status = STATUS_OK;
    if (account_blocks || service_blocks) {
        status = send_draw(pg, "draw_account_ids", account_blocks, set->arena, err);
        if (status == STATUS_OK)
            status = send_draw(pg, "draw_service_ids", service_blocks, set->arena, err);
        if (status == STATUS_OK)
            status = postgres_sync(pg, err);
        if (status == STATUS_OK)
            status = read_blocks(pg, account_blocks, &accounts, err);
        if (status == STATUS_OK)
            status = read_blocks(pg, service_blocks, &services, err);
        if (status == STATUS_OK)
            status = postgres_drain(pg, err);
    }
    if (status == STATUS_OK) {
        number_accounts(set, &accounts);
        number_services(set, &services);
    }
    result_close(accounts.blocks);
    result_close(services.blocks);
    return status;
}

/* --- writing ------------------------------------------------------------------------------------
 */

/* Which rows are written how; in the order in which locks are taken everywhere. */
struct writing {
    const struct noun *noun;
    size_t rows_offset; /* in struct working_set */
    const char *delete_statement, *update_statement;
};

#define ROWS(member) offsetof(struct working_set, member)
static const struct writing writings[] = {
    {&context_noun, ROWS(context_rows), "delete_contexts", "update_contexts"},
    {&domain_noun, ROWS(domain_rows), "delete_domains", "update_domains"},
    {&group_noun, ROWS(group_rows), NULL, "update_groups"},
    {&account_noun, ROWS(account_rows), "delete_accounts", "update_accounts"},
    {&service_noun, ROWS(service_rows), "delete_services", NULL},
    {&recovery_noun, ROWS(recovery_rows), "delete_recoveries", NULL},
    {&member_noun, ROWS(member_rows), "delete_group_members", "update_group_members"},
};
enum { WRITING_COUNT = sizeof writings / sizeof *writings };

static struct rows *rows_of(const struct writing *writing, struct working_set *set)
{
    return (struct rows *)((char *)set + writing->rows_offset);
}

/* One that is to go, with its first key. */
static bool add_deleted(struct array *keys, const struct row *row)
{
    if (row_write_of(row) != ROW_DELETE)
        return false;
    if (row->noun == &context_noun)
        array_add_text(keys, ((const struct context *)row)->name);
    else
        array_add_uuid(keys, &((const struct account *)row)->uuid);
    return true;
}

/* What belongs to deleted rows and may not have been loaded. */
static enum status send_trailing(struct postgres *pg, const char *statement, enum array_type type,
                                 const struct rows *rows, struct rows_requests *requests,
                                 struct error *err)
{
    static struct array keys; /* kept from batch to batch */
    bool has_any = false;
    array_begin(&keys, type);
    for (size_t i = 0; i < rows->count; i++)
        has_any |= add_deleted(&keys, rows->items[i]);
    if (!has_any)
        return STATUS_OK;
    struct param param = array_param(&keys);
    enum status status = postgres_send(pg, statement, &param, 1, err);
    if (status == STATUS_OK)
        requests->items[requests->count++] = (struct rows_request){statement, ROWS_ANY};
    return status;
}

/* Domains and groups refer to contexts: they go before contexts go, contexts come before them. An
 * account that was purged can be put into no group any more, and leaves those that it came into
 * since it was loaded. */
static enum status send_deletes(struct postgres *pg, struct working_set *set,
                                struct rows_requests *requests, struct error *err)
{
    enum status status = STATUS_OK;
    for (int i = WRITING_COUNT - 1; i >= 0 && status == STATUS_OK; i--) {
        const struct writing *writing = &writings[i];
        if (writing->noun == &context_noun)
            status = send_trailing(pg, "delete_context_groups", ARRAY_TEXT, &set->context_rows,
                                   requests, err);
        if (status == STATUS_OK && writing->delete_statement)
            status = rows_send_delete(pg, writing->delete_statement, writing->noun,
                                      rows_of(writing, set), set->arena, requests, err);
        if (status == STATUS_OK && writing->noun == &account_noun)
            status = send_trailing(pg, "delete_memberships", ARRAY_UUID, &set->account_rows,
                                   requests, err);
    }
    return status;
}

/* Accounts that come into a group by an event about the group are not written themselves: they are
 * held, so that none is purged meanwhile. */
static enum status send_hold(struct postgres *pg, struct working_set *set,
                             struct rows_requests *requests, struct error *err)
{
    static struct array uuids; /* kept from batch to batch */
    struct map held;
    map_init(&held, set->arena, 16);
    for (size_t i = 0; i < set->member_rows.count; i++) {
        const struct member *member = (const struct member *)set->member_rows.items[i];
        const struct account *account = working_set_uuid(set, &member->account_uuid);
        if (row_write_of(&member->row) == ROW_INSERT && account && !account->row.is_new)
            map_put(&held, uuid_key(&member->account_uuid), set);
    }
    if (held.count == 0)
        return STATUS_OK;
    array_begin(&uuids, ARRAY_UUID);
    for (size_t i = 0; i < held.count; i++)
        array_add_uuid(&uuids, (const struct uuid *)(const void *)held.entries[i].key.data);
    struct param param = array_param(&uuids);
    enum status status = postgres_send(pg, "hold_accounts", &param, 1, err);
    if (status == STATUS_OK)
        requests->items[requests->count++] =
            (struct rows_request){"hold_accounts", (int64_t)held.count};
    return status;
}

static enum status send_updates(struct postgres *pg, struct working_set *set,
                                struct rows_requests *requests, struct error *err)
{
    enum status status = STATUS_OK;
    for (int i = 0; i < WRITING_COUNT && status == STATUS_OK; i++) {
        if (writings[i].update_statement)
            status = rows_send_update(pg, writings[i].update_statement, writings[i].noun,
                                      rows_of(&writings[i], set), set->arena, requests, err);
    }
    return status;
}

/* Accounts last: they take the server longest, and meanwhile the caller makes its outputs. */
static enum status copy_new(struct postgres *pg, struct working_set *set, struct error *err)
{
    const struct {
        const struct noun *noun;
        const struct rows *rows;
    } news[] = {
        {&context_noun, &set->context_rows},   {&domain_noun, &set->domain_rows},
        {&group_noun, &set->group_rows},       {&member_noun, &set->member_rows},
        {&recovery_noun, &set->recovery_rows}, {&service_noun, &set->service_rows},
        {&account_noun, &set->account_rows},
    };
    enum status status = STATUS_OK;
    for (size_t i = 0; i < sizeof news / sizeof *news && status == STATUS_OK; i++)
        status = rows_copy(pg, news[i].noun, news[i].rows, set->arena, err);
    return status;
}

enum status store_rows(struct postgres *pg, struct working_set *set, struct error *err)
{
    struct rows_requests requests = {.count = 0};
    enum status status = send_hold(pg, set, &requests, err);
    if (status == STATUS_OK)
        status = send_deletes(pg, set, &requests, err);
    if (status == STATUS_OK)
        status = send_updates(pg, set, &requests, err);
    if (status == STATUS_OK && requests.count) {
        status = postgres_sync(pg, err);
        if (status == STATUS_OK)
            status = rows_read_requests(pg, &requests, err);
        if (status == STATUS_OK)
            status = postgres_drain(pg, err);
    }
    return status == STATUS_OK ? copy_new(pg, set, err) : status;
}
