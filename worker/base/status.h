/* What a function tells its caller to do next, and the one struct that says why.
 *
 * Three statuses, named for what the caller does. A bad event is never a status: it is an outcome
 * (domain/outcome.h). Functions that can fail take a caller-owned `struct error` last, fill it in
 * when they return anything but OK, and leave it alone when they return OK. They do not log: the
 * lane loop and main() log each failure once. */
#ifndef PROVD_BASE_STATUS_H
#define PROVD_BASE_STATUS_H

enum status {
    STATUS_OK = 0,
    STATUS_RETRY, /* the world is unavailable: back off, do the same batch again */
    STATUS_FATAL, /* a person or a new process is needed: stop, say why */
};

enum { ERROR_MESSAGE_MAX = 512, ERROR_CODE_MAX = 40 };

struct error {
    char code[ERROR_CODE_MAX];       /* SQLSTATE, Kafka error name, ... ; "" when there is none */
    char message[ERROR_MESSAGE_MAX]; /* what was wrong, where, what to do; one line, no secrets */
};

/* Fills `err` and returns `status`, so that a failing function ends with
 * `return error_set(err, STATUS_RETRY, "08006", "postgres: ...", ...)`. `code` may be NULL. A
 * message that does not fit is cut with "..." at its end. `err` may be NULL. */
enum status error_set(struct error *err, enum status status, const char *code, const char *format,
                      ...) __attribute__((format(printf, 4, 5)));

/* Puts "prefix: " before the message that is already there. Returns `status`. */
enum status error_prefix(struct error *err, enum status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#ifdef __clang_analyzer__
/* So that the analyser knows what the two return: a failure, behind which no result is looked at.
 */
#define error_set(err, status, ...) ((error_set)((err), (status), __VA_ARGS__), (status))
#define error_prefix(err, status, ...) ((error_prefix)((err), (status), __VA_ARGS__), (status))
#endif

/* "ok", "retry", "fatal". */
const char *status_name(enum status status);

#endif
