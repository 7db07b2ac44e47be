/* base/arena: ceilings, reuse, exhaustion. */
#include "check.h"

#include "base/arena.h"

static void allocations_are_aligned_and_do_not_overlap(void **state)
{
    (void)state;
    struct arena arena;
    char *pieces[1000];
    arena_init(&arena, 64 << 20, 0);
    for (size_t i = 0; i < COUNT_OF(pieces); i++) {
        pieces[i] = arena_alloc(&arena, i);
        assert_int_equal((uintptr_t)pieces[i] % 16, 0);
        memset(pieces[i], (int)(i & 0xff), i);
    }
    for (size_t i = 0; i < COUNT_OF(pieces); i++) {
        for (size_t j = 0; j < i; j++)
            assert_int_equal((unsigned char)pieces[i][j], i & 0xff);
    }
    arena_close(&arena);
}

static void size_zero_gives_a_pointer_of_its_own(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, 4096, 0);
    char *a = arena_alloc(&arena, 0), *b = arena_alloc(&arena, 0);
    assert_non_null(a);
    assert_ptr_not_equal(a, b);
    arena_close(&arena);
}

static void large_requests_leave_the_small_blocks_in_use(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, 64 << 20, 64 << 20);
    for (int round = 0; round < 20; round++) {
        char *big = arena_alloc(&arena, 3 << 20);
        char *small = arena_alloc(&arena, 100);
        memset(big, 1, 3 << 20);
        memset(small, 2, 100);
        assert_int_equal(big[(3 << 20) - 1], 1);
        arena_reset(&arena);
        assert_int_equal(arena.used_bytes, 0);
    }
    arena_close(&arena);
}

static void zalloc_is_zero_also_in_reused_memory(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, 1 << 20, 1 << 20);
    memset(arena_alloc(&arena, 1000), 0xff, 1000);
    arena_reset(&arena);
    const unsigned char *bytes = arena_zalloc(&arena, 10, 100);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(bytes[i], 0);
    arena_close(&arena);
}

static void reset_reuses_kept_memory(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, 1 << 20, 1 << 20);
    void *first = arena_alloc(&arena, 100);
    arena_reset(&arena);
    assert_ptr_equal(arena_alloc(&arena, 100), first);
    arena_close(&arena);
}

static void reset_gives_back_what_is_above_the_limit(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, 64 << 20, 256 << 10);
    arena_alloc(&arena, 100);
    arena_alloc(&arena, 8 << 20);
    arena_reset(&arena);
    assert_non_null(arena.own.blocks);
    assert_null(arena.own.large);
    assert_in_range(arena.own.kept_bytes, 1, 256 << 10);
    arena_close(&arena);
    assert_null(arena.own.blocks);
}

static void rewind_forgets_what_came_behind_the_mark(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, 64 << 20, 64 << 20);
    char *before = arena_alloc(&arena, 100);
    memset(before, 1, 100);
    struct arena_mark mark = arena_mark(&arena);
    char *behind = arena_alloc(&arena, 100);
    for (int i = 0; i < 1000; i++)
        memset(arena_alloc(&arena, 1000), 2, 1000);
    memset(arena_alloc(&arena, 1 << 20), 2, 1 << 20);
    arena_rewind(&arena, mark);
    assert_in_range(arena.used_bytes, 100, 128);
    assert_ptr_equal(arena_alloc(&arena, 100), behind);
    assert_int_equal(before[99], 1);
    arena_close(&arena);
}

/* What one arena lets go of is what the next one takes: together they hold what one of them needs.
 */
static void arenas_that_share_a_pool_take_turns_with_its_blocks(void **state)
{
    (void)state;
    struct arena_pool pool;
    struct arena arenas[3];
    size_t after_first = 0;
    arena_pool_init(&pool, 64 << 20);
    for (size_t a = 0; a < COUNT_OF(arenas); a++)
        arena_init_pooled(&arenas[a], 64 << 20, &pool);
    for (int round = 0; round < 9; round++) {
        struct arena *arena = &arenas[round % COUNT_OF(arenas)];
        for (int i = 0; i < 2000; i++)
            memset(arena_alloc(arena, 1000), round, 1000);
        memset(arena_alloc(arena, 300000), round, 300000);
        assert_int_equal(pool.kept_bytes, 0);
        arena_reset(arena);
        if (round == 0)
            after_first = pool.kept_bytes;
        assert_int_equal(pool.kept_bytes, after_first);
        assert_in_range(after_first, 2300000, 3000000);
    }
    for (size_t a = 0; a < COUNT_OF(arenas); a++)
        arena_close(&arenas[a]);
    assert_int_equal(pool.kept_bytes, after_first);
    arena_pool_close(&pool);
    assert_int_equal(pool.kept_bytes, 0);
}

static void large_blocks_are_taken_again_by_what_fits_best(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, 64 << 20, 64 << 20);
    char *of_1m = arena_alloc(&arena, 1 << 20), *of_128k = arena_alloc(&arena, 128 << 10),
         *of_2m = arena_alloc(&arena, 2 << 20);
    size_t held = 0;
    for (int round = 0; round < 3; round++) {
        arena_reset(&arena);
        assert_true(held == 0 || arena.own.kept_bytes == held);
        held = arena.own.kept_bytes;
        assert_in_range(held, 3 << 20, 4 << 20);
        assert_ptr_equal(arena_alloc(&arena, (2 << 20) - 1000), of_2m);
        assert_ptr_equal(arena_alloc(&arena, 100 << 10), of_128k);
        assert_ptr_equal(arena_alloc(&arena, 500 << 10), of_1m);
    }
    arena_close(&arena);
}

/* As a lane's batches do that grow with the load: what is kept is not one block for each size that
 * there ever was. */
static void arrays_that_grow_from_batch_to_batch_leave_no_trail(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, 64 << 20, 64 << 20);
    for (size_t count = 200; count < 2500; count++) {
        for (size_t size = 16; size <= 256; size *= 2)
            arena_alloc(&arena, size * count);
        arena_reset(&arena);
    }
    assert_in_range(arena.own.kept_bytes, 1200000, 2000000);
    arena_close(&arena);
}

static void a_large_request_wastes_nothing_of_the_block_in_use(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, 64 << 20, 0);
    char *first = arena_alloc(&arena, 16);
    arena_alloc(&arena, 1 << 20);
    char *second = arena_alloc(&arena, 16);
    assert_in_range(second - first, 16, 32); /* 16 more under the sanitizer */
    arena_close(&arena);
}

/* Allocates pieces until the jump; returns how many there were. */
static int count_until_exhausted(struct arena *arena, size_t piece)
{
    jmp_buf out;
    volatile int count = 0;
    jmp_buf *former = arena_on_exhausted(arena, &out);
    if (setjmp(out) == 0) {
        for (;;) {
            arena_alloc(arena, piece);
            count++;
        }
    }
    arena_on_exhausted(arena, former);
    return count;
}

static void ceiling_jumps_to_the_handler(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, 1 << 20, 0);
    int count = count_until_exhausted(&arena, 4096);
    assert_in_range(count, 250, 256);
    assert_true(arena.used_bytes <= 1 << 20);
    assert_true(arena.is_exceeded);
    arena_reset(&arena);
    assert_false(arena.is_exceeded);
    assert_int_equal(count_until_exhausted(&arena, 4096), count);
    arena_close(&arena);
}

static void request_above_the_ceiling_takes_no_memory(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, 4096, 0);
    assert_int_equal(count_until_exhausted(&arena, SIZE_MAX), 0);
    assert_int_equal(count_until_exhausted(&arena, SIZE_MAX - 15), 0);
    assert_null(arena.current);
    assert_null(arena.large);
    arena_close(&arena);
}

static void overflowing_product_is_exhaustion(void **state)
{
    (void)state;
    struct arena arena;
    jmp_buf out;
    volatile bool jumped = false;
    volatile size_t count = SIZE_MAX / 2;
    arena_init(&arena, 1 << 20, 0);
    arena_on_exhausted(&arena, &out);
    if (setjmp(out) == 0)
        arena_zalloc(&arena, count, 3);
    else
        jumped = true;
    assert_true(jumped);
    arena_close(&arena);
}

static void handlers_nest(void **state)
{
    (void)state;
    struct arena arena;
    jmp_buf outer, inner;
    arena_init(&arena, 4096, 0);
    assert_null(arena_on_exhausted(&arena, &outer));
    assert_ptr_equal(arena_on_exhausted(&arena, &inner), &outer);
    assert_ptr_equal(arena_on_exhausted(&arena, NULL), &inner);
    arena_close(&arena);
}

static void close_is_safe_on_a_zeroed_arena_and_twice(void **state)
{
    (void)state;
    struct arena arena = {0};
    arena_close(&arena);
    arena_init(&arena, 4096, 0);
    arena_alloc(&arena, 1);
    arena_close(&arena);
    arena_close(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(allocations_are_aligned_and_do_not_overlap),
        cmocka_unit_test(size_zero_gives_a_pointer_of_its_own),
        cmocka_unit_test(large_requests_leave_the_small_blocks_in_use),
        cmocka_unit_test(zalloc_is_zero_also_in_reused_memory),
        cmocka_unit_test(reset_reuses_kept_memory),
        cmocka_unit_test(reset_gives_back_what_is_above_the_limit),
        cmocka_unit_test(rewind_forgets_what_came_behind_the_mark),
        cmocka_unit_test(arenas_that_share_a_pool_take_turns_with_its_blocks),
        cmocka_unit_test(large_blocks_are_taken_again_by_what_fits_best),
        cmocka_unit_test(arrays_that_grow_from_batch_to_batch_leave_no_trail),
        cmocka_unit_test(a_large_request_wastes_nothing_of_the_block_in_use),
        cmocka_unit_test(ceiling_jumps_to_the_handler),
        cmocka_unit_test(request_above_the_ceiling_takes_no_memory),
        cmocka_unit_test(overflowing_product_is_exhaustion),
        cmocka_unit_test(handlers_nest),
        cmocka_unit_test(close_is_safe_on_a_zeroed_arena_and_twice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
