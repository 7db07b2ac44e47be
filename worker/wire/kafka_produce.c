/* Hands one record to a producer of librdkafka. */
#include "wire/kafka_handles.h"

static rd_kafka_headers_t *make_headers(const struct kafka_header *headers, size_t count)
{
    rd_kafka_headers_t *made = rd_kafka_headers_new(count);

    for (size_t i = 0; i < count; i++) {
        rd_kafka_header_add(made, headers[i].name.data, (ssize_t)headers[i].name.len,
                            headers[i].value.data, (ssize_t)headers[i].value.len);
    }
    return made;
}

static void *unconst(const char *data)
{
    return (void *)(uintptr_t)data;
}

rd_kafka_resp_err_t kafka_produce(rd_kafka_t *rk, const struct kafka_produce *produce)
{
    rd_kafka_headers_t *headers =
        produce->header_count > 0 ? make_headers(produce->headers, produce->header_count) : NULL;
    rd_kafka_vu_t fields[] = {
        {.vtype = RD_KAFKA_VTYPE_RKT, .u.rkt = produce->topic},
        {.vtype = RD_KAFKA_VTYPE_PARTITION, .u.i32 = produce->partition},
        {.vtype = RD_KAFKA_VTYPE_KEY,
         .u.mem = {.ptr = unconst(produce->key.data), .size = produce->key.len}},
        {.vtype = RD_KAFKA_VTYPE_VALUE,
         .u.mem = {.ptr = unconst(produce->value.data), .size = produce->value.len}},
        {.vtype = RD_KAFKA_VTYPE_TIMESTAMP, .u.i64 = produce->timestamp_ms},
        {.vtype = RD_KAFKA_VTYPE_MSGFLAGS, .u.i = produce->borrow ? 0 : RD_KAFKA_MSG_F_COPY},
        {.vtype = RD_KAFKA_VTYPE_OPAQUE, .u.ptr = produce->tag},
        {.vtype = RD_KAFKA_VTYPE_HEADERS, .u.headers = headers}, /* last: only when there are any */
    };
    size_t count = sizeof(fields) / sizeof(fields[0]) - (headers ? 0 : 1);
    rd_kafka_error_t *error = rd_kafka_produceva(rk, fields, count);
    rd_kafka_resp_err_t code = rd_kafka_error_code(error);

    if (error) {
        rd_kafka_error_destroy(error);
    }
    if (error && headers) { /* librdkafka takes them over only when it accepts the record */
        rd_kafka_headers_destroy(headers);
    }
    return code;
}
