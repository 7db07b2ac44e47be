#include "supervisor.h"

#include "base/clock.h"
#include "base/log.h"
#include "config.h"
#include "endpoints.h"
#include "lane.h"
#include "version.h"
#include "wire/http_server.h"
#include "wire/systemd.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

enum {
    TICK_MS = 500, /* the longest sleep: how late a hanging lane or a dead line is noticed */
    /* A turn this late means that we ourselves stood still (a stopped or swapped-out machine):
     * then the lanes' silence says nothing about them. */
    LATE_US = 2 * 1000 * 1000,
    /* The lanes know shutdown.timeout themselves and give up the batch; this is for what follows.
     */
    STOP_GRACE_MS = 2000,
    PINGS_PER_WATCHDOG = 3,
    STATUS_EVERY_US = 1000 * 1000,
    STATUS_BYTES_MAX = 64 * 1024, /* of reasons; the first line of them is shown */
};

struct supervisor {
    struct config *config;
    struct lane_patience patience;
    struct lane_process *lanes;
    struct counters *pages; /* one per lane, shared with it */
    int lane_count;
    struct endpoints endpoints;
    struct http_server *http; /* NULL: http.port is 0 */
    int signal_fd;
    bool is_stopping;
    bool is_up;                 /* the service manager was told that start-up is done */
    int64_t stop_deadline_us;   /* then lanes are killed */
    int64_t turned_us;          /* monotonic, of the last turn of the loop */
    int64_t watched_since_us;   /* since when the lanes' silence counts */
    int64_t pinged_us, said_us; /* the last sign of life, the last status line */
    int64_t watchdog_us;        /* what the service manager bears; 0: it does not watch */
    int exit_code;
};

/* --- opening and closing --------------------------------------------------------------------- */

static size_t pages_bytes(const struct supervisor *s)
{
    return (size_t)s->lane_count * sizeof(struct counters);
}

static enum status open_pages(struct supervisor *s, struct error *err)
{
    s->lanes = calloc((size_t)s->lane_count, sizeof(*s->lanes));
    void *pages =
        mmap(NULL, pages_bytes(s), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (s->lanes == NULL || pages == MAP_FAILED)
        return error_set(err, STATUS_FATAL, "MEMORY", "counters of %d lanes: %s", s->lane_count,
                         strerror(errno));
    s->pages = pages;
    for (int i = 0; i < s->lane_count; i++)
        lane_process_init(&s->lanes[i], i, &s->pages[i]);
    return STATUS_OK;
}

static enum status open_signals(struct supervisor *s, struct error *err)
{
    sigset_t handled;
    sigemptyset(&handled);
    sigaddset(&handled, SIGTERM);
    sigaddset(&handled, SIGINT);
    sigaddset(&handled, SIGHUP);
    sigaddset(&handled, SIGCHLD);
    sigaddset(&handled, SIGPIPE); /* blocked for good: a closed connection is an error code */
    sigprocmask(SIG_BLOCK, &handled, NULL);
    s->signal_fd = signalfd(-1, &handled, SFD_CLOEXEC | SFD_NONBLOCK);
    if (s->signal_fd < 0)
        return error_set(err, STATUS_FATAL, "SIGNALS", "signalfd: %s", strerror(errno));
    return STATUS_OK;
}

static enum status open_http(struct supervisor *s, struct error *err)
{
    s->endpoints = (struct endpoints){
        .lanes = s->pages, .lane_count = s->lane_count, .topic = s->config->kafka.topic_events};
    if (s->config->http.port == 0)
        return STATUS_OK;
    struct http_options options = {.address = s->config->http.address,
                                   .port = (int)s->config->http.port,
                                   .handler = endpoints_answer,
                                   .context = &s->endpoints};
    return http_server_open(&s->http, &options, err);
}

enum status supervisor_open(struct supervisor **ret_supervisor, struct config *config,
                            const struct lane_patience *patience, struct error *err)
{
    struct supervisor *s = calloc(1, sizeof(*s));
    if (s == NULL)
        return error_set(err, STATUS_FATAL, "MEMORY", "out of memory");
    s->config = config;
    s->patience = *patience;
    s->lane_count = (int)config->lanes;
    s->signal_fd = -1;
    enum status status = open_pages(s, err);
    if (status == STATUS_OK)
        status = open_signals(s, err);
    if (status == STATUS_OK)
        status = open_http(s, err);
    if (status != STATUS_OK) {
        supervisor_close(s);
        return status;
    }
    *ret_supervisor = s;
    return STATUS_OK;
}

void supervisor_close(struct supervisor *s)
{
    if (s == NULL)
        return;
    http_server_close(s->http);
    if (s->signal_fd >= 0)
        close(s->signal_fd);
    if (s->pages != NULL)
        munmap(s->pages, pages_bytes(s));
    free(s->lanes);
    free(s);
}

/* --- stopping -------------------------------------------------------------------------------- */

static void signal_lanes(const struct supervisor *s, int signal_number)
{
    for (int i = 0; i < s->lane_count; i++)
        lane_process_signal(&s->lanes[i], signal_number);
}

static void stop(struct supervisor *s, const char *why)
{
    int64_t within_ms = s->config->shutdown_timeout_ms + STOP_GRACE_MS;
    log_event(LOG_INFO, "stopping", LOG_Z("why", why), LOG_INT("within_ms", within_ms));
    systemd_stopping(within_ms * 1000);
    s->is_stopping = true;
    s->endpoints.is_stopping = true;
    s->stop_deadline_us = deadline_in_ms(within_ms);
    signal_lanes(s, SIGTERM);
}

static void kill_the_late(struct supervisor *s)
{
    if (!s->is_stopping || !deadline_passed(s->stop_deadline_us))
        return;
    for (int i = 0; i < s->lane_count; i++) {
        if (s->lanes[i].pid != 0)
            log_event(LOG_WARNING, "lane did not stop in time and is killed", LOG_INT("lane", i),
                      LOG_INT("lane_pid", s->lanes[i].pid));
    }
    signal_lanes(s, SIGKILL);
    s->stop_deadline_us = INT64_MAX;
}

static bool is_done(const struct supervisor *s)
{
    for (int i = 0; i < s->lane_count; i++) {
        if (s->lanes[i].pid != 0)
            return false;
    }
    return s->is_stopping;
}

/* --- signals --------------------------------------------------------------------------------- */

static void log_paths(const char *message, enum log_level level, const char *const *paths,
                      size_t count)
{
    for (size_t i = 0; i < count; i++)
        log_event(level, message, LOG_Z("setting", paths[i]));
}

/* Whoever changed the settings may have removed what a lane failed of. */
static void start_pausing_lanes(struct supervisor *s)
{
    for (int i = 0; i < s->lane_count; i++)
        s->lanes[i].start_at_us = 0;
}

static void reload(struct supervisor *s)
{
    struct config_reloaded reloaded;
    struct error err;
    systemd_reloading();
    if (config_reload(s->config, &reloaded, &err) != STATUS_OK) {
        log_event(LOG_ERROR, "settings not reloaded: all stay as they were",
                  LOG_Z("error", err.message));
    } else {
        log_configure((enum log_level)s->config->log_level, (enum log_format)s->config->log_format);
        log_paths("setting changed", LOG_INFO, reloaded.changed, reloaded.changed_count);
        log_paths("setting needs a restart", LOG_WARNING, reloaded.needs_restart,
                  reloaded.needs_restart_count);
        log_event(LOG_INFO, "settings reloaded", LOG_INT("changed", reloaded.changed_count),
                  LOG_INT("needs_restart", reloaded.needs_restart_count));
        signal_lanes(s, SIGHUP);
        start_pausing_lanes(s);
    }
    if (s->is_up)
        systemd_ready();
}

static void take_signal(struct supervisor *s, int signal_number)
{
    switch (signal_number) {
    case SIGHUP:
        if (!s->is_stopping)
            reload(s);
        break;
    case SIGINT:
    case SIGTERM:
        if (!s->is_stopping)
            stop(s, signal_number == SIGINT ? "SIGINT" : "SIGTERM");
        else if (signal_number == SIGINT)
            s->stop_deadline_us = 0;
        break;
    default: /* SIGCHLD: lanes are looked at in each turn; SIGPIPE means nothing */
        break;
    }
}

static void take_signals(struct supervisor *s)
{
    struct signalfd_siginfo taken;
    while (read(s->signal_fd, &taken, sizeof(taken)) == (ssize_t)sizeof(taken))
        take_signal(s, (int)taken.ssi_signo);
}

/* --- lanes ----------------------------------------------------------------------------------- */

static bool nobody_was_up(const struct supervisor *s)
{
    for (int i = 0; i < s->lane_count; i++) {
        if (s->lanes[i].was_up)
            return false;
    }
    return true;
}

/* A configuration that lanes refuse from the start (another schema version, say) is shown by
 * ending: trying again every minute would hide it. Once one ran, a change of the world may be
 * undone. */
static void take_end(struct supervisor *s, struct lane_process *lane, int wait_status)
{
    bool is_first_word = nobody_was_up(s);
    lane_process_ended(lane, wait_status, s->is_stopping, &s->patience);
    if (lane->exit_code == LANE_EXIT_CONFIG && is_first_word && !s->is_stopping) {
        s->exit_code = EX_CONFIG;
        stop(s, "a lane refused the configuration");
    }
}

static void reap_lanes(struct supervisor *s)
{
    int wait_status;
    for (int i = 0; i < s->lane_count; i++) {
        struct lane_process *lane = &s->lanes[i];
        if (lane->pid != 0 && waitpid(lane->pid, &wait_status, WNOHANG) == lane->pid)
            take_end(s, lane, wait_status);
    }
}

static void start_due_lanes(struct supervisor *s)
{
    for (int i = 0; i < s->lane_count && !s->is_stopping; i++) {
        struct lane_process *lane = &s->lanes[i];
        if (lane->pid == 0 && deadline_passed(lane->start_at_us))
            lane_process_start(lane, s->config, &s->patience);
    }
}

static void watch_lanes(struct supervisor *s)
{
    int64_t now_us = clock_monotonic_us();
    if (now_us - s->turned_us > LATE_US)
        s->watched_since_us = now_us;
    s->turned_us = now_us;
    for (int i = 0; i < s->lane_count; i++) {
        struct lane_process *lane = &s->lanes[i];
        if (gauge_get(&lane->page->state) != LANE_STARTING && lane->pid != 0)
            lane->was_up = true;
        if (!s->is_stopping)
            lane_process_watch(lane, s->watched_since_us, &s->patience);
    }
}

/* --- service manager ------------------------------------------------------------------------- */

static bool all_were_up(const struct supervisor *s)
{
    for (int i = 0; i < s->lane_count; i++) {
        if (!s->lanes[i].was_up)
            return false;
    }
    return true;
}

/* What `systemctl status` shows: the first line of /readyz. */
static void say_status(struct supervisor *s)
{
    struct buffer lines;
    buffer_init(&lines, STATUS_BYTES_MAX);
    if (endpoints_readiness(&s->endpoints, &lines))
        buffer_printf(&lines, "ready: all lanes run");
    struct text first = text_slice(buffer_text(&lines), 0, text_find(buffer_text(&lines), '\n'));
    systemd_status(first);
    buffer_close(&lines);
}

/* Start-up is done when each lane has got so far that it works or says what it waits for; so a
 * configuration that is refused fails `systemctl start`, and a server that is away does not. */
static void tell_manager(struct supervisor *s)
{
    int64_t now_us = clock_monotonic_us();
    if (!s->is_up && !s->is_stopping && all_were_up(s)) {
        s->is_up = true;
        systemd_ready();
    }
    if (s->watchdog_us > 0 && now_us - s->pinged_us >= s->watchdog_us / PINGS_PER_WATCHDOG) {
        s->pinged_us = now_us;
        systemd_ping();
    }
    if (systemd_is_manager() && now_us - s->said_us >= STATUS_EVERY_US) {
        s->said_us = now_us;
        say_status(s);
    }
}

/* --- the loop -------------------------------------------------------------------------------- */

/* Until something comes, or until a lane's start or our own next sign of life is due. */
static int wait_ms(const struct supervisor *s)
{
    int most_ms = TICK_MS;
    for (int i = 0; i < s->lane_count && !s->is_stopping; i++) {
        int left_ms = deadline_left_ms(s->lanes[i].start_at_us);
        if (s->lanes[i].pid == 0 && left_ms < most_ms)
            most_ms = left_ms;
    }
    int64_t ping_ms = s->watchdog_us / PINGS_PER_WATCHDOG / 1000;
    if (s->watchdog_us > 0 && ping_ms < most_ms)
        most_ms = (int)ping_ms;
    return s->http != NULL ? http_server_wait_ms(s->http, most_ms) : most_ms;
}

static void wait_for_something(struct supervisor *s)
{
    struct pollfd fds[] = {
        {.fd = s->signal_fd, .events = POLLIN},
        {.fd = s->http != NULL ? http_server_fd(s->http) : -1, .events = POLLIN},
    };
    poll(fds, sizeof(fds) / sizeof(fds[0]), wait_ms(s));
}

static void log_start(const struct supervisor *s)
{
    log_event(LOG_INFO, "provd started", LOG_Z("version", PROVD_VERSION),
              LOG_Z("commit", provd_commit), LOG_INT("lanes", s->lane_count),
              LOG_Z("http_address", s->http != NULL ? s->config->http.address : "none"),
              LOG_INT("http_port", s->http != NULL ? http_server_port(s->http) : 0));
}

int supervisor_run(struct supervisor *s)
{
    log_start(s);
    s->watchdog_us = systemd_watchdog_us();
    s->turned_us = clock_monotonic_us();
    while (!is_done(s)) {
        start_due_lanes(s);
        wait_for_something(s);
        take_signals(s);
        reap_lanes(s);
        watch_lanes(s);
        kill_the_late(s);
        if (s->http != NULL)
            http_server_turn(s->http);
        tell_manager(s);
    }
    log_event(LOG_INFO, "provd stopped", LOG_INT("exit_code", s->exit_code));
    return s->exit_code;
}
