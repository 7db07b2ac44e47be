#include "wire/avro_source.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
    RECORD_BYTES_FIRST = 1024,
    WRITER_MEMORY_MAX = 4 << 20,
};

/* One place of the schema. */
struct source_node {
    avro_type_t type;
    const struct slot *slot;
    struct source_node **children; /* fields; null and the other branch; the item */
    size_t child_count;
    int *symbols; /* enum: the schema's number of each word */
    size_t word_count;
    int unknown;       /* enum: of the symbol UNKNOWN */
    const char *place; /* while writing: where the slot's value lies */
};

struct record_writer {
    struct arena arena;
    avro_schema_t schema;
    struct source_node *root;
    avro_writer_t writer;
};

static struct source_node *compile(struct record_writer *w, avro_schema_t schema,
                                   const struct slot *slot, struct error *err);

/* --- from schema and table to nodes ----------------------------------------------------------- */

static void *mismatch(const struct slot *slot, const char *what, struct error *err)
{
    error_set(err, STATUS_FATAL, NULL, "avro: the embedded schema and its table differ: %s: %s",
              slot->name, what);
    return NULL;
}

static struct source_node *node_new(struct record_writer *w, avro_schema_t schema,
                                    const struct slot *slot, size_t child_count)
{
    struct source_node *node = ARENA_NEW(&w->arena, struct source_node);

    node->type = avro_typeof(schema);
    node->slot = slot;
    node->child_count = child_count;
    node->children = ARENA_ARRAY(&w->arena, struct source_node *, child_count);
    return node;
}

static const struct slot *slot_named(const struct slot *slots, const char *name)
{
    for (; slots->type != SLOT_END; slots++)
        if (strcmp(slots->name, name) == 0)
            return slots;
    return NULL;
}

static struct source_node *compile_record(struct record_writer *w, avro_schema_t schema,
                                          const struct slot *slot, struct error *err)
{
    size_t count = avro_schema_record_size(schema);
    struct source_node *node = node_new(w, schema, slot, count);
    size_t slots = 0;

    while (slot->slots[slots].type != SLOT_END)
        slots++;
    if (slots != count)
        return mismatch(slot, "not the same number of fields", err);
    for (size_t i = 0; i < count; i++) {
        const char *name = avro_schema_record_field_name(schema, (int)i);
        const struct slot *below = slot_named(slot->slots, name);

        if (below == NULL)
            return mismatch(slot, name, err);
        node->children[i] =
            compile(w, avro_schema_record_field_get_by_index(schema, (int)i), below, err);
        if (node->children[i] == NULL)
            return NULL;
    }
    return node;
}

/* Ours are unions of null, first, and one other type. */
static struct source_node *compile_union(struct record_writer *w, avro_schema_t schema,
                                         const struct slot *slot, struct error *err)
{
    struct source_node *node = node_new(w, schema, slot, 2);

    if (avro_schema_union_size(schema) != 2 || !is_avro_null(avro_schema_union_branch(schema, 0)))
        return mismatch(slot, "no union of null and another type", err);
    node->children[0] = node_new(w, avro_schema_union_branch(schema, 0), slot, 0);
    node->children[1] = compile(w, avro_schema_union_branch(schema, 1), slot, err);
    return node->children[1] != NULL ? node : NULL;
}

static struct source_node *compile_enum(struct record_writer *w, avro_schema_t schema,
                                        const struct slot *slot, struct error *err)
{
    struct source_node *node = node_new(w, schema, slot, 0);

    while (slot->words[node->word_count] != NULL)
        node->word_count++;
    node->symbols = ARENA_ARRAY(&w->arena, int, node->word_count);
    for (size_t i = 0; i < node->word_count; i++) {
        node->symbols[i] = avro_schema_enum_get_by_name(schema, slot->words[i]);
        if (node->symbols[i] < 0)
            return mismatch(slot, slot->words[i], err);
    }
    node->unknown = avro_schema_enum_get_by_name(schema, "UNKNOWN");
    return node->unknown >= 0 ? node : mismatch(slot, "no symbol UNKNOWN", err);
}

static struct source_node *compile_list(struct record_writer *w, avro_schema_t schema,
                                        const struct slot *slot, struct error *err)
{
    struct source_node *node = node_new(w, schema, slot, 1);

    node->children[0] = compile(w, avro_schema_array_items(schema), slot, err);
    return node->children[0] != NULL ? node : NULL;
}

static bool slot_fits(const struct slot *slot, avro_schema_t schema)
{
    switch (slot->type) {
    case SLOT_TEXT:
        return is_avro_string(schema);
    case SLOT_BYTES:
        return is_avro_bytes(schema);
    case SLOT_INT:
        return is_avro_int32(schema) || is_avro_int64(schema);
    case SLOT_BOOL:
        return is_avro_boolean(schema);
    case SLOT_ENUM:
        return is_avro_enum(schema);
    case SLOT_FIXED:
        return is_avro_fixed(schema) && avro_schema_fixed_size(schema) == (int64_t)slot->size;
    case SLOT_RECORD:
    case SLOT_OPTIONAL:
        return is_avro_record(schema);
    case SLOT_LIST:
        return is_avro_array(schema) || is_avro_record(schema);
    case SLOT_END:
        break;
    }
    return false;
}

static struct source_node *compile(struct record_writer *w, avro_schema_t schema,
                                   const struct slot *slot, struct error *err)
{
    if (is_avro_link(schema))
        return compile(w, avro_schema_link_target(schema), slot, err);
    if (is_avro_union(schema))
        return compile_union(w, schema, slot, err);
    if (!slot_fits(slot, schema))
        return mismatch(slot, "another type", err);
    if (is_avro_record(schema))
        return compile_record(w, schema, slot, err);
    if (is_avro_enum(schema))
        return compile_enum(w, schema, slot, err);
    if (is_avro_array(schema))
        return compile_list(w, schema, slot, err);
    return node_new(w, schema, slot, 0);
}

enum status record_writer_open(struct record_writer **ret_writer, const char *schema_json,
                               const struct slot *slots, struct error *err)
{
    struct record_writer *w = calloc(1, sizeof *w);
    struct slot *root;

    if (w == NULL)
        return error_set(err, STATUS_FATAL, NULL, "avro: out of memory");
    arena_init(&w->arena, WRITER_MEMORY_MAX, WRITER_MEMORY_MAX);
    w->writer = avro_writer_memory("", 0);
    root = ARENA_NEW(&w->arena, struct slot);
    *root = (struct slot){.name = "record", .type = SLOT_RECORD, .slots = slots};
    if (avro_schema_from_json_length(schema_json, strlen(schema_json), &w->schema) != 0)
        error_set(err, STATUS_FATAL, NULL, "avro: an embedded schema is broken: %s",
                  avro_strerror());
    else
        w->root = compile(w, w->schema, root, err);
    if (w->root == NULL) {
        record_writer_close(w);
        return STATUS_FATAL;
    }
    *ret_writer = w;
    return STATUS_OK;
}

void record_writer_close(struct record_writer *w)
{
    if (w == NULL)
        return;
    if (w->schema != NULL)
        avro_schema_decref(w->schema);
    avro_writer_free(w->writer);
    arena_close(&w->arena);
    free(w);
}

/* --- the source ------------------------------------------------------------------------------- */

static struct source_node *node_of(const void *self)
{
    return (struct source_node *)(uintptr_t)self;
}

static struct text text_at(const struct source_node *node)
{
    return *(const struct text *)(const void *)node->place;
}

static int64_t int_at(const struct source_node *node)
{
    return *(const int64_t *)(const void *)node->place;
}

static const struct list *list_at(const struct source_node *node)
{
    return (const struct list *)(const void *)node->place;
}

static bool is_null(const struct source_node *node)
{
    switch (node->slot->type) {
    case SLOT_TEXT:
    case SLOT_BYTES:
        return text_at(node).data == NULL;
    case SLOT_INT:
        return int_at(node) == INT_NULL;
    case SLOT_ENUM:
        return int_at(node) < 0;
    case SLOT_OPTIONAL:
        return *(const void *const *)(const void *)node->place == NULL;
    default:
        return false;
    }
}

static avro_type_t source_type(const avro_value_iface_t *iface, const void *self)
{
    (void)iface;
    return node_of(self)->type;
}

static int source_null(const avro_value_iface_t *iface, const void *self)
{
    (void)iface;
    (void)self;
    return 0;
}

static int source_boolean(const avro_value_iface_t *iface, const void *self, int *ret_value)
{
    (void)iface;
    *ret_value = *(const bool *)node_of(self)->place;
    return 0;
}

static int source_long(const avro_value_iface_t *iface, const void *self, int64_t *ret_value)
{
    int64_t value = int_at(node_of(self));

    (void)iface;
    *ret_value = value == INT_NULL ? 0 : value;
    return 0;
}

static int source_int(const avro_value_iface_t *iface, const void *self, int32_t *ret_value)
{
    int64_t value;

    source_long(iface, self, &value);
    assert(value >= INT32_MIN && value <= INT32_MAX);
    *ret_value = (int32_t)value;
    return 0;
}

static int source_bytes(const avro_value_iface_t *iface, const void *self, const void **ret_bytes,
                        size_t *ret_size)
{
    struct text text = text_at(node_of(self));

    (void)iface;
    *ret_bytes = text.data != NULL ? text.data : "";
    *ret_size = text.len;
    return 0;
}

/* avro-c counts a NUL behind a string, and does not look at it. */
static int source_string(const avro_value_iface_t *iface, const void *self, const char **ret_string,
                         size_t *ret_size)
{
    struct text text = text_at(node_of(self));

    (void)iface;
    *ret_string = text.data != NULL ? text.data : "";
    *ret_size = text.len + 1;
    return 0;
}

static int source_fixed(const avro_value_iface_t *iface, const void *self, const void **ret_bytes,
                        size_t *ret_size)
{
    const struct source_node *node = node_of(self);

    (void)iface;
    *ret_bytes = *(const void *const *)(const void *)node->place;
    *ret_size = node->slot->size;
    return 0;
}

static int source_enum(const avro_value_iface_t *iface, const void *self, int *ret_symbol)
{
    const struct source_node *node = node_of(self);
    int64_t word = int_at(node);
    bool is_known = word >= 0 && (size_t)word < node->word_count;

    (void)iface;
    *ret_symbol = is_known ? node->symbols[word] : node->unknown;
    return 0;
}

static int source_size(const avro_value_iface_t *iface, const void *self, size_t *ret_size)
{
    const struct source_node *node = node_of(self);

    (void)iface;
    *ret_size = node->type == AVRO_ARRAY ? list_at(node)->count : node->child_count;
    return 0;
}

static int source_child(const avro_value_iface_t *iface, const void *self, size_t index,
                        avro_value_t *ret_child, const char **ret_name)
{
    struct source_node *node = node_of(self);
    struct source_node *child;

    (void)ret_name;
    if (node->type == AVRO_ARRAY) {
        child = node->children[0];
        child->place = (const char *)list_at(node)->items + index * node->slot->size;
    } else {
        child = node->children[index];
        child->place = node->place + child->slot->offset;
    }
    *ret_child = (avro_value_t){(avro_value_iface_t *)(uintptr_t)iface, child};
    return 0;
}

static int source_discriminant(const avro_value_iface_t *iface, const void *self, int *ret_branch)
{
    (void)iface;
    *ret_branch = !is_null(node_of(self));
    return 0;
}

/* An optional struct lies where its slot points to. */
static int source_branch(const avro_value_iface_t *iface, const void *self,
                         avro_value_t *ret_branch)
{
    struct source_node *node = node_of(self);
    bool is_there = !is_null(node);
    struct source_node *branch = node->children[is_there];

    branch->place = node->place;
    if (is_there && node->slot->type == SLOT_OPTIONAL)
        branch->place = *(const char *const *)(const void *)node->place;
    *ret_branch = (avro_value_t){(avro_value_iface_t *)(uintptr_t)iface, branch};
    return 0;
}

static const avro_value_iface_t source = {
    .get_type = source_type,
    .get_null = source_null,
    .get_boolean = source_boolean,
    .get_int = source_int,
    .get_long = source_long,
    .get_bytes = source_bytes,
    .get_string = source_string,
    .get_fixed = source_fixed,
    .get_enum = source_enum,
    .get_size = source_size,
    .get_by_index = source_child,
    .get_discriminant = source_discriminant,
    .get_current_branch = source_branch,
};

void record_writer_write(struct record_writer *w, const void *record, struct buffer *out)
{
    avro_value_t value = {(avro_value_iface_t *)(uintptr_t)&source, w->root};
    size_t room = RECORD_BYTES_FIRST;
    char *place;
    int failed;

    while ((place = buffer_reserve(out, room)) != NULL) {
        w->root->place = record;
        avro_writer_memory_set_dest(w->writer, place, (int64_t)room);
        failed = avro_value_write(w->writer, &value);
        if (failed == 0) {
            out->len += (size_t)avro_writer_tell(w->writer);
            return;
        }
        assert(failed == ENOSPC);
        avro_set_error("%s", "");
        if (room >= out->len_max)
            break;
        room *= 2;
    }
    out->failed = true;
}

struct text uuid_text(const struct uuid *uuid, struct arena *arena)
{
    char *z;

    if (uuid_is_nil(uuid))
        return TEXT_NULL;
    z = arena_alloc(arena, UUID_TEXT_LEN + 1);
    uuid_format(uuid, z);
    return (struct text){z, UUID_TEXT_LEN};
}
