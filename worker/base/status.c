/* Errors as values: formatting and cutting of messages. */
#include "base/status.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void mark_cut(char *message)
{
    memcpy(message + ERROR_MESSAGE_MAX - 4, "...", 4);
}

/* Control characters would break the promise of one line, also those of a foreign message. */
static void make_one_line(char *message)
{
    for (char *p = message; *p != '\0'; p++) {
        if ((unsigned char)*p < 0x20 || *p == 0x7f)
            *p = ' ';
    }
    for (size_t len = strlen(message); len > 0 && message[len - 1] == ' '; len--)
        message[len - 1] = '\0';
}

enum status(error_set)(struct error *err, enum status status, const char *code, const char *format,
                       ...)
{
    if (err == NULL)
        return status;
    snprintf(err->code, sizeof(err->code), "%s", code != NULL ? code : "");
    va_list args;
    va_start(args, format);
    /* Into a copy: the arguments may be parts of err itself. */
    char message[ERROR_MESSAGE_MAX];
    int len = vsnprintf(message, sizeof(message), format, args);
    va_end(args);
    if (len >= ERROR_MESSAGE_MAX)
        mark_cut(message);
    make_one_line(message);
    memcpy(err->message, message, sizeof(message));
    return status;
}

enum status(error_prefix)(struct error *err, enum status status, const char *format, ...)
{
    if (err == NULL)
        return status;
    char prefix[ERROR_MESSAGE_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(prefix, sizeof(prefix), format, args);
    va_end(args);
    char message[2 * ERROR_MESSAGE_MAX + 2];
    int len = snprintf(message, sizeof(message), "%s: %s", prefix, err->message);
    memcpy(err->message, message, sizeof(err->message) - 1);
    err->message[sizeof(err->message) - 1] = '\0';
    if (len >= ERROR_MESSAGE_MAX)
        mark_cut(err->message);
    make_one_line(err->message);
    return status;
}

const char *status_name(enum status status)
{
    switch (status) {
    case STATUS_OK:
        return "ok";
    case STATUS_RETRY:
        return "retry";
    case STATUS_FATAL:
        return "fatal";
    }
    return "unknown";
}
