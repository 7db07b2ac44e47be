/* The attributes of an account that CreateAccount gives and UpdateAccount may patch: one struct,
 * one table of fields, one table that binds fields to columns (rulings.md, 25 and 29). Of these,
 * `group` is no column: account_change_group (account_events.h) sees to it. */
#ifndef PROVD_DOMAIN_ACCOUNT_ATTRIBUTES_H
#define PROVD_DOMAIN_ACCOUNT_ATTRIBUTES_H

#include <stdbool.h>

#include "domain/account.h"
#include "domain/field.h"

struct autoreply {
    struct text subject, body;
    int64_t start, end;
    int64_t enabled;
};

struct account_attributes {
    struct text first_name, last_name, department, telephone;
    struct text group;
    int64_t quota_bytes, quota_messages;
    struct text mailbox_type, storage_node;
    struct text forward;
    struct autoreply *autoreply;
    struct text comment;
};

extern const struct field account_attribute_fields[];

/* Copies every attribute that the event gives (is not null) into the row. */
void attributes_fill(const struct account_attributes *attributes, struct account *account);
/* Copies the named fields; named and null clears, or gives a NOT NULL column its default. */
void attributes_patch(const struct account_attributes *attributes, const struct texts *fields,
                      struct account *account);
/* The first name in `fields` that is no patchable attribute, or null. */
struct text attributes_unknown(const struct texts *fields);
/* The names of the given attributes in which the row differs, comma-separated; null when none does.
 */
struct text attributes_differing(const struct account_attributes *attributes,
                                 const struct account *account, struct arena *arena);

#endif
