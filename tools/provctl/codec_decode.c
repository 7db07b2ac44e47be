/* Bytes to JSON, by the schema that wrote them. */
#include "codec_private.h"

#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "moment.h"
#include "wire/crypto.h"

enum { PATH_MAX_SHOWN = 200, NUMBER_BYTES_MAX = 10 };

struct decoding {
    const struct codec *codec;
    struct text bytes;
    avro_reader_t reader;
    size_t at; /* bytes read */
    size_t values;
    struct error *err;
};

static json_t *decode(struct decoding *d, const json_t *schema, const char *space,
                      const struct place *place);

static void *fail(struct decoding *d, const struct place *place, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void *fail(struct decoding *d, const struct place *place, const char *format, ...)
{
    char path[PATH_MAX_SHOWN];
    char reason[ERROR_MESSAGE_MAX];
    va_list args;

    va_start(args, format);
    vsnprintf(reason, sizeof reason, format, args);
    va_end(args);
    place_text(place, path, sizeof path);
    error_set(d->err, STATUS_FATAL, NULL, "byte %zu, %s: %s", d->at, *path ? path : "the record",
              reason);
    return NULL;
}

/* --- primitive values, by avro-c ----------------------------------------------------------------
 */

/* Reads one value of a primitive type that takes `size` bytes. */
static bool take(struct decoding *d, avro_value_t *value, size_t size, const struct place *place)
{
    if (size == 0 || size > d->bytes.len - d->at || avro_value_read(d->reader, value) != 0) {
        fail(d, place, "the bytes end too early, or are no such value");
        return false;
    }
    d->at += size;
    return true;
}

/* How many bytes the number takes that begins here; it need not be the shortest form. 0: it does
 * not end. */
static size_t number_size(const struct decoding *d)
{
    for (size_t size = 1; size <= NUMBER_BYTES_MAX && size <= d->bytes.len - d->at; size++) {
        if (!(d->bytes.data[d->at + size - 1] & 0x80))
            return size;
    }
    return 0;
}

static bool take_long(struct decoding *d, int64_t *ret_number, const struct place *place)
{
    avro_value_t value;
    bool done;

    *ret_number = 0;
    if (avro_generic_long_new(&value, 0) != 0)
        return fail(d, place, "out of memory") != NULL;
    done = take(d, &value, number_size(d), place);
    if (done)
        avro_value_get_long(&value, ret_number);
    avro_value_decref(&value);
    return done;
}

/* The next `len` bytes, as they lie in the input. */
static bool take_raw(struct decoding *d, int64_t len, struct text *ret_bytes,
                     const struct place *place)
{
    if (len < 0 || (uint64_t)len > d->bytes.len - d->at) {
        fail(d, place, "a length of %" PRId64 " bytes, but only %zu are left", len,
             d->bytes.len - d->at);
        return false;
    }
    *ret_bytes = text_slice(d->bytes, d->at, (size_t)len);
    d->at += (size_t)len;
    return avro_skip(d->reader, len) == 0;
}

/* --- scalars ------------------------------------------------------------------------------------
 */

static json_t *decode_integer(struct decoding *d, const struct site *site,
                              const struct place *place)
{
    int64_t factor = codec_time_factor(site->schema);
    int64_t number;
    int64_t us;
    char text[MOMENT_TEXT_MAX];

    if (!take_long(d, &number, place))
        return NULL;
    if (site->type == TYPE_INT && (number < INT32_MIN || number > INT32_MAX))
        return fail(d, place, "%" PRId64 " is no int", number);
    if (!factor || __builtin_mul_overflow(number, factor, &us))
        return json_integer(number);
    moment_format(us, text);
    return json_string(text);
}

static json_t *decode_boolean(struct decoding *d, const struct place *place)
{
    struct text byte;

    if (!take_raw(d, 1, &byte, place))
        return NULL;
    if (byte.data[0] != 0 && byte.data[0] != 1)
        return fail(d, place, "%d is no boolean", (unsigned char)byte.data[0]);
    return json_boolean(byte.data[0]);
}

static json_t *decode_real(struct decoding *d, enum codec_type type, const struct place *place)
{
    avro_value_t value;
    double number = 0;
    float single = 0;
    bool is_float = type == TYPE_FLOAT;
    bool done =
        (is_float ? avro_generic_float_new(&value, 0) : avro_generic_double_new(&value, 0)) == 0 &&
        take(d, &value, is_float ? sizeof single : sizeof number, place);

    if (done && is_float)
        avro_value_get_float(&value, &single);
    else if (done)
        avro_value_get_double(&value, &number);
    avro_value_decref(&value);
    if (!done)
        return NULL;
    json_t *real = json_real(is_float ? (double)single : number);
    return real ? real : json_null(); /* JSON has no infinity */
}

static json_t *decode_string(struct decoding *d, const struct place *place)
{
    int64_t len;
    struct text bytes;

    if (!take_long(d, &len, place) || !take_raw(d, len, &bytes, place))
        return NULL;
    if (!text_is_utf8(bytes))
        return fail(d, place, "the string is not valid UTF-8, or holds a NUL");
    return json_stringn(bytes.data, bytes.len);
}

static json_t *decode_bytes(struct decoding *d, const struct place *place)
{
    int64_t len;
    struct text bytes;
    struct arena arena;

    if (!take_long(d, &len, place) || !take_raw(d, len, &bytes, place))
        return NULL;
    arena_init(&arena, 4 * (size_t)CODEC_VALUE_BYTES_MAX, 0);
    struct text base64 = crypto_base64(&arena, bytes);
    json_t *string = json_stringn(base64.data, base64.len);
    arena_close(&arena);
    return string;
}

static json_t *decode_fixed(struct decoding *d, const struct site *site, const struct place *place)
{
    int64_t size = -1;
    struct text bytes;
    struct buffer hex;
    json_t *string;

    json_member_int64(site->schema, "size", &size);
    if (!take_raw(d, size, &bytes, place))
        return NULL;
    buffer_init(&hex, 2 * bytes.len + 1);
    for (size_t i = 0; i < bytes.len; i++)
        buffer_printf(&hex, "%02x", (unsigned char)bytes.data[i]);
    string = json_stringn(hex.data ? hex.data : "", hex.len);
    buffer_close(&hex);
    return string;
}

static json_t *decode_enum(struct decoding *d, const struct site *site, const struct place *place)
{
    const json_t *symbols = json_object_get(site->schema, "symbols");
    int64_t index;

    if (!take_long(d, &index, place))
        return NULL;
    if (index < 0 || (uint64_t)index >= json_array_size(symbols))
        return fail(d, place, "symbol number %" PRId64 " of %zu", index, json_array_size(symbols));
    return json_incref(json_array_get(symbols, (size_t)index));
}

/* --- what holds other values --------------------------------------------------------------------
 */

static json_t *decode_record(struct decoding *d, const struct site *site, const struct place *place)
{
    json_t *record = json_object();
    size_t index;
    json_t *field;

    json_array_foreach(json_object_get(site->schema, "fields"), index, field)
    {
        const char *name = json_member_z(field, "name");
        struct place inner = {
            .parent = place, .name = name ? name : "?", .depth = place->depth + 1};
        json_t *value = decode(d, json_object_get(field, "type"), site->space, &inner);
        if (!value || json_object_set_new(record, inner.name, value) != 0) {
            json_decref(record);
            return NULL;
        }
    }
    return record;
}

/* The number of items of the next block; 0 ends. Blocks with a negative count say their size in
 * bytes. */
static bool take_block(struct decoding *d, int64_t *ret_count, const struct place *place)
{
    int64_t size;

    if (!take_long(d, ret_count, place))
        return false;
    if (*ret_count >= 0)
        return true;
    if (*ret_count == INT64_MIN) {
        fail(d, place, "a block of %" PRId64 " items", *ret_count);
        return false;
    }
    *ret_count = -*ret_count;
    return take_long(d, &size, place);
}

static json_t *decode_array(struct decoding *d, const struct site *site, const struct place *place)
{
    json_t *array = json_array();
    int64_t count;
    bool ok;

    while ((ok = take_block(d, &count, place)) && count > 0) {
        for (; ok && count > 0; count--) {
            struct place inner = {
                .parent = place, .index = json_array_size(array), .depth = place->depth + 1};
            json_t *item = decode(d, json_object_get(site->schema, "items"), site->space, &inner);
            ok = item && json_array_append_new(array, item) == 0;
        }
        if (!ok)
            break;
    }
    if (ok)
        return array;
    json_decref(array);
    return NULL;
}

static bool decode_entry(struct decoding *d, const struct site *site, json_t *map,
                         const struct place *place)
{
    json_t *key = decode_string(d, place);
    struct place inner = {
        .parent = place, .name = json_string_value(key), .depth = place->depth + 1};
    json_t *value =
        key ? decode(d, json_object_get(site->schema, "values"), site->space, &inner) : NULL;
    bool ok = value && json_object_set_new(map, json_string_value(key), value) == 0;

    json_decref(key);
    return ok;
}

static json_t *decode_map(struct decoding *d, const struct site *site, const struct place *place)
{
    json_t *map = json_object();
    int64_t count;
    bool ok;

    while ((ok = take_block(d, &count, place)) && count > 0) {
        for (; ok && count > 0; count--)
            ok = decode_entry(d, site, map, place);
        if (!ok)
            break;
    }
    if (ok)
        return map;
    json_decref(map);
    return NULL;
}

static json_t *decode_union(struct decoding *d, const struct site *site, const struct place *place)
{
    int64_t index;
    struct place below = {.parent = place, .depth = place->depth + 1};
    json_t *named;

    if (!take_long(d, &index, place))
        return NULL;
    if (index < 0 || (uint64_t)index >= json_array_size(site->schema))
        return fail(d, place, "branch number %" PRId64 " of %zu", index,
                    json_array_size(site->schema));
    const json_t *branch = json_array_get(site->schema, (size_t)index);
    struct site inner = codec_site(d->codec, branch, site->space);
    if (inner.type == TYPE_NULL || codec_choices(site->schema) < 2)
        return decode(d, branch, site->space, place);
    below.name = codec_branch_name(&inner);
    json_t *value = decode(d, branch, site->space, &below);
    if (!value)
        return NULL;
    named = json_object();
    json_object_set_new(named, below.name, value);
    return named;
}

static json_t *decode_scalar(struct decoding *d, const struct site *site, const struct place *place)
{
    switch (site->type) {
    case TYPE_NULL:
        return json_null();
    case TYPE_BOOLEAN:
        return decode_boolean(d, place);
    case TYPE_INT:
    case TYPE_LONG:
        return decode_integer(d, site, place);
    case TYPE_FLOAT:
    case TYPE_DOUBLE:
        return decode_real(d, site->type, place);
    case TYPE_BYTES:
        return decode_bytes(d, place);
    case TYPE_STRING:
        return decode_string(d, place);
    default:
        return fail(d, place, "the schema names a type that it does not define");
    }
}

static json_t *decode(struct decoding *d, const json_t *schema, const char *space,
                      const struct place *place)
{
    struct site site = codec_site(d->codec, schema, space);

    if (place->depth > CODEC_DEPTH_MAX || d->values++ > CODEC_VALUES_MAX)
        return fail(d, place, "too many values, or nested too deeply");
    switch (site.type) {
    case TYPE_RECORD:
        return decode_record(d, &site, place);
    case TYPE_ARRAY:
        return decode_array(d, &site, place);
    case TYPE_MAP:
        return decode_map(d, &site, place);
    case TYPE_UNION:
        return decode_union(d, &site, place);
    case TYPE_ENUM:
        return decode_enum(d, &site, place);
    case TYPE_FIXED:
        return decode_fixed(d, &site, place);
    default:
        return decode_scalar(d, &site, place);
    }
}

json_t *codec_decode(const struct codec *codec, struct text bytes, struct error *err)
{
    struct decoding d = {.codec = codec, .bytes = bytes, .err = err};
    struct place root = {0};
    json_t *value;

    if (bytes.len > CODEC_VALUE_BYTES_MAX ||
        !(d.reader = avro_reader_memory(bytes.data, (int64_t)bytes.len))) {
        error_set(err, STATUS_FATAL, NULL, "a value of %zu bytes is not decoded", bytes.len);
        return NULL;
    }
    value = decode(&d, codec->root, "", &root);
    avro_reader_free(d.reader);
    if (value && d.at != bytes.len) {
        error_set(err, STATUS_FATAL, NULL, "%zu bytes are left behind the value", bytes.len - d.at);
        json_decref(value);
        return NULL;
    }
    return value;
}
