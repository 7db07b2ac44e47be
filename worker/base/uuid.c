/* UUIDs as text and as bytes. */
#include "base/uuid.h"

#include <string.h>

bool uuid_is_nil(const struct uuid *u)
{
    return uuid_equal(u, &UUID_NIL);
}

bool uuid_equal(const struct uuid *a, const struct uuid *b)
{
    return memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}

int uuid_compare(const struct uuid *a, const struct uuid *b)
{
    return memcmp(a->bytes, b->bytes, sizeof(a->bytes));
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

static bool is_dash_place(size_t index)
{
    return index == 8 || index == 13 || index == 18 || index == 23;
}

bool uuid_parse(struct text t, struct uuid *ret_uuid)
{
    if (t.len == UUID_TEXT_LEN + 2 && t.data[0] == '{' && t.data[t.len - 1] == '}')
        t = text_slice(t, 1, UUID_TEXT_LEN);
    if (t.data == NULL || t.len != UUID_TEXT_LEN)
        return false;
    struct uuid u;
    size_t count = 0;
    for (size_t i = 0; i < UUID_TEXT_LEN;) {
        if (is_dash_place(i)) {
            if (t.data[i++] != '-')
                return false;
            continue;
        }
        int high = hex_digit(t.data[i]), low = hex_digit(t.data[i + 1]);
        if (high < 0 || low < 0)
            return false;
        u.bytes[count++] = (uint8_t)(high << 4 | low);
        i += 2;
    }
    *ret_uuid = u;
    return true;
}

void uuid_format(const struct uuid *u, char ret_text[UUID_TEXT_LEN + 1])
{
    static const char digits[] = "0123456789abcdef";
    char *p = ret_text;
    for (int i = 0; i < 16; i++) {
        if (is_dash_place((size_t)(p - ret_text)))
            *p++ = '-';
        *p++ = digits[u->bytes[i] >> 4];
        *p++ = digits[u->bytes[i] & 0x0f];
    }
    *p = '\0';
}

int64_t uuid_v7_time_ms(const struct uuid *u)
{
    if (u->bytes[6] >> 4 != 7)
        return -1;
    int64_t time_ms = 0;
    for (int i = 0; i < 6; i++)
        time_ms = time_ms << 8 | u->bytes[i];
    return time_ms;
}
