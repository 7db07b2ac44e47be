/* From the text of a writer's schema to a tree of nodes that says, for each value in the order of
 * the bytes, where it belongs in struct event. */
#include "base/memory.h"
#include "wire/avro_names.h"
#include "wire/avro_private.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum {
    SCHEMA_NODES_MAX = 50000, /* named types that use others many times would grow without end */
    SCHEMA_MEMORY_MAX = 32 << 20,
    FIXED_BYTES_MAX = 1 << 16,
    FIELD_NAME_MAX = 255,
    PATH_SHOWN_MAX = 200,
};

struct compiling {
    struct writer_schema *schema;
    struct arena *arena; /* the schema's */
    struct names names;
    size_t nodes;
    struct error *err;
};

/* Where the schema that is to be compiled stands. */
struct site {
    struct node *parent;
    const char *name;
    const char *space; /* the namespace around it */
    const struct field *field;
    size_t offset;
    bool is_item; /* of the array that feeds `field` */
    int depth;
};

static struct node *compile_schema(struct compiling *c, const json_t *schema,
                                   const struct site *site);

static const struct field payload_field = {.name = "payload", .type = FIELD_PAYLOAD};
static const struct field root_field = {.name = "", .type = FIELD_EVENT};

/* --- the tree --------------------------------------------------------------------------------- */

static void *fail(struct compiling *c, const struct site *site, const char *reason)
{
    struct node here = {.name = site->name, .parent = site->parent};
    char path[PATH_SHOWN_MAX];

    error_set(c->err, STATUS_FATAL, NULL, "unusable schema: %s: %s",
              node_path(&here, path, sizeof path), reason);
    return NULL;
}

static struct node *node_new(struct compiling *c, const struct site *site, avro_type_t type,
                             enum take take)
{
    struct node *node;

    if (c->nodes++ >= SCHEMA_NODES_MAX)
        return fail(c, site, "the schema is too large when its named types are expanded");
    node = ARENA_NEW(c->arena, struct node);
    node->type = type;
    node->take = take;
    node->name = text_copy(c->arena, text_from(site->name)).data;
    node->parent = site->parent;
    node->field = site->field;
    node->offset = site->offset;
    return node;
}

/* The site of a part of `node` that feeds nothing yet. */
static struct site site_below(struct node *node, const struct site *site, const char *name,
                              const char *space)
{
    return (struct site){.parent = node, .name = name, .space = space, .depth = site->depth + 1};
}

/* --- scalars ---------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    avro_type_t type;
    size_t size;
} primitives[] = {
    {"null", AVRO_NULL, 0},   {"boolean", AVRO_BOOLEAN, 0}, {"int", AVRO_INT32, 0},
    {"long", AVRO_INT64, 0},  {"float", AVRO_FLOAT, 4},     {"double", AVRO_DOUBLE, 8},
    {"bytes", AVRO_BYTES, 0}, {"string", AVRO_STRING, 0},
};

static struct node *compile_primitive(struct compiling *c, const char *name, const char *logical,
                                      const struct site *site)
{
    enum take take = TAKE_NOTHING;
    struct node *node;
    size_t i = 0;

    while (strcmp(primitives[i].name, name) != 0)
        i++;
    if (site->field != NULL && primitives[i].type != AVRO_NULL) {
        take = site->is_item ? take_of_item(site->field, primitives[i].type)
                             : take_of_scalar(site->field, primitives[i].type, logical);
        if (take == TAKE_NOTHING)
            return fail(c, site, "its type cannot hold what is meant by this field");
    }
    node = node_new(c, site, primitives[i].type, take);
    if (node == NULL)
        return NULL;
    node->size = primitives[i].size;
    node->can_be_empty = primitives[i].type == AVRO_NULL;
    return node;
}

/* --- records ---------------------------------------------------------------------------------- */

static struct node *compile_field(struct compiling *c, const json_t *json, struct node *record,
                                  const struct field *fields, const struct site *site)
{
    const char *name = json_member_z(json, "name");
    struct site below = site_below(record, site, name, site->space);

    if (name == NULL || !names_is_word(name) || strlen(name) > FIELD_NAME_MAX)
        return fail(c, site, "a field has no valid name");
    if (fields == event_fields && strcmp(name, payload_field.name) == 0)
        below.field = &payload_field;
    else if (fields != NULL)
        below.field = fields_find(fields, name, &below.offset);
    return compile_schema(c, json_object_get(json, "type"), &below);
}

/* `site->space` is the record's own namespace here. */
static struct node *compile_record(struct compiling *c, const json_t *definition, const char *name,
                                   const struct site *site)
{
    const json_t *json_fields = json_object_get(definition, "fields");
    struct node *node = node_new(c, site, AVRO_RECORD, TAKE_NOTHING);
    const struct field *fields = NULL;

    if (node == NULL)
        return NULL;
    if (!json_is_array(json_fields))
        return fail(c, site, "a record has no fields");
    if (site->is_item || !record_fits(site->field, name, node, &fields))
        return fail(c, site, "a record cannot hold what is meant by this field");
    node->child_count = json_array_size(json_fields);
    node->children = ARENA_ARRAY(c->arena, struct node *, node->child_count);
    node->can_be_empty = true;
    for (size_t i = 0; i < node->child_count; i++) {
        node->children[i] = compile_field(c, json_array_get(json_fields, i), node, fields, site);
        if (node->children[i] == NULL)
            return NULL;
        node->can_be_empty = node->can_be_empty && node->children[i]->can_be_empty;
    }
    return node;
}

/* --- enums and fixed -------------------------------------------------------------------------- */

static struct node *compile_enum(struct compiling *c, const json_t *definition,
                                 const struct site *site)
{
    const json_t *symbols = json_object_get(definition, "symbols");
    struct node *node = node_new(c, site, AVRO_ENUM, TAKE_NOTHING);

    if (node == NULL)
        return NULL;
    if (site->field != NULL) {
        if (!(site->is_item ? site->field->type == FIELD_MASK : site->field->type == FIELD_ENUM))
            return fail(c, site, "an enum cannot hold what is meant by this field");
        node->take = site->is_item ? TAKE_BIT : TAKE_ENUM;
    }
    node->symbol_count = json_array_size(symbols);
    c->nodes += node->symbol_count;
    if (node->symbol_count == 0 || c->nodes > SCHEMA_NODES_MAX)
        return fail(c, site, "an enum has no symbols or too many");
    node->symbols = ARENA_ARRAY(c->arena, int32_t, node->symbol_count);
    for (size_t i = 0; i < node->symbol_count; i++) {
        const char *symbol = json_string_value(json_array_get(symbols, i));

        if (symbol == NULL || !names_is_word(symbol))
            return fail(c, site, "an enum has a symbol that is no valid name");
        node->symbols[i] = word_index(site->field != NULL ? site->field->symbols : NULL, symbol);
    }
    return node;
}

static struct node *compile_fixed(struct compiling *c, const json_t *definition,
                                  const struct site *site)
{
    struct node *node = node_new(c, site, AVRO_FIXED, TAKE_NOTHING);
    int64_t size;

    if (node == NULL)
        return NULL;
    if (site->field != NULL)
        return fail(c, site, "a fixed cannot hold what is meant by this field");
    if (!json_member_int64(definition, "size", &size) || size < 1 || size > FIXED_BYTES_MAX)
        return fail(c, site, "a fixed has no size from 1 to 65536");
    node->size = (size_t)size;
    return node;
}

/* --- arrays, maps, unions --------------------------------------------------------------------- */

static struct node *list_new(struct compiling *c, const struct site *site, avro_type_t type,
                             enum take take)
{
    struct node *list = node_new(c, site, type, take);

    if (list == NULL)
        return NULL;
    list->child_count = type == AVRO_MAP ? 2 : 1;
    list->children = ARENA_ARRAY(c->arena, struct node *, list->child_count);
    return list;
}

static struct node *compile_array(struct compiling *c, const json_t *object,
                                  const struct site *site)
{
    bool is_mask = site->field != NULL && site->field->type == FIELD_MASK;
    struct node *list = list_new(c, site, AVRO_ARRAY, is_mask ? TAKE_MASK : TAKE_NOTHING);
    struct site below = site_below(list, site, NULL, site->space);

    if (list == NULL)
        return NULL;
    if (site->field != NULL) {
        if (site->is_item || (!is_mask && site->field->type != FIELD_TEXTS))
            return fail(c, site, "an array cannot hold what is meant by this field");
        below.field = site->field;
        below.is_item = true;
    }
    list->children[0] = compile_schema(c, json_object_get(object, "items"), &below);
    if (list->children[0] == NULL)
        return NULL;
    if (list->children[0]->can_be_empty)
        return fail(c, site, "an array of items that take no bytes could be of any length");
    return list;
}

static struct node *compile_map(struct compiling *c, const json_t *object, const struct site *site)
{
    struct node *map = list_new(c, site, AVRO_MAP, TAKE_NOTHING);
    struct site below = site_below(map, site, NULL, site->space);

    if (map == NULL)
        return NULL;
    if (site->field != NULL)
        return fail(c, site, "a map cannot hold what is meant by this field");
    map->children[0] = node_new(c, &below, AVRO_STRING, TAKE_NOTHING);
    if (map->children[0] == NULL)
        return NULL;
    map->children[1] = compile_schema(c, json_object_get(object, "values"), &below);
    return map->children[1] != NULL ? map : NULL;
}

static struct node *compile_union(struct compiling *c, const json_t *branches,
                                  const struct site *site)
{
    struct node *node = node_new(c, site, AVRO_UNION, TAKE_NOTHING);
    struct site below = site_below(node, site, NULL, site->space);

    if (node == NULL)
        return NULL;
    node->child_count = json_array_size(branches);
    if (node->child_count == 0)
        return fail(c, site, "a union has no branches");
    node->children = ARENA_ARRAY(c->arena, struct node *, node->child_count);
    below.field = site->field;
    below.is_item = site->is_item;
    for (size_t i = 0; i < node->child_count; i++) {
        const json_t *branch = json_array_get(branches, i);

        if (json_is_array(branch))
            return fail(c, site, "a union stands directly in a union");
        node->children[i] = compile_schema(c, branch, &below);
        if (node->children[i] == NULL)
            return NULL;
    }
    return node;
}

/* --- named types ------------------------------------------------------------------------------ */

static const char *short_name(const char *fullname)
{
    const char *dot = strrchr(fullname, '.');

    return dot != NULL ? dot + 1 : fullname;
}

/* Branches are named in messages by their record. */
static bool is_branch(const struct site *site)
{
    return site->name == NULL && site->parent != NULL && site->parent->type == AVRO_UNION;
}

static struct node *compile_named(struct compiling *c, struct named_type *named,
                                  const struct site *site)
{
    const char *type = json_member_z(named->definition, "type");
    char space[AVRO_FULLNAME_MAX + 1];
    struct site inner = *site;
    struct node *node;

    if (named->is_open)
        return fail(c, site,
                    "the type contains itself: no depth of such an event could be bounded");
    names_space(named->fullname, space);
    inner.space = space;
    if (is_branch(site))
        inner.name = short_name(named->fullname);
    named->is_open = true;
    if (strcmp(type, "enum") == 0)
        node = compile_enum(c, named->definition, &inner);
    else if (strcmp(type, "fixed") == 0)
        node = compile_fixed(c, named->definition, &inner);
    else
        node = compile_record(c, named->definition, short_name(named->fullname), &inner);
    named->is_open = false;
    return node;
}

static struct node *compile_definition(struct compiling *c, const json_t *definition,
                                       const struct site *site)
{
    char fullname[AVRO_FULLNAME_MAX + 1];
    struct named_type *named;

    if (!names_of_definition(definition, site->space, fullname))
        return fail(c, site, "a record, enum or fixed has no valid name");
    named = names_add(&c->names, fullname, definition);
    if (named == NULL)
        return fail(c, site, "a type is defined twice, or there are too many");
    return compile_named(c, named, site);
}

static struct node *compile_name(struct compiling *c, const char *name, const char *logical,
                                 const struct site *site)
{
    char fullname[AVRO_FULLNAME_MAX + 1];
    struct named_type *named;

    if (names_is_primitive(name))
        return compile_primitive(c, name, logical, site);
    named = names_resolve(name, site->space, fullname) ? names_find(&c->names, fullname) : NULL;
    if (named == NULL)
        return fail(c, site, "its type is not defined anywhere before it");
    return compile_named(c, named, site);
}

static struct node *compile_object(struct compiling *c, const json_t *object,
                                   const struct site *site)
{
    const json_t *type = json_object_get(object, "type");
    const char *name = json_string_value(type);

    if (name == NULL) {
        struct site deeper = *site;

        deeper.depth++;
        return compile_schema(c, type, &deeper);
    }
    if (strcmp(name, "array") == 0)
        return compile_array(c, object, site);
    if (strcmp(name, "map") == 0)
        return compile_map(c, object, site);
    if (strcmp(name, "record") == 0 || strcmp(name, "error") == 0 || strcmp(name, "enum") == 0 ||
        strcmp(name, "fixed") == 0)
        return compile_definition(c, object, site);
    return compile_name(c, name, json_member_z(object, "logicalType"), site);
}

static struct node *compile_schema(struct compiling *c, const json_t *schema,
                                   const struct site *site)
{
    if (site->depth > AVRO_SCHEMA_DEPTH_MAX)
        return fail(c, site, "types are nested too deeply");
    if (json_is_string(schema))
        return compile_name(c, json_string_value(schema), NULL, site);
    if (json_is_array(schema))
        return compile_union(c, schema, site);
    if (json_is_object(schema))
        return compile_object(c, schema, site);
    return fail(c, site, "it has no type");
}

/* --- the whole -------------------------------------------------------------------------------- */

static bool has_field(const struct node *record, const char *name)
{
    for (size_t i = 0; i < record->child_count; i++)
        if (strcmp(record->children[i]->name, name) == 0 && record->children[i]->field != NULL)
            return true;
    return false;
}

static struct node *compile_root(struct compiling *c, const json_t *document, bool is_event)
{
    struct site site = {.space = "", .field = is_event ? &root_field : NULL};
    struct node *root = compile_schema(c, document, &site);

    if (root == NULL || !is_event)
        return root;
    if (root->type != AVRO_RECORD || !has_field(root, "payload") || !has_field(root, "event_id"))
        return fail(c, &site, "it is no record with the fields event_id and payload");
    return root;
}

static struct writer_schema *schema_new(void)
{
    struct writer_schema *schema = memory_zalloc("schemas", 1, sizeof *schema);

    arena_init(&schema->arena, SCHEMA_MEMORY_MAX, SCHEMA_MEMORY_MAX);
    return schema;
}

static bool schema_fill(struct writer_schema *schema, struct text json, bool is_event,
                        struct error *err)
{
    struct compiling c = {.schema = schema, .arena = &schema->arena, .err = err};
    json_t *document = json_from_text(json, AVRO_SCHEMA_BYTES_MAX, err);

    if (document == NULL) {
        error_prefix(err, STATUS_FATAL, "unusable schema");
        return false;
    }
    names_open(&c.names);
    schema->root = compile_root(&c, document, is_event);
    names_close(&c.names);
    json_decref(document);
    return schema->root != NULL;
}

static struct writer_schema *compile(struct text json, bool is_event, struct error *err)
{
    struct writer_schema *schema = schema_new();

    if (!schema_fill(schema, json, is_event, err)) {
        writer_schema_close(schema);
        return NULL;
    }
    return schema;
}

struct writer_schema *writer_schema_compile(struct text json, struct error *err)
{
    return compile(json, true, err);
}

struct writer_schema *checking_schema_compile(struct text json, struct error *err)
{
    return compile(json, false, err);
}

void writer_schema_close(struct writer_schema *schema)
{
    if (schema == NULL)
        return;
    arena_close(&schema->arena);
    free(schema);
}
