/* Data on stdout in the form that -o asks for: a table for people, JSON, JSON lines, CSV. */
#ifndef PROVCTL_OUTPUT_H
#define PROVCTL_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "wire/json.h"

enum output_format { OUTPUT_TABLE, OUTPUT_JSON, OUTPUT_JSONL, OUTPUT_CSV };
extern const char *const output_format_names[]; /* ended by NULL */

enum { OUTPUT_BLOCK_ROWS = 10000 }; /* that a table keeps until its widths are known */

/* What is shown of a row in tables and CSV; JSON shows the whole object. */
struct output_column {
    const char *key;   /* member of the row, dots go into objects; NULL ends a list */
    const char *title; /* NULL: the key */
    unsigned flags;
};
enum { OUTPUT_RIGHT = 1, OUTPUT_LONG = 2 /* not in tables: only CSV and JSON */ };

struct output {
    FILE *file;
    enum output_format format;
    bool is_colored;
    const struct output_column *columns;
    json_t *rows; /* of a table, until their widths are known */
    size_t row_count;
    bool has_head;
};

void output_init(struct output *output, enum output_format format, FILE *file);

/* Rows of one kind. output_row takes the object over. output_end prints what was kept; an empty
 * table says `none` (NULL: nothing) on stderr. */
void output_begin(struct output *output, const struct output_column *columns);
void output_row(struct output *output, json_t *row);
void output_end(struct output *output, const char *none);

/* One object, taken over: as a table its members line by line, lists of objects as tables below. */
void output_document(struct output *output, json_t *document);

/* One line of JSON, whatever the format. */
void output_line(struct output *output, const json_t *document);

/* The member that a key with dots names; NULL when there is none. */
const json_t *output_member(const json_t *row, const char *key);
/* A value as it stands in a table cell or CSV field; null is "". The caller frees it. */
char *output_cell(const json_t *value);
/* Columns that a terminal needs for a UTF-8 text. */
size_t output_width(const char *z);

/* A text on a terminal cannot be trusted to hold no escape sequences: control characters as \xNN.
 * The caller frees it. */
char *output_harmless(const char *z);

#endif
