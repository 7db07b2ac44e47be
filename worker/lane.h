/* A lane: one consumer, two transactional producers in turn, one database connection, and the loop
 *
 *     consume > decode > prepare > apply > publish
 *
 * run in one process of its own. The parent (supervisor.h) forks it before any handle of a foreign
 * library exists, restarts it with back-off, and serves its counters. */
#ifndef PROVD_LANE_H
#define PROVD_LANE_H

#include "base/counters.h"
#include "base/status.h"

struct config;

/* Exit codes of a lane process besides sysexits: 0 stopped as asked. */
enum {
    LANE_EXIT_STOPPED = 0,
    LANE_EXIT_FATAL = 70,     /* needs a person: the supervisor backs off long */
    LANE_EXIT_TEMPORARY = 75, /* the world is away */
    LANE_EXIT_CONFIG = 78,
};

/* Runs until a stop is asked for (lane_stop) or a fatal error. Returns an exit code. `counters` is
 * the lane's page. */
int lane_run(struct config *config, int lane_index, struct counters *counters);

/* Async-signal-safe: the lane finishes its batch and returns within shutdown.timeout. */
void lane_stop(void);
/* Async-signal-safe: reload what can be reloaded, before the next batch. */
void lane_reload(void);

#endif
