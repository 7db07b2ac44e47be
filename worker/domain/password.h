/* What a password in an event may look like, before anything is opened or hashed (rulings.md, 31).
 */
#ifndef PROVD_DOMAIN_PASSWORD_H
#define PROVD_DOMAIN_PASSWORD_H

#include <stdbool.h>

#include "domain/field.h"

enum { PASSWORD_CHARACTERS_MIN = 8, GENERATED_LENGTH_MAX = 128, PUBLIC_KEY_LEN = 32 };

/* For FIELD_SECRET. */
bool password_check(const struct field *field, struct secret *secret, const struct policy *policy,
                    struct arena *arena, struct fault *fault);

/* The scheme between the braces, or null when the text has no such prefix. */
struct text password_scheme(struct text hash);
/* True when the text is clear text: no prefix, {PLAIN}, {CLEARTEXT} or {CLEAR}; *ret_plain is what
 * is behind the prefix. */
bool password_is_cleartext(struct text hash, struct text *ret_plain);

/* Judges a clear password that the worker knows (opened or generated): CODE_NONE or WEAK_PASSWORD.
 */
enum code password_strength(struct text plain, struct text address);

#endif
