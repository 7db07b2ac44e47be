/* One PostgreSQL connection, driven asynchronously with a deadline of our own for every exchange
 * (statement_timeout does not cover COMMIT). The only owner of <libpq-fe.h>.
 *
 * Statements are prepared at connect from the embedded .sql files, so that a typo stops start-up.
 * Requests are queued in pipeline mode and their results read in order; COPY leaves pipeline mode for
 * its duration. Errors become statuses in one table of SQLSTATE classes (postgres_errors.c):
 *   40 55 08 57 53   RETRY   run the batch again
 *   22 23            the event's fault: `postgres_blames_event` is true, the batch is unrolled
 *   42 28 3D XX      FATAL   stop with an alarm
 * Error texts carry SQLSTATE, constraint and table only: DETAIL holds row data. */
#ifndef PROVD_WIRE_POSTGRES_H
#define PROVD_WIRE_POSTGRES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "base/text.h"
#include "base/uuid.h"

struct arena;
struct postgres;

/* A statement of worker/sql: its name and text. */
struct statement {
    const char *name;
    const char *sql;
};

struct postgres_options {
    const char *url; /* URI or key=value, multi-host allowed; never logged */
    const char *password; /* NULL: as in the URL */
    const char *application_name;
    int64_t connect_timeout_ms;
    int64_t statement_timeout_ms; /* set on the session, and our deadline is this plus a margin */
    int64_t commit_timeout_ms;    /* our deadline for COMMIT */
    const struct statement *statements; /* prepared at connect; ended by a NULL name */
};

/* Connects and prepares. On RETRY/FATAL *ret_pg is untouched. */
enum status postgres_open(struct postgres **ret_pg, const struct postgres_options *options,
                          struct error *err);
void postgres_close(struct postgres *pg); /* NULL is fine; aborts what is open, never blocks long */
/* False after any connection failure or passed deadline: close it and open another. */
bool postgres_usable(const struct postgres *pg);

/* --- parameters: binary, built in the caller's arena ------------------------------------------ */

/* One parameter in PostgreSQL's binary format; NULL data is SQL NULL. */
struct param {
    const void *data;
    int len;
};
struct param param_int8(struct arena *arena, int64_t v); /* INT_NULL gives NULL */
struct param param_int4(struct arena *arena, int32_t v);
struct param param_bool(struct arena *arena, bool v);
struct param param_text(struct text t);
struct param param_bytes(struct text t);
struct param param_uuid(const struct uuid *u); /* not copied */
struct param param_time(struct arena *arena, int64_t unix_us); /* INT_NULL gives NULL */

/* Arrays for unnest: started with the element type and the expected count, filled, ended. A NULL text
 * or INT_NULL is a NULL element. */
enum array_type { ARRAY_TEXT, ARRAY_INT8, ARRAY_INT4, ARRAY_INT2, ARRAY_BOOL, ARRAY_UUID, ARRAY_TIME, ARRAY_BYTES };
struct array {
    struct buffer buffer;
    enum array_type type;
    int32_t count;
    bool has_null;
};
void array_begin(struct array *array, enum array_type type); /* keeps memory of an earlier use */
void array_add_text(struct array *array, struct text t);     /* TEXT, BYTES */
void array_add_int(struct array *array, int64_t v); /* INT8, INT4, INT2, BOOL, TIME (unix us) */
void array_add_uuid(struct array *array, const struct uuid *u); /* nil is NULL */
struct param array_param(struct array *array);               /* valid until the next begin/close */
void array_close(struct array *array);

/* --- requests and results ------------------------------------------------------------------- */

/* Queues a prepared statement (in pipeline mode, entered by itself). Nothing is waited for. */
enum status postgres_send(struct postgres *pg, const char *statement, const struct param *params,
                          int param_count, struct error *err);
/* Ends the queued requests with a sync and flushes. */
enum status postgres_sync(struct postgres *pg, struct error *err);

/* Result of the oldest unanswered request, binary. Waits until the deadline (statement timeout, or
 * the commit timeout when the statement's name is "commit"). An SQL error is a status with the
 * SQLSTATE in err->code; the rest of the pipeline up to the sync is drained by postgres_drain. */
struct result;
enum status postgres_result(struct postgres *pg, struct result **ret_result, struct error *err);
void result_close(struct result *result);
/* After all results were read: consumes the sync. After an error: throws away everything up to it. */
enum status postgres_drain(struct postgres *pg, struct error *err);

/* A plain text command without parameters (BEGIN, ROLLBACK, SET ..), outside pipeline mode, waited
 * for. */
enum status postgres_command(struct postgres *pg, const char *sql, struct error *err);
/* The same with rows: one statement, text SQL, binary results. */
enum status postgres_query(struct postgres *pg, const char *sql, const struct param *params,
                           int param_count, struct result **ret_result, struct error *err);

int result_rows(const struct result *result);
int result_column(const struct result *result, const char *name); /* -1: no such column */
int64_t result_affected(const struct result *result);             /* rows of UPDATE, COPY, .. */
bool result_is_null(const struct result *result, int row, int column);
/* Values by the column's own type (int2/int4/int8/bool as int64; timestamptz as unix us); NULL gives
 * INT_NULL, TEXT_NULL, nil. Texts point into the result. */
int64_t result_int(const struct result *result, int row, int column);
struct text result_text(const struct result *result, int row, int column); /* text, bytea */
struct uuid result_uuid(const struct result *result, int row, int column);

/* --- COPY .. FROM STDIN BINARY ---------------------------------------------------------------- */

/* One COPY: begin, any number of rows put into the copy's buffer by the caller through the put
 * functions, end. Data is sent while it is made (non-blocking, so both sides work at once). */
struct copy;
enum status postgres_copy_begin(struct postgres *pg, const char *copy_sql, struct copy **ret_copy,
                                struct error *err);
void copy_row(struct copy *copy, int16_t columns);
void copy_text(struct copy *copy, struct text t); /* also bytea; null is NULL */
void copy_int8(struct copy *copy, int64_t v);     /* INT_NULL is NULL, in all of these */
void copy_int4(struct copy *copy, int64_t v);
void copy_int2(struct copy *copy, int64_t v);
void copy_bool(struct copy *copy, int64_t v);
void copy_time(struct copy *copy, int64_t unix_us);
void copy_uuid(struct copy *copy, const struct uuid *u); /* nil is NULL */
/* Sends what has piled up when it is much; call once a row. */
enum status copy_flush(struct copy *copy, struct error *err);
/* Ends it, waits for the server's word. `copy` is gone afterwards in any case. */
enum status postgres_copy_end(struct copy *copy, int64_t *ret_rows, struct error *err);

/* --- errors ----------------------------------------------------------------------------------- */

/* The table of error classes. */
enum sqlstate_action { SQLSTATE_RETRY, SQLSTATE_CONFLICT, SQLSTATE_EVENT, SQLSTATE_STOP };
enum sqlstate_action sqlstate_action(const char *sqlstate);
/* True when the last error was a unique conflict (23505), i.e. a lost race: load again. */
bool postgres_lost_race(const struct error *err);
/* True for class 22/23 other than that: some event of the batch cannot be stored. */
bool postgres_blames_event(const struct error *err);
/* True after a commit that was "canceled waiting for synchronous replication" (warning 01000): committed
 * here, not durable; publish nothing until a later writing commit is acknowledged. Reset by reading. */
bool postgres_commit_not_durable(struct postgres *pg);

/* Sends BEGIN-less COMMIT with the commit deadline. An answer that does not come is RETRY with the
 * connection unusable (in doubt; the ledger decides when the batch runs again). */
enum status postgres_commit(struct postgres *pg, struct error *err);

#endif
