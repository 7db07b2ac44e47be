/* Views of strings: comparing, cutting, copying. Unicode is in text_utf8.c, the buffer in
 * text_buffer.c. */
#include "base/text.h"

#include "base/arena.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

struct text text_from(const char *z)
{
    return z != NULL ? (struct text){z, strlen(z)} : TEXT_NULL;
}

bool text_is_null(struct text t)
{
    return t.data == NULL;
}

bool text_equal(struct text a, struct text b)
{
    if (a.data == NULL || b.data == NULL)
        return a.data == b.data;
    return a.len == b.len && memcmp(a.data, b.data, a.len) == 0;
}

bool text_equal_z(struct text a, const char *z)
{
    return text_equal(a, text_from(z));
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

bool text_equal_nocase(struct text a, struct text b)
{
    if (a.data == NULL || b.data == NULL)
        return a.data == b.data;
    if (a.len != b.len)
        return false;
    for (size_t i = 0; i < a.len; i++) {
        if (lower(a.data[i]) != lower(b.data[i]))
            return false;
    }
    return true;
}

int text_compare(struct text a, struct text b)
{
    if (a.data == NULL || b.data == NULL)
        return (a.data != NULL) - (b.data != NULL);
    size_t common = a.len < b.len ? a.len : b.len;
    int order = memcmp(a.data, b.data, common);
    return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}

bool text_starts_with(struct text t, const char *prefix)
{
    size_t len = strlen(prefix);
    return t.data != NULL && t.len >= len && memcmp(t.data, prefix, len) == 0;
}

struct text text_trim(struct text t)
{
    while (t.len > 0 && (t.data[0] == ' ' || (t.data[0] >= '\t' && t.data[0] <= '\r'))) {
        t.data++;
        t.len--;
    }
    while (t.len > 0 &&
           (t.data[t.len - 1] == ' ' || (t.data[t.len - 1] >= '\t' && t.data[t.len - 1] <= '\r')))
        t.len--;
    return t;
}

struct text text_slice(struct text t, size_t from, size_t n)
{
    if (t.data == NULL)
        return t;
    if (from > t.len)
        from = t.len;
    if (n > t.len - from)
        n = t.len - from;
    return (struct text){t.data + from, n};
}

size_t text_find(struct text t, char c)
{
    const char *found = t.len > 0 ? memchr(t.data, c, t.len) : NULL;
    return found != NULL ? (size_t)(found - t.data) : SIZE_MAX;
}

size_t text_find_last(struct text t, char c)
{
    const char *found = t.len > 0 ? memrchr(t.data, c, t.len) : NULL;
    return found != NULL ? (size_t)(found - t.data) : SIZE_MAX;
}

struct text text_copy(struct arena *arena, struct text t)
{
    if (t.data == NULL)
        return t;
    return (struct text){text_to_z(arena, t), t.len};
}

char *text_to_z(struct arena *arena, struct text t)
{
    char *copy = arena_alloc(arena, t.len + 1);
    if (t.len > 0)
        memcpy(copy, t.data, t.len);
    copy[t.len] = '\0';
    return copy;
}

struct text text_lower(struct arena *arena, struct text t)
{
    if (t.data == NULL)
        return t;
    char *copy = text_to_z(arena, t);
    for (size_t i = 0; i < t.len; i++)
        copy[i] = lower(copy[i]);
    return (struct text){copy, t.len};
}

struct text text_format(struct arena *arena, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    struct text t = text_vformat(arena, format, args);
    va_end(args);
    return t;
}

struct text text_vformat(struct arena *arena, const char *format, va_list args)
{
    va_list again;
    va_copy(again, args);
    int len = vsnprintf(NULL, 0, format, args);
    assert(len >= 0); /* only a broken format string or more than 2 GiB */
    char *memory = arena_alloc(arena, (size_t)len + 1);
    vsnprintf(memory, (size_t)len + 1, format, again);
    va_end(again);
    return (struct text){memory, (size_t)len};
}

bool text_to_int64(struct text t, int64_t *ret_value)
{
    bool negative = t.len > 0 && t.data[0] == '-';
    struct text digits = negative ? text_slice(t, 1, SIZE_MAX) : t;
    if (digits.len == 0)
        return false;
    /* Counted downwards, because the smallest number has no positive twin. */
    int64_t value = 0;
    for (size_t i = 0; i < digits.len; i++) {
        char c = digits.data[i];
        if (c < '0' || c > '9' || __builtin_mul_overflow(value, (int64_t)10, &value) ||
            __builtin_sub_overflow(value, (int64_t)(c - '0'), &value))
            return false;
    }
    if (!negative && __builtin_sub_overflow((int64_t)0, value, &value))
        return false;
    *ret_value = value;
    return true;
}
