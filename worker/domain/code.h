/* Result codes: the reasons a result or a dead letter gives, in families (events.md, section 2).
 *
 * The table in code.c is the one list of them; documentation, metrics and `provctl events` read it.
 */
#ifndef PROVD_DOMAIN_CODE_H
#define PROVD_DOMAIN_CODE_H

#include <stdbool.h>

enum code {
    CODE_NONE = 0,
    /* input */
    CODE_INVALID_FIELD,
    CODE_MISSING_FIELD,
    CODE_INVALID_ADDRESS,
    CODE_NAME_TOO_LONG,
    CODE_BAD_CHARACTER,
    CODE_INVALID_QUOTA,
    CODE_UNKNOWN_SCHEME,
    CODE_WEAK_PASSWORD,
    CODE_CLEARTEXT_SECRET,
    CODE_ID_REUSED,
    CODE_UNSUPPORTED,
    /* reference */
    CODE_NO_SUCH_CONTEXT,
    CODE_NO_SUCH_DOMAIN,
    CODE_NO_SUCH_ACCOUNT,
    CODE_NO_SUCH_USER,
    CODE_NO_SUCH_GROUP,
    CODE_NO_SUCH_SECONDARY_ACCOUNT,
    CODE_NO_SUCH_SIGNUP,
    /* conflict */
    CODE_ALREADY_EXISTS,
    CODE_DUPLICATE_GRANT,
    CODE_VERSION_MISMATCH,
    CODE_ADDRESS_RESERVED,
    CODE_CATCHALL_IN_USE,
    CODE_LIMIT_EXCEEDED,
    CODE_DOMAIN_NOT_EMPTY,
    CODE_CONTEXT_NOT_EMPTY,
    /* permission */
    CODE_FORBIDDEN,
    CODE_RECOVERY_LOCKED,
    CODE_WRONG_ANSWER,
    /* probe and authentication */
    CODE_DNS,
    CODE_CONNECT,
    CODE_TLS,
    CODE_AUTH_FAILED,
    CODE_TIMEOUT,
    CODE_PROTOCOL,
    CODE_POLICY,
    /* dead letters: bytes that cannot be read */
    CODE_NULL_VALUE,
    CODE_TOO_SHORT,
    CODE_BAD_MAGIC,
    CODE_UNKNOWN_SCHEMA,
    CODE_UNUSABLE_SCHEMA,
    CODE_TRUNCATED,
    CODE_TRAILING_BYTES,
    CODE_BAD_ENUM,
    CODE_BAD_UTF8,
    CODE_NUL_BYTE,
    CODE_MALFORMED,
    CODE_TOO_LARGE,
    /* storage: only in dead letters */
    CODE_STORAGE_REFUSED,
    CODE_COUNT
};

enum code_family {
    FAMILY_NONE,
    FAMILY_INPUT,
    FAMILY_REFERENCE,
    FAMILY_CONFLICT,
    FAMILY_PERMISSION,
    FAMILY_PROBE,
    FAMILY_DEAD,
    FAMILY_STORAGE,
};

/* The name as it stands in results, e.g. "NO_SUCH_DOMAIN"; NULL for CODE_NONE. */
const char *code_name(enum code code);
enum code_family code_family(enum code code);
const char *code_family_name(enum code_family family);
/* True when sending the same event again later may succeed (rulings.md, 11). */
bool code_is_retryable(enum code code);
/* One sentence for the documentation. */
const char *code_doc(enum code code);
/* CODE_NONE when there is no such name. */
enum code code_from_name(const char *name);

#endif
