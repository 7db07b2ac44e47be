/* What prepare does without a database: open, judge, hash, and end a batch where it has to. */
#include "stage/prepare.h"

#include "check.h"
#include "domain/account_events.h"
#include "domain/kind.h"

#include <fcntl.h>
#include <unistd.h>

enum { RECORDS_MAX = 8, KEY_TEXT_MAX = 64 };

struct bench {
    struct batch batch;
    struct prepare prepare;
    struct keyring *keyring;
    char directory[32];
    struct text public_key, secret_key; /* base64 */
};

static bool verifies(struct text plain, struct text stored)
{
    struct error err;
    bool matches;
    assert_int_equal(crypto_verify_password(plain, stored, &matches, &err), STATUS_OK);
    return matches;
}

static void write_key(struct bench *bench, struct text secret)
{
    char path[64];
    snprintf(path, sizeof path, "%s/k1.key", bench->directory);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, secret.data, secret.len), secret.len);
    close(fd);
}

static int setup(void **state)
{
    static struct bench bench;
    struct error err;
    bench = (struct bench){.directory = "/tmp/test_prepare_XXXXXX"};
    assert_int_equal(crypto_start(&err), STATUS_OK);
    batch_init(&bench.batch, RECORDS_MAX, 16 << 20, NULL);
    crypto_keypair(&bench.batch.arena, &bench.public_key, &bench.secret_key);
    assert_non_null(mkdtemp(bench.directory));
    write_key(&bench, bench.secret_key);
    assert_int_equal(keyring_open(&bench.keyring, bench.directory, &err), STATUS_OK);
    bench.batch.records = ARENA_ARRAY(&bench.batch.arena, struct record, RECORDS_MAX);
    bench.batch.events = ARENA_ARRAY(&bench.batch.arena, struct event *, RECORDS_MAX);
    bench.prepare = (struct prepare){
        .keyring = bench.keyring,
        .cost = {.scheme = HASH_SHA512_CRYPT, .ops = 1000},
        .threads = 2,
        .deadline_ms = 60000,
    };
    *state = &bench;
    return 0;
}

static int teardown(void **state)
{
    struct bench *bench = *state;
    char path[64];
    snprintf(path, sizeof path, "%s/k1.key", bench->directory);
    unlink(path);
    rmdir(bench->directory);
    prepare_close(&bench->prepare);
    keyring_close(bench->keyring);
    bench->batch.count = 0; /* its records have no messages */
    batch_close(&bench->batch);
    return 0;
}

/* --- events -------------------------------------------------------------------------------------
 */

static struct secret sealed(struct bench *bench, const char *plain)
{
    struct secret secret = {.type = SECRET_SEALED, .key_id = TEXT("k1")};
    struct text key;
    assert_true(crypto_unbase64(&bench->batch.arena, bench->public_key, &key));
    assert_true(crypto_seal(key, text_from(plain), &bench->batch.arena, &secret.ciphertext));
    return secret;
}

static struct event *add(struct bench *bench, const char *kind_name, void *payload)
{
    struct event *event = ARENA_NEW(&bench->batch.arena, struct event);
    *event = (struct event){.kind = kind_find(text_from(kind_name)), .payload = payload};
    assert_non_null(event->kind);
    bench->batch.records[bench->batch.count] = (struct record){.message = NULL};
    bench->batch.events[bench->batch.count++] = event;
    return event;
}

static struct event *add_set(struct bench *bench, const char *address, struct secret secret)
{
    struct set_password *set = arena_zalloc(&bench->batch.arena, 1, sizeof *set);
    set->ref.address = text_from(address);
    set->password = secret;
    return add(bench, "SetPassword", set);
}

static struct event *add_verify(struct bench *bench, const char *address, struct secret secret)
{
    struct verify_password *verify = arena_zalloc(&bench->batch.arena, 1, sizeof *verify);
    verify->ref.address = text_from(address);
    verify->secret = secret;
    return add(bench, "VerifyPassword", verify);
}

static struct event *add_other(struct bench *bench, const char *address)
{
    struct delete_account *delete = arena_zalloc(&bench->batch.arena, 1, sizeof *delete);
    delete->ref.address = text_from(address);
    return add(bench, "DeleteAccount", delete);
}

static size_t run(struct bench *bench)
{
    struct error err = {.message = ""};
    size_t ready = SIZE_MAX;
    if (prepare_run(&bench->prepare, &bench->batch, &ready, &err) != STATUS_OK)
        fail_msg("prepare: %s", err.message);
    return ready;
}

/* --- hashing ------------------------------------------------------------------------------------
 */

static void sealed_passwords_are_hashed_each_for_its_event(void **state)
{
    struct bench *bench = *state;
    struct event *ann = add_set(bench, "ann@a.test", sealed(bench, "password of ann"));
    add_other(bench, "eve@a.test");
    struct event *bob = add_set(bench, "bob@a.test", sealed(bench, "password of bob"));
    assert_int_equal(run(bench), 3);
    assert_true(verifies(TEXT("password of ann"), ann->prepared.password_hash));
    assert_true(verifies(TEXT("password of bob"), bob->prepared.password_hash));
    assert_false(verifies(TEXT("password of bob"), ann->prepared.password_hash));
}

static void what_is_hashed_is_not_hashed_again(void **state)
{
    struct bench *bench = *state;
    struct event *ann = add_set(bench, "ann@a.test", sealed(bench, "password of ann"));
    run(bench);
    struct text first = ann->prepared.password_hash;
    assert_int_equal(run(bench), 1);
    assert_ptr_equal(ann->prepared.password_hash.data, first.data);
}

static void events_that_need_nothing_are_left_alone(void **state)
{
    struct bench *bench = *state;
    struct secret secret = sealed(bench, "password of ann");
    struct event *reread = add_set(bench, "ann@a.test", secret);
    struct event *faulty = add_set(bench, "bob@a.test", secret);
    bench->batch.events[bench->batch.count++] = NULL; /* a dead letter */
    bench->batch.records[0].is_reread = true;
    faulty->fault.code = CODE_INVALID_FIELD;
    assert_int_equal(run(bench), 3);
    assert_true(text_is_null(reread->prepared.password_hash));
    assert_true(text_is_null(faulty->prepared.password_hash));
}

static void a_password_that_was_made_opens_with_the_key_of_the_requester(void **state)
{
    struct bench *bench = *state;
    struct secret wish = {.type = SECRET_GENERATED, .length = 20};
    struct text plain;
    assert_true(crypto_unbase64(&bench->batch.arena, bench->public_key, &wish.public_key));
    struct event *event = add_set(bench, "ann@a.test", wish);
    assert_int_equal(run(bench), 1);
    assert_int_equal(keyring_unseal(bench->keyring, TEXT("k1"), event->prepared.sealed_password,
                                    &bench->batch.arena, &plain),
                     UNSEAL_OK);
    assert_int_equal(plain.len, 20);
    assert_true(verifies(plain, event->prepared.password_hash));
}

/* --- what cannot be used ------------------------------------------------------------------------
 */

static void assert_fault(const struct event *event, enum code code, struct text secret)
{
    assert_int_equal(event->prepared.fault.code, code);
    assert_true(text_is_null(event->prepared.password_hash));
    struct text message = event->prepared.fault.message;
    assert_null(memmem(message.data, message.len, secret.data, secret.len));
}

static void bad_passwords_are_faults_that_do_not_repeat_them(void **state)
{
    struct bench *bench = *state;
    struct secret unknown = sealed(bench, "long enough"), broken = sealed(bench, "long enough");
    unknown.key_id = TEXT("k2");
    broken.ciphertext = text_slice(broken.ciphertext, 0, broken.ciphertext.len - 1);
    const struct {
        struct secret secret;
        enum code code;
        const char *plain;
    } cases[] = {
        {unknown, CODE_INVALID_FIELD, "long enough"},
        {broken, CODE_INVALID_FIELD, "long enough"},
        {sealed(bench, "7 chars"), CODE_WEAK_PASSWORD, "7 chars"},
        {sealed(bench, "Local-Part"), CODE_WEAK_PASSWORD, "Local-Part"},
        {sealed(bench, "with\001control"), CODE_BAD_CHARACTER, "with"},
        {sealed(bench, "broken \xff\xfe utf-8"), CODE_BAD_CHARACTER, "broken"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        add_set(bench, "local-part@a.test", cases[i].secret);
    assert_int_equal(run(bench), COUNT_OF(cases));
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        assert_fault(bench->batch.events[i], cases[i].code, text_from(cases[i].plain));
}

/* --- where a batch ends -------------------------------------------------------------------------
 */

static void fill_with_two_passwords(struct bench *bench)
{
    add_other(bench, "eve@a.test");
    add_set(bench, "ann@a.test", sealed(bench, "password of ann"));
    add_other(bench, "eve@a.test");
    add_set(bench, "bob@a.test", sealed(bench, "password of bob"));
    bench->prepare.threads = 1;
}

static void a_batch_ends_before_the_password_that_there_is_no_time_for(void **state)
{
    struct bench *bench = *state;
    fill_with_two_passwords(bench);
    bench->prepare.deadline_ms = 0;
    assert_int_equal(run(bench), 3);
    assert_false(text_is_null(bench->batch.events[1]->prepared.password_hash));
    assert_true(text_is_null(bench->batch.events[3]->prepared.password_hash));
}

static void a_batch_ends_early_when_the_lane_is_to_stop(void **state)
{
    struct bench *bench = *state;
    const volatile sig_atomic_t stop = 1;
    fill_with_two_passwords(bench);
    bench->prepare.stop = &stop;
    assert_int_equal(run(bench), 3);
}

static void a_first_password_without_memory_is_tried_again(void **state)
{
    struct bench *bench = *state;
    struct error err;
    size_t ready;
    bench->prepare.cost = (struct hash_cost){HASH_ARGON2ID, 1, INT64_C(1) << 43};
    add_set(bench, "ann@a.test", sealed(bench, "password of ann"));
    assert_int_equal(prepare_run(&bench->prepare, &bench->batch, &ready, &err), STATUS_RETRY);
    bench->batch.count = 0;
    add_other(bench, "eve@a.test");
    add_set(bench, "ann@a.test", sealed(bench, "password of ann"));
    assert_int_equal(run(bench), 1);
}

static void a_comparison_waits_for_the_change_before_it(void **state)
{
    struct bench *bench = *state;
    add_set(bench, "ann@a.test", sealed(bench, "password of ann"));
    add_other(bench, "bob@a.test");
    struct event *verify = add_verify(bench, "ann@a.test", sealed(bench, "password of ann"));
    add_other(bench, "bob@a.test");
    assert_true(prepare_needs_database(&bench->batch));
    assert_int_equal(run(bench), 2);
    assert_int_equal(verify->prepared.verified, VERIFY_NONE);
}

static void batches_without_comparisons_need_no_database(void **state)
{
    struct bench *bench = *state;
    add_set(bench, "ann@a.test", sealed(bench, "password of ann"));
    struct event *faulty = add_verify(bench, "ann@a.test", sealed(bench, "password of ann"));
    faulty->fault.code = CODE_INVALID_FIELD;
    assert_false(prepare_needs_database(&bench->batch));
    assert_int_equal(run(bench), 2);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(sealed_passwords_are_hashed_each_for_its_event),
        CASE(what_is_hashed_is_not_hashed_again),
        CASE(events_that_need_nothing_are_left_alone),
        CASE(a_password_that_was_made_opens_with_the_key_of_the_requester),
        CASE(bad_passwords_are_faults_that_do_not_repeat_them),
        CASE(a_batch_ends_before_the_password_that_there_is_no_time_for),
        CASE(a_batch_ends_early_when_the_lane_is_to_stop),
        CASE(a_first_password_without_memory_is_tried_again),
        CASE(a_comparison_waits_for_the_change_before_it),
        CASE(batches_without_comparisons_need_no_database),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
