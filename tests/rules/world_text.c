#include "check.h"
#include "domain/account_events.h"
#include "world.h"

enum { TEXT_BYTES_MAX = 16 << 20 };

static struct text taken(struct buffer *buffer, struct arena *arena)
{
    struct text text = text_copy(arena, buffer_text(buffer));
    assert_false(buffer->failed);
    buffer_close(buffer);
    return text;
}

/* --- outcomes -----------------------------------------------------------------------------------
 */

static void put_version(struct buffer *buffer, int64_t version)
{
    if (version == INT_NULL)
        buffer_put_char(buffer, '-');
    else
        buffer_printf(buffer, "%lld", (long long)version);
}

static void put_line(struct buffer *buffer, const struct outcome *outcome)
{
    buffer_printf(buffer, "%s", outcome_status_names[outcome->status]);
    if (outcome->code)
        buffer_printf(buffer, " %s", code_name(outcome->code));
    buffer_put_char(buffer, ' ');
    put_version(buffer, outcome->version_before);
    buffer_put_char(buffer, '>');
    put_version(buffer, outcome->version_after);
}

struct text world_outcome_line(const struct outcome *outcome, struct arena *arena)
{
    struct buffer buffer;
    buffer_init(&buffer, TEXT_BYTES_MAX);
    put_line(&buffer, outcome);
    return taken(&buffer, arena);
}

static void put_cell(struct buffer *buffer, const struct column *column, const union cell *cell,
                     struct arena *arena)
{
    struct text value = cell_text(column, cell, arena);
    buffer_put_text(buffer, text_is_null(value) ? TEXT("-") : value);
}

static void put_change(struct buffer *buffer, const struct change *change, struct arena *arena)
{
    buffer_printf(buffer, "\n  %s %s %.*s:", change_action_names[change->action],
                  change->object_type, TEXT_ARG(change->object_id));
    for (size_t i = 0; i < change->column_count; i++) {
        const struct column_change *c = &change->columns[i];
        buffer_printf(buffer, " %s ", c->column->name);
        put_cell(buffer, c->column, &c->before, arena);
        buffer_put_char(buffer, '>');
        put_cell(buffer, c->column, &c->after, arena);
    }
}

static void put_target(struct buffer *buffer, const struct outcome *outcome)
{
    char uuid[UUID_TEXT_LEN + 1];
    if (!outcome->account)
        return;
    uuid_format(&outcome->account->uuid, uuid);
    buffer_printf(buffer, " account %s services", uuid);
    for (int i = 0; i < SERVICE_COUNT; i++)
        buffer_printf(buffer, " %s", outcome->services[i] ? service_names[i] : "-");
}

/* Whom a group event changed stands in the log as well. */
static void put_items(struct buffer *buffer, const struct outcome *outcome)
{
    const struct outcome_items *items = &outcome->items;
    if (outcome->fanout || items->total)
        buffer_printf(buffer, " items %lld/%lld", (long long)items->applied,
                      (long long)items->total);
    for (size_t i = 0; i < items->count; i++)
        buffer_printf(buffer, " %.*s %s %.*s", TEXT_ARG(items->items[i].object),
                      outcome_status_names[items->items[i].status],
                      TEXT_ARG(items->items[i].message));
    for (size_t i = 0; outcome->status == OUTCOME_APPLIED && i < outcome->member_count; i++)
        buffer_printf(buffer, " %c%.*s", outcome->members[i].has_left ? '-' : '+',
                      TEXT_ARG(outcome->members[i].member->address));
}

struct text world_outcome_text(const struct outcome *outcome, struct arena *arena)
{
    struct buffer buffer;
    buffer_init(&buffer, TEXT_BYTES_MAX);
    put_line(&buffer, outcome);
    put_target(&buffer, outcome);
    if (outcome->memory || outcome->first_event)
        buffer_printf(&buffer, " first seen %lld",
                      (long long)(outcome->memory ? outcome->memory->offset
                                                  : outcome->first_event->position.offset));
    put_items(&buffer, outcome);
    buffer_printf(&buffer, " %.*s", TEXT_ARG(outcome->message));
    for (size_t i = 0; i < outcome->change_count; i++)
        put_change(&buffer, &outcome->changes[i], arena);
    return taken(&buffer, arena);
}

/* --- rows ---------------------------------------------------------------------------------------
 */

/* Differs between runs of the same history in other batches, and says nothing. */
static bool is_drawn(const struct column *column)
{
    return column->flags & (COLUMN_REVISION | COLUMN_VIRTUAL) ||
           strcmp(column->name, "account_id") == 0 || strcmp(column->name, "service_id") == 0 ||
           strcmp(column->name, "tombstone") == 0;
}

/* Counts of an unlimited domain are what they were when it was last looked at. */
static bool is_stale(const struct noun *noun, const void *row, const struct column *column)
{
    return noun == &domain_noun && !domain_is_limited(row) &&
           strncmp(column->name, "used_", 5) == 0;
}

static struct text row_text(const struct noun *noun, const void *row, struct arena *arena)
{
    struct buffer buffer;
    buffer_init(&buffer, TEXT_BYTES_MAX);
    buffer_printf(&buffer, "%s", noun->table);
    for (const struct column *c = noun->columns; c->name; c++) {
        struct column plain = *c;
        union cell cell = column_get(c, row);
        plain.flags &= ~(unsigned)COLUMN_SECRET;
        if (is_drawn(c) || is_stale(noun, row, c) || cell_is_null(c, &cell))
            continue;
        buffer_printf(&buffer, " %s=", c->name);
        put_cell(&buffer, &plain, &cell, arena);
    }
    buffer_put_char(&buffer, '\n');
    return taken(&buffer, arena);
}

static int compare(const void *a, const void *b)
{
    return text_compare(*(const struct text *)a, *(const struct text *)b);
}

struct text world_rows_text(const struct world *world, struct arena *arena)
{
    struct buffer buffer;
    size_t count = 0, total = 0;
    for (int t = 0; t < WORLD_TABLES; t++)
        total += world->tables[t].rows.count;
    struct text *lines = ARENA_ARRAY(arena, struct text, total);
    for (int t = 0; t < WORLD_TABLES; t++) {
        const struct table *table = &world->tables[t];
        for (size_t i = 0; i < table->rows.count; i++)
            lines[count++] = row_text(table->noun, table->rows.items[i], arena);
    }
    qsort(lines, count, sizeof *lines, compare);
    buffer_init(&buffer, TEXT_BYTES_MAX);
    for (size_t i = 0; i < count; i++)
        buffer_put_text(&buffer, lines[i]);
    return taken(&buffer, arena);
}

/* --- one row ------------------------------------------------------------------------------------
 */

static const struct row *row_named(const struct world *world, const struct noun *noun,
                                   struct text name)
{
    const struct row *last = NULL;
    for (int t = 0; t < WORLD_TABLES; t++) {
        const struct rows *rows = &world->tables[t].rows;
        for (size_t i = 0; world->tables[t].noun == noun && i < rows->count; i++) {
            struct text key;
            memcpy(&key, (const char *)rows->items[i] + noun->name_offset, sizeof key);
            if (!text_equal(key, name))
                continue;
            last = rows->items[i];
            if (noun == &account_noun && account_is_live((const struct account *)last))
                return last;
        }
    }
    return last;
}

static struct text services_text(const struct world *world, struct text address,
                                 struct arena *arena)
{
    int64_t ids[SERVICE_COUNT] = {0};
    const struct account *account = (const void *)row_named(world, &account_noun, address);
    const struct rows *rows = &world->tables[WORLD_SERVICES].rows;
    for (size_t i = 0; account && i < rows->count; i++) {
        const struct service *s = (const struct service *)rows->items[i];
        if (uuid_equal(&s->account_uuid, &account->uuid))
            ids[s->service == SERVICE_MAIL       ? 0
                : s->service == SERVICE_CALENDAR ? 1
                                                 : 2] = s->service_id;
    }
    return text_format(arena, "%lld %lld %lld", (long long)ids[0], (long long)ids[1],
                       (long long)ids[2]);
}

static struct text members_text(const struct world *world, struct text name, struct arena *arena)
{
    const struct group *group = (const void *)row_named(world, &group_noun, name);
    const struct rows *rows = &world->tables[WORLD_MEMBERS].rows;
    const struct rows *accounts = &world->tables[WORLD_ACCOUNTS].rows;
    struct text *names = ARENA_ARRAY(arena, struct text, rows->count * accounts->count);
    struct text list = TEXT("");
    size_t count = 0;
    for (size_t i = 0; group && i < rows->count * accounts->count; i++) {
        const struct member *m = (const struct member *)rows->items[i / accounts->count];
        const struct account *a = (const struct account *)accounts->items[i % accounts->count];
        if (text_equal(m->context, group->context) && m->number == group->number &&
            uuid_equal(&m->account_uuid, &a->uuid))
            names[count++] =
                text_format(arena, "%.*s%s", TEXT_ARG(a->address), m->is_own ? "*" : "");
    }
    if (count)
        qsort(names, count, sizeof *names, compare);
    for (size_t i = 0; i < count; i++)
        list = text_format(arena, "%.*s%s%.*s", TEXT_ARG(list), i ? " " : "", TEXT_ARG(names[i]));
    return list;
}

struct text world_row_text(const struct world *world, const char *key, const char *columns,
                           struct arena *arena)
{
    static const struct noun *const nouns[] = {&context_noun, &domain_noun, &account_noun,
                                               &group_noun};
    struct text whole = text_from(key);
    size_t split = text_find(whole, ' ');
    struct text kind = text_slice(whole, 0, split), name = text_slice(whole, split + 1, SIZE_MAX);
    if (text_equal_z(kind, "services"))
        return services_text(world, name, arena);
    if (text_equal_z(kind, "members"))
        return members_text(world, name, arena);
    const struct row *row = NULL;
    for (size_t i = 0; i < COUNT_OF(nouns); i++) {
        if (text_equal_z(kind, nouns[i]->table))
            row = row_named(world, nouns[i], name);
    }
    if (!row)
        return TEXT("absent");
    struct buffer buffer;
    buffer_init(&buffer, TEXT_BYTES_MAX);
    char *list = text_to_z(arena, text_from(columns)), *next = NULL;
    for (char *c = strtok_r(list, ", ", &next); c; c = strtok_r(NULL, ", ", &next)) {
        struct column plain = *noun_column(row->noun, c);
        plain.flags &= ~(unsigned)COLUMN_SECRET;
        union cell cell = column_get(&plain, row);
        buffer_printf(&buffer, "%s%s=", buffer.len ? " " : "", c);
        put_cell(&buffer, &plain, &cell, arena);
    }
    return taken(&buffer, arena);
}
