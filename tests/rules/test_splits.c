/* Split invariance: what becomes of a history does not depend on how it is cut into batches. Random
 * histories over few objects, planned as one batch, one by one, and cut at random places. A failure
 * names its seed; PROVD_TEST_SEED runs that one alone, PROVD_TEST_HISTORIES more of them. */
#include "harness.h"
#include "histories.h"

enum { HISTORIES = 400, EVENTS_MAX = 60 };

struct run {
    struct world world;
    struct text outcomes[EVENTS_MAX];
    struct text rows;
};

/* Applies the history in batches of 1 to `batch_max` events, by the numbers of `cuts`. */
static void run_history(struct run *run, char *const *texts, size_t count, size_t batch_max,
                        uint64_t cuts)
{
    world_init(&run->world);
    for (size_t from = 0; from < count;) {
        size_t n = batch_max == 1 ? 1 : 1 + history_random(&cuts) % batch_max;
        n = n > count - from ? count - from : n;
        struct event *events[EVENTS_MAX];
        for (size_t i = 0; i < n; i++)
            events[i] = event_from_text(texts[from + i], (int64_t)(from + i), &run->world.arena);
        struct outcome *outcomes = world_apply(&run->world, events, n);
        for (size_t i = 0; i < n; i++)
            run->outcomes[from + i] = world_outcome_text(&outcomes[i], &run->world.arena);
        from += n;
    }
    run->rows = world_rows_text(&run->world, &run->world.arena);
}

static void tell(char *const *texts, size_t upto)
{
    for (size_t i = 0; i <= upto; i++)
        print_error("%3zu %s\n", i, texts[i]);
}

static void compare(const struct run *a, const struct run *b, char *const *texts, size_t count,
                    uint64_t seed)
{
    for (size_t i = 0; i < count; i++) {
        if (text_equal(a->outcomes[i], b->outcomes[i]))
            continue;
        tell(texts, i);
        fail_msg("seed %llu: event %zu becomes\n  %.*s\nas one batch, and cut\n  %.*s",
                 (unsigned long long)seed, i, TEXT_ARG(a->outcomes[i]), TEXT_ARG(b->outcomes[i]));
    }
    if (!text_equal(a->rows, b->rows)) {
        tell(texts, count - 1);
        fail_msg("seed %llu: the rows are\n%.*s\nas one batch, and cut\n%.*s",
                 (unsigned long long)seed, TEXT_ARG(a->rows), TEXT_ARG(b->rows));
    }
}

static void play_seed(uint64_t seed)
{
    static struct run whole, single, cut;
    char *texts[EVENTS_MAX];
    struct arena arena;
    arena_init(&arena, 16 << 20, 0);
    size_t count = history_write(seed, texts, EVENTS_MAX, &arena);
    run_history(&whole, texts, count, EVENTS_MAX * 1000, 0);
    run_history(&single, texts, count, 1, 0);
    run_history(&cut, texts, count, 7, seed + 1);
    compare(&whole, &single, texts, count, seed);
    compare(&whole, &cut, texts, count, seed);
    world_close(&whole.world);
    world_close(&single.world);
    world_close(&cut.world);
    arena_close(&arena);
}

static uint64_t number_from(const char *variable, uint64_t otherwise)
{
    const char *value = getenv(variable);
    return value ? strtoull(value, NULL, 10) : otherwise;
}

static void a_history_may_be_cut_anywhere(void **state)
{
    (void)state;
    uint64_t first = number_from("PROVD_TEST_SEED", 1);
    uint64_t count = getenv("PROVD_TEST_SEED") ? 1 : number_from("PROVD_TEST_HISTORIES", HISTORIES);
    for (uint64_t seed = first; seed < first + count; seed++)
        play_seed(seed);
}

/* The histories are worth something only if they reach all that can become of an event. */
static void the_histories_reach_every_status_and_most_codes(void **state)
{
    (void)state;
    static const char *const wanted[] = {
        "APPLIED",
        "NO_CHANGE",
        "DUPLICATE",
        "PLANNED",
        "EXPIRED",
        "REJECTED INVALID_FIELD",
        "REJECTED ID_REUSED",
        "REJECTED NO_SUCH_DOMAIN",
        "REJECTED NO_SUCH_ACCOUNT",
        "REJECTED ALREADY_EXISTS",
        "REJECTED VERSION_MISMATCH",
        "REJECTED ADDRESS_RESERVED",
        "REJECTED CATCHALL_IN_USE",
        "REJECTED LIMIT_EXCEEDED",
        "REJECTED DOMAIN_NOT_EMPTY",
        "REJECTED FORBIDDEN",
        "REJECTED AUTH_FAILED",
        "REJECTED CONTEXT_NOT_EMPTY",
        "REJECTED NO_SUCH_CONTEXT",
        "REJECTED NO_SUCH_GROUP",
        "REJECTED NO_SUCH_USER",
        "REJECTED INVALID_QUOTA",
    };
    bool reached[COUNT_OF(wanted)] = {false};
    static struct run run;
    for (uint64_t seed = 1; seed < 300; seed++) {
        char *texts[EVENTS_MAX];
        struct arena arena;
        arena_init(&arena, 16 << 20, 0);
        size_t count = history_write(seed, texts, EVENTS_MAX, &arena);
        run_history(&run, texts, count, 7, seed);
        for (size_t i = 0; i < count; i++) {
            for (size_t w = 0; w < COUNT_OF(wanted); w++)
                reached[w] |= text_starts_with(run.outcomes[i], wanted[w]);
        }
        world_close(&run.world);
        arena_close(&arena);
    }
    for (size_t w = 0; w < COUNT_OF(wanted); w++) {
        if (!reached[w])
            fail_msg("no history reaches %s", wanted[w]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_history_may_be_cut_anywhere),
        cmocka_unit_test(the_histories_reach_every_status_and_most_codes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
