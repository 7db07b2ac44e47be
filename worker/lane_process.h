/* A lane as its parent sees it: a process that is started, watched, and started again.
 *
 * A lane that dies is started again at once the first time, then after 1 s, 2 s, 4 s .. 60 s until
 * it has lived for a minute. One that asked for a person (LANE_EXIT_FATAL) waits the full 60 s. A
 * lane that stands still without saying that it waits is killed, which makes it one that died. */
#ifndef PROVD_LANE_PROCESS_H
#define PROVD_LANE_PROCESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/counters.h"

struct config;

/* Patience with lanes. Defaults by lane_patience_of; tests have less. */
struct lane_patience {
    int64_t backoff_ms, backoff_ms_max;
    int64_t healthy_ms; /* a life this long makes the next death a first one */
    int64_t silence_ms; /* without a turn of the loop, but while WAITING: then it is killed */
};
struct lane_patience lane_patience_of(const struct config *config);

enum { LANE_NAME_BYTES = 16 };

struct lane_process {
    int index;
    char name[LANE_NAME_BYTES]; /* "lane-0", in its log lines; kept by the log */
    struct counters *page;      /* shared with the process */
    pid_t pid;                  /* 0: none runs */
    int64_t started_us;         /* monotonic, of the last start */
    int64_t start_at_us;        /* monotonic, when none runs: the next start */
    int deaths;                 /* in a row */
    bool was_up;                /* it has once left LANE_STARTING, or died */
    int exit_code;              /* of the last life; -1: killed by a signal */
};

/* `page` is shared memory, zeroed. Nothing is started. */
void lane_process_init(struct lane_process *lane, int index, struct counters *page);

/* Forks; never returns in the child, which runs lane_run and exits with its code. The caller has
 * all signals that it handles blocked. A fork that fails counts as a death. */
void lane_process_start(struct lane_process *lane, struct config *config,
                        const struct lane_patience *patience);

/* Takes note of its death, `wait_status` as from waitpid(), and sets the time of its next start. */
void lane_process_ended(struct lane_process *lane, int wait_status, bool was_wanted,
                        const struct lane_patience *patience);

/* Kills the lane with -9 when it stood still since `watched_since_us` or longer. */
void lane_process_watch(const struct lane_process *lane, int64_t watched_since_us,
                        const struct lane_patience *patience);

/* Sends it, when a process runs. */
void lane_process_signal(const struct lane_process *lane, int signal_number);

/* The pause before the start after that many deaths in a row (from 1): 0, then doubling. */
int64_t lane_backoff_ms(int deaths, const struct lane_patience *patience);

#endif
