#include "output_table.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

enum {
    COLUMNS_MAX = 32,
    COLUMN_GAP = 2,
    CELL_WIDTH_MAX =
        80, /* longer ones are cut, but in the last column: JSON and CSV have them whole */
    ESCAPE_BYTES = 4, /* of "\\x1b", the longest that one byte becomes */
};

#define STYLE_HEAD "\033[1m"
#define STYLE_GOOD "\033[32m"
#define STYLE_BAD "\033[31m"
#define STYLE_WARNING "\033[33m"
#define STYLE_END "\033[0m"

/* Words that are worth a colour, wherever they are a whole cell. */
static const struct {
    const char *word, *style;
} styles[] = {
    {"ok", STYLE_GOOD},         {"APPLIED", STYLE_GOOD},    {"failed", STYLE_BAD},
    {"REJECTED", STYLE_BAD},    {"FAILED", STYLE_BAD},      {"HALT", STYLE_BAD},
    {"bad", STYLE_BAD},         {"missing", STYLE_BAD},     {"warning", STYLE_WARNING},
    {"differs", STYLE_WARNING}, {"EXPIRED", STYLE_WARNING},
};

/* The next character of a UTF-8 text: its bytes, and its columns on a terminal. Bytes that are no
 * UTF-8 count as one column each. */
static size_t next_character(const char *z, size_t left, size_t *ret_width)
{
    mbstate_t state = {0};
    wchar_t wide;
    size_t len = mbrtowc(&wide, z, left, &state);

    *ret_width = 1;
    if (len == 0 || len > left)
        return 1;
    int width = wcwidth(wide);
    *ret_width = width < 0 ? 1 : (size_t)width;
    return len;
}

size_t output_width(const char *z)
{
    size_t width = 0;

    for (size_t left = strlen(z); left > 0;) {
        size_t columns;
        size_t len = next_character(z, left, &columns);
        width += columns;
        z += len;
        left -= len;
    }
    return width;
}

char *output_harmless(const char *z)
{
    size_t len = strlen(z);
    struct buffer out;

    buffer_init(&out, ESCAPE_BYTES * len + 1);
    for (size_t i = 0; i < len; i++) {
        unsigned char byte = (unsigned char)z[i];
        unsigned char next = (unsigned char)z[i + 1];
        bool is_c1 = byte == 0xC2 && next >= 0x80 && next < 0xA0;
        if (byte == '\n')
            buffer_printf(&out, "\\n");
        else if (is_c1 || byte < ' ' || byte == 0x7F)
            buffer_printf(&out, "\\x%02x", is_c1 ? next : byte);
        else
            buffer_put_char(&out, z[i]);
        i += is_c1;
    }
    buffer_put_char(&out, '\0');
    assert(!out.failed);
    return out.data; /* malloc'ed, so the caller can free it */
}

/* Cut to CELL_WIDTH_MAX columns. */
static void cut(char *cell)
{
    static const char dots[] = "...";
    size_t width = 0;
    size_t at = 0;
    size_t left = strlen(cell);

    if (output_width(cell) <= CELL_WIDTH_MAX)
        return;
    while (left > 0) {
        size_t columns;
        size_t len = next_character(cell + at, left, &columns);
        if (width + columns > CELL_WIDTH_MAX - strlen(dots))
            break;
        width += columns;
        at += len;
        left -= len;
    }
    if (left >= strlen(dots))
        memcpy(cell + at, dots, sizeof dots);
}

static char *cell_of(const json_t *row, const char *key, bool may_cut)
{
    char *raw = output_cell(output_member(row, key));
    char *cell = output_harmless(raw);

    free(raw);
    if (may_cut)
        cut(cell);
    return cell;
}

static const char *style_of(const struct output *output, const char *cell)
{
    for (size_t i = 0; output->is_colored && i < sizeof styles / sizeof *styles; i++) {
        if (strcmp(cell, styles[i].word) == 0)
            return styles[i].style;
    }
    return NULL;
}

static void put_spaces(FILE *file, size_t count)
{
    fprintf(file, "%*s", (int)count, "");
}

static void put_cell(const struct output *output, const char *cell, const char *style, size_t width,
                     bool is_right, bool is_last)
{
    size_t used = output_width(cell);
    size_t pad = used < width ? width - used : 0;

    if (is_right)
        put_spaces(output->file, pad);
    fprintf(output->file, "%s%s%s", style ? style : "", cell, style ? STYLE_END : "");
    if (!is_right && !is_last)
        put_spaces(output->file, pad);
    if (!is_last)
        put_spaces(output->file, COLUMN_GAP);
}

struct layout {
    const struct output_column *columns[COLUMNS_MAX];
    size_t widths[COLUMNS_MAX];
    size_t count;
};

static const char *title_of(const struct output_column *column)
{
    return column->title ? column->title : column->key;
}

static void lay_out(struct layout *layout, const struct output_column *columns, const json_t *rows)
{
    size_t index;
    json_t *row;

    memset(layout, 0, sizeof *layout);
    for (const struct output_column *column = columns; column->key; column++) {
        if (column->flags & OUTPUT_LONG)
            continue;
        assert(layout->count < COLUMNS_MAX);
        layout->widths[layout->count] = output_width(title_of(column));
        layout->columns[layout->count++] = column;
    }
    json_array_foreach(rows, index, row)
    {
        for (size_t i = 0; i < layout->count; i++) {
            char *cell = cell_of(row, layout->columns[i]->key, i + 1 < layout->count);
            size_t width = output_width(cell);
            if (width > layout->widths[i])
                layout->widths[i] = width;
            free(cell);
        }
    }
}

static void put_head(const struct output *output, const struct layout *layout, int indent)
{
    put_spaces(output->file, (size_t)indent);
    for (size_t i = 0; i < layout->count; i++)
        put_cell(output, title_of(layout->columns[i]), output->is_colored ? STYLE_HEAD : NULL,
                 layout->widths[i], layout->columns[i]->flags & OUTPUT_RIGHT,
                 i + 1 == layout->count);
    fputc('\n', output->file);
}

/* Empty cells at the end of a line are left out. */
static void put_row(const struct output *output, const struct layout *layout, const json_t *row,
                    int indent)
{
    char *cells[COLUMNS_MAX];
    size_t used = 0;

    for (size_t i = 0; i < layout->count; i++) {
        cells[i] = cell_of(row, layout->columns[i]->key, i + 1 < layout->count);
        if (*cells[i])
            used = i + 1;
    }
    put_spaces(output->file, (size_t)indent);
    for (size_t i = 0; i < layout->count; i++) {
        if (i < used)
            put_cell(output, cells[i], style_of(output, cells[i]), layout->widths[i],
                     layout->columns[i]->flags & OUTPUT_RIGHT, i + 1 == used);
        free(cells[i]);
    }
    fputc('\n', output->file);
}

void table_print(struct output *output, const struct output_column *columns, const json_t *rows,
                 int indent)
{
    struct layout layout;
    size_t index;
    json_t *row;

    lay_out(&layout, columns, rows);
    put_head(output, &layout, indent);
    json_array_foreach(rows, index, row) put_row(output, &layout, row, indent);
}

/* --- documents ----------------------------------------------------------------------------------
 */

static bool is_list_of_objects(const json_t *value)
{
    return json_is_array(value) && json_is_object(json_array_get(value, 0));
}

static bool is_section(const json_t *value)
{
    return is_list_of_objects(value) || json_is_object(value);
}

/* Empty lists and objects are not worth a line. */
static bool is_empty(const json_t *value)
{
    return (json_is_array(value) && json_array_size(value) == 0) ||
           (json_is_object(value) && json_object_size(value) == 0);
}

/* The members of the first object are the columns of a list. */
static void put_list(struct output *output, const json_t *rows)
{
    struct output_column columns[COLUMNS_MAX + 1] = {{0}};
    size_t count = 0;
    const char *key;
    json_t *value;

    json_object_foreach(json_array_get(rows, 0), key, value)
    {
        if (count < COLUMNS_MAX)
            columns[count++] = (struct output_column){.key = key};
    }
    table_print(output, columns, rows, COLUMN_GAP);
}

/* Returns whether there was any line. */
static bool put_members(struct output *output, const json_t *document, int indent)
{
    bool is_any = false;
    size_t width = 0;
    const char *key;
    json_t *value;
    json_t *members =
        (json_t *)(uintptr_t)document; /* the macro takes no const, and changes nothing */

    json_object_foreach(members, key, value)
    {
        size_t used = output_width(key);
        if (!is_section(value) && !is_empty(value) && used > width)
            width = used;
    }
    json_object_foreach(members, key, value)
    {
        if (is_section(value) || is_empty(value))
            continue;
        char *cell = cell_of(document, key, false);
        put_spaces(output->file, (size_t)indent);
        put_cell(output, key, NULL, width, false, *cell == '\0');
        fprintf(output->file, "%s\n", cell);
        free(cell);
        is_any = true;
    }
    return is_any;
}

void table_print_document(struct output *output, const json_t *document)
{
    const char *key;
    json_t *value;
    const char *gap = put_members(output, document, 0) ? "\n" : ""; /* between parts */

    json_object_foreach((json_t *)(uintptr_t)document, key, value)
    {
        if (!is_section(value) || is_empty(value))
            continue;
        fprintf(output->file, "%s%s%s%s\n", gap, output->is_colored ? STYLE_HEAD : "", key,
                output->is_colored ? STYLE_END : "");
        gap = "\n";
        if (json_is_object(value))
            put_members(output, value, COLUMN_GAP);
        else
            put_list(output, value);
    }
}
