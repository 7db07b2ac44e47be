#include "event_json.h"

#include "base/arena.h"
#include "check.h"
#include "domain/account_events.h"
#include "domain/kind.h"

static void fill(const struct field *fields, const json_t *object, char *record,
                 struct arena *arena);

static struct text text_of(const json_t *value, struct arena *arena)
{
    if (!json_is_string(value))
        return TEXT_NULL;
    return text_copy(arena, (struct text){json_string_value(value), json_string_length(value)});
}

static int64_t index_of(const struct field *field, const json_t *value)
{
    for (int64_t i = 0; field->symbols[i]; i++) {
        if (strcmp(json_string_value(value), field->symbols[i]) == 0)
            return i;
    }
    return ENUM_UNKNOWN;
}

static int64_t number_of(const struct field *field, const json_t *value)
{
    int64_t mask = 0;
    if (field->type == FIELD_MASK) {
        for (size_t i = 0; i < json_array_size(value); i++)
            mask |= INT64_C(1) << index_of(field, json_array_get(value, i));
        return mask;
    }
    if (!value || json_is_null(value))
        return field->has_fallback ? field->fallback : INT_NULL;
    if (json_is_boolean(value))
        return json_is_true(value);
    return field->type == FIELD_ENUM ? index_of(field, value) : json_integer_value(value);
}

static struct texts texts_of(const json_t *value, struct arena *arena)
{
    struct texts texts = {ARENA_ARRAY(arena, struct text, json_array_size(value)),
                          json_array_size(value)};
    for (size_t i = 0; i < texts.count; i++)
        texts.items[i] = text_of(json_array_get(value, i), arena);
    return texts;
}

static struct secret secret_of(const json_t *value, struct arena *arena)
{
    static const char requester_key[PAYLOAD_HASH_LEN * 2];
    const json_t *sealed = json_object_get(value, "sealed");
    const json_t *generated = json_object_get(value, "generated");
    if (json_is_string(value))
        return (struct secret){.type = SECRET_HASH, .hash = text_of(value, arena)};
    if (sealed)
        return (struct secret){
            .type = SECRET_SEALED, .key_id = TEXT("worker"), .ciphertext = text_of(sealed, arena)};
    if (generated)
        return (struct secret){.type = SECRET_GENERATED,
                               .public_key = {requester_key, sizeof requester_key},
                               .length = json_integer_value(generated)};
    return (struct secret){.type = SECRET_NONE};
}

static struct ref ref_of(const json_t *value, struct arena *arena)
{
    struct ref ref = {.address = text_of(value, arena)};
    struct text uuid = text_of(json_object_get(value, "uuid"), arena);
    if (json_is_object(value))
        ref.address = text_of(json_object_get(value, "address"), arena);
    else if (ref.address.len && text_find(ref.address, '@') == SIZE_MAX)
        uuid = ref.address, ref.address = TEXT_NULL;
    if (uuid.data)
        assert_true(uuid_parse(uuid, &ref.uuid));
    return ref;
}

static void fill_record(const struct field *field, const json_t *value, void *place,
                        struct arena *arena)
{
    if (!json_is_object(value))
        return;
    char *record = arena_zalloc(arena, 1, field->size);
    fill(field->fields, value, record, arena);
    memcpy(place, &record, sizeof record);
}

static void fill_one(const struct field *field, const json_t *object, char *place,
                     struct arena *arena)
{
    const json_t *value = json_object_get(object, field->name);
    switch (field->type) {
    case FIELD_TEXT:
    case FIELD_NAME:
    case FIELD_NOTE:
    case FIELD_ADDRESS:
    case FIELD_DOMAIN:
        *(struct text *)(void *)place = text_of(value, arena);
        break;
    case FIELD_INT:
    case FIELD_BOOL:
    case FIELD_TIME:
    case FIELD_ENUM:
    case FIELD_MASK:
        *(int64_t *)(void *)place = number_of(field, value);
        break;
    case FIELD_TEXTS:
        *(struct texts *)(void *)place = texts_of(value, arena);
        break;
    case FIELD_SECRET:
        *(struct secret *)(void *)place = secret_of(value, arena);
        break;
    case FIELD_REF:
        *(struct ref *)(void *)place = ref_of(value, arena);
        break;
    case FIELD_RECORD:
        fill_record(field, value, place, arena);
        break;
    case FIELD_INLINE:
        fill(field->fields, object, place, arena);
        break;
    case FIELD_UUID:
    case FIELD_END:
        fail_msg("field %s: no JSON for its type", field->name);
    }
}

static void fill(const struct field *fields, const json_t *object, char *record,
                 struct arena *arena)
{
    for (const struct field *field = fields; field->type != FIELD_END; field++)
        fill_one(field, object, record + field->offset, arena);
}

static bool is_known(const struct field *fields, const char *name)
{
    for (const struct field *field = fields; field->type != FIELD_END; field++) {
        if (field->type == FIELD_INLINE ? is_known(field->fields, name)
                                        : strcmp(field->name, name) == 0)
            return true;
    }
    return false;
}

/* A misspelt name would make a test say nothing. */
static void expect_known(const struct field *fields, const json_t *object)
{
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)object, name, value)
    {
        bool is_ours = strcmp(name, "kind") == 0 || strcmp(name, "payload") == 0 ||
                       strcmp(name, "timestamp") == 0;
        if (!is_known(fields, name) && !(fields == event_fields && is_ours))
            fail_msg("no field is called %s", name);
    }
}

/* --- hashing: FNV-1a, twice ----------------------------------------------------------------------
 */

static void fnv(void *state, const void *bytes, size_t len)
{
    uint64_t *hash = state;
    for (size_t i = 0; i < len; i++) {
        hash[0] = (hash[0] ^ ((const uint8_t *)bytes)[i]) * UINT64_C(0x100000001b3);
        hash[1] = (hash[1] ^ ((const uint8_t *)bytes)[len - 1 - i]) * UINT64_C(0x100000001b3);
    }
}

void event_hash(struct event *event)
{
    static const char *const hashed[] = {"context", "actor", "mode", "expected_version"};
    uint64_t state[2] = {UINT64_C(0xcbf29ce484222325), 7};
    fnv(state, event->kind_name.data, event->kind_name.len);
    for (const struct field *field = event_fields; field->type != FIELD_END; field++) {
        const struct field row[] = {*field, {.type = FIELD_END}};
        for (size_t i = 0; i < COUNT_OF(hashed); i++) {
            if (strcmp(hashed[i], field->name) == 0)
                field_hash(row, event, fnv, state);
        }
    }
    if (event->kind)
        field_hash(event->kind->fields, event->payload, fnv, state);
    memcpy(event->payload_hash, state, sizeof event->payload_hash);
}

/* --- the envelope -------------------------------------------------------------------------------
 */

struct uuid object_uuid_of(const struct uuid *event_id)
{
    struct uuid uuid;
    for (size_t i = 0; i < sizeof uuid.bytes; i++)
        uuid.bytes[i] = event_id->bytes[sizeof uuid.bytes - 1 - i];
    return uuid;
}

static void fill_absent(const json_t *object, int64_t offset, struct event *event,
                        struct arena *arena)
{
    int64_t now = EVENT_EPOCH_US + offset * US_PER_S;
    json_int_t timestamp = now;
    if (!json_object_get(object, "event_id"))
        event->event_id_text =
            text_format(arena, "00000000-0000-7000-8000-%012llx", (unsigned long long)offset + 1);
    if (!json_object_get(object, "occurred_at"))
        event->occurred_at = now;
    if (!json_object_get(object, "context"))
        event->context = TEXT("1");
    if (!json_object_get(object, "source"))
        event->source = TEXT("test");
    if (!json_object_get(object, "actor")) {
        event->actor = ARENA_NEW(arena, struct actor);
        *event->actor = (struct actor){.kind = ACTOR_SYSTEM, .id = TEXT("signup-web")};
    }
    if (json_object_get(object, "timestamp"))
        timestamp = json_integer_value(json_object_get(object, "timestamp"));
    event->position = (struct position){0, offset, timestamp};
}

struct event *event_from_json(const json_t *object, int64_t offset, struct arena *arena)
{
    struct event *event = ARENA_NEW(arena, struct event);
    const json_t *payload = json_object_get(object, "payload");
    expect_known(event_fields, object);
    fill(event_fields, object, (char *)event, arena);
    fill_absent(object, offset, event, arena);
    event->kind_name = text_of(json_object_get(object, "kind"), arena);
    event->kind = kind_find(event->kind_name);
    if (event->kind) {
        expect_known(event->kind->fields, payload);
        event->payload = arena_zalloc(arena, 1, event->kind->payload_size);
        fill(event->kind->fields, payload, event->payload, arena);
    }
    event_hash(event);
    if (uuid_parse(event->event_id_text, &event->event_id))
        event->object_uuid = object_uuid_of(&event->event_id);
    return event;
}

struct event *event_from_text(const char *text, int64_t offset, struct arena *arena)
{
    struct error err;
    char *json = text_to_z(arena, text_from(text));
    for (char *p = json; *p; p++)
        *p = *p == '\'' ? '"' : *p;
    json_t *object = json_from_text(text_from(json), 1 << 20, &err);
    if (!object)
        fail_msg("%s in: %s", err.message, text);
    struct event *event = event_from_json(object, offset, arena);
    json_decref(object);
    return event;
}
