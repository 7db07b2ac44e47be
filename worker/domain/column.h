/* How the rows of a noun look: one table of columns per noun, from which loading, storing,
 * patching, auditing and showing are made by one piece of code each.
 *
 * The order of the columns is the order of the lists in worker/sql; the worker checks names and
 * types against the prepared statements when it connects. */
#ifndef PROVD_DOMAIN_COLUMN_H
#define PROVD_DOMAIN_COLUMN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "domain/value.h"

struct arena;

enum column_type {
    COLUMN_TEXT, /* struct text */
    COLUMN_INT8, /* int64_t, as all below but UUID */
    COLUMN_INT4,
    COLUMN_INT2,
    COLUMN_BOOL,
    COLUMN_TIME, /* timestamptz; microseconds since 1970 */
    COLUMN_ENUM, /* text in the table, index into `names` in the struct */
    COLUMN_UUID, /* struct uuid */
};

enum column_flag {
    COLUMN_KEY = 1,       /* part of the primary key: finds the row, never updated */
    COLUMN_FIXED = 2,     /* written when the row is made, never updated */
    COLUMN_SECRET = 4,    /* shown as *** */
    COLUMN_AUDITED = 8,   /* stands in before/after of change records */
    COLUMN_VERSION = 16,  /* counts events that changed the object */
    COLUMN_REVISION = 32, /* counts writes of the row: the optimistic lock */
    COLUMN_NOT_NULL = 64, /* named and null in a patch gives `fallback` */
    COLUMN_VIRTUAL = 128, /* not in the table: stands for rows of another noun in audit and diffs */
};

union cell {
    int64_t number;
    struct text text;
    struct uuid uuid;
};

struct column {
    const char *name;
    enum column_type type;
    size_t offset; /* in the noun's struct */
    unsigned flags;
    union cell fallback;      /* what a cleared NOT_NULL column gets */
    const char *const *names; /* ENUM */
};

/* A kind of row. Its struct begins with a struct row. */
struct noun {
    const char *table;            /* also the object type of change records */
    size_t size;                  /* of the struct */
    const struct column *columns; /* ended by a NULL name */
    size_t column_count;
    /* Where the struct has what every noun may have; SIZE_MAX: this one has not. */
    size_t name_offset; /* struct text: how people call the object; SIZE_MAX: never audited by
                           itself */
    size_t uuid_offset;
    size_t version_offset, revision_offset, updated_at_offset;
};

/* The head of every row in the working set. */
struct row {
    const struct noun *noun;
    const void *before; /* image from before the current event; NULL: not touched by it */
    bool is_new;        /* not in the database yet */
    bool is_dirty;      /* differs from the database */
    bool is_gone;       /* deleted for good, or never made (undone) */
};

bool cell_equal(const struct column *column, const union cell *a, const union cell *b);
bool cell_is_null(const struct column *column, const union cell *cell);
/* Reads and writes a row's value; only the member of the column's type counts. */
void column_set(const struct column *column, void *row, union cell value);
union cell column_get(const struct column *column, const void *row);
/* The noun's column of that name, or NULL. */
const struct column *noun_column(const struct noun *noun, const char *name);

#endif
