/* All waiting of the PostgreSQL client: poll() on libpq's socket until a deadline of our own. */
#include "wire/postgres_handle.h"

#include "base/clock.h"

#include <errno.h>
#include <poll.h>
#include <stdatomic.h>

void postgres_deadline_in(struct postgres *pg, int64_t duration_ms)
{
    pg->deadline_us = deadline_in_ms(duration_ms);
}

void postgres_meanwhile(struct postgres *pg, bool (*work)(void *opaque), void *opaque)
{
    pg->work = work;
    pg->work_opaque = opaque;
}

/* Works instead of waiting while there is something to do. Whoever watches this process is told
 * that it waits and does not hang: it has a deadline. */
static int wait_ready(struct postgres *pg, struct pollfd *fd)
{
    enum { TELL_MS = 1000 };

    for (;;) {
        int left_ms = deadline_left_ms(pg->deadline_us);
        int wait_ms = pg->work ? 0 : left_ms < TELL_MS ? left_ms : TELL_MS;
        if (pg->progress_us) {
            atomic_store(pg->progress_us, clock_monotonic_us());
        }
        int ready = poll(fd, 1, wait_ms);
        if (ready != 0 || left_ms <= wait_ms) {
            return ready;
        }
        if (pg->work && !pg->work(pg->work_opaque)) {
            pg->work = NULL;
        }
    }
}

/* Waits for input (always) and room for output (if asked) and takes the input in. The socket is
 * looked at once even after the deadline: an answer that is there counts. */
static enum status wait_once(struct postgres *pg, bool output, const char *what, struct error *err)
{
    struct pollfd fd = {PQsocket(pg->conn), (short)(POLLIN | (output ? POLLOUT : 0)), 0};
    int ready = wait_ready(pg, &fd);

    if (ready < 0 && errno == EINTR) {
        return STATUS_OK;
    }
    if (ready < 0) {
        return postgres_fail_lost(pg, what, err);
    }
    if (ready == 0) {
        return postgres_fail_deadline(pg, what, err);
    }
    if ((fd.revents & ~POLLOUT) && !PQconsumeInput(pg->conn)) {
        return postgres_fail_lost(pg, what, err);
    }
    return STATUS_OK;
}

enum status postgres_wait_sent(struct postgres *pg, const char *what, struct error *err)
{
    if (pg->broken) {
        return postgres_fail_lost(pg, what, err);
    }
    for (;;) {
        int left = PQflush(pg->conn);
        if (left < 0) {
            return postgres_fail_lost(pg, what, err);
        }
        if (left == 0) {
            return STATUS_OK;
        }
        enum status status = wait_once(pg, true, what, err);
        if (status != STATUS_OK) {
            return status;
        }
    }
}

enum status postgres_wait_result(struct postgres *pg, const char *what, struct error *err)
{
    if (pg->broken) {
        return postgres_fail_lost(pg, what, err);
    }
    while (PQisBusy(pg->conn)) {
        int left = PQflush(pg->conn);
        if (left < 0) {
            return postgres_fail_lost(pg, what, err);
        }
        enum status status = wait_once(pg, left > 0, what, err);
        if (status != STATUS_OK) {
            return status;
        }
    }
    return STATUS_OK;
}

enum status postgres_next_result(struct postgres *pg, const char *what, PGresult **ret_result,
                                 struct error *err)
{
    enum status status = postgres_wait_result(pg, what, err);

    if (status == STATUS_OK) {
        *ret_result = PQgetResult(pg->conn);
    }
    return status;
}

static bool is_error(const PGresult *result)
{
    switch (PQresultStatus(result)) {
    case PGRES_COMMAND_OK:
    case PGRES_TUPLES_OK:
    case PGRES_EMPTY_QUERY:
        return false;
    default:
        return true;
    }
}

enum status postgres_finish(struct postgres *pg, const char *what, PGresult **ret_last,
                            struct error *err)
{
    enum status first = STATUS_OK;
    PGresult *last = NULL;

    for (;;) {
        PGresult *result;
        enum status status = postgres_next_result(pg, what, &result, first ? NULL : err);
        if (status != STATUS_OK) {
            first = first ? first : status;
            break;
        }
        if (!result) {
            break;
        }
        if (is_error(result) && first == STATUS_OK) {
            first = postgres_fail_result(pg, result, what, err);
        }
        PQclear(last);
        last = result;
    }
    if (ret_last && first == STATUS_OK) {
        *ret_last = last;
    } else {
        PQclear(last);
    }
    return first;
}
