/* Requests to PostgreSQL and the order of their answers: the pipeline, plain commands, COMMIT. */
#include "wire/postgres_handle.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool postgres_usable(const struct postgres *pg)
{
    return pg != NULL && !pg->broken && PQstatus(pg->conn) == CONNECTION_OK;
}

int postgres_backend_pid(const struct postgres *pg)
{
    return PQbackendPID(pg->conn);
}

static int64_t statement_deadline_ms(const struct postgres *pg)
{
    return pg->statement_timeout_ms + DEADLINE_MARGIN_MS;
}

/* --- parameters -------------------------------------------------------------------------- */

/* Parameters as libpq takes them; all binary. */
struct libpq_params {
    const char *values[PARAMS_MAX];
    int lengths[PARAMS_MAX];
    int formats[PARAMS_MAX];
};

static enum status convert_params(struct libpq_params *out, const char *what,
                                  const struct param *params, int count, struct error *err)
{
    assert(count <= PARAMS_MAX);
    for (int i = 0; i < count; i++) {
        if (params[i].len < 0) {
            return error_set(
                err, STATUS_FATAL, "54000",
                "postgres: %.60s: parameter %d is too large or out of its type's range: use "
                "smaller batches",
                what, i + 1);
        }
        out->values[i] = params[i].data;
        out->lengths[i] = params[i].len;
        out->formats[i] = 1;
    }
    return STATUS_OK;
}

/* --- the pipeline ------------------------------------------------------------------------ */

static int find_statement(const struct postgres *pg, const char *name)
{
    for (int i = 0; i < pg->statement_count; i++) {
        if (strcmp(pg->statements[i].name, name) == 0) {
            return i;
        }
    }
    return -1;
}

static bool enter_pipeline(struct postgres *pg)
{
    return PQpipelineStatus(pg->conn) != PQ_PIPELINE_OFF || PQenterPipelineMode(pg->conn) == 1;
}

void postgres_leave_pipeline(struct postgres *pg)
{
    assert(!pg->copy.active);
    assert(pg->request_first == pg->request_end && !pg->synced); /* else: drain first */
    if (PQpipelineStatus(pg->conn) != PQ_PIPELINE_OFF && !PQexitPipelineMode(pg->conn)) {
        pg->broken = true;
    }
}

/* A value of another width than its parameter would be an error of the server that looks like a
 * broken connection (08P01). */
static bool params_fit(const struct prepared *prepared, const struct param *params, int count)
{
    for (int i = 0; i < count && i < prepared->param_count; i++) {
        if (params[i].data && prepared->widths[i] && params[i].len >= 0 &&
            params[i].len != prepared->widths[i]) {
            return false;
        }
    }
    return count == prepared->param_count;
}

enum status postgres_send(struct postgres *pg, const char *statement, const struct param *params,
                          int param_count, struct error *err)
{
    struct libpq_params converted;
    int index = find_statement(pg, statement);

    assert(index >= 0 && params_fit(&pg->prepared[index], params, param_count));
    if (!postgres_usable(pg)) {
        return postgres_fail_lost(pg, statement, err);
    }
    assert(!pg->synced && !pg->copy.active && pg->request_end < PIPELINE_REQUESTS_MAX);
    enum status status = postgres_copy_settle(pg, err);
    if (status != STATUS_OK) {
        return status;
    }
    status = convert_params(&converted, statement, params, param_count, err);
    if (status != STATUS_OK) {
        return status;
    }
    if (!enter_pipeline(pg) ||
        !PQsendQueryPrepared(pg->conn, statement, param_count, converted.values, converted.lengths,
                             converted.formats, 1)) {
        return postgres_fail_send(pg, statement, err);
    }
    bool commit = strcmp(statement, "commit") == 0;
    pg->requests[pg->request_end++] = (struct request){pg->statements[index].name, commit};
    pg->committing |= commit;
    return STATUS_OK;
}

/* One deadline for all results, renewed with each: without a sync in between the server may keep
 * them back until its last statement is done. */
static void renew_deadline(struct postgres *pg)
{
    postgres_deadline_in(pg,
                         statement_deadline_ms(pg) + (pg->committing ? pg->commit_timeout_ms : 0));
}

enum status postgres_sync(struct postgres *pg, struct error *err)
{
    if (!postgres_usable(pg)) {
        return postgres_fail_lost(pg, "sync", err);
    }
    assert(!pg->synced && !pg->copy.active);
    enum status status = postgres_copy_settle(pg, err); /* nothing may have been sent since */
    if (status != STATUS_OK) {
        return status;
    }
    if (!enter_pipeline(pg) || !PQpipelineSync(pg->conn)) {
        return postgres_fail_send(pg, "sync", err);
    }
    pg->synced = true;
    renew_deadline(pg);
    return postgres_wait_sent(pg, "sync", err);
}

/* A COMMIT in a failed transaction answers ROLLBACK, without an error. */
static enum status check_committed(struct postgres *pg, PGresult *result, struct error *err)
{
    pg->committing = false;
    if (strcmp(PQcmdStatus(result), "COMMIT") != 0) {
        return error_set(
            err, STATUS_RETRY, "25P02",
            "postgres: commit: the transaction was rolled back because an earlier statement "
            "had failed, or none was open; the batch runs again");
    }
    return STATUS_OK;
}

static enum status judge_result(struct postgres *pg, const struct request *request,
                                PGresult *result, struct error *err)
{
    enum status status = STATUS_OK;

    switch (PQresultStatus(result)) {
    case PGRES_COMMAND_OK:
    case PGRES_TUPLES_OK:
        if (request->commit) {
            status = check_committed(pg, result, err);
        }
        break;
    default:
        status = postgres_fail_result(pg, result, request->name, err);
        if (request->commit) {
            pg->committing = false;
        }
    }
    pg->error_read |= status != STATUS_OK;
    return status;
}

enum status postgres_result(struct postgres *pg, struct result **ret_result, struct error *err)
{
    assert(pg->synced && pg->request_first < pg->request_end);
    const struct request *request = &pg->requests[pg->request_first];
    PGresult *result;
    PGresult *end;

    enum status status = postgres_next_result(pg, request->name, &result, err);
    if (status != STATUS_OK) {
        return status;
    }
    pg->request_first++;
    status = judge_result(pg, request, result, err);
    if (!pg->broken && postgres_next_result(pg, request->name, &end, NULL) == STATUS_OK) {
        assert(!end); /* one result for each statement */
    }
    renew_deadline(pg);
    if (status != STATUS_OK) {
        PQclear(result);
        return status;
    }
    *ret_result = postgres_wrap_result(pg, result);
    return STATUS_OK;
}

static void forget_pipeline(struct postgres *pg)
{
    pg->request_first = 0;
    pg->request_end = 0;
    pg->synced = false;
    pg->error_read = false;
    pg->committing = false;
}

/* Behind the last request: nothing but the sync, or an error of the sync itself. */
static enum status consume_sync(struct postgres *pg, struct error *err)
{
    enum status first = STATUS_OK;

    for (;;) {
        PGresult *result;
        enum status status = postgres_next_result(pg, "sync", &result, first ? NULL : err);
        if (status != STATUS_OK) {
            return first ? first : status;
        }
        ExecStatusType type = result ? PQresultStatus(result) : PGRES_COMMAND_OK;
        if (result && type != PGRES_PIPELINE_SYNC && first == STATUS_OK) {
            first = postgres_fail_result(pg, result, "sync", err);
        }
        PQclear(result);
        if (type == PGRES_PIPELINE_SYNC || pg->broken) {
            return first;
        }
    }
}

enum status postgres_drain(struct postgres *pg, struct error *err)
{
    enum status first = STATUS_OK;

    if (!pg->synced && pg->request_end > 0) {
        first = postgres_sync(pg, err);
    }
    while (pg->request_first < pg->request_end && !pg->broken) {
        struct result *result = NULL;
        bool known = pg->error_read;
        enum status status = postgres_result(pg, &result, first || known ? NULL : err);
        result_close(result);
        first = first || known ? first : status;
    }
    if (pg->synced && !pg->broken) {
        enum status status = consume_sync(pg, first ? NULL : err);
        first = first ? first : status;
    }
    forget_pipeline(pg);
    if (pg->broken && first == STATUS_OK) {
        return postgres_fail_lost(pg, "drain", err);
    }
    return first;
}

/* --- plain commands ---------------------------------------------------------------------- */

static enum status run_command(struct postgres *pg, const char *sql, int64_t timeout_ms,
                               PGresult **ret_last, struct error *err)
{
    if (!postgres_usable(pg)) {
        return postgres_fail_lost(pg, sql, err);
    }
    enum status status = postgres_copy_settle(pg, err);
    if (status != STATUS_OK) {
        return status;
    }
    postgres_leave_pipeline(pg);
    if (!PQsendQuery(pg->conn, sql)) {
        return postgres_fail_send(pg, sql, err);
    }
    postgres_deadline_in(pg, timeout_ms);
    return postgres_finish(pg, sql, ret_last, err);
}

enum status postgres_command(struct postgres *pg, const char *sql, struct error *err)
{
    return run_command(pg, sql, statement_deadline_ms(pg), NULL, err);
}

enum status postgres_set_timeout(struct postgres *pg, int64_t statement_timeout_ms,
                                 struct error *err)
{
    char sql[64];
    int64_t timeout_ms = statement_timeout_ms ? statement_timeout_ms : pg->session_timeout_ms;

    snprintf(sql, sizeof sql, "SET LOCAL statement_timeout = %" PRId64, timeout_ms);
    enum status status = postgres_command(pg, sql, err);
    if (status == STATUS_OK) {
        pg->statement_timeout_ms = timeout_ms;
    }
    return status;
}

enum status postgres_query(struct postgres *pg, const char *sql, const struct param *params,
                           int param_count, struct result **ret_result, struct error *err)
{
    struct libpq_params converted;
    PGresult *result = NULL;

    if (!postgres_usable(pg)) {
        return postgres_fail_lost(pg, "query", err);
    }
    enum status status = postgres_copy_settle(pg, err);
    if (status == STATUS_OK) {
        status = convert_params(&converted, "query", params, param_count, err);
    }
    if (status != STATUS_OK) {
        return status;
    }
    postgres_leave_pipeline(pg);
    if (!PQsendQueryParams(pg->conn, sql, param_count, NULL, converted.values, converted.lengths,
                           converted.formats, 1)) {
        return postgres_fail_send(pg, "query", err);
    }
    postgres_deadline_in(pg, statement_deadline_ms(pg));
    status = postgres_finish(pg, "query", &result, err);
    if (status == STATUS_OK) {
        *ret_result = postgres_wrap_result(pg, result);
    }
    return status;
}

enum status postgres_commit(struct postgres *pg, struct error *err)
{
    PGresult *result = NULL;

    if (!postgres_usable(pg)) {
        return postgres_fail_lost(pg, "commit", err); /* not sent: not in doubt */
    }
    enum status status = postgres_copy_settle(pg, err);
    if (status != STATUS_OK) {
        return status;
    }
    pg->committing = true;
    status = run_command(pg, "COMMIT", pg->commit_timeout_ms, &result, err);
    if (status == STATUS_OK) {
        status = check_committed(pg, result, err);
    }
    pg->committing = false;
    PQclear(result);
    return status;
}

bool postgres_commit_not_durable(struct postgres *pg)
{
    bool not_durable = pg->not_durable;

    pg->not_durable = false;
    return not_durable;
}

enum status postgres_rollback(struct postgres *pg, struct error *err)
{
    pg->statement_timeout_ms = pg->session_timeout_ms;
    postgres_deadline_in(pg, statement_deadline_ms(pg));
    if (pg->copy.active) {
        postgres_copy_abort(pg);
    }
    postgres_copy_settle(pg, NULL);
    postgres_drain(pg, NULL); /* its errors are why we are here */
    if (!postgres_usable(pg)) {
        return postgres_fail_lost(pg, "rollback", err);
    }
    if (PQtransactionStatus(pg->conn) == PQTRANS_IDLE) {
        return STATUS_OK;
    }
    enum status status = postgres_command(pg, "ROLLBACK", err);
    pg->broken |= status != STATUS_OK;
    return status;
}

void postgres_clear_after(struct postgres *pg, enum status status)
{
    struct error ignored;

    if (status != STATUS_OK && postgres_usable(pg)) {
        postgres_rollback(pg, &ignored);
    }
}

/* A session that waits for the rest of a COPY, or for its answers to be read, is "active" for the
 * server: idle_in_transaction_session_timeout does not count, and statement_timeout cannot
 * interrupt reading from the client or writing to it. Healthy ones never get older than the
 * statement timeout. Programs are the same up to their first digit or space, so that lanes know
 * each other. */
enum status postgres_end_stalled(struct postgres *pg, int64_t *ret_ended, struct error *err)
{
    static const char sql[] =
        "SELECT count(*) FILTER (WHERE pg_catalog.pg_terminate_backend(pid))"
        " FROM pg_catalog.pg_stat_activity"
        " WHERE datname = current_database() AND usename = current_user"
        " AND pid <> pg_catalog.pg_backend_pid()"
        " AND substring(application_name from '^[^0-9 ]+') ="
        "     substring(current_setting('application_name') from '^[^0-9 ]+')"
        " AND state = 'active' AND (wait_event = 'ClientRead' AND query ILIKE 'copy%'"
        "                           OR wait_event = 'ClientWrite')"
        " AND query_start < pg_catalog.clock_timestamp() - $1::int8 * interval '1 millisecond'";
    uint64_t timeout_be = __builtin_bswap64((uint64_t)statement_deadline_ms(pg));
    struct param timeout = {&timeout_be, sizeof timeout_be};
    struct result *result = NULL;

    enum status status = postgres_query(pg, sql, &timeout, 1, &result, err);
    if (status == STATUS_OK) {
        *ret_ended = result_int(result, 0, 0);
        result_close(result);
    }
    return status;
}

int64_t postgres_end_stalled_after(struct postgres *pg, const struct error *failure)
{
    struct error ignored;
    int64_t ended = 0;

    if (strcmp(failure->code, "55P03") != 0 || !postgres_usable(pg) ||
        postgres_end_stalled(pg, &ended, &ignored) != STATUS_OK) {
        return 0;
    }
    return ended;
}
