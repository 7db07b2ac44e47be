/* One PostgreSQL connection, driven asynchronously with a deadline of our own for every exchange
 * (statement_timeout does not cover COMMIT). <libpq-fe.h> is seen by postgres*.c only, through
 * postgres_handle.h.
 *
 * Statements are prepared at connect from the embedded .sql files, so that a typo stops start-up.
 * Requests are queued in pipeline mode and their results read in order; COPY and plain commands
 * leave pipeline mode by themselves. The order of calls in a batch:
 *   postgres_send (of BEGIN) ... postgres_send, postgres_sync, postgres_result ... postgres_result,
 * postgres_drain postgres_copy_begin, (copy_row, copy_*, copy_flush) ..., postgres_copy_end
 *   postgres_commit, or after any error postgres_rollback
 * Calls in another order are mistakes of ours and end in an assert.
 *
 * Errors become statuses in one table of SQLSTATE classes (postgres_errors.c):
 *
 *     40 55 08 57 53   RETRY   run the batch again
 *     22 23 54         RETRY   the event's fault: postgres_blames_event(), the batch is unrolled
 *     42 28 3D XX      FATAL   stop with an alarm; XX at login is RETRY
 *
 * Error texts carry SQLSTATE, constraint and table, never DETAIL or CONTEXT: those hold row data.
 */
#ifndef PROVD_WIRE_POSTGRES_H
#define PROVD_WIRE_POSTGRES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "base/text.h"
#include "base/uuid.h"
#include "wire/postgres_copy.h"

struct arena;
struct postgres;

/* A statement of worker/sql: its name and text. */
struct statement {
    const char *name;
    const char *sql;
};

struct postgres_options {
    const char *url;      /* URI or key=value, multi-host allowed; never logged */
    const char *password; /* NULL: as in the URL, PGPASSWORD or the password file */
    const char *application_name;
    int64_t
        connect_timeout_ms; /* for all hosts together; each gets its share. DNS is not covered */
    int64_t statement_timeout_ms; /* set on the session; our own deadline is this and a margin */
    int64_t commit_timeout_ms;    /* our deadline for COMMIT */
    _Atomic int64_t *progress_us; /* told the monotonic time while waiting, each second; or NULL */
    const struct statement *statements; /* prepared at connect; ended by a NULL name; must outlive
                                           the connection. NULL: none */
};

/* Connects to the first host that accepts writes (unless the URL has other target_session_attrs),
 * sets the session up and prepares. On RETRY/FATAL *ret_pg is untouched. What is only read while
 * opening: all of `options` but the statements. */
enum status postgres_open(struct postgres **ret_pg, const struct postgres_options *options,
                          struct error *err);
void postgres_close(
    struct postgres *pg); /* NULL is fine; the server aborts what is open; never blocks */
/* False for NULL, and after any connection failure, passed deadline, or an error that asks for a
 * new connection: close it and open another. */
bool postgres_usable(const struct postgres *pg);
/* What to do while the server works: `work` is called again and again instead of waiting, until it
 * returns false, which says that there is nothing left to do. Each call should be short: nobody
 * looks at the socket meanwhile. It must not use the connection. NULL: just wait. */
void postgres_meanwhile(struct postgres *pg, bool (*work)(void *opaque), void *opaque);
/* The server process; for logs and tests. */
int postgres_backend_pid(const struct postgres *pg);

/* --- parameters: binary, built in the caller's arena ------------------------------------- */

/* One parameter in PostgreSQL's binary format; NULL data is SQL NULL. A negative length stands for
 * a value beyond the limits: postgres_send refuses it. */
struct param {
    const void *data;
    int len;
};
struct param param_int8(struct arena *arena, int64_t v); /* INT_NULL gives NULL, also below */
struct param param_int4(struct arena *arena, int64_t v); /* must fit: asserted, also below */
struct param param_int2(struct arena *arena, int64_t v);
struct param param_bool(struct arena *arena, int64_t v);
struct param param_text(struct text t); /* not copied; must live until the send */
struct param param_bytes(struct text t);
struct param param_uuid(const struct uuid *u); /* not copied; nil gives NULL */
struct param param_time(struct arena *arena, int64_t unix_us);

/* Arrays for unnest: begun with the element type, filled, handed over as a parameter. A null text,
 * INT_NULL and the nil UUID are NULL elements. Zero a struct array before its first begin; it keeps
 * its memory for the next one. libpq's output buffer gets the only copy. */
enum array_type {
    ARRAY_TEXT,
    ARRAY_INT8,
    ARRAY_INT4,
    ARRAY_INT2,
    ARRAY_BOOL,
    ARRAY_UUID,
    ARRAY_TIME,
    ARRAY_BYTES
};
enum { ARRAY_BYTES_MAX = 256 * 1024 * 1024 };
struct array {
    struct buffer buffer;
    enum array_type type;
    int32_t count;
    bool has_null;
};
void array_begin(struct array *array, enum array_type type);
void array_add_text(struct array *array, struct text t);        /* TEXT, BYTES */
void array_add_int(struct array *array, int64_t v);             /* INT*, BOOL, TIME (unix us) */
void array_add_uuid(struct array *array, const struct uuid *u); /* nil is NULL */
struct param array_param(struct array *array); /* valid until the next add, begin or close */
void array_close(struct array *array);

/* --- requests and results ---------------------------------------------------------------- */

/* Queues a prepared statement (in pipeline mode, entered by itself). Nothing is waited for. The
 * parameters may go afterwards. */
enum status postgres_send(struct postgres *pg, const char *statement, const struct param *params,
                          int param_count, struct error *err);
/* Ends the queued requests with a sync, and waits until the server has taken them all in, so that
 * it works while the caller does something else. */
enum status postgres_sync(struct postgres *pg, struct error *err);

/* Result of the oldest unanswered request, binary. The deadline is the statement timeout and a
 * margin, counted from the sync or the result before; a pipeline that has a statement named
 * "commit" gets the commit timeout on top. An SQL error is a status with the SQLSTATE in err->code;
 * the requests behind it are not done (25P02): go on to postgres_rollback. */
struct result;
enum status postgres_result(struct postgres *pg, struct result **ret_result, struct error *err);
void result_close(struct result *result); /* before its connection; NULL is fine */
/* Consumes what is left up to and with the sync; an error in there that nobody has read yet is
 * returned. */
enum status postgres_drain(struct postgres *pg, struct error *err);

/* A plain text command without parameters (BEGIN, SET ..), outside pipeline mode, waited for. */
enum status postgres_command(struct postgres *pg, const char *sql, struct error *err);
/* Another timeout for the statements of the open transaction, until it ends or 0 is set: the
 * session's own. */
enum status postgres_set_timeout(struct postgres *pg, int64_t statement_timeout_ms,
                                 struct error *err);
/* The same with rows: one statement, text SQL, binary results. */
enum status postgres_query(struct postgres *pg, const char *sql, const struct param *params,
                           int param_count, struct result **ret_result, struct error *err);

/* Sends COMMIT with the commit deadline. An answer that does not come is RETRY with code 08007 and
 * the connection unusable (in doubt; never cancelled; the ledger decides when the batch runs
 * again). The COMMIT of a transaction that had failed is RETRY too: it has been rolled back. */
enum status postgres_commit(struct postgres *pg, struct error *err);
/* True after a commit that was "canceled waiting for synchronous replication" (warning 01000):
 * committed here, not durable; publish nothing until a later writing commit is acknowledged. Reset
 * by reading. */
bool postgres_commit_not_durable(struct postgres *pg);
/* Ends whatever is open, COPY and pipeline too, throwing results and errors away, and rolls back.
 * Without a transaction it does nothing. Anything but OK: the connection is gone. */
enum status postgres_rollback(struct postgres *pg, struct error *err);
/* Nothing after STATUS_OK. What failed leaves a transaction, or a pipeline with results that nobody
 * has read: rolled back. A connection that is lost shows by itself. */
void postgres_clear_after(struct postgres *pg, enum status status);

/* Ends sessions of ours (same user, database and program) that hang in a COPY whose client has sent
 * nothing for longer than the statement timeout, or in answers that it does not read, e.g. that of
 * a stopped process: neither timeout of the server reaches those, and they keep their row locks.
 * For a worker that gets 55P03 on a fence.
 */
enum status postgres_end_stalled(struct postgres *pg, int64_t *ret_ended, struct error *err);
/* The same after a failure, when it was 55P03 and the connection is still there: the number of
 * sessions that were ended. */
int64_t postgres_end_stalled_after(struct postgres *pg, const struct error *failure);

int result_rows(const struct result *result);
int result_column(const struct result *result, const char *name); /* -1: no such column */
int64_t result_affected(struct result *result);                   /* rows of UPDATE, SELECT, .. */
bool result_is_null(const struct result *result, int row, int column);
/* Values by the column's own type (int2/int4/int8/bool as int64; timestamptz as unix us); NULL
 * gives INT_NULL, TEXT_NULL, nil. Texts point into the result. Another type than these is asserted.
 */
int64_t result_int(const struct result *result, int row, int column);
struct text result_text(const struct result *result, int row, int column); /* text, bytea */
struct uuid result_uuid(const struct result *result, int row, int column);

/* --- COPY .. FROM STDIN BINARY (rows are put by the functions of postgres_copy.h) -------- */

/* Begins a COPY; its own refusal (no such table, ..) may come as late as postgres_copy_end.
 * `copy_sql` must live until then; the copy belongs to the connection. One deadline, statement
 * timeout and margin, from here to the end. */
enum status postgres_copy_begin(struct postgres *pg, const char *copy_sql, struct copy **ret_copy,
                                struct error *err);
/* Ends it, waits for the server's word. `copy` is gone afterwards in any case. After a copy_flush
 * that failed this may be left out. */
enum status postgres_copy_end(struct copy *copy, int64_t *ret_rows, struct error *err);
/* Ends it without waiting for the server's word, so that the server writes rows while the caller
 * does something else. The next request waits, and fails when the COPY did. */
enum status postgres_copy_leave(struct copy *copy, struct error *err);

/* --- errors ------------------------------------------------------------------------------ */

/* What the table of error classes asks for. */
enum sqlstate_action { SQLSTATE_RETRY, SQLSTATE_CONFLICT, SQLSTATE_EVENT, SQLSTATE_STOP };
enum sqlstate_action sqlstate_action(const char *sqlstate);
/* Why, and what to do; for people. */
const char *sqlstate_reason(const char *sqlstate);
/* True when the last error was a unique conflict (23505), i.e. a lost race: load again. */
bool postgres_lost_race(const struct error *err);
/* True for class 22/23/54 other than that: some event of the batch cannot be stored. */
bool postgres_blames_event(const struct error *err);
/* True for class XX: the server is broken, or its disk is full at login. Never about settings. */
bool postgres_blames_itself(const struct error *err);

#endif
