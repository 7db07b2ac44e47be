/* How a record names its schema: the first bytes of its value, or a header. */
#include "wire/schemas.h"

#include <string.h>

enum {
    CONFLUENT_MAGIC = 0x00,
    CONFLUENT_GUID_MAGIC = 0x01,
    CONFLUENT_PREFIX_LEN = 5,
    GUID_HEADER_LEN = 17,
    SINGLE_OBJECT_FIRST = 0xC3,
    SINGLE_OBJECT_SECOND = 0x01,
    SINGLE_OBJECT_PREFIX_LEN = 10,
};

static uint32_t big_endian(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

static uint64_t little_endian(const uint8_t *bytes)
{
    uint64_t value = 0;

    for (int i = 7; i >= 0; i--)
        value = value << 8 | bytes[i];
    return value;
}

/* 01 and 16 bytes of GUID, or 00 and 4 bytes of id; the value is the body alone. */
static enum code parse_header(struct text value, struct text header, struct frame *frame)
{
    const uint8_t *bytes = (const uint8_t *)header.data;

    frame->body = value;
    if (header.len == GUID_HEADER_LEN && bytes[0] == CONFLUENT_GUID_MAGIC) {
        frame->kind = FRAMING_CONFLUENT_GUID;
        memcpy(frame->guid.bytes, bytes + 1, sizeof frame->guid.bytes);
        return CODE_NONE;
    }
    if (header.len == CONFLUENT_PREFIX_LEN && bytes[0] == CONFLUENT_MAGIC) {
        frame->kind = FRAMING_CONFLUENT_ID;
        frame->id = big_endian(bytes + 1);
        return CODE_NONE;
    }
    return CODE_BAD_MAGIC;
}

enum code frame_parse(struct text value, struct text schema_id_header, bool accept_bare,
                      struct frame *ret_frame)
{
    const uint8_t *bytes = (const uint8_t *)value.data;
    struct frame frame = {.kind = FRAMING_BARE, .body = value};
    enum code code = CODE_NONE;

    if (value.data == NULL)
        return CODE_NULL_VALUE;
    if (schema_id_header.data != NULL) {
        code = parse_header(value, schema_id_header, &frame);
    } else if (value.len == 0) {
        return CODE_TOO_SHORT;
    } else if (bytes[0] == CONFLUENT_MAGIC) {
        if (value.len < CONFLUENT_PREFIX_LEN)
            return CODE_TOO_SHORT;
        frame.kind = FRAMING_CONFLUENT_ID;
        frame.id = big_endian(bytes + 1);
        frame.body = text_slice(value, CONFLUENT_PREFIX_LEN, value.len);
    } else if (value.len >= 2 && bytes[0] == SINGLE_OBJECT_FIRST &&
               bytes[1] == SINGLE_OBJECT_SECOND) {
        if (value.len < SINGLE_OBJECT_PREFIX_LEN)
            return CODE_TOO_SHORT;
        frame.kind = FRAMING_SINGLE_OBJECT;
        frame.fingerprint = little_endian(bytes + 2);
        frame.body = text_slice(value, SINGLE_OBJECT_PREFIX_LEN, value.len);
    } else if (!accept_bare) {
        return CODE_BAD_MAGIC;
    }
    if (code == CODE_NONE)
        *ret_frame = frame;
    return code;
}
