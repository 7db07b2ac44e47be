#include "domain/password.h"

#include <string.h>

#include "domain/keys.h"
#include "domain/policy.h"

struct text password_scheme(struct text hash)
{
    if (hash.len < 2 || hash.data[0] != '{')
        return TEXT_NULL;
    size_t close = text_find(hash, '}');
    if (close == SIZE_MAX)
        return TEXT_NULL;
    return (struct text){hash.data + 1, close - 1};
}

bool password_is_cleartext(struct text hash, struct text *ret_plain)
{
    struct text scheme = password_scheme(hash);
    if (text_is_null(scheme)) {
        *ret_plain = hash;
        return true;
    }
    *ret_plain = text_slice(hash, scheme.len + 2, SIZE_MAX);
    return text_equal_nocase(scheme, TEXT("PLAIN")) ||
           text_equal_nocase(scheme, TEXT("CLEARTEXT")) || text_equal_nocase(scheme, TEXT("CLEAR"));
}

/* Dovecot's encoding suffixes: {SSHA256.HEX}, {SSHA256.b64}, {SSHA256.base64}. */
static struct text without_encoding(struct text scheme)
{
    size_t dot = text_find(scheme, '.');
    return dot == SIZE_MAX ? scheme : text_slice(scheme, 0, dot);
}

static bool scheme_is_allowed(struct text scheme, const struct policy *policy)
{
    scheme = without_encoding(scheme);
    for (size_t i = 0; i < policy->password_schemes.count; i++) {
        if (text_equal_nocase(scheme, policy->password_schemes.items[i]))
            return true;
    }
    return false;
}

static bool is_printable(struct text t)
{
    for (size_t i = 0; i < t.len; i++) {
        if (t.data[i] < 0x21 || t.data[i] > 0x7E)
            return false;
    }
    return true;
}

/* Traditional DES has no "$id$" (or BSDi's "_"); "$1$" is MD5, "$md5" Sun's. An encoded hash cannot
 * be looked into, and has no "$" in front either. */
static bool crypt_is_weak(struct text scheme, struct text crypted)
{
    if (!text_equal_nocase(without_encoding(scheme), TEXT("CRYPT")))
        return false;
    return crypted.data[0] != '$' || text_starts_with(crypted, "$1$") ||
           text_starts_with(crypted, "$md5");
}

static bool check_hash(const struct field *field, const struct secret *secret,
                       const struct policy *policy, struct arena *arena, struct fault *fault)
{
    struct text plain;
    if (secret->hash.len == 0)
        return fault_set(fault, arena, CODE_MISSING_FIELD, "%s is empty", field->name);
    if (password_is_cleartext(secret->hash, &plain)) {
        if (!policy->allow_cleartext)
            return fault_set(fault, arena, CODE_CLEARTEXT_SECRET,
                             "%s is clear text: send a scheme-prefixed hash or a sealed secret",
                             field->name);
        if (plain.len == 0 || text_characters(plain) > PASSWORD_CHARACTERS_MAX)
            return fault_set(fault, arena, CODE_INVALID_FIELD,
                             "%s is empty or longer than 512 characters", field->name);
        return true;
    }
    struct text scheme = password_scheme(secret->hash);
    if (!scheme_is_allowed(scheme, policy))
        return fault_set(fault, arena, CODE_UNKNOWN_SCHEME,
                         "%s has a hash scheme that is not allowed here", field->name);
    if (plain.len == 0 || secret->hash.len > PASSWORD_CHARACTERS_MAX || !is_printable(secret->hash))
        return fault_set(fault, arena, CODE_INVALID_FIELD,
                         "%s is no hash: it must be 1 to 512 printable ASCII characters with the "
                         "scheme in front",
                         field->name);
    if (crypt_is_weak(scheme, plain) && !policy->allow_weak_crypt)
        return fault_set(fault, arena, CODE_WEAK_PASSWORD,
                         "%s is {CRYPT} with DES or MD5 inside: use a stronger hash", field->name);
    if (policy->is_affordable && !policy->is_affordable(secret->hash))
        return fault_set(
            fault, arena, CODE_INVALID_FIELD,
            "%s is too dear to compare: argon2 at most 1 GiB and 32 passes, bcrypt at "
            "most 16, yescrypt at most 11, SHA-crypt, PBKDF2 and SCRAM at most 10000000 "
            "rounds",
            field->name);
    return true;
}

static bool check_generated(const struct field *field, const struct secret *secret,
                            struct arena *arena, struct fault *fault)
{
    if (secret->length < PASSWORD_CHARACTERS_MIN)
        return fault_set(fault, arena, CODE_WEAK_PASSWORD,
                         "%s: a generated password has at least 8 characters", field->name);
    if (secret->length > GENERATED_LENGTH_MAX)
        return fault_set(fault, arena, CODE_INVALID_FIELD,
                         "%s: a generated password has at most 128 characters", field->name);
    if (secret->public_key.len != PUBLIC_KEY_LEN)
        return fault_set(fault, arena, CODE_INVALID_FIELD,
                         "%s: public_key must be the requester's X25519 key of 32 bytes",
                         field->name);
    return true;
}

bool password_check(const struct field *field, struct secret *secret, const struct policy *policy,
                    struct arena *arena, struct fault *fault)
{
    switch (secret->type) {
    case SECRET_NONE:
        return !(field->flags & FIELD_REQUIRED) ||
               fault_set(fault, arena, CODE_MISSING_FIELD, "%s is null: it is required",
                         field->name);
    case SECRET_HASH:
        return check_hash(field, secret, policy, arena, fault);
    case SECRET_SEALED:
        return secret->ciphertext.len > 0 ||
               fault_set(fault, arena, CODE_MISSING_FIELD, "%s: ciphertext is empty", field->name);
    case SECRET_GENERATED:
        return check_generated(field, secret, arena, fault);
    }
    return true;
}

enum code password_strength(struct text plain, struct text address)
{
    if (text_characters(plain) < PASSWORD_CHARACTERS_MIN)
        return CODE_WEAK_PASSWORD;
    return text_equal_nocase(plain, address_local(address)) ? CODE_WEAK_PASSWORD : CODE_NONE;
}
