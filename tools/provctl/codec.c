#include "codec_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name;
    enum codec_type type;
} types[] = {
    {"null", TYPE_NULL},   {"boolean", TYPE_BOOLEAN}, {"int", TYPE_INT},
    {"long", TYPE_LONG},   {"float", TYPE_FLOAT},     {"double", TYPE_DOUBLE},
    {"bytes", TYPE_BYTES}, {"string", TYPE_STRING},   {"record", TYPE_RECORD},
    {"enum", TYPE_ENUM},   {"array", TYPE_ARRAY},     {"map", TYPE_MAP},
    {"fixed", TYPE_FIXED},
};

enum codec_type codec_type_named(const char *name)
{
    for (size_t i = 0; name && i < sizeof types / sizeof *types; i++) {
        if (strcmp(types[i].name, name) == 0)
            return types[i].type;
    }
    return TYPE_UNKNOWN;
}

static bool is_named(enum codec_type type)
{
    return type == TYPE_RECORD || type == TYPE_ENUM || type == TYPE_FIXED;
}

/* "space.name", unless the name has dots or there is no namespace. */
static void full_name(const char *name, const char *space, char ret_name[CODEC_NAME_MAX])
{
    bool is_full = strchr(name, '.') != NULL || *space == '\0';

    snprintf(ret_name, CODEC_NAME_MAX, "%.200s%s%.300s", is_full ? "" : space, is_full ? "" : ".",
             name);
}

/* The namespace that holds inside a definition. */
static void inner_space(const json_t *definition, const char *space, char ret_space[CODEC_NAME_MAX])
{
    const char *own = json_member_z(definition, "namespace");
    const char *name = json_member_z(definition, "name");
    const char *dot = name ? strrchr(name, '.') : NULL;

    if (dot)
        snprintf(ret_space, CODEC_NAME_MAX, "%.*s", (int)(dot - name), name);
    else
        snprintf(ret_space, CODEC_NAME_MAX, "%s", own ? own : space);
}

static bool collect(struct codec *codec, json_t *schema, const char *space, int depth,
                    struct error *err);

static bool collect_all(struct codec *codec, json_t *schemas, const char *space, int depth,
                        struct error *err)
{
    size_t index;
    json_t *item;

    json_array_foreach(schemas, index, item)
    {
        if (!collect(codec, item, space, depth, err))
            return false;
    }
    return true;
}

static bool collect_definition(struct codec *codec, json_t *schema, const char *space, int depth,
                               struct error *err)
{
    enum codec_type type = codec_type_named(json_member_z(schema, "type"));
    char inner[CODEC_NAME_MAX];
    size_t index;
    json_t *field;

    inner_space(schema, space, inner);
    if (is_named(type)) {
        char name[CODEC_NAME_MAX];
        if (!json_member_z(schema, "name")) {
            error_set(err, STATUS_FATAL, NULL, "a type of the schema has no name");
            return false;
        }
        full_name(json_member_z(schema, "name"), inner, name);
        json_object_set(codec->names, name, schema);
    }
    json_array_foreach(json_object_get(schema, "fields"), index, field)
    {
        if (!collect(codec, json_object_get(field, "type"), inner, depth + 1, err))
            return false;
    }
    if (type == TYPE_ARRAY)
        return collect(codec, json_object_get(schema, "items"), space, depth + 1, err);
    if (type == TYPE_MAP)
        return collect(codec, json_object_get(schema, "values"), space, depth + 1, err);
    if (type == TYPE_UNKNOWN) /* {"type": {"type": ...}} */
        return collect(codec, json_object_get(schema, "type"), space, depth + 1, err);
    return true;
}

/* Remembers the definitions of all named types. */
static bool collect(struct codec *codec, json_t *schema, const char *space, int depth,
                    struct error *err)
{
    if (depth > CODEC_DEPTH_MAX || !schema) {
        error_set(err, STATUS_FATAL, NULL, "the schema is %s",
                  schema ? "nested too deeply" : "incomplete");
        return false;
    }
    if (json_is_array(schema))
        return collect_all(codec, schema, space, depth + 1, err);
    if (json_is_object(schema))
        return collect_definition(codec, schema, space, depth + 1, err);
    if (json_is_string(schema))
        return true;
    error_set(err, STATUS_FATAL, NULL, "the schema holds something that is no type");
    return false;
}

struct codec *codec_open(struct text schema, struct error *err)
{
    struct codec *codec = calloc(1, sizeof *codec);

    if (!codec) {
        error_set(err, STATUS_RETRY, NULL, "out of memory");
        return NULL;
    }
    codec->names = json_object();
    codec->root = json_from_text(schema, CODEC_SCHEMA_BYTES_MAX, err);
    if (!codec->root || !collect(codec, codec->root, "", 0, err)) {
        error_prefix(err, STATUS_FATAL, "Avro schema");
        codec_close(codec);
        return NULL;
    }
    return codec;
}

void codec_close(struct codec *codec)
{
    if (!codec)
        return;
    json_decref(codec->names);
    json_decref(codec->root);
    free(codec);
}

static const json_t *find_definition(const struct codec *codec, const char *name, const char *space)
{
    char full[CODEC_NAME_MAX];
    const json_t *found;

    full_name(name, space, full);
    found = json_object_get(codec->names, full);
    return found ? found : json_object_get(codec->names, name);
}

struct site codec_site(const struct codec *codec, const json_t *schema, const char *space)
{
    struct site site = {.schema = schema};

    snprintf(site.space, sizeof site.space, "%s", space);
    for (int hops = 0; hops < CODEC_DEPTH_MAX; hops++) {
        const json_t *type = json_object_get(site.schema, "type");
        if (json_is_array(site.schema)) {
            site.type = TYPE_UNION;
            return site;
        }
        const char *name =
            json_is_object(site.schema) ? json_string_value(type) : json_string_value(site.schema);
        site.type = codec_type_named(name);
        if (is_named(site.type) && json_is_object(site.schema))
            inner_space(site.schema, space, site.space);
        if (site.type != TYPE_UNKNOWN)
            return site;
        site.schema = name ? find_definition(codec, name, site.space) : type;
        if (!site.schema)
            return site;
    }
    return site;
}

const char *codec_branch_name(const struct site *site)
{
    const char *name = json_is_object(site->schema) ? json_member_z(site->schema, "name") : NULL;
    const char *dot = name ? strrchr(name, '.') : NULL;

    if (dot)
        return dot + 1;
    if (name)
        return name;
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        if (types[i].type == site->type)
            return types[i].name;
    }
    return "union";
}

size_t codec_choices(const json_t *branches)
{
    size_t count = 0;
    size_t index;
    json_t *branch;

    json_array_foreach(branches, index, branch)
    {
        const char *name = json_string_value(branch);
        count += !name || strcmp(name, "null") != 0;
    }
    return count;
}

int64_t codec_time_factor(const json_t *schema)
{
    const char *logical = json_is_object(schema) ? json_member_z(schema, "logicalType") : NULL;

    if (!logical)
        return 0;
    return strcmp(logical, "timestamp-micros") == 0   ? 1
           : strcmp(logical, "timestamp-millis") == 0 ? 1000
                                                      : 0;
}

const char *place_text(const struct place *place, char *buffer, size_t size)
{
    size_t len;

    if (!place || (!place->parent && !place->name)) {
        *buffer = '\0';
        return buffer;
    }
    place_text(place->parent, buffer, size);
    len = strlen(buffer);
    if (place->name)
        snprintf(buffer + len, size - len, "%s%s", len ? "." : "", place->name);
    else
        snprintf(buffer + len, size - len, "[%zu]", place->index);
    return buffer;
}
