#include "secret.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <termios.h>
#include <unistd.h>

#include "configuration.h"
#include "wire/crypto.h"

enum { SECRET_BYTES_MAX = 4096 };

/* From the key file: for operators on the worker's own machine. */
static int key_of_file(struct invocation *invocation, const char *key_id,
                       struct text *ret_public_key)
{
    const char *directory = invocation->config->keys_directory;
    struct keyring *keyring;
    struct error err;
    uint8_t *key = arena_alloc(invocation->arena, KEY_LEN);
    bool is_found;

    if (!*directory)
        return complain_usage(invocation,
                              "--public-key is needed: secrets.keys_directory is not set");
    if (keyring_open(&keyring, directory, &err) != STATUS_OK) {
        complain("%s; or give --public-key", err.message);
        return EX_NOINPUT;
    }
    is_found = keyring_public_key(keyring, text_from(key_id), key);
    keyring_close(keyring);
    if (!is_found) {
        complain("%s has no key '%s': see the file names there, or give --public-key", directory,
                 key_id);
        return EX_NOINPUT;
    }
    *ret_public_key = (struct text){(const char *)key, KEY_LEN};
    return EX_OK;
}

int secret_public_key(struct invocation *invocation, const char *key_id, const char *public_key,
                      struct text *ret_public_key)
{
    if (!key_id)
        return complain_usage(invocation, "--key-id is needed: the name of the worker's key");
    if (!public_key)
        return key_of_file(invocation, key_id, ret_public_key);
    if (crypto_unbase64(invocation->arena, text_from(public_key), ret_public_key))
        return EX_OK;
    return complain_usage(invocation, "--public-key is not base64");
}

static volatile sig_atomic_t is_interrupted;

static void interrupt(int signal_number)
{
    (void)signal_number;
    is_interrupted = 1;
}

/* One byte. `waiting`, unless NULL, is the signal mask while there is none: a signal that is
 * blocked otherwise cannot come just before the wait and be missed by it. */
static ssize_t read_byte(int fd, const sigset_t *waiting, char *ret_byte)
{
    struct pollfd ready = {.fd = fd, .events = POLLIN};

    return ppoll(&ready, 1, NULL, waiting) < 0 ? -1 : read(fd, ret_byte, 1);
}

/* Reads up to the end of the line, one byte at a time: what follows belongs to somebody else. */
static bool read_line(int fd, const sigset_t *waiting, char line[SECRET_BYTES_MAX], size_t *ret_len)
{
    size_t len = 0;

    while (len < SECRET_BYTES_MAX) {
        ssize_t got = read_byte(fd, waiting, line + len);
        if (got < 0 && errno == EINTR && !is_interrupted)
            continue;
        if (got <= 0 || line[len] == '\n') {
            *ret_len = len > 0 && line[len - 1] == '\r' ? len - 1 : len;
            return got >= 0;
        }
        len++;
    }
    return false;
}

/* Ctrl-C here must not leave a terminal that echoes nothing. Who answers as soon as the question is
 * there is not shown either, and nothing of the answer is flushed away. */
static bool ask(int terminal, const char *prompt, const char *again, char line[SECRET_BYTES_MAX],
                size_t *ret_len)
{
    const struct sigaction ours = {.sa_handler = interrupt};
    struct sigaction theirs;
    sigset_t interrupts, before;
    struct termios old;
    struct termios quiet;
    bool done;

    if (tcgetattr(terminal, &old) != 0)
        return false;
    quiet = old;
    quiet.c_lflag &= ~(tcflag_t)ECHO;
    sigemptyset(&interrupts);
    sigaddset(&interrupts, SIGINT);
    sigprocmask(SIG_BLOCK, &interrupts, &before);
    sigaction(SIGINT, &ours, &theirs);
    tcsetattr(terminal, TCSAFLUSH, &quiet);
    dprintf(terminal, "%s%s: ", prompt, again);
    done = read_line(terminal, &before, line, ret_len);
    tcsetattr(terminal, TCSAFLUSH, &old);
    sigaction(SIGINT, &theirs, NULL);
    sigprocmask(SIG_SETMASK, &before, NULL);
    dprintf(terminal, "\n");
    if (is_interrupted)
        raise(SIGINT);
    return done;
}

static int read_from_terminal(const char *prompt, char line[SECRET_BYTES_MAX], size_t *ret_len)
{
    char again[SECRET_BYTES_MAX];
    size_t again_len = 0;
    int terminal = open("/dev/tty", O_RDWR | O_CLOEXEC);
    bool done = terminal >= 0 && ask(terminal, prompt, "", line, ret_len) &&
                ask(terminal, prompt, " (again)", again, &again_len);
    bool is_same = done && *ret_len == again_len && memcmp(line, again, again_len) == 0;

    if (terminal >= 0)
        close(terminal);
    crypto_wipe((struct text){again, sizeof again});
    if (!done)
        complain("the terminal cannot be read: give the secret on standard input");
    else if (!is_same)
        complain("the two are not the same");
    return !done ? EX_NOINPUT : is_same ? EX_OK : EX_DATAERR;
}

int secret_read(struct arena *arena, const char *prompt, struct text *ret_plain)
{
    char line[SECRET_BYTES_MAX];
    size_t len = 0;
    int code = EX_OK;

    if (isatty(STDIN_FILENO))
        code = read_from_terminal(prompt, line, &len);
    else if (!read_line(STDIN_FILENO, NULL, line, &len)) {
        complain("standard input: one line with the secret is wanted, of at most %d bytes",
                 SECRET_BYTES_MAX - 1);
        code = EX_NOINPUT;
    }
    if (code == EX_OK && (len == 0 || !text_is_utf8((struct text){line, len}))) {
        complain("the secret is %s", len ? "not valid UTF-8" : "empty");
        code = EX_DATAERR;
    }
    if (code == EX_OK)
        *ret_plain = text_copy(arena, (struct text){line, len});
    crypto_wipe((struct text){line, sizeof line});
    return code;
}

json_t *secret_seal(struct arena *arena, const char *key_id, struct text public_key,
                    struct text plain)
{
    struct text ciphertext;
    struct text base64;

    if (!crypto_seal(public_key, plain, arena, &ciphertext))
        return NULL;
    base64 = crypto_base64(arena, ciphertext);
    return json_pack("{s{ss ss%}}", "SealedSecret", "key_id", key_id, "ciphertext", base64.data,
                     base64.len);
}
