#include "wire/avro_place.h"

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

bool place_enter(struct decoding *d, char *place, struct node *node)
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
    if (d->values++ < VALUES_MAX)
        return true;
    return unreadable_set(d, CODE_TOO_LARGE, "more than %d values", VALUES_MAX);
}

/* --- values ------------------------------------------------------------------------------------
 */

bool place_boolean(struct decoding *d, struct node *node, uint8_t value)
{
    if (value > 1)
        return unreadable_set(d, CODE_MALFORMED, "a boolean is %d, not 0 or 1", value);
    if (node->take == TAKE_INT)
        put_int(node, value);
    return true;
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

bool place_symbol(struct decoding *d, struct node *node, int64_t index)
{
    if (index < 0 || (uint64_t)index >= node->symbol_count)
        return unreadable_set(d, CODE_BAD_ENUM, "symbol %" PRId64 " of an enum that has %zu", index,
                              node->symbol_count);
    if (node->take == TAKE_ENUM)
        put_int(node, node->symbols[index]);
    else if (node->take == TAKE_BIT)
        put_bit(d, node, node->symbols[index]);
    return true;
}

bool place_int(struct decoding *d, struct node *node, int64_t value)
{
    (void)d;
    if (node->take == TAKE_INT)
        put_int(node, not_null(value));
    else if (node->take == TAKE_MILLISECONDS)
        put_int(node, microseconds_of(value));
    return true;
}

static bool check_size(struct decoding *d, size_t len)
{
    if (len > d->limits->string_bytes_max)
        return unreadable_set(d, CODE_TOO_LARGE, "%zu bytes: at most %zu are taken", len,
                              d->limits->string_bytes_max);
    return true;
}

static bool check_text(struct decoding *d, struct text text)
{
    if (!check_size(d, text.len))
        return false;
    if (text_is_utf8(text))
        return true;
    if (memchr(text.data, '\0', text.len) != NULL)
        return unreadable_set(d, CODE_NUL_BYTE, "the string has a NUL byte");
    return unreadable_set(d, CODE_BAD_UTF8, "the string is not valid UTF-8");
}

static void put_string(struct decoding *d, struct node *node, struct text text)
{
    switch (node->take) {
    case TAKE_TEXT:
    case TAKE_BYTES:
        put_text(node, text);
        break;
    case TAKE_SYMBOL:
        put_int(node, symbol_of(node, text));
        break;
    case TAKE_UUID:
        put_uuid(d, node, text);
        break;
    case TAKE_ITEM:
        put_item(d, node, text);
        break;
    case TAKE_BIT_NAME:
        put_bit(d, node, symbol_of(node, text));
        break;
    case TAKE_SECRET_TEXT:
        *(struct secret *)(void *)node->place = (struct secret){.type = SECRET_HASH, .hash = text};
        break;
    default:
        break;
    }
}

bool place_string(struct decoding *d, struct node *node, struct text text)
{
    if (!check_text(d, text))
        return false;
    put_string(d, node, text);
    return true;
}

bool place_bytes(struct decoding *d, struct node *node, struct text bytes)
{
    if (!(node->take == TAKE_TEXT ? check_text(d, bytes) : check_size(d, bytes.len)))
        return false;
    put_string(d, node, bytes);
    return true;
}
