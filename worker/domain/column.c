#include "domain/column.h"

#include <string.h>

/* The cell in a struct has the size of its member only: copies go by type, never by union. */
void column_set(const struct column *column, void *row, union cell value)
{
    char *place = (char *)row + column->offset;
    if (column->type == COLUMN_TEXT)
        memcpy(place, &value.text, sizeof value.text);
    else if (column->type == COLUMN_UUID)
        memcpy(place, &value.uuid, sizeof value.uuid);
    else
        memcpy(place, &value.number, sizeof value.number);
}

union cell column_get(const struct column *column, const void *row)
{
    const char *place = (const char *)row + column->offset;
    union cell value = {0};
    if (column->type == COLUMN_TEXT)
        memcpy(&value.text, place, sizeof value.text);
    else if (column->type == COLUMN_UUID)
        memcpy(&value.uuid, place, sizeof value.uuid);
    else
        memcpy(&value.number, place, sizeof value.number);
    return value;
}

bool cell_equal(const struct column *column, const union cell *a, const union cell *b)
{
    if (column->type == COLUMN_TEXT)
        return text_equal(a->text, b->text);
    if (column->type == COLUMN_UUID)
        return uuid_equal(&a->uuid, &b->uuid);
    return a->number == b->number;
}

bool cell_is_null(const struct column *column, const union cell *cell)
{
    if (column->type == COLUMN_TEXT)
        return text_is_null(cell->text);
    if (column->type == COLUMN_UUID)
        return uuid_is_nil(&cell->uuid);
    return cell->number == INT_NULL;
}

const struct column *noun_column(const struct noun *noun, const char *name)
{
    for (const struct column *c = noun->columns; c->name; c++) {
        if (strcmp(c->name, name) == 0)
            return c;
    }
    return NULL;
}
