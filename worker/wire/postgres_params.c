/* Parameters and arrays in PostgreSQL's binary format (integers big-endian; see the functions
 * int8recv, array_recv, .. of the server). */
#include "wire/postgres_handle.h"

#include "base/arena.h"

#include <assert.h>
#include <string.h>

/* pg_type.oid of the element types, fixed since PostgreSQL 8. */
static const struct {
    uint32_t oid;
    int width; /* bytes; 0: variable */
} array_types[] = {
    [ARRAY_TEXT] = {25, 0},   [ARRAY_INT8] = {20, 8},  [ARRAY_INT4] = {23, 4},
    [ARRAY_INT2] = {21, 2},   [ARRAY_BOOL] = {16, 1},  [ARRAY_UUID] = {2950, 16},
    [ARRAY_TIME] = {1184, 8}, [ARRAY_BYTES] = {17, 0},
};

int postgres_param_width(uint32_t type_oid)
{
    static const uint32_t any[] = {1043, 1000, 1001, 1005, 1007, 1009, 1015, 1016, 1185, 2951};

    for (size_t i = 0; i < sizeof array_types / sizeof *array_types; i++) {
        if (array_types[i].oid == type_oid) {
            return array_types[i].width;
        }
    }
    for (size_t i = 0; i < sizeof any / sizeof *any; i++) { /* varchar, and arrays of all these */
        if (any[i] == type_oid) {
            return 0;
        }
    }
    return -1;
}

/* ndim, flags, element type; then per dimension its size and lower bound. */
enum { ARRAY_HEADER_BYTES = 20, ARRAY_EMPTY_BYTES = 12 };

static const struct param param_null = {NULL, 0};

/* The low `width` bytes of `v`, big-endian. */
static void put_int(char *place, int64_t v, int width)
{
    uint64_t swapped = __builtin_bswap64((uint64_t)v);

    memcpy(place, (const char *)&swapped + 8 - width, (size_t)width);
}

static struct param param_int(struct arena *arena, int64_t v, int width)
{
    if (v == INT_NULL) {
        return param_null;
    }
    char *place = arena_alloc(arena, (size_t)width);
    put_int(place, v, width);
    return (struct param){place, width};
}

struct param param_int8(struct arena *arena, int64_t v)
{
    return param_int(arena, v, 8);
}

struct param param_int4(struct arena *arena, int64_t v)
{
    assert(v == INT_NULL || (v >= INT32_MIN && v <= INT32_MAX));
    return param_int(arena, v, 4);
}

struct param param_int2(struct arena *arena, int64_t v)
{
    assert(v == INT_NULL || (v >= INT16_MIN && v <= INT16_MAX));
    return param_int(arena, v, 2);
}

struct param param_bool(struct arena *arena, int64_t v)
{
    return param_int(arena, v == INT_NULL ? v : v != 0, 1);
}

struct param param_time(struct arena *arena, int64_t unix_us)
{
    int64_t postgres_us = INT_NULL;

    if (unix_us != INT_NULL &&
        __builtin_sub_overflow(unix_us, POSTGRES_EPOCH_UNIX_US, &postgres_us)) {
        return (struct param){"", -1};
    }
    return param_int(arena, postgres_us, 8);
}

struct param param_bytes(struct text t)
{
    if (!t.data) {
        return param_null;
    }
    return (struct param){t.data, t.len > INT32_MAX ? -1 : (int)t.len};
}

struct param param_text(struct text t)
{
    return param_bytes(t);
}

struct param param_uuid(const struct uuid *u)
{
    return uuid_is_nil(u) ? param_null : (struct param){u->bytes, sizeof u->bytes};
}

/* --- arrays ------------------------------------------------------------------------------ */

void array_begin(struct array *array, enum array_type type)
{
    if (!array->buffer.data) {
        buffer_init(&array->buffer, ARRAY_BYTES_MAX);
    }
    buffer_clear(&array->buffer);
    if (buffer_reserve(&array->buffer, ARRAY_HEADER_BYTES)) {
        array->buffer.len = ARRAY_HEADER_BYTES; /* written by array_param */
    }
    array->type = type;
    array->count = 0;
    array->has_null = false;
}

void array_close(struct array *array)
{
    buffer_close(&array->buffer);
    array->count = 0;
}

/* The place for one more element with `size` bytes, its length (-1: NULL) already written; NULL
 * when memory or the limit is out. */
static char *array_element(struct array *array, size_t size, int32_t len)
{
    char *place = array->count < INT32_MAX ? buffer_reserve(&array->buffer, 4 + size) : NULL;

    if (!place) {
        array->buffer.failed = true;
        return NULL;
    }
    copy_put_be32(place, (uint32_t)len);
    array->buffer.len += 4 + size;
    array->count++;
    return place + 4;
}

static void array_add_null(struct array *array)
{
    array->has_null = true;
    array_element(array, 0, -1);
}

void array_add_text(struct array *array, struct text t)
{
    assert(array->type == ARRAY_TEXT || array->type == ARRAY_BYTES);
    if (!t.data) {
        array_add_null(array);
        return;
    }
    if (t.len > ARRAY_BYTES_MAX) {
        array->buffer.failed = true;
        return;
    }
    char *place = array_element(array, t.len, (int32_t)t.len);
    if (place) {
        memcpy(place, t.data, t.len);
    }
}

/* What is stored for `v`; false when the type cannot hold it. */
static bool array_value(enum array_type type, int64_t v, int64_t *ret_stored)
{
    *ret_stored = v;
    switch (type) {
    case ARRAY_INT8:
        return true;
    case ARRAY_INT4:
        return v >= INT32_MIN && v <= INT32_MAX;
    case ARRAY_INT2:
        return v >= INT16_MIN && v <= INT16_MAX;
    case ARRAY_BOOL:
        *ret_stored = v != 0;
        return true;
    case ARRAY_TIME:
        return !__builtin_sub_overflow(v, POSTGRES_EPOCH_UNIX_US, ret_stored);
    default:
        assert(!"an array of numbers");
        return false;
    }
}

void array_add_int(struct array *array, int64_t v)
{
    int64_t stored;

    if (v == INT_NULL) {
        array_add_null(array);
        return;
    }
    if (!array_value(array->type, v, &stored)) {
        array->buffer.failed = true;
        return;
    }
    int width = array_types[array->type].width;
    char *place = array_element(array, (size_t)width, width);
    if (place) {
        put_int(place, stored, width);
    }
}

void array_add_uuid(struct array *array, const struct uuid *u)
{
    assert(array->type == ARRAY_UUID);
    if (uuid_is_nil(u)) {
        array_add_null(array);
        return;
    }
    char *place = array_element(array, sizeof u->bytes, sizeof u->bytes);
    if (place) {
        memcpy(place, u->bytes, sizeof u->bytes);
    }
}

struct param array_param(struct array *array)
{
    char *header = array->buffer.data;
    bool empty = array->count == 0;

    if (array->buffer.failed) {
        return (struct param){"", -1};
    }
    copy_put_be32(header, empty ? 0 : 1);
    copy_put_be32(header + 4, array->has_null);
    copy_put_be32(header + 8, array_types[array->type].oid);
    copy_put_be32(header + 12, (uint32_t)array->count);
    copy_put_be32(header + 16, 1);
    return (struct param){header, empty ? ARRAY_EMPTY_BYTES : (int)array->buffer.len};
}
