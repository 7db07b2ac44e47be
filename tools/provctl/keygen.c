/* `provctl keygen`: a key pair for sealed secrets. */
#include "commands.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "configuration.h"
#include "wire/crypto.h"

enum { KEY_ID_LEN_MAX = 64, KEY_FILE_MODE = 0600 };

static int run(struct invocation *invocation);

static const struct option_row options[] = {
    {"directory", 'd', "DIR", "where the key file goes; default: secrets.keys_directory", false,
     false},
    {.name = NULL},
};

const struct command keygen_commands[] = {
    {
        .group = "keygen",
        .arguments = "KEY_ID",
        .arguments_min = 1,
        .arguments_max = 1,
        .summary = "make a key pair for sealed secrets",
        .help = "Writes the secret key to DIR/KEY_ID.key, readable by its owner only, and prints "
                "the public key. Give the "
                "public key to whoever seals secrets (`provctl seal`, or crypto_box_seal of "
                "libsodium); give the file to the "
                "worker alone, by the directory that secrets.keys_directory names, and restart it. "
                "An existing file "
                "is never overwritten. Key ids may hold letters, digits, dots, dashes and "
                "underscores. To change keys, make "
                "one with a new id, and remove the old one when no event sealed to it can be "
                "replayed any more.",
        .examples = "  provctl keygen 2026-01 --directory /etc/provd/keys\n"
                    "  provctl keygen 2026-01 -o json\n",
        .options = options,
        .run = run,
    },
    {.group = NULL},
};

static bool is_key_id(const char *id)
{
    size_t len = strlen(id);

    return len > 0 && len <= KEY_ID_LEN_MAX && id[0] != '.' &&
           strspn(id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") == len;
}

static bool write_all(int fd, struct text text)
{
    while (text.len > 0) {
        ssize_t written = write(fd, text.data, text.len);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return false;
        text = text_slice(text, (size_t)written, SIZE_MAX);
    }
    return fsync(fd) == 0;
}

/* The file is made by this call and by nobody before it: a link in its place is not followed. */
static int write_key(const char *path, struct text secret)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, KEY_FILE_MODE);

    if (fd < 0 && errno == EEXIST) {
        complain("%s is there already: take another key id; a key that is overwritten cannot open "
                 "what was sealed to it",
                 path);
        return EX_CANTCREAT;
    }
    if (fd < 0 || !write_all(fd, secret) || !write_all(fd, TEXT("\n"))) {
        complain("%s cannot be written: %s", path, strerror(errno));
        if (fd >= 0) {
            unlink(path);
            close(fd);
        }
        return EX_CANTCREAT;
    }
    close(fd);
    return EX_OK;
}

static int run(struct invocation *invocation)
{
    const char *id = invocation->arguments[0];
    const char *directory = option_value(invocation, "directory");
    struct text public_key;
    struct text secret_key;

    if (!is_key_id(id))
        return complain_usage(
            invocation, "'%s' is no key id: 1 to %d letters, digits, dots, dashes, underscores", id,
            KEY_ID_LEN_MAX);
    if (!directory)
        directory = invocation->config->keys_directory;
    if (!*directory)
        return complain_usage(
            invocation, "where to? secrets.keys_directory is not set, so give --directory DIR");
    const char *path = text_format(invocation->arena, "%s/%s.key", directory, id).data;
    crypto_keypair(invocation->arena, &public_key, &secret_key);
    int code = write_key(path, secret_key);
    crypto_wipe(secret_key);
    if (code != EX_OK)
        return code;
    output_document(invocation->output, json_pack("{ss ss% ss}", "key_id", id, "public_key",
                                                  public_key.data, public_key.len, "file", path));
    return EX_OK;
}
