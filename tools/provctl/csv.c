#include "csv.h"

#include <stdlib.h>
#include <string.h>

/* What is between quotes, behind the opening one; two of them are one. */
static enum status read_quoted(struct csv *csv, struct error *err)
{
    for (;;) {
        int c = getc(csv->file);
        if (c == EOF)
            return error_set(err, STATUS_FATAL, NULL, "line %zu: a quote is not closed", csv->line);
        if (c == '"') {
            int next = getc(csv->file);
            if (next != '"') {
                ungetc(next, csv->file);
                return STATUS_OK;
            }
        }
        csv->next_line += c == '\n';
        buffer_put_char(&csv->row, (char)c);
        if (csv->row.failed)
            return STATUS_OK; /* the caller says so */
    }
}

/* The first character of a field; a byte order mark before it is passed over. */
static int first_character(struct csv *csv)
{
    static const char mark[] = "\xEF\xBB\xBF";
    int c = getc(csv->file);

    if (csv->line != 1 || csv->row.len != 0 || c != (unsigned char)mark[0])
        return c;
    int second = getc(csv->file), third = getc(csv->file);
    if (second == (unsigned char)mark[1] && third == (unsigned char)mark[2])
        return getc(csv->file);
    buffer_put_char(&csv->row, (char)c); /* part of another character, or no UTF-8 at all */
    buffer_put_char(&csv->row, (char)second);
    return third;
}

/* One field into `row`, NUL-terminated. *ret_end is what ended it: a comma, a line feed, or EOF. */
static enum status read_field(struct csv *csv, int *ret_end, struct error *err)
{
    int c = first_character(csv);

    if (c == '"') {
        enum status status = read_quoted(csv, err);
        if (status != STATUS_OK)
            return status;
        c = getc(csv->file);
        if (c != ',' && c != '\r' && c != '\n' && c != EOF)
            return error_set(err, STATUS_FATAL, NULL,
                             "line %zu: something stands behind a closing quote", csv->line);
    }
    while (c != ',' && c != '\n' && c != EOF) {
        int next = c == '\r' ? getc(csv->file) : 0;
        if (c == '\r' && (next == '\n' || next == EOF)) {
            c = next;
            break;
        }
        if (c == '\r')
            ungetc(next, csv->file);
        buffer_put_char(&csv->row, (char)c);
        c = getc(csv->file);
    }
    buffer_put_char(&csv->row, '\0');
    *ret_end = c;
    return STATUS_OK;
}

/* The next line of fields, as offsets into `row`. `count` 0: the end. */
static enum status read_line(struct csv *csv, size_t offsets[CSV_COLUMNS_MAX], size_t *ret_count,
                             struct error *err)
{
    int end = ',';
    size_t count = 0;

    csv->line = csv->next_line;
    buffer_clear(&csv->row);
    while (end == ',') {
        if (count == CSV_COLUMNS_MAX)
            return error_set(err, STATUS_FATAL, NULL, "line %zu: more than %d columns", csv->line,
                             CSV_COLUMNS_MAX);
        offsets[count++] = csv->row.len;
        enum status status = read_field(csv, &end, err);
        if (status != STATUS_OK)
            return status;
        if (csv->row.failed)
            return error_set(err, STATUS_FATAL, NULL, "line %zu is longer than %d bytes", csv->line,
                             CSV_ROW_BYTES_MAX);
    }
    csv->next_line += end == '\n';
    bool is_empty = count == 1 && csv->row.len == 1;
    *ret_count = is_empty && end == EOF ? 0 : count;
    if (ferror(csv->file))
        return error_set(err, STATUS_FATAL, NULL, "line %zu cannot be read", csv->line);
    for (size_t i = 0; i < count; i++) {
        size_t end_at = i + 1 < count ? offsets[i + 1] : csv->row.len;
        struct text field = {csv->row.data + offsets[i], end_at - offsets[i] - 1};
        if (!text_is_utf8(field)) /* nor may a NUL stand in it: it would cut the field short */
            return error_set(err, STATUS_FATAL, NULL, "line %zu is not valid UTF-8", csv->line);
    }
    return STATUS_OK;
}

static enum status take_names(struct csv *csv, const size_t *offsets, size_t count,
                              struct error *err)
{
    for (size_t i = 0; i < count; i++) {
        const char *name = csv->row.data + offsets[i];
        for (size_t j = 0; j < i; j++) {
            if (strcmp(csv->names[j], name) == 0)
                return error_set(err, STATUS_FATAL, NULL, "the column '%.60s' is there twice",
                                 name);
        }
        csv->names[i] = strdup(name);
        csv->column_count = i + 1;
    }
    return STATUS_OK;
}

enum status csv_read_head(struct csv *csv, struct error *err)
{
    size_t offsets[CSV_COLUMNS_MAX];
    size_t count;
    enum status status;

    buffer_init(&csv->row, CSV_ROW_BYTES_MAX);
    csv->next_line = 1;
    status = read_line(csv, offsets, &count, err);
    if (status != STATUS_OK)
        return status;
    if (count == 0)
        return error_set(err, STATUS_FATAL, NULL,
                         "it is empty: a first line with the names of the columns is wanted");
    return take_names(csv, offsets, count, err);
}

enum status csv_read_row(struct csv *csv, bool *ret_done, struct error *err)
{
    size_t offsets[CSV_COLUMNS_MAX];
    size_t count;
    enum status status;

    do {
        status = read_line(csv, offsets, &count, err);
        if (status != STATUS_OK)
            return status;
    } while (count == 1 && csv->row.len == 1 && csv->column_count > 1);
    *ret_done = count == 0;
    if (count != 0 && count != csv->column_count)
        return error_set(err, STATUS_FATAL, NULL, "line %zu has %zu fields, the first line %zu",
                         csv->line, count, csv->column_count);
    for (size_t i = 0; i < count; i++)
        csv->fields[i] = csv->row.data + offsets[i];
    return STATUS_OK;
}

const char *csv_field(const struct csv *csv, const char *name)
{
    for (size_t i = 0; i < csv->column_count; i++) {
        if (strcmp(csv->names[i], name) == 0)
            return *csv->fields[i] ? csv->fields[i] : NULL;
    }
    return NULL;
}

void csv_close(struct csv *csv)
{
    for (size_t i = 0; i < csv->column_count; i++)
        free(csv->names[i]);
    buffer_close(&csv->row);
}
