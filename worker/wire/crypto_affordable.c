/* What a stored hash costs to compare. Senders choose the figures of the hashes they send, and a
 * bcrypt of cost 31 would keep a thread busy for days: what is dearer than the settings let the
 * worker itself be is not compared. */
#include "wire/crypto_private.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* The greatest that config/settings.c allows for hashing.memory, .passes and .rounds. */
enum {
    ARGON2_KIB_MAX = 1024 * 1024,
    ARGON2_PASSES_MAX = 32,
    SHA_ROUNDS_MAX = 10000000,
    BCRYPT_COST_MAX = 16,
    YESCRYPT_LOG2_N_MAX = 18, /* cost 11 */
    YESCRYPT_R_MAX = 32,
};

/* The number behind `name`; `fallback` when the name is not there. */
static bool number_within(const char *hash, const char *name, unsigned long fallback,
                          unsigned long max)
{
    const char *found = strstr(hash, name);
    if (!found)
        return fallback <= max;
    found += strlen(name);
    return isdigit((unsigned char)*found) && strtoul(found, NULL, 10) <= max;
}

static bool argon2_is_affordable(const char *hash)
{
    return number_within(hash, "$m=", ARGON2_KIB_MAX + 1UL, ARGON2_KIB_MAX) &&
           number_within(hash, ",t=", ARGON2_PASSES_MAX + 1UL, ARGON2_PASSES_MAX);
}

/* "$2y$12$..": two digits. */
static bool bcrypt_is_affordable(const char *hash)
{
    return strlen(hash) > 4 && strtoul(hash + 4, NULL, 10) <= BCRYPT_COST_MAX;
}

/* The value of a digit in crypt's base 64, or a great one. */
static unsigned long crypt_digit(char c)
{
    static const char digits[] = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    const char *found = c ? strchr(digits, c) : NULL;
    return found ? (unsigned long)(found - digits) : sizeof digits;
}

/* "$y$j9T$..": flavour, log2(N) - 1, r - 1, as crypt_gensalt writes them; further parameters, which
 * only make it dearer, are not compared. */
static bool yescrypt_is_affordable(const char *parameters)
{
    return strcspn(parameters, "$") == 3 && crypt_digit(parameters[1]) + 1 <= YESCRYPT_LOG2_N_MAX &&
           crypt_digit(parameters[2]) + 1 <= YESCRYPT_R_MAX;
}

static bool starts_with(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

bool crypto_is_affordable(const char *hash)
{
    if (starts_with(hash, "$argon2"))
        return argon2_is_affordable(hash);
    if (starts_with(hash, "$2"))
        return bcrypt_is_affordable(hash);
    if (starts_with(hash, "$5$") || starts_with(hash, "$6$") || starts_with(hash, "$md5"))
        return number_within(hash, "rounds=", 0, SHA_ROUNDS_MAX);
    if (starts_with(hash, "$sha1$"))
        return number_within(hash, "$sha1$", 0, SHA_ROUNDS_MAX);
    if (starts_with(hash, "$y$"))
        return yescrypt_is_affordable(hash + 3);
    if (starts_with(hash, "$gy$"))
        return yescrypt_is_affordable(hash + 4);
    return hash[0] != '$' || starts_with(hash, "$1$") || starts_with(hash, "$3$");
}
