#include "wire/schemas_absent.h"

enum {
    GENERATION_MAX = 16384, /* more than a batch has records, or asking would never end */
    GENERATION_BYTES_MAX = 8 << 20,
    LOOKUPS_MAX = 500,
    LOOKUPS_PER_SECOND = 200,
    US_PER_SECOND = 1000000,
};

static void generation_begin(struct absentees *absentees, int generation)
{
    arena_reset(&absentees->arenas[generation]);
    map_init(&absentees->maps[generation], &absentees->arenas[generation], 0);
}

void absentees_init(struct absentees *absentees)
{
    absentees->young = 0;
    for (int generation = 0; generation < 2; generation++) {
        arena_init(&absentees->arenas[generation], GENERATION_BYTES_MAX, 0);
        generation_begin(absentees, generation);
    }
}

void absentees_close(struct absentees *absentees)
{
    arena_close(&absentees->arenas[0]);
    arena_close(&absentees->arenas[1]);
}

struct absentee *absentees_find(const struct absentees *absentees, struct text key)
{
    struct absentee *absentee = map_get(&absentees->maps[absentees->young], key);

    return absentee != NULL ? absentee : map_get(&absentees->maps[!absentees->young], key);
}

struct absentee *absentees_note(struct absentees *absentees, struct text key)
{
    struct absentee *absentee = absentees_find(absentees, key);
    struct arena *arena;

    if (absentee != NULL)
        return absentee;
    if (absentees->maps[absentees->young].count == GENERATION_MAX) {
        absentees->young = !absentees->young;
        generation_begin(absentees, absentees->young);
    }
    arena = &absentees->arenas[absentees->young];
    absentee = ARENA_NEW(arena, struct absentee);
    map_put(&absentees->maps[absentees->young], text_copy(arena, key), absentee);
    return absentee;
}

bool lookups_take(struct lookups *lookups, int64_t now_us)
{
    int64_t more = (now_us - lookups->filled_us) * LOOKUPS_PER_SECOND / US_PER_SECOND;

    if (more >= LOOKUPS_MAX - lookups->left) {
        lookups->left = LOOKUPS_MAX;
        lookups->filled_us = now_us;
    } else if (more > 0) {
        lookups->left += more;
        lookups->filled_us += more * US_PER_SECOND / LOOKUPS_PER_SECOND;
    }
    if (lookups->left == 0)
        return false;
    lookups->left--;
    return true;
}
