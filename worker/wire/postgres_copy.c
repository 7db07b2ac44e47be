/* Sending COPY .. FROM STDIN BINARY: rows pile up in one buffer, pieces of it go to libpq as long
 * as the socket takes them, and only a backlog makes the caller wait. */
#include "wire/postgres_handle.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static const char copy_signature[] = "PGCOPY\n\377\r\n"; /* with its NUL: 11 bytes */
enum { COPY_HEADER_BYTES = 19, COPY_BUFFER_BYTES_MIN = 2 * COPY_PIECE_BYTES };

bool copy_grow(struct copy *copy, size_t size)
{
    size_t used = (size_t)(copy->at - copy->start);
    size_t capacity = (size_t)(copy->end - copy->start);

    if (copy->failed || size > COPY_BUFFER_BYTES_MAX - used) {
        copy->failed = true;
        return false;
    }
    capacity = capacity ? capacity : COPY_BUFFER_BYTES_MIN;
    while (capacity - used < size) {
        capacity *= 2;
    }
    char *start = malloc(capacity);
    if (!start) {
        copy->failed = copy->no_memory = true;
        return false;
    }
    if (used > 0) {
        memcpy(start, copy->start, used);
    }
    free(copy->start);
    copy->start = start;
    copy->at = start + used;
    copy->end = start + capacity;
    copy->due = copy->at; /* send soon */
    return true;
}

static enum status fail_rows(const struct copy *copy, const char *what, struct error *err)
{
    if (copy->no_memory)
        return error_set(err, STATUS_RETRY, "53200", "postgres: %.60s: memory is out", what);
    return error_set(
        err, STATUS_FATAL, "54000",
        "postgres: %.60s: a row is larger than %d bytes, or a number does not fit its column", what,
        COPY_BUFFER_BYTES_MAX);
}

static void put_header(struct copy *copy)
{
    char *place = copy_room(copy, COPY_HEADER_BYTES);

    if (place) {
        memcpy(place, copy_signature, sizeof copy_signature);
        memset(place + sizeof copy_signature, 0, COPY_HEADER_BYTES - sizeof copy_signature);
    }
}

static void rewind_buffer(struct copy *copy)
{
    copy->at = copy->start;
    copy->due = copy->start + COPY_PIECE_BYTES;
}

enum status postgres_copy_begin(struct postgres *pg, const char *copy_sql, struct copy **ret_copy,
                                struct error *err)
{
    struct copy *copy = &pg->copy;

    if (!postgres_usable(pg)) {
        return postgres_fail_lost(pg, copy_sql, err);
    }
    enum status status = postgres_copy_settle(pg, err);
    if (status != STATUS_OK) {
        return status;
    }
    copy->failed = copy->no_memory = false;
    if (!copy->start && !copy_grow(copy, COPY_BUFFER_BYTES_MIN)) {
        return fail_rows(copy, copy_sql, err);
    }
    postgres_leave_pipeline(pg);
    if (!PQsendQuery(pg->conn, copy_sql)) {
        return postgres_fail_send(pg, copy_sql, err);
    }
    postgres_deadline_in(pg, pg->statement_timeout_ms + DEADLINE_MARGIN_MS);
    copy->pg = pg;
    copy->sql = copy_sql;
    copy->accepted = false;
    copy->active = true;
    pg->copy_status = STATUS_OK;
    rewind_buffer(copy);
    put_header(copy);
    *ret_copy = copy;
    return STATUS_OK;
}

/* The COPY is over. Keeps the error for a caller that still calls postgres_copy_end. */
static enum status give_up(struct copy *copy, enum status status, struct error *err)
{
    struct postgres *pg = copy->pg;

    copy->active = false;
    pg->copy_status = status;
    if (err) {
        pg->copy_error = *err;
    }
    return status;
}

/* The server's answer to the COPY statement itself: wants rows, or an error. */
static enum status await_accepted(struct copy *copy, struct error *err)
{
    struct postgres *pg = copy->pg;
    PGresult *result = NULL;

    if (copy->accepted) {
        return STATUS_OK;
    }
    enum status status = postgres_next_result(pg, copy->sql, &result, err);
    if (status != STATUS_OK) {
        return status;
    }
    copy->accepted = PQresultStatus(result) == PGRES_COPY_IN;
    if (!copy->accepted) {
        status = postgres_fail_result(pg, result, copy->sql, err);
        postgres_finish(pg, copy->sql, NULL, NULL);
    }
    PQclear(result);
    return status;
}

/* Gives all that has piled up to libpq, whose own buffer is empty. */
static enum status hand_over(struct copy *copy, struct error *err)
{
    struct postgres *pg = copy->pg;
    int size = (int)(copy->at - copy->start);

    if (size > 0 && PQputCopyData(pg->conn, copy->start, size) != 1) {
        return postgres_fail_send(pg, copy->sql, err);
    }
    rewind_buffer(copy);
    return STATUS_OK;
}

/* *ret_sent false: the server is behind and the backlog still small; go on making rows. */
static enum status try_send(struct copy *copy, bool *ret_sent, struct error *err)
{
    struct postgres *pg = copy->pg;
    int left = PQflush(pg->conn);

    if (left < 0) {
        return postgres_fail_lost(pg, copy->sql, err);
    }
    *ret_sent = true;
    if (left > 0 && copy->at - copy->start < COPY_BACKLOG_BYTES) {
        copy->due = copy->at + COPY_PIECE_BYTES; /* asks the socket again after one more piece */
        *ret_sent = false;
        return STATUS_OK;
    }
    enum status status = postgres_wait_sent(pg, copy->sql, err);
    return status == STATUS_OK ? hand_over(copy, err) : status;
}

enum status copy_send(struct copy *copy, struct error *err)
{
    struct error error;
    bool sent;

    assert(copy->active);
    enum status status = await_accepted(copy, &error);
    if (status == STATUS_OK && copy->failed) {
        postgres_copy_abort(copy->pg);
        status = fail_rows(copy, copy->sql, &error);
    }
    if (status == STATUS_OK) {
        status = try_send(copy, &sent, &error);
    }
    if (status != STATUS_OK) {
        give_up(copy, status, &error);
        if (err) {
            *err = error;
        }
    }
    return status;
}

static void put_trailer(struct copy *copy)
{
    char *place = copy_room(copy, 2);

    if (place) {
        copy_put_be16(place, UINT16_MAX);
    }
}

static enum status send_end(struct copy *copy, struct error *err)
{
    struct postgres *pg = copy->pg;

    enum status status = postgres_wait_sent(pg, copy->sql, err);
    if (status == STATUS_OK) {
        status = hand_over(copy, err);
    }
    if (status != STATUS_OK) {
        return status;
    }
    if (PQputCopyEnd(pg->conn, NULL) != 1) {
        return postgres_fail_send(pg, copy->sql, err);
    }
    pg->copy_left = copy->sql;
    return postgres_wait_sent(pg, copy->sql, err);
}

enum status postgres_copy_leave(struct copy *copy, struct error *err)
{
    struct postgres *pg = copy->pg;

    if (!copy->active) { /* a copy_flush failed: the same answer again */
        assert(pg->copy_status != STATUS_OK);
        if (err) {
            *err = pg->copy_error;
        }
        return pg->copy_status;
    }
    put_trailer(copy);
    enum status status = await_accepted(copy, err);
    if (status == STATUS_OK && copy->failed) {
        postgres_copy_abort(pg);
        status = fail_rows(copy, copy->sql, err);
    } else if (status == STATUS_OK) {
        status = send_end(copy, err);
    }
    copy->active = false;
    return status;
}

static enum status settle(struct postgres *pg, PGresult **ret_result, struct error *err)
{
    const char *sql = pg->copy_left;

    pg->copy_left = NULL;
    return postgres_finish(pg, sql, ret_result, err);
}

enum status postgres_copy_settle(struct postgres *pg, struct error *err)
{
    return pg->copy_left ? settle(pg, NULL, err) : STATUS_OK;
}

enum status postgres_copy_end(struct copy *copy, int64_t *ret_rows, struct error *err)
{
    PGresult *result = NULL;

    enum status status = postgres_copy_leave(copy, err);
    if (status == STATUS_OK) {
        status = settle(copy->pg, &result, err);
    }
    if (status == STATUS_OK) {
        *ret_rows = strtoll(PQcmdTuples(result), NULL, 10);
        PQclear(result);
    }
    return status;
}

void postgres_copy_abort(struct postgres *pg)
{
    struct copy *copy = &pg->copy;

    copy->active = false;
    if (!postgres_usable(pg) || await_accepted(copy, NULL) != STATUS_OK) {
        return;
    }
    if (PQputCopyEnd(pg->conn, "given up by the client") != 1) {
        pg->broken = true;
        return;
    }
    postgres_finish(pg, copy->sql, NULL, NULL);
}
