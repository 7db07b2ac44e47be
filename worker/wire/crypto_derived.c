/* {PBKDF2} and {SCRAM-SHA-256}: keys derived from the password by iterated HMAC (RFC 8018), as
 * Dovecot stores them. */
#include "wire/crypto_private.h"

#include <openssl/hmac.h>

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum { DECIMAL = 10 };

/* A number of iterations that ends at `stop`; 0 when it is none. What does not fit is the greatest.
 */
static unsigned long read_iterations(const char *text, char stop, const char **ret_rest)
{
    char *end;
    unsigned long iterations;

    if (!isdigit((unsigned char)*text))
        return 0;
    iterations = strtoul(text, &end, DECIMAL);
    *ret_rest = end + 1;
    return *end == stop ? iterations : 0;
}

/* "$1$salt$5000$" and the key in hex; the salt is text (Dovecot's password-scheme-pbkdf2.c). */
bool derived_parse_pbkdf2(const char *hash, struct derived_key *ret_key)
{
    const char *salt_end, *key;

    *ret_key = (struct derived_key){.digest = EVP_sha1, .key_len = DERIVED_SHA1_LEN};
    if (strncmp(hash, "$1$", 3) != 0 || (salt_end = strchr(hash + 3, '$')) == NULL)
        return false;
    ret_key->salt_len = (size_t)(salt_end - hash - 3);
    ret_key->iterations = read_iterations(salt_end + 1, '$', &key);
    if (ret_key->salt_len > sizeof ret_key->salt || ret_key->iterations == 0)
        return false;
    memcpy(ret_key->salt, hash + 3, ret_key->salt_len);
    size_t len;
    return sodium_hex2bin(ret_key->key, ret_key->key_len, key, strlen(key), NULL, &len, NULL) ==
               0 &&
           len == ret_key->key_len;
}

static bool read_base64(const char *base64, size_t base64_len, uint8_t *ret_bytes, size_t size,
                        size_t *ret_len)
{
    return sodium_base642bin(ret_bytes, size, base64, base64_len, NULL, ret_len, NULL,
                             sodium_base64_VARIANT_ORIGINAL) == 0;
}

/* "4096,salt,StoredKey,ServerKey", the last three in base64 (RFC 5802, 3; Dovecot's
 * password-scheme-scram.c). */
bool derived_parse_scram(const char *hash, struct derived_key *ret_key)
{
    const char *salt, *stored;
    size_t len;

    *ret_key =
        (struct derived_key){.digest = EVP_sha256, .key_len = DERIVED_SHA256_LEN, .is_scram = true};
    ret_key->iterations = read_iterations(hash, ',', &salt);
    if (ret_key->iterations == 0 || (stored = strchr(salt, ',')) == NULL)
        return false;
    return read_base64(salt, (size_t)(stored - salt), ret_key->salt, sizeof ret_key->salt,
                       &ret_key->salt_len) &&
           read_base64(stored + 1, strcspn(stored + 1, ","), ret_key->key, sizeof ret_key->key,
                       &len) &&
           len == ret_key->key_len;
}

/* StoredKey = H(HMAC(SaltedPassword, "Client Key")) */
static bool scram_stored_key(const struct derived_key *key, uint8_t made[EVP_MAX_MD_SIZE])
{
    static const char client_key[] = "Client Key";
    uint8_t client[EVP_MAX_MD_SIZE];
    unsigned len;

    return HMAC(key->digest(), made, (int)key->key_len, (const unsigned char *)client_key,
                sizeof client_key - 1, client, &len) != NULL &&
           EVP_Digest(client, len, made, &len, key->digest(), NULL) == 1;
}

bool derived_matches(struct text plain, const struct derived_key *key)
{
    uint8_t made[EVP_MAX_MD_SIZE];
    bool is_right =
        PKCS5_PBKDF2_HMAC(plain.data, (int)plain.len, key->salt, (int)key->salt_len,
                          (int)key->iterations, key->digest(), (int)key->key_len, made) == 1;

    if (is_right && key->is_scram)
        is_right = scram_stored_key(key, made);
    is_right = is_right && sodium_memcmp(made, key->key, key->key_len) == 0;
    sodium_memzero(made, sizeof made);
    return is_right;
}
