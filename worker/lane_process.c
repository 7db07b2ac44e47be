#include "lane_process.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "config.h"
#include "lane.h"
#include "process.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    BACKOFF_MS = 1000,
    BACKOFF_MS_MAX = 60 * 1000,
    HEALTHY_MS = 60 * 1000,
    /* A lane that is asked to stop and cannot, and has no parent any more to kill it, ends itself
     * this long after shutdown.timeout. */
    ORPHAN_GRACE_S = 5,
    /* Each of the waits below can be met twice in a batch: once by itself, once when a connection
     * is made anew behind it. */
    WAITS_PER_BATCH = 2,
};

/* The silence must be longer than any batch that the settings allow, or a slow database would have
 * its lanes killed again and again. */
struct lane_patience lane_patience_of(const struct config *config)
{
    int64_t batch_ms = config->database.connect_timeout_ms + config->database.statement_timeout_ms +
                       config->database.commit_timeout_ms + config->kafka.request_timeout_ms +
                       config->kafka.transaction_timeout_ms + config->registry.timeout_ms +
                       config->hashing.deadline_ms + config->batch.wait_ms_max;
    return (struct lane_patience){.backoff_ms = BACKOFF_MS,
                                  .backoff_ms_max = BACKOFF_MS_MAX,
                                  .healthy_ms = HEALTHY_MS,
                                  .silence_ms = WAITS_PER_BATCH * batch_ms};
}

void lane_process_init(struct lane_process *lane, int index, struct counters *page)
{
    *lane = (struct lane_process){.index = index, .page = page, .exit_code = 0};
    snprintf(lane->name, sizeof(lane->name), "lane-%d", index);
}

/* --- the child ------------------------------------------------------------------------------- */

static unsigned stop_within_s;

static void handle_stop(int signal_number)
{
    (void)signal_number;
    alarm(stop_within_s);
    lane_stop();
}

static void handle_reload(int signal_number)
{
    (void)signal_number;
    lane_reload();
}

/* Ctrl-C reaches all processes of a terminal; the parent decides what it means. */
static void take_signals(const struct config *config)
{
    stop_within_s = (unsigned)(config->shutdown_timeout_ms / 1000) + ORPHAN_GRACE_S;
    struct sigaction stop = {.sa_handler = handle_stop, .sa_flags = SA_RESTART};
    struct sigaction reload = {.sa_handler = handle_reload, .sa_flags = SA_RESTART};
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    sigaction(SIGTERM, &stop, NULL);
    sigaction(SIGHUP, &reload, NULL);
    sigaction(SIGINT, &ignore, NULL);
    sigaction(SIGPIPE, &ignore, NULL);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

static int be_lane(const struct lane_process *lane, struct config *config, pid_t parent)
{
    char title[LANE_NAME_BYTES + 8];
    snprintf(title, sizeof(title), "provd-%s", lane->name);
    process_set_name(title);
    log_set_process(lane->name);
    process_close_inherited();
    process_offer_to_oom_killer();
    process_share_heaps();
    take_signals(config);
    if (!process_follow_parent(parent))
        return LANE_EXIT_TEMPORARY;
    return lane_run(config, lane->index, lane->page);
}

/* --- the parent ------------------------------------------------------------------------------ */

/* What the former process left in its page and is true no more. */
static void clear_state(struct counters *page)
{
    for (int i = 0; i < COUNTERS_PARTITIONS_MAX; i++)
        gauge_set(&page->partitions[i].state, PARTITION_NONE);
    gauge_set(&page->assigned_partitions, 0);
    gauge_set(&page->pid, 0);
}

int64_t lane_backoff_ms(int deaths, const struct lane_patience *patience)
{
    int64_t backoff_ms = patience->backoff_ms;
    if (deaths <= 1)
        return 0;
    for (int i = 2; i < deaths && backoff_ms < patience->backoff_ms_max; i++)
        backoff_ms *= 2;
    return backoff_ms < patience->backoff_ms_max ? backoff_ms : patience->backoff_ms_max;
}

/* Counts the death and returns the pause before the next start. */
static int64_t count_death(struct lane_process *lane, const struct lane_patience *patience)
{
    int64_t lived_us = clock_monotonic_us() - lane->started_us;
    lane->deaths = lived_us >= patience->healthy_ms * 1000 ? 1 : lane->deaths + 1;
    int64_t pause_ms = lane->exit_code == LANE_EXIT_FATAL || lane->exit_code == LANE_EXIT_CONFIG
                           ? patience->backoff_ms_max
                           : lane_backoff_ms(lane->deaths, patience);
    lane->start_at_us = deadline_in_ms(pause_ms);
    return pause_ms;
}

/* A lane that stopped by itself has said why; for one that was killed we say it. */
static void say_death(struct counters *page, const char *how, bool has_said_why)
{
    gauge_set(&page->state, LANE_FAILED);
    if (!has_said_why || page->waiting_for[0] == '\0')
        snprintf(page->waiting_for, sizeof(page->waiting_for),
                 "it died (%s) and is started again; the log has its last lines", how);
}

void lane_process_start(struct lane_process *lane, struct config *config,
                        const struct lane_patience *patience)
{
    pid_t parent = getpid();
    lane->started_us = clock_monotonic_us();
    lane->page->waiting_for[0] = '\0';
    gauge_set(&lane->page->progress_us, lane->started_us);
    gauge_set(&lane->page->started_at_us, clock_now_us());
    gauge_set(&lane->page->state, LANE_STARTING);
    fflush(NULL); /* or the child would print our buffers again */
    pid_t pid = fork();
    if (pid == 0)
        exit(be_lane(lane, config, parent)); /* the end of the lane's own main() */
    if (pid < 0) {
        lane->exit_code = -1;
        say_death(lane->page, strerror(errno), false);
        int64_t pause_ms = count_death(lane, patience);
        log_event(LOG_ERROR, "lane cannot be forked: raise the limit of processes or add memory",
                  LOG_INT("lane", lane->index), LOG_Z("error", strerror(errno)),
                  LOG_INT("again_in_ms", pause_ms));
        return;
    }
    lane->pid = pid;
    gauge_set(&lane->page->pid, pid);
    log_event(LOG_INFO, "lane started", LOG_INT("lane", lane->index), LOG_INT("lane_pid", pid),
              LOG_INT("deaths_in_a_row", lane->deaths));
}

static void describe_end(int wait_status, char *ret_how, size_t how_bytes)
{
    if (WIFSIGNALED(wait_status))
        snprintf(ret_how, how_bytes, "signal %d, %s", WTERMSIG(wait_status),
                 sigdescr_np(WTERMSIG(wait_status)));
    else
        snprintf(ret_how, how_bytes, "exit code %d", WEXITSTATUS(wait_status));
}

void lane_process_ended(struct lane_process *lane, int wait_status, bool was_wanted,
                        const struct lane_patience *patience)
{
    char how[64];
    pid_t pid = lane->pid;
    describe_end(wait_status, how, sizeof(how));
    clear_state(lane->page);
    lane->pid = 0;
    lane->was_up = true;
    lane->exit_code = WIFEXITED(wait_status) ? WEXITSTATUS(wait_status) : -1;
    if (was_wanted) {
        gauge_set(&lane->page->state, LANE_STOPPING);
        log_event(LOG_INFO, "lane stopped", LOG_INT("lane", lane->index), LOG_INT("lane_pid", pid),
                  LOG_Z("how", how));
        return;
    }
    say_death(lane->page, how, lane->exit_code > 0);
    gauge_set(&lane->page->restarts, gauge_get(&lane->page->restarts) + 1);
    int64_t pause_ms = count_death(lane, patience);
    log_event(LOG_WARNING, "lane died", LOG_INT("lane", lane->index), LOG_INT("lane_pid", pid),
              LOG_Z("how", how), LOG_INT("again_in_ms", pause_ms));
}

void lane_process_watch(const struct lane_process *lane, int64_t watched_since_us,
                        const struct lane_patience *patience)
{
    if (lane->pid == 0 || gauge_get(&lane->page->state) == LANE_WAITING)
        return;
    int64_t since_us = gauge_get(&lane->page->progress_us);
    if (since_us < lane->started_us)
        since_us = lane->started_us;
    if (since_us < watched_since_us)
        since_us = watched_since_us;
    int64_t silent_us = clock_monotonic_us() - since_us;
    if (silent_us < patience->silence_ms * 1000)
        return;
    log_event(LOG_ERROR, "lane hangs and is killed", LOG_INT("lane", lane->index),
              LOG_INT("lane_pid", lane->pid), LOG_SECONDS("silent_seconds", silent_us));
    lane_process_signal(lane, SIGKILL);
}

void lane_process_signal(const struct lane_process *lane, int signal_number)
{
    if (lane->pid > 0)
        kill(lane->pid, signal_number);
}
