#include "wire/rows.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "wire/postgres.h"

const char rows_lost_race[] = "LOST_RACE";

enum { COLUMNS_MAX = 64 };

static bool is_stored(const struct column *column)
{
    return !(column->flags & COLUMN_VIRTUAL);
}

/* --- reading ------------------------------------------------------------------------------------
 */

static enum status check_columns(const struct result *result, const struct noun *noun,
                                 struct error *err)
{
    int i = 0;
    for (const struct column *c = noun->columns; c->name; c++) {
        if (is_stored(c) && result_column(result, c->name) != i++)
            return error_set(err, STATUS_FATAL, "42703",
                             "table %s: the statement's column %d is not %s; worker and statements "
                             "are of different versions",
                             noun->table, i, c->name);
    }
    return STATUS_OK;
}

static int64_t enum_index(const struct column *column, struct text name)
{
    for (int64_t i = 0; column->names[i]; i++) {
        if (text_equal_z(name, column->names[i]))
            return i;
    }
    return INT_NULL;
}

static union cell read_cell(const struct result *result, int row, int i,
                            const struct column *column, struct arena *arena)
{
    switch (column->type) {
    case COLUMN_TEXT:
        return (union cell){.text = text_copy(arena, result_text(result, row, i))};
    case COLUMN_UUID:
        return (union cell){.uuid = result_uuid(result, row, i)};
    case COLUMN_ENUM:
        return (union cell){.number = enum_index(column, result_text(result, row, i))};
    default:
        return (union cell){.number = result_int(result, row, i)};
    }
}

static void read_row(const struct result *result, int row, const struct noun *noun,
                     struct arena *arena, struct row *into)
{
    int i = 0;
    into->noun = noun;
    for (const struct column *c = noun->columns; c->name; c++) {
        if (is_stored(c))
            column_set(c, into, read_cell(result, row, i++, c, arena));
        else if (c->type != COLUMN_TEXT && c->type != COLUMN_UUID)
            column_set(c, into, (union cell){.number = 0});
    }
}

enum status rows_take_all(const struct result *result, const struct noun *noun, struct arena *arena,
                          rows_take *take, void *set, struct error *err)
{
    int count = result_rows(result);
    if (count == 0)
        return STATUS_OK;
    enum status status = check_columns(result, noun, err);
    for (int i = 0; i < count && status == STATUS_OK; i++) {
        struct row *row = arena_zalloc(arena, 1, noun->size);
        read_row(result, i, noun, arena, row);
        take(set, row);
    }
    return status;
}

enum status rows_read(struct postgres *pg, const struct noun *noun, struct arena *arena,
                      rows_take *take, void *set, struct error *err)
{
    struct result *result = NULL;
    enum status status = postgres_result(pg, &result, err);
    if (status == STATUS_OK)
        status = rows_take_all(result, noun, arena, take, set, err);
    result_close(result);
    return status;
}

/* --- writing ------------------------------------------------------------------------------------
 */

enum row_write row_write_of(const struct row *row)
{
    if (row->is_gone)
        return row->is_new ? ROW_NOTHING : ROW_DELETE;
    if (row->is_new)
        return ROW_INSERT;
    return row->is_dirty ? ROW_UPDATE : ROW_NOTHING;
}

static size_t count_writes(const struct rows *rows, enum row_write write)
{
    size_t count = 0;
    for (size_t i = 0; i < rows->count; i++)
        count += row_write_of(rows->items[i]) == write;
    return count;
}

static char *copy_statement(const struct noun *noun, struct arena *arena, int16_t *ret_columns)
{
    char *sql = arena_alloc(arena, ROWS_STATEMENT_MAX);
    int len = snprintf(sql, ROWS_STATEMENT_MAX, "COPY provd.%s (", noun->table);
    *ret_columns = 0;
    for (const struct column *c = noun->columns; c->name; c++) {
        if (is_stored(c))
            len += snprintf(sql + len, (size_t)(ROWS_STATEMENT_MAX - len), "%s%s",
                            (*ret_columns)++ ? ", " : "", c->name);
    }
    len += snprintf(sql + len, (size_t)(ROWS_STATEMENT_MAX - len), ") FROM STDIN (FORMAT binary)");
    assert(len < ROWS_STATEMENT_MAX);
    return sql;
}

static void copy_cell(struct copy *copy, const struct column *column, const struct row *row)
{
    union cell cell = column_get(column, row);
    switch (column->type) {
    case COLUMN_TEXT:
        return copy_text(copy, cell.text);
    case COLUMN_UUID:
        return copy_uuid(copy, &cell.uuid);
    case COLUMN_ENUM:
        return copy_text(copy, cell.number == INT_NULL ? TEXT_NULL
                                                       : text_from(column->names[cell.number]));
    case COLUMN_INT8:
        return copy_int8(copy, cell.number);
    case COLUMN_INT4:
        return copy_int4(copy, cell.number);
    case COLUMN_INT2:
        return copy_int2(copy, cell.number);
    case COLUMN_BOOL:
        return copy_bool(copy, cell.number);
    case COLUMN_TIME:
        return copy_time(copy, cell.number);
    }
}

enum status rows_copy(struct postgres *pg, const struct noun *noun, const struct rows *rows,
                      struct arena *arena, struct error *err)
{
    if (count_writes(rows, ROW_INSERT) == 0)
        return STATUS_OK;
    int16_t columns;
    const char *sql = copy_statement(noun, arena, &columns);
    struct copy *copy;
    enum status status = postgres_copy_begin(pg, sql, &copy, err);
    if (status != STATUS_OK)
        return status;
    for (size_t i = 0; i < rows->count && status == STATUS_OK; i++) {
        if (row_write_of(rows->items[i]) != ROW_INSERT)
            continue;
        copy_row(copy, columns);
        for (const struct column *c = noun->columns; c->name; c++) {
            if (is_stored(c))
                copy_cell(copy, c, rows->items[i]);
        }
        status = copy_flush(copy, err);
    }
    enum status end = postgres_copy_leave(copy, status == STATUS_OK ? err : NULL);
    return status == STATUS_OK ? end : status;
}

static enum array_type array_type_of(const struct column *column)
{
    switch (column->type) {
    case COLUMN_UUID:
        return ARRAY_UUID;
    case COLUMN_INT8:
        return ARRAY_INT8;
    case COLUMN_INT4:
        return ARRAY_INT4;
    case COLUMN_INT2:
        return ARRAY_INT2;
    case COLUMN_BOOL:
        return ARRAY_BOOL;
    case COLUMN_TIME:
        return ARRAY_TIME;
    case COLUMN_TEXT:
    case COLUMN_ENUM:
        break;
    }
    return ARRAY_TEXT;
}

static void add_cell(struct array *array, const struct column *column, const struct row *row)
{
    union cell cell = column_get(column, row);
    if (column->type == COLUMN_TEXT)
        array_add_text(array, cell.text);
    else if (column->type == COLUMN_UUID)
        array_add_uuid(array, &cell.uuid);
    else if (column->type == COLUMN_ENUM)
        array_add_text(array, text_from(column->names[cell.number]));
    else
        array_add_int(array, cell.number);
}

static bool is_updated_column(const struct column *column)
{
    return is_stored(column) && !(column->flags & COLUMN_FIXED);
}

static bool is_deleting_column(const struct column *column)
{
    return column->flags & (COLUMN_KEY | COLUMN_REVISION);
}

static const struct noun *compared_noun; /* qsort has no context; lanes have one thread */

static int compare_keys(const void *a, const void *b)
{
    const struct row *x = *(const struct row *const *)a, *y = *(const struct row *const *)b;
    for (const struct column *c = compared_noun->columns; c->name; c++) {
        if (!(c->flags & COLUMN_KEY))
            continue;
        union cell p = column_get(c, x), q = column_get(c, y);
        int order = c->type == COLUMN_TEXT   ? text_compare(p.text, q.text)
                    : c->type == COLUMN_UUID ? uuid_compare(&p.uuid, &q.uuid)
                                             : (p.number > q.number) - (p.number < q.number);
        if (order)
            return order;
    }
    return 0;
}

/* The rows to write, by key: two transactions that update in opposite order deadlock. */
static struct rows sorted_writes(const struct noun *noun, const struct rows *rows,
                                 enum row_write write, struct arena *arena)
{
    struct rows chosen = {.items = ARENA_ARRAY(arena, struct row *, rows->count)};
    for (size_t i = 0; i < rows->count; i++) {
        if (row_write_of(rows->items[i]) == write)
            chosen.items[chosen.count++] = rows->items[i];
    }
    compared_noun = noun;
    qsort(chosen.items, chosen.count, sizeof *chosen.items, compare_keys);
    return chosen;
}

/* One array per chosen column: kept from batch to batch, since they grow to their size once. */
static struct array arrays[COLUMNS_MAX];

static enum status send_arrays(struct postgres *pg, const char *statement, const struct noun *noun,
                               const struct rows *chosen, bool (*is_chosen)(const struct column *),
                               struct error *err)
{
    struct param params[COLUMNS_MAX];
    int count = 0;
    for (const struct column *c = noun->columns; c->name; c++) {
        if (!is_chosen(c))
            continue;
        array_begin(&arrays[count], array_type_of(c));
        for (size_t i = 0; i < chosen->count; i++)
            add_cell(&arrays[count], c, chosen->items[i]);
        params[count] = array_param(&arrays[count]);
        count++;
    }
    return postgres_send(pg, statement, params, count, err);
}

static enum status send_writes(struct postgres *pg, const char *statement, const struct noun *noun,
                               const struct rows *rows, enum row_write write,
                               bool (*is_chosen)(const struct column *), struct arena *arena,
                               struct rows_requests *requests, struct error *err)
{
    struct rows chosen = sorted_writes(noun, rows, write, arena);
    if (chosen.count == 0)
        return STATUS_OK;
    enum status status = send_arrays(pg, statement, noun, &chosen, is_chosen, err);
    if (status == STATUS_OK)
        requests->items[requests->count++] =
            (struct rows_request){statement, (int64_t)chosen.count};
    return status;
}

enum status rows_send_update(struct postgres *pg, const char *statement, const struct noun *noun,
                             const struct rows *rows, struct arena *arena,
                             struct rows_requests *requests, struct error *err)
{
    return send_writes(pg, statement, noun, rows, ROW_UPDATE, is_updated_column, arena, requests,
                       err);
}

enum status rows_send_delete(struct postgres *pg, const char *statement, const struct noun *noun,
                             const struct rows *rows, struct arena *arena,
                             struct rows_requests *requests, struct error *err)
{
    return send_writes(pg, statement, noun, rows, ROW_DELETE, is_deleting_column, arena, requests,
                       err);
}

enum status rows_read_requests(struct postgres *pg, const struct rows_requests *requests,
                               struct error *err)
{
    for (int i = 0; i < requests->count; i++) {
        struct result *result;
        enum status status = postgres_result(pg, &result, err);
        if (status != STATUS_OK)
            return status;
        int64_t rows = result_affected(result);
        result_close(result);
        if (requests->items[i].expected_rows == ROWS_ANY)
            continue;
        if (rows != requests->items[i].expected_rows)
            return error_set(err, STATUS_RETRY, rows_lost_race,
                             "%s wrote %" PRId64 " of %" PRId64 " rows: another worker was faster",
                             requests->items[i].statement, rows, requests->items[i].expected_rows);
    }
    return STATUS_OK;
}
