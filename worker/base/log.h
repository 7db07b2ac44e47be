/* Structured logging: one line per call on stderr; text on a terminal, JSON otherwise (or as set).
 *
 * A line has a level, a message that is a constant English sentence without values, and key/value
 * fields. Values that may hold secrets are never passed. Not thread-safe across handles, but each
 * line is one write(2), so that lanes do not tear each other's lines. */
#ifndef PROVD_BASE_LOG_H
#define PROVD_BASE_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"

enum log_level { LOG_ERROR, LOG_WARNING, LOG_INFO, LOG_DEBUG };
enum log_format { LOG_FORMAT_AUTO, LOG_FORMAT_TEXT, LOG_FORMAT_JSON };

/* Reloadable. AUTO is text when stderr is a terminal. */
void log_configure(enum log_level level, enum log_format format);
/* A name for the process, e.g. "lane-0"; put into every line. Kept, not copied. */
void log_set_process(const char *name);
bool log_enabled(enum log_level level);

/* Fields: pairs made by the macros below, ended by the macro itself.
 *   log_event(LOG_INFO, "batch applied", LOG_INT("events", n), LOG_TEXT("topic", topic)); */
struct log_field {
    const char *key;
    enum { LOG_FIELD_INT, LOG_FIELD_TEXT, LOG_FIELD_SECONDS } type;
    int64_t number; /* SECONDS: microseconds, shown as decimal seconds */
    struct text text;
};
#define LOG_INT(k, v)                                                                              \
    ((struct log_field){.key = (k), .type = LOG_FIELD_INT, .number = (int64_t)(v)})
#define LOG_SECONDS(k, us)                                                                         \
    ((struct log_field){.key = (k), .type = LOG_FIELD_SECONDS, .number = (int64_t)(us)})
#define LOG_TEXT(k, t) ((struct log_field){.key = (k), .type = LOG_FIELD_TEXT, .text = (t)})
#define LOG_Z(k, z) LOG_TEXT((k), text_from(z))

void log_fields(enum log_level level, const char *message, const struct log_field *fields,
                int count);
#define log_event(level, message, ...)                                                             \
    log_fields((level), (message),                                                                 \
               (const struct log_field[]){__VA_ARGS__ __VA_OPT__(, ){.key = NULL}},                \
               (int)(sizeof((const struct log_field[]){__VA_ARGS__ __VA_OPT__(, ){.key = NULL}}) / \
                     sizeof(struct log_field)) -                                                   \
                   1)

#endif
