#include "wire/fanout.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "sql/statements.h"
#include "wire/postgres.h"
#include "wire/rows.h"

const char fanout_too_slow[] = "FANOUT_TIMEOUT";

/* The state of one fan-out. */
struct running {
    struct postgres *pg;
    struct output_maker *maker;
    const struct output_source *source;
    const struct event *event;
    struct outcome *outcome;
    const struct fanout *fanout;
    struct fence_state *fence;
    struct arena *arena;          /* of the transaction: for what stays */
    struct change_entry *entries; /* of the piece */
    size_t entry_count;
    struct error *err;
    enum status status;
    int64_t seq_first;
};

static void note_item(struct running *run, const struct account *account, bool changed)
{
    struct outcome_items *items = &run->outcome->items;
    items->total++;
    items->applied += changed;
    items->unchanged += !changed;
    if (items->count == OUTCOME_ITEMS_SHOWN_MAX)
        return;
    if (!items->items)
        items->items = ARENA_ARRAY(run->arena, struct outcome_item, OUTCOME_ITEMS_SHOWN_MAX);
    enum outcome_status done = run->fanout->is_dry_run ? OUTCOME_PLANNED : OUTCOME_APPLIED;
    items->items[items->count++] = (struct outcome_item){
        .object = text_copy(run->arena, account->address),
        .status = changed ? done : OUTCOME_NO_CHANGE,
    };
}

/* The audit row of one account, into the piece. */
static void note_change(struct running *run, const struct account *before,
                        const struct account *after, struct arena *piece)
{
    struct column_change columns[CHANGE_COLUMNS_MAX];
    struct change change = {
        .action = run->fanout->action,
        .object_type = account_noun.table,
        .object_id = before->address,
        .object_uuid = before->uuid,
        .columns = columns,
        .objects = INT_NULL,
        .seq_first = INT_NULL,
        .seq_last = INT_NULL,
    };
    struct text value;
    change.column_count = change_columns(&account_noun, &before->row, &after->row, columns);
    note_item(run, before, change.column_count > 0);
    if (change.column_count == 0 || run->fanout->is_dry_run)
        return;

    run->status =
        output_change(run->maker, run->source, run->event, &change,
                      FANOUT_INDEX_FIRST + (uint32_t)run->outcome->items.total, run->fence, piece,
                      &run->entries[run->entry_count++], &value, run->err);
}

struct piece {
    struct running *run;
    struct arena *arena;
};

static void take_account(void *opaque, void *row)
{
    struct piece *piece = opaque;
    struct account after = *(struct account *)row;
    if (piece->run->status != STATUS_OK)
        return;
    piece->run->fanout->edit(piece->run->fanout, &after);
    note_change(piece->run, row, &after, piece->arena);
}

static enum status declare_cursor(struct running *run)
{
    char sql[ROWS_STATEMENT_MAX * 2];
    int len =
        snprintf(sql, sizeof sql, "DECLARE fanout NO SCROLL CURSOR FOR %s", sql_fanout_accounts);
    if (len < 0 || (size_t)len >= sizeof sql)
        return error_set(run->err, STATUS_FATAL, NULL, "fanout_accounts.sql is too long");
    struct param domain = param_text(run->fanout->domain);
    struct result *result = NULL;
    enum status status = postgres_query(run->pg, sql, &domain, 1, &result, run->err);
    result_close(result);
    return status;
}

/* One piece of accounts: their audit rows go into the change log. Sets *ret_rows to 0 at the end.
 */
static enum status do_piece(struct running *run, struct arena *arena, int *ret_rows)
{
    char fetch[64];
    struct result *result = NULL;
    snprintf(fetch, sizeof fetch, "FETCH %d FROM fanout", FANOUT_PIECE_ROWS);
    enum status status = postgres_query(run->pg, fetch, NULL, 0, &result, run->err);
    if (status != STATUS_OK)
        return status;
    *ret_rows = result_rows(result);
    struct piece piece = {run, arena};
    run->entries = ARENA_ARRAY(arena, struct change_entry, (size_t)*ret_rows);
    run->entry_count = 0;
    status = rows_take_all(result, &account_noun, arena, take_account, &piece, run->err);
    result_close(result);
    if (status == STATUS_OK)
        status = run->status;
    if (status == STATUS_OK)
        status = ledger_copy_changes(run->pg, run->entries, run->entry_count, run->err);
    return status;
}

static enum status write_audit(struct running *run)
{
    enum { PIECE_BYTES_MAX = 64 * 1024 * 1024, PIECE_BYTES_KEPT = 8 * 1024 * 1024 };
    struct arena arena;
    int rows = 0;
    enum status status = declare_cursor(run);
    if (status != STATUS_OK)
        return status;
    arena_init(&arena, PIECE_BYTES_MAX, PIECE_BYTES_KEPT);
    do {
        arena_reset(&arena);
        status = do_piece(run, &arena, &rows);
    } while (status == STATUS_OK && rows == FANOUT_PIECE_ROWS);
    arena_close(&arena);
    if (status == STATUS_OK)
        status = postgres_command(run->pg, "CLOSE fanout", run->err);
    return status;
}

static enum status run_update(struct running *run)
{
    const struct fanout *fanout = run->fanout;
    struct param params[2 + sizeof fanout->numbers / sizeof *fanout->numbers];
    params[0] = param_text(fanout->domain);
    params[1] = param_time(run->arena, fanout->occurred_at);
    for (int i = 0; i < fanout->number_count; i++)
        params[2 + i] = param_int8(run->arena, fanout->numbers[i]);
    struct result *result = NULL;
    enum status status =
        postgres_send(run->pg, fanout->statement, params, 2 + fanout->number_count, run->err);
    if (status == STATUS_OK)
        status = postgres_sync(run->pg, run->err);
    if (status == STATUS_OK)
        status = postgres_result(run->pg, &result, run->err);
    if (status != STATUS_OK)
        return status;
    int64_t affected = result_affected(result);
    result_close(result);
    if (affected != run->outcome->items.applied)
        return error_set(run->err, STATUS_FATAL, NULL,
                         "%s changed %" PRId64 " accounts where the plan has %" PRId64
                         ": statement and edit disagree",
                         fanout->statement, affected, run->outcome->items.applied);
    return postgres_drain(run->pg, run->err);
}

/* The record that is published for all of them. */
static void append_summary(struct running *run)
{
    struct outcome *outcome = run->outcome;
    struct change *changes = ARENA_ARRAY(run->arena, struct change, outcome->change_count + 1);
    if (outcome->change_count)
        memcpy(changes, outcome->changes, outcome->change_count * sizeof *changes);
    changes[outcome->change_count++] = (struct change){
        .action = CHANGE_FANOUT,
        .object_type = "domain",
        .object_id = run->fanout->domain,
        .objects = outcome->items.applied,
        .seq_first = run->seq_first,
        .seq_last = run->fence->chain_seq,
    };
    outcome->changes = changes;
}

static enum status do_both(struct running *run)
{
    enum status status = write_audit(run);
    if (status == STATUS_OK && !run->fanout->is_dry_run && run->outcome->items.applied)
        status = run_update(run);
    return status;
}

/* Its statements take as long as the domain is large: they have a timeout of their own. One that
 * was cancelled is told apart, since it will not do better when it is simply tried again. */
static enum status run_patiently(struct running *run, int64_t timeout_ms)
{
    enum status status = postgres_set_timeout(run->pg, timeout_ms, run->err);
    if (status == STATUS_OK)
        status = do_both(run);
    if (status == STATUS_OK)
        return postgres_set_timeout(run->pg, 0, run->err);
    if (strcmp(run->err->code, "57014") == 0)
        return error_set(run->err, status, fanout_too_slow,
                         "a change of all accounts of a domain took longer than "
                         "database.fanout_timeout (%" PRId64 " ms)",
                         timeout_ms);
    return status;
}

enum status fanout_run(struct postgres *pg, struct output_maker *maker, int64_t timeout_ms,
                       const struct output_source *source, const struct event *event,
                       struct outcome *outcome, struct fence_state *fence, struct arena *arena,
                       struct error *err)
{
    struct running run = {
        .pg = pg,
        .maker = maker,
        .source = source,
        .event = event,
        .outcome = outcome,
        .fanout = outcome->fanout,
        .fence = fence,
        .arena = arena,
        .err = err,
        .seq_first = fence->chain_seq + 1,
    };
    enum status status = run_patiently(&run, timeout_ms);
    if (status == STATUS_OK && outcome->items.applied)
        append_summary(&run);
    bool nothing = outcome->items.applied == 0 && outcome->change_count == 0;
    if (status == STATUS_OK && nothing && outcome->status != OUTCOME_REJECTED)
        outcome->status = OUTCOME_NO_CHANGE;
    return status;
}
