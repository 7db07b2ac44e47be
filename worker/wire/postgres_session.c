/* A session on PostgreSQL: its settings, its prepared statements, its beginning and end. */
#include "wire/postgres_handle.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The only notice that matters: the commit that did not reach its synchronous standby. */
static void take_notice(void *context, const PGresult *notice)
{
    struct postgres *pg = context;
    const char *sqlstate = PQresultErrorField(notice, PG_DIAG_SQLSTATE);
    const char *severity = PQresultErrorField(notice, PG_DIAG_SEVERITY_NONLOCALIZED);

    if (pg->committing && sqlstate && severity && strcmp(sqlstate, "01000") == 0 &&
        strcmp(severity, "WARNING") == 0) {
        pg->not_durable = true;
    }
}

static enum status check_server(const struct postgres *pg, struct error *err)
{
    int version = PQserverVersion(pg->conn);
    const char *encoding = PQparameterStatus(pg->conn, "server_encoding");

    if (version < SERVER_VERSION_MIN) {
        return error_set(err, STATUS_FATAL, "0A000",
                         "postgres: the server has version %d.%d and %d is needed: upgrade it",
                         version / 10000, version % 10000, SERVER_VERSION_MIN / 10000);
    }
    if (encoding && strcmp(encoding, "UTF8") != 0) {
        return error_set(
            err, STATUS_FATAL, "22P05",
            "postgres: the database has encoding %s, which cannot hold every event: create "
            "it with ENCODING 'UTF8'",
            encoding);
    }
    return STATUS_OK;
}

/* What the code relies on, whatever the server's, database's or role's defaults are:
 * - a lock that is not free must fail the statement before the statement times out, to be told
 * apart;
 * - the row locks of a stopped worker must go away (see also postgres_end_stalled);
 * - READ COMMITTED: the ledger is read back by a second statement that must see the winner's row;
 * - warnings must come, since one of them says that a commit is not durable;
 * - plans are made once, and by index whatever the sizes of tables and arrays: a plan that was made
 * for an empty table would scan all of it a minute later (measured after 300,000 rows without
 * ANALYZE: 2,500 ms instead of 8 for a look-up of 1,000 addresses);
 * - a commit must be durable before its results are published. Stronger settings stay. */
static const char session_sql[] =
    "SET statement_timeout = %lld;"
    " SET lock_timeout = %lld;"
    " SET idle_in_transaction_session_timeout = %lld;"
    " SET idle_session_timeout = 0;"
    " SET default_transaction_isolation = 'read committed';"
    " SET client_min_messages = warning;"
    " SET search_path = provd, pg_temp;"
    " SET timezone = 'UTC';"
    " SET jit = off;"
    " SET plan_cache_mode = force_generic_plan;"
    " SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off;"
    " SELECT pg_catalog.set_config('synchronous_commit', 'on', false)"
    " WHERE pg_catalog.current_setting('synchronous_commit') NOT IN ('on', 'remote_apply')";

static enum status set_session(struct postgres *pg, struct error *err)
{
    char sql[sizeof session_sql + 64];
    long long timeout_ms = pg->statement_timeout_ms;
    long long idle_ms = timeout_ms / IDLE_IN_TRANSACTION_SHARE;

    if (idle_ms < IDLE_IN_TRANSACTION_MS_MIN) {
        idle_ms = IDLE_IN_TRANSACTION_MS_MIN;
    }

    snprintf(sql, sizeof sql, session_sql, timeout_ms, timeout_ms / 2 + 1, idle_ms);
    enum status status = postgres_command(pg, sql, err);
    return status == STATUS_OK ? STATUS_OK : error_prefix(err, status, "setting up the session");
}

/* --- preparing --------------------------------------------------------------------------- */

static enum status fail_prepare(struct postgres *pg, const PGresult *result, const char *name,
                                struct error *err)
{
    const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    enum status status = postgres_fail_result(pg, result, name, err);

    if (!sqlstate ||
        (sqlstate_action(sqlstate) == SQLSTATE_RETRY && strncmp(sqlstate, "0A", 2) != 0)) {
        return status;
    }
    return error_prefix(err, STATUS_FATAL, "statement '%s' cannot be prepared", name);
}

/* Keeps what the server understood the parameters to be. Only types that the param functions make:
 * of another one (a float8 from "$1 * interval ..") the bytes would be taken for something else. */
static enum status keep_params(struct prepared *prepared, const PGresult *description,
                               const char *name, struct error *err)
{
    prepared->param_count = PQnparams(description);
    if (prepared->param_count > PARAMS_MAX) {
        return error_set(err, STATUS_FATAL, "54023",
                         "postgres: statement '%s' has more than %d parameters", name, PARAMS_MAX);
    }
    for (int i = 0; i < prepared->param_count; i++) {
        int width = postgres_param_width(PQparamtype(description, i));
        if (width < 0) {
            return error_set(
                err, STATUS_FATAL, "42804",
                "postgres: parameter $%d of statement '%s' has a type (oid %u) that is never "
                "sent: cast it, e.g. $%d::int8",
                i + 1, name, PQparamtype(description, i), i + 1);
        }
        prepared->widths[i] = (signed char)width;
    }
    return STATUS_OK;
}

static enum status judge_prepared(struct postgres *pg, int index, const PGresult *result,
                                  struct error *err)
{
    const char *name = pg->statements[index].name;

    if (PQresultStatus(result) != PGRES_COMMAND_OK) {
        return fail_prepare(pg, result, name, err);
    }
    return keep_params(&pg->prepared[index], result, name, err);
}

/* The answers to Parse and Describe of one statement, each with a NULL behind it. */
static enum status read_prepared(struct postgres *pg, int index, struct error *err)
{
    enum status status = STATUS_OK;

    for (int i = 0; i < 4 && status == STATUS_OK; i++) {
        PGresult *result;
        status = postgres_next_result(pg, pg->statements[index].name, &result, err);
        if (status == STATUS_OK && result) {
            status = judge_prepared(pg, index, result, err);
            PQclear(result);
        }
    }
    return status;
}

static enum status send_prepares(struct postgres *pg, struct error *err)
{
    for (int i = 0; i < pg->statement_count; i++) {
        const struct statement *statement = &pg->statements[i];
        if (!PQsendPrepare(pg->conn, statement->name, statement->sql, 0, NULL) ||
            !PQsendDescribePrepared(pg->conn, statement->name)) {
            return postgres_fail_send(pg, statement->name, err);
        }
    }
    return postgres_sync(pg, err);
}

/* Stops at the first statement that fails: the connection is closed then. */
static enum status prepare_all(struct postgres *pg, struct error *err)
{
    if (!PQenterPipelineMode(pg->conn)) {
        return postgres_fail_send(pg, "prepare", err);
    }
    enum status status = send_prepares(pg, err);
    for (int i = 0; i < pg->statement_count && status == STATUS_OK; i++) {
        status = read_prepared(pg, i, err);
    }
    return status == STATUS_OK ? postgres_drain(pg, err) : status;
}

static bool count_statements(struct postgres *pg)
{
    while (pg->statements && pg->statements[pg->statement_count].name) {
        pg->statement_count++;
    }
    pg->prepared = calloc((size_t)pg->statement_count + 1, sizeof *pg->prepared);
    return pg->prepared;
}

static enum status open_session(struct postgres *pg, struct error *err)
{
    PQsetNoticeReceiver(pg->conn, take_notice, pg);
    PQsetErrorVerbosity(pg->conn, PQERRORS_TERSE);
    if (PQsetnonblocking(pg->conn, 1) != 0) {
        return postgres_fail_lost(pg, "connect", err);
    }
    enum status status = check_server(pg, err);
    if (status == STATUS_OK) {
        status = set_session(pg, err);
    }
    return status == STATUS_OK ? prepare_all(pg, err) : status;
}

static struct postgres *allocate(const struct postgres_options *options)
{
    struct postgres *pg = calloc(1, sizeof *pg);

    if (!pg) {
        return NULL;
    }
    pg->statement_timeout_ms = pg->session_timeout_ms = options->statement_timeout_ms;
    pg->progress_us = options->progress_us;
    pg->commit_timeout_ms = options->commit_timeout_ms;
    pg->statements = options->statements;
    if (!count_statements(pg)) {
        free(pg);
        return NULL;
    }
    return pg;
}

enum status postgres_open(struct postgres **ret_pg, const struct postgres_options *options,
                          struct error *err)
{
    struct postgres *pg = allocate(options);

    if (!pg) {
        return error_set(err, STATUS_RETRY, "53200", "postgres: cannot connect: memory is out");
    }
    enum status status = postgres_connect(options, &pg->conn, err);
    if (status == STATUS_OK) {
        status = open_session(pg, err);
    }
    if (status != STATUS_OK) {
        postgres_close(pg);
        return status;
    }
    *ret_pg = pg;
    return STATUS_OK;
}

void postgres_close(struct postgres *pg)
{
    if (!pg) {
        return;
    }
    for (size_t i = 0; i < RESULTS_OPEN_MAX; i++) {
        result_close(&pg->results[i]);
    }
    PQfinish(pg->conn); /* in non-blocking mode it does not wait for its goodbye to be sent */
    free(pg->copy.start);
    free(pg->prepared);
    free(pg);
}
