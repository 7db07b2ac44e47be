#include "wire/avro_source.h"

#include "base/memory.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { WRITER_MEMORY_MAX = 4 << 20 };

/* One place of the schema. */
struct source_node {
    avro_type_t type;
    const struct slot *slot;
    struct source_node **children; /* fields; null and the other branch; the item */
    size_t child_count;
    int *symbols; /* enum: the schema's number of each word */
    size_t word_count;
    int unknown; /* enum: of the symbol UNKNOWN */
};

struct record_writer {
    struct arena arena;
    avro_schema_t schema;
    struct source_node *root;
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

/* avro-c looks at none of its own small allocations. */
static void *allocate(void *user, void *old, size_t old_size, size_t size)
{
    (void)user, (void)old_size;
    if (size > 0)
        return memory_resize("avro", old, size);
    free(old);
    return NULL;
}

enum status record_writer_open(struct record_writer **ret_writer, const char *schema_json,
                               const struct slot *slots, struct error *err)
{
    struct record_writer *w = calloc(1, sizeof *w);
    struct slot *root;

    if (w == NULL)
        return error_set(err, STATUS_RETRY, NULL, "avro: out of memory");
    arena_init(&w->arena, WRITER_MEMORY_MAX, WRITER_MEMORY_MAX);
    root = ARENA_NEW(&w->arena, struct slot);
    *root = (struct slot){.name = "record", .type = SLOT_RECORD, .slots = slots};
    avro_set_allocator(allocate, NULL);
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
    arena_close(&w->arena);
    free(w);
}

/* --- writing ------------------------------------------------------------------------------------
 *
 * Not by avro-c's writer, which asks for each value through four calls and its own checks: that
 * took most of the time of a result. tests/unit reads everything back with avro-c. */

static void write_node(const struct source_node *node, const char *place, struct buffer *out);

enum { LONG_BYTES_MAX = 10 };

/* Zigzag: small numbers of either sign become short. Returns where it ends. */
static char *put_long(char *at, int64_t value)
{
    uint64_t left = ((uint64_t)value << 1) ^ (uint64_t)(value >> 63);

    for (; left > 0x7f; left >>= 7)
        *at++ = (char)(left | 0x80);
    *at++ = (char)left;
    return at;
}

static void write_long(struct buffer *out, int64_t value)
{
    char *at = buffer_reserve(out, LONG_BYTES_MAX);

    if (at != NULL)
        out->len = (size_t)(put_long(at, value) - out->data);
}

static int64_t int_at(const char *place)
{
    return *(const int64_t *)(const void *)place;
}

static struct text text_at(const char *place)
{
    return *(const struct text *)(const void *)place;
}

static const char *pointer_at(const char *place)
{
    return *(const char *const *)(const void *)place;
}

static bool is_null(const struct slot *slot, const char *place)
{
    switch (slot->type) {
    case SLOT_TEXT:
    case SLOT_BYTES:
        return text_at(place).data == NULL;
    case SLOT_INT:
        return int_at(place) == INT_NULL;
    case SLOT_ENUM:
        return int_at(place) < 0;
    case SLOT_OPTIONAL:
        return pointer_at(place) == NULL;
    default:
        return false;
    }
}

static void write_text(struct buffer *out, struct text text)
{
    char *at = buffer_reserve(out, LONG_BYTES_MAX + text.len);

    if (at == NULL)
        return;
    at = put_long(at, (int64_t)text.len);
    if (text.len > 0)
        memcpy(at, text.data, text.len);
    out->len = (size_t)(at + text.len - out->data);
}

static void write_int(const struct source_node *node, int64_t value, struct buffer *out)
{
    if (value == INT_NULL)
        value = 0;
    assert(node->type == AVRO_INT64 || (value >= INT32_MIN && value <= INT32_MAX));
    write_long(out, value);
}

static void write_enum(const struct source_node *node, int64_t word, struct buffer *out)
{
    bool is_known = word >= 0 && (size_t)word < node->word_count;

    write_long(out, is_known ? node->symbols[word] : node->unknown);
}

/* An optional struct lies where its slot points to. */
static void write_union(const struct source_node *node, const char *place, struct buffer *out)
{
    bool is_there = !is_null(node->slot, place);

    write_long(out, is_there);
    if (is_there && node->slot->type == SLOT_OPTIONAL)
        place = pointer_at(place);
    if (is_there)
        write_node(node->children[1], place, out);
}

static void write_record(const struct source_node *node, const char *place, struct buffer *out)
{
    for (size_t i = 0; i < node->child_count; i++)
        write_node(node->children[i], place + node->children[i]->slot->offset, out);
}

/* One block, and the empty one that ends an array. */
static void write_array(const struct source_node *node, const struct list *list, struct buffer *out)
{
    if (list->count > 0)
        write_long(out, (int64_t)list->count);
    for (size_t i = 0; i < list->count; i++)
        write_node(node->children[0], (const char *)list->items + i * node->slot->size, out);
    write_long(out, 0);
}

static void write_node(const struct source_node *node, const char *place, struct buffer *out)
{
    switch (node->type) {
    case AVRO_STRING:
    case AVRO_BYTES:
        write_text(out, text_at(place));
        break;
    case AVRO_INT32:
    case AVRO_INT64:
        write_int(node, int_at(place), out);
        break;
    case AVRO_BOOLEAN:
        buffer_put_char(out, *(const bool *)place);
        break;
    case AVRO_ENUM:
        write_enum(node, int_at(place), out);
        break;
    case AVRO_FIXED:
        buffer_put(out, pointer_at(place), node->slot->size);
        break;
    case AVRO_UNION:
        write_union(node, place, out);
        break;
    case AVRO_RECORD:
        write_record(node, place, out);
        break;
    case AVRO_ARRAY:
        write_array(node, (const struct list *)(const void *)place, out);
        break;
    default:
        assert(!"the table of slots has no other types");
    }
}

void record_writer_write(const struct record_writer *w, const void *record, struct buffer *out)
{
    write_node(w->root, record, out);
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
