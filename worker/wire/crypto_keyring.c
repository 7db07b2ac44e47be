/* The worker's secret keys: read from files once, kept in memory that is locked, guarded and
 * read-only. */
#include "wire/crypto.h"

#include "base/arena.h"
#include "wire/crypto_private.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    KEYRING_KEYS_MAX = 64, /* old keys stay for the events that still lie in the topic */
    KEY_ID_MAX = 63,
    KEY_FILE_BYTES_MAX = 256,
};

static const char key_suffix[] = ".key";

struct key {
    char id[KEY_ID_MAX + 1];
    uint8_t public_key[KEY_LEN];
    uint8_t secret_key[KEY_LEN];
};

struct keyring {
    size_t count;
    struct key keys[KEYRING_KEYS_MAX];
};

static enum status keyring_read(struct keyring *keyring, const char *directory, struct error *err);
static enum status key_read(struct key *key, int directory, const char *name, struct error *err);
static bool key_decode(struct key *key, const char *base64, size_t len);

/* sodium_malloc locks the pages as far as the limit allows, and puts guard pages around them. */
enum status keyring_open(struct keyring **ret_keyring, const char *directory, struct error *err)
{
    struct keyring *keyring = sodium_malloc(sizeof *keyring);
    enum status status = STATUS_OK;

    if (keyring == NULL)
        return error_set(err, STATUS_FATAL, NULL, "keyring: out of locked memory");
    sodium_memzero(keyring, sizeof *keyring);
    if (directory != NULL && directory[0] != '\0')
        status = keyring_read(keyring, directory, err);
    if (status != STATUS_OK) {
        keyring_close(keyring);
        return status;
    }
    sodium_mprotect_readonly(keyring);
    *ret_keyring = keyring;
    return STATUS_OK;
}

void keyring_close(struct keyring *keyring)
{
    sodium_free(keyring); /* wipes */
}

/* Length of the key id in a file name such as "2026-01.key"; 0 when it is not the name of a key. */
static size_t key_id_len(const char *name)
{
    size_t len = strlen(name);
    size_t suffix_len = sizeof key_suffix - 1;

    if (len <= suffix_len || name[0] == '.' || strcmp(name + len - suffix_len, key_suffix) != 0)
        return 0;
    return len - suffix_len;
}

static enum status keyring_read(struct keyring *keyring, const char *directory, struct error *err)
{
    DIR *dir = opendir(directory);
    enum status status = STATUS_OK;
    struct dirent *entry;

    if (dir == NULL)
        return error_set(err, STATUS_FATAL, NULL, "keyring: cannot read the directory %s: %s",
                         directory, strerror(errno));
    while (status == STATUS_OK && (entry = readdir(dir)) != NULL) {
        if (key_id_len(entry->d_name) == 0)
            continue;
        if (keyring->count == KEYRING_KEYS_MAX)
            status = error_set(err, STATUS_FATAL, NULL, "keyring: more than %d keys in %s",
                               KEYRING_KEYS_MAX, directory);
        else
            status = key_read(&keyring->keys[keyring->count], dirfd(dir), entry->d_name, err);
        if (status == STATUS_OK)
            keyring->count++;
    }
    closedir(dir);
    return status;
}

/* Others may not read it. The group may: systemd hands credentials out with an access list, whose
 * mask shows as the group's bits. */
static enum status key_check_mode(int file, const char *name, struct error *err)
{
    struct stat st;

    if (fstat(file, &st) != 0)
        return error_set(err, STATUS_FATAL, NULL, "keyring: %s: %s", name, strerror(errno));
    if (!S_ISREG(st.st_mode))
        return error_set(err, STATUS_FATAL, NULL, "keyring: %s is not a file", name);
    if ((st.st_mode & (S_IWGRP | S_IRWXO)) != 0)
        return error_set(err, STATUS_FATAL, NULL,
                         "keyring: %s is open to others (mode %04o): chmod 0600", name,
                         (unsigned)(st.st_mode & 07777));
    return STATUS_OK;
}

static enum status key_read(struct key *key, int directory, const char *name, struct error *err)
{
    char base64[KEY_FILE_BYTES_MAX];
    size_t id_len = key_id_len(name);
    enum status status;
    ssize_t len;
    int file;

    if (id_len > KEY_ID_MAX)
        return error_set(err, STATUS_FATAL, NULL, "keyring: %s: a key id has at most %d characters",
                         name, KEY_ID_MAX);
    file = openat(directory, name, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (file < 0)
        return error_set(err, STATUS_FATAL, NULL, "keyring: cannot open %s: %s", name,
                         strerror(errno));
    status = key_check_mode(file, name, err);
    if (status == STATUS_OK) {
        len = read(file, base64, sizeof base64);
        memcpy(key->id, name, id_len);
        if (len <= 0 || !key_decode(key, base64, (size_t)len))
            status = error_set(err, STATUS_FATAL, NULL,
                               "keyring: %s does not hold the base64 of a 32-byte secret key: make "
                               "one with provctl keygen",
                               name);
    }
    sodium_memzero(base64, sizeof base64);
    close(file);
    return status;
}

static bool key_decode(struct key *key, const char *base64, size_t len)
{
    size_t key_len;

    if (sodium_base642bin(key->secret_key, KEY_LEN, base64, len, " \r\n", &key_len, NULL,
                          sodium_base64_VARIANT_ORIGINAL) != 0 ||
        key_len != KEY_LEN)
        return false;
    return crypto_scalarmult_base(key->public_key, key->secret_key) == 0;
}

static const struct key *keyring_find(const struct keyring *keyring, struct text key_id)
{
    for (size_t i = 0; i < keyring->count; i++)
        if (text_equal_z(key_id, keyring->keys[i].id))
            return &keyring->keys[i];
    return NULL;
}

bool keyring_public_key(const struct keyring *keyring, struct text key_id, uint8_t ret_key[KEY_LEN])
{
    const struct key *key = keyring_find(keyring, key_id);

    if (key == NULL)
        return false;
    memcpy(ret_key, key->public_key, KEY_LEN);
    return true;
}

enum unseal keyring_unseal(const struct keyring *keyring, struct text key_id,
                           struct text ciphertext, struct arena *arena, struct text *ret_plain)
{
    const struct key *key = keyring_find(keyring, key_id);
    unsigned char *plain;
    size_t len;

    if (key == NULL)
        return UNSEAL_NO_KEY;
    if (ciphertext.data == NULL || ciphertext.len < crypto_box_SEALBYTES)
        return UNSEAL_BROKEN;
    len = ciphertext.len - crypto_box_SEALBYTES;
    plain = arena_alloc(arena, len + 1);
    if (crypto_box_seal_open(plain, (const unsigned char *)ciphertext.data, ciphertext.len,
                             key->public_key, key->secret_key) != 0)
        return UNSEAL_BROKEN;
    plain[len] = '\0';
    *ret_plain = (struct text){(const char *)plain, len};
    return UNSEAL_OK;
}
