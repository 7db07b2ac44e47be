/* Parsing canonical form and CRC-64-AVRO (Avro specification, "Transforming into Parsing Canonical
 * Form" and "Schema Fingerprints"): two writings of the same schema have the same bytes and
 * fingerprint. */
#include "wire/avro.h"

#include "wire/avro_names.h"

#include <inttypes.h>
#include <string.h>

#define CRC64_AVRO_EMPTY UINT64_C(0xc15d213aa4d7a795)

struct canonical {
    struct names names;
    struct buffer *out;
};

static bool put_schema(struct canonical *c, const json_t *schema, const char *space, int depth);
static bool put_object(struct canonical *c, const json_t *object, const char *space, int depth);
static bool put_definition(struct canonical *c, const json_t *object, const char *type,
                           const char *space, int depth);
static uint64_t crc64_avro(struct text bytes);

bool schema_canonical(struct text json, struct buffer *out)
{
    json_t *document = json_from_text(json, AVRO_SCHEMA_BYTES_MAX, NULL);
    struct canonical c = {.out = out};
    names_open(&c.names);
    bool is_schema = document != NULL && put_schema(&c, document, "", 0);

    names_close(&c.names);
    json_decref(document);
    return is_schema && !out->failed;
}

bool schema_fingerprint(struct text json, uint64_t *ret_fingerprint)
{
    struct buffer canonical;
    bool is_schema;

    buffer_init(&canonical, AVRO_SCHEMA_BYTES_MAX);
    is_schema = schema_canonical(json, &canonical);
    if (is_schema)
        *ret_fingerprint = crc64_avro(buffer_text(&canonical));
    buffer_close(&canonical);
    return is_schema;
}

static bool put_name(struct canonical *c, const char *name, const char *space)
{
    char fullname[AVRO_FULLNAME_MAX + 1];

    if (names_is_primitive(name)) {
        buffer_printf(c->out, "\"%s\"", name);
        return true;
    }
    if (!names_resolve(name, space, fullname) || names_find(&c->names, fullname) == NULL)
        return false;
    buffer_printf(c->out, "\"%s\"", fullname);
    return true;
}

static bool put_union(struct canonical *c, const json_t *branches, const char *space, int depth)
{
    buffer_put_char(c->out, '[');
    for (size_t i = 0; i < json_array_size(branches); i++) {
        if (i > 0)
            buffer_put_char(c->out, ',');
        if (!put_schema(c, json_array_get(branches, i), space, depth))
            return false;
    }
    buffer_put_char(c->out, ']');
    return true;
}

static bool put_schema(struct canonical *c, const json_t *schema, const char *space, int depth)
{
    if (depth > AVRO_SCHEMA_DEPTH_MAX)
        return false;
    if (json_is_string(schema))
        return put_name(c, json_string_value(schema), space);
    if (json_is_array(schema))
        return put_union(c, schema, space, depth + 1);
    return json_is_object(schema) && put_object(c, schema, space, depth + 1);
}

static bool put_object(struct canonical *c, const json_t *object, const char *space, int depth)
{
    const json_t *type = json_object_get(object, "type");
    const char *name = json_string_value(type);
    bool is_array = name != NULL && strcmp(name, "array") == 0;

    if (name == NULL)
        return put_schema(c, type, space, depth);
    if (is_array || strcmp(name, "map") == 0) {
        const char *member = is_array ? "items" : "values";

        buffer_printf(c->out, "{\"type\":\"%s\",\"%s\":", name, member);
        if (!put_schema(c, json_object_get(object, member), space, depth))
            return false;
        buffer_put_char(c->out, '}');
        return true;
    }
    if (strcmp(name, "record") == 0 || strcmp(name, "error") == 0 || strcmp(name, "enum") == 0 ||
        strcmp(name, "fixed") == 0)
        return put_definition(c, object, name, space, depth);
    return put_name(c, name, space);
}

static bool put_fields(struct canonical *c, const json_t *fields, const char *space, int depth)
{
    if (!json_is_array(fields))
        return false;
    buffer_printf(c->out, ",\"fields\":[");
    for (size_t i = 0; i < json_array_size(fields); i++) {
        const json_t *field = json_array_get(fields, i);
        const char *name = json_member_z(field, "name");

        if (name == NULL || !names_is_word(name))
            return false;
        buffer_printf(c->out, "%s{\"name\":\"%s\",\"type\":", i > 0 ? "," : "", name);
        if (!put_schema(c, json_object_get(field, "type"), space, depth))
            return false;
        buffer_put_char(c->out, '}');
    }
    buffer_put_char(c->out, ']');
    return true;
}

static bool put_symbols(struct canonical *c, const json_t *symbols)
{
    if (!json_is_array(symbols))
        return false;
    buffer_printf(c->out, ",\"symbols\":[");
    for (size_t i = 0; i < json_array_size(symbols); i++) {
        const char *symbol = json_string_value(json_array_get(symbols, i));

        if (symbol == NULL || !names_is_word(symbol))
            return false;
        buffer_printf(c->out, "%s\"%s\"", i > 0 ? "," : "", symbol);
    }
    buffer_put_char(c->out, ']');
    return true;
}

static bool put_definition(struct canonical *c, const json_t *object, const char *type,
                           const char *space, int depth)
{
    char fullname[AVRO_FULLNAME_MAX + 1], inner_space[AVRO_FULLNAME_MAX + 1];
    int64_t size;
    bool is_put;

    if (!names_of_definition(object, space, fullname) ||
        names_add(&c->names, fullname, object) == NULL)
        return false;
    names_space(fullname, inner_space);
    buffer_printf(c->out, "{\"name\":\"%s\",\"type\":\"%s\"", fullname, type);
    if (strcmp(type, "enum") == 0) {
        is_put = put_symbols(c, json_object_get(object, "symbols"));
    } else if (strcmp(type, "fixed") == 0) {
        is_put = json_member_int64(object, "size", &size);
        if (is_put)
            buffer_printf(c->out, ",\"size\":%" PRId64, size);
    } else {
        is_put = put_fields(c, json_object_get(object, "fields"), inner_space, depth);
    }
    buffer_put_char(c->out, '}');
    return is_put;
}

static uint64_t crc64_avro(struct text bytes)
{
    static uint64_t table[256];
    uint64_t crc = CRC64_AVRO_EMPTY;

    if (table[1] == 0) {
        for (uint64_t i = 0; i < 256; i++) {
            table[i] = i;
            for (int bit = 0; bit < 8; bit++)
                table[i] = (table[i] >> 1) ^ (CRC64_AVRO_EMPTY & -(table[i] & 1));
        }
    }
    for (size_t i = 0; i < bytes.len; i++)
        crc = (crc >> 8) ^ table[(crc ^ (uint8_t)bytes.data[i]) & 0xff];
    return crc;
}
