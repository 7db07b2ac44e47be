/* The parent of the lanes: forks them, restarts them, kills those that hang, passes on signals,
 * serves their counters over HTTP, and tells the service manager how it goes.
 *
 * It has one thread and no handle of Kafka or PostgreSQL, so that a lane can be forked at any time.
 *
 *   SIGTERM, SIGINT   lanes finish their batch within shutdown.timeout, then they are killed; a
 *                     second SIGINT kills at once
 *   SIGHUP            reads the settings again and has the lanes do the same
 *
 * Nothing of the work depends on it: kill -9 of the parent makes the lanes finish their batch and
 * end, and what it would have restarted is restarted by whoever restarts it. */
#ifndef PROVD_SUPERVISOR_H
#define PROVD_SUPERVISOR_H

#include "base/status.h"
#include "lane_process.h"

struct config;

struct supervisor;

/* Takes the HTTP address and the memory of the counters; starts nothing. From here on the signals
 * above are blocked and wait for supervisor_run. FATAL with what is wrong. `config` must outlive
 * it, and is changed by a reload. */
enum status supervisor_open(struct supervisor **ret_supervisor, struct config *config,
                            const struct lane_patience *patience, struct error *err);

/* Runs until it is told to stop and all lanes have ended. Returns an exit code: 0, or 78 when a
 * lane refused the configuration before any of them ran. */
int supervisor_run(struct supervisor *supervisor);

/* NULL is fine. The signals stay blocked: who asks twice for the end must not change the exit code
 * of a process that has stopped in order. */
void supervisor_close(struct supervisor *supervisor);

#endif
