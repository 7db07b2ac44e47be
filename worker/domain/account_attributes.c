#include "domain/account_attributes.h"

#include <string.h>

#include "base/arena.h"

#define FIELD(member, type_, ...)                                                                  \
    {                                                                                              \
        .name = #member, .type = (type_), .offset = offsetof(struct autoreply, member),            \
        __VA_ARGS__                                                                                \
    }

enum { SUBJECT_MAX = 998 }; /* a header line, RFC 5322, 2.1.1 */

static const struct field autoreply_fields[] = {
    FIELD(subject, FIELD_NAME, .flags = FIELD_NULLED_EMPTY, .max = SUBJECT_MAX),
    FIELD(body, FIELD_NOTE, .flags = FIELD_NULLED_EMPTY),
    FIELD(start, FIELD_TIME),
    FIELD(end, FIELD_TIME),
    FIELD(enabled, FIELD_BOOL, .has_fallback = true),
    {.type = FIELD_END},
};

#undef FIELD
#define FIELD(member, type_, ...)                                                                  \
    {                                                                                              \
        .name = #member, .type = (type_), .offset = offsetof(struct account_attributes, member),   \
        __VA_ARGS__                                                                                \
    }

const struct field account_attribute_fields[] = {
    FIELD(first_name, FIELD_NAME, .flags = FIELD_NULLED_EMPTY),
    FIELD(last_name, FIELD_NAME, .flags = FIELD_NULLED_EMPTY),
    FIELD(department, FIELD_NAME, .flags = FIELD_NULLED_EMPTY),
    FIELD(telephone, FIELD_NAME, .flags = FIELD_NULLED_EMPTY),
    FIELD(group, FIELD_NAME, .flags = FIELD_NULLED_EMPTY),
    FIELD(quota_bytes, FIELD_INT, .max = INT64_MAX),
    FIELD(quota_messages, FIELD_INT, .max = INT64_MAX),
    FIELD(mailbox_type, FIELD_NAME, .flags = FIELD_NULLED_EMPTY),
    FIELD(storage_node, FIELD_NAME, .flags = FIELD_NULLED_EMPTY),
    FIELD(forward, FIELD_ADDRESS),
    FIELD(autoreply, FIELD_RECORD, .fields = autoreply_fields, .size = sizeof(struct autoreply)),
    FIELD(comment, FIELD_NOTE, .flags = FIELD_NULLED_EMPTY),
    {.type = FIELD_END},
};

/* Which attribute goes into which column; `group` goes into none (account_change_group). `through`
 * is the pointer to follow first. */
struct binding {
    const char *field;
    size_t through; /* SIZE_MAX: none */
    size_t offset;
    const char *column;
};

#define DIRECT(member)                                                                             \
    {                                                                                              \
#member, SIZE_MAX, offsetof(struct account_attributes, member), #member                    \
    }
#define AUTOREPLY(member)                                                                          \
    {                                                                                              \
        "autoreply", offsetof(struct account_attributes, autoreply),                               \
            offsetof(struct autoreply, member), "autoreply_" #member                               \
    }

static const struct binding bindings[] = {
    DIRECT(first_name),  DIRECT(last_name),      DIRECT(department),   DIRECT(telephone),
    DIRECT(quota_bytes), DIRECT(quota_messages), DIRECT(mailbox_type), DIRECT(storage_node),
    DIRECT(forward),     AUTOREPLY(subject),     AUTOREPLY(body),      AUTOREPLY(start),
    AUTOREPLY(end),      AUTOREPLY(enabled),     DIRECT(comment),
};
enum { BINDING_COUNT = sizeof bindings / sizeof *bindings };

static const struct column *bound_column(size_t i)
{
    static const struct column
        *columns[BINDING_COUNT]; /* looked up once; the tables are constant */
    if (!columns[i])
        columns[i] = noun_column(&account_noun, bindings[i].column);
    return columns[i];
}

/* Where the attribute's value is, or NULL when the record it is in is null. */
static const void *bound_value(const struct binding *binding,
                               const struct account_attributes *attributes)
{
    const char *base = (const char *)attributes;
    if (binding->through != SIZE_MAX) {
        const void *record;
        memcpy(&record, base + binding->through, sizeof record);
        if (!record)
            return NULL;
        base = record;
    }
    return base + binding->offset;
}

static union cell bound_cell(size_t i, const struct account_attributes *attributes)
{
    const struct column *column = bound_column(i);
    const void *value = bound_value(&bindings[i], attributes);
    union cell cell = {0};
    if (column->type == COLUMN_TEXT) {
        if (value)
            memcpy(&cell.text, value, sizeof cell.text);
    } else {
        cell.number = INT_NULL;
        if (value)
            memcpy(&cell.number, value, sizeof cell.number);
    }
    return cell;
}

void attributes_fill(const struct account_attributes *attributes, struct account *account)
{
    for (size_t i = 0; i < BINDING_COUNT; i++) {
        union cell cell = bound_cell(i, attributes);
        if (!cell_is_null(bound_column(i), &cell))
            column_set(bound_column(i), account, cell);
    }
}

static bool is_named(const struct texts *fields, const char *name)
{
    for (size_t i = 0; i < fields->count; i++) {
        if (text_equal_z(fields->items[i], name))
            return true;
    }
    return false;
}

void attributes_patch(const struct account_attributes *attributes, const struct texts *fields,
                      struct account *account)
{
    for (size_t i = 0; i < BINDING_COUNT; i++) {
        if (!is_named(fields, bindings[i].field))
            continue;
        const struct column *column = bound_column(i);
        union cell cell = bound_cell(i, attributes);
        if (cell_is_null(column, &cell) && column->flags & COLUMN_NOT_NULL)
            cell = column->fallback;
        column_set(column, account, cell);
    }
}

struct text attributes_unknown(const struct texts *fields)
{
    for (size_t i = 0; i < fields->count; i++) {
        size_t b = 0;
        while (b < BINDING_COUNT && !text_equal_z(fields->items[i], bindings[b].field))
            b++;
        if (b == BINDING_COUNT && !text_equal_z(fields->items[i], "group"))
            return fields->items[i].data ? fields->items[i] : TEXT("");
    }
    return TEXT_NULL;
}

struct text attributes_differing(const struct account_attributes *attributes,
                                 const struct account *account, struct arena *arena)
{
    struct text names = TEXT_NULL;
    const char *last = "";
    for (size_t i = 0; i < BINDING_COUNT; i++) {
        const struct column *column = bound_column(i);
        union cell given = bound_cell(i, attributes), present = column_get(column, account);
        if (cell_is_null(column, &given) || cell_equal(column, &given, &present) ||
            strcmp(last, bindings[i].field) == 0)
            continue;
        last = bindings[i].field;
        names = names.len ? text_format(arena, "%.*s, %s", TEXT_ARG(names), last) : text_from(last);
    }
    return names;
}
