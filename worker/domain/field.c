#include "domain/field.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include "base/arena.h"
#include "domain/address.h"
#include "domain/password.h"
#include "domain/policy.h"

enum { QUOTED_MAX = 80 };

bool fault_set(struct fault *fault, struct arena *arena, enum code code, const char *format, ...)
{
    if (fault->code == CODE_NONE) {
        va_list args;
        va_start(args, format);
        fault->code = code;
        fault->message = text_vformat(arena, format, args);
        va_end(args);
    }
    return false;
}

/* What a check needs besides the value. */
struct checking {
    const struct policy *policy;
    struct arena *arena;
    struct fault *fault;
};

static bool missing(const struct field *field, struct checking *c)
{
    return fault_set(c->fault, c->arena, CODE_MISSING_FIELD, "%s is empty: it is required",
                     field->name);
}

static bool check_characters(const struct field *field, struct text *text, struct checking *c)
{
    bool is_note = field->type == FIELD_NOTE;
    int64_t max = field->max ? field->max : is_note ? NOTE_CHARACTERS_MAX : NAME_CHARACTERS_MAX;
    if (text->len > (size_t)max && text_characters(*text) > (size_t)max)
        return fault_set(c->fault, c->arena, is_note ? CODE_INVALID_FIELD : CODE_NAME_TOO_LONG,
                         "%s has more than %" PRId64 " characters", field->name, max);
    if (text_has_control(*text, is_note ? "\n\t" : NULL)) {
        struct text shown = field->flags & FIELD_IS_SECRET
                                ? TEXT("(not shown)")
                                : text_quote(c->arena, *text, QUOTED_MAX);
        return fault_set(c->fault, c->arena, CODE_BAD_CHARACTER, "%s has a control character: %.*s",
                         field->name, TEXT_ARG(shown));
    }
    return true;
}

static bool check_text(const struct field *field, struct text *text, struct checking *c)
{
    if (text->len == 0 && field->flags & FIELD_REQUIRED)
        return missing(field, c);
    if (text->len == 0 && field->flags & FIELD_NULLED_EMPTY)
        *text = TEXT_NULL;
    if (text_is_null(*text) || field->type == FIELD_TEXT)
        return true;
    return check_characters(field, text, c);
}

static const char *address_complaint(enum code code)
{
    switch ((int)code) {
    case CODE_MISSING_FIELD:
        return "is empty: it is required";
    case CODE_NAME_TOO_LONG:
        return "is longer than mail allows (local part 64, label 63, domain 253, whole 254 octets)";
    case CODE_BAD_CHARACTER:
        return "has a control character, a space or a direction mark";
    default:
        return "is not an address that can be provisioned";
    }
}

static bool check_address(const struct field *field, struct text *text, struct checking *c)
{
    if (text->len == 0 && !(field->flags & FIELD_REQUIRED)) {
        *text = TEXT_NULL;
        return true;
    }
    enum code code = field->type == FIELD_ADDRESS
                         ? address_normalise(*text, c->policy->to_ascii, c->arena, text)
                         : domain_normalise(*text, c->policy->to_ascii, c->arena, text);
    if (code == CODE_NONE)
        return true;
    struct text shown = text_quote(c->arena, *text, QUOTED_MAX);
    return fault_set(c->fault, c->arena, code, "%s %.*s %s", field->name, TEXT_ARG(shown),
                     address_complaint(code));
}

static bool check_number(const struct field *field, int64_t value, struct checking *c)
{
    if (value == INT_NULL)
        return !(field->flags & FIELD_REQUIRED) || missing(field, c);
    if (field->type == FIELD_ENUM && value == ENUM_UNKNOWN)
        return fault_set(c->fault, c->arena, CODE_INVALID_FIELD,
                         "%s has a word that this version does not know", field->name);
    if (field->type == FIELD_TIME) {
        if (value < TIME_MIN_US || value > TIME_MAX_US)
            return fault_set(c->fault, c->arena, CODE_INVALID_FIELD,
                             "%s is before 1970 or after 9999", field->name);
        return true;
    }
    if ((field->min || field->max) && (value < field->min || value > field->max))
        return fault_set(c->fault, c->arena, CODE_INVALID_FIELD,
                         "%s is %" PRId64 ": it must be from %" PRId64 " to %" PRId64, field->name,
                         value, field->min, field->max);
    return true;
}

static bool check_texts(const struct field *field, const struct texts *texts, struct checking *c)
{
    if (field->max && texts->count > (size_t)field->max)
        return fault_set(c->fault, c->arena, CODE_INVALID_FIELD,
                         "%s has %zu items: at most %" PRId64 " are taken", field->name,
                         texts->count, field->max);
    for (size_t i = 0; i < texts->count; i++) {
        const struct field item = {.name = field->name, .type = FIELD_NAME};
        if (!check_characters(&item, &texts->items[i], c))
            return false;
    }
    return true;
}

static bool check_ref(const struct field *field, struct ref *ref, struct checking *c)
{
    if (ref->address.len == 0 && uuid_is_nil(&ref->uuid) && field->flags & FIELD_REQUIRED)
        return fault_set(c->fault, c->arena, CODE_MISSING_FIELD,
                         "%s names no account: give an address or a uuid", field->name);
    const struct field address = {.name = field->name, .type = FIELD_ADDRESS};
    return check_address(&address, &ref->address, c);
}

static bool check_record(const struct field *field, void *place, struct checking *c)
{
    void *record;
    memcpy(&record, place, sizeof record);
    if (!record)
        return !(field->flags & FIELD_REQUIRED) || missing(field, c);
    return field_check(field->fields, record, c->policy, c->arena, c->fault);
}

/* Only what is to be stored may be a hash, or be made here; a writer's schema may offer them
 * everywhere. */
static bool check_secret(const struct field *field, struct secret *secret, struct checking *c)
{
    if (!(field->flags & FIELD_STORED_HASH) &&
        (secret->type == SECRET_HASH || secret->type == SECRET_GENERATED))
        return fault_set(c->fault, c->arena, CODE_INVALID_FIELD,
                         "%s must be sealed: it is a password, not a hash of one", field->name);
    return password_check(field, secret, c->policy, c->arena, c->fault);
}

static bool check_one(const struct field *field, void *place, struct checking *c)
{
    switch (field->type) {
    case FIELD_TEXT:
    case FIELD_NAME:
    case FIELD_NOTE:
        return check_text(field, place, c);
    case FIELD_ADDRESS:
    case FIELD_DOMAIN:
        return check_address(field, place, c);
    case FIELD_INT:
    case FIELD_BOOL:
    case FIELD_TIME:
    case FIELD_ENUM:
    case FIELD_MASK:
        return check_number(field, *(const int64_t *)place, c);
    case FIELD_TEXTS:
        return check_texts(field, place, c);
    case FIELD_SECRET:
        return check_secret(field, place, c);
    case FIELD_REF:
        return check_ref(field, place, c);
    case FIELD_RECORD:
        return check_record(field, place, c);
    case FIELD_INLINE:
        return field_check(field->fields, place, c->policy, c->arena, c->fault);
    case FIELD_UUID:
    case FIELD_END:
        break;
    }
    return true;
}

bool field_check(const struct field *fields, void *record, const struct policy *policy,
                 struct arena *arena, struct fault *fault)
{
    struct checking c = {policy, arena, fault};
    for (const struct field *field = fields; field->type != FIELD_END; field++) {
        if (!check_one(field, (char *)record + field->offset, &c))
            return false;
    }
    return true;
}

/* --- the payload hash ------------------------------------------------------------------------- */

struct hashing {
    field_hash_update *update;
    void *state;
};

static void hash_bytes(struct hashing *h, const void *bytes, size_t len)
{
    uint64_t prefix = len; /* so that neighbours cannot lend each other bytes */
    h->update(h->state, &prefix, sizeof prefix);
    if (len)
        h->update(h->state, bytes, len);
}

static void hash_name(struct hashing *h, const struct field *field)
{
    hash_bytes(h, field->name, strlen(field->name));
}

static void hash_text(struct hashing *h, const struct field *field, struct text text)
{
    if (text_is_null(text))
        return;
    hash_name(h, field);
    hash_bytes(h, text.data, text.len);
}

static void hash_number(struct hashing *h, const struct field *field, int64_t value)
{
    if (value == INT_NULL || (field->has_fallback && value == field->fallback))
        return;
    hash_name(h, field);
    hash_bytes(h, &value, sizeof value);
}

static void hash_texts(struct hashing *h, const struct field *field, const struct texts *texts)
{
    if (texts->count == 0)
        return;
    hash_name(h, field);
    uint64_t count = texts->count;
    hash_bytes(h, &count, sizeof count);
    for (size_t i = 0; i < texts->count; i++)
        hash_bytes(h, texts->items[i].data, texts->items[i].len);
}

static void hash_secret(struct hashing *h, const struct field *field, const struct secret *secret)
{
    if (secret->type == SECRET_NONE)
        return;
    hash_name(h, field);
    int64_t head[2] = {(int64_t)secret->type, secret->length};
    hash_bytes(h, head, sizeof head);
    hash_bytes(h, secret->hash.data, secret->hash.len);
    hash_bytes(h, secret->key_id.data, secret->key_id.len);
    hash_bytes(h, secret->ciphertext.data, secret->ciphertext.len);
    hash_bytes(h, secret->public_key.data, secret->public_key.len);
}

static void hash_ref(struct hashing *h, const struct field *field, const struct ref *ref)
{
    if (text_is_null(ref->address) && uuid_is_nil(&ref->uuid))
        return;
    hash_name(h, field);
    hash_bytes(h, ref->address.data, ref->address.len);
    hash_bytes(h, ref->uuid.bytes, sizeof ref->uuid.bytes);
}

static void hash_record(struct hashing *h, const struct field *field, const void *place)
{
    void *record;
    memcpy(&record, place, sizeof record);
    if (!record)
        return;
    hash_name(h, field);
    field_hash(field->fields, record, h->update, h->state);
    hash_bytes(h, "", 0);
}

static void hash_one(struct hashing *h, const struct field *field, const void *place)
{
    switch (field->type) {
    case FIELD_TEXT:
    case FIELD_NAME:
    case FIELD_NOTE:
    case FIELD_ADDRESS:
    case FIELD_DOMAIN:
        return hash_text(h, field, *(const struct text *)place);
    case FIELD_INT:
    case FIELD_BOOL:
    case FIELD_TIME:
    case FIELD_ENUM:
    case FIELD_MASK:
        return hash_number(h, field, *(const int64_t *)place);
    case FIELD_UUID:
        if (!uuid_is_nil(place))
            hash_text(h, field, (struct text){place, sizeof(struct uuid)});
        break;
    case FIELD_TEXTS:
        return hash_texts(h, field, place);
    case FIELD_SECRET:
        return hash_secret(h, field, place);
    case FIELD_REF:
        return hash_ref(h, field, place);
    case FIELD_RECORD:
        return hash_record(h, field, place);
    case FIELD_INLINE:
        return field_hash(field->fields, place, h->update, h->state);
    case FIELD_END:
        break;
    }
}

void field_hash(const struct field *fields, const void *record, field_hash_update *update,
                void *hash)
{
    struct hashing h = {update, hash};
    for (const struct field *field = fields; field->type != FIELD_END; field++)
        hash_one(&h, field, (const char *)record + field->offset);
}
