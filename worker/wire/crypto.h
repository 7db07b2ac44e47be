/* Hashes, sealed boxes, password hashing, random bytes: the only owner of <sodium.h>, <crypt.h> and
 * <openssl/evp.h> (SHA-256, which it does faster than libsodium; SHA-1 and MD5, which old stored
 * passwords need and libsodium has not). */
#ifndef PROVD_WIRE_CRYPTO_H
#define PROVD_WIRE_CRYPTO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "base/text.h"
#include "base/uuid.h"

struct arena;

enum { SHA256_LEN = 32, KEY_LEN = 32 };

/* Once per process, before anything else here. */
enum status crypto_start(struct error *err);
void crypto_random(void *bytes, size_t len);

/* Of one thread at a time: it works in memory that crypto_start sets up. */
void crypto_sha256(const void *bytes, size_t len, uint8_t ret_hash[SHA256_LEN]);

/* Incremental BLAKE2b-128: payload hashes, result ids, derived identities. */
struct blake {
    uint8_t state[384] __attribute__((aligned(64)));
};
void blake_begin(struct blake *blake);
void blake_update(void *blake, const void *bytes, size_t len); /* fits field_hash_update */
void blake_end(struct blake *blake, uint8_t ret_hash[16]);
/* A UUID (version 8, RFC 9562) whose free bits are the hash of `bytes`. */
struct uuid crypto_uuid(const void *bytes, size_t len);
/* The same, but with the time of a version 7 `event_id` kept in front (and version 7), so that the
 * identities made from events are as time-ordered as these and indexes grow at their end. */
struct uuid crypto_uuid_like(const struct uuid *event_id, const char *purpose);

/* The worker's key pairs for sealed boxes, by key id. Keys are in locked memory. */
struct keyring;
/* Reads every `*.key` file of the directory (name = key id; base64 of the 32-byte secret key, made
 * by `provctl keygen`). An empty path gives an empty keyring. FATAL, naming the file: one that
 * others can read (or the group write), one that holds no key. */
enum status keyring_open(struct keyring **ret_keyring, const char *directory, struct error *err);
void keyring_close(struct keyring *keyring);
/* False when there is no such key. */
bool keyring_public_key(const struct keyring *keyring, struct text key_id,
                        uint8_t ret_key[KEY_LEN]);
enum unseal { UNSEAL_OK, UNSEAL_NO_KEY, UNSEAL_BROKEN };
/* Opens into the arena; the caller wipes it with crypto_wipe when done. */
enum unseal keyring_unseal(const struct keyring *keyring, struct text key_id,
                           struct text ciphertext, struct arena *arena, struct text *ret_plain);
/* False when the public key is not 32 bytes of a valid point. */
bool crypto_seal(struct text public_key, struct text plain, struct arena *arena,
                 struct text *ret_ciphertext);
void crypto_wipe(struct text plain);
/* A new pair, base64, in the arena. */
void crypto_keypair(struct arena *arena, struct text *ret_public, struct text *ret_secret);
struct text crypto_base64(struct arena *arena, struct text bytes);
bool crypto_unbase64(struct arena *arena, struct text base64, struct text *ret_bytes);

/* Password hashing. Thread-safe: called from the pool of the prepare stage. */
enum hash_scheme { HASH_ARGON2ID, HASH_SHA512_CRYPT, HASH_BLF_CRYPT, HASH_YESCRYPT };
struct hash_cost {
    enum hash_scheme scheme;
    int64_t ops;          /* argon2id passes; sha512-crypt rounds; bcrypt cost; yescrypt cost */
    int64_t memory_bytes; /* argon2id */
};
enum { PASSWORD_HASH_MAX = 512 };
/* The longest password that a scheme takes: bcrypt would ignore what comes after 72 bytes in
 * silence. */
size_t crypto_password_bytes_max(enum hash_scheme scheme);
/* "{ARGON2ID}$argon2id$..." as Dovecot takes it. RETRY when memory is short; FATAL when the cost is
 * out of libcrypt's range or `plain` is longer than crypto_password_bytes_max or has a NUL, which
 * the caller has to refuse as a bad event. */
enum status crypto_hash_password(struct text plain, const struct hash_cost *cost,
                                 char ret_hash[PASSWORD_HASH_MAX], struct error *err);
/* Is `plain` the password behind a stored hash? {ARGON2ID}, {ARGON2I}, {BLF-CRYPT},
 * {SHA512-CRYPT}, {SHA256-CRYPT}, {MD5-CRYPT}, {DES-CRYPT}, {CRYPT} (yescrypt too), {SSHA512},
 * {SSHA256}, {SSHA}, {SMD5}, {SHA512}, {SHA256}, {SHA}, {SHA1}, {LDAP-MD5}, {PLAIN-MD5}; digests
 * also with Dovecot's .HEX and .B64. Digests are compared in constant time. A hash that
 * is dearer than the settings let our own be is not compared: false. RETRY when memory is short:
 * nothing is known then. */
enum status crypto_verify_password(struct text plain, struct text stored, bool *ret_matches,
                                   struct error *err);
/* False for a stored hash that is too dear to be compared, by us or at each login: argon2 beyond 1
 * GiB or 32 passes, bcrypt beyond 16, SHA-crypt beyond 10,000,000 rounds, yescrypt beyond 11. */
bool crypto_hash_is_affordable(struct text stored);
/* A random password of `length` characters from an alphabet without look-alikes; plain is wiped by
 * the caller. */
void crypto_generate_password(struct arena *arena, size_t length, struct text *ret_plain);

#endif
