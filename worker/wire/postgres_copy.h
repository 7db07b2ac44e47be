/* The rows of a COPY .. FROM STDIN BINARY: written by the caller straight into the buffer that
 * libpq sends from. Inline, because they are called a quarter of a million times a second.
 *
 * A copy comes from postgres_copy_begin and ends with postgres_copy_end (postgres.h). For each row
 * call copy_row, then one function per column in the order of the COPY's column list, then
 * copy_flush. The server checks the number of columns and the length of each value. */
#ifndef PROVD_WIRE_POSTGRES_COPY_H
#define PROVD_WIRE_POSTGRES_COPY_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/status.h"
#include "base/text.h"
#include "base/uuid.h"
#include "domain/value.h"

struct postgres;

enum {
    COPY_PIECE_BYTES = 64 * 1024,             /* handed to the socket when this much has piled up */
    COPY_BACKLOG_BYTES = 1024 * 1024,         /* waits for the server when this much is unsent */
    COPY_BUFFER_BYTES_MAX = 64 * 1024 * 1024, /* backlog and one row; beyond it the COPY fails */
};

/* PostgreSQL counts time from 2000-01-01. */
#define POSTGRES_EPOCH_UNIX_US INT64_C(946684800000000)

/* Fields are for the functions of this file and postgres_copy.c only. */
struct copy {
    struct postgres *pg;
    const char *sql; /* for errors */
    char *start;     /* owned by the connection, kept from COPY to COPY */
    char *at;        /* next byte */
    char *end;
    char *due;      /* copy_flush sends when `at` has come here */
    bool failed;    /* a row did not fit or memory is out: nothing was written since */
    bool no_memory; /* that one */
    bool active;
    bool accepted; /* the server has answered that it wants rows */
};

/* Makes room for `size` more bytes; false (and `failed`) when there is none. */
bool copy_grow(struct copy *copy, size_t size);
/* Hands over what has piled up. */
enum status copy_send(struct copy *copy, struct error *err);

/* The place for `size` bytes, or NULL. */
static inline char *copy_room(struct copy *copy, size_t size)
{
    if (__builtin_expect((size_t)(copy->end - copy->at) < size, 0) && !copy_grow(copy, size)) {
        return NULL;
    }
    char *place = copy->at;
    copy->at += size;
    return place;
}

static inline void copy_put_be16(char *place, uint16_t v)
{
    v = __builtin_bswap16(v);
    memcpy(place, &v, sizeof v);
}

static inline void copy_put_be32(char *place, uint32_t v)
{
    v = __builtin_bswap32(v);
    memcpy(place, &v, sizeof v);
}

static inline void copy_put_be64(char *place, uint64_t v)
{
    v = __builtin_bswap64(v);
    memcpy(place, &v, sizeof v);
}

/* Begins a row of `columns` values. */
static inline void copy_row(struct copy *copy, int16_t columns)
{
    char *place = copy_room(copy, 2);
    if (place) {
        copy_put_be16(place, (uint16_t)columns);
    }
}

static inline void copy_null(struct copy *copy)
{
    char *place = copy_room(copy, 4);
    if (place) {
        copy_put_be32(place, UINT32_MAX);
    }
}

/* text and bytea; a null text is NULL. */
static inline void copy_text(struct copy *copy, struct text t)
{
    if (!t.data) {
        copy_null(copy);
        return;
    }
    if (t.len > COPY_BUFFER_BYTES_MAX) {
        copy->failed = true;
        return;
    }
    char *place = copy_room(copy, 4 + t.len);
    if (place) {
        copy_put_be32(place, (uint32_t)t.len);
        memcpy(place + 4, t.data, t.len);
    }
}

/* INT_NULL is NULL, in all of these. A number that its column cannot hold fails the COPY. */
static inline void copy_int8(struct copy *copy, int64_t v)
{
    if (v == INT_NULL) {
        copy_null(copy);
        return;
    }
    char *place = copy_room(copy, 12);
    if (place) {
        copy_put_be32(place, 8);
        copy_put_be64(place + 4, (uint64_t)v);
    }
}

static inline void copy_int4(struct copy *copy, int64_t v)
{
    if (v == INT_NULL) {
        copy_null(copy);
        return;
    }
    if (v < INT32_MIN || v > INT32_MAX) {
        copy->failed = true;
        return;
    }
    char *place = copy_room(copy, 8);
    if (place) {
        copy_put_be32(place, 4);
        copy_put_be32(place + 4, (uint32_t)v);
    }
}

static inline void copy_int2(struct copy *copy, int64_t v)
{
    if (v == INT_NULL) {
        copy_null(copy);
        return;
    }
    if (v < INT16_MIN || v > INT16_MAX) {
        copy->failed = true;
        return;
    }
    char *place = copy_room(copy, 6);
    if (place) {
        copy_put_be32(place, 2);
        copy_put_be16(place + 4, (uint16_t)v);
    }
}

/* Anything but 0 and INT_NULL is true. */
static inline void copy_bool(struct copy *copy, int64_t v)
{
    if (v == INT_NULL) {
        copy_null(copy);
        return;
    }
    char *place = copy_room(copy, 5);
    if (place) {
        copy_put_be32(place, 1);
        place[4] = v != 0;
    }
}

static inline void copy_time(struct copy *copy, int64_t unix_us)
{
    int64_t postgres_us;
    if (unix_us == INT_NULL) {
        copy_null(copy);
        return;
    }
    if (__builtin_sub_overflow(unix_us, POSTGRES_EPOCH_UNIX_US, &postgres_us)) {
        copy->failed = true;
        return;
    }
    copy_int8(copy, postgres_us);
}

/* The nil UUID is NULL. */
static inline void copy_uuid(struct copy *copy, const struct uuid *u)
{
    static const struct uuid nil = {{0}};
    if (memcmp(u, &nil, sizeof nil) == 0) {
        copy_null(copy);
        return;
    }
    char *place = copy_room(copy, 20);
    if (place) {
        copy_put_be32(place, 16);
        memcpy(place + 4, u->bytes, 16);
    }
}

/* Sends what has piled up when it is much; call once a row. Waits only when the server is far
 * behind. */
static inline enum status copy_flush(struct copy *copy, struct error *err)
{
    return __builtin_expect(copy->at < copy->due, 1) ? STATUS_OK : copy_send(copy, err);
}

#endif
