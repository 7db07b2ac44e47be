/* An event from its bytes: walks them along the nodes of the compiled schema. Not by avro-c's
 * reader, which believes lengths, cuts numbers and leaks on broken bytes (pitfalls), and took twice
 * the time; tests/unit writes with avro-c what is read here. */
#include "wire/avro_place.h"

#include "wire/crypto.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { PATH_SHOWN_MAX = 200 };

/* --- what went wrong -------------------------------------------------------------------------- */

const char *node_path(const struct node *node, char *buffer, size_t size)
{
    size_t used;

    if (node == NULL) {
        snprintf(buffer, size, "event");
        return buffer;
    }
    node_path(node->parent, buffer, size);
    used = strlen(buffer);
    if (node->name != NULL)
        snprintf(buffer + used, size - used, ".%s", node->name);
    return buffer;
}

bool unreadable_set(struct decoding *d, enum code code, const char *format, ...)
{
    char path[PATH_SHOWN_MAX];
    struct text reason;
    va_list args;

    va_start(args, format);
    reason = text_vformat(d->arena, format, args);
    va_end(args);
    d->unreadable->code = code;
    d->unreadable->message = text_format(
        d->arena, "%s: %.*s", node_path(d->current, path, sizeof path), TEXT_ARG(reason));
    return false;
}

/* --- the bytes: Avro specification, "Binary Encoding" -------------------------------------------
 *
 * Each function returns false when the event cannot be read, and then has said why. Schemas do not
 * recurse, so the depth of the calls is the schema's. */

static bool read_value(struct decoding *d, struct node *node);

static bool ended(struct decoding *d)
{
    return unreadable_set(d, CODE_TRUNCATED, "the bytes end before its end");
}

static bool read_long(struct decoding *d, int64_t *ret_value)
{
    enum varint read = varint_read(&d->at, d->end, ret_value);

    if (read == VARINT_ENDS)
        return ended(d);
    if (read == VARINT_TOO_LONG)
        return unreadable_set(d, CODE_MALFORMED, "a number or length that Avro does not allow");
    return true;
}

static bool skip(struct decoding *d, size_t size)
{
    if (size > (size_t)(d->end - d->at))
        return ended(d);
    d->at += size;
    return true;
}

static bool read_number(struct decoding *d, struct node *node)
{
    int64_t value;

    if (!read_long(d, &value))
        return false;
    if (node->symbol_count > 0)
        return place_symbol(d, node, value);
    if (node->type == AVRO_INT32 && (value < INT32_MIN || value > INT32_MAX))
        return unreadable_set(d, CODE_MALFORMED, "a number or length that Avro does not allow");
    return place_int(d, node, value);
}

static bool read_boolean(struct decoding *d, struct node *node)
{
    if (d->at == d->end)
        return ended(d);
    return place_boolean(d, node, (uint8_t)*d->at++);
}

static bool read_bytes(struct decoding *d, struct node *node)
{
    int64_t len;

    if (!read_long(d, &len))
        return false;
    if (len < 0)
        return unreadable_set(d, CODE_MALFORMED, "a length below zero");
    if ((uint64_t)len > d->len)
        return unreadable_set(d, CODE_TRUNCATED,
                              "a length of %" PRId64 ", but the whole event has %zu bytes", len,
                              d->len);
    struct text bytes = {d->at, (size_t)len};
    if (!skip(d, bytes.len))
        return false;
    return node->type == AVRO_STRING ? place_string(d, node, bytes) : place_bytes(d, node, bytes);
}

static bool read_record(struct decoding *d, struct node *node)
{
    for (size_t i = 0; i < node->child_count; i++) {
        if (!place_enter(d, node->place, node->children[i]) || !read_value(d, node->children[i]))
            return false;
    }
    return true;
}

static bool read_union(struct decoding *d, struct node *node)
{
    int64_t branch;

    if (!read_long(d, &branch))
        return false;
    if (branch < 0 || (uint64_t)branch >= node->child_count)
        return unreadable_set(d, CODE_BAD_ENUM, "branch %" PRId64 " of a union that has %zu",
                              branch, node->child_count);
    return place_enter(d, node->place, node->children[branch]) &&
           read_value(d, node->children[branch]);
}

static bool read_item(struct decoding *d, struct node *list)
{
    if (list->items++ >= d->limits->items_max) {
        d->current = list;
        return unreadable_set(d, CODE_TOO_LARGE, "more than %zu items", d->limits->items_max);
    }
    for (size_t i = 0; i < list->child_count; i++) { /* the item; of a map the key and the value */
        if (!place_enter(d, list->place, list->children[i]) || !read_value(d, list->children[i]))
            return false;
    }
    return true;
}

/* Blocks of items, each with its number of items; below zero when the number of its bytes, which
 * nobody needs, comes behind. Each item takes bytes, so that their end ends a wrong count too. */
static bool read_list(struct decoding *d, struct node *list)
{
    for (;;) {
        int64_t count, bytes;
        d->current = list;
        if (!read_long(d, &count) || (count < 0 && !read_long(d, &bytes)))
            return false;
        if (count == 0)
            return true;
        for (uint64_t left = count < 0 ? 0 - (uint64_t)count : (uint64_t)count; left > 0; left--) {
            if (!read_item(d, list))
                return false;
        }
    }
}

static bool read_value(struct decoding *d, struct node *node)
{
    switch (node->type) {
    case AVRO_NULL:
        return true;
    case AVRO_BOOLEAN:
        return read_boolean(d, node);
    case AVRO_INT32:
    case AVRO_INT64:
    case AVRO_ENUM:
        return read_number(d, node);
    case AVRO_FLOAT:
    case AVRO_DOUBLE:
    case AVRO_FIXED:
        return skip(d, node->size);
    case AVRO_STRING:
    case AVRO_BYTES:
        return read_bytes(d, node);
    case AVRO_RECORD:
        return read_record(d, node);
    case AVRO_UNION:
        return read_union(d, node);
    case AVRO_ARRAY:
    case AVRO_MAP:
        return read_list(d, node);
    default: /* the compiler of schemas makes no other nodes */
        return unreadable_set(d, CODE_MALFORMED, "a type that Avro does not have");
    }
}

/* --- an event --------------------------------------------------------------------------------- */

/* The hash is fed many small pieces: gathers them, since each costs as much as a hundred bytes. */
struct gathering {
    struct blake blake;
    size_t used;
    char bytes[1024];
};

static void gather(void *hash, const void *bytes, size_t len)
{
    struct gathering *g = hash;

    if (len > sizeof g->bytes - g->used) {
        blake_update(&g->blake, g->bytes, g->used);
        g->used = 0;
    }
    if (len > sizeof g->bytes) {
        blake_update(&g->blake, bytes, len);
        return;
    }
    memcpy(g->bytes + g->used, bytes, len);
    g->used += len;
}

/* What a sender says, as opposed to how it is sent (rulings.md, 2). */
static void hash_event(struct event *event)
{
    static const char *const hashed[] = {"context", "actor", "mode", "expected_version"};
    struct gathering g;

    blake_begin(&g.blake);
    g.used = 0;
    if (event->kind_name.data != NULL)
        gather(&g, event->kind_name.data, event->kind_name.len);
    for (size_t i = 0; i < sizeof hashed / sizeof hashed[0]; i++) {
        size_t offset = 0;
        const struct field *field = fields_find(event_fields, hashed[i], &offset);
        struct field row[2] = {*field, {.type = FIELD_END}};

        field_hash(row, event, gather, &g);
    }
    if (event->kind != NULL)
        field_hash(event->kind->fields, event->payload, gather, &g);
    blake_update(&g.blake, g.bytes, g.used);
    blake_end(&g.blake, event->payload_hash);
}

/* At most `max` bytes, never a part of a character. */
static struct text cut(struct text text, size_t max)
{
    if (text.len <= max)
        return text;
    while (max > 0 && ((unsigned char)text.data[max] & 0xc0) == 0x80)
        max--;
    return text_slice(text, 0, max);
}

static void read_body(struct decoding *d, struct writer_schema *schema)
{
    if (place_enter(d, (char *)d->event, schema->root) && read_value(d, schema->root) &&
        d->at != d->end) {
        d->current = schema->root;
        unreadable_set(d, CODE_TRAILING_BYTES, "bytes are left over after it");
    }
}

void avro_decode_event(struct writer_schema *schema, struct text body,
                       const struct decode_limits *limits, struct arena *arena, struct event *event,
                       struct unreadable *unreadable)
{
    struct decoding d = {
        .limits = limits,
        .arena = arena,
        .event = event,
        .unreadable = unreadable,
        .at = body.data,
        .end = body.data + body.len,
        .len = body.len,
    };

    *unreadable = (struct unreadable){.code = CODE_NONE};
    fields_clear(event_fields, event);
    read_body(&d, schema);
    if (unreadable->code != CODE_NONE)
        return;
    event->event_id_text = cut(event->event_id_text, EVENT_ID_SHOWN_MAX);
    hash_event(event);
}
