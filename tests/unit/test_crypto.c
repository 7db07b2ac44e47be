/* Hashes, identities, keyring, sealed boxes and password hashes, against published vectors and
 * against hashes that Dovecot's doveadm made. */
#include "wire/crypto.h"

#include "check.h"

#include "base/arena.h"
#include "wire/crypto_private.h"

#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static struct arena arena;

static int setup(void **state)
{
    struct error err;

    (void)state;
    arena_init(&arena, 1 << 20, 1 << 20);
    return crypto_start(&err) == STATUS_OK ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    arena_close(&arena);
    return 0;
}

static void hex(const uint8_t *bytes, size_t len, char *ret_hex)
{
    for (size_t i = 0; i < len; i++)
        sprintf(ret_hex + 2 * i, "%02x", bytes[i]);
}

static void sha256_has_the_published_value(void **state)
{
    uint8_t hash[SHA256_LEN];
    char shown[2 * SHA256_LEN + 1];

    (void)state;
    crypto_sha256("abc", 3, hash);
    hex(hash, sizeof hash, shown);
    assert_string_equal(shown, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

static void blake_in_pieces_equals_blake_at_once(void **state)
{
    struct blake blake;
    uint8_t hash[16];
    char shown[33];

    (void)state;
    blake_begin(&blake);
    blake_update(&blake, "a", 1);
    blake_update(&blake, "", 0);
    blake_update(&blake, "bc", 2);
    blake_end(&blake, hash);
    hex(hash, sizeof hash, shown);
    assert_string_equal(shown, "cf4ab791c62b8d2b2109c90275287816"); /* b2sum -l 128 */
}

static void uuid_of_bytes_is_a_version_8(void **state)
{
    struct uuid one = crypto_uuid("one", 3), again = crypto_uuid("one", 3),
                two = crypto_uuid("two", 3);

    (void)state;
    assert_true(uuid_equal(&one, &again));
    assert_false(uuid_equal(&one, &two));
    assert_int_equal(one.bytes[6] >> 4, 8);
    assert_int_equal(one.bytes[8] >> 6, 2);
}

static void uuid_like_an_event_keeps_the_events_time(void **state)
{
    struct uuid v7, v4, made;

    (void)state;
    assert_true(uuid_parse(TEXT("0192f0c1-2345-7abc-8def-0123456789ab"), &v7));
    assert_true(uuid_parse(TEXT("a192f0c1-2345-4abc-8def-0123456789ab"), &v4));
    made = crypto_uuid_like(&v7, "account");
    assert_int_equal(uuid_v7_time_ms(&made), uuid_v7_time_ms(&v7));
    assert_false(uuid_equal(&made, &v7));
    made = crypto_uuid_like(&v4, "account");
    assert_int_equal(made.bytes[6] >> 4, 8);
    assert_memory_not_equal(made.bytes, v4.bytes, 6);
}

static void purposes_give_different_uuids(void **state)
{
    struct uuid v7, a, b;

    (void)state;
    assert_true(uuid_parse(TEXT("0192f0c1-2345-7abc-8def-0123456789ab"), &v7));
    a = crypto_uuid_like(&v7, "account");
    b = crypto_uuid_like(&v7, "change");
    assert_false(uuid_equal(&a, &b));
}

static void base64_goes_there_and_back(void **state)
{
    struct text bytes;

    (void)state;
    assert_true(
        text_equal_z(crypto_base64(&arena, TEXT("any carnal pleas")), "YW55IGNhcm5hbCBwbGVhcw=="));
    assert_true(crypto_unbase64(&arena, TEXT("YW55IGNhcm5hbCBwbGVhcw==\n"), &bytes));
    assert_true(text_equal_z(bytes, "any carnal pleas"));
    assert_true(crypto_unbase64(&arena, TEXT(""), &bytes));
    assert_int_equal(bytes.len, 0);
    assert_false(crypto_unbase64(&arena, TEXT("YW5*"), &bytes));
    assert_false(crypto_unbase64(&arena, TEXT("YW5"), &bytes));
    assert_false(crypto_unbase64(&arena, TEXT_NULL, &bytes));
}

/* --- keyring ---------------------------------------------------------------------------------- */

struct key_folder {
    char path[64];
    char file[96];
    struct text public_key;
};

static void key_folder_make(struct key_folder *folder, struct text content, mode_t mode)
{
    FILE *file;

    strcpy(folder->path, "/tmp/provd-keyring-XXXXXX");
    assert_non_null(mkdtemp(folder->path));
    snprintf(folder->file, sizeof folder->file, "%s/2026-01.key", folder->path);
    file = fopen(folder->file, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(content.data, 1, content.len, file), content.len);
    fclose(file);
    assert_int_equal(chmod(folder->file, mode), 0);
}

static void key_folder_remove(struct key_folder *folder)
{
    unlink(folder->file);
    rmdir(folder->path);
}

static void sealed_secret_opens_with_the_workers_key(void **state)
{
    struct key_folder folder;
    struct keyring *keyring = NULL;
    struct error err;
    struct text public_base64, secret, public_key, sealed, plain;
    uint8_t stored[KEY_LEN];

    (void)state;
    crypto_keypair(&arena, &public_base64, &secret);
    key_folder_make(&folder, secret, 0600);
    assert_int_equal(keyring_open(&keyring, folder.path, &err), STATUS_OK);
    assert_true(crypto_unbase64(&arena, public_base64, &public_key));
    assert_true(keyring_public_key(keyring, TEXT("2026-01"), stored));
    assert_memory_equal(stored, public_key.data, KEY_LEN);

    assert_true(crypto_seal(public_key, TEXT("hunter2hunter2"), &arena, &sealed));
    assert_int_equal(keyring_unseal(keyring, TEXT("2026-01"), sealed, &arena, &plain), UNSEAL_OK);
    assert_true(text_equal_z(plain, "hunter2hunter2"));
    crypto_wipe(plain);
    assert_int_equal(plain.data[0], 0);

    assert_int_equal(keyring_unseal(keyring, TEXT("2025-12"), sealed, &arena, &plain),
                     UNSEAL_NO_KEY);
    sealed.len--;
    assert_int_equal(keyring_unseal(keyring, TEXT("2026-01"), sealed, &arena, &plain),
                     UNSEAL_BROKEN);
    sealed.len = 47;
    assert_int_equal(keyring_unseal(keyring, TEXT("2026-01"), sealed, &arena, &plain),
                     UNSEAL_BROKEN);
    keyring_close(keyring);
    key_folder_remove(&folder);
}

static void keyring_refuses(struct text content, mode_t mode, const char *why)
{
    struct key_folder folder;
    struct keyring *keyring = NULL;
    struct error err = {.message = ""};

    key_folder_make(&folder, content, mode);
    assert_int_equal(keyring_open(&keyring, folder.path, &err), STATUS_FATAL);
    assert_non_null(strstr(err.message, why));
    assert_non_null(strstr(err.message, "2026-01.key"));
    assert_null(keyring);
    key_folder_remove(&folder);
}

static void key_file_open_to_others_is_refused(void **state)
{
    struct text public_key, secret;

    (void)state;
    crypto_keypair(&arena, &public_key, &secret);
    keyring_refuses(secret, 0604, "mode 0604");
    keyring_refuses(secret, 0620, "mode 0620");
}

static void key_file_without_a_key_is_refused(void **state)
{
    (void)state;
    keyring_refuses(TEXT("not a key"), 0600, "provctl keygen");
    keyring_refuses(TEXT("AAAA"), 0600, "provctl keygen");
    keyring_refuses(TEXT(""), 0600, "provctl keygen");
}

static void no_directory_is_an_empty_keyring(void **state)
{
    struct keyring *keyring;
    struct error err;
    uint8_t key[KEY_LEN];

    (void)state;
    assert_int_equal(keyring_open(&keyring, "", &err), STATUS_OK);
    assert_false(keyring_public_key(keyring, TEXT("a"), key));
    keyring_close(keyring);
    assert_int_equal(keyring_open(&keyring, "/does/not/exist", &err), STATUS_FATAL);
    keyring_close(NULL);
}

static void sealing_to_no_key_fails(void **state)
{
    static const char zeros[KEY_LEN];
    struct text sealed;

    (void)state;
    assert_false(crypto_seal(TEXT("short"), TEXT("x"), &arena, &sealed));
    assert_false(crypto_seal((struct text){zeros, KEY_LEN}, TEXT("x"), &arena, &sealed));
}

/* --- passwords -------------------------------------------------------------------------------- */

/* With memory enough there is an answer. */
static bool verifies(struct text plain, struct text stored)
{
    struct error err;
    bool matches;

    assert_int_equal(crypto_verify_password(plain, stored, &matches, &err), STATUS_OK);
    return matches;
}

static void each_scheme_verifies_what_it_hashed(void **state)
{
    static const struct {
        struct hash_cost cost;
        const char *prefix;
    } cases[] = {
        {{HASH_ARGON2ID, 1, 1 << 20}, "{ARGON2ID}$argon2id$v=19$m=1024,t=1,p=1$"},
        {{HASH_SHA512_CRYPT, 1000, 0}, "{SHA512-CRYPT}$6$rounds=1000$"},
        {{HASH_BLF_CRYPT, 4, 0}, "{BLF-CRYPT}$2y$04$"},
        {{HASH_YESCRYPT, 1, 0}, "{CRYPT}$y$j75$"},
    };
    struct text plain = TEXT("p\xc3\xa4ssword \"with' spaces");

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char hash[PASSWORD_HASH_MAX];
        struct error err;

        assert_int_equal(crypto_hash_password(plain, &cases[i].cost, hash, &err), STATUS_OK);
        assert_true(text_starts_with(text_from(hash), cases[i].prefix));
        assert_true(verifies(plain, text_from(hash)));
        assert_false(verifies(TEXT("another"), text_from(hash)));
    }
}

#if !defined(__SANITIZE_ADDRESS__)
/* That memory is short says nothing about the password. */
static void without_memory_nothing_is_said_about_a_password(void **state)
{
    struct hash_cost cost = {HASH_ARGON2ID, 1, 256 << 20};
    struct rlimit before, little;
    char hash[PASSWORD_HASH_MAX];
    struct error err;
    bool matches;

    (void)state;
    assert_int_equal(crypto_hash_password(TEXT("secret"), &cost, hash, &err), STATUS_OK);
    assert_int_equal(getrlimit(RLIMIT_AS, &before), 0);
    little = (struct rlimit){.rlim_cur = 128 << 20, .rlim_max = before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_AS, &little), 0);
    enum status right = crypto_verify_password(TEXT("secret"), text_from(hash), &matches, &err);
    enum status wrong = crypto_verify_password(TEXT("another"), text_from(hash), &matches, &err);
    enum status cheap = crypto_verify_password(TEXT("secret"), TEXT("{SHA}x"), &matches, &err);
    assert_int_equal(setrlimit(RLIMIT_AS, &before), 0);
    assert_int_equal(right, STATUS_RETRY);
    assert_int_equal(wrong, STATUS_RETRY);
    assert_int_equal(cheap, STATUS_OK);
    assert_string_equal(err.code, "ENOMEM");
}
#endif

static void impossible_costs_and_passwords_are_errors(void **state)
{
    struct hash_cost bcrypt = {HASH_BLF_CRYPT, 99, 0};
    struct hash_cost argon = {HASH_ARGON2ID, 1, INT64_C(1) << 40};
    char hash[PASSWORD_HASH_MAX], plain[80];
    struct error err;

    (void)state;
    assert_int_equal(crypto_hash_password(TEXT("x"), &bcrypt, hash, &err), STATUS_FATAL);
    assert_int_equal(crypto_hash_password(TEXT("x"), &argon, hash, &err), STATUS_RETRY);
    bcrypt.ops = 4;
    memset(plain, 'x', sizeof plain);
    assert_int_equal(crypto_hash_password((struct text){plain, 73}, &bcrypt, hash, &err),
                     STATUS_FATAL);
    assert_int_equal(crypto_hash_password((struct text){"a\0b", 3}, &bcrypt, hash, &err),
                     STATUS_FATAL);
}

/* Made with `doveadm pw -s SCHEME -p secret`. */
static const char *const dovecot_hashes[] = {
    "{ARGON2ID}$argon2id$v=19$m=65536,t=3,p=1$8O5OTOWZYUUvNz+iod8prg$"
    "K3OY3OesCkSH6Yq0rUK0RI75Rd5l6ZCwHEixdi1lfq8",
    "{ARGON2I}$argon2i$v=19$m=32768,t=4,p=1$/NIkiTjJYBhcNXA/"
    "nCWaRw$SkKUXWJnIuaOuQKTfOWqCbdiQWk6cCF7hv6tV+2rnWE",
    "{BLF-CRYPT}$2y$05$M5Mzro3QSKNC89Aos3weZOznBdr1sJhI6w1hst15ovy2abivDDc1W",
    "{SHA512-CRYPT}$6$YfG6pVtPHe4ojOnD$w.WCyRKBegmrKFz7."
    "N9lCAUiIWAWcn40Gej4s4m171tl21s00ygJyEwWMwPOiiKindz.imy8mQf9FAKvSon161",
    "{SHA256-CRYPT}$5$61MkWTGjQof4kPx5$rpIvywOvyTF/OckzKH53M2AFHaH31IKJ5A4r8XwMUk2",
    "{MD5-CRYPT}$1$eSbUfuvE$d8N2D3ce2iu.2M/0ANWLn.",
    "{DES-CRYPT}nLWBpcFO5rO2c",
    "{CRYPT}$2y$05$Jn3gau9jPKrV3lITrn21gONBZ92nFPQwiTTe372KRGVejER2dIHtK",
    "{SSHA512}mpUp6ckSLfU3EPUDwvIN8DJNfLGPzipC9BsKfqDDQh/"
    "nT1Yd6MjdIttT68tVmOox6ZBLxc1GmVanUNEy74rKRLoQK/Y=",
    "{SSHA256}YkPoJV+ZVWratSyq+j2DylAqC+U4j8clWdIKsE6LfCjMBjrK",
    "{SSHA}TqvjVlRKiCwDijbIa13g68dnbyIIa0p/",
    "{SMD5}2lQtD4tEXtyO9l1E7d1L/mHEl1c=",
    "{SHA512}vSsar3708Jvp9Szi2NWZZ02Bqp1qRCFpbcTZPdBhnWgs5WtNZKnvCXdhztmeD2cmW192CF5bDufKRpayrW/"
    "isg==",
    "{SHA256}K7gNU3sdo+OL0wNhqoVWhr3g6s1xYv72ol/pe/Unols=",
    "{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=",
    "{SHA1}5en6G6MezRroT3XKqkdPOmY/BfQ=",
    "{LDAP-MD5}Xr4ilOzQ4PCOq3aQ0qbuaQ==",
    "{PLAIN-MD5}5ebe2294ecd0e0f08eab7690d2a6ee69",
    "{SSHA256.HEX}941a542c586b2523ac4300aab7eff7006b8b3aeff36af2101ba61ea2cfa5a6ab9f7537b5",
    "{SHA256.B64}K7gNU3sdo+OL0wNhqoVWhr3g6s1xYv72ol/pe/Unols=",
    "{PBKDF2}$1$3R0tWYAEmvpmT7XT$5000$ed38e15f22b841cb5626c3a4612d33f2a729459d",
    "{SCRAM-SHA-256}4096,0BiwvG8V0vZziPFLdtbjdw==,UjVwUnMpzhmCn1IX3TUQ0JMRyO9RORQWCapOjwjsjUs=,"
    "v34AA9+xjsUD2RPSzmoOq3n18poR3T4ncCWYki0KXxM=",
    "{SHA.HEX}e5e9fa1ba31ecd1ae84f75caaa474f3a663f05f4",
};

static void hashes_made_by_dovecot_verify(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof dovecot_hashes / sizeof dovecot_hashes[0]; i++) {
        struct text stored = text_from(dovecot_hashes[i]);

        if (!verifies(TEXT("secret"), stored))
            fail_msg("does not verify: %s", dovecot_hashes[i]);
        assert_false(verifies(TEXT("Secret"), stored));
        assert_false(verifies(TEXT(""), stored));
    }
}

static void broken_hashes_never_verify(void **state)
{
    static const char *const broken[] = {
        "",
        "secret",
        "{PLAIN}secret",
        "{",
        "{}",
        "{SSHA}",
        "{SSHA}AAAA",
        "{SSHA256}****",
        "{CRYPT}",
        "{CRYPT}x",
        "{ARGON2ID}",
        "{ARGON2ID}$",
        "{PLAIN-MD5}012345",
        "{CRYPT}$9$x",
        "{SHA512-CRYPT}$6$",
        "{PBKDF2}",
        "{PBKDF2}$1$",
        "{PBKDF2}$1$salt",
        "{PBKDF2}$1$salt$",
        "{PBKDF2}$1$salt$5000",
        "{PBKDF2}$1$salt$5000$",
        "{PBKDF2}$1$salt$0$ed38e15f22b841cb5626c3a4612d33f2a729459d",
        "{PBKDF2}$1$3R0tWYAEmvpmT7XT$5000$ed38e15f22b841cb5626c3a4612d33f2a72945",
        "{PBKDF2}$1$3R0tWYAEmvpmT7XT$5000$ed38e15f22b841cb5626c3a4612d33f2a729459d00",
        "{PBKDF2}$1$3R0tWYAEmvpmT7XT$-5000$ed38e15f22b841cb5626c3a4612d33f2a729459d",
        "{SCRAM-SHA-256}",
        "{SCRAM-SHA-256}4096",
        "{SCRAM-SHA-256}4096,",
        "{SCRAM-SHA-256}4096,c2FsdA==",
        "{SCRAM-SHA-256}4096,c2FsdA==,",
        "{SCRAM-SHA-256}4096,c2FsdA==,c2FsdA==,c2FsdA==",
    };

    (void)state;
    for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
        assert_false(verifies(TEXT("secret"), text_from(broken[i])));
        assert_false(verifies(TEXT(""), text_from(broken[i])));
    }
    assert_false(verifies(TEXT_NULL, text_from(dovecot_hashes[0])));
}

static void a_dear_hash_is_told_with_its_scheme_in_front(void **state)
{
    static const struct {
        const char *hash;
        bool is_affordable;
    } cases[] = {
        {"{BLF-CRYPT}$2y$16$abcdefghijklmnopqrstuu", true},
        {"{BLF-CRYPT}$2y$31$abcdefghijklmnopqrstuu", false},
        {"{crypt}$2y$31$abcdefghijklmnopqrstuu", false},
        {"{ARGON2ID}$argon2id$v=19$m=4194304,t=3,p=1$c2FsdA$h", false},
        {"{CRYPT}$y$jzT$salt$h", false},
        {"{SSHA256}YkPoJV+ZVWratSyq+j2DylAqC+U4j8clWdIKsE6LfCjMBjrK", true},
        {"{PBKDF2}$1$salt$5000$h", true},
        {"{PBKDF2}$1$salt$10000000$ed38e15f22b841cb5626c3a4612d33f2a729459d", true},
        {"{PBKDF2}$1$salt$10000001$ed38e15f22b841cb5626c3a4612d33f2a729459d", false},
        {"{PBKDF2}$1$salt$99999999999999999999$ed38e15f22b841cb5626c3a4612d33f2a729459d", false},
        {"{SCRAM-SHA-256}10000001,c2FsdA==,UjVwUnMpzhmCn1IX3TUQ0JMRyO9RORQWCapOjwjsjUs=,", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        if (crypto_hash_is_affordable(text_from(cases[i].hash)) != cases[i].is_affordable)
            fail_msg("%s", cases[i].hash);
    }
}

/* Senders choose the cost of the hashes that they send. */
static void what_would_take_days_is_not_compared(void **state)
{
    static const struct {
        const char *hash;
        bool is_affordable;
    } cases[] = {
        {"$2y$16$abcdefghijklmnopqrstuu", true},
        {"$2y$17$abcdefghijklmnopqrstuu", false},
        {"$2y$31$abcdefghijklmnopqrstuu", false},
        {"$6$salt$h", true},
        {"$6$rounds=10000000$salt$h", true},
        {"$6$rounds=10000001$salt$h", false},
        {"$y$j9T$salt$h", true},
        {"$y$jzT$salt$h", false},
        {"$argon2id$v=19$m=1048576,t=32,p=1$c2FsdA$h", true},
        {"$argon2id$v=19$m=1048577,t=3,p=1$c2FsdA$h", false},
        {"$argon2id$v=19$m=65536,t=33,p=1$c2FsdA$h", false},
        {"$argon2id$v=19$p=1$c2FsdA$h", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        if (crypto_is_affordable(cases[i].hash) != cases[i].is_affordable)
            fail_msg("%s", cases[i].hash);
    }
}

static void generated_passwords_differ_and_have_no_look_alikes(void **state)
{
    struct text one, two;

    (void)state;
    crypto_generate_password(&arena, 64, &one);
    crypto_generate_password(&arena, 64, &two);
    assert_int_equal(one.len, 64);
    assert_false(text_equal(one, two));
    for (size_t i = 0; i < one.len; i++)
        assert_null(strchr("0O1lIo", one.data[i]));
}

static void dovecot_takes_our_hashes(void **state)
{
    static const struct hash_cost costs[] = {
        {HASH_ARGON2ID, 1, 1 << 20},
        {HASH_SHA512_CRYPT, 1000, 0},
        {HASH_BLF_CRYPT, 4, 0},
        {HASH_YESCRYPT, 1, 0},
    };

    (void)state;
    if (access("/usr/bin/doveadm", X_OK) != 0)
        skip("no doveadm, see tools/install");
    for (size_t i = 0; i < sizeof costs / sizeof costs[0]; i++) {
        char hash[PASSWORD_HASH_MAX], command[PASSWORD_HASH_MAX + 80];
        struct error err;

        assert_int_equal(crypto_hash_password(TEXT("secret"), &costs[i], hash, &err), STATUS_OK);
        snprintf(command, sizeof command, "/usr/bin/doveadm pw -t '%s' -p secret >/dev/null 2>&1",
                 hash);
        if (system(command) != 0)
            fail_msg("doveadm does not take %s", hash);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sha256_has_the_published_value),
        cmocka_unit_test(blake_in_pieces_equals_blake_at_once),
        cmocka_unit_test(uuid_of_bytes_is_a_version_8),
        cmocka_unit_test(uuid_like_an_event_keeps_the_events_time),
        cmocka_unit_test(purposes_give_different_uuids),
        cmocka_unit_test(base64_goes_there_and_back),
        cmocka_unit_test(sealed_secret_opens_with_the_workers_key),
        cmocka_unit_test(key_file_open_to_others_is_refused),
        cmocka_unit_test(key_file_without_a_key_is_refused),
        cmocka_unit_test(no_directory_is_an_empty_keyring),
        cmocka_unit_test(sealing_to_no_key_fails),
        cmocka_unit_test(each_scheme_verifies_what_it_hashed),
        cmocka_unit_test(impossible_costs_and_passwords_are_errors),
        cmocka_unit_test(hashes_made_by_dovecot_verify),
        cmocka_unit_test(broken_hashes_never_verify),
        cmocka_unit_test(what_would_take_days_is_not_compared),
        cmocka_unit_test(a_dear_hash_is_told_with_its_scheme_in_front),
#if !defined(__SANITIZE_ADDRESS__)
        cmocka_unit_test(without_memory_nothing_is_said_about_a_password),
#endif
        cmocka_unit_test(generated_passwords_differ_and_have_no_look_alikes),
        cmocka_unit_test(dovecot_takes_our_hashes),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
