#include "file.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { PIECE_BYTES = 64 * 1024 };

static enum status read_all(FILE *file, const char *name, struct buffer *bytes, struct error *err)
{
    for (;;) {
        char *room = buffer_reserve(bytes, PIECE_BYTES);
        if (!room)
            return error_set(err, STATUS_FATAL, NULL, "%s is larger than %zu bytes", name,
                             bytes->len_max - PIECE_BYTES);
        size_t got = fread(room, 1, PIECE_BYTES, file);
        bytes->len += got;
        if (ferror(file))
            return error_set(err, STATUS_FATAL, NULL, "%s cannot be read: %s", name,
                             strerror(errno));
        if (got == 0)
            return STATUS_OK;
    }
}

enum status file_read(const char *path, size_t bytes_max, struct arena *arena,
                      struct text *ret_text, struct error *err)
{
    int is_stdin = strcmp(path, "-") == 0;
    FILE *file = is_stdin ? stdin : fopen(path, "re");
    struct buffer bytes;
    enum status status;

    if (!file)
        return error_set(err, STATUS_FATAL, NULL, "%s cannot be opened: %s", path, strerror(errno));
    buffer_init(&bytes, bytes_max + PIECE_BYTES);
    status = read_all(file, is_stdin ? "standard input" : path, &bytes, err);
    if (status == STATUS_OK)
        *ret_text = text_copy(arena, bytes.len ? buffer_text(&bytes) : TEXT(""));
    buffer_close(&bytes);
    if (!is_stdin)
        fclose(file);
    return status;
}
