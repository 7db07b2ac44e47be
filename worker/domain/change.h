/* A change of one object by one event, as the audit log tells it: which columns, from what to what.
 * Values are copied out of the rows, since later events of the batch change these again. */
#ifndef PROVD_DOMAIN_CHANGE_H
#define PROVD_DOMAIN_CHANGE_H

#include <stdint.h>

#include "domain/column.h"
#include "domain/value.h"

enum change_action {
    CHANGE_CREATE,
    CHANGE_UPDATE,
    CHANGE_DELETE, /* soft: the object can be restored */
    CHANGE_PURGE,  /* for good */
    CHANGE_RESTORE,
    CHANGE_REFUSE,  /* FORBIDDEN: who tried what */
    CHANGE_FANOUT,  /* one record for a whole domain; the log has a row per account */
    CHANGE_OPERATOR /* an act of an operator on the machinery, e.g. a fence adopted */
};
extern const char *const change_action_names[];

/* One column that differs. Which member counts is the column's type (column.h). */
struct column_change {
    const struct column *column;
    union cell before, after;
};

struct change {
    enum change_action action;
    const char *object_type;       /* "account", "domain", ... */
    struct text object_id;         /* address, name, ... as people know it */
    struct uuid object_uuid;       /* accounts; nil for others */
    struct column_change *columns; /* only those that are AUDITED and differ */
    size_t column_count;
    /* FANOUT */
    int64_t objects, seq_first, seq_last; /* INT_NULL when it is no fan-out */
};

/* The audited columns in which two images of a row differ; NULL when there was or is no row.
 * Returns how many were written to `ret_found`. */
enum { CHANGE_COLUMNS_MAX = 64 };
size_t change_columns(const struct noun *noun, const struct row *before, const struct row *after,
                      struct column_change ret_found[CHANGE_COLUMNS_MAX]);

/* The text of a value for change records and diffs: "***" for a secret that is not null, a null
 * text for null, numbers in decimal, times in RFC 3339 with microseconds, enums by name. */
struct text cell_text(const struct column *column, const union cell *cell, struct arena *arena);

#endif
