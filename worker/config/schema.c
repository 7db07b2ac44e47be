/* The table of settings as a JSON schema (2020-12), for editors and for checks before a roll-out.
 */
#include "config/setting.h"

#include "wire/json.h"

#include <assert.h>
#include <string.h>

/* Patterns of values with units; a bare 0 needs none. */
static const char DURATION_PATTERN[] = "^(0|-?[0-9]+ *(ms|s|m|h|d))$";
static const char SIZE_PATTERN[] = "^(0|-?[0-9]+ *(B|KiB|MiB|GiB))$";

/* Building a document from a constant table fails only when memory is out. */
static void put(json_t *object, const char *name, json_t *value)
{
    int failed = json_object_set_new(object, name, value);
    assert(failed == 0);
    (void)failed;
}

static json_t *with_units(const char *pattern)
{
    json_t *any = json_array();
    json_array_append_new(any, json_pack("{s:s, s:s}", "type", "string", "pattern", pattern));
    json_array_append_new(any, json_pack("{s:i}", "const", 0));
    return any;
}

static void put_type(json_t *schema, const struct setting *setting)
{
    switch (setting->type) {
    case SETTING_STRING:
        put(schema, "type", json_string("string"));
        break;
    case SETTING_BOOL:
        put(schema, "type", json_string("boolean"));
        break;
    case SETTING_INT:
        put(schema, "type", json_string("integer"));
        put(schema, "minimum", json_integer(setting->min));
        put(schema, "maximum", json_integer(setting->max));
        break;
    case SETTING_DURATION:
        put(schema, "anyOf", with_units(DURATION_PATTERN));
        break;
    case SETTING_SIZE:
        put(schema, "anyOf", with_units(SIZE_PATTERN));
        break;
    case SETTING_ENUM:
        put(schema, "enum", json_array());
        for (int i = 0; setting->names[i] != NULL; i++)
            json_array_append_new(json_object_get(schema, "enum"), json_string(setting->names[i]));
        break;
    case SETTING_LIST:
        put(schema, "type", json_string("array"));
        put(schema, "items", json_pack("{s:s}", "type", "string"));
        break;
    case SETTING_PROPERTIES:
        put(schema, "type", json_string("object"));
        put(schema, "additionalProperties",
            json_pack("{s:[s,s,s]}", "type", "string", "number", "boolean"));
        break;
    }
}

static json_t *new_section(void)
{
    return json_pack("{s:[s,s], s:{}, s:b}", "type", "object", "null", "properties",
                     "additionalProperties", 0);
}

/* The section that holds the last part of `path`, made on the way down when it is not there. */
static json_t *section_of(json_t *root, const char *path, const char **ret_name)
{
    json_t *section = root;
    for (const char *dot; (dot = strchr(path, '.')) != NULL; path = dot + 1) {
        char name[CONFIG_ENVIRONMENT_NAME_MAX];
        size_t len = (size_t)(dot - path);
        assert(len < sizeof(name));
        memcpy(name, path, len);
        name[len] = '\0';
        json_t *properties = json_object_get(section, "properties");
        if (json_object_get(properties, name) == NULL)
            put(properties, name, new_section());
        section = json_object_get(properties, name);
    }
    *ret_name = path;
    return section;
}

static void put_setting(json_t *root, const struct setting *setting, struct arena *arena)
{
    const char *name;
    json_t *properties = json_object_get(section_of(root, setting->path, &name), "properties");
    json_t *schema = json_object();
    put_type(schema, setting);
    put(schema, "description", json_string(setting->doc));
    if (*setting->fallback != '\0' && setting->type != SETTING_LIST)
        put(schema, "x-default", json_string(setting->fallback));
    put(properties, name, schema);
    if (setting->flags & (SETTING_SECRET | SETTING_HAS_SECRET))
        put(properties, text_format(arena, "%s_file", name).data,
            json_pack("{s:s, s:s}", "type", "string", "description",
                      "A file with the value instead of the value."));
}

void config_print_schema(FILE *out)
{
    struct arena arena;
    json_t *root = new_section();
    arena_init(&arena, 1024 * 1024, 0);
    put(root, "$schema", json_string("https://json-schema.org/draft/2020-12/schema"));
    put(root, "title", json_string("provd.yaml"));
    for (size_t i = 0; i < setting_count; i++)
        put_setting(root, &settings[i], &arena);
    json_dumpf(root, out, JSON_INDENT(2));
    fputc('\n', out);
    json_decref(root);
    arena_close(&arena);
}
