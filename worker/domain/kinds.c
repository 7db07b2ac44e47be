/* The table of kinds: one row per command that this version carries out. */
#include "domain/kind.h"

#include <string.h>

#include "domain/account_events.h"
#include "domain/domain_events.h"

#define CODES(...) ((const enum code[]){__VA_ARGS__ __VA_OPT__(, ) CODE_NONE})
#define ACCOUNT_CODES                                                                              \
    CODE_MISSING_FIELD, CODE_INVALID_FIELD, CODE_INVALID_ADDRESS, CODE_FORBIDDEN,                  \
        CODE_NO_SUCH_ACCOUNT, CODE_VERSION_MISMATCH
#define PASSWORD_CODES CODE_CLEARTEXT_SECRET, CODE_UNKNOWN_SCHEME, CODE_WEAK_PASSWORD

const struct kind kinds[] = {
    {
        .name = "CreateAccount",
        .doc = "Makes an account with its attributes and its service accounts.",
        .payload_size = sizeof(struct create_account),
        .fields = create_account_fields,
        .right = RIGHT_SYSTEM,
        .check = create_account_check,
        .touch = create_account_touch,
        .rule = create_account_rule,
        .codes =
            CODES(CODE_MISSING_FIELD, CODE_INVALID_FIELD, CODE_INVALID_ADDRESS, CODE_NAME_TOO_LONG,
                  CODE_BAD_CHARACTER, PASSWORD_CODES, CODE_FORBIDDEN, CODE_NO_SUCH_CONTEXT,
                  CODE_NO_SUCH_DOMAIN, CODE_NO_SUCH_GROUP, CODE_VERSION_MISMATCH,
                  CODE_ALREADY_EXISTS, CODE_ADDRESS_RESERVED, CODE_LIMIT_EXCEEDED),
    },
    {
        .name = "UpdateAccount",
        .doc = "Sets the attributes it names; the others stay.",
        .payload_size = sizeof(struct update_account),
        .fields = update_account_fields,
        .right = RIGHT_MAILBOX,
        .check = update_account_check,
        .touch = update_account_touch,
        .target = ref_target,
        .rule = update_account_rule,
        .codes = CODES(ACCOUNT_CODES, CODE_NAME_TOO_LONG, CODE_BAD_CHARACTER, CODE_NO_SUCH_GROUP,
                       CODE_LIMIT_EXCEEDED),
    },
    {
        .name = "SetPassword",
        .doc = "Sets the password of an account.",
        .payload_size = sizeof(struct set_password),
        .fields = set_password_fields,
        .right = RIGHT_OWN,
        .touch = ref_touch,
        .target = ref_target,
        .rule = set_password_rule,
        .codes = CODES(ACCOUNT_CODES, PASSWORD_CODES),
    },
    {
        .name = "SetAccountStatus",
        .doc = "Locks, closes, opens an account, or puts it into maintenance.",
        .payload_size = sizeof(struct set_account_status),
        .fields = set_account_status_fields,
        .right = RIGHT_MAILBOX,
        .touch = ref_touch,
        .target = ref_target,
        .rule = set_account_status_rule,
        .codes = CODES(ACCOUNT_CODES),
    },
    {
        .name = "DeleteAccount",
        .doc = "Deletes an account; its address stays reserved for a while, or is freed at once.",
        .payload_size = sizeof(struct delete_account),
        .fields = delete_account_fields,
        .right = RIGHT_MAILBOX,
        .touch = ref_touch,
        .target = ref_target,
        .rule = delete_account_rule,
        .codes = CODES(ACCOUNT_CODES, CODE_CATCHALL_IN_USE),
    },
    {
        .name = "RestoreAccount",
        .doc = "Brings a deleted account back while its address is reserved.",
        .payload_size = sizeof(struct restore_account),
        .fields = restore_account_fields,
        .right = RIGHT_MAILBOX,
        .touch = ref_touch,
        .target = ref_target,
        .rule = restore_account_rule,
        .codes =
            CODES(ACCOUNT_CODES, CODE_NO_SUCH_DOMAIN, CODE_ALREADY_EXISTS, CODE_LIMIT_EXCEEDED),
    },
    {
        .name = "CreateContext",
        .doc = "Makes a context (tenant).",
        .payload_size = sizeof(struct context_given),
        .fields = create_context_fields,
        .flags = KIND_OWN_CONTEXT,
        .right = RIGHT_SYSTEM,
        .touch = context_touch,
        .rule = create_context_rule,
        .codes =
            CODES(CODE_MISSING_FIELD, CODE_INVALID_FIELD, CODE_NAME_TOO_LONG, CODE_BAD_CHARACTER,
                  CODE_FORBIDDEN, CODE_VERSION_MISMATCH, CODE_ALREADY_EXISTS),
    },
    {
        .name = "UpdateContext",
        .doc = "Sets the settings of a context that it names.",
        .payload_size = sizeof(struct context_given),
        .fields = update_context_fields,
        .flags = KIND_OWN_CONTEXT,
        .right = RIGHT_SYSTEM,
        .check = update_context_check,
        .touch = context_touch,
        .rule = update_context_rule,
        .codes = CODES(CODE_MISSING_FIELD, CODE_INVALID_FIELD, CODE_FORBIDDEN, CODE_NO_SUCH_CONTEXT,
                       CODE_VERSION_MISMATCH),
    },
    {
        .name = "DeleteContext",
        .doc = "Deletes an empty context.",
        .payload_size = sizeof(struct delete_context),
        .fields = delete_context_fields,
        .flags = KIND_OWN_CONTEXT,
        .right = RIGHT_SYSTEM,
        .touch = context_touch,
        .rule = delete_context_rule,
        .codes = CODES(CODE_MISSING_FIELD, CODE_FORBIDDEN, CODE_NO_SUCH_CONTEXT,
                       CODE_VERSION_MISMATCH, CODE_CONTEXT_NOT_EMPTY),
    },
    {
        .name = "CreateDomain",
        .doc = "Makes a mail domain in a context.",
        .payload_size = sizeof(struct domain_given),
        .fields = create_domain_fields,
        .right = RIGHT_SYSTEM,
        .touch = domain_touch,
        .rule = create_domain_rule,
        .codes = CODES(CODE_MISSING_FIELD, CODE_INVALID_FIELD, CODE_INVALID_ADDRESS,
                       CODE_NAME_TOO_LONG, CODE_BAD_CHARACTER, CODE_FORBIDDEN, CODE_NO_SUCH_CONTEXT,
                       CODE_NO_SUCH_ACCOUNT, CODE_VERSION_MISMATCH, CODE_ALREADY_EXISTS),
    },
    {
        .name = "UpdateDomain",
        .doc = "Sets the settings of a domain that it names.",
        .payload_size = sizeof(struct domain_given),
        .fields = update_domain_fields,
        .right = RIGHT_SYSTEM,
        .check = update_domain_check,
        .touch = domain_touch,
        .rule = update_domain_rule,
        .codes = CODES(CODE_MISSING_FIELD, CODE_INVALID_FIELD, CODE_INVALID_ADDRESS, CODE_FORBIDDEN,
                       CODE_NO_SUCH_DOMAIN, CODE_NO_SUCH_ACCOUNT, CODE_VERSION_MISMATCH),
    },
    {
        .name = "DeleteDomain",
        .doc = "Deletes a domain, with `cascade` together with its accounts.",
        .payload_size = sizeof(struct delete_domain),
        .fields = delete_domain_fields,
        .right = RIGHT_SYSTEM,
        .touch = domain_touch,
        .fans_out = delete_domain_fans_out,
        .rule = delete_domain_rule,
        .codes = CODES(CODE_MISSING_FIELD, CODE_INVALID_ADDRESS, CODE_FORBIDDEN,
                       CODE_NO_SUCH_DOMAIN, CODE_VERSION_MISMATCH, CODE_DOMAIN_NOT_EMPTY),
    },
    {.name = NULL},
};

const struct kind *kind_find(struct text name)
{
    for (const struct kind *kind = kinds; kind->name; kind++) {
        if (text_equal_z(name, kind->name))
            return kind;
    }
    return NULL;
}
