#include "record_json.h"

#include "base/arena.h"
#include "moment.h"
#include "redact.h"
#include "wire/crypto.h"

enum { BYTES_MAX = 64 << 20 };

static json_t *bytes_to_json(struct text bytes)
{
    struct arena arena;
    struct text base64;
    json_t *json;

    if (text_is_null(bytes))
        return json_null();
    if (text_is_utf8(bytes))
        return json_stringn(bytes.data, bytes.len);
    arena_init(&arena, BYTES_MAX, 0);
    base64 = crypto_base64(&arena, bytes);
    json = json_pack("{ss%}", "base64", base64.data, base64.len);
    arena_close(&arena);
    return json;
}

/* The last one of a name counts, as for the worker. */
static json_t *headers_of(const struct kafka_message *message)
{
    json_t *headers = json_object();
    struct text name;
    struct text value;

    for (size_t i = 0; kafka_message_header(message, i, &name, &value); i++) {
        if (text_is_utf8(name))
            json_object_setn_new(headers, name.data, name.len, bytes_to_json(value));
    }
    return headers;
}

static json_t *time_of(const struct kafka_message *message)
{
    int64_t ms = kafka_message_timestamp_ms(message);
    char text[MOMENT_TEXT_MAX];

    if (ms < 0 || ms > INT64_MAX / 1000)
        return json_null();
    moment_format(ms * 1000, text);
    return json_string(text);
}

json_t *record_to_json(struct shelf *shelf, enum record_type type, const char *topic,
                       const struct kafka_message *message)
{
    struct text header = TEXT_NULL;
    char schema[64];
    struct error err;
    json_t *value;
    json_t *record =
        json_pack("{ss sI sI so so so}", "topic", topic, "partition",
                  (json_int_t)kafka_message_partition(message), "offset",
                  (json_int_t)kafka_message_offset(message), "timestamp", time_of(message), "key",
                  bytes_to_json(kafka_message_key(message)), "headers", headers_of(message));

    kafka_message_header_named(message, "__value_schema_id", &header);
    value = shelf_decode(shelf, type, kafka_message_value(message), header, schema, &err);
    if (value) {
        redact_secrets(value);
        json_object_set_new(record, "schema", json_string(schema));
        json_object_set_new(record, "value", value);
    } else {
        json_object_set_new(record, "error", json_string(err.message));
    }
    return record;
}
