/* Avro's binary encoding by hand, for tests that need bytes which no library would write. */
#ifndef TESTS_UNIT_AVRO_BYTES_H
#define TESTS_UNIT_AVRO_BYTES_H

#include "base/text.h"

#include <stdint.h>
#include <string.h>

struct bytes {
    size_t len;
    char data[1 << 16];
};

static inline void put_raw(struct bytes *b, const void *raw, size_t len)
{
    memcpy(b->data + b->len, raw, len);
    b->len += len;
}

static inline void put_long(struct bytes *b, int64_t value)
{
    uint64_t zigzag = ((uint64_t)value << 1) ^ (uint64_t)(value >> 63);

    do {
        b->data[b->len++] = (char)((zigzag & 0x7f) | (zigzag > 0x7f ? 0x80 : 0));
        zigzag >>= 7;
    } while (zigzag > 0);
}

static inline void put_string_of(struct bytes *b, const char *z, size_t len)
{
    put_long(b, (int64_t)len);
    put_raw(b, z, len);
}

static inline void put_string(struct bytes *b, const char *z)
{
    put_string_of(b, z, strlen(z));
}

static inline struct text bytes_text(const struct bytes *b)
{
    return (struct text){b->data, b->len};
}

#endif
