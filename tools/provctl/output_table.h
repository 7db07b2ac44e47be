/* Tables for people: columns as wide as their widest cell, in terminal columns and not bytes. For
 * output.c. */
#ifndef PROVCTL_OUTPUT_TABLE_H
#define PROVCTL_OUTPUT_TABLE_H

#include "output.h"

/* The rows are an array of objects. `indent` in spaces. */
void table_print(struct output *output, const struct output_column *columns, const json_t *rows,
                 int indent);
/* An object, member by member; lists of objects as tables. */
void table_print_document(struct output *output, const json_t *document);

#endif
