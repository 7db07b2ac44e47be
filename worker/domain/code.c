#include "domain/code.h"

#include <stddef.h>
#include <string.h>

struct code_row {
    const char *name;
    enum code_family family;
    bool retryable;
    const char *doc;
};

static const struct code_row codes[CODE_COUNT] = {
    [CODE_NONE] = {NULL, FAMILY_NONE, false, "Nothing is to be said."},

    [CODE_INVALID_FIELD] =
        {"INVALID_FIELD", FAMILY_INPUT, false,
         "A field's value is outside what is allowed, or an unknown field is named."},
    [CODE_MISSING_FIELD] = {"MISSING_FIELD", FAMILY_INPUT, false, "A required field is empty."},
    [CODE_INVALID_ADDRESS] = {"INVALID_ADDRESS", FAMILY_INPUT, false,
                              "Not a mail address or domain that can be provisioned."},
    [CODE_NAME_TOO_LONG] = {"NAME_TOO_LONG", FAMILY_INPUT, false,
                            "A name, an address or a part of one is longer than its limit."},
    [CODE_BAD_CHARACTER] = {"BAD_CHARACTER", FAMILY_INPUT, false,
                            "A control character, space or direction mark where none may stand."},
    [CODE_INVALID_QUOTA] = {"INVALID_QUOTA", FAMILY_INPUT, false,
                            "The quota is not in vpopmail's syntax, or given twice."},
    [CODE_UNKNOWN_SCHEME] = {"UNKNOWN_SCHEME", FAMILY_INPUT, false,
                             "The password hash has a scheme that is not on the allow-list."},
    [CODE_WEAK_PASSWORD] =
        {"WEAK_PASSWORD", FAMILY_INPUT, false,
         "The password is too short, equals the local part, or its hash is weak."},
    [CODE_CLEARTEXT_SECRET] =
        {"CLEARTEXT_SECRET", FAMILY_INPUT, false,
         "A password came in clear text and the operator does not allow that."},
    [CODE_ID_REUSED] = {"ID_REUSED", FAMILY_INPUT, false,
                        "The event id was used before, for an event with other content."},
    [CODE_UNSUPPORTED] = {"UNSUPPORTED", FAMILY_INPUT, false,
                          "This version of the worker does not know the command."},

    [CODE_NO_SUCH_CONTEXT] = {"NO_SUCH_CONTEXT", FAMILY_REFERENCE, true,
                              "There is no such context."},
    [CODE_NO_SUCH_DOMAIN] = {"NO_SUCH_DOMAIN", FAMILY_REFERENCE, true,
                             "The context has no such domain."},
    [CODE_NO_SUCH_ACCOUNT] = {"NO_SUCH_ACCOUNT", FAMILY_REFERENCE, false,
                              "The context has no such account."},
    [CODE_NO_SUCH_USER] = {"NO_SUCH_USER", FAMILY_REFERENCE, false,
                           "The context has no such user."},
    [CODE_NO_SUCH_GROUP] = {"NO_SUCH_GROUP", FAMILY_REFERENCE, true,
                            "The context has no such group."},
    [CODE_NO_SUCH_SECONDARY_ACCOUNT] = {"NO_SUCH_SECONDARY_ACCOUNT", FAMILY_REFERENCE, false,
                                        "Nobody named has this secondary account."},
    [CODE_NO_SUCH_SIGNUP] = {"NO_SUCH_SIGNUP", FAMILY_REFERENCE, false,
                             "There is no such sign-up."},

    [CODE_ALREADY_EXISTS] = {"ALREADY_EXISTS", FAMILY_CONFLICT, false,
                             "It is there already, with other attributes."},
    [CODE_DUPLICATE_GRANT] = {"DUPLICATE_GRANT", FAMILY_CONFLICT, false,
                              "A user already has the secondary account."},
    [CODE_VERSION_MISMATCH] = {"VERSION_MISMATCH", FAMILY_CONFLICT, false,
                               "The object is not at the version that the event expects."},
    [CODE_ADDRESS_RESERVED] = {"ADDRESS_RESERVED", FAMILY_CONFLICT, false,
                               "A deleted account still reserves the address."},
    [CODE_CATCHALL_IN_USE] = {"CATCHALL_IN_USE", FAMILY_CONFLICT, false,
                              "The account is the catch-all of its domain."},
    [CODE_LIMIT_EXCEEDED] = {"LIMIT_EXCEEDED", FAMILY_CONFLICT, false,
                             "A limit of the domain, or of the worker, would be exceeded."},
    [CODE_DOMAIN_NOT_EMPTY] = {"DOMAIN_NOT_EMPTY", FAMILY_CONFLICT, false,
                               "The domain still has accounts, and the event does not cascade."},
    [CODE_CONTEXT_NOT_EMPTY] = {"CONTEXT_NOT_EMPTY", FAMILY_CONFLICT, false,
                                "The context still has domains."},

    [CODE_FORBIDDEN] = {"FORBIDDEN", FAMILY_PERMISSION, false,
                        "The actor has no right to do this, or it is not allowed at this point."},
    [CODE_RECOVERY_LOCKED] = {"RECOVERY_LOCKED", FAMILY_PERMISSION, false,
                              "Too many wrong answers: recovery is locked for a while."},
    [CODE_WRONG_ANSWER] = {"WRONG_ANSWER", FAMILY_PERMISSION, false,
                           "The recovery answer is wrong."},

    [CODE_DNS] = {"DNS", FAMILY_PROBE, true, "The mail server's name does not resolve."},
    [CODE_CONNECT] = {"CONNECT", FAMILY_PROBE, true, "The mail server cannot be reached."},
    [CODE_TLS] = {"TLS", FAMILY_PROBE, true, "No trusted TLS with the mail server."},
    [CODE_AUTH_FAILED] = {"AUTH_FAILED", FAMILY_PROBE, false, "The login or password is wrong."},
    [CODE_TIMEOUT] = {"TIMEOUT", FAMILY_PROBE, true, "An outside answer did not come in time."},
    [CODE_PROTOCOL] = {"PROTOCOL", FAMILY_PROBE, true,
                       "The mail server does not speak as it should."},
    [CODE_POLICY] = {"POLICY", FAMILY_PROBE, false, "The mail server is not one that may be used."},

    [CODE_NULL_VALUE] = {"NULL_VALUE", FAMILY_DEAD, false, "The record has no value."},
    [CODE_TOO_SHORT] = {"TOO_SHORT", FAMILY_DEAD, false, "The value is shorter than any framing."},
    [CODE_BAD_MAGIC] = {"BAD_MAGIC", FAMILY_DEAD, false,
                        "The value begins with none of the framings that are read."},
    [CODE_UNKNOWN_SCHEMA] = {"UNKNOWN_SCHEMA", FAMILY_DEAD, false,
                             "Nobody knows the schema that the record names."},
    [CODE_UNUSABLE_SCHEMA] =
        {"UNUSABLE_SCHEMA", FAMILY_DEAD, false,
         "The record's schema is broken or is not one of provisioning events."},
    [CODE_TRUNCATED] = {"TRUNCATED", FAMILY_DEAD, false, "The value ends before its schema does."},
    [CODE_TRAILING_BYTES] = {"TRAILING_BYTES", FAMILY_DEAD, false,
                             "Bytes are left over behind the event."},
    [CODE_BAD_ENUM] = {"BAD_ENUM", FAMILY_DEAD, false, "An enum or union index is out of range."},
    [CODE_BAD_UTF8] = {"BAD_UTF8", FAMILY_DEAD, false, "A string is not valid UTF-8."},
    [CODE_NUL_BYTE] = {"NUL_BYTE", FAMILY_DEAD, false, "A string contains a NUL byte."},
    [CODE_MALFORMED] = {"MALFORMED", FAMILY_DEAD, false, "The bytes do not follow the schema."},
    [CODE_TOO_LARGE] = {"TOO_LARGE", FAMILY_DEAD, false,
                        "The record, its headers or one of its strings is over the limit, or what "
                        "it asks for is more than a batch's memory holds."},

    [CODE_STORAGE_REFUSED] = {"STORAGE_REFUSED", FAMILY_STORAGE, false,
                              "The database refuses to store what the event asks for."},
};

const char *code_name(enum code code)
{
    return codes[code].name;
}

enum code_family code_family(enum code code)
{
    return codes[code].family;
}

const char *code_family_name(enum code_family family)
{
    static const char *const names[] = {
        [FAMILY_NONE] = "none",
        [FAMILY_INPUT] = "input",
        [FAMILY_REFERENCE] = "reference",
        [FAMILY_CONFLICT] = "conflict",
        [FAMILY_PERMISSION] = "permission",
        [FAMILY_PROBE] = "probe",
        [FAMILY_DEAD] = "dead letter",
        [FAMILY_STORAGE] = "storage",
    };
    return names[family];
}

bool code_is_retryable(enum code code)
{
    return codes[code].retryable;
}

const char *code_doc(enum code code)
{
    return codes[code].doc;
}

enum code code_from_name(const char *name)
{
    for (int i = 1; i < CODE_COUNT; i++) {
        if (strcmp(codes[i].name, name) == 0)
            return (enum code)i;
    }
    return CODE_NONE;
}
