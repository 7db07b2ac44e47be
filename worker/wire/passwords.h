/* Reads the stored password hashes that events are compared with, before the transaction: what was
 * read may have changed by then, so the rule judges it again (domain/account_login.c). */
#ifndef PROVD_WIRE_PASSWORDS_H
#define PROVD_WIRE_PASSWORDS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/status.h"
#include "domain/value.h"

struct arena;
struct postgres;

/* A live account of a context, as an event names it; the uuid counts when both are given. */
struct stored_password {
    struct text context;
    struct ref ref;

    bool is_found; /* filled in from here on */
    struct uuid uuid;
    struct text hash; /* in the arena; null: the account has no password */
};

/* One statement for all of them. After an error the connection may be gone: it is opened again
 * before the next try. */
enum status passwords_load(struct postgres *pg, struct stored_password *items, size_t count,
                           struct arena *arena, struct error *err);

#endif
