/* The circuit breaker of a lane: stops it before a topic is drained into the dead letters after a
 * bad deployment (rulings.md, 24). Looks at the last records, each counted once: a dead letter as
 * soon as it is one, anything else when it is applied. */
#ifndef PROVD_BATCH_BREAKER_H
#define PROVD_BATCH_BREAKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/counters.h"
#include "base/status.h"

struct arena;
struct batch;

struct breaker {
    uint8_t *was_dead; /* ring of `window` */
    int64_t window, next, seen, dead;
    int64_t dead_min, share_percent;
    struct counters *counters; /* where `seen` and `dead` outlive the process */
};

/* Goes on with what a former process of the lane had seen: its restart is no reason to let through
 * as many dead letters again. */
void breaker_init(struct breaker *breaker, int64_t window, struct arena *arena,
                  struct counters *counters);
/* Counts a record; true when the breaker opens: this one is dead, as more than the set share of the
 * last records are. */
bool breaker_count(struct breaker *breaker, bool is_dead);
/* FATAL, with what to do. */
enum status breaker_error(const struct breaker *breaker, struct error *err);

/* Counts what decoding has buried, before any of it is applied. FATAL when the breaker opens. */
enum status breaker_judge(struct breaker *breaker, const struct batch *batch, struct error *err);
/* Counts what was applied. */
void breaker_take_applied(struct breaker *breaker, const struct batch *batch);

#endif
