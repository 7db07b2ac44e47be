/* What stands in a consumed message. A `struct kafka_message` is librdkafka's own message under
 * another name: nothing is allocated or copied per message. */
#include "wire/kafka_handles.h"

static const rd_kafka_message_t *inner(const struct kafka_message *message)
{
    return (const rd_kafka_message_t *)message;
}

void kafka_message_close(struct kafka_message *message)
{
    if (message) {
        rd_kafka_message_destroy((rd_kafka_message_t *)message);
    }
}

int32_t kafka_message_partition(const struct kafka_message *message)
{
    return inner(message)->partition;
}

int64_t kafka_message_offset(const struct kafka_message *message)
{
    return inner(message)->offset;
}

int64_t kafka_message_timestamp_ms(const struct kafka_message *message)
{
    rd_kafka_timestamp_type_t type;
    int64_t timestamp_ms = rd_kafka_message_timestamp(inner(message), &type);

    return type == RD_KAFKA_TIMESTAMP_NOT_AVAILABLE ? -1 : timestamp_ms;
}

struct text kafka_message_key(const struct kafka_message *message)
{
    return (struct text){inner(message)->key, inner(message)->key_len};
}

struct text kafka_message_value(const struct kafka_message *message)
{
    return (struct text){inner(message)->payload, inner(message)->len};
}

/* Parsed by librdkafka on first use and kept with the message; NULL when there are none. */
static const rd_kafka_headers_t *headers_of(const struct kafka_message *message)
{
    rd_kafka_headers_t *headers = NULL;

    return rd_kafka_message_headers(inner(message), &headers) == RD_KAFKA_RESP_ERR_NO_ERROR
               ? headers
               : NULL;
}

size_t kafka_message_header_count(const struct kafka_message *message)
{
    const rd_kafka_headers_t *headers = headers_of(message);

    return headers ? rd_kafka_header_cnt(headers) : 0;
}

bool kafka_message_header(const struct kafka_message *message, size_t index, struct text *ret_name,
                          struct text *ret_value)
{
    const rd_kafka_headers_t *headers = headers_of(message);
    const char *name;
    const void *value;
    size_t size;

    if (!headers || rd_kafka_header_get_all(headers, index, &name, &value, &size)) {
        return false;
    }
    *ret_name = text_from(name);
    *ret_value = (struct text){value, size};
    return true;
}

bool kafka_message_header_named(const struct kafka_message *message, const char *name,
                                struct text *ret_value)
{
    const rd_kafka_headers_t *headers = headers_of(message);
    const void *value;
    size_t size;

    if (!headers || rd_kafka_header_get_last(headers, name, &value, &size)) {
        return false;
    }
    *ret_value = (struct text){value, size};
    return true;
}
