#include "wire/avro_sink.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

enum {
    VALUES_MAX = 1 << 20, /* bounds the time that one event can take, whatever its schema */
    TEXTS_FIRST = 8,
    MICROSECONDS = 1000,
};

/* --- places ----------------------------------------------------------------------------------- */

void fields_clear(const struct field *fields, void *record)
{
    for (const struct field *field = fields; field->type != FIELD_END; field++) {
        char *place = (char *)record + field->offset;

        switch (field->type) {
        case FIELD_INT:
        case FIELD_BOOL:
        case FIELD_TIME:
        case FIELD_ENUM:
        case FIELD_MASK:
            *(int64_t *)(void *)place = field->has_fallback ? field->fallback : INT_NULL;
            break;
        case FIELD_INLINE:
            fields_clear(field->fields, place);
            break;
        default: /* pointers, texts, uuids: zeroed memory is null */
            break;
        }
    }
}

/* The first thing that is wrong with the event as such; its bytes are in order. */
static void invalid_field(struct decoding *d, const struct node *node, const char *complaint)
{
    fault_set(&d->event->fault, d->arena, CODE_INVALID_FIELD, "%s %s", node->field->name,
              complaint);
}

static void put_int(const struct node *node, int64_t value)
{
    memcpy(node->place, &value, sizeof value);
}

static void put_text(const struct node *node, struct text text)
{
    memcpy(node->place, &text, sizeof text);
}

static void put_uuid(struct decoding *d, const struct node *node, struct text text)
{
    if (text.len > 0 && !uuid_parse(text, (struct uuid *)(void *)node->place))
        invalid_field(d, node, "is not a UUID");
}

/* Doubles: the arena does not take back. */
static void put_item(struct decoding *d, const struct node *node, struct text text)
{
    struct texts *texts = (struct texts *)(void *)node->place;
    bool is_full = texts->count == 0 ||
                   (texts->count >= TEXTS_FIRST && (texts->count & (texts->count - 1)) == 0);

    if (is_full) {
        size_t room = texts->count == 0 ? TEXTS_FIRST : 2 * texts->count;
        struct text *items = ARENA_ARRAY(d->arena, struct text, room);

        if (texts->count > 0)
            memcpy(items, texts->items, texts->count * sizeof *items);
        texts->items = items;
    }
    texts->items[texts->count++] = text;
}

static void put_bit(struct decoding *d, const struct node *node, int32_t index)
{
    int64_t *mask = (int64_t *)(void *)node->place;

    if (index == ENUM_UNKNOWN)
        invalid_field(d, node, "has a word that this version does not know");
    else
        *mask |= INT64_C(1) << index;
}

static int32_t symbol_of(const struct node *node, struct text word)
{
    const char *const *symbols = node->field->symbols;

    for (int32_t i = 0; symbols != NULL && symbols[i] != NULL; i++)
        if (text_equal_z(word, symbols[i]))
            return i;
    return ENUM_UNKNOWN;
}

/* --- entering a node -------------------------------------------------------------------------- */

static void enter_payload(struct decoding *d, struct node *node)
{
    struct event *event = d->event;

    event->kind = node->kind;
    if (node->kind == NULL) {
        event->kind_name = text_copy(d->arena, text_from(node->name));
        return;
    }
    event->kind_name = text_from(node->kind->name);
    event->payload = node->place = arena_zalloc(d->arena, 1, node->kind->payload_size);
    fields_clear(node->kind->fields, event->payload);
}

static void enter_struct(struct decoding *d, struct node *node)
{
    void *record = arena_zalloc(d->arena, 1, node->field->size);

    fields_clear(node->field->fields, record);
    memcpy(node->place, &record, sizeof record);
    node->place = record;
}

void sink_enter(struct decoding *d, char *place, struct node *node, avro_value_t *ret_value)
{
    node->place = place + node->offset;
    node->items = 0;
    d->current = node;
    switch (node->take) {
    case TAKE_PAYLOAD:
    case TAKE_PAYLOAD_UNKNOWN:
        enter_payload(d, node);
        break;
    case TAKE_STRUCT:
        enter_struct(d, node);
        break;
    case TAKE_SECRET:
        ((struct secret *)(void *)node->place)->type = node->secret;
        break;
    case TAKE_SECRET_UNKNOWN:
        invalid_field(d, node, "is a type of secret that this version does not know");
        break;
    case TAKE_MASK:
        put_int(node, 0);
        break;
    default:
        break;
    }
    *ret_value = (avro_value_t){&d->iface, node};
}

/* --- the sink --------------------------------------------------------------------------------- */

static struct decoding *decoding_of(const avro_value_iface_t *iface)
{
    return (struct decoding *)(uintptr_t)iface;
}

static struct node *node_of(const void *self)
{
    return (struct node *)(uintptr_t)self;
}

static int sink_reset(const avro_value_iface_t *iface, void *self)
{
    (void)iface;
    (void)self;
    return 0;
}

static avro_type_t sink_type(const avro_value_iface_t *iface, const void *self)
{
    (void)iface;
    return node_of(self)->type;
}

/* avro-c asks for it only where it needs the size of a fixed. */
static avro_schema_t sink_schema(const avro_value_iface_t *iface, const void *self)
{
    (void)iface;
    return node_of(self)->fixed;
}

static int sink_null(const avro_value_iface_t *iface, void *self)
{
    (void)iface;
    (void)self;
    return 0;
}

static int sink_boolean(const avro_value_iface_t *iface, void *self, int value)
{
    struct node *node = node_of(self);

    if (value != 0 && value != 1)
        return unreadable_set(decoding_of(iface), CODE_MALFORMED, "a boolean is %d, not 0 or 1",
                              value);
    if (node->take == TAKE_INT)
        put_int(node, value);
    return 0;
}

/* INT_NULL is a value of ours, not of the sender's: its neighbour is out of every range as well. */
static int64_t not_null(int64_t value)
{
    return value == INT_NULL ? INT_NULL + 1 : value;
}

static int64_t microseconds_of(int64_t milliseconds)
{
    if (milliseconds > INT64_MAX / MICROSECONDS || milliseconds < INT64_MIN / MICROSECONDS)
        return milliseconds > 0 ? INT64_MAX : not_null(INT64_MIN);
    return milliseconds * MICROSECONDS;
}

static int sink_symbol(struct decoding *d, struct node *node, int64_t index)
{
    if (index < 0 || (uint64_t)index >= node->symbol_count)
        return unreadable_set(d, CODE_BAD_ENUM, "symbol %" PRId64 " of an enum that has %zu", index,
                              node->symbol_count);
    if (node->take == TAKE_ENUM)
        put_int(node, node->symbols[index]);
    else if (node->take == TAKE_BIT)
        put_bit(d, node, node->symbols[index]);
    return 0;
}

static int sink_branch(struct decoding *d, struct node *choice, int64_t index)
{
    if (index < 0 || (uint64_t)index >= choice->child_count)
        return unreadable_set(d, CODE_BAD_ENUM, "branch %" PRId64 " of a union that has %zu", index,
                              choice->child_count);
    choice->selected = (size_t)index;
    return 0;
}

static int sink_long(const avro_value_iface_t *iface, void *self, int64_t value)
{
    struct node *node = node_of(self);

    if (node->symbol_count > 0)
        return sink_symbol(decoding_of(iface), node, value);
    switch (node->take) {
    case TAKE_BRANCH:
        return sink_branch(decoding_of(iface), node_of(node->parent), value);
    case TAKE_INT:
        put_int(node, not_null(value));
        return 0;
    case TAKE_MILLISECONDS:
        put_int(node, microseconds_of(value));
        return 0;
    default:
        return 0;
    }
}

static int sink_int(const avro_value_iface_t *iface, void *self, int32_t value)
{
    return sink_long(iface, self, value);
}

static int sink_float(const avro_value_iface_t *iface, void *self, float value)
{
    (void)value;
    return sink_null(iface, self);
}

static int sink_double(const avro_value_iface_t *iface, void *self, double value)
{
    (void)value;
    return sink_null(iface, self);
}

static int check_size(struct decoding *d, size_t len)
{
    if (len > d->limits->string_bytes_max)
        return unreadable_set(d, CODE_TOO_LARGE, "%zu bytes: at most %zu are taken", len,
                              d->limits->string_bytes_max);
    return 0;
}

static int check_text(struct decoding *d, struct text text)
{
    int failed = check_size(d, text.len);

    if (failed != 0 || text_is_utf8(text))
        return failed;
    if (memchr(text.data, '\0', text.len) != NULL)
        return unreadable_set(d, CODE_NUL_BYTE, "the string has a NUL byte");
    return unreadable_set(d, CODE_BAD_UTF8, "the string is not valid UTF-8");
}

static void put_string(struct decoding *d, struct node *node, struct text text)
{
    switch (node->take) {
    case TAKE_TEXT:
    case TAKE_BYTES:
        put_text(node, text_copy(d->arena, text));
        break;
    case TAKE_SYMBOL:
        put_int(node, symbol_of(node, text));
        break;
    case TAKE_UUID:
        put_uuid(d, node, text);
        break;
    case TAKE_ITEM:
        put_item(d, node, text_copy(d->arena, text));
        break;
    case TAKE_BIT_NAME:
        put_bit(d, node, symbol_of(node, text));
        break;
    case TAKE_SECRET_TEXT:
        *(struct secret *)(void *)node->place =
            (struct secret){.type = SECRET_HASH, .hash = text_copy(d->arena, text)};
        break;
    default:
        break;
    }
}

/* avro-c counts a NUL that it puts behind each string. */
static int sink_string(const avro_value_iface_t *iface, void *self, avro_wrapped_buffer_t *buffer)
{
    struct decoding *d = decoding_of(iface);
    struct text text = {buffer->buf, buffer->size - 1};
    int failed = check_text(d, text);

    if (failed == 0)
        put_string(d, node_of(self), text);
    avro_wrapped_buffer_free(buffer);
    return failed;
}

static int sink_bytes(const avro_value_iface_t *iface, void *self, avro_wrapped_buffer_t *buffer)
{
    struct decoding *d = decoding_of(iface);
    struct node *node = node_of(self);
    struct text bytes = {buffer->buf, buffer->size};
    int failed = node->take == TAKE_TEXT ? check_text(d, bytes) : check_size(d, bytes.len);

    if (failed == 0)
        put_string(d, node, bytes);
    avro_wrapped_buffer_free(buffer);
    return failed;
}

static int sink_fixed(const avro_value_iface_t *iface, void *self, avro_wrapped_buffer_t *buffer)
{
    (void)iface;
    (void)self;
    avro_wrapped_buffer_free(buffer);
    return 0;
}

static int sink_size(const avro_value_iface_t *iface, const void *self, size_t *ret_size)
{
    const struct node *node = node_of(self);

    (void)iface;
    *ret_size = node->is_union ? 2 : node->child_count;
    return 0;
}

static int count_value(struct decoding *d)
{
    if (d->values++ < VALUES_MAX)
        return 0;
    return unreadable_set(d, CODE_TOO_LARGE, "more than %d values", VALUES_MAX);
}

/* The next field of a record; of a union its branch number, then the branch itself. */
static int sink_child(const avro_value_iface_t *iface, const void *self, size_t index,
                      avro_value_t *ret_child, const char **ret_name)
{
    struct decoding *d = decoding_of(iface);
    struct node *node = node_of(self);
    struct node *child;

    (void)ret_name;
    if (!node->is_union)
        child = node->children[index];
    else
        child = index == 0 ? node->selector : node->children[node->selected];
    sink_enter(d, node->place, child, ret_child);
    return count_value(d);
}

static int sink_append(const avro_value_iface_t *iface, void *self, avro_value_t *ret_child,
                       size_t *ret_index)
{
    struct decoding *d = decoding_of(iface);
    struct node *node = node_of(self);

    (void)ret_index;
    if (node->items++ >= d->limits->items_max) {
        d->current = node;
        return unreadable_set(d, CODE_TOO_LARGE, "more than %zu items", d->limits->items_max);
    }
    sink_enter(d, node->place, node->children[0], ret_child);
    return count_value(d);
}

const avro_value_iface_t avro_sink = {
    .reset = sink_reset,
    .get_type = sink_type,
    .get_schema = sink_schema,
    .set_null = sink_null,
    .set_boolean = sink_boolean,
    .set_int = sink_int,
    .set_long = sink_long,
    .set_float = sink_float,
    .set_double = sink_double,
    .give_string_len = sink_string,
    .give_bytes = sink_bytes,
    .give_fixed = sink_fixed,
    .get_size = sink_size,
    .get_by_index = sink_child,
    .append = sink_append,
};
