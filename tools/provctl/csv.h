/* Reading CSV (RFC 4180, also with bare LF, and a byte order mark in front): a head with names,
 * then rows. */
#ifndef PROVCTL_CSV_H
#define PROVCTL_CSV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "base/status.h"
#include "base/text.h"

enum { CSV_COLUMNS_MAX = 64, CSV_ROW_BYTES_MAX = 1 << 20 };

/* Zero it, set `file`, then csv_read_head once. */
struct csv {
    FILE *file;
    char *names[CSV_COLUMNS_MAX];
    size_t column_count;
    char *fields[CSV_COLUMNS_MAX]; /* of the row that was read last; point into `row` */
    struct buffer row;
    size_t line; /* where that row begins */
    size_t next_line;
};

/* FATAL with the line when the input is no CSV. */
enum status csv_read_head(struct csv *csv, struct error *err);
/* *ret_done true at the end. Empty lines are passed over. */
enum status csv_read_row(struct csv *csv, bool *ret_done, struct error *err);
/* The field of that column; NULL when there is no such column, or it is empty. Until the next row.
 */
const char *csv_field(const struct csv *csv, const char *name);
void csv_close(struct csv *csv); /* not the file */

#endif
