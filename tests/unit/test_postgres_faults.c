/* A server that does not answer, ends sessions or keeps a COMMIT waiting; clients that stand still.
 */
#include "postgres_server.h"

#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* A timeout of HASTY_MS is awaited; all else must be done within it, also on a busy machine. */
enum { MANY = 400000, WAIT_MS = 30000, HASTY_MS = 1000 };

static const struct statement statements[] = {
    {"put", "INSERT INTO item (id) VALUES ($1)"},
    {"sleep", "SELECT pg_sleep($1::int8)"},
    {"commit", "COMMIT"},
    {"flood", "SELECT repeat('x', 1000) FROM generate_series(1, 100000)"},
    {NULL, NULL},
};

/* The trigger fires inside COMMIT, where the server's own timeouts do not reach: 'slow' keeps it
 * waiting as a missing synchronous standby does, 'warn' gives the warning of its cancelled wait. */
static const char create_item[] =
    "CREATE TABLE item (id int8 PRIMARY KEY, name text);"
    "CREATE FUNCTION at_commit() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN"
    " IF NEW.name = 'slow' THEN PERFORM pg_sleep(1.5);"
    " ELSIF NEW.name = 'warn' THEN RAISE WARNING 'canceling wait for synchronous replication'; END "
    "IF;"
    " IF NEW.name = 'die' THEN PERFORM pg_terminate_backend(pg_backend_pid()); END IF;"
    " RETURN NULL; END$$;"
    "CREATE CONSTRAINT TRIGGER item_commit AFTER INSERT ON item DEFERRABLE INITIALLY DEFERRED"
    " FOR EACH ROW WHEN (NEW.name IS NOT NULL) EXECUTE FUNCTION at_commit();";
static const char copy_item[] = "COPY item (id) FROM STDIN WITH (FORMAT binary)";

static struct postgres *open_with(int64_t statement_timeout_ms, int64_t commit_timeout_ms)
{
    struct postgres_options options = test_options(statements);

    test_database_url();
    options.statement_timeout_ms = statement_timeout_ms;
    options.commit_timeout_ms = commit_timeout_ms;
    return test_open_with(&options);
}

static struct postgres *open_empty(void)
{
    struct postgres *pg = open_with(20000, 20000);

    test_command(pg, "TRUNCATE item");
    return pg;
}

/* Until the query gives the number; fails the test when it never does. */
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

static void terminate(struct postgres *admin, const struct postgres *victim)
{
    char sql[96];

    snprintf(sql, sizeof sql, "SELECT pg_terminate_backend(%d)::int4",
             postgres_backend_pid(victim));
    assert_int_equal(test_number(admin, sql), 1);
}

static void wait_until_gone(struct postgres *admin, const struct postgres *victim)
{
    char sql[96];

    snprintf(sql, sizeof sql, "SELECT count(*) FROM pg_stat_activity WHERE pid = %d",
             postgres_backend_pid(victim));
    wait_for(admin, sql, 0);
}

static enum status send_sleep(struct postgres *pg, int64_t seconds, struct error *err)
{
    uint64_t seconds_be = __builtin_bswap64((uint64_t)seconds);
    struct param param = {&seconds_be, sizeof seconds_be};

    return postgres_send(pg, "sleep", &param, 1, err);
}

static enum status read_one(struct postgres *pg, struct error *err)
{
    struct result *result = NULL;
    enum status status = postgres_result(pg, &result, err);

    result_close(result);
    return status;
}

static enum status copy_ids(struct postgres *pg, int count, struct error *err)
{
    struct copy *copy = NULL;
    int64_t rows = 0;

    enum status status = postgres_copy_begin(pg, copy_item, &copy, err);
    for (int i = 0; i < count && status == STATUS_OK; i++) {
        copy_row(copy, 1);
        copy_int8(copy, i);
        status = copy_flush(copy, err);
    }
    return status == STATUS_OK ? postgres_copy_end(copy, &rows, err) : status;
}

/* After a loss everything says so at once, nothing hangs or crashes, and closing works. */
static void check_lost(struct postgres *pg)
{
    struct error err;
    struct copy *copy;

    assert_false(postgres_usable(pg));
    assert_int_equal(postgres_command(pg, "SELECT 1", &err), STATUS_RETRY);
    assert_int_equal(send_sleep(pg, 0, &err), STATUS_RETRY);
    assert_int_equal(postgres_sync(pg, &err), STATUS_RETRY);
    assert_int_equal(postgres_copy_begin(pg, copy_item, &copy, &err), STATUS_RETRY);
    assert_int_equal(postgres_commit(pg, &err), STATUS_RETRY);
    assert_string_equal(err.code, "08006"); /* no doubt: it was never sent */
    assert_int_equal(postgres_rollback(pg, &err), STATUS_RETRY);
    postgres_close(pg);
}

/* --- no answer --------------------------------------------------------------------------- */

static void a_pipeline_that_is_not_answered_ends_at_our_deadline(void **state)
{
    struct postgres *pg = open_with(HASTY_MS, HASTY_MS);
    struct error err;

    (void)state;
    test_command(pg, "SET statement_timeout = 0"); /* as if the server stood still */
    assert_ok(send_sleep(pg, 60, &err), &err);
    assert_ok(postgres_sync(pg, &err), &err);
    assert_int_equal(read_one(pg, &err), STATUS_RETRY);
    assert_string_equal(err.code, "08006");
    assert_non_null(strstr(err.message, "sleep: no answer in time"));
    check_lost(pg);
}

static void a_copy_that_the_server_does_not_read_ends_at_our_deadline(void **state)
{
    struct postgres *holder = open_empty();
    struct postgres *pg = open_with(HASTY_MS, HASTY_MS);
    struct error err;

    (void)state;
    test_command(holder, "BEGIN; LOCK TABLE item");
    test_command(pg, "SET statement_timeout = 0; SET lock_timeout = 0");
    assert_int_equal(copy_ids(pg, MANY, &err), STATUS_RETRY);
    assert_string_equal(err.code, "08006");
    check_lost(pg);
    postgres_close(holder);
}

/* --- sessions that end ------------------------------------------------------------------- */

static void a_session_that_is_terminated_in_a_pipeline_is_lost(void **state)
{
    struct postgres *admin = open_empty();
    struct postgres *pg = open_with(20000, 20000);
    struct error err;

    (void)state;
    test_command(pg, "BEGIN");
    assert_ok(send_sleep(pg, 60, &err), &err);
    assert_ok(send_sleep(pg, 60, &err), &err);
    assert_ok(postgres_sync(pg, &err), &err);
    terminate(admin, pg);
    assert_int_equal(read_one(pg, &err), STATUS_RETRY);
    assert_string_equal(err.code, "57P01");
    check_lost(pg);
    postgres_close(admin);
}

static void a_session_that_is_terminated_in_a_copy_is_lost(void **state)
{
    struct postgres *admin = open_empty();
    struct postgres *pg = open_with(20000, 20000);
    struct copy *copy = NULL;
    struct error err;
    int64_t rows;

    (void)state;
    assert_ok(postgres_copy_begin(pg, copy_item, &copy, &err), &err);
    enum status status = STATUS_OK;
    for (int i = 0; i < MANY && status == STATUS_OK; i++) {
        if (i == MANY / 2) {
            terminate(admin, pg);
            wait_until_gone(admin, pg);
        }
        copy_row(copy, 1);
        copy_int8(copy, i);
        status = copy_flush(copy, &err);
    }
    status = status == STATUS_OK ? postgres_copy_end(copy, &rows, &err) : status;
    assert_int_equal(status, STATUS_RETRY);
    assert_true(strcmp(err.code, "57P01") == 0 || strcmp(err.code, "08006") == 0);
    check_lost(pg);
    assert_int_equal(test_number(admin, "SELECT count(*) FROM item"), 0);
    postgres_close(admin);
}

static void a_session_that_is_terminated_between_two_requests_is_lost(void **state)
{
    struct postgres *admin = open_empty();
    struct postgres *pg = open_with(20000, 20000);
    struct error err;

    (void)state;
    test_command(pg, "BEGIN");
    terminate(admin, pg);
    wait_until_gone(admin, pg);
    assert_int_equal(postgres_command(pg, "SELECT 1", &err), STATUS_RETRY);
    check_lost(pg);
    postgres_close(admin);
}

static void a_client_that_stands_still_in_a_transaction_loses_its_locks(void **state)
{
    struct postgres *admin = open_empty();
    struct postgres *pg = open_with(20000, 20000);
    struct error err;

    (void)state;
    test_command(pg, "SET idle_in_transaction_session_timeout = 100");
    test_command(pg, "BEGIN; INSERT INTO item (id) VALUES (1)");
    wait_until_gone(admin, pg); /* meanwhile it does nothing */
    assert_int_equal(copy_ids(pg, 1, &err), STATUS_RETRY);
    assert_string_equal(err.code, "25P03");
    check_lost(pg);
    postgres_close(admin);
}

static int64_t end_stalled_soon(struct postgres *healthy)
{
    int64_t deadline_us = deadline_in_ms(WAIT_MS);
    int64_t ended = 0;
    struct error err;

    while (ended == 0 && !deadline_passed(deadline_us)) {
        clock_sleep_ms(100);
        assert_ok(postgres_end_stalled(healthy, &ended, &err), &err);
    }
    return ended;
}

/* Neither statement_timeout nor idle_in_transaction_session_timeout reaches a backend that reads
 * COPY rows from its client: shown here, and the way out. */
static void a_client_that_stands_still_in_a_copy_is_ended_by_its_successor(void **state)
{
    struct postgres *admin = open_empty();
    struct postgres *stopped = open_with(HASTY_MS, HASTY_MS);
    struct postgres *healthy = open_with(HASTY_MS, HASTY_MS);
    struct postgres *other = open_with(20000, 20000);
    struct copy *copy = NULL;
    struct copy *other_copy = NULL;
    struct error err;
    int64_t ended = -1;
    int64_t rows;

    (void)state;
    test_command(other, "SET application_name = 'psql'");
    test_command(stopped, "SET idle_in_transaction_session_timeout = 500");
    test_command(stopped, "BEGIN; INSERT INTO item (id) VALUES (1)");
    assert_ok(postgres_copy_begin(stopped, copy_item, &copy, &err), &err);
    assert_ok(copy_send(copy, &err), &err);
    assert_ok(postgres_copy_begin(other, copy_item, &other_copy, &err), &err);
    assert_ok(copy_send(other_copy, &err), &err);
    assert_ok(postgres_end_stalled(healthy, &ended, &err), &err);
    assert_int_equal(ended, 0); /* not stalled for long enough */
    assert_int_equal(end_stalled_soon(healthy), 1);
    wait_until_gone(admin, stopped);
    test_command(admin, "INSERT INTO item (id) VALUES (1)"); /* its row lock is gone */
    assert_int_equal(postgres_copy_end(copy, &rows, &err), STATUS_RETRY);
    check_lost(stopped);
    assert_true(postgres_usable(other));
    postgres_close(other);
    postgres_close(healthy);
    postgres_close(admin);
}

/* The same with a backend whose answers are not read. */
static void a_client_that_reads_no_answers_is_ended_by_its_successor(void **state)
{
    struct postgres *admin = open_empty();
    struct postgres *stopped = open_with(HASTY_MS, HASTY_MS);
    struct postgres *healthy = open_with(HASTY_MS, HASTY_MS);
    struct error err;

    (void)state;
    test_command(stopped, "BEGIN; INSERT INTO item (id) VALUES (1)");
    assert_ok(postgres_send(stopped, "flood", NULL, 0, &err), &err);
    assert_ok(postgres_sync(stopped, &err), &err);
    assert_int_equal(end_stalled_soon(healthy), 1);
    wait_until_gone(admin, stopped);
    test_command(admin, "INSERT INTO item (id) VALUES (1)"); /* its row lock is gone */
    assert_int_equal(read_one(stopped, &err), STATUS_RETRY);
    check_lost(stopped);
    postgres_close(healthy);
    postgres_close(admin);
}

/* --- COMMIT ------------------------------------------------------------------------------ */

static void a_commit_without_an_answer_is_in_doubt_and_never_cancelled(void **state)
{
    struct postgres *admin = open_empty();
    struct postgres *pg = open_with(HASTY_MS, 300);
    struct error err;

    (void)state;
    test_command(pg, "BEGIN; INSERT INTO item VALUES (1, 'slow')");
    assert_int_equal(postgres_commit(pg, &err), STATUS_RETRY);
    assert_string_equal(err.code, "08007");
    assert_non_null(strstr(err.message, "in doubt"));
    check_lost(pg);
    wait_for(admin, "SELECT count(*) FROM item", 1); /* it did commit */
    postgres_close(admin);
}

static void a_pipelined_commit_without_an_answer_is_in_doubt_too(void **state)
{
    struct postgres *admin = open_empty();
    struct postgres *pg = open_with(20000, 300);
    struct error err;

    (void)state;
    test_command(pg, "BEGIN; INSERT INTO item VALUES (1, 'slow')");
    assert_ok(postgres_send(pg, "commit", NULL, 0, &err), &err);
    assert_ok(postgres_sync(pg, &err), &err);
    terminate(admin, pg);
    assert_int_equal(read_one(pg, &err), STATUS_RETRY);
    assert_string_equal(err.code, "08007");
    check_lost(pg);
    postgres_close(admin);
}

static void a_commit_whose_session_is_terminated_is_in_doubt(void **state)
{
    struct postgres *admin = open_empty();
    struct postgres *pg = open_with(20000, 20000);
    struct error err;

    (void)state;
    test_command(pg, "BEGIN; INSERT INTO item VALUES (1, 'die')");
    assert_int_equal(postgres_commit(pg, &err), STATUS_RETRY);
    assert_string_equal(err.code, "08007");
    check_lost(pg);
    postgres_close(admin);
}

static void a_commit_that_did_not_reach_its_standby_is_not_durable(void **state)
{
    struct postgres *pg = open_empty();
    struct error err;

    (void)state;
    test_command(pg, "DO $$BEGIN RAISE WARNING 'of no importance'; END$$");
    assert_false(postgres_commit_not_durable(pg));
    test_command(pg, "BEGIN; INSERT INTO item VALUES (1, 'warn')");
    assert_ok(postgres_commit(pg, &err), &err);
    assert_true(postgres_commit_not_durable(pg));
    assert_false(postgres_commit_not_durable(pg)); /* told once */
    test_command(pg, "BEGIN; INSERT INTO item VALUES (2, 'warn')");
    assert_ok(postgres_send(pg, "commit", NULL, 0, &err), &err);
    assert_ok(postgres_sync(pg, &err), &err);
    assert_ok(read_one(pg, &err), &err);
    assert_ok(postgres_drain(pg, &err), &err);
    assert_true(postgres_commit_not_durable(pg));
    test_command(pg, "BEGIN; INSERT INTO item VALUES (3, 'fine')");
    assert_ok(postgres_commit(pg, &err), &err);
    assert_false(postgres_commit_not_durable(pg));
    postgres_close(pg);
}

static void the_commit_of_a_failed_transaction_is_no_success(void **state)
{
    struct postgres *pg = open_empty();
    struct error err;

    (void)state;
    test_command(pg, "BEGIN; INSERT INTO item (id) VALUES (1)");
    assert_int_equal(postgres_command(pg, "SELECT no_such_column", &err), STATUS_FATAL);
    assert_int_equal(postgres_commit(pg, &err), STATUS_RETRY);
    assert_string_equal(err.code, "25P02");
    assert_true(postgres_usable(pg));
    assert_int_equal(test_number(pg, "SELECT count(*) FROM item"), 0);
    postgres_close(pg);
}

static int create(void **state)
{
    int failed = test_database_create(state);

    if (!failed && getenv("DATABASE_URL")) {
        struct postgres *pg = test_open(NULL);
        test_command(pg, create_item);
        postgres_close(pg);
    }
    return failed;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pipeline_that_is_not_answered_ends_at_our_deadline),
        cmocka_unit_test(a_copy_that_the_server_does_not_read_ends_at_our_deadline),
        cmocka_unit_test(a_session_that_is_terminated_in_a_pipeline_is_lost),
        cmocka_unit_test(a_session_that_is_terminated_in_a_copy_is_lost),
        cmocka_unit_test(a_session_that_is_terminated_between_two_requests_is_lost),
        cmocka_unit_test(a_client_that_stands_still_in_a_transaction_loses_its_locks),
        cmocka_unit_test(a_client_that_stands_still_in_a_copy_is_ended_by_its_successor),
        cmocka_unit_test(a_client_that_reads_no_answers_is_ended_by_its_successor),
        cmocka_unit_test(a_commit_without_an_answer_is_in_doubt_and_never_cancelled),
        cmocka_unit_test(a_pipelined_commit_without_an_answer_is_in_doubt_too),
        cmocka_unit_test(a_commit_whose_session_is_terminated_is_in_doubt),
        cmocka_unit_test(a_commit_that_did_not_reach_its_standby_is_not_durable),
        cmocka_unit_test(the_commit_of_a_failed_transaction_is_no_success),
    };
    return cmocka_run_group_tests(tests, create, test_database_drop);
}
