/* Password hashes as Dovecot writes and reads them: "{SCHEME}" and the hash. Making one is
 * libsodium's or libcrypt's work; the salted digests of older systems are only verified. */
#include "wire/crypto.h"

#include "base/arena.h"
#include "wire/crypto_private.h"

#include <crypt.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    PLAIN_BYTES_MAX = CRYPT_MAX_PASSPHRASE_SIZE - 1,
    BCRYPT_BYTES_MAX = 72, /* bcrypt ignores what comes after them */
    STORED_BYTES_MAX = 1024,
    DIGEST_SALT_MAX = 64,
};

static enum status hash_argon2id(const char *plain, size_t len, const struct hash_cost *cost,
                                 char *ret_hash, struct error *err);
static enum status hash_crypt(const char *plain, const struct hash_cost *cost, char *ret_hash,
                              struct error *err);

size_t crypto_password_bytes_max(enum hash_scheme scheme)
{
    return scheme == HASH_BLF_CRYPT ? BCRYPT_BYTES_MAX : PLAIN_BYTES_MAX;
}

enum status crypto_hash_password(struct text plain, const struct hash_cost *cost,
                                 char ret_hash[PASSWORD_HASH_MAX], struct error *err)
{
    char plain_z[PLAIN_BYTES_MAX + 1];
    enum status status;

    if (plain.len > crypto_password_bytes_max(cost->scheme) ||
        memchr(plain.data, '\0', plain.len) != NULL)
        return error_set(err, STATUS_FATAL, NULL,
                         "password: the scheme cannot hash one with a NUL or more than %zu bytes",
                         crypto_password_bytes_max(cost->scheme));
    memcpy(plain_z, plain.data, plain.len);
    plain_z[plain.len] = '\0';
    if (cost->scheme == HASH_ARGON2ID)
        status = hash_argon2id(plain_z, plain.len, cost, ret_hash, err);
    else
        status = hash_crypt(plain_z, cost, ret_hash, err);
    sodium_memzero(plain_z, sizeof plain_z);
    return status;
}

static enum status hash_argon2id(const char *plain, size_t len, const struct hash_cost *cost,
                                 char *ret_hash, struct error *err)
{
    char hash[crypto_pwhash_STRBYTES];

    if (crypto_pwhash_str_alg(hash, plain, len, (unsigned long long)cost->ops,
                              (size_t)cost->memory_bytes, crypto_pwhash_ALG_ARGON2ID13) != 0)
        return error_set(err, STATUS_RETRY, NULL,
                         "password: argon2id cannot have %lld bytes of memory",
                         (long long)cost->memory_bytes);
    snprintf(ret_hash, PASSWORD_HASH_MAX, "{ARGON2ID}%s", hash);
    return STATUS_OK;
}

static enum status hash_crypt(const char *plain, const struct hash_cost *cost, char *ret_hash,
                              struct error *err)
{
    static const struct {
        const char *setting, *prefix;
    } crypt_schemes[] = {
        [HASH_SHA512_CRYPT] = {"$6$", "{SHA512-CRYPT}"},
        [HASH_BLF_CRYPT] = {"$2y$", "{BLF-CRYPT}"},
        [HASH_YESCRYPT] = {"$y$", "{CRYPT}"},
    };
    char setting[CRYPT_GENSALT_OUTPUT_SIZE];
    struct crypt_data *crypt = calloc(1, sizeof *crypt); /* 32 KiB: too much for a thread's stack */
    const char *hash = NULL;

    if (crypt == NULL)
        return error_set(err, STATUS_RETRY, NULL, "password: out of memory");
    if (crypt_gensalt_rn(crypt_schemes[cost->scheme].setting, (unsigned long)cost->ops, NULL, 0,
                         setting, sizeof setting) != NULL)
        hash = crypt_rn(plain, setting, crypt, sizeof *crypt);
    if (hash != NULL)
        snprintf(ret_hash, PASSWORD_HASH_MAX, "%s%s", crypt_schemes[cost->scheme].prefix, hash);
    sodium_memzero(crypt, sizeof *crypt);
    free(crypt);
    if (hash == NULL)
        return error_set(err, STATUS_FATAL, NULL,
                         "password: libcrypt refuses the cost %lld for %s: check hashing.rounds",
                         (long long)cost->ops, crypt_schemes[cost->scheme].prefix);
    return STATUS_OK;
}

/* --- verification ----------------------------------------------------------------------------- */

enum verifier { VERIFY_CRYPT, VERIFY_ARGON2, VERIFY_DIGEST, VERIFY_DERIVED };

/* How a stored hash of a scheme is verified. Dovecot's names. */
struct scheme {
    const char *name;
    enum verifier verifier;
    const EVP_MD *(*digest)(void);
    bool (*parse)(const char *hash, struct derived_key *ret_key);
    bool is_salted; /* the salt follows the digest */
    bool is_hex;    /* else base64 */
};

static const struct scheme schemes[] = {
    {.name = "ARGON2ID", .verifier = VERIFY_ARGON2},
    {.name = "ARGON2I", .verifier = VERIFY_ARGON2},
    {.name = "BLF-CRYPT", .verifier = VERIFY_CRYPT},
    {.name = "SHA512-CRYPT", .verifier = VERIFY_CRYPT},
    {.name = "SHA256-CRYPT", .verifier = VERIFY_CRYPT},
    {.name = "MD5-CRYPT", .verifier = VERIFY_CRYPT},
    {.name = "DES-CRYPT", .verifier = VERIFY_CRYPT},
    {.name = "CRYPT", .verifier = VERIFY_CRYPT},
    {.name = "PBKDF2", .verifier = VERIFY_DERIVED, .parse = derived_parse_pbkdf2},
    {.name = "SCRAM-SHA-256", .verifier = VERIFY_DERIVED, .parse = derived_parse_scram},
    {.name = "SSHA512", .verifier = VERIFY_DIGEST, .digest = EVP_sha512, .is_salted = true},
    {.name = "SSHA256", .verifier = VERIFY_DIGEST, .digest = EVP_sha256, .is_salted = true},
    {.name = "SSHA", .verifier = VERIFY_DIGEST, .digest = EVP_sha1, .is_salted = true},
    {.name = "SMD5", .verifier = VERIFY_DIGEST, .digest = EVP_md5, .is_salted = true},
    {.name = "SHA512", .verifier = VERIFY_DIGEST, .digest = EVP_sha512},
    {.name = "SHA256", .verifier = VERIFY_DIGEST, .digest = EVP_sha256},
    {.name = "SHA1", .verifier = VERIFY_DIGEST, .digest = EVP_sha1},
    {.name = "SHA", .verifier = VERIFY_DIGEST, .digest = EVP_sha1},
    {.name = "LDAP-MD5", .verifier = VERIFY_DIGEST, .digest = EVP_md5},
    {.name = "PLAIN-MD5", .verifier = VERIFY_DIGEST, .digest = EVP_md5, .is_hex = true},
};

static const struct scheme *scheme_split(struct text stored, bool *ret_is_hex,
                                         struct text *ret_hash);
static bool verify_argon2(struct text plain, const char *hash);
static bool verify_crypt(struct text plain, const char *hash);
static bool verify_digest(struct text plain, const struct scheme *scheme, bool is_hex,
                          struct text hash);
static bool verify_derived(struct text plain, const struct scheme *scheme, const char *hash);

/* What stands behind the scheme, ended by NUL. NULL: no hash that is known here. */
static const struct scheme *take_hash(struct text stored, char hash_z[STORED_BYTES_MAX + 1],
                                      bool *ret_is_hex)
{
    const struct scheme *scheme;
    struct text hash;

    if (stored.len > STORED_BYTES_MAX)
        return NULL;
    scheme = scheme_split(stored, ret_is_hex, &hash);
    if (scheme == NULL)
        return NULL;
    memcpy(hash_z, hash.data, hash.len);
    hash_z[hash.len] = '\0';
    return scheme;
}

static bool is_affordable(const struct scheme *scheme, const char *hash)
{
    struct derived_key key;

    switch (scheme->verifier) {
    case VERIFY_DIGEST:
        return true;
    case VERIFY_DERIVED:
        return !scheme->parse(hash, &key) || key.iterations <= DERIVED_ITERATIONS_MAX;
    case VERIFY_ARGON2:
    case VERIFY_CRYPT:
        break;
    }
    return crypto_is_affordable(hash);
}

bool crypto_hash_is_affordable(struct text stored)
{
    char hash_z[STORED_BYTES_MAX + 1];
    bool is_hex;
    const struct scheme *scheme = take_hash(stored, hash_z, &is_hex);

    return scheme == NULL || is_affordable(scheme, hash_z);
}

/* Memory that cannot be had is no wrong password: errno tells them apart. */
enum status crypto_verify_password(struct text plain, struct text stored, bool *ret_matches,
                                   struct error *err)
{
    char hash_z[STORED_BYTES_MAX + 1];
    bool is_hex;
    const struct scheme *scheme = take_hash(stored, hash_z, &is_hex);

    *ret_matches = false;
    if (scheme == NULL || plain.data == NULL || plain.len > PLAIN_BYTES_MAX)
        return STATUS_OK;
    if (!is_affordable(scheme, hash_z))
        return STATUS_OK;
    errno = 0;
    switch (scheme->verifier) {
    case VERIFY_ARGON2:
        *ret_matches = verify_argon2(plain, hash_z);
        break;
    case VERIFY_CRYPT:
        *ret_matches = verify_crypt(plain, hash_z);
        break;
    case VERIFY_DIGEST:
        *ret_matches = verify_digest(plain, scheme, is_hex, text_from(hash_z));
        break;
    case VERIFY_DERIVED:
        *ret_matches = verify_derived(plain, scheme, hash_z);
        break;
    }
    if (*ret_matches || errno != ENOMEM)
        return STATUS_OK;
    return error_set(err, STATUS_RETRY, "ENOMEM",
                     "password: no memory for comparing it with a {%s}", scheme->name);
}

/* "{SSHA256.HEX}0123..": the scheme, how its digest is written, and the rest. */
static const struct scheme *scheme_split(struct text stored, bool *ret_is_hex,
                                         struct text *ret_hash)
{
    size_t end = text_find(stored, '}');
    struct text name, encoding = TEXT_NULL;
    size_t dot;

    if (!text_starts_with(stored, "{") || end == SIZE_MAX)
        return NULL;
    name = text_slice(stored, 1, end - 1);
    dot = text_find(name, '.');
    if (dot != SIZE_MAX) {
        encoding = text_slice(name, dot + 1, name.len);
        name = text_slice(name, 0, dot);
    }
    for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++) {
        if (!text_equal_nocase(name, text_from(schemes[i].name)))
            continue;
        *ret_is_hex =
            encoding.data == NULL ? schemes[i].is_hex : text_equal_nocase(encoding, TEXT("HEX"));
        *ret_hash = text_slice(stored, end + 1, stored.len);
        return &schemes[i];
    }
    return NULL;
}

/* libsodium answers EINVAL to a wrong password and to memory that cannot be had. So what it needs
 * is asked for once more: where that fails, its answer says nothing. */
static bool verify_argon2(struct text plain, const char *hash)
{
    const char *memory = strstr(hash, "$m=");

    if (crypto_pwhash_str_verify(hash, plain.data, plain.len) == 0)
        return true;
    errno = 0;
    void *volatile probe = memory ? malloc(strtoul(memory + 3, NULL, 10) * 1024) : NULL;
    free(probe); /* which leaves ENOMEM in errno */
    return false;
}

static bool verify_crypt(struct text plain, const char *hash)
{
    char plain_z[PLAIN_BYTES_MAX + 1];
    struct crypt_data *crypt = calloc(1, sizeof *crypt);
    const char *made;
    bool is_right = false;

    if (crypt == NULL)
        return false; /* with ENOMEM */
    memcpy(plain_z, plain.data, plain.len);
    plain_z[plain.len] = '\0';
    if (strlen(plain_z) == plain.len) {
        made = crypt_rn(plain_z, hash, crypt, sizeof *crypt);
        is_right = made != NULL && strlen(made) == strlen(hash) &&
                   sodium_memcmp(made, hash, strlen(hash)) == 0;
    }
    sodium_memzero(plain_z, sizeof plain_z);
    sodium_memzero(crypt, sizeof *crypt);
    free(crypt);
    return is_right;
}

static bool digest_make(const EVP_MD *digest, struct text plain, const uint8_t *salt,
                        size_t salt_len, uint8_t ret_digest[EVP_MAX_MD_SIZE])
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool is_made = ctx != NULL && EVP_DigestInit_ex(ctx, digest, NULL) == 1 &&
                   EVP_DigestUpdate(ctx, plain.data, plain.len) == 1 &&
                   EVP_DigestUpdate(ctx, salt, salt_len) == 1 &&
                   EVP_DigestFinal_ex(ctx, ret_digest, NULL) == 1;

    EVP_MD_CTX_free(ctx);
    return is_made;
}

static bool verify_digest(struct text plain, const struct scheme *scheme, bool is_hex,
                          struct text hash)
{
    uint8_t stored[EVP_MAX_MD_SIZE + DIGEST_SALT_MAX], made[EVP_MAX_MD_SIZE];
    const EVP_MD *digest = scheme->digest();
    size_t digest_len = (size_t)EVP_MD_get_size(digest);
    size_t len;
    int failed;

    if (is_hex)
        failed = sodium_hex2bin(stored, sizeof stored, hash.data, hash.len, NULL, &len, NULL);
    else
        failed = sodium_base642bin(stored, sizeof stored, hash.data, hash.len, NULL, &len, NULL,
                                   sodium_base64_VARIANT_ORIGINAL);
    if (failed != 0 || len < digest_len || (len > digest_len) != scheme->is_salted)
        return false;
    return digest_make(digest, plain, stored + digest_len, len - digest_len, made) &&
           sodium_memcmp(made, stored, digest_len) == 0;
}

static bool verify_derived(struct text plain, const struct scheme *scheme, const char *hash)
{
    struct derived_key key;

    return scheme->parse(hash, &key) && derived_matches(plain, &key);
}
