/* Mail addresses and domain names in their normal form (rulings.md, 30): domain in lower-case
 * A-labels, local part an ASCII dot-atom in lower case. */
#ifndef PROVD_DOMAIN_ADDRESS_H
#define PROVD_DOMAIN_ADDRESS_H

#include "domain/code.h"
#include "domain/policy.h"
#include "domain/value.h"

enum {
    ADDRESS_MAX = 254, /* octets; RFC 5321, 4.5.3.1.3 */
    LOCAL_PART_MAX = 64,
    DOMAIN_MAX = 253,
    LABEL_MAX = 63
};

/* CODE_NONE and the normal form in *ret_address (in the arena), or the reason. */
enum code address_normalise(struct text address, domain_to_ascii *to_ascii, struct arena *arena,
                            struct text *ret_address);
enum code domain_normalise(struct text domain, domain_to_ascii *to_ascii, struct arena *arena,
                           struct text *ret_domain);

#endif
