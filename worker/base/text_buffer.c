/* The growing buffer: doubles up to its ceiling, then refuses. */
#include "base/memory.h"
#include "base/text.h"

#include <endian.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CAPACITY_MIN = 256 };

void buffer_init(struct buffer *buffer, size_t len_max)
{
    *buffer = (struct buffer){.len_max = len_max};
}

void buffer_close(struct buffer *buffer)
{
    free(buffer->data);
    *buffer = (struct buffer){.len_max = buffer->len_max};
}

void buffer_clear(struct buffer *buffer)
{
    buffer->len = 0;
    buffer->failed = false;
}

static void grow(struct buffer *buffer, size_t need)
{
    size_t capacity = buffer->capacity > CAPACITY_MIN ? buffer->capacity : CAPACITY_MIN;
    while (capacity < need)
        capacity = capacity > SIZE_MAX / 2 ? need : 2 * capacity;
    if (capacity > buffer->len_max)
        capacity = buffer->len_max;
    /* One byte more, for the NUL that vsnprintf writes behind a text that just fits. */
    buffer->data = memory_resize("buffer", buffer->data, capacity + 1);
    buffer->capacity = capacity;
}

char *buffer_grow(struct buffer *buffer, size_t n)
{
    if (buffer->failed || n > buffer->len_max - buffer->len || n > SIZE_MAX / 4) {
        buffer->failed = true;
        return NULL;
    }
    size_t need = buffer->len + n;
    if (need > buffer->capacity || buffer->data == NULL)
        grow(buffer, need);
    return buffer->data + buffer->len;
}

void buffer_printf(struct buffer *buffer, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    char *place = buffer_reserve(buffer, len < 0 ? SIZE_MAX : (size_t)len);
    if (place != NULL) {
        vsnprintf(place, (size_t)len + 1, format, again);
        buffer->len += (size_t)len;
    }
    va_end(again);
}

void buffer_put_be16(struct buffer *buffer, uint16_t v)
{
    v = htobe16(v);
    buffer_put(buffer, &v, sizeof(v));
}

void buffer_put_be32(struct buffer *buffer, uint32_t v)
{
    v = htobe32(v);
    buffer_put(buffer, &v, sizeof(v));
}

void buffer_put_be64(struct buffer *buffer, uint64_t v)
{
    v = htobe64(v);
    buffer_put(buffer, &v, sizeof(v));
}

struct text buffer_text(const struct buffer *buffer)
{
    return (struct text){buffer->data != NULL ? buffer->data : "", buffer->len};
}
