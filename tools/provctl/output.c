#include "output.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "output_table.h"

const char *const output_format_names[] = {"table", "json", "jsonl", "csv", NULL};

enum { JSON_INDENT_SPACES = 2 };

void output_init(struct output *output, enum output_format format, FILE *file)
{
    const char *no_color = getenv("NO_COLOR");
    const char *term = getenv("TERM");
    bool is_terminal = isatty(fileno(file)) == 1;

    *output = (struct output){.file = file, .format = format};
    output->is_colored =
        is_terminal && !(no_color && *no_color) && !(term && strcmp(term, "dumb") == 0);
}

const json_t *output_member(const json_t *row, const char *key)
{
    const json_t *at = row;

    while (at && *key) {
        char name[128];
        size_t len = strcspn(key, ".");
        assert(len < sizeof name);
        memcpy(name, key, len);
        name[len] = '\0';
        at = json_object_get(at, name);
        key += len + (key[len] == '.');
    }
    return at;
}

static char *copy_z(const char *z)
{
    char *copy = strdup(z);

    assert(copy);
    return copy;
}

char *output_cell(const json_t *value)
{
    if (!value || json_is_null(value))
        return copy_z("");
    if (json_is_string(value))
        return copy_z(json_string_value(value));
    if (json_is_boolean(value))
        return copy_z(json_is_true(value) ? "yes" : "no");
    char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
    assert(text);
    return text;
}

/* RFC 4180: quoted when needed, quotes doubled. A field that a spreadsheet would take for a formula
 * is quoted as it is: what reads it back must get the same text. */
static void put_csv_field(FILE *file, const char *z)
{
    if (!strpbrk(z, ",\"\r\n") && *z != ' ') {
        fputs(z, file);
        return;
    }
    fputc('"', file);
    for (; *z; z++) {
        if (*z == '"')
            fputc('"', file);
        fputc(*z, file);
    }
    fputc('"', file);
}

static void put_csv_head(struct output *output)
{
    for (const struct output_column *column = output->columns; column->key; column++) {
        if (column != output->columns)
            fputc(',', output->file);
        put_csv_field(output->file, column->key);
    }
    fputs("\r\n", output->file);
    output->has_head = true;
}

static void put_csv_row(struct output *output, const json_t *row)
{
    if (!output->has_head)
        put_csv_head(output);
    for (const struct output_column *column = output->columns; column->key; column++) {
        char *cell = output_cell(output_member(row, column->key));
        if (column != output->columns)
            fputc(',', output->file);
        put_csv_field(output->file, cell);
        free(cell);
    }
    fputs("\r\n", output->file);
}

void output_line(struct output *output, const json_t *document)
{
    json_dumpf(document, output->file, JSON_COMPACT | JSON_ENCODE_ANY);
    fputc('\n', output->file);
    fflush(output->file); /* a reader at the other end of a pipe is waiting for it */
}

void output_begin(struct output *output, const struct output_column *columns)
{
    assert(!output->rows);
    output->columns = columns;
    output->has_head = false;
    output->row_count = 0;
    output->rows = json_array();
}

/* A long table is printed in blocks, each with widths of its own. */
static void keep_row(struct output *output, json_t *row)
{
    json_array_append(output->rows, row);
    if (json_array_size(output->rows) == OUTPUT_BLOCK_ROWS) {
        table_print(output, output->columns, output->rows, 0);
        json_array_clear(output->rows);
    }
}

static void put_json_row(struct output *output, const json_t *row)
{
    fputs(output->row_count ? ",\n" : "[\n", output->file);
    json_dumpf(row, output->file, JSON_INDENT(JSON_INDENT_SPACES));
}

void output_row(struct output *output, json_t *row)
{
    assert(json_is_object(row));
    switch (output->format) {
    case OUTPUT_TABLE:
        keep_row(output, row);
        break;
    case OUTPUT_JSON:
        put_json_row(output, row);
        break;
    case OUTPUT_CSV:
        put_csv_row(output, row);
        break;
    case OUTPUT_JSONL:
        output_line(output, row);
        break;
    }
    output->row_count++;
    json_decref(row);
}

static void put_json(struct output *output, const json_t *document)
{
    json_dumpf(document, output->file, JSON_INDENT(JSON_INDENT_SPACES) | JSON_ENCODE_ANY);
    fputc('\n', output->file);
}

void output_end(struct output *output, const char *none)
{
    if (output->format == OUTPUT_JSON)
        fputs(output->row_count ? "\n]\n" : "[]\n", output->file);
    else if (output->format == OUTPUT_CSV && !output->has_head)
        put_csv_head(output);
    else if (output->format == OUTPUT_TABLE && json_array_size(output->rows) > 0)
        table_print(output, output->columns, output->rows, 0);
    else if (output->format == OUTPUT_TABLE && output->row_count == 0 && none)
        fprintf(stderr, "%s\n", none);
    json_decref(output->rows);
    output->rows = NULL;
    fflush(output->file);
}

static void put_csv_document(struct output *output, const json_t *document)
{
    const char *key;
    json_t *value;

    fputs("name,value\r\n", output->file);
    json_object_foreach((json_t *)(uintptr_t)document, key, value)
    {
        char *cell = output_cell(value);
        put_csv_field(output->file, key);
        fputc(',', output->file);
        put_csv_field(output->file, cell);
        fputs("\r\n", output->file);
        free(cell);
    }
}

void output_document(struct output *output, json_t *document)
{
    assert(json_is_object(document));
    if (output->format == OUTPUT_JSON)
        put_json(output, document);
    else if (output->format == OUTPUT_JSONL)
        output_line(output, document);
    else if (output->format == OUTPUT_CSV)
        put_csv_document(output, document);
    else
        table_print_document(output, document);
    json_decref(document);
    fflush(output->file);
}
