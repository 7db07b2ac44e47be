/* Shared by the crypto_*.c files: the one place that includes <sodium.h> and <openssl/evp.h>. */
#ifndef PROVD_WIRE_CRYPTO_PRIVATE_H
#define PROVD_WIRE_CRYPTO_PRIVATE_H

#include <openssl/evp.h>
#include <sodium.h>
#include <stdbool.h>

_Static_assert(crypto_box_SECRETKEYBYTES == 32, "sealed boxes use X25519 secret keys");
_Static_assert(crypto_box_PUBLICKEYBYTES == 32, "sealed boxes use X25519 public keys");

/* False when comparing with this hash (without its {SCHEME}) would take longer or more memory than
 * the settings let the worker's own hashes take. */
bool crypto_is_affordable(const char *hash);

#endif
