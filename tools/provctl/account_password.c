/* Passwords for accounts: read, made up, hashed or sealed before they leave this process. */
#include "account.h"

#include <string.h>
#include <sysexits.h>

#include "account_bulk.h"
#include "act.h"
#include "command.h"
#include "configuration.h"
#include "secret.h"
#include "wire/crypto.h"

enum { RANDOM_LEN_DEFAULT = 16, RANDOM_LEN_MIN = 8, RANDOM_LEN_MAX = 128, CHARACTERS_MIN = 8 };

/* As the worker judges sealed ones (rulings, 31). */
static bool is_weak(struct text plain, const char *address)
{
    struct text name = text_from(address);
    struct text local = text_slice(name, 0, text_find(name, '@'));

    return text_characters(plain) < CHARACTERS_MIN || text_equal_nocase(plain, local);
}

static int hash(struct invocation *invocation, struct text plain, json_t **ret_password)
{
    struct hash_cost cost = config_hash_cost(invocation->config);
    char hashed[PASSWORD_HASH_MAX];
    struct error err;

    if (crypto_hash_password(plain, &cost, hashed, &err) != STATUS_OK) {
        complain("%s", err.message);
        return EX_DATAERR;
    }
    *ret_password = json_pack("{s{ss}}", "PasswordHash", "hash", hashed);
    return EX_OK;
}

static int seal(struct invocation *invocation, struct text plain, json_t **ret_password)
{
    const char *key_id = option_value(invocation, "key-id");
    struct text key;
    int code = secret_public_key(invocation, key_id, option_value(invocation, "public-key"), &key);

    if (code != EX_OK)
        return code;
    *ret_password = secret_seal(invocation->arena, key_id, key, plain);
    if (*ret_password)
        return EX_OK;
    return complain_usage(invocation, "--public-key is no key for sealed boxes");
}

/* Without a scheme it is one of crypt(3), as vadduser -e takes it. */
json_t *account_given_hash(struct arena *arena, const char *given)
{
    struct text text = *given == '{' ? text_from(given) : text_format(arena, "{CRYPT}%s", given);

    return json_pack("{s{ss%}}", "PasswordHash", "hash", text.data, text.len);
}

json_t *account_hide_password(struct invocation *invocation, struct text plain)
{
    json_t *password = NULL;
    int code = option_given(invocation, "key-id") ? seal(invocation, plain, &password)
                                                  : hash(invocation, plain, &password);

    return code == EX_OK ? password : NULL;
}

static int read_plain(struct invocation *invocation, const char *address, struct text *ret_plain,
                      const char **ret_made)
{
    int64_t length = RANDOM_LEN_DEFAULT;
    int code;

    if (option_given(invocation, "random")) {
        if (option_value(invocation, "random") &&
            !option_number(invocation, "random", RANDOM_LEN_MIN, RANDOM_LEN_MAX, &length))
            return EX_USAGE;
        crypto_generate_password(invocation->arena, (size_t)length, ret_plain);
        *ret_made = text_to_z(invocation->arena, *ret_plain);
        return EX_OK;
    }
    code = secret_read(invocation->arena, "Please enter password", ret_plain);
    if (code != EX_OK)
        complain("the password is a line on standard input; --random makes one up, --hash takes a "
                 "hash, `account add --no-password` does without");
    if (code == EX_OK && is_weak(*ret_plain, address)) {
        complain("this password is weak: at least %d characters, and not the name of the account",
                 CHARACTERS_MIN);
        code = EX_DATAERR;
    }
    return code;
}

int account_read_password(struct invocation *invocation, const char *address, json_t **ret_password,
                          const char **ret_made)
{
    struct text plain = TEXT_NULL;
    int code;

    *ret_made = NULL;
    *ret_password = NULL;
    if (option_given(invocation, "no-password") + option_given(invocation, "hash") +
            option_given(invocation, "random") >
        1)
        return complain_usage(invocation, "choose one of --no-password, --hash and --random");
    if (option_given(invocation, "no-password")) {
        *ret_password = json_null();
        return EX_OK;
    }
    if (option_given(invocation, "hash")) {
        *ret_password = account_given_hash(invocation->arena, option_value(invocation, "hash"));
        return EX_OK;
    }
    code = read_plain(invocation, address, &plain, ret_made);
    if (code == EX_OK && !(*ret_password = account_hide_password(invocation, plain)))
        code = EX_DATAERR;
    if (!text_is_null(plain))
        crypto_wipe(plain);
    return code;
}

static int set_one(struct invocation *invocation)
{
    const char *name = invocation->arguments[0];
    const char *made;
    json_t *password;
    int code = account_read_password(invocation, name, &password, &made);

    if (code != EX_OK)
        return code;
    return act_send(invocation, ACT_ACCOUNT, name, "SetPassword",
                    json_pack("{so so}", "ref", act_ref(name), "password", password), made);
}

int account_password(struct invocation *invocation)
{
    return act_one_or_many(invocation, 1, set_one, account_bulk_password);
}
