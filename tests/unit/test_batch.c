/* How many records a batch takes: fewer after memory was out, and as many as before later. */
#include "batch.h"
#include "check.h"

enum { LIMIT = 2000, LIVES = 100 };

/* A batch without messages that has had `count` records. */
static void live(struct batch *batch, size_t count)
{
    batch->records = ARENA_ARRAY(&batch->arena, struct record, count + 1);
    batch->count = count;
    batch_reset(batch);
}

static void a_batch_that_was_shrunk_grows_back_to_its_limit(void **state)
{
    struct batch batch;

    (void)state;
    batch_init(&batch, LIMIT, 1 << 20, NULL);
    for (size_t expected = LIMIT / 2; expected > 100; expected /= 2) {
        batch_shrink(&batch);
        assert_int_equal(batch.count_max, expected);
    }
    for (int i = 0; i < LIVES - 1; i++)
        live(&batch, 1);
    size_t small = batch.count_max;
    live(&batch, 1);
    assert_int_equal(batch.count_max, 2 * small);
    for (int i = 0; i < 10 * LIVES; i++)
        live(&batch, 1);
    assert_int_equal(batch.count_max, LIMIT);
    batch_close(&batch);
}

static void idle_turns_and_a_new_shortage_do_not_count(void **state)
{
    struct batch batch;

    (void)state;
    batch_init(&batch, LIMIT, 1 << 20, NULL);
    batch_shrink(&batch);
    for (int i = 0; i < 10 * LIVES; i++)
        live(&batch, 0);
    assert_int_equal(batch.count_max, LIMIT / 2);
    for (int i = 0; i < LIVES - 1; i++)
        live(&batch, 1);
    batch_shrink(&batch);
    live(&batch, 1);
    assert_int_equal(batch.count_max, LIMIT / 4);
    batch_close(&batch);
}

static void a_batch_takes_one_record_at_least(void **state)
{
    struct batch batch;

    (void)state;
    batch_init(&batch, 3, 1 << 20, NULL);
    for (int i = 0; i < 5; i++)
        batch_shrink(&batch);
    assert_int_equal(batch.count_max, 1);
    batch_close(&batch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_batch_that_was_shrunk_grows_back_to_its_limit),
        cmocka_unit_test(idle_turns_and_a_new_shortage_do_not_count),
        cmocka_unit_test(a_batch_takes_one_record_at_least),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
