/* One line per event on stderr, made in a local buffer and written at once. */
#include "base/log.h"

#include "base/clock.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Below PIPE_BUF lines of several processes never mix, also in a pipe. A line that is longer loses
 * the end of its values, not its form. */
enum { LINE_MAX_BYTES = 4096, VALUE_MAX_BYTES = 1024, TAIL_BYTES = 64 };

static struct {
    enum log_level level;
    bool json;
    bool colour;
    const char *process;
} settings = {.level = LOG_INFO, .process = ""};

static const char *const level_names[] = {"error", "warning", "info", "debug"};
static const char *const level_colours[] = {"\033[31m", "\033[33m", "", "\033[2m"};

void log_configure(enum log_level level, enum log_format format)
{
    assert(level >= LOG_ERROR && level <= LOG_DEBUG);
    bool terminal = isatty(STDERR_FILENO) == 1;
    const char *no_colour = getenv("NO_COLOR");
    settings.level = level;
    settings.json = format == LOG_FORMAT_JSON || (format == LOG_FORMAT_AUTO && !terminal);
    settings.colour = terminal && !settings.json && (no_colour == NULL || *no_colour == '\0');
}

void log_set_process(const char *name)
{
    settings.process = name != NULL ? name : "";
}

bool log_enabled(enum log_level level)
{
    return level <= settings.level;
}

/* A line under construction. What does not fit before the tail is dropped, and `cut` says so. */
struct line {
    char bytes[LINE_MAX_BYTES];
    size_t len;
    bool cut;
};

static void put(struct line *line, const char *bytes, size_t n)
{
    if (line->cut || n > sizeof(line->bytes) - TAIL_BYTES - line->len) {
        line->cut = true;
        return;
    }
    memcpy(line->bytes + line->len, bytes, n);
    line->len += n;
}

static void put_z(struct line *line, const char *z)
{
    put(line, z, strlen(z));
}

static void put_number(struct line *line, const struct log_field *field)
{
    char digits[48];
    if (field->type == LOG_FIELD_INT) {
        snprintf(digits, sizeof(digits), "%" PRId64, field->number);
    } else {
        uint64_t us = field->number < 0 ? -(uint64_t)field->number : (uint64_t)field->number;
        snprintf(digits, sizeof(digits), "%s%" PRIu64 ".%06" PRIu64, field->number < 0 ? "-" : "",
                 us / 1000000, us % 1000000);
    }
    put_z(line, digits);
}

/* Length of the valid UTF-8 character at the start, 0 when it is none. */
static size_t character_len(struct text t)
{
    for (size_t len = 1; len <= 4 && len <= t.len; len++) {
        if (text_is_utf8(text_slice(t, 0, len)))
            return len;
    }
    return 0;
}

/* Inside double quotes, escaped as JSON (RFC 8259); invalid UTF-8 becomes U+FFFD. The same form
 * serves the text format. */
static void put_quoted(struct line *line, struct text t)
{
    bool too_long = t.len > VALUE_MAX_BYTES;
    t = text_slice(t, 0, VALUE_MAX_BYTES);
    put(line, "\"", 1);
    for (size_t i = 0; i < t.len;) {
        char escaped[8];
        unsigned char c = (unsigned char)t.data[i];
        size_t len = character_len(text_slice(t, i, 4));
        if (c == '"' || c == '\\') {
            put(line, (char[]){'\\', (char)c}, 2);
        } else if (c < 0x20 || c == 0x7f) {
            snprintf(escaped, sizeof(escaped), "\\u%04x", c);
            put_z(line, escaped);
        } else if (len == 0) {
            put_z(line, "\\ufffd");
        } else {
            put(line, t.data + i, len);
        }
        i += len > 0 ? len : 1;
    }
    put_z(line, too_long ? "...\"" : "\"");
}

static void put_time(struct line *line)
{
    int64_t now_us = clock_now_us();
    time_t seconds = (time_t)(now_us / 1000000);
    struct tm utc;
    char stamp[40];
    gmtime_r(&seconds, &utc);
    size_t len = strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H:%M:%S", &utc);
    snprintf(stamp + len, sizeof(stamp) - len, ".%03dZ", (int)(now_us % 1000000 / 1000));
    put_z(line, stamp);
}

static void put_json_field(struct line *line, const struct log_field *field)
{
    size_t before = line->len;
    put(line, ",", 1);
    put_quoted(line, text_from(field->key));
    put(line, ":", 1);
    if (field->type != LOG_FIELD_TEXT)
        put_number(line, field);
    else if (text_is_null(field->text))
        put_z(line, "null");
    else
        put_quoted(line, field->text);
    if (line->cut) /* half a field would break the JSON */
        line->len = before;
}

static void make_json(struct line *line, enum log_level level, const char *message,
                      const struct log_field *fields, int count)
{
    put_z(line, "{\"time\":\"");
    put_time(line);
    put_z(line, "\",\"level\":\"");
    put_z(line, level_names[level]);
    put_z(line, "\",\"process\":");
    put_quoted(line, text_from(settings.process));
    put_z(line, ",\"pid\":");
    put_number(line, &LOG_INT("pid", getpid()));
    put_z(line, ",\"message\":");
    put_quoted(line, text_from(message));
    for (int i = 0; i < count; i++)
        put_json_field(line, &fields[i]);
    const char *tail = line->cut ? ",\"cut\":true}\n" : "}\n";
    memcpy(line->bytes + line->len, tail, strlen(tail));
    line->len += strlen(tail);
}

/* Words stay bare, so that the common line is easy to read; all else is quoted. */
static bool is_word(struct text t)
{
    for (size_t i = 0; i < t.len; i++) {
        char c = t.data[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!plain && strchr("-_.:/@+,", c) == NULL)
            return false;
        if (c == '\0')
            return false;
    }
    return t.len > 0;
}

static void put_text_field(struct line *line, const struct log_field *field)
{
    size_t before = line->len;
    put(line, " ", 1);
    put_z(line, field->key);
    put(line, "=", 1);
    if (field->type != LOG_FIELD_TEXT)
        put_number(line, field);
    else if (text_is_null(field->text))
        put_z(line, "null");
    else if (is_word(field->text) && field->text.len <= VALUE_MAX_BYTES)
        put(line, field->text.data, field->text.len);
    else
        put_quoted(line, field->text);
    if (line->cut)
        line->len = before;
}

static void make_text(struct line *line, enum log_level level, const char *message,
                      const struct log_field *fields, int count)
{
    put_time(line);
    put(line, " ", 1);
    put_z(line, settings.colour ? level_colours[level] : "");
    put_z(line, level_names[level]);
    put_z(line, settings.colour && *level_colours[level] != '\0' ? "\033[0m" : "");
    put(line, " ", 1);
    if (*settings.process != '\0') {
        put_z(line, settings.process);
        put_z(line, ": ");
    }
    put_z(line, message);
    for (int i = 0; i < count; i++)
        put_text_field(line, &fields[i]);
    const char *tail = line->cut ? " ...\n" : "\n";
    memcpy(line->bytes + line->len, tail, strlen(tail));
    line->len += strlen(tail);
}

void log_fields(enum log_level level, const char *message, const struct log_field *fields,
                int count)
{
    if (!log_enabled(level))
        return;
    struct line line;
    line.len = 0;
    line.cut = false;
    if (settings.json)
        make_json(&line, level, message, fields, count);
    else
        make_text(&line, level, message, fields, count);
    /* A log that cannot be written has nobody to be told. */
    ssize_t written = write(STDERR_FILENO, line.bytes, line.len);
    (void)written;
}
