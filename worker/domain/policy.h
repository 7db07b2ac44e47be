/* The settings that business rules depend on, as plain values: the plan reads these and nothing
 * else of the configuration. Filled in from the configuration by the lane; the defaults are those
 * of rulings.md. */
#ifndef PROVD_DOMAIN_POLICY_H
#define PROVD_DOMAIN_POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "domain/value.h"

/* UTS 46 + IDNA2008 to A-labels for a domain that is not plain ASCII: wire/idna.c in the product.
 * Returns the ASCII domain in the arena, or TEXT_NULL when the name is not allowed. */
typedef struct text domain_to_ascii(struct arena *arena, struct text domain);

/* Can a stored hash be compared at a reasonable cost? wire/crypto_password.c in the product. */
typedef bool hash_is_affordable(struct text hash);

struct policy {
    int64_t default_services;          /* 1..7 */
    int64_t default_service_mode;      /* enum service_mode */
    int64_t grace_period_us;           /* how long a deleted address stays reserved */
    struct texts password_schemes;     /* upper case, without braces; what may be stored */
    bool allow_cleartext;              /* clear text in an event is hashed in prepare */
    bool allow_weak_crypt;             /* {CRYPT} with DES or MD5 inside */
    struct texts system_sources;       /* who may say SYSTEM; none: everybody */
    domain_to_ascii *to_ascii;         /* NULL: only ASCII domains are accepted */
    hash_is_affordable *is_affordable; /* NULL: all hashes are */
};

extern const struct policy policy_defaults;

#endif
