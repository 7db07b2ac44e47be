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
    /* Only the small first block is left. */
    assert_non_null(arena.first);
    arena_alloc(&arena, 100);
    arena_reset(&arena);
    arena.keep_bytes_max = 0;
    arena_reset(&arena);
    assert_null(arena.first);
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
    arena_reset(&arena);
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
    assert_null(arena.first);
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
        cmocka_unit_test(ceiling_jumps_to_the_handler),
        cmocka_unit_test(request_above_the_ceiling_takes_no_memory),
        cmocka_unit_test(overflowing_product_is_exhaustion),
        cmocka_unit_test(handlers_nest),
        cmocka_unit_test(close_is_safe_on_a_zeroed_arena_and_twice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
