#include "bulk.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/uuid.h"
#include "envelope.h"
#include "nearest.h"
#include "post.h"
#include "progress.h"
#include "wire/crypto.h"

enum {
    BATCH_ROWS = 2000,
    BATCH_FILL_MS = 1000, /* rows whose passwords are hashed here take long */
    BATCH_ARENA_BYTES = 512 << 20,
    IDENTITY_BYTES_MAX = 2 << 20,
};

static volatile sig_atomic_t is_interrupted;

/* The batch in hand is finished; a second Ctrl-C ends at once, which does no harm either. */
static void interrupt(int signal_number)
{
    static const char notice[] = "\nprovctl: finishing what was sent; Ctrl-C again ends at once\n";

    (void)signal_number;
    is_interrupted = 1;
    if (write(STDERR_FILENO, notice, sizeof notice - 1) < 0)
        return; /* nobody is there to read it */
}

struct bulk {
    struct invocation *invocation;
    const char *kind;
    bulk_payload *payload;
    struct csv csv;
    struct post *post;
    struct arena arena; /* of a batch */
    struct letter letters[BATCH_ROWS];
    size_t lines[BATCH_ROWS];
    char *names[BATCH_ROWS]; /* the first field of each row, in the arena */
    size_t count;
    size_t batch_done;              /* of these, with a result */
    int64_t batch_begin, batch_end; /* where their lines begin and end in the file */
    int64_t timeout_ms;
    struct progress progress;
    int64_t file_bytes;
    size_t done, refused, unanswered, repeated;
};

/* --- one row ------------------------------------------------------------------------------------
 */

/* The same row of the same run is the same event. */
static void identify(const struct bulk *bulk, char ret_id[UUID_TEXT_LEN + 1])
{
    const char *run = option_value(bulk->invocation, "run");
    struct buffer identity;
    struct uuid id;

    buffer_init(&identity, IDENTITY_BYTES_MAX);
    buffer_printf(&identity, "provctl bulk %s %s\n", bulk->kind, run ? run : "");
    for (size_t i = 0; i < bulk->csv.column_count; i++)
        buffer_printf(&identity, "%s=%zu:%s\n", bulk->csv.names[i], strlen(bulk->csv.fields[i]),
                      bulk->csv.fields[i]);
    id = crypto_uuid(identity.data, identity.len);
    buffer_close(&identity);
    uuid_format(&id, ret_id);
}

static json_t *make_event(const struct bulk *bulk, json_t *payload)
{
    json_t *actor = envelope_actor();
    const char *reason = option_value(bulk->invocation, "reason");
    const char *ticket = option_value(bulk->invocation, "ticket");
    char id[UUID_TEXT_LEN + 1];

    identify(bulk, id);
    json_object_set_new(actor, "reason", reason ? json_string(reason) : json_null());
    json_object_set_new(actor, "ticket", ticket ? json_string(ticket) : json_null());
    return json_pack("{ss so s{so}}", "event_id", id, "actor", actor, "payload", bulk->kind,
                     payload);
}

static void put_result(struct bulk *bulk, size_t line, const char *name, const char *status,
                       const json_t *result, const char *message)
{
    struct output *output = bulk->invocation->output;
    const json_t *first = json_object_get(result, "first_seen");
    const char *code = json_member_z(result, "code");

    if (json_member_z(first, "code"))
        code = json_member_z(first, "code");
    if (output->format == OUTPUT_TABLE) {
        fprintf(output->file, "%zu %s: %s%s%s%s%s\n", line, name, status, code ? " " : "",
                code ? code : "", message ? ": " : "", message ? message : "");
        return;
    }
    output_row(output, json_pack("{sI ss ss ss? ss? sO? sO? ss?}", "line", (json_int_t)line, "name",
                                 name, "status", status, "code", code, "message", message,
                                 "account_uuid", json_object_get(result, "account_uuid"),
                                 "account_id", json_object_get(result, "account_id"),
                                 "first_status", json_member_z(first, "status")));
}

/* A row that was sent before, perhaps with a password that is sealed or hashed anew each time. */
static bool is_repeated(const json_t *result)
{
    const char *status = json_member_z(result, "status");
    const char *code = json_member_z(result, "code");

    return (status && strcmp(status, "DUPLICATE") == 0) || (code && strcmp(code, "ID_REUSED") == 0);
}

/* Of the file, what was read is what is done, but for the rows in hand. */
static void show_progress(struct bulk *bulk)
{
    double in_hand = (double)(bulk->batch_end - bulk->batch_begin);
    double done = bulk->count > 0 ? (double)bulk->batch_done / (double)bulk->count : 1;
    double share = -1;

    if (bulk->file_bytes > 0)
        share = ((double)bulk->batch_begin + in_hand * done) / (double)bulk->file_bytes;
    progress_show_share(&bulk->progress, (int64_t)bulk->done, share);
}

static void answered(void *opaque, struct letter *letter)
{
    struct bulk *bulk = opaque;
    size_t i = (size_t)(letter - bulk->letters);
    bool was_sent_before = is_repeated(letter->result);
    const char *first = json_member_z(json_object_get(letter->result, "first_seen"), "status");
    bool is_good = post_exit_code(letter->result) == EX_OK || was_sent_before;

    bulk->repeated += was_sent_before;
    bulk->refused += !is_good || (first && strcmp(first, "REJECTED") == 0);
    bulk->done++;
    bulk->batch_done++;
    put_result(
        bulk, bulk->lines[i], bulk->names[i],
        was_sent_before ? "DUPLICATE" : json_member_z(letter->result, "status"), letter->result,
        was_sent_before ? "this row was sent before" : json_member_z(letter->result, "message"));
    show_progress(bulk);
}

static void refuse(struct bulk *bulk, const char *reason)
{
    bulk->refused++;
    bulk->done++;
    put_result(bulk, bulk->csv.line, bulk->csv.fields[0], "INVALID", NULL, reason);
}

static void add_row(struct bulk *bulk)
{
    struct envelope envelope = {.context = option_value(bulk->invocation, "context"),
                                .is_dry_run = option_given(bulk->invocation, "dry-run")};
    struct error err;
    json_t *payload = bulk->payload(bulk->invocation, &bulk->csv, &err);

    if (!payload || !post_seal(bulk->post, make_event(bulk, payload), &envelope,
                               &bulk->letters[bulk->count], &err)) {
        refuse(bulk, err.message);
        return;
    }
    bulk->lines[bulk->count] = bulk->csv.line;
    bulk->names[bulk->count] = text_to_z(&bulk->arena, text_from(bulk->csv.fields[0]));
    bulk->count++;
}

/* --- batches ------------------------------------------------------------------------------------
 */

static enum status fill_batch(struct bulk *bulk, bool *ret_done, struct error *err)
{
    int64_t deadline_us = deadline_in_ms(BATCH_FILL_MS);

    arena_reset(&bulk->arena);
    bulk->count = bulk->batch_done = 0;
    bulk->batch_begin = bulk->batch_end;
    *ret_done = false;
    while (bulk->count < BATCH_ROWS && !*ret_done && !is_interrupted &&
           !(bulk->count > 0 && deadline_passed(deadline_us))) {
        enum status status = csv_read_row(&bulk->csv, ret_done, err);
        if (status != STATUS_OK)
            return status;
        if (!*ret_done)
            add_row(bulk);
    }
    bulk->batch_end = ftell(bulk->csv.file);
    return STATUS_OK;
}

static enum status send_batch(struct bulk *bulk, struct error *err)
{
    enum status status = post_send(bulk->post, bulk->letters, bulk->count, err);

    if (status == STATUS_OK)
        status = post_wait(bulk->post, bulk->letters, bulk->count, bulk->timeout_ms, answered, bulk,
                           err);
    for (size_t i = 0; i < bulk->count; i++) {
        bulk->unanswered += bulk->letters[i].result == NULL;
        letter_close(&bulk->letters[i]);
    }
    return status;
}

static enum status send_all(struct bulk *bulk, struct error *err)
{
    bool is_done = false;
    enum status status = STATUS_OK;

    while (status == STATUS_OK && !is_done && !is_interrupted) {
        status = fill_batch(bulk, &is_done, err);
        enum status sent =
            bulk->count > 0
                ? send_batch(bulk, status == STATUS_OK ? err : &(struct error){{0}, {0}})
                : STATUS_OK;
        if (status == STATUS_OK)
            status = sent;
    }
    return status;
}

/* --- the call -----------------------------------------------------------------------------------
 */

static int check_columns(const struct csv *csv, const char *const *columns)
{
    bool has_first = false;

    for (size_t i = 0; i < csv->column_count; i++) {
        struct nearest nearest = nearest_begin(csv->names[i]);
        size_t j = 0;
        while (columns[j] && strcmp(columns[j], csv->names[i]) != 0)
            nearest_offer(&nearest, columns[j++]);
        has_first = has_first || j == 0;
        if (!columns[j]) {
            complain("unknown column '%.60s'%s%s%s", csv->names[i],
                     nearest.best ? ": did you mean '" : "", nearest.best ? nearest.best : "",
                     nearest.best ? "'?" : "");
            return EX_DATAERR;
        }
    }
    if (has_first)
        return EX_OK;
    complain("the column '%s' is missing", columns[0]);
    return EX_DATAERR;
}

static int open_file(struct bulk *bulk, const char *const *columns)
{
    const char *path = option_value(bulk->invocation, "csv");
    struct error err;
    struct stat facts;

    bulk->csv.file = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
    if (!bulk->csv.file) {
        complain("%s cannot be opened: %s", path, strerror(errno));
        return EX_NOINPUT;
    }
    if (fstat(fileno(bulk->csv.file), &facts) == 0 && S_ISREG(facts.st_mode))
        bulk->file_bytes = facts.st_size;
    if (csv_read_head(&bulk->csv, &err) != STATUS_OK) {
        complain("%s: %s", path, err.message);
        return EX_DATAERR;
    }
    return check_columns(&bulk->csv, columns);
}

static int conclude(const struct bulk *bulk, enum status status, const struct error *err)
{
    complain("%zu rows done: %zu refused, %zu sent before; %zu without a result yet", bulk->done,
             bulk->refused, bulk->repeated, bulk->unanswered);
    if (status != STATUS_OK)
        complain("%s", err->message);
    if (is_interrupted || status != STATUS_OK)
        complain("make the same call again to go on: nothing is done twice");
    if (bulk->repeated && bulk->refused)
        complain("rows that were refused before are not sent again, unless with --run NAME or "
                 "after a change");
    if (status == STATUS_FATAL)
        return EX_DATAERR;
    return is_interrupted || bulk->unanswered || status != STATUS_OK ? EX_TEMPFAIL
           : bulk->refused                                           ? EX_DATAERR
                                                                     : EX_OK;
}

static int run(struct bulk *bulk)
{
    static const struct output_column columns[] = {
        {"line", NULL, 0},       {"name", NULL, 0},         {"status", NULL, 0},
        {"code", NULL, 0},       {"message", NULL, 0},      {"account_uuid", NULL, 0},
        {"account_id", NULL, 0}, {"first_status", NULL, 0}, {.key = NULL}};
    struct sigaction action = {.sa_handler = interrupt, .sa_flags = SA_RESTART | (int)SA_RESETHAND};
    struct error err;

    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    progress_begin(&bulk->progress, "rows", 0);
    output_begin(bulk->invocation->output, columns);
    enum status status = send_all(bulk, &err);
    progress_end(&bulk->progress);
    output_end(bulk->invocation->output, NULL);
    return conclude(bulk, status, &err);
}

int bulk_send(struct invocation *invocation, const char *kind, const char *const *columns,
              bulk_payload *payload)
{
    struct bulk *bulk = calloc(1, sizeof *bulk);
    struct arena *arena = invocation->arena;
    int code;

    if (!bulk)
        return EX_OSERR;
    bulk->invocation = invocation;
    bulk->kind = kind;
    bulk->payload = payload;
    bulk->timeout_ms = POST_WAIT_DEFAULT_MS;
    arena_init(&bulk->arena, BATCH_ARENA_BYTES, BATCH_ARENA_BYTES);
    if (!option_duration(invocation, "wait", &bulk->timeout_ms))
        code = EX_USAGE;
    else if (invocation->argument_count > 0)
        code =
            complain_usage(invocation, "--csv takes the place of '%s'", invocation->arguments[0]);
    else if (!option_given(invocation, "context"))
        code = complain_usage(invocation, "--context is needed with --csv");
    else
        code = open_file(bulk, columns);
    if (code == EX_OK)
        code = post_open(&bulk->post, invocation, false, true);
    invocation->arena = &bulk->arena; /* what a row needs is forgotten with its batch */
    if (code == EX_OK)
        code = run(bulk);
    invocation->arena = arena;
    post_close(bulk->post);
    csv_close(&bulk->csv);
    arena_close(&bulk->arena);
    free(bulk);
    return code;
}
