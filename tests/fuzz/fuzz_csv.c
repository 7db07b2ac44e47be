/* Any text as the CSV of `provctl account add --csv`: every row has the columns of the head, and
 * what was read, written out with quotes, reads the same. */
#include "base/text.h"
#include "csv.h"
#include "fuzz.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

enum { TEXT_BYTES_MAX = 1 << 22 };

static struct csv open_text(struct text text)
{
    static char nothing;
    FILE *file =
        fmemopen(text.len ? (void *)(uintptr_t)text.data : &nothing, text.len ? text.len : 1, "r");
    assert(file);
    if (text.len == 0)
        getc(file);
    return (struct csv){.file = file};
}

static void close_text(struct csv *csv)
{
    fclose(csv->file);
    csv_close(csv);
}

static void put_row(struct buffer *out, char *const *fields, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        buffer_put_text(out, i ? TEXT(",\"") : TEXT("\""));
        for (const char *c = fields[i]; *c; c++) {
            if (*c == '"')
                buffer_put_char(out, '"');
            buffer_put_char(out, *c);
        }
        buffer_put_char(out, '"');
    }
    buffer_put_char(out, '\n');
}

/* Everything as text again; false when the input is none. */
static bool read_all(struct text text, struct buffer *out)
{
    struct csv csv = open_text(text);
    struct error err = {.message = ""};
    bool is_done = false;
    enum status status = csv_read_head(&csv, &err);
    buffer_put_text(out, TEXT("\xEF\xBB\xBF"));
    if (status == STATUS_OK)
        put_row(out, csv.names, csv.column_count);
    while (status == STATUS_OK && !is_done) {
        status = csv_read_row(&csv, &is_done, &err);
        if (status == STATUS_OK && !is_done)
            put_row(out, csv.fields, csv.column_count);
    }
    assert(status == STATUS_OK || *err.message);
    close_text(&csv);
    return status == STATUS_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct text text = {(const char *)bytes, len};
    struct buffer first, second;
    buffer_init(&first, TEXT_BYTES_MAX);
    buffer_init(&second, TEXT_BYTES_MAX);
    if (read_all(text, &first)) {
        assert(len == 0 || !memchr(bytes, 0, len)); /* nothing was cut at a NUL */
        assert(read_all(buffer_text(&first), &second));
        assert(text_equal(buffer_text(&first), buffer_text(&second)));
    }
    buffer_close(&first);
    buffer_close(&second);
    return 0;
}
