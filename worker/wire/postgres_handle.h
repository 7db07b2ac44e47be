/* What the files of the PostgreSQL client share: the connection and the only include of
 * <libpq-fe.h>. Nobody else includes this file. */
#ifndef PROVD_WIRE_POSTGRES_HANDLE_H
#define PROVD_WIRE_POSTGRES_HANDLE_H

#include "wire/postgres.h"

#include <libpq-fe.h>

enum {
    PIPELINE_REQUESTS_MAX = 256, /* between two syncs */
    PARAMS_MAX = 64,             /* of one statement */
    RESULTS_OPEN_MAX = 8,        /* two are, while ids are drawn; mostly one */
    DEADLINE_MARGIN_MS = 2000,   /* ours comes after the server's, so that its word wins */
    SERVER_VERSION_MIN = 150000, /* what the migrations and the pipeline are tested with */
    /* A lane idles in a transaction for a second at most, when Kafka is slow. By default it is 10
     * s, when Kafka, too, takes a worker for dead: its successor need not wait for its locks. */
    IDLE_IN_TRANSACTION_SHARE = 3, /* of the statement timeout */
    IDLE_IN_TRANSACTION_MS_MIN = 5000,
};

/* One request in the pipeline that has no result yet. */
struct request {
    const char *name;
    bool commit;
};

/* What the server said about a statement. */
struct prepared {
    int param_count;
    signed char widths[PARAMS_MAX]; /* bytes; 0: any number */
};

/* Kept by its connection, which clears what nobody has closed: memory that ran out while it was
 * read has left it behind. */
struct result {
    PGresult *of_libpq; /* NULL: the place is free */
};

struct postgres {
    PGconn *conn;
    struct result results[RESULTS_OPEN_MAX];
    int64_t statement_timeout_ms; /* of the present transaction */
    int64_t session_timeout_ms;   /* of the others */
    int64_t commit_timeout_ms;
    _Atomic int64_t *progress_us;
    const struct statement *statements;
    int statement_count;
    struct prepared *prepared; /* one for each */

    struct request requests[PIPELINE_REQUESTS_MAX];
    int request_first; /* oldest without a result */
    int request_end;
    bool synced;     /* the sync is sent and not consumed */
    bool error_read; /* an error of this pipeline has been returned to the caller */

    int64_t deadline_us;        /* of the present exchange */
    bool (*work)(void *opaque); /* instead of waiting; NULL: none */
    void *work_opaque;
    bool committing; /* a COMMIT is on its way: silence means doubt, a warning means not durable */
    bool not_durable;
    bool broken; /* close it and open another */

    struct copy copy;
    const char *copy_left;   /* the COPY whose result is still to come; NULL: none */
    struct error copy_error; /* why it failed before its end */
    enum status copy_status;
};

/* postgres_wait.c: all waiting. `what` names the exchange in errors. A failure makes the connection
 * unusable. */
void postgres_deadline_in(struct postgres *pg, int64_t duration_ms);
/* Until all output is with the kernel; reads meanwhile, so that the two buffers cannot fill up. */
enum status postgres_wait_sent(struct postgres *pg, const char *what, struct error *err);
/* Until PQgetResult does not block. */
enum status postgres_wait_result(struct postgres *pg, const char *what, struct error *err);
/* Waits and takes the next result; NULL between two requests. */
enum status postgres_next_result(struct postgres *pg, const char *what, PGresult **ret_result,
                                 struct error *err);
/* Outside pipeline mode: takes all results of a command to the end. *ret_last is the last one (the
 * caller clears it; may be NULL). The first error wins. */
enum status postgres_finish(struct postgres *pg, const char *what, PGresult **ret_last,
                            struct error *err);

/* postgres.c */
void postgres_leave_pipeline(struct postgres *pg);

/* postgres_result.c: the caller's, who closes it; NULL for NULL. */
struct result *postgres_wrap_result(struct postgres *pg, PGresult *of_libpq);

/* postgres_connect.c: a connection that is up, not yet set up. */
enum status postgres_connect(const struct postgres_options *options, PGconn **ret_conn,
                             struct error *err);

/* postgres_params.c: bytes of a parameter of this type; 0: any number; -1: never sent. */
int postgres_param_width(uint32_t type_oid);

/* postgres_copy.c: the result of a COPY that was left; first in each request. */
enum status postgres_copy_settle(struct postgres *pg, struct error *err);
/* Ends an open COPY by force; only for rollback. */
void postgres_copy_abort(struct postgres *pg);

/* postgres_errors.c: each fills `err`, marks the connection when it cannot go on, returns the
 * status. */
enum status postgres_fail_result(struct postgres *pg, const PGresult *result, const char *what,
                                 struct error *err);
enum status postgres_fail_lost(struct postgres *pg, const char *what, struct error *err);
enum status postgres_fail_deadline(struct postgres *pg, const char *what, struct error *err);
/* libpq refused a request that it could not even queue. */
enum status postgres_fail_send(struct postgres *pg, const char *what, struct error *err);
enum status postgres_fail_connect(const PGconn *conn, struct error *err);

#endif
