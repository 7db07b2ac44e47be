/* base/map and the hash behind it. */
#include "check.h"

#include "base/arena.h"
#include "base/map.h"
#include "base/siphash.h"

static struct arena arena;

static int open_arena(void **state)
{
    (void)state;
    arena_init(&arena, 256 << 20, 0);
    return 0;
}

static int close_arena(void **state)
{
    (void)state;
    arena_close(&arena);
    return 0;
}

/* The vectors of the reference implementation: key 00..0f, input 00, 00 01, ... */
static void siphash_gives_the_published_values(void **state)
{
    (void)state;
    static const struct {
        size_t len;
        uint64_t hash;
    } vectors[] = {
        {0, 0x726fdb47dd0e0e31}, {1, 0x74f839c593dc67fd}, {2, 0x0d6c8009d9a94f5a},
        {7, 0xab0200f58b01d137}, {8, 0x93f5f5799a932462}, {15, 0xa129ca6149be45e5},
    };
    const struct siphash_key key = {0x0706050403020100, 0x0f0e0d0c0b0a0908};
    char input[16];
    for (int i = 0; i < 16; i++)
        input[i] = (char)i;
    for (size_t i = 0; i < COUNT_OF(vectors); i++)
        assert_true(siphash(key, (struct text){input, vectors[i].len}) == vectors[i].hash);
}

static void keys_are_found_again(void **state)
{
    (void)state;
    struct map map;
    int a = 1, b = 2;
    map_init(&map, &arena, 0);
    assert_null(map_get(&map, TEXT("a")));
    assert_null(map_put(&map, TEXT("a"), &a));
    assert_ptr_equal(map_put(&map, TEXT("a"), &b), &a);
    assert_ptr_equal(map_get(&map, TEXT("a")), &b);
    assert_int_equal(map.count, 1);
}

static void null_and_empty_are_two_keys(void **state)
{
    (void)state;
    struct map map;
    int a = 1, b = 2;
    map_init(&map, &arena, 0);
    map_put(&map, TEXT_NULL, &a);
    map_put(&map, TEXT(""), &b);
    assert_ptr_equal(map_get(&map, TEXT_NULL), &a);
    assert_ptr_equal(map_get(&map, TEXT("")), &b);
}

static void a_slot_is_made_once(void **state)
{
    (void)state;
    struct map map;
    int a = 1;
    map_init(&map, &arena, 0);
    struct map_entry *entry = map_slot(&map, TEXT("k"));
    assert_null(entry->value);
    entry->value = &a;
    assert_ptr_equal(map_slot(&map, TEXT("k")), entry);
    assert_ptr_equal(map_get(&map, TEXT("k")), &a);
}

enum { MANY = 50000 };

static void thousands_of_keys_stay_in_order_of_insertion(void **state)
{
    (void)state;
    struct map map;
    struct text *keys = ARENA_ARRAY(&arena, struct text, MANY);
    map_init(&map, &arena, 0);
    for (size_t i = 0; i < MANY; i++) {
        keys[i] = text_format(&arena, "user%zu@example.org", i * 7919 % MANY);
        assert_null(map_put(&map, keys[i], &keys[i]));
    }
    assert_int_equal(map.count, MANY);
    for (size_t i = 0; i < MANY; i++) {
        struct text again = text_format(&arena, "%.*s", TEXT_ARG(keys[i]));
        assert_ptr_equal(map_get(&map, again), &keys[i]);
        assert_ptr_equal(map.entries[i].value, &keys[i]);
    }
    assert_null(map_get(&map, TEXT("user50000@example.org")));
    assert_true(map.slot_count >= 2 * map.count);
}

static void the_hint_spares_growing(void **state)
{
    (void)state;
    struct map map;
    map_init(&map, &arena, 1000);
    const struct map_entry *entries = map.entries;
    for (int i = 0; i < 1000; i++)
        map_put(&map, text_format(&arena, "%d", i), &map);
    assert_ptr_equal(map.entries, entries);
}

static void another_seed_gives_other_hashes_and_the_same_order(void **state)
{
    (void)state;
    struct map before, after;
    map_init(&before, &arena, 0);
    map_put(&before, TEXT("a"), &before);
    map_put(&before, TEXT("b"), &before);
    map_seed(0x123456789abcdef);
    map_init(&after, &arena, 0);
    map_put(&after, TEXT("a"), &after);
    map_put(&after, TEXT("b"), &after);
    assert_true(before.entries[0].hash != after.entries[0].hash);
    assert_text_equal(after.entries[0].key, "a");
    assert_text_equal(after.entries[1].key, "b");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(siphash_gives_the_published_values),
        cmocka_unit_test(keys_are_found_again),
        cmocka_unit_test(null_and_empty_are_two_keys),
        cmocka_unit_test(a_slot_is_made_once),
        cmocka_unit_test(thousands_of_keys_stay_in_order_of_insertion),
        cmocka_unit_test(the_hint_spares_growing),
        cmocka_unit_test(another_seed_gives_other_hashes_and_the_same_order),
    };
    return cmocka_run_group_tests(tests, open_arena, close_arena);
}
