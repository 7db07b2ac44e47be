/* What a password in an event may look like: rulings.md 31. */
#include "domain/password.h"
#include "harness.h"

static const struct field field = {
    .name = "password", .type = FIELD_SECRET, .flags = FIELD_REQUIRED | FIELD_IS_SECRET};

static enum code judge(struct secret secret, const struct policy *policy)
{
    struct arena arena;
    struct fault fault = {0};
    arena_init(&arena, 1 << 20, 0);
    bool is_well = password_check(&field, &secret, policy, &arena, &fault);
    assert_int_equal(is_well, fault.code == CODE_NONE);
    /* No complaint ever shows what was sent. */
    if (fault.code && secret.hash.len > 4)
        assert_null(strstr(text_to_z(&arena, fault.message), text_to_z(&arena, secret.hash)));
    arena_close(&arena);
    return fault.code;
}

static enum code judge_hash(const char *hash, const struct policy *policy)
{
    return judge((struct secret){.type = SECRET_HASH, .hash = text_from(hash)}, policy);
}

static void schemes_and_their_rules(void **state)
{
    (void)state;
    static const struct {
        const char *hash;
        enum code code;
    } cases[] = {
        {"{ARGON2ID}$argon2id$v=19$m=65536,t=3,p=1$c2FsdA$aGFzaA", CODE_NONE},
        {"{argon2id}$argon2id$x", CODE_NONE},
        {"{BLF-CRYPT}$2y$05$x", CODE_NONE},
        {"{Sha512-Crypt}$6$x", CODE_NONE},
        {"{SHA256-CRYPT}$5$x", CODE_NONE},
        {"{SSHA256}x", CODE_NONE},
        {"{SSHA256.b64}x", CODE_NONE},
        {"{SSHA512.HEX}x", CODE_NONE},
        {"{PBKDF2}$1$x", CODE_NONE},
        {"{SCRAM-SHA-256}4096,x", CODE_NONE},
        {"{CRYPT}$6$salt$hash", CODE_NONE},
        {"{CRYPT}$2y$05$hash", CODE_NONE},
        {"{CRYPT}$y$j9T$hash", CODE_NONE},
        {"{CRYPT}$1$salt$hash", CODE_WEAK_PASSWORD},
        {"{crypt}$1$salt$hash", CODE_WEAK_PASSWORD},
        {"{CRYPT}$md5$salt$hash", CODE_WEAK_PASSWORD},
        {"{CRYPT}abJnggxhB/yWI", CODE_WEAK_PASSWORD},
        {"{CRYPT}_J9..rasmBYk8r9AiWNc", CODE_WEAK_PASSWORD},
        {"{CRYPT.b64}JDYkc2FsdCRoYXNo", CODE_WEAK_PASSWORD},
        {"", CODE_MISSING_FIELD},
        {"hunter2x", CODE_CLEARTEXT_SECRET},
        {"{hunter2x", CODE_CLEARTEXT_SECRET},
        {"{", CODE_CLEARTEXT_SECRET},
        {"}{SSHA256}x", CODE_CLEARTEXT_SECRET},
        {" {SSHA256}x", CODE_CLEARTEXT_SECRET},
        {"{PLAIN}hunter2x", CODE_CLEARTEXT_SECRET},
        {"{plain}hunter2x", CODE_CLEARTEXT_SECRET},
        {"{CLEARTEXT}hunter2x", CODE_CLEARTEXT_SECRET},
        {"{Clear}hunter2x", CODE_CLEARTEXT_SECRET},
        {"{PLAIN.b64}c2VjcmV0", CODE_UNKNOWN_SCHEME},
        {"{}hunter2x", CODE_UNKNOWN_SCHEME},
        {"{MD5}x", CODE_UNKNOWN_SCHEME},
        {"{PLAIN-MD5}x", CODE_UNKNOWN_SCHEME},
        {"{SHA}x", CODE_UNKNOWN_SCHEME},
        {"{NTLM}x", CODE_UNKNOWN_SCHEME},
        {"{SSHA256 }x", CODE_UNKNOWN_SCHEME},
        {"{SSHA256}", CODE_INVALID_FIELD},
        {"{SSHA256}a b", CODE_INVALID_FIELD},
        {"{SSHA256}a\nb", CODE_INVALID_FIELD},
        {"{SSHA256}\xC3\xBC", CODE_INVALID_FIELD},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        enum code code = judge_hash(cases[i].hash, &policy_defaults);
        if (code != cases[i].code)
            fail_msg("%s: %s", cases[i].hash, code ? code_name(code) : "accepted");
    }
}

static void a_hash_has_at_most_512_characters(void **state)
{
    (void)state;
    char hash[600] = "{SSHA256}";
    memset(hash + 9, 'x', 503);
    assert_int_equal(judge_hash(hash, &policy_defaults), CODE_NONE);
    hash[512] = 'x';
    assert_int_equal(judge_hash(hash, &policy_defaults), CODE_INVALID_FIELD);
}

static void the_operator_may_allow_what_is_weak(void **state)
{
    (void)state;
    struct policy lenient = policy_defaults;
    lenient.allow_cleartext = true;
    lenient.allow_weak_crypt = true;
    assert_int_equal(judge_hash("hunter2x", &lenient), CODE_NONE);
    assert_int_equal(judge_hash("{PLAIN}hunter2x", &lenient), CODE_NONE);
    assert_int_equal(judge_hash("{PLAIN}", &lenient), CODE_INVALID_FIELD);
    assert_int_equal(judge_hash("{CRYPT}$1$salt$hash", &lenient), CODE_NONE);
    assert_int_equal(judge_hash("{MD5}x", &lenient), CODE_UNKNOWN_SCHEME);
}

static bool costs_no_more_than_16(struct text hash)
{
    return !text_starts_with(hash, "{BLF-CRYPT}$2y$31$");
}

static void a_hash_that_is_too_dear_to_compare_is_refused(void **state)
{
    (void)state;
    struct policy thrifty = policy_defaults;
    thrifty.is_affordable = costs_no_more_than_16;
    assert_int_equal(judge_hash("{BLF-CRYPT}$2y$31$abcdefghijklmnopqrstuu", &thrifty),
                     CODE_INVALID_FIELD);
    assert_int_equal(judge_hash("{BLF-CRYPT}$2y$12$abcdefghijklmnopqrstuu", &thrifty), CODE_NONE);
}

static void sealed_and_generated_secrets_must_be_complete(void **state)
{
    (void)state;
    static const char key[PUBLIC_KEY_LEN + 1];
    static const struct {
        struct secret secret;
        enum code code;
    } cases[] = {
        {{.type = SECRET_NONE}, CODE_MISSING_FIELD},
        {{.type = SECRET_SEALED}, CODE_MISSING_FIELD},
        {{.type = SECRET_SEALED, .ciphertext = {"x", 1}}, CODE_NONE},
        {{.type = SECRET_GENERATED, .length = 8, .public_key = {key, 32}}, CODE_NONE},
        {{.type = SECRET_GENERATED, .length = 128, .public_key = {key, 32}}, CODE_NONE},
        {{.type = SECRET_GENERATED, .length = 129, .public_key = {key, 32}}, CODE_INVALID_FIELD},
        {{.type = SECRET_GENERATED, .length = 7, .public_key = {key, 32}}, CODE_WEAK_PASSWORD},
        {{.type = SECRET_GENERATED, .length = -1, .public_key = {key, 32}}, CODE_WEAK_PASSWORD},
        {{.type = SECRET_GENERATED, .length = 8, .public_key = {key, 31}}, CODE_INVALID_FIELD},
        {{.type = SECRET_GENERATED, .length = 8, .public_key = {key, 33}}, CODE_INVALID_FIELD},
        {{.type = SECRET_GENERATED, .length = 8}, CODE_INVALID_FIELD},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        assert_int_equal(judge(cases[i].secret, &policy_defaults), cases[i].code);
}

static void a_clear_password_has_eight_characters_and_is_not_the_name(void **state)
{
    (void)state;
    static const struct {
        const char *plain, *address;
        enum code code;
    } cases[] = {
        {"12345678", "bob@example.org", CODE_NONE},
        {"1234567", "bob@example.org", CODE_WEAK_PASSWORD},
        {"", "bob@example.org", CODE_WEAK_PASSWORD},
        {"\xC3\xA4\xC3\xA4\xC3\xA4\xC3\xA4", "bob@example.org", CODE_WEAK_PASSWORD},
        {"\xC3\xA4\xC3\xA4\xC3\xA4\xC3\xA4\xC3\xA4\xC3\xA4\xC3\xA4\xC3\xA4", "bob@example.org",
         CODE_NONE},
        {"roberta.b", "roberta.b@example.org", CODE_WEAK_PASSWORD},
        {"Roberta.B", "roberta.b@example.org", CODE_WEAK_PASSWORD},
        {"roberta.c", "roberta.b@example.org", CODE_NONE},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        assert_int_equal(password_strength(text_from(cases[i].plain), text_from(cases[i].address)),
                         cases[i].code);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(schemes_and_their_rules),
        cmocka_unit_test(a_hash_has_at_most_512_characters),
        cmocka_unit_test(the_operator_may_allow_what_is_weak),
        cmocka_unit_test(a_hash_that_is_too_dear_to_compare_is_refused),
        cmocka_unit_test(sealed_and_generated_secrets_must_be_complete),
        cmocka_unit_test(a_clear_password_has_eight_characters_and_is_not_the_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
