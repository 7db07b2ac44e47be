/* Any text as a vpopmail quota. What is read is held against a reader written another way, and what
 * it means, written out again, must mean the same. */
#include "domain/quota.h"
#include "fuzz.h"

#include <assert.h>
#include <ctype.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum { READ_MAX = 64 };

/* digits letters: by hand, in 128 bits. */
static bool read_part(const char *z, size_t len, __int128 *ret_value, char ret_unit[4])
{
    __int128 value = 0;
    size_t i = 0, u = 0;
    while (i < len && isdigit((unsigned char)z[i])) {
        value = value * 10 + (z[i++] - '0');
        if (value > INT64_MAX)
            return false;
    }
    if (i == 0 || len - i > 2)
        return false;
    for (; i < len; i++) {
        if (!isalpha((unsigned char)z[i]))
            return false;
        ret_unit[u++] = (char)toupper((unsigned char)z[i]);
    }
    ret_unit[u] = '\0';
    *ret_value = value;
    return true;
}

static bool read_single(const char *z, size_t len, struct quota *quota)
{
    char unit[4];
    __int128 value;
    if (!read_part(z, len, &value, unit))
        return false;
    if (strcmp(unit, "C") == 0) {
        *quota = (struct quota){0, (int64_t)value};
        return true;
    }
    if (strcmp(unit, "K") == 0 || strcmp(unit, "KB") == 0)
        value *= 1024;
    else if (strcmp(unit, "M") == 0 || strcmp(unit, "MB") == 0)
        value *= 1024 * 1024;
    else if (*unit != '\0' && strcmp(unit, "B") != 0 && strcmp(unit, "S") != 0)
        return false;
    if (value > INT64_MAX)
        return false;
    *quota = (struct quota){(int64_t)value, 0};
    return true;
}

static bool read_pair(const char *z, size_t first, size_t len, struct quota *quota)
{
    char size[4], count[4];
    __int128 bytes, messages;
    if (!read_part(z, first, &bytes, size) || strcmp(size, "S") != 0)
        return false;
    if (!read_part(z + first + 1, len - first - 1, &messages, count) || strcmp(count, "C") != 0)
        return false;
    *quota = (struct quota){(int64_t)bytes, (int64_t)messages};
    return true;
}

static bool read_slowly(const char *z, size_t len, struct quota *quota)
{
    const char *comma = len ? memchr(z, ',', len) : NULL;
    if (len == strlen("NOQUOTA") && strncasecmp(z, "NOQUOTA", len) == 0) {
        *quota = (struct quota){0, 0};
        return true;
    }
    return comma ? read_pair(z, (size_t)(comma - z), len, quota) : read_single(z, len, quota);
}

static void expect_same(const struct quota *a, const struct quota *b)
{
    assert(a->bytes == b->bytes && a->messages == b->messages);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    static const struct quota untouched = {-1, -1};
    struct quota quota = untouched, other, again;
    char written[READ_MAX];
    bool is_read = quota_parse((struct text){(const char *)bytes, len}, &quota);
    assert(is_read == read_slowly((const char *)bytes, len, &other));
    if (!is_read) {
        expect_same(&quota, &untouched);
        return 0;
    }
    expect_same(&quota, &other);
    assert(quota.bytes >= 0 && quota.messages >= 0);
    snprintf(written, sizeof written, "%" PRId64 "S,%" PRId64 "C", quota.bytes, quota.messages);
    assert(quota_parse(text_from(written), &again));
    expect_same(&quota, &again);
    return 0;
}
