/* `provctl events send`: events in JSON, checked as a whole, then sent, then waited for. */
#include "events.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "command.h"
#include "configuration.h"
#include "file.h"
#include "moment.h"
#include "post.h"
#include "progress.h"
#include "redact.h"

enum {
    INPUT_BYTES_MAX = 256 << 20,
    EVENTS_MAX = 1000000,
    ERRORS_SHOWN_MAX = 20,
};

static const struct output_column sent_columns[] = {
    {"kind", NULL, 0},
    {"event_id", NULL, 0},
    {"key", NULL, 0},
    {"partition", NULL, OUTPUT_RIGHT},
    {"offset", NULL, OUTPUT_RIGHT},
    {.key = NULL},
};
static const struct output_column result_columns[] = {
    {"status", NULL, 0},
    {"code", NULL, 0},
    {"kind", NULL, 0},
    {"event_id", NULL, 0},
    {"message", NULL, 0},
    {"account_uuid", NULL, OUTPUT_LONG},
    {"account_id", NULL, OUTPUT_LONG},
    {"version_after", NULL, OUTPUT_LONG},
    {.key = NULL},
};

struct sending {
    struct invocation *invocation;
    struct post *post;
    struct envelope envelope;
    struct letter *letters;
    size_t count, capacity;
    size_t errors;
    struct progress progress;
    size_t answered;
    int code;
};

/* --- reading ------------------------------------------------------------------------------------
 */

static size_t line_of(struct text text, size_t at)
{
    size_t line = 1;

    for (size_t i = 0; i < at && i < text.len; i++)
        line += text.data[i] == '\n';
    return line;
}

static void blame(struct sending *sending, const char *file, size_t line, const char *reason)
{
    if (sending->errors++ < ERRORS_SHOWN_MAX)
        complain("%s:%zu: %s", file, line, reason);
}

static bool grow(struct sending *sending)
{
    size_t capacity = sending->capacity ? 2 * sending->capacity : 64;
    struct letter *letters;

    if (sending->count < sending->capacity)
        return true;
    if (capacity > 2 * EVENTS_MAX ||
        !(letters = realloc(sending->letters, capacity * sizeof *letters)))
        return false;
    sending->letters = letters;
    sending->capacity = capacity;
    return true;
}

static void add(struct sending *sending, json_t *event, const char *file, size_t line)
{
    struct error err;

    if (!grow(sending)) {
        json_decref(event);
        blame(sending, file, line, "too many events at once: send them in parts");
    } else if (post_seal(sending->post, event, &sending->envelope,
                         &sending->letters[sending->count], &err)) {
        sending->count++;
    } else {
        blame(sending, file, line, err.message);
    }
}

/* A list of events counts as these. */
static void add_document(struct sending *sending, json_t *document, const char *file, size_t line)
{
    size_t index;
    json_t *event;

    if (!json_is_array(document)) {
        add(sending, document, file, line);
        return;
    }
    json_array_foreach(document, index, event) add(sending, json_incref(event), file, line);
    json_decref(document);
}

/* Documents one after the other, with any white space between them. */
static void read_documents(struct sending *sending, struct text text, const char *file)
{
    size_t at = 0;
    size_t line = 1;
    size_t counted = 0;

    for (;;) {
        while (at < text.len && strchr(" \t\r\n", text.data[at]))
            at++;
        if (at == text.len)
            return;
        line += line_of(text_slice(text, counted, at - counted), SIZE_MAX) - 1;
        counted = at;
        json_error_t reason;
        json_t *document = json_loadb(text.data + at, text.len - at,
                                      JSON_REJECT_DUPLICATES | JSON_DISABLE_EOF_CHECK, &reason);
        if (!document) {
            char said[JSON_ERROR_TEXT_LENGTH + 64];
            size_t before = text_find_last(text_slice(text, 0, at), '\n');
            size_t indent = reason.line > 1 ? 0 : before == SIZE_MAX ? at : at - before - 1;
            snprintf(said, sizeof said, "column %zu: this is not valid JSON: %s",
                     indent + (size_t)reason.column, reason.text);
            blame(sending, file, line + (size_t)(reason.line > 0 ? reason.line - 1 : 0), said);
            return; /* where the next one begins cannot be known */
        }
        at += (size_t)reason.position;
        add_document(sending, document, file, line);
    }
}

static int read_all(struct sending *sending)
{
    struct invocation *invocation = sending->invocation;
    static char dash[] = "-";
    char *only[] = {dash};
    char **files = invocation->argument_count ? invocation->arguments : only;
    int count = invocation->argument_count ? invocation->argument_count : 1;
    struct error err;
    struct text text;

    for (int i = 0; i < count; i++) {
        const char *name = strcmp(files[i], "-") == 0 ? "standard input" : files[i];
        if (file_read(files[i], INPUT_BYTES_MAX, invocation->arena, &text, &err) != STATUS_OK) {
            complain("%s", err.message);
            return EX_NOINPUT;
        }
        read_documents(sending, text, name);
    }
    if (sending->errors > ERRORS_SHOWN_MAX)
        complain("and %zu more errors", sending->errors - ERRORS_SHOWN_MAX);
    if (sending->errors) {
        complain("nothing was sent");
        return EX_DATAERR;
    }
    if (sending->count == 0) {
        complain("there is no event in the input");
        return EX_DATAERR;
    }
    return EX_OK;
}

/* --- sending ------------------------------------------------------------------------------------
 */

static json_t *sent_row(const struct letter *letter)
{
    json_t *key = letter->key.data ? json_stringn(letter->key.data, letter->key.len) : NULL;

    return json_pack("{ss? ss so sI sI}", "kind", letter->kind, "event_id", letter->event_id, "key",
                     key ? key : json_null(), "partition", (json_int_t)letter->partition, "offset",
                     (json_int_t)letter->offset);
}

static void say_undelivered(struct sending *sending)
{
    for (size_t i = 0; i < sending->count; i++) {
        const struct letter *letter = &sending->letters[i];
        if (!letter->is_delivered && letter->failure[0] && sending->errors++ < ERRORS_SHOWN_MAX)
            complain("event %s was not sent: %s", letter->event_id, letter->failure);
    }
}

static void print_sent(struct sending *sending)
{
    output_begin(sending->invocation->output, sent_columns);
    for (size_t i = 0; i < sending->count; i++) {
        if (sending->letters[i].is_delivered)
            output_row(sending->invocation->output, sent_row(&sending->letters[i]));
    }
    output_end(sending->invocation->output, NULL);
}

static void take_answer(void *opaque, struct letter *letter)
{
    struct sending *sending = opaque;
    int code = post_exit_code(letter->result);

    if (code > sending->code)
        sending->code = code;
    output_row(sending->invocation->output, json_incref(letter->result));
    progress_show(&sending->progress, (int64_t)++sending->answered);
}

static int wait_for_results(struct sending *sending, int64_t timeout_ms)
{
    struct error err;

    output_begin(sending->invocation->output, result_columns);
    progress_begin(&sending->progress, "results", (int64_t)sending->count);
    enum status status = post_wait(sending->post, sending->letters, sending->count, timeout_ms,
                                   take_answer, sending, &err);
    progress_end(&sending->progress);
    output_end(sending->invocation->output, NULL);
    if (status == STATUS_OK)
        return sending->code;
    complain("%s", err.message);
    return EX_TEMPFAIL;
}

/* --check: as it would be sent, but for the secrets. */
static int print_checked(struct sending *sending)
{
    struct output *output = sending->invocation->output;

    for (size_t i = 0; i < sending->count; i++)
        redact_secrets(sending->letters[i].event);
    if (sending->count == 1 && output->format != OUTPUT_JSONL) {
        output->format = OUTPUT_JSON;
        output_document(output, json_incref(sending->letters[0].event));
        return EX_OK;
    }
    for (size_t i = 0; i < sending->count; i++)
        output_line(output, sending->letters[i].event);
    return EX_OK;
}

static int send_all(struct sending *sending)
{
    bool waits = option_given(sending->invocation, "wait");
    int64_t timeout_ms = POST_WAIT_DEFAULT_MS;
    struct error err;
    int code;

    if (option_value(sending->invocation, "wait") &&
        !option_duration(sending->invocation, "wait", &timeout_ms))
        return EX_USAGE;
    code = read_all(sending);
    if (code != EX_OK)
        return code;
    if (option_given(sending->invocation, "check"))
        return print_checked(sending);
    enum status status = post_send(sending->post, sending->letters, sending->count, &err);
    if (status != STATUS_OK) {
        say_undelivered(sending);
        print_sent(sending);
        return complain_status(status, &err);
    }
    if (waits)
        return wait_for_results(sending, timeout_ms);
    print_sent(sending);
    return EX_OK;
}

int events_send(struct invocation *invocation)
{
    struct sending sending = {.invocation = invocation};
    bool is_check_only = option_given(invocation, "check");
    int code;

    sending.envelope = (struct envelope){
        .source = option_value(invocation, "source"),
        .context = option_value(invocation, "context"),
        .key = option_value(invocation, "key"),
        .is_dry_run = option_given(invocation, "dry-run"),
    };
    code = post_open(&sending.post, invocation, is_check_only, option_given(invocation, "wait"));
    if (code == EX_OK)
        code = send_all(&sending);
    for (size_t i = 0; i < sending.count; i++)
        letter_close(&sending.letters[i]);
    free(sending.letters);
    post_close(sending.post);
    return code;
}
