/* The few shapes of value that events and rows are made of.
 *
 * Every whole number, boolean, enum and time is an int64_t with INT_NULL for null; every string is
 * a struct text with a NULL pointer for null; identities are struct uuid with the nil UUID for
 * none. So fields (field.h) and columns (column.h) can be described by an offset and a type. */
#ifndef PROVD_DOMAIN_VALUE_H
#define PROVD_DOMAIN_VALUE_H

#include <stddef.h>
#include <stdint.h>

#include "base/text.h"
#include "base/uuid.h"

#define INT_NULL INT64_MIN
/* An enum symbol of the writer's schema that is none of ours. */
#define ENUM_UNKNOWN (-1)
/* Times that are accepted: 1970-01-01 to 9999-12-31, microseconds (rulings.md, 14). */
#define TIME_MIN_US INT64_C(0)
#define TIME_MAX_US INT64_C(253402300799999999)

/* A list of strings, e.g. `fields`. */
struct texts {
    struct text *items;
    size_t count;
};

/* Names an account by address or by uuid; where both are given they must be of the same account
 * (rulings.md, 28). */
struct ref {
    struct text address; /* normalised; null when named by uuid */
    struct uuid uuid;    /* nil when named by address */
};

enum secret_type {
    SECRET_NONE,      /* null in the event */
    SECRET_HASH,      /* a scheme-prefixed hash, or clear text where the operator allows it */
    SECRET_SEALED,    /* sealed to the worker's key: opened and hashed in prepare */
    SECRET_GENERATED, /* to be made by the worker in prepare */
};

/* A password (or answer) as the event gives it, and what prepare made of it. */
struct secret {
    enum secret_type type;
    struct text hash;       /* HASH: as sent */
    struct text key_id;     /* SEALED: the worker's key; GENERATED: the requester's, may be null */
    struct text ciphertext; /* SEALED */
    struct text public_key; /* GENERATED: the requester's X25519 key, 32 bytes */
    int64_t length;         /* GENERATED: characters */
};

/* Values of enums that the domain computes with. The names in the schemas are in value.c; an enum
 * in an event is decoded by the name of its symbol. */
enum actor_kind { ACTOR_USER, ACTOR_GROUP_ADMIN, ACTOR_MAILBOX_ADMIN, ACTOR_SYSTEM };
enum mode { MODE_APPLY, MODE_DRY_RUN };
enum account_status {
    ACCOUNT_PENDING,
    ACCOUNT_ACTIVE,
    ACCOUNT_LOCKED,
    ACCOUNT_MAINTENANCE,
    ACCOUNT_CLOSED
};
enum service_mode { SERVICE_EAGER, SERVICE_LAZY };
enum delete_mode { DELETE_SOFT, DELETE_PURGE };
enum fanout_scope { SCOPE_ACCOUNT, SCOPE_DOMAIN };

/* NULL-terminated, in the order of the enums. */
extern const char *const actor_kind_names[];
extern const char *const mode_names[];
extern const char *const account_status_names[];
extern const char *const service_mode_names[];
extern const char *const delete_mode_names[];
extern const char *const fanout_scope_names[];

/* atmail's service bits. */
enum { SERVICE_MAIL = 1, SERVICE_CALENDAR = 2, SERVICE_CONTACTS = 4, SERVICES_ALL = 7 };
enum { SERVICE_COUNT = 3 };
/* "MAIL", "CALENDAR", "CONTACTS" for index 0..2, bit = 1 << index. */
extern const char *const service_names[];

#endif
