/* Shared by the crypto_*.c files: the one place that includes <sodium.h> and <openssl/evp.h>. */
#ifndef PROVD_WIRE_CRYPTO_PRIVATE_H
#define PROVD_WIRE_CRYPTO_PRIVATE_H

#include <openssl/evp.h>
#include <sodium.h>

_Static_assert(crypto_box_SECRETKEYBYTES == 32, "sealed boxes use X25519 secret keys");
_Static_assert(crypto_box_PUBLICKEYBYTES == 32, "sealed boxes use X25519 public keys");

#endif
