#include "wire/crypto.h"

#include "base/arena.h"
#include "wire/crypto_private.h"

#include <assert.h>
#include <stdalign.h>
#include <string.h>

_Static_assert(sizeof(crypto_generichash_state) <= sizeof(((struct blake *)NULL)->state),
               "struct blake must hold libsodium's state");
_Static_assert(alignof(struct blake) >= alignof(crypto_generichash_state),
               "struct blake must be aligned as libsodium's state");

enum { BLAKE_LEN = 16 };

/* No 0 O o 1 l I: people read these over the telephone. */
static const char password_alphabet[] = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnpqrstuvwxyz23456789";

/* OpenSSL's SHA-256 uses the processor's own instructions, which libsodium's does not: a quarter of
 * the time. Kept, since to look the algorithm up each time takes longer than to hash. */
static EVP_MD_CTX *sha256;

static bool sha256_start(void)
{
    if (sha256 == NULL)
        sha256 = EVP_MD_CTX_new();
    return sha256 != NULL && EVP_DigestInit_ex(sha256, EVP_sha256(), NULL) == 1;
}

enum status crypto_start(struct error *err)
{
    if (sodium_init() < 0)
        return error_set(err, STATUS_FATAL, NULL,
                         "crypto: libsodium does not start: the kernel gives no random numbers");
    if (!sha256_start())
        return error_set(err, STATUS_FATAL, NULL, "crypto: OpenSSL has no SHA-256");
    return STATUS_OK;
}

void crypto_random(void *bytes, size_t len)
{
    randombytes_buf(bytes, len);
}

void crypto_sha256(const void *bytes, size_t len, uint8_t ret_hash[SHA256_LEN])
{
    int ok = EVP_DigestInit_ex(sha256, NULL, NULL) == 1 &&
             EVP_DigestUpdate(sha256, bytes, len) == 1 &&
             EVP_DigestFinal_ex(sha256, ret_hash, NULL) == 1;
    assert(ok);
    (void)ok;
}

void blake_begin(struct blake *blake)
{
    crypto_generichash_init((crypto_generichash_state *)blake->state, NULL, 0, BLAKE_LEN);
}

void blake_update(void *blake, const void *bytes, size_t len)
{
    struct blake *b = blake;

    crypto_generichash_update((crypto_generichash_state *)b->state, bytes, len);
}

void blake_end(struct blake *blake, uint8_t ret_hash[16])
{
    crypto_generichash_final((crypto_generichash_state *)blake->state, ret_hash, BLAKE_LEN);
}

/* RFC 9562: the version in the high half of byte 6, the variant in the two high bits of byte 8. */
static void uuid_mark(struct uuid *uuid, uint8_t version)
{
    uuid->bytes[6] = (uint8_t)((uuid->bytes[6] & 0x0f) | (version << 4));
    uuid->bytes[8] = (uint8_t)((uuid->bytes[8] & 0x3f) | 0x80);
}

struct uuid crypto_uuid(const void *bytes, size_t len)
{
    struct uuid uuid;

    crypto_generichash(uuid.bytes, sizeof uuid.bytes, bytes, len, NULL, 0);
    uuid_mark(&uuid, 8);
    return uuid;
}

struct uuid crypto_uuid_like(const struct uuid *event_id, const char *purpose)
{
    enum { TIME_LEN = 6 };
    struct blake blake;
    struct uuid uuid;
    bool is_timed = uuid_v7_time_ms(event_id) >= 0;

    blake_begin(&blake);
    blake_update(&blake, purpose, strlen(purpose) + 1);
    blake_update(&blake, event_id->bytes, sizeof event_id->bytes);
    blake_end(&blake, uuid.bytes);
    if (is_timed)
        memcpy(uuid.bytes, event_id->bytes, TIME_LEN);
    uuid_mark(&uuid, is_timed ? 7 : 8);
    return uuid;
}

bool crypto_seal(struct text public_key, struct text plain, struct arena *arena,
                 struct text *ret_ciphertext)
{
    size_t len = plain.len + crypto_box_SEALBYTES;
    unsigned char *ciphertext;

    if (public_key.len != KEY_LEN)
        return false;
    ciphertext = arena_alloc(arena, len);
    if (crypto_box_seal(ciphertext, (const unsigned char *)plain.data, plain.len,
                        (const unsigned char *)public_key.data) != 0)
        return false;
    *ret_ciphertext = (struct text){(const char *)ciphertext, len};
    return true;
}

void crypto_wipe(struct text plain)
{
    if (plain.data != NULL)
        sodium_memzero((void *)(uintptr_t)plain.data, plain.len);
}

void crypto_keypair(struct arena *arena, struct text *ret_public, struct text *ret_secret)
{
    unsigned char public_key[KEY_LEN], secret_key[KEY_LEN];

    crypto_box_keypair(public_key, secret_key);
    *ret_public = crypto_base64(arena, (struct text){(const char *)public_key, KEY_LEN});
    *ret_secret = crypto_base64(arena, (struct text){(const char *)secret_key, KEY_LEN});
    sodium_memzero(secret_key, sizeof secret_key);
}

struct text crypto_base64(struct arena *arena, struct text bytes)
{
    size_t size = sodium_base64_ENCODED_LEN(bytes.len, sodium_base64_VARIANT_ORIGINAL);
    char *base64 = arena_alloc(arena, size);

    sodium_bin2base64(base64, size, (const unsigned char *)bytes.data, bytes.len,
                      sodium_base64_VARIANT_ORIGINAL);
    return (struct text){base64, size - 1};
}

bool crypto_unbase64(struct arena *arena, struct text base64, struct text *ret_bytes)
{
    size_t size = base64.len / 4 * 3 + 3;
    size_t len;
    unsigned char *bytes = arena_alloc(arena, size);

    if (base64.data == NULL || sodium_base642bin(bytes, size, base64.data, base64.len, "\n", &len,
                                                 NULL, sodium_base64_VARIANT_ORIGINAL) != 0)
        return false;
    *ret_bytes = (struct text){(const char *)bytes, len};
    return true;
}

void crypto_generate_password(struct arena *arena, size_t length, struct text *ret_plain)
{
    char *plain = arena_alloc(arena, length + 1);

    for (size_t i = 0; i < length; i++)
        plain[i] = password_alphabet[randombytes_uniform(sizeof password_alphabet - 1)];
    plain[length] = '\0';
    *ret_plain = (struct text){plain, length};
}
