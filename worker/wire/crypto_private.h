/* Shared by the crypto_*.c files: the one place that includes <sodium.h> and <openssl/evp.h>. */
#ifndef PROVD_WIRE_CRYPTO_PRIVATE_H
#define PROVD_WIRE_CRYPTO_PRIVATE_H

#include <openssl/evp.h>
#include <sodium.h>
#include <stdbool.h>

#include "base/text.h"

_Static_assert(crypto_box_SECRETKEYBYTES == 32, "sealed boxes use X25519 secret keys");
_Static_assert(crypto_box_PUBLICKEYBYTES == 32, "sealed boxes use X25519 public keys");

/* False when comparing with this hash (without its {SCHEME}) would take longer or more memory than
 * the settings let the worker's own hashes take. */
bool crypto_is_affordable(const char *hash);

enum {
    DERIVED_SALT_MAX = 128,
    DERIVED_SHA1_LEN = 20,
    DERIVED_SHA256_LEN = 32,
    DERIVED_ITERATIONS_MAX = 10000000, /* as for SHA-crypt */
};

/* A stored key that was derived from a password, and how. */
struct derived_key {
    const EVP_MD *(*digest)(void);
    uint8_t salt[DERIVED_SALT_MAX];
    size_t salt_len;
    unsigned long iterations;
    uint8_t key[DERIVED_SHA256_LEN];
    size_t key_len;
    bool is_scram; /* the key is a digest of what was derived */
};

/* What stands behind {PBKDF2} or {SCRAM-SHA-256}. False: it is none. */
bool derived_parse_pbkdf2(const char *hash, struct derived_key *ret_key);
bool derived_parse_scram(const char *hash, struct derived_key *ret_key);
/* At most DERIVED_ITERATIONS_MAX iterations; the caller sees to it. False with errno ENOMEM: could
 * not be compared. */
bool derived_matches(struct text plain, const struct derived_key *key);

#endif
