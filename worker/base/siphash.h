/* SipHash-2-4 (Aumasson and Bernstein, 2012): a fast keyed hash for hash tables whose keys come
 * from strangers. Not for anything that is stored. */
#ifndef PROVD_BASE_SIPHASH_H
#define PROVD_BASE_SIPHASH_H

#include <stdint.h>

#include "base/text.h"

struct siphash_key {
    uint64_t k0, k1;
};

uint64_t siphash(struct siphash_key key, struct text bytes); /* null as empty */

#endif
