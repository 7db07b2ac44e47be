/* An event from its bytes: avro-c's reader walks them and hands each value to the sink. */
#include "wire/avro_sink.h"

#include "wire/crypto.h"

#include <errno.h>
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

int unreadable_set(struct decoding *d, enum code code, const char *format, ...)
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
    return EINVAL;
}

/* What avro-c's own reader found. */
static void explain(struct decoding *d, int failed, size_t body_len)
{
    size_t refused = avro_memory_refused();

    if (d->unreadable->code != CODE_NONE)
        return;
    if (refused > (size_t)INT64_MAX + 1)
        unreadable_set(d, CODE_MALFORMED, "a length below zero");
    else if (refused > body_len + 1)
        unreadable_set(d, CODE_TRUNCATED, "a length of %zu, but the whole event has %zu bytes",
                       refused - 1, body_len);
    else if (refused > 0)
        unreadable_set(d, CODE_TOO_LARGE, "a length of %zu is not taken", refused - 1);
    else if (failed == ENOSPC || (failed == ERANGE && d->current->type != AVRO_INT32))
        unreadable_set(d, CODE_TRUNCATED, "the bytes end before its end");
    else
        unreadable_set(d, CODE_MALFORMED, "a number or length that Avro does not allow");
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

static void read_body(struct decoding *d, struct writer_schema *schema, struct text body)
{
    avro_value_t value;
    int failed;

    avro_reader_memory_set_source(schema->reader, body.data, (int64_t)body.len);
    sink_enter(d, d->event != NULL ? (char *)d->event : (char *)d, schema->root, &value);
    failed = avro_value_read(schema->reader, &value);
    if (failed != 0)
        explain(d, failed, body.len);
    else if (avro_skip(schema->reader, 1) == 0)
        unreadable_set(d, CODE_TRAILING_BYTES, "bytes are left over after it");
}

static void run(struct decoding *d, struct writer_schema *schema, struct text body)
{
    d->iface = avro_sink;
    *d->unreadable = (struct unreadable){.code = CODE_NONE};
    avro_memory_begin_scratch(body.len + 1);
    read_body(d, schema, body);
    avro_memory_end_scratch();
    if (d->unreadable->code != CODE_NONE)
        avro_set_error("%s", ""); /* avro-c would put the next one in front of it */
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
    };

    fields_clear(event_fields, event);
    run(&d, schema, body);
    if (unreadable->code != CODE_NONE)
        return;
    event->event_id_text = cut(event->event_id_text, EVENT_ID_SHOWN_MAX);
    hash_event(event);
}
