#include "base/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

enum { LINE_BYTES_MAX = 256 };

void memory_exhausted(const char *what, size_t bytes)
{
    char line[LINE_BYTES_MAX]; /* stdio's own buffer may not be there yet */
    int len =
        snprintf(line, sizeof line,
                 "%s: out of memory (%zu bytes were asked for): this process ends\n", what, bytes);
    if (len > 0 && write(STDERR_FILENO, line, (size_t)len) < 0)
        _exit(EX_OSERR);
    _exit(EX_TEMPFAIL);
}

void *memory_zalloc(const char *what, size_t count, size_t size)
{
    void *bytes = calloc(count ? count : 1, size ? size : 1);
    if (bytes == NULL)
        memory_exhausted(what, count * size);
    return bytes;
}

void *memory_resize(const char *what, void *old, size_t bytes)
{
    void *moved = realloc(old, bytes ? bytes : 1);
    if (moved == NULL)
        memory_exhausted(what, bytes);
    return moved;
}

char *memory_copy_z(const char *what, const char *z)
{
    char *copy = strdup(z);
    if (copy == NULL)
        memory_exhausted(what, strlen(z) + 1);
    return copy;
}
