#include "wire/avro_references.h"

#include "wire/avro_names.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static json_t *resolved(struct references *references, json_t *schema, const char *space,
                        int depth);

bool references_are_full(const struct references *references)
{
    return references->count == REFERENCES_MAX;
}

void references_add(struct references *references, json_t *schema)
{
    assert(!references_are_full(references));
    references->schemas[references->count++] = schema;
}

void references_release(struct references *references)
{
    for (size_t i = 0; i < references->count; i++)
        json_decref(references->schemas[i]);
    references->count = 0;
}

bool references_resolve(struct references *references, json_t *root, struct buffer *out)
{
    json_t *whole = resolved(references, root, "", 0);
    char *text = json_dumps(whole, JSON_COMPACT | JSON_ENCODE_ANY);

    if (text != NULL)
        buffer_put_text(out, text_from(text));
    free(text);
    json_decref(whole);
    return text != NULL && !out->failed;
}

/* A definition with its namespace spelled out: where it is put in, another one is around it. */
static json_t *placed(struct references *references, json_t *definition, int depth)
{
    json_t *copy = json_deep_copy(definition);
    const char *name = json_member_z(copy, "name");
    json_t *whole;

    if (name != NULL && strchr(name, '.') == NULL && json_member_z(copy, "namespace") == NULL)
        json_object_set_new(copy, "namespace", json_string(""));
    whole = resolved(references, copy, "", depth + 1);
    json_decref(copy);
    return whole;
}

/* The definition for a name at its first use; the name itself later, or when it is none of ours. */
static json_t *resolved_name(struct references *references, json_t *name, const char *space,
                             int depth)
{
    char wanted[AVRO_FULLNAME_MAX + 1], given[AVRO_FULLNAME_MAX + 1];

    if (names_is_primitive(json_string_value(name)) ||
        !names_resolve(json_string_value(name), space, wanted))
        return json_incref(name);
    for (size_t i = 0; i < references->count; i++) {
        if (references->is_used[i] || !names_of_definition(references->schemas[i], "", given) ||
            strcmp(wanted, given) != 0)
            continue;
        references->is_used[i] = true;
        return placed(references, references->schemas[i], depth);
    }
    return json_incref(name);
}

/* Replaces a member that holds a schema. */
static void resolve_member(struct references *references, json_t *object, const char *member,
                           const char *space, int depth)
{
    json_t *schema = json_object_get(object, member);

    if (schema != NULL)
        json_object_set_new(object, member, resolved(references, schema, space, depth + 1));
}

static void resolve_object(struct references *references, json_t *object, const char *space,
                           int depth)
{
    char fullname[AVRO_FULLNAME_MAX + 1], inner[AVRO_FULLNAME_MAX + 1];
    json_t *fields = json_object_get(object, "fields");

    if (json_is_array(fields) && names_of_definition(object, space, fullname)) {
        names_space(fullname, inner);
        for (size_t i = 0; i < json_array_size(fields); i++)
            resolve_member(references, json_array_get(fields, i), "type", inner, depth);
        return;
    }
    resolve_member(references, object, "items", space, depth);
    resolve_member(references, object, "values", space, depth);
    /* {"type": "a.Name"} and {"type": {..}}; the words of the specification are no names of ours.
     */
    resolve_member(references, object, "type", space, depth);
}

/* A new reference to the schema with everything put in. */
static json_t *resolved(struct references *references, json_t *schema, const char *space, int depth)
{
    if (depth > AVRO_SCHEMA_DEPTH_MAX)
        return json_incref(schema);
    if (json_is_string(schema))
        return resolved_name(references, schema, space, depth);
    if (json_is_array(schema)) {
        for (size_t i = 0; i < json_array_size(schema); i++)
            json_array_set_new(schema, i,
                               resolved(references, json_array_get(schema, i), space, depth + 1));
    } else if (json_is_object(schema)) {
        resolve_object(references, schema, space, depth);
    }
    return json_incref(schema);
}
