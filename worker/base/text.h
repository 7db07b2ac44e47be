/* Strings with a length, and a growing byte buffer with a ceiling.
 *
 * `struct text` is a view: it owns nothing, is not NUL-terminated, and `data == NULL` means
 * SQL/Avro null, which is not the empty text. */
#ifndef PROVD_BASE_TEXT_H
#define PROVD_BASE_TEXT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct arena;

struct text {
    const char *data;
    size_t len;
};

#define TEXT(literal) ((struct text){(literal), sizeof(literal) - 1})
#define TEXT_NULL ((struct text){NULL, 0})
/* For printf: printf("%.*s", TEXT_ARG(t)). Null prints as nothing. */
#define TEXT_ARG(t) ((t).data ? (int)(t).len : 0), ((t).data ? (t).data : "")

struct text text_from(const char *z); /* NULL gives TEXT_NULL; the view lives as long as z */
bool text_is_null(struct text t);
bool text_equal(struct text a, struct text b); /* null equals only null */
bool text_equal_z(struct text a, const char *z);
bool text_equal_nocase(struct text a, struct text b); /* ASCII case only */
int text_compare(struct text a, struct text b);       /* bytewise; null first */
bool text_starts_with(struct text t, const char *prefix);
struct text text_trim(struct text t);                         /* ASCII white space at both ends */
struct text text_slice(struct text t, size_t from, size_t n); /* clamped */
/* Index of the first / last `c`, or SIZE_MAX. */
size_t text_find(struct text t, char c);
size_t text_find_last(struct text t, char c);

/* Copies into the arena; the copy is NUL-terminated behind its length. Null stays null. */
struct text text_copy(struct arena *arena, struct text t);
char *text_to_z(struct arena *arena, struct text t);        /* null gives "" */
struct text text_lower(struct arena *arena, struct text t); /* ASCII letters only */
struct text text_format(struct arena *arena, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
struct text text_vformat(struct arena *arena, const char *format, va_list args)
    __attribute__((format(printf, 2, 0)));

/* "'value'" for messages: control characters as \xNN, cut to `max` bytes with "..." (never inside
 * a UTF-8 character). */
struct text text_quote(struct arena *arena, struct text t, size_t max);

/* True when the bytes are valid UTF-8 (no surrogates, no overlong forms, at most U+10FFFF) without
 * NUL. */
bool text_is_utf8(struct text t);
/* True when the text has a C0/C1 control character or DEL, other than those in `allowed` (e.g.
 * "\n\t"). */
bool text_has_control(struct text t, const char *allowed);
/* Number of Unicode characters of valid UTF-8. */
size_t text_characters(struct text t);

/* Whole text as a decimal number, optional '-'; false on anything else or overflow. */
bool text_to_int64(struct text t, int64_t *ret_value);

/* A byte buffer that grows up to `len_max` and then refuses (`failed` is set and stays set, so that
 * a writer checks once, at the end). Owned memory, malloc'ed; survives arenas. */
struct buffer {
    char *data;
    size_t len;
    size_t capacity;
    size_t len_max;
    bool failed;
};

void buffer_init(struct buffer *buffer, size_t len_max);
void buffer_close(struct buffer *buffer);
void buffer_clear(struct buffer *buffer); /* len 0, keeps memory, clears failed */
/* Makes room for `n` more bytes; see buffer_reserve. */
char *buffer_grow(struct buffer *buffer, size_t n);

/* Inline, because they are called some hundred times an event. */

/* Room for `n` more bytes: the place to write to (then add to len), or NULL when refused. */
static inline char *buffer_reserve(struct buffer *buffer, size_t n)
{
    bool has_room = !buffer->failed && n < buffer->capacity - buffer->len;
    return has_room ? buffer->data + buffer->len : buffer_grow(buffer, n);
}

static inline void buffer_put(struct buffer *buffer, const void *bytes, size_t n)
{
    char *place = n ? buffer_reserve(buffer, n) : NULL;
    if (place) {
        memcpy(place, bytes, n);
        buffer->len += n;
    }
}

static inline void buffer_put_text(struct buffer *buffer, struct text t)
{
    buffer_put(buffer, t.data, t.len);
}

static inline void buffer_put_char(struct buffer *buffer, char c)
{
    buffer_put(buffer, &c, 1);
}

void buffer_printf(struct buffer *buffer, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Big-endian, as PostgreSQL's binary format wants them. */
void buffer_put_be16(struct buffer *buffer, uint16_t v);
void buffer_put_be32(struct buffer *buffer, uint32_t v);
void buffer_put_be64(struct buffer *buffer, uint64_t v);
struct text buffer_text(const struct buffer *buffer);

#endif
