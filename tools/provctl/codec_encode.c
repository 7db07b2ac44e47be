/* JSON to bytes, by the newest schema; every complaint names the place in the JSON. */
#include "codec_private.h"

#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "moment.h"
#include "nearest.h"
#include "wire/crypto.h"

enum { PATH_MAX_SHOWN = 200, CHOICES_MAX_SHOWN = 300 };

struct encoding {
    const struct codec *codec;
    struct buffer *out;
    struct error *err;
    size_t values;
};

static bool encode(struct encoding *e, const json_t *schema, const char *space, const json_t *value,
                   const struct place *place);

static bool fail(struct encoding *e, const struct place *place, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static bool fail(struct encoding *e, const struct place *place, const char *format, ...)
{
    char path[PATH_MAX_SHOWN];
    char reason[ERROR_MESSAGE_MAX];
    va_list args;

    va_start(args, format);
    vsnprintf(reason, sizeof reason, format, args);
    va_end(args);
    place_text(place, path, sizeof path);
    error_set(e->err, STATUS_FATAL, NULL, "%s: %s", *path ? path : "the document", reason);
    return false;
}

static const char *kind_of(const json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        return "an object";
    case JSON_ARRAY:
        return "a list";
    case JSON_STRING:
        return "a string";
    case JSON_INTEGER:
        return "a whole number";
    case JSON_REAL:
        return "a number with decimals";
    case JSON_TRUE:
    case JSON_FALSE:
        return "true or false";
    default:
        return "null";
    }
}

static bool mismatch(struct encoding *e, const struct place *place, const json_t *value,
                     const char *wanted)
{
    return fail(e, place, "%s is wanted, not %s", wanted, kind_of(value));
}

/* --- primitive values, by avro-c ----------------------------------------------------------------
 */

static bool put(struct encoding *e, avro_value_t *value)
{
    size_t size;
    avro_writer_t writer;
    char *room;
    bool done;

    if (avro_value_sizeof(value, &size) != 0 || !(room = buffer_reserve(e->out, size + 1))) {
        avro_value_decref(value);
        return error_set(e->err, STATUS_FATAL, NULL, "the event is larger than %zu bytes",
                         e->out->len_max),
               false;
    }
    writer = avro_writer_memory(room, (int64_t)size + 1);
    done = writer && avro_value_write(writer, value) == 0;
    e->out->len += size;
    avro_writer_free(writer);
    avro_value_decref(value);
    return done || (error_set(e->err, STATUS_FATAL, NULL, "avro: %s", avro_strerror()), false);
}

static bool put_long(struct encoding *e, int64_t number)
{
    avro_value_t value;

    return avro_generic_long_new(&value, number) == 0 && put(e, &value);
}

static bool put_string(struct encoding *e, const char *z)
{
    avro_value_t value;

    return avro_generic_string_new(&value, z) == 0 && put(e, &value);
}

static bool put_raw(struct encoding *e, struct text bytes)
{
    buffer_put_text(e->out, bytes);
    return !e->out->failed || (error_set(e->err, STATUS_FATAL, NULL,
                                         "the event is larger than %zu bytes", e->out->len_max),
                               false);
}

/* --- scalars ------------------------------------------------------------------------------------
 */

static bool encode_time(struct encoding *e, int64_t factor, const json_t *value,
                        const struct place *place)
{
    int64_t us;

    if (json_is_integer(value))
        return put_long(e, json_integer_value(value));
    if (!json_is_string(value))
        return mismatch(e, place, value, "a time");
    if (!moment_parse(text_from(json_string_value(value)), &us))
        return fail(e, place, "no time: write it as in 2026-01-15T09:00:00Z");
    return put_long(e, us / factor);
}

static bool encode_integer(struct encoding *e, const struct site *site, const json_t *value,
                           const struct place *place)
{
    int64_t factor = codec_time_factor(site->schema);

    if (factor)
        return encode_time(e, factor, value, place);
    if (!json_is_integer(value))
        return mismatch(e, place, value, "a whole number");
    int64_t number = json_integer_value(value);
    if (site->type == TYPE_INT && (number < INT32_MIN || number > INT32_MAX))
        return fail(e, place, "%" PRId64 " is not between %d and %d", number, INT32_MIN, INT32_MAX);
    return put_long(e, number); /* int and long look the same */
}

static bool encode_boolean(struct encoding *e, const json_t *value, const struct place *place)
{
    avro_value_t boolean;

    if (!json_is_boolean(value))
        return mismatch(e, place, value, "true or false");
    return avro_generic_boolean_new(&boolean, json_is_true(value)) == 0 && put(e, &boolean);
}

static bool encode_real(struct encoding *e, enum codec_type type, const json_t *value,
                        const struct place *place)
{
    avro_value_t real;
    double number = json_number_value(value);
    int rc;

    if (!json_is_number(value))
        return mismatch(e, place, value, "a number");
    rc = type == TYPE_FLOAT ? avro_generic_float_new(&real, (float)number)
                            : avro_generic_double_new(&real, number);
    return rc == 0 && put(e, &real);
}

static bool encode_bytes(struct encoding *e, const json_t *value, const struct place *place)
{
    struct arena arena;
    struct text bytes;
    bool done;

    if (!json_is_string(value))
        return mismatch(e, place, value, "a string of base64");
    arena_init(&arena, 4 * (size_t)CODEC_VALUE_BYTES_MAX, 0);
    done = crypto_unbase64(&arena, text_from(json_string_value(value)), &bytes);
    done = done ? put_long(e, (int64_t)bytes.len) && put_raw(e, bytes)
                : fail(e, place, "this is not base64");
    arena_close(&arena);
    return done;
}

static bool encode_fixed(struct encoding *e, const struct site *site, const json_t *value,
                         const struct place *place)
{
    const char *hex = json_string_value(value);
    int64_t size = 0;

    json_member_int64(site->schema, "size", &size);
    if (!hex || strlen(hex) != 2 * (size_t)size ||
        strspn(hex, "0123456789abcdefABCDEF") != strlen(hex))
        return fail(e, place, "%" PRId64 " bytes in hexadecimal are wanted", size);
    for (; *hex; hex += 2) {
        char digits[3] = {hex[0], hex[1], '\0'};
        buffer_put_char(e->out, (char)strtoul(digits, NULL, 16));
    }
    return put_raw(e, TEXT(""));
}

static bool encode_enum(struct encoding *e, const struct site *site, const json_t *value,
                        const struct place *place)
{
    const json_t *symbols = json_object_get(site->schema, "symbols");
    char choices[CHOICES_MAX_SHOWN] = "";
    size_t index;
    json_t *symbol;

    if (!json_is_string(value))
        return mismatch(e, place, value, "a string");
    json_array_foreach(symbols, index, symbol)
    {
        size_t len = strlen(choices);
        if (strcmp(json_string_value(symbol), json_string_value(value)) == 0)
            return put_long(e, (int64_t)index);
        snprintf(choices + len, sizeof choices - len, "%s%s", len ? ", " : "",
                 json_string_value(symbol));
    }
    return fail(e, place, "not one of %s", choices);
}

/* --- what holds other values --------------------------------------------------------------------
 */

static bool check_names(struct encoding *e, const struct site *site, const json_t *value,
                        const struct place *place)
{
    const json_t *fields = json_object_get(site->schema, "fields");
    const char *key;
    json_t *member;

    json_object_foreach((json_t *)(uintptr_t)value, key, member)
    {
        struct nearest nearest = nearest_begin(key);
        bool is_known = false;
        size_t index;
        json_t *field;
        json_array_foreach(fields, index, field)
        {
            const char *name = json_member_z(field, "name");
            is_known = is_known || (name && strcmp(name, key) == 0);
            nearest_offer(&nearest, name);
        }
        if (!is_known)
            return fail(e, place, "%s has no field '%.60s'%s%s%s", codec_branch_name(site), key,
                        nearest.best ? ": did you mean '" : "", nearest.best ? nearest.best : "",
                        nearest.best ? "'?" : "");
    }
    return true;
}

static bool encode_record(struct encoding *e, const struct site *site, const json_t *value,
                          const struct place *place)
{
    size_t index;
    json_t *field;

    if (!json_is_object(value))
        return mismatch(e, place, value, "an object");
    if (!check_names(e, site, value, place))
        return false;
    json_array_foreach(json_object_get(site->schema, "fields"), index, field)
    {
        const char *name = json_member_z(field, "name");
        struct place inner = {.parent = place, .name = name, .depth = place->depth + 1};
        const json_t *member = json_object_get(value, name);
        if (!member)
            member = json_object_get(field, "default");
        if (!member)
            return fail(e, &inner, "missing, and it has no default");
        if (!encode(e, json_object_get(field, "type"), site->space, member, &inner))
            return false;
    }
    return true;
}

static bool encode_array(struct encoding *e, const struct site *site, const json_t *value,
                         const struct place *place)
{
    size_t index;
    json_t *item;

    if (!json_is_array(value))
        return mismatch(e, place, value, "a list");
    if (json_array_size(value) > 0 && !put_long(e, (int64_t)json_array_size(value)))
        return false;
    json_array_foreach(value, index, item)
    {
        struct place inner = {.parent = place, .index = index, .depth = place->depth + 1};
        if (!encode(e, json_object_get(site->schema, "items"), site->space, item, &inner))
            return false;
    }
    return put_long(e, 0);
}

static bool encode_map(struct encoding *e, const struct site *site, const json_t *value,
                       const struct place *place)
{
    const char *key;
    json_t *member;

    if (!json_is_object(value))
        return mismatch(e, place, value, "an object");
    if (json_object_size(value) > 0 && !put_long(e, (int64_t)json_object_size(value)))
        return false;
    json_object_foreach((json_t *)(uintptr_t)value, key, member)
    {
        struct place inner = {.parent = place, .name = key, .depth = place->depth + 1};
        if (!put_string(e, key) ||
            !encode(e, json_object_get(site->schema, "values"), site->space, member, &inner))
            return false;
    }
    return put_long(e, 0);
}

static bool no_branch(struct encoding *e, const struct site *site, const json_t *value,
                      const struct place *place)
{
    char choices[CHOICES_MAX_SHOWN] = "";
    struct nearest nearest =
        nearest_begin(json_object_iter_key(json_object_iter((json_t *)(uintptr_t)value)));
    size_t index;
    json_t *branch;

    json_array_foreach(site->schema, index, branch)
    {
        struct site inner = codec_site(e->codec, branch, site->space);
        size_t len = strlen(choices);
        nearest_offer(&nearest, codec_branch_name(&inner));
        if (inner.type != TYPE_NULL && len < sizeof choices / 2)
            snprintf(choices + len, sizeof choices - len, "%s%s", len ? ", " : "",
                     codec_branch_name(&inner));
    }
    if (json_object_size(value) == 1)
        return fail(e, place, "unknown kind '%.60s'%s%s%s", nearest.wanted,
                    nearest.best ? ": did you mean '" : "", nearest.best ? nearest.best : "",
                    nearest.best ? "'?" : "");
    return fail(e, place, "an object with one member is wanted, named for its kind: %s, ...",
                choices);
}

/* With or without the namespace. */
static bool is_name_of(const char *name, const struct site *branch)
{
    size_t space_len = strlen(branch->space);
    bool has_space =
        space_len && strncmp(name, branch->space, space_len) == 0 && name[space_len] == '.';

    return strcmp(has_space ? name + space_len + 1 : name, codec_branch_name(branch)) == 0;
}

/* A union of several types says by the name of its one member which of them it is. */
static bool encode_choice(struct encoding *e, const struct site *site, const json_t *value,
                          const struct place *place)
{
    const char *name = json_object_iter_key(json_object_iter((json_t *)(uintptr_t)value));
    size_t index;
    json_t *branch;

    json_array_foreach(site->schema, index, branch)
    {
        struct site inner = codec_site(e->codec, branch, site->space);
        struct place below = {.parent = place, .name = name, .depth = place->depth + 1};
        if (inner.type != TYPE_NULL && json_object_size(value) == 1 && is_name_of(name, &inner))
            return put_long(e, (int64_t)index) &&
                   encode(e, branch, site->space, json_object_get(value, name), &below);
    }
    return no_branch(e, site, value, place);
}

static bool encode_union(struct encoding *e, const struct site *site, const json_t *value,
                         const struct place *place)
{
    bool is_choice = codec_choices(site->schema) > 1;
    size_t index;
    json_t *branch;

    if (is_choice && !json_is_null(value))
        return encode_choice(e, site, value, place);
    json_array_foreach(site->schema, index, branch)
    {
        bool is_null = codec_site(e->codec, branch, site->space).type == TYPE_NULL;
        if (is_null == json_is_null(value))
            return put_long(e, (int64_t)index) && encode(e, branch, site->space, value, place);
    }
    return is_choice ? no_branch(e, site, value, place) : fail(e, place, "must not be null");
}

static bool encode_scalar(struct encoding *e, const struct site *site, const json_t *value,
                          const struct place *place)
{
    switch (site->type) {
    case TYPE_NULL:
        return json_is_null(value) || mismatch(e, place, value, "null");
    case TYPE_BOOLEAN:
        return encode_boolean(e, value, place);
    case TYPE_INT:
    case TYPE_LONG:
        return encode_integer(e, site, value, place);
    case TYPE_FLOAT:
    case TYPE_DOUBLE:
        return encode_real(e, site->type, value, place);
    case TYPE_BYTES:
        return encode_bytes(e, value, place);
    case TYPE_STRING:
        return json_is_string(value) ? put_string(e, json_string_value(value))
                                     : mismatch(e, place, value, "a string");
    default:
        return fail(e, place, "the schema names a type that it does not define");
    }
}

static bool encode(struct encoding *e, const json_t *schema, const char *space, const json_t *value,
                   const struct place *place)
{
    struct site site = codec_site(e->codec, schema, space);

    if (place->depth > CODEC_DEPTH_MAX || e->values++ > CODEC_VALUES_MAX)
        return fail(e, place, "too large, or nested too deeply");
    switch (site.type) {
    case TYPE_RECORD:
        return encode_record(e, &site, value, place);
    case TYPE_ARRAY:
        return encode_array(e, &site, value, place);
    case TYPE_MAP:
        return encode_map(e, &site, value, place);
    case TYPE_UNION:
        return encode_union(e, &site, value, place);
    case TYPE_ENUM:
        return encode_enum(e, &site, value, place);
    case TYPE_FIXED:
        return encode_fixed(e, &site, value, place);
    default:
        return encode_scalar(e, &site, value, place);
    }
}

bool codec_encode(const struct codec *codec, const json_t *value, struct buffer *out,
                  struct error *err)
{
    struct encoding e = {.codec = codec, .out = out, .err = err};
    struct place root = {0};

    return encode(&e, codec->root, "", value, &root);
}
