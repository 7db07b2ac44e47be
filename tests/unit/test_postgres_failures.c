/* SQL errors in pipelines and COPYs, and what is left of the connection afterwards; row data never
 * gets into an error. */
#include "postgres_server.h"

#include "base/arena.h"
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
enum { MANY = 100000, HASTY_MS = 1000 };

static const struct statement statements[] = {
    {"put", "INSERT INTO item (id, name) VALUES ($1, $2)"},
    {"bump", "UPDATE item SET n = n + 1 WHERE id = $1"},
    {NULL, NULL},
};

static const char create_item[] =
    "CREATE TABLE IF NOT EXISTS item (id int8 PRIMARY KEY, name text NOT NULL"
    " CONSTRAINT item_name_check CHECK (name NOT LIKE 'forbidden%'), n int2 NOT NULL DEFAULT 0);"
    " CREATE INDEX IF NOT EXISTS item_name ON item (name)";
static const char copy_item[] = "COPY item (id, name) FROM STDIN WITH (FORMAT binary)";

/* Text that no error message may show. */
#define ROW_TEXT "s3cret-row"

static struct postgres *open_with_timeout(int64_t statement_timeout_ms)
{
    struct postgres_options options = test_options(statements);

    test_database_url();
    options.statement_timeout_ms = statement_timeout_ms;
    return test_open_with(&options);
}

static struct postgres *open_empty(void)
{
    struct postgres *pg = open_with_timeout(20000);

    test_command(pg, "TRUNCATE item");
    return pg;
}

static enum status put(struct postgres *pg, int64_t id, const char *name, struct error *err)
{
    uint64_t id_be = __builtin_bswap64((uint64_t)id);
    struct param params[] = {{&id_be, 8}, param_text(text_from(name))};

    return postgres_send(pg, "put", params, 2, err);
}

static enum status read_one(struct postgres *pg, struct error *err)
{
    struct result *result = NULL;
    enum status status = postgres_result(pg, &result, err);

    result_close(result);
    return status;
}

static void an_error_in_a_pipeline_skips_the_rest_and_the_connection_lives_on(void **state)
{
    struct postgres *pg = open_empty();
    struct error err;

    (void)state;
    test_command(pg, "BEGIN");
    assert_ok(put(pg, 1, ROW_TEXT, &err), &err);
    assert_ok(put(pg, 1, ROW_TEXT, &err), &err);
    assert_ok(put(pg, 2, ROW_TEXT, &err), &err);
    assert_ok(postgres_sync(pg, &err), &err);
    assert_ok(read_one(pg, &err), &err);
    assert_int_equal(read_one(pg, &err), STATUS_RETRY);
    assert_string_equal(err.code, "23505");
    assert_true(postgres_lost_race(&err));
    assert_non_null(strstr(err.message, "item_pkey"));
    assert_null(strstr(err.message, "Key (id)"));
    assert_int_equal(read_one(pg, &err), STATUS_RETRY);
    assert_string_equal(err.code, "25P02");
    assert_ok(postgres_drain(pg, &err), &err);
    assert_ok(postgres_rollback(pg, &err), &err);
    assert_true(postgres_usable(pg));
    test_command(pg, "BEGIN");
    assert_ok(put(pg, 1, "one", &err), &err);
    assert_ok(postgres_sync(pg, &err), &err);
    assert_ok(read_one(pg, &err), &err);
    assert_ok(postgres_drain(pg, &err), &err);
    assert_ok(postgres_commit(pg, &err), &err);
    assert_int_equal(test_number(pg, "SELECT count(*) FROM item"), 1);
    postgres_close(pg);
}

static void an_error_that_nobody_read_comes_out_of_the_drain(void **state)
{
    struct postgres *pg = open_empty();
    struct error err;

    (void)state;
    assert_ok(put(pg, 1, "one", &err), &err);
    assert_ok(put(pg, 1, "one", &err), &err);
    assert_ok(put(pg, 2, "two", &err), &err);
    assert_ok(postgres_sync(pg, &err), &err);
    assert_int_equal(postgres_drain(pg, &err), STATUS_RETRY);
    assert_string_equal(err.code, "23505");
    assert_ok(postgres_drain(pg, &err), &err); /* nothing left */
    assert_true(postgres_usable(pg));
    postgres_close(pg);
}

static void rollback_ends_a_pipeline_that_was_never_synced(void **state)
{
    struct postgres *pg = open_empty();
    struct error err;

    (void)state;
    assert_ok(postgres_rollback(pg, &err), &err); /* nothing is open: nothing happens */
    test_command(pg, "BEGIN");
    assert_ok(put(pg, 1, "one", &err), &err);
    assert_ok(put(pg, 1, "one", &err), &err);
    assert_ok(postgres_rollback(pg, &err), &err);
    assert_int_equal(test_number(pg, "SELECT count(*) FROM item"), 0);
    postgres_close(pg);
}

/* COPY of `count` rows with the ids 1, 2, .. whose row number `bad` has the id 1 again. */
static enum status copy_with_duplicate(struct postgres *pg, int count, int bad, struct error *err)
{
    struct copy *copy = NULL;
    int64_t rows = 0;

    enum status status = postgres_copy_begin(pg, copy_item, &copy, err);
    for (int i = 1; i <= count && status == STATUS_OK; i++) {
        copy_row(copy, 2);
        copy_int8(copy, i == bad ? 1 : i);
        copy_text(copy, TEXT(ROW_TEXT));
        status = copy_flush(copy, err);
    }
    return status == STATUS_OK ? postgres_copy_end(copy, &rows, err) : status;
}

static void an_error_early_in_a_copy_is_told_at_its_end_and_the_connection_lives_on(void **state)
{
    struct postgres *pg = open_empty();
    struct error err;

    (void)state;
    test_command(pg, "BEGIN");
    assert_int_equal(copy_with_duplicate(pg, MANY, 2, &err), STATUS_RETRY);
    assert_true(postgres_lost_race(&err));
    assert_null(strstr(err.message, ROW_TEXT));
    assert_ok(postgres_rollback(pg, &err), &err);
    assert_true(postgres_usable(pg));
    assert_ok(copy_with_duplicate(pg, 10, 0, &err), &err);
    assert_int_equal(test_number(pg, "SELECT count(*) FROM item"), 10);
    postgres_close(pg);
}

static void a_copy_that_the_server_refuses_is_fatal_and_named(void **state)
{
    struct postgres *pg = open_empty();
    struct copy *copy = NULL;
    struct error err;
    int64_t rows;

    (void)state;
    assert_ok(postgres_copy_begin(pg, "COPY no_such_table FROM STDIN (FORMAT binary)", &copy, &err),
              &err);
    enum status status = STATUS_OK;
    for (int i = 0; i < MANY && status == STATUS_OK; i++) {
        copy_row(copy, 1);
        copy_int8(copy, i);
        status = copy_flush(copy, &err);
    }
    assert_int_equal(status, STATUS_FATAL);
    assert_string_equal(err.code, "42P01");
    assert_non_null(strstr(err.message, "no_such_table"));
    memset(&err, 0, sizeof err); /* ending it all the same gives the same answer */
    assert_int_equal(postgres_copy_end(copy, &rows, &err), STATUS_FATAL);
    assert_string_equal(err.code, "42P01");
    assert_ok(copy_with_duplicate(pg, 10, 0, &err), &err);
    postgres_close(pg);
}

static void rollback_ends_a_copy_that_was_left_in_the_middle(void **state)
{
    struct postgres *pg = open_empty();
    struct copy *copy = NULL;
    struct error err;

    (void)state;
    test_command(pg, "BEGIN");
    assert_ok(postgres_copy_begin(pg, copy_item, &copy, &err), &err);
    copy_row(copy, 2);
    copy_int8(copy, 1);
    assert_ok(postgres_rollback(pg, &err), &err);
    assert_int_equal(test_number(pg, "SELECT count(*) FROM item"), 0);
    postgres_close(pg);
}

/* --- which errors blame an event, and what they show ------------------------------------- */

static const char long_name[] = /* too large for an index row, not compressible enough to fit */
    "name || (SELECT string_agg(md5(i::text), '') FROM generate_series(1, 400) i)";

static void check_error(struct postgres *pg, const char *sql, const char *sqlstate, bool blames)
{
    struct error err = {"", ""};

    assert_int_equal(postgres_command(pg, sql, &err), STATUS_RETRY);
    assert_string_equal(err.code, sqlstate);
    assert_int_equal(postgres_blames_event(&err), blames);
    if (strstr(err.message, "s3cret")) {
        fail_msg("row data in an error: %s", err.message);
    }
    assert_null(strchr(err.message, '\n'));
    assert_true(postgres_usable(pg));
}

static void bad_values_blame_the_event_and_are_never_shown(void **state)
{
    struct postgres *pg = open_empty();
    char sql[512];

    (void)state;
    check_error(pg, "INSERT INTO item VALUES (1, 'forbidden " ROW_TEXT "')", "23514", true);
    check_error(pg, "INSERT INTO item SELECT 1, NULLIF('" ROW_TEXT "', '" ROW_TEXT "')", "23502",
                true);
    check_error(pg, "SELECT ('" ROW_TEXT "' || '')::int8", "22P02", true);
    check_error(pg, "SELECT ('" ROW_TEXT "' || '')::timestamptz", "22007", true);
    check_error(pg, "INSERT INTO item VALUES (1, 'x', 40000)", "22003", true);
    check_error(pg,
                "CREATE TEMP TABLE small (t varchar(3)); INSERT INTO small VALUES ('" ROW_TEXT "')",
                "22001", true);
    snprintf(sql, sizeof sql,
             "INSERT INTO item SELECT 1, %s FROM (SELECT '" ROW_TEXT "' AS name) x", long_name);
    check_error(pg, sql, "54000", true);
    check_error(pg, "INSERT INTO item VALUES (1, '" ROW_TEXT "'), (1, '" ROW_TEXT "')", "23505",
                false);
    postgres_close(pg);
}

static void bad_text_in_a_copy_blames_the_event_and_is_never_shown(void **state)
{
    static const struct text bad[] = {{ROW_TEXT "\xff", 11}, {ROW_TEXT "\0x", 12}};
    struct postgres *pg = open_empty();
    struct copy *copy = NULL;
    struct error err;
    int64_t rows;

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        assert_ok(postgres_copy_begin(pg, copy_item, &copy, &err), &err);
        copy_row(copy, 2);
        copy_int8(copy, 1);
        copy_text(copy, bad[i]);
        assert_ok(copy_flush(copy, &err), &err);
        assert_int_equal(postgres_copy_end(copy, &rows, &err), STATUS_RETRY);
        assert_string_equal(err.code, "22021");
        assert_true(postgres_blames_event(&err));
        assert_null(strstr(err.message, "s3cret"));
    }
    postgres_close(pg);
}

static void a_copy_with_other_columns_than_the_table_is_our_fault_not_an_events(void **state)
{
    struct postgres *pg = open_empty();
    struct copy *copy = NULL;
    struct error err;
    int64_t rows;

    (void)state;
    assert_ok(postgres_copy_begin(pg, copy_item, &copy, &err), &err);
    copy_row(copy, 1);
    copy_int8(copy, 1);
    assert_int_equal(postgres_copy_end(copy, &rows, &err), STATUS_FATAL);
    assert_string_equal(err.code, "22P04");
    assert_true(postgres_usable(pg));
    postgres_close(pg);
}

/* --- the world --------------------------------------------------------------------------- */

static void a_statement_beyond_its_timeout_is_retried_on_the_same_connection(void **state)
{
    struct postgres *pg = open_with_timeout(HASTY_MS);
    struct error err;

    (void)state;
    assert_int_equal(postgres_command(pg, "SELECT pg_sleep(30)", &err), STATUS_RETRY);
    assert_string_equal(err.code, "57014");
    assert_true(postgres_usable(pg));
    postgres_close(pg);
}

static void a_lock_that_is_not_free_is_told_apart_from_a_slow_statement(void **state)
{
    struct postgres *holder = open_empty();
    struct postgres *pg = open_with_timeout(2 * HASTY_MS);
    struct error err;

    (void)state;
    test_command(holder, "BEGIN; LOCK TABLE item");
    assert_int_equal(postgres_command(pg, "INSERT INTO item VALUES (1, 'x')", &err), STATUS_RETRY);
    assert_string_equal(err.code, "55P03");
    assert_true(postgres_usable(pg));
    postgres_close(pg);
    postgres_close(holder);
}

static void a_deadlock_is_retried(void **state)
{
    struct postgres *a = open_empty();
    struct postgres *b = open_with_timeout(20000);
    uint64_t two_be = __builtin_bswap64(2);
    struct param two = {&two_be, 8};
    struct error err;

    (void)state;
    test_command(a, "INSERT INTO item VALUES (1, 'one'), (2, 'two')");
    test_command(a, "BEGIN; UPDATE item SET n = 1 WHERE id = 1");
    test_command(b, "BEGIN; UPDATE item SET n = 1 WHERE id = 2");
    assert_ok(postgres_send(a, "bump", &two, 1, &err), &err);
    assert_ok(postgres_sync(a, &err), &err);
    enum status status = postgres_command(b, "UPDATE item SET n = 2 WHERE id = 1", &err);
    if (status == STATUS_OK) { /* a was the victim */
        status = read_one(a, &err);
    }
    assert_int_equal(status, STATUS_RETRY);
    assert_string_equal(err.code, "40P01");
    assert_ok(postgres_rollback(b, &err), &err);
    assert_ok(postgres_rollback(a, &err), &err);
    postgres_close(a);
    postgres_close(b);
}

static void a_server_that_became_read_only_is_left_for_another(void **state)
{
    struct postgres *pg = open_empty();
    struct error err;

    (void)state;
    test_command(pg, "SET default_transaction_read_only = on");
    assert_int_equal(postgres_command(pg, "INSERT INTO item VALUES (1, 'x')", &err), STATUS_RETRY);
    assert_string_equal(err.code, "25006");
    assert_false(postgres_usable(pg));
    postgres_close(pg);
}

static void a_table_that_changed_under_a_statement_asks_for_a_new_connection(void **state)
{
    static const struct statement all[] = {{"all", "SELECT * FROM wide"}, {NULL, NULL}};
    struct postgres *admin = open_empty();
    struct error err;

    (void)state;
    test_command(admin, "CREATE TABLE wide (a int8)");
    struct postgres *pg = test_open(all);
    test_command(admin, "ALTER TABLE wide ADD COLUMN b int8");
    assert_ok(postgres_send(pg, "all", NULL, 0, &err), &err);
    assert_ok(postgres_sync(pg, &err), &err);
    assert_int_equal(read_one(pg, &err), STATUS_RETRY);
    assert_string_equal(err.code, "0A000");
    assert_false(postgres_usable(pg));
    test_command(admin, "DROP TABLE wide");
    postgres_close(pg);
    postgres_close(admin);
}

/* A plan is made when the table is empty and kept: it must be right for the full table too. */
static void a_plan_made_for_an_empty_table_does_not_scan_the_full_one(void **state)
{
    static const struct statement find[] = {
        {"find", "SELECT id FROM grown WHERE name = ANY ($1::text[])"},
        {"join", "SELECT g.id FROM unnest($1::text[]) AS u (name) JOIN grown g ON g.name = u.name"},
        {NULL, NULL}};
    static const char scans[] =
        "SELECT seq_scan FROM pg_stat_xact_user_tables WHERE relname = 'grown'";
    struct postgres *admin = open_empty();
    struct array array = {0};
    struct result *result = NULL;
    struct error err;

    (void)state;
    test_command(admin, "CREATE TABLE grown (id int8, name text); CREATE INDEX ON grown (name)");
    struct postgres *pg = test_open(find);
    array_begin(&array, ARRAY_TEXT);
    array_add_text(&array, TEXT("name 1"));
    struct param names = array_param(&array);
    test_command(pg, "BEGIN");
    for (int i = 0; i < 20; i++) {
        assert_ok(postgres_send(pg, i % 2 ? "find" : "join", &names, 1, &err), &err);
        assert_ok(postgres_sync(pg, &err), &err);
        assert_ok(postgres_result(pg, &result, &err), &err);
        assert_int_equal(result_rows(result), i > 10);
        result_close(result);
        assert_ok(postgres_drain(pg, &err), &err);
        if (i == 10) {
            test_command(
                admin, "INSERT INTO grown SELECT i, 'name ' || i FROM generate_series(1, 2000) i");
        }
    }
    assert_int_equal(test_number(pg, scans), 0);
    array_close(&array);
    postgres_close(pg);
    test_command(admin, "DROP TABLE grown");
    postgres_close(admin);
}

static void a_transaction_may_have_a_timeout_of_its_own(void **state)
{
    struct postgres *pg = open_with_timeout(HASTY_MS);
    struct error err;

    (void)state;
    test_command(pg, "BEGIN");
    assert_int_equal(postgres_set_timeout(pg, 20000, &err), STATUS_OK);
    test_command(pg, "SELECT pg_sleep(1.3)");
    assert_int_equal(postgres_set_timeout(pg, 0, &err), STATUS_OK);
    assert_int_equal(postgres_command(pg, "SELECT pg_sleep(20)", &err), STATUS_RETRY);
    assert_string_equal(err.code, "57014");
    assert_int_equal(postgres_rollback(pg, &err), STATUS_OK);

    test_command(pg, "BEGIN");
    assert_int_equal(postgres_set_timeout(pg, 20000, &err), STATUS_OK);
    assert_int_equal(postgres_rollback(pg, &err), STATUS_OK);
    assert_int_equal(postgres_command(pg, "SELECT pg_sleep(20)", &err), STATUS_RETRY);
    assert_string_equal(err.code, "57014");
    postgres_close(pg);
}

static void who_watches_is_told_that_a_long_statement_is_waited_for(void **state)
{
    struct postgres_options options = test_options(statements);
    _Atomic int64_t progress_us = 0;
    struct postgres *pg;

    (void)state;
    test_database_url();
    options.progress_us = &progress_us;
    pg = test_open_with(&options);
    int64_t started_us = clock_monotonic_us();
    test_command(pg, "SELECT pg_sleep(1.3)");
    assert_true(progress_us >= started_us + 900 * 1000);
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
        cmocka_unit_test(an_error_in_a_pipeline_skips_the_rest_and_the_connection_lives_on),
        cmocka_unit_test(an_error_that_nobody_read_comes_out_of_the_drain),
        cmocka_unit_test(rollback_ends_a_pipeline_that_was_never_synced),
        cmocka_unit_test(an_error_early_in_a_copy_is_told_at_its_end_and_the_connection_lives_on),
        cmocka_unit_test(a_copy_that_the_server_refuses_is_fatal_and_named),
        cmocka_unit_test(rollback_ends_a_copy_that_was_left_in_the_middle),
        cmocka_unit_test(bad_values_blame_the_event_and_are_never_shown),
        cmocka_unit_test(bad_text_in_a_copy_blames_the_event_and_is_never_shown),
        cmocka_unit_test(a_copy_with_other_columns_than_the_table_is_our_fault_not_an_events),
        cmocka_unit_test(a_statement_beyond_its_timeout_is_retried_on_the_same_connection),
        cmocka_unit_test(a_lock_that_is_not_free_is_told_apart_from_a_slow_statement),
        cmocka_unit_test(a_deadlock_is_retried),
        cmocka_unit_test(a_server_that_became_read_only_is_left_for_another),
        cmocka_unit_test(a_plan_made_for_an_empty_table_does_not_scan_the_full_one),
        cmocka_unit_test(a_transaction_may_have_a_timeout_of_its_own),
        cmocka_unit_test(who_watches_is_told_that_a_long_statement_is_waited_for),
        cmocka_unit_test(a_table_that_changed_under_a_statement_asks_for_a_new_connection),
    };
    return cmocka_run_group_tests(tests, create, test_database_drop);
}
