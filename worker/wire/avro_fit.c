/* What fits where: which Avro types may feed a field of our tables, and how. */
#include "wire/avro_private.h"

#include <string.h>

/* --- places that are made of several values --------------------------------------------------- */

static const struct field ref_fields[] = {
    {.name = "address", .type = FIELD_TEXT, .offset = offsetof(struct ref, address)},
    {.name = "uuid", .type = FIELD_UUID, .offset = offsetof(struct ref, uuid)},
    {.type = FIELD_END},
};

static const struct field password_hash_fields[] = {
    {.name = "hash", .type = FIELD_TEXT, .offset = offsetof(struct secret, hash)},
    {.type = FIELD_END},
};

static const struct field sealed_secret_fields[] = {
    {.name = "key_id", .type = FIELD_TEXT, .offset = offsetof(struct secret, key_id)},
    {.name = "ciphertext", .type = FIELD_BYTES, .offset = offsetof(struct secret, ciphertext)},
    {.type = FIELD_END},
};

static const struct field generated_password_fields[] = {
    {.name = "length", .type = FIELD_INT, .offset = offsetof(struct secret, length)},
    {.name = "key_id", .type = FIELD_TEXT, .offset = offsetof(struct secret, key_id)},
    {.name = "public_key", .type = FIELD_BYTES, .offset = offsetof(struct secret, public_key)},
    {.type = FIELD_END},
};

static const struct {
    const char *record;
    enum secret_type type;
    const struct field *fields;
} secret_records[] = {
    {"PasswordHash", SECRET_HASH, password_hash_fields},
    {"SealedSecret", SECRET_SEALED, sealed_secret_fields},
    {"GeneratedPassword", SECRET_GENERATED, generated_password_fields},
};

/* --- scalars ---------------------------------------------------------------------------------- */

enum take take_of_scalar(const struct field *field, avro_type_t type, const char *logical)
{
    bool is_string = type == AVRO_STRING;

    switch ((int)field->type) {
    case FIELD_TEXT:
    case FIELD_NAME:
    case FIELD_NOTE:
    case FIELD_ADDRESS:
    case FIELD_DOMAIN:
        return is_string || type == AVRO_BYTES ? TAKE_TEXT : TAKE_NOTHING;
    case FIELD_BYTES:
        return type == AVRO_BYTES ? TAKE_BYTES : TAKE_NOTHING;
    case FIELD_INT:
        return type == AVRO_INT32 || type == AVRO_INT64 ? TAKE_INT : TAKE_NOTHING;
    case FIELD_BOOL:
        return type == AVRO_BOOLEAN ? TAKE_INT : TAKE_NOTHING;
    case FIELD_TIME:
        if (type != AVRO_INT64)
            return TAKE_NOTHING;
        if (logical == NULL || strcmp(logical, "timestamp-micros") == 0)
            return TAKE_INT;
        return strcmp(logical, "timestamp-millis") == 0 ? TAKE_MILLISECONDS : TAKE_NOTHING;
    case FIELD_ENUM:
        return is_string ? TAKE_SYMBOL : TAKE_NOTHING;
    case FIELD_UUID:
        return is_string ? TAKE_UUID : TAKE_NOTHING;
    case FIELD_SECRET:
        return is_string ? TAKE_SECRET_TEXT : TAKE_NOTHING;
    default:
        return TAKE_NOTHING;
    }
}

enum take take_of_item(const struct field *field, avro_type_t type)
{
    if (type != AVRO_STRING)
        return TAKE_NOTHING;
    return field->type == FIELD_TEXTS ? TAKE_ITEM : TAKE_BIT_NAME;
}

/* --- records ---------------------------------------------------------------------------------- */

const struct field *fields_find(const struct field *fields, const char *name, size_t *offset)
{
    for (const struct field *field = fields; field->type != FIELD_END; field++) {
        if (field->name != NULL && strcmp(field->name, name) == 0) {
            *offset += field->offset;
            return field;
        }
        if (field->type == FIELD_INLINE) {
            size_t inner = *offset + field->offset;
            const struct field *found = fields_find(field->fields, name, &inner);

            if (found != NULL) {
                *offset = inner;
                return found;
            }
        }
    }
    return NULL;
}

bool record_fits(const struct field *field, const char *name, struct node *node,
                 const struct field **ret_fields)
{
    switch (field != NULL ? (int)field->type : FIELD_END) {
    case FIELD_END:
        return true;
    case FIELD_EVENT:
        *ret_fields = event_fields;
        return true;
    case FIELD_PAYLOAD:
        node->kind = kind_find(text_from(name));
        node->take = node->kind != NULL ? TAKE_PAYLOAD : TAKE_PAYLOAD_UNKNOWN;
        *ret_fields = node->kind != NULL ? node->kind->fields : NULL;
        return true;
    case FIELD_REF:
        *ret_fields = ref_fields;
        return true;
    case FIELD_RECORD:
        node->take = TAKE_STRUCT;
        *ret_fields = field->fields;
        return true;
    case FIELD_INLINE:
        *ret_fields = field->fields;
        return true;
    case FIELD_SECRET:
        node->take = TAKE_SECRET_UNKNOWN;
        for (size_t i = 0; i < sizeof secret_records / sizeof secret_records[0]; i++) {
            if (strcmp(secret_records[i].record, name) == 0) {
                node->take = TAKE_SECRET;
                node->secret = secret_records[i].type;
                *ret_fields = secret_records[i].fields;
            }
        }
        return true;
    default:
        return false;
    }
}

int32_t word_index(const char *const *symbols, const char *symbol)
{
    for (int32_t i = 0; symbols != NULL && symbols[i] != NULL; i++)
        if (strcmp(symbols[i], symbol) == 0)
            return i;
    return ENUM_UNKNOWN;
}
