#include "harness.h"

/* --- rows ---------------------------------------------------------------------------------------
 */

/* "a=1 b=2" names the columns a and b. */
static struct text names_of(const char *values, struct arena *arena)
{
    struct text names = TEXT_NULL;
    char *list = text_to_z(arena, text_from(values)), *next = NULL;
    for (char *pair = strtok_r(list, " ", &next); pair; pair = strtok_r(NULL, " ", &next)) {
        char *equals = strchr(pair, '=');
        if (equals)
            *equals = '\0';
        if (equals)
            names = text_format(arena, "%.*s %s", TEXT_ARG(names), pair);
    }
    return names;
}

static void expect_row(struct world *world, const struct step *step, size_t at)
{
    struct text names = names_of(step->becomes, &world->arena);
    struct text row =
        world_row_text(world, step->row, text_to_z(&world->arena, names), &world->arena);
    if (!text_equal_z(row, step->becomes))
        fail_msg("step %zu: %s is\n    %.*s\n  and not\n    %s", at, step->row, TEXT_ARG(row),
                 step->becomes);
}

/* --- outcomes -----------------------------------------------------------------------------------
 */

static void expect_outcome(struct world *world, const struct step *step, size_t at,
                           const struct outcome *outcome)
{
    struct text line = world_outcome_line(outcome, &world->arena);
    struct text whole = world_outcome_text(outcome, &world->arena);
    size_t len = strlen(step->becomes);
    bool begins =
        text_starts_with(line, step->becomes) && (line.len == len || line.data[len] == ' ');
    if (!begins)
        fail_msg("step %zu: %s\n  becomes %.*s\n  and not %s", at, step->event, TEXT_ARG(whole),
                 step->becomes);
    if (step->says && !strstr(text_to_z(&world->arena, whole), step->says))
        fail_msg("step %zu: %s\n  becomes %.*s\n  which does not say %s", at, step->event,
                 TEXT_ARG(whole), step->says);
}

/* Applies the events up to the next row that is looked at, or the next `max`. Returns how many. */
static size_t play_batch(struct world *world, const struct step *steps, size_t count, size_t from,
                         size_t max)
{
    struct event **events = ARENA_ARRAY(&world->arena, struct event *, count);
    size_t n = 0;
    while (n < max && from + n < count && steps[from + n].event) {
        events[n] = event_from_text(steps[from + n].event, (int64_t)(from + n), &world->arena);
        n++;
    }
    struct outcome *outcomes = world_apply(world, events, n);
    for (size_t i = 0; i < n; i++)
        expect_outcome(world, &steps[from + i], from + i, &outcomes[i]);
    return n;
}

static void play(const struct step *steps, size_t count, story_prelude *prelude, size_t batch_max)
{
    struct world world;
    world_init(&world);
    if (prelude)
        prelude(&world);
    for (size_t i = 0; i < count;) {
        if (steps[i].row)
            expect_row(&world, &steps[i], i), i++;
        else
            i += play_batch(&world, steps, count, i, batch_max);
    }
    world_close(&world);
}

void story_play(const struct step *steps, size_t count, story_prelude *prelude)
{
    play(steps, count, prelude, count);
    play(steps, count, prelude, 1);
}

/* --- expected files -----------------------------------------------------------------------------
 */

static char *read_file(const char *path)
{
    static char content[256 * 1024];
    FILE *file = fopen(path, "r");
    size_t len = file ? fread(content, 1, sizeof content - 1, file) : 0;
    if (file)
        fclose(file);
    content[len] = '\0';
    return content;
}

void expect_file(const char *name, struct text text)
{
    char path[512];
    snprintf(path, sizeof path, "%s/tests/rules/expected/%s", TEST_SOURCE_DIR, name);
    if (getenv("PROVD_TEST_WRITE_EXPECTED")) {
        FILE *file = fopen(path, "w");
        assert_non_null(file);
        assert_int_equal(fwrite(text.data, 1, text.len, file), text.len);
        assert_int_equal(fclose(file), 0);
    }
    const char *expected = read_file(path);
    if (!text_equal_z(text, expected))
        fail_msg("%s differs; when that is meant: PROVD_TEST_WRITE_EXPECTED=1 and look at the "
                 "diff. It is now:\n%.*s",
                 path, TEXT_ARG(text));
}
