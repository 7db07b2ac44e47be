#include "batch_breaker.h"

#include <string.h>

#include "base/arena.h"
#include "batch.h"

static void keep(struct breaker *breaker)
{
    gauge_set(&breaker->counters->breaker_seen, breaker->seen);
    gauge_set(&breaker->counters->breaker_dead, breaker->dead);
}

/* The order of what was seen is lost: the dead ones count as the newest. */
void breaker_init(struct breaker *breaker, int64_t window, struct arena *arena,
                  struct counters *counters)
{
    int64_t seen = gauge_get(&counters->breaker_seen);
    int64_t dead = gauge_get(&counters->breaker_dead);
    *breaker = (struct breaker){.window = window, .counters = counters};
    breaker->was_dead = ARENA_ARRAY(arena, uint8_t, (size_t)window);
    memset(breaker->was_dead, 0, (size_t)window);
    breaker->seen = seen < window ? seen : window;
    breaker->dead = dead < breaker->seen ? dead : breaker->seen;
    breaker->next = breaker->seen % window;
    memset(breaker->was_dead + breaker->seen - breaker->dead, 1, (size_t)breaker->dead);
}

bool breaker_count(struct breaker *breaker, bool is_dead)
{
    breaker->dead += (int64_t)is_dead - breaker->was_dead[breaker->next];
    breaker->was_dead[breaker->next] = is_dead;
    breaker->next = (breaker->next + 1) % breaker->window;
    if (breaker->seen < breaker->window)
        breaker->seen++;
    keep(breaker);
    return is_dead && breaker->dead >= breaker->dead_min &&
           breaker->dead * 100 > breaker->seen * breaker->share_percent;
}

enum status breaker_error(const struct breaker *breaker, struct error *err)
{
    counter_add(&breaker->counters->breaker_open, 1);
    return error_set(
        err, STATUS_FATAL, "BREAKER",
        "%lld of the last %lld records cannot be read or stored: stopped before more of them "
        "become dead letters; look at them with provctl events decode, repair the sender, the "
        "schema or the database, or raise breaker.share",
        (long long)breaker->dead, (long long)breaker->seen);
}

/* Records that are put back come again: each is judged once. One that is read again is a dead
 * letter already, or never was one. */
enum status breaker_judge(struct breaker *breaker, const struct batch *batch, struct error *err)
{
    bool is_open = false;
    for (size_t i = 0; i < batch->count; i++) {
        const struct record *record = &batch->records[i];
        if (record->is_reread || record->offset < record->partition->judged_upto)
            continue;
        record->partition->judged_upto = record->offset + 1;
        if (batch->deaths[i])
            is_open = breaker_count(breaker, true) || is_open;
    }
    return is_open ? breaker_error(breaker, err) : STATUS_OK;
}

void breaker_take_applied(struct breaker *breaker, const struct batch *batch)
{
    for (size_t i = 0; i < batch->count; i++) {
        if (!batch->records[i].is_reread && !batch->deaths[i])
            breaker_count(breaker, false);
    }
}
