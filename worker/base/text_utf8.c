/* What needs to know about Unicode: validity, control characters, quoting for messages. */
#include "base/text.h"

#include "base/arena.h"

#include <stdio.h>
#include <string.h>

/* Length of the well-formed character at the start of `len` > 0 bytes (Unicode 15, table 3-7) with
 * its code point, or 0 when there is none. */
static size_t utf8_decode(const unsigned char *p, size_t len, uint32_t *ret_point)
{
    if (p[0] < 0x80) {
        *ret_point = p[0];
        return 1;
    }
    size_t need = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
    if (p[0] < 0xc2 || p[0] > 0xf4 || len < need)
        return 0;
    uint32_t point = p[0] & (0xffu >> (need + 1));
    for (size_t i = 1; i < need; i++) {
        if ((p[i] & 0xc0) != 0x80)
            return 0;
        point = point << 6 | (p[i] & 0x3f);
    }
    bool overlong = (need == 3 && point < 0x800) || (need == 4 && point < 0x10000);
    if (overlong || (point >= 0xd800 && point <= 0xdfff) || point > 0x10ffff)
        return 0;
    *ret_point = point;
    return need;
}

/* How many bytes at the start are ASCII without NUL, in steps of eight: nearly all that comes in.
 */
static size_t ascii_run(const unsigned char *p, size_t len)
{
    const uint64_t low = UINT64_C(0x0101010101010101), high = low << 7;
    size_t i = 0;
    for (; len - i >= sizeof low; i += sizeof low) {
        uint64_t eight;
        memcpy(&eight, p + i, sizeof eight);
        if ((eight & high) || ((eight - low) & high))
            break;
    }
    return i;
}

bool text_is_utf8(struct text t)
{
    const unsigned char *p = (const unsigned char *)t.data;
    for (size_t i = ascii_run(p, t.len); i < t.len;) {
        if (p[i] > 0 && p[i] < 0x80) {
            i++;
            continue;
        }
        uint32_t point;
        size_t len = utf8_decode(p + i, t.len - i, &point);
        if (len == 0 || point == 0)
            return false;
        i += len;
    }
    return true;
}

static bool is_control(uint32_t point)
{
    return point < 0x20 || (point >= 0x7f && point <= 0x9f);
}

bool text_has_control(struct text t, const char *allowed)
{
    const unsigned char *p = (const unsigned char *)t.data;
    for (size_t i = 0; i < t.len;) {
        uint32_t point;
        size_t len = utf8_decode(p + i, t.len - i, &point);
        if (len == 0) { /* not UTF-8: another check's business; go on behind the byte */
            i++;
            continue;
        }
        if (is_control(point) &&
            (point == 0 || point > 0x7f || allowed == NULL || strchr(allowed, (int)point) == NULL))
            return true;
        i += len;
    }
    return false;
}

size_t text_characters(struct text t)
{
    size_t count = 0;
    for (size_t i = 0; i < t.len; i++)
        count += ((unsigned char)t.data[i] & 0xc0) != 0x80;
    return count;
}

/* Characters that would move or hide what stands around them: line separators, bidi controls. */
static bool is_deceptive(uint32_t point)
{
    return is_control(point) || point == 0x200e || point == 0x200f ||
           (point >= 0x2028 && point <= 0x202e) || (point >= 0x2066 && point <= 0x2069) ||
           point == 0xfeff;
}

enum { QUOTED_CHARACTER_MAX = 16 }; /* four bytes as \xNN */

/* Writes one character of `t` at `from` as it stands in a message; returns the bytes it came from.
 */
static size_t quote_character(struct text t, size_t from, char ret_quoted[QUOTED_CHARACTER_MAX + 1])
{
    const unsigned char *p = (const unsigned char *)t.data + from;
    uint32_t point;
    size_t len = utf8_decode(p, t.len - from, &point);
    if (len == 0 || is_deceptive(point)) {
        len = len == 0 ? 1 : len;
        for (size_t i = 0; i < len; i++)
            snprintf(ret_quoted + 4 * i, 5, "\\x%02x", p[i]);
        return len;
    }
    bool escape = point == '\'' || point == '\\';
    snprintf(ret_quoted, QUOTED_CHARACTER_MAX + 1, "%s%.*s", escape ? "\\" : "", (int)len,
             (const char *)p);
    return len;
}

struct text text_quote(struct arena *arena, struct text t, size_t max)
{
    if (t.data == NULL)
        return TEXT("null");
    /* Escaped text is up to four times as long, but never longer than `max`. */
    size_t room = t.len < max / 4 ? 4 * t.len : max;
    char *quoted = arena_alloc(arena, room + sizeof("''..."));
    size_t len = 0, from = 0;
    quoted[len++] = '\'';
    while (from < t.len) {
        char character[QUOTED_CHARACTER_MAX + 1];
        size_t taken = quote_character(t, from, character);
        size_t width = strlen(character);
        if (len - 1 + width > max)
            break;
        memcpy(quoted + len, character, width);
        len += width;
        from += taken;
    }
    if (from < t.len) {
        memcpy(quoted + len, "...", 3);
        len += 3;
    }
    quoted[len++] = '\'';
    quoted[len] = '\0';
    return (struct text){quoted, len};
}
