/* The parent of the lanes, with lanes that do what a test tells them: the lane_run of this file
 * takes the place of the real one. The supervisor runs in a process of its own; what happens in the
 * lanes is seen in shared memory. */
#include "supervisor.h"

#include "base/clock.h"
#include "base/log.h"
#include "config.h"
#include "http_client.h"
#include "lane.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum {
    LANES = 2,
    PATIENCE_MS = 30000,
    SILENCE_MS = 1500, /* longer than a busy machine lets a lane wait that is not hanging */
    PAGE_BYTES = 256 * 1024,
};

/* What a lane does once it is started. */
enum part {
    PART_RUN,    /* until it is stopped */
    PART_START,  /* never gets further than STARTING */
    PART_WAIT,   /* for a server */
    PART_HANG,   /* says RUNNING, and does nothing more */
    PART_DEAF,   /* runs, and does not stop */
    PART_REFUSE, /* the configuration, at once */
    PART_FATAL,  /* at once */
};

static struct script {
    _Atomic int part[LANES];
    _Atomic int starts[LANES];
    _Atomic int stops[LANES], reloads[LANES];
    _Atomic int pid[LANES];
    _Atomic int descriptors[LANES];
    _Atomic int64_t wait_ms_max[LANES]; /* batch.max_wait as the lane sees it */
} * script;

static volatile sig_atomic_t stop_asked, reload_asked;

void lane_stop(void)
{
    stop_asked = 1;
}

void lane_reload(void)
{
    reload_asked = 1;
}

static int count_descriptors(void)
{
    int count = 0;
    DIR *directory = opendir("/proc/self/fd");
    while (directory != NULL && readdir(directory) != NULL)
        count++;
    if (directory != NULL)
        closedir(directory);
    return count - 3; /* ".", ".." and the directory itself */
}

static int end_of(enum part part)
{
    if (part == PART_REFUSE)
        return LANE_EXIT_CONFIG;
    return part == PART_FATAL ? LANE_EXIT_FATAL : -1;
}

int lane_run(struct config *config, int index, struct counters *counters)
{
    enum part part = script->part[index];
    script->descriptors[index] = count_descriptors();
    script->wait_ms_max[index] = config->batch.wait_ms_max;
    script->pid[index] = getpid();
    script->starts[index]++;
    if (end_of(part) >= 0)
        return end_of(part);
    if (part == PART_WAIT)
        snprintf(counters->waiting_for, COUNTERS_REASON_MAX, "postgres: connection refused");
    if (part != PART_START)
        gauge_set(&counters->state, part == PART_WAIT ? LANE_WAITING : LANE_RUNNING);
    while (part == PART_HANG || part == PART_DEAF || !stop_asked) {
        if (part != PART_HANG)
            gauge_set(&counters->progress_us, clock_monotonic_us());
        script->reloads[index] += reload_asked;
        reload_asked = 0;
        clock_sleep_ms(5);
    }
    script->stops[index]++;
    return LANE_EXIT_STOPPED;
}

/* --- the supervisor's process ------------------------------------------------------------------
 */

static struct lane_patience patience;
static char folder[] = "/tmp/provd-test-supervisor-XXXXXX";
static char file[sizeof(folder) + 32];
static pid_t supervisor_pid;
static int port;

static void write_settings(const char *text)
{
    FILE *out = fopen(file, "w");
    assert_non_null(out);
    fputs(text, out);
    fclose(out);
}

static int be_supervisor(void)
{
    char set_port[32];
    struct config *config;
    struct supervisor *supervisor;
    struct error err;
    snprintf(set_port, sizeof(set_port), "http.port=%d", port);
    const char *const sets[] = {set_port,
                                "lanes=2",
                                "shutdown.timeout=1s",
                                "log.level=error",
                                "kafka.brokers=localhost:1",
                                "database.url=postgresql://localhost:1/none",
                                "schemas.directory=schemas"};
    struct config_options options = {
        .file = file, .sets = sets, .set_count = sizeof(sets) / sizeof(sets[0])};
    if (config_load(&config, &options, &err) != STATUS_OK ||
        supervisor_open(&supervisor, config, &patience, &err) != STATUS_OK) {
        fprintf(stderr, "%s\n", err.message);
        return 99;
    }
    log_configure((enum log_level)config->log_level, LOG_FORMAT_TEXT);
    int exit_code = supervisor_run(supervisor);
    supervisor_close(supervisor);
    config_close(config);
    raise(SIGTERM); /* a second one, as late as it can come: must change nothing */
    return exit_code;
}

static void start(void)
{
    fflush(NULL);
    supervisor_pid = fork();
    assert_true(supervisor_pid >= 0);
    if (supervisor_pid == 0)
        exit(be_supervisor());
}

/* Waits for its end and returns how it ended, as from waitpid(). */
static int wait_for_end(pid_t pid)
{
    int wait_status;
    int64_t deadline_us = deadline_in_ms(PATIENCE_MS);
    pid_t ended;
    while ((ended = waitpid(pid, &wait_status, WNOHANG)) == 0) {
        assert_false(deadline_passed(deadline_us));
        clock_sleep_ms(5);
    }
    assert_int_equal(ended, pid);
    return wait_status;
}

static int stop_and_get_exit_code(int signal_number)
{
    pid_t pid = supervisor_pid;
    supervisor_pid = 0;
    kill(pid, signal_number);
    int wait_status = wait_for_end(pid);
    assert_true(WIFEXITED(wait_status));
    return WEXITSTATUS(wait_status);
}

#define WAIT_UNTIL(condition)                                                                      \
    do {                                                                                           \
        int64_t deadline_us_ = deadline_in_ms(PATIENCE_MS);                                        \
        while (!(condition)) {                                                                     \
            if (deadline_passed(deadline_us_))                                                     \
                fail_msg("never: %s", #condition);                                                 \
            clock_sleep_ms(5);                                                                     \
        }                                                                                          \
    } while (0)

static bool has_started(int times)
{
    return script->starts[0] >= times && script->starts[1] >= times;
}

static char page[PAGE_BYTES];

static int get(const char *path)
{
    return http_get(port, path, page, sizeof(page), PATIENCE_MS);
}

static int setup(void **state)
{
    (void)state;
    script = mmap(NULL, sizeof(*script), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    patience = (struct lane_patience){
        .backoff_ms = 10, .backoff_ms_max = 100, .healthy_ms = 60000, .silence_ms = 60000};
    port = http_free_port();
    write_settings("batch:\n  max_wait: 7ms\n");
    unsetenv("NOTIFY_SOCKET");
    unsetenv("WATCHDOG_USEC");
    return script == MAP_FAILED ? -1 : 0;
}

static int teardown(void **state)
{
    (void)state;
    if (supervisor_pid > 0) {
        kill(supervisor_pid, SIGKILL);
        waitpid(supervisor_pid, NULL, 0);
        supervisor_pid = 0;
    }
    for (int i = 0; i < LANES; i++) {
        if (script->pid[i] > 0)
            kill(script->pid[i], SIGKILL);
    }
    munmap(script, sizeof(*script));
    return 0;
}

/* --- stories ------------------------------------------------------------------------------------
 */

static void lanes_run_until_sigterm_and_finish(void **state)
{
    (void)state;
    start();
    WAIT_UNTIL(has_started(1));
    assert_int_equal(stop_and_get_exit_code(SIGTERM), 0);
    assert_int_equal(script->stops[0], 1);
    assert_int_equal(script->stops[1], 1);
    assert_int_equal(script->starts[0], 1);
}

static void sigint_stops_as_well(void **state)
{
    (void)state;
    start();
    WAIT_UNTIL(has_started(1));
    assert_int_equal(stop_and_get_exit_code(SIGINT), 0);
    assert_int_equal(script->stops[0] + script->stops[1], LANES);
}

static void killed_lane_is_started_again_and_the_other_left_alone(void **state)
{
    (void)state;
    start();
    for (int i = 1; i <= 3; i++) {
        WAIT_UNTIL(script->starts[0] == i && script->starts[1] == 1);
        kill(script->pid[0], SIGKILL);
    }
    WAIT_UNTIL(script->starts[0] == 4);
    WAIT_UNTIL(get("/readyz") == 200);
    assert_int_equal(get("/metrics"), 200);
    assert_non_null(strstr(page, "\nprovd_lane_restarts_total{lane=\"0\"} 3\n"));
    assert_non_null(strstr(page, "\nprovd_lane_restarts_total{lane=\"1\"} 0\n"));
    assert_int_equal(script->starts[1], 1);
    assert_int_equal(stop_and_get_exit_code(SIGTERM), 0);
}

/* One that is forked while HTTP is served must not hold its sockets. */
static void lane_inherits_no_descriptors(void **state)
{
    (void)state;
    start();
    WAIT_UNTIL(has_started(1));
    WAIT_UNTIL(get("/readyz") == 200);
    kill(script->pid[1], SIGKILL);
    WAIT_UNTIL(script->starts[1] == 2);
    assert_int_equal(script->descriptors[0], 3);
    assert_int_equal(script->descriptors[1], 3);
    assert_int_equal(stop_and_get_exit_code(SIGTERM), 0);
}

static void lane_that_hangs_is_killed_and_started_again(void **state)
{
    (void)state;
    patience.silence_ms = SILENCE_MS;
    script->part[0] = PART_HANG;
    start();
    WAIT_UNTIL(script->starts[0] == 1);
    script->part[0] = PART_RUN;
    WAIT_UNTIL(script->starts[0] == 2);
    WAIT_UNTIL(get("/readyz") == 200);
    assert_int_equal(script->starts[1], 1);
    assert_int_equal(stop_and_get_exit_code(SIGTERM), 0);
}

static void stopped_lane_counts_as_hanging(void **state)
{
    (void)state;
    patience.silence_ms = SILENCE_MS;
    start();
    WAIT_UNTIL(has_started(1));
    kill(script->pid[0], SIGSTOP);
    WAIT_UNTIL(script->starts[0] == 2);
    assert_int_equal(stop_and_get_exit_code(SIGTERM), 0);
}

static void lane_that_waits_for_a_server_is_not_killed(void **state)
{
    (void)state;
    patience.silence_ms = SILENCE_MS;
    script->part[0] = PART_WAIT;
    start();
    WAIT_UNTIL(has_started(1));
    WAIT_UNTIL(get("/readyz") == 503 && strstr(page, "lane 0 waits: postgres: ") != NULL);
    kill(script->pid[0], SIGSTOP);
    clock_sleep_ms(2 * SILENCE_MS);
    assert_int_equal(script->starts[0], 1);
    assert_int_equal(get("/readyz"), 503);
    assert_non_null(strstr(page, "lane 0 waits: postgres: connection refused; "));
    kill(script->pid[0], SIGCONT);
    assert_int_equal(stop_and_get_exit_code(SIGTERM), 0);
}

/* A machine that was paused: the silence is its own, not the lanes'. */
static void pause_of_all_processes_is_not_held_against_the_lanes(void **state)
{
    (void)state;
    patience.silence_ms = 2500;
    start();
    WAIT_UNTIL(has_started(1));
    kill(supervisor_pid, SIGSTOP);
    kill(script->pid[0], SIGSTOP);
    kill(script->pid[1], SIGSTOP);
    clock_sleep_ms(3000);
    kill(supervisor_pid, SIGCONT); /* the parent first: it sees silent lanes */
    WAIT_UNTIL(get("/livez") == 200);
    kill(script->pid[0], SIGCONT);
    kill(script->pid[1], SIGCONT);
    WAIT_UNTIL(get("/readyz") == 200);
    assert_int_equal(script->starts[0] + script->starts[1], LANES);
    assert_int_equal(stop_and_get_exit_code(SIGTERM), 0);
}

static void sighup_starts_a_failed_lane_at_once(void **state)
{
    (void)state;
    patience.backoff_ms_max = PATIENCE_MS * 10;
    start();
    WAIT_UNTIL(has_started(1));
    WAIT_UNTIL(get("/readyz") == 200);
    script->part[0] = PART_FATAL;
    kill(script->pid[0], SIGKILL);
    WAIT_UNTIL(script->starts[0] == 2);
    WAIT_UNTIL(get("/readyz") == 503 && strstr(page, "exit code 70") != NULL);
    script->part[0] = PART_RUN;
    kill(supervisor_pid, SIGHUP);
    WAIT_UNTIL(script->starts[0] == 3);
    WAIT_UNTIL(get("/readyz") == 200);
    assert_int_equal(stop_and_get_exit_code(SIGTERM), 0);
}

static void port_0_serves_nothing(void **state)
{
    (void)state;
    port = 0;
    start();
    WAIT_UNTIL(has_started(1));
    assert_int_equal(script->descriptors[0], 3);
    assert_int_equal(stop_and_get_exit_code(SIGTERM), 0);
}

static void lane_that_does_not_stop_is_killed(void **state)
{
    (void)state;
    script->part[1] = PART_DEAF;
    start();
    WAIT_UNTIL(has_started(1));
    assert_int_equal(stop_and_get_exit_code(SIGTERM), 0);
    assert_int_equal(script->stops[0], 1);
    assert_int_equal(script->stops[1], 0);
    assert_int_equal(kill(script->pid[1], 0), -1);
    assert_int_equal(errno, ESRCH);
}

static void second_sigint_kills_at_once(void **state)
{
    (void)state;
    script->part[1] = PART_DEAF;
    start();
    WAIT_UNTIL(has_started(1));
    kill(supervisor_pid, SIGINT);
    WAIT_UNTIL(script->stops[0] == 1);
    assert_int_equal(stop_and_get_exit_code(SIGINT), 0);
    assert_int_equal(script->stops[1], 0);
}

/* The lanes become ours when their parent is gone, so that their end can be waited for. */
static void lanes_finish_and_end_when_the_parent_is_killed(void **state)
{
    (void)state;
    assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
    script->part[1] = PART_DEAF;
    start();
    WAIT_UNTIL(has_started(1));
    kill(supervisor_pid, SIGKILL);
    waitpid(supervisor_pid, NULL, 0);
    supervisor_pid = 0;
    int wait_status = wait_for_end(script->pid[0]);
    assert_true(WIFEXITED(wait_status));
    assert_int_equal(WEXITSTATUS(wait_status), LANE_EXIT_STOPPED);
    assert_int_equal(script->stops[0], 1);
    /* Nobody is left to kill the one that does not listen: it has set itself a limit. */
    wait_status = wait_for_end(script->pid[1]);
    assert_true(WIFSIGNALED(wait_status));
    assert_int_equal(WTERMSIG(wait_status), SIGALRM);
    prctl(PR_SET_CHILD_SUBREAPER, 0);
}

static void configuration_refused_from_the_start_ends_it_all(void **state)
{
    (void)state;
    script->part[0] = PART_REFUSE;
    script->part[1] = PART_START;
    start();
    int wait_status = wait_for_end(supervisor_pid);
    supervisor_pid = 0;
    assert_true(WIFEXITED(wait_status));
    assert_int_equal(WEXITSTATUS(wait_status), 78);
    assert_int_equal(script->starts[0], 1);
}

static void configuration_refused_later_waits_for_a_person(void **state)
{
    (void)state;
    patience.backoff_ms_max = PATIENCE_MS * 10;
    start();
    WAIT_UNTIL(has_started(1));
    WAIT_UNTIL(get("/readyz") == 200);
    script->part[0] = PART_REFUSE;
    kill(script->pid[0], SIGKILL);
    WAIT_UNTIL(script->starts[0] == 2);
    WAIT_UNTIL(get("/readyz") == 503 && strstr(page, "exit code 78") != NULL);
    assert_int_equal(get("/livez"), 200);
    assert_int_equal(script->starts[0], 2);
    assert_int_equal(stop_and_get_exit_code(SIGTERM), 0);
}

static void sighup_reads_the_settings_again_here_and_there(void **state)
{
    (void)state;
    start();
    WAIT_UNTIL(has_started(1));
    assert_int_equal(script->wait_ms_max[0], 7);
    write_settings("batch:\n  max_wait: 9ms\n");
    kill(supervisor_pid, SIGHUP);
    WAIT_UNTIL(script->reloads[0] == 1 && script->reloads[1] == 1);
    /* A lane that is started later has them as well. */
    kill(script->pid[0], SIGKILL);
    WAIT_UNTIL(script->starts[0] == 2);
    assert_int_equal(script->wait_ms_max[0], 9);
    assert_int_equal(stop_and_get_exit_code(SIGTERM), 0);
}

static void broken_settings_change_nothing_at_sighup(void **state)
{
    (void)state;
    start();
    WAIT_UNTIL(has_started(1));
    write_settings("batch:\n  max_wait: soon\n");
    kill(supervisor_pid, SIGHUP);
    WAIT_UNTIL(get("/livez") == 200); /* a turn later */
    kill(script->pid[0], SIGKILL);
    WAIT_UNTIL(script->starts[0] == 2);
    assert_int_equal(script->wait_ms_max[0], 7);
    assert_int_equal(script->reloads[1], 0);
    assert_int_equal(stop_and_get_exit_code(SIGTERM), 0);
}

static void ready_when_all_lanes_run(void **state)
{
    (void)state;
    script->part[1] = PART_START;
    start();
    WAIT_UNTIL(has_started(1));
    assert_int_equal(get("/readyz"), 503);
    assert_non_null(strstr(page, "lane 1 is starting"));
    script->part[1] = PART_RUN;
    kill(script->pid[1], SIGKILL);
    WAIT_UNTIL(get("/readyz") == 200);
    assert_int_equal(get("/nothing"), 404);
    assert_int_equal(get("/version"), 200);
    assert_int_equal(stop_and_get_exit_code(SIGTERM), 0);
}

static void port_in_use_stops_the_start_before_any_lane(void **state)
{
    struct config *config;
    struct supervisor *supervisor = NULL, *second = NULL;
    struct error err;
    char set_port[32];
    (void)state;
    snprintf(set_port, sizeof(set_port), "http.port=%d", port);
    const char *const sets[] = {set_port};
    struct config_options options = {.sets = sets, .set_count = 1};
    assert_int_equal(config_load(&config, &options, &err), STATUS_OK);
    assert_int_equal(supervisor_open(&supervisor, config, &patience, &err), STATUS_OK);
    assert_int_equal(supervisor_open(&second, config, &patience, &err), STATUS_FATAL);
    assert_null(second);
    assert_non_null(strstr(err.message, "another program listens there"));
    supervisor_close(supervisor);
    config_close(config);
    assert_int_equal(script->starts[0], 0);
}

/* --- the service manager ------------------------------------------------------------------------
 */

static char messages[64 * 1024];
static int manager_fd;

static void be_manager(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof(address.sun_path), "%s/notify", folder);
    unlink(address.sun_path);
    messages[0] = '\0';
    manager_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(manager_fd, (struct sockaddr *)&address, sizeof(address)), 0);
    setenv("NOTIFY_SOCKET", address.sun_path, 1);
}

static bool was_told(const char *message)
{
    char datagram[1024];
    ssize_t got;
    while ((got = recv(manager_fd, datagram, sizeof(datagram) - 1, 0)) > 0) {
        size_t len = strlen(messages);
        datagram[got] = '\0';
        if (len + (size_t)got + 2 < sizeof(messages))
            snprintf(messages + len, sizeof(messages) - len, "%s\n", datagram);
    }
    return strstr(messages, message) != NULL;
}

static void service_manager_hears_of_start_reload_and_stop(void **state)
{
    (void)state;
    be_manager();
    script->part[0] = PART_START;
    start();
    WAIT_UNTIL(has_started(1));
    WAIT_UNTIL(get("/livez") == 200);
    assert_false(was_told("READY=1"));
    script->part[0] = PART_WAIT; /* a server that is away does not fail the start */
    kill(script->pid[0], SIGKILL);
    WAIT_UNTIL(was_told("READY=1"));
    WAIT_UNTIL(was_told("STATUS=lane 0 waits: postgres: connection refused"));
    messages[0] = '\0';
    kill(supervisor_pid, SIGHUP);
    WAIT_UNTIL(was_told("RELOADING=1") && was_told("MONOTONIC_USEC="));
    WAIT_UNTIL(was_told("READY=1"));
    assert_false(was_told("STOPPING=1"));
    assert_int_equal(stop_and_get_exit_code(SIGTERM), 0);
    assert_true(was_told("STOPPING=1"));
    assert_true(was_told("EXTEND_TIMEOUT_USEC=3000000"));
    close(manager_fd);
}

static void watchdog_of_the_service_manager_is_fed(void **state)
{
    (void)state;
    be_manager();
    setenv("WATCHDOG_USEC", "300000", 1);
    start();
    for (int i = 0; i < 3; i++) {
        WAIT_UNTIL(was_told("WATCHDOG=1"));
        messages[0] = '\0';
    }
    assert_int_equal(stop_and_get_exit_code(SIGTERM), 0);
    close(manager_fd);
}

/* --- arithmetic ---------------------------------------------------------------------------------
 */

static void first_restart_is_at_once_then_pauses_double_up_to_a_cap(void **state)
{
    static const int64_t pauses_ms[] = {0, 0, 1000, 2000, 4000, 8000, 16000, 32000, 60000, 60000};
    struct lane_patience real = {.backoff_ms = 1000, .backoff_ms_max = 60000};
    (void)state;
    for (int deaths = 1; deaths < 10; deaths++)
        assert_int_equal(lane_backoff_ms(deaths, &real), pauses_ms[deaths]);
    assert_int_equal(lane_backoff_ms(1000000, &real), 60000);
}

static void deaths(struct lane_process *lane, int wait_status, int64_t lived_ms)
{
    lane->pid = 1;
    lane->started_us = clock_monotonic_us() - lived_ms * 1000;
    lane_process_ended(lane, wait_status, false, &patience);
}

static void minute_of_health_forgets_former_deaths(void **state)
{
    static struct counters counters;
    struct lane_process lane;
    (void)state;
    patience = (struct lane_patience){
        .backoff_ms = 1000, .backoff_ms_max = 60000, .healthy_ms = 60000, .silence_ms = 1000};
    log_configure(LOG_ERROR, LOG_FORMAT_TEXT);
    lane_process_init(&lane, 0, &counters);
    deaths(&lane, SIGSEGV, 5);
    deaths(&lane, SIGSEGV, 5);
    deaths(&lane, SIGSEGV, 59000);
    assert_int_equal(lane.deaths, 3);
    assert_true(lane.start_at_us > clock_monotonic_us());
    deaths(&lane, SIGSEGV, 61000);
    assert_int_equal(lane.deaths, 1);
    assert_true(lane.start_at_us <= clock_monotonic_us());
    assert_int_equal(gauge_get(&counters.restarts), 4);
    assert_non_null(strstr(counters.waiting_for, "signal 11, Segmentation fault"));
}

static void fatal_lane_waits_for_long_and_keeps_its_reason(void **state)
{
    static struct counters counters;
    struct lane_process lane;
    (void)state;
    patience.backoff_ms_max = 60000;
    log_configure(LOG_ERROR, LOG_FORMAT_TEXT);
    lane_process_init(&lane, 0, &counters);
    snprintf(counters.waiting_for, COUNTERS_REASON_MAX, "too many dead letters");
    gauge_set(&counters.partitions[3].state, PARTITION_ACTIVE);
    deaths(&lane, LANE_EXIT_FATAL << 8, 5);
    assert_true(deadline_left_ms(lane.start_at_us) > 30000);
    assert_string_equal(counters.waiting_for, "too many dead letters");
    assert_int_equal(gauge_get(&counters.state), LANE_FAILED);
    assert_int_equal(gauge_get(&counters.partitions[3].state), PARTITION_NONE);
}

static void silence_is_longer_than_a_batch_may_take(void **state)
{
    static const char *const sets[] = {"database.statement_timeout=10m"};
    struct config_options options = {.sets = sets, .set_count = 1};
    struct config *config;
    struct error err;
    (void)state;
    assert_int_equal(config_load(&config, &options, &err), STATUS_OK);
    assert_true(lane_patience_of(config).silence_ms > 20 * 60 * 1000);
    config_close(config);
}

static int make_folder(void **state)
{
    (void)state;
    if (mkdtemp(folder) == NULL)
        return -1;
    snprintf(file, sizeof(file), "%s/provd.yaml", folder);
    return 0;
}

static int remove_folder(void **state)
{
    char notify[sizeof(folder) + 32];
    (void)state;
    snprintf(notify, sizeof(notify), "%s/notify", folder);
    unlink(notify);
    unlink(file);
    return rmdir(folder);
}

int main(void)
{
#define STORY(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        STORY(lanes_run_until_sigterm_and_finish),
        STORY(sigint_stops_as_well),
        STORY(killed_lane_is_started_again_and_the_other_left_alone),
        STORY(lane_inherits_no_descriptors),
        STORY(lane_that_hangs_is_killed_and_started_again),
        STORY(stopped_lane_counts_as_hanging),
        STORY(lane_that_waits_for_a_server_is_not_killed),
        STORY(pause_of_all_processes_is_not_held_against_the_lanes),
        STORY(sighup_starts_a_failed_lane_at_once),
        STORY(port_0_serves_nothing),
        STORY(lane_that_does_not_stop_is_killed),
        STORY(second_sigint_kills_at_once),
        STORY(lanes_finish_and_end_when_the_parent_is_killed),
        STORY(configuration_refused_from_the_start_ends_it_all),
        STORY(configuration_refused_later_waits_for_a_person),
        STORY(sighup_reads_the_settings_again_here_and_there),
        STORY(broken_settings_change_nothing_at_sighup),
        STORY(ready_when_all_lanes_run),
        STORY(port_in_use_stops_the_start_before_any_lane),
        STORY(service_manager_hears_of_start_reload_and_stop),
        STORY(watchdog_of_the_service_manager_is_fed),
        STORY(first_restart_is_at_once_then_pauses_double_up_to_a_cap),
        STORY(minute_of_health_forgets_former_deaths),
        STORY(fatal_lane_waits_for_long_and_keeps_its_reason),
        STORY(silence_is_longer_than_a_batch_may_take),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
