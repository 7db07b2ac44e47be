/* COMMIT on a real server whose synchronous standby is missing. The server is the test's own,
 * because the setting would stop everybody else's commits; skipped where initdb is not installed.
 */
#include "check.h"
#include "postgres_server.h"

#include "base/clock.h"

#include <sys/wait.h>
#include <unistd.h>

enum {
    WAIT_MS = 30000,
    SLOW_MS = 1000, /* a commit that takes longer waits for its standby: also on a busy machine */
};

static char folder[] = "/tmp/provd_standby_XXXXXX";
static char url[128];

/* $1 is the folder. PostgreSQL refuses root. */
static const char start_server[] =
    "bin=$(pg_config --bindir 2>/dev/null) && [ -x \"$bin/initdb\" ] || exit 9\n"
    "as() { if [ \"$(id -u)\" = 0 ]; then runuser -u postgres -- \"$@\"; else \"$@\"; fi; }\n"
    "if [ \"$(id -u)\" = 0 ]; then chown postgres \"$1\"; fi\n"
    "cd \"$1\" && as \"$bin/initdb\" -D \"$1/data\" -U provd -A trust --no-sync -E UTF8 --locale=C "
    "&&"
    " as \"$bin/pg_ctl\" -D \"$1/data\" -l \"$1/log\" -w -t 60 -o \"-c listen_addresses='' -k $1"
    " -c fsync=off -c shared_buffers=8MB\" start";
static const char stop_server[] =
    "as() { if [ \"$(id -u)\" = 0 ]; then runuser -u postgres -- \"$@\"; else \"$@\"; fi; }\n"
    "cd \"$1\" && as \"$(pg_config --bindir)/pg_ctl\" -D \"$1/data\" -w -m immediate stop;"
    " cd / && rm -rf \"$1\"";

/* Exit status of the script. */
static int run_script(const char *script)
{
    int status = -1;
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0) {
        if (!freopen("/dev/null", "w", stdout) || !freopen("/dev/null", "w", stderr)) {
            _exit(127);
        }
        execl("/bin/sh", "sh", "-c", script, "sh", folder, (char *)NULL);
        _exit(127);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static struct postgres *open_own(int64_t commit_timeout_ms)
{
    struct postgres_options options = test_options(NULL);

    if (!*url) {
        skip("no initdb, see tools/install");
    }
    options.url = url;
    options.commit_timeout_ms = commit_timeout_ms;
    options.statement_timeout_ms = 1000;
    return test_open_with(&options);
}

static int create(void **state)
{
    (void)state;
    if (!mkdtemp(folder)) {
        return -1;
    }
    int status = run_script(start_server);
    if (status != 0) {
        run_script(stop_server);
        return status == 9 ? 0 : -1;
    }
    snprintf(url, sizeof url, "postgresql://provd@/postgres?host=%s", folder);
    struct postgres *pg = open_own(1000);
    test_command(pg, "CREATE SCHEMA provd; CREATE TABLE probe (at timestamptz);"
                     " CREATE TABLE item (id int8 PRIMARY KEY, n int8)");
    test_command(pg, "INSERT INTO item VALUES (1, 0)");
    postgres_close(pg);
    return 0;
}

static int drop(void **state)
{
    (void)state;
    if (*url) {
        run_script(stop_server);
    }
    return 0;
}

static void wait_for(struct postgres *pg, const char *sql, int64_t number)
{
    int64_t deadline_us = deadline_in_ms(WAIT_MS);

    while (test_number(pg, sql) != number) {
        if (deadline_passed(deadline_us)) {
            fail_msg("never became %lld: %s", (long long)number, sql);
        }
        clock_sleep_ms(20);
    }
}

/* True when a commit waits now. Backends take a new setting up at different times. */
static bool commits_wait(void)
{
    struct postgres *pg = open_own(SLOW_MS);
    struct error err;

    test_command(pg, "BEGIN; INSERT INTO probe DEFAULT VALUES");
    enum status status = postgres_commit(pg, &err);
    postgres_close(pg);
    return status != STATUS_OK;
}

static void standby_is_missing(struct postgres *admin, bool missing)
{
    int64_t deadline_us = deadline_in_ms(WAIT_MS);

    test_command(admin, missing ? "ALTER SYSTEM SET synchronous_standby_names = 'nobody'"
                                : "ALTER SYSTEM RESET synchronous_standby_names");
    test_command(admin, "SELECT pg_reload_conf()");
    while (commits_wait() != missing) {
        assert_false(deadline_passed(deadline_us));
    }
}

static void a_commit_that_waits_for_a_missing_standby_is_in_doubt_and_keeps_its_locks(void **state)
{
    struct postgres *admin = open_own(1000);
    struct postgres *pg = open_own(300);
    struct postgres *successor = open_own(1000);
    struct error err;

    (void)state;
    standby_is_missing(admin, true);
    test_command(pg, "BEGIN; UPDATE item SET n = n + 1 WHERE id = 1");
    assert_int_equal(postgres_commit(pg, &err), STATUS_RETRY);
    assert_string_equal(err.code, "08007");
    assert_false(postgres_usable(pg));
    postgres_close(pg);
    assert_int_equal(postgres_command(successor, "UPDATE item SET n = n + 1 WHERE id = 1", &err),
                     STATUS_RETRY);
    assert_string_equal(err.code, "55P03");
    assert_int_equal(test_number(admin, "SELECT n FROM item WHERE id = 1"), 0);
    standby_is_missing(admin, false);
    wait_for(admin, "SELECT n FROM item WHERE id = 1", 1); /* nobody cancelled it */
    postgres_close(successor);
    postgres_close(admin);
}

/* An operator cancels the wait, from another process as it happens in life. */
static pid_t cancel_later(int backend_pid)
{
    char sql[256];
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid != 0) {
        return pid;
    }
    struct postgres_options options = test_options(NULL);
    struct postgres *admin = NULL;
    struct error err;
    options.url = url;
    if (postgres_open(&admin, &options, &err) != STATUS_OK) {
        _exit(1);
    }
    snprintf(
        sql, sizeof sql,
        "DO $$BEGIN WHILE NOT EXISTS (SELECT FROM pg_stat_activity WHERE pid = %d AND"
        " wait_event = 'SyncRep') LOOP PERFORM pg_sleep(0.02), pg_stat_clear_snapshot(); END LOOP;"
        " PERFORM pg_cancel_backend(%d); END$$",
        backend_pid, backend_pid);
    _exit(postgres_command(admin, sql, &err) == STATUS_OK ? 0 : 1);
}

static void a_wait_that_an_operator_cancels_is_committed_but_not_durable(void **state)
{
    struct postgres *admin = open_own(1000);
    struct postgres *pg = open_own(WAIT_MS);
    struct error err;
    int status = -1;

    (void)state;
    standby_is_missing(admin, true);
    test_command(pg, "BEGIN; INSERT INTO item VALUES (2, 0)");
    pid_t operator= cancel_later(postgres_backend_pid(pg));
    assert_ok(postgres_commit(pg, &err), &err);
    assert_true(postgres_commit_not_durable(pg));
    assert_int_equal(waitpid(operator, & status, 0), operator);
    assert_int_equal(status, 0);
    assert_int_equal(test_number(admin, "SELECT count(*) FROM item WHERE id = 2"), 1);
    standby_is_missing(admin, false);
    test_command(pg, "BEGIN; INSERT INTO item VALUES (3, 0)");
    assert_ok(postgres_commit(pg, &err), &err);
    assert_false(postgres_commit_not_durable(pg));
    postgres_close(pg);
    postgres_close(admin);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_commit_that_waits_for_a_missing_standby_is_in_doubt_and_keeps_its_locks),
        cmocka_unit_test(a_wait_that_an_operator_cancels_is_committed_but_not_durable),
    };
    return cmocka_run_group_tests(tests, create, drop);
}
