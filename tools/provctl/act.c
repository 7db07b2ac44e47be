#include "act.h"

#include <string.h>
#include <sysexits.h>

#include "base/uuid.h"
#include "configuration.h"
#include "database.h"
#include "domain/address.h"
#include "envelope.h"
#include "post.h"
#include "wire/idna.h"

/* vpopmail's error numbers (without their minus) and words. Its tools leave them as the exit code,
 * where -2 is seen as 254. */
static const struct {
    const char *code;
    enum act_about about;
    int number;
    const char *words;
} old_errors[] = {
    {"INVALID_ADDRESS", ACT_ACCOUNT, 1, "Illegal username"},
    {"ALREADY_EXISTS", ACT_ACCOUNT, 2, "Username exists"},
    {"ADDRESS_RESERVED", ACT_ACCOUNT, 2, "Username exists"},
    {"NO_SUCH_ACCOUNT", ACT_ACCOUNT, 10, "User does not exist"},
    {"NO_SUCH_DOMAIN", ACT_ACCOUNT, 11, "Domain does not exist"},
    {"NO_SUCH_CONTEXT", ACT_ACCOUNT, 11, "Domain does not exist"},
    {"BAD_CHARACTER", ACT_ACCOUNT, 20, "bad character"},
    {"NAME_TOO_LONG", ACT_ACCOUNT, 25, "user name too long"},
    {"INVALID_QUOTA", ACT_ACCOUNT, 29, "quota too long"},
    {"LIMIT_EXCEEDED", ACT_ACCOUNT, 36, "can't read domain limits"},
    {"CATCHALL_IN_USE", ACT_ACCOUNT, 55, "can't delete catchall account"},
    {"NO_SUCH_DOMAIN", ACT_DOMAIN, 11, "Domain does not exist"},
    {"NO_SUCH_CONTEXT", ACT_DOMAIN, 11, "Domain does not exist"},
    {"INVALID_ADDRESS", ACT_DOMAIN, 12, "Invalid domain name"},
    {"ALREADY_EXISTS", ACT_DOMAIN, 13, "Domain already exists"},
    {"BAD_CHARACTER", ACT_DOMAIN, 20, "bad character"},
    {"NAME_TOO_LONG", ACT_DOMAIN, 26, "domain name too long"},
};

int act_old_number(enum act_about about, const char *code, const char **ret_words)
{
    for (size_t i = 0; code && i < sizeof old_errors / sizeof *old_errors; i++) {
        if (old_errors[i].about == about && strcmp(old_errors[i].code, code) == 0) {
            *ret_words = old_errors[i].words;
            return old_errors[i].number;
        }
    }
    return 0;
}

int act_one_or_many(struct invocation *invocation, int count,
                    int (*one)(struct invocation *invocation),
                    int (*many)(struct invocation *invocation))
{
    if (option_given(invocation, "csv"))
        return many(invocation);
    if (invocation->argument_count == count)
        return one(invocation);
    return complain_usage(invocation, "missing argument: %s", invocation->command->arguments);
}

json_t *act_ref(const char *name)
{
    struct uuid uuid;

    return json_pack("{ss}", uuid_parse(text_from(name), &uuid) ? "uuid" : "address", name);
}

/* --- the context --------------------------------------------------------------------------------
 */

static const char sql_context[] =
    "SELECT to_json(t)::text FROM ("
    "    SELECT context FROM provd.domain WHERE name = $1"
    "    UNION ALL SELECT context FROM provd.account WHERE uuid::text = $2 LIMIT 1) t";

/* The domain of a name, in normal form where it has one. */
static struct text domain_of(struct arena *arena, const char *name)
{
    const char *at = strrchr(name, '@');
    struct text domain = text_from(at ? at + 1 : name);
    struct text normal;

    return domain_normalise(domain, idna_to_ascii, arena, &normal) == CODE_NONE
               ? normal
               : text_lower(arena, domain);
}

static int look_up_context(struct invocation *invocation, const char *name,
                           const char **ret_context)
{
    struct arena *arena = invocation->arena;
    struct param params[] = {param_text(domain_of(arena, name)),
                             param_text(text_lower(arena, text_from(name)))};
    struct postgres *pg;
    struct error err;
    json_t *rows = NULL;
    enum status status = database_open(&pg, invocation->config, &err);

    if (status != STATUS_OK)
        return database_complain(status, &err);
    status = database_rows(pg, sql_context, params, 2, &rows, &err);
    postgres_close(pg);
    if (status != STATUS_OK)
        return database_complain(status, &err);
    const char *context = json_member_z(json_array_get(rows, 0), "context");
    *ret_context = context ? text_to_z(arena, text_from(context)) : NULL;
    json_decref(rows);
    return EX_OK;
}

static int find_context(struct invocation *invocation, enum act_about about, const char *name,
                        const char **ret_context)
{
    const char *words;
    int code;

    *ret_context = option_value(invocation, "context");
    if (*ret_context)
        return EX_OK;
    if (!*invocation->config->database.url)
        return complain_usage(invocation, "--context is needed, since database.url is not set");
    code = look_up_context(invocation, name, ret_context);
    if (code != EX_OK || *ret_context)
        return code;
    complain("%s belongs to no context that is known: give --context, or make the domain first "
             "(`provctl domain add`)",
             name);
    code = act_old_number(about, "NO_SUCH_DOMAIN", &words);
    if (invocation->output->format == OUTPUT_TABLE)
        fprintf(invocation->output->file, "Error: %s\n", words);
    return -code & 0xFF;
}

/* --- the answer ---------------------------------------------------------------------------------
 */

/* As atmail's log has it: "AccountID=3 ServiceAccountID (CALENDAR)=10 (CONTACTS)=9 (MAIL)=8". */
static void put_ids(FILE *out, const json_t *result)
{
    static const char *const order[] = {"CALENDAR", "CONTACTS", "MAIL"};
    const json_t *services = json_object_get(result, "services");
    int64_t id;

    if (json_member_int64(result, "account_id", &id))
        fprintf(out, " AccountID=%lld", (long long)id);
    if (json_array_size(services) > 0)
        fputs(" ServiceAccountID", out);
    for (size_t i = 0; i < sizeof order / sizeof *order; i++) {
        size_t index;
        json_t *service;
        json_array_foreach(services, index, service)
        {
            const char *name = json_member_z(service, "service");
            if (name && strcmp(name, order[i]) == 0 && json_member_int64(service, "id", &id))
                fprintf(out, " (%s)=%lld", name, (long long)id);
        }
    }
}

static void print_done(struct invocation *invocation, const char *name, const json_t *result,
                       const char *password)
{
    FILE *out = invocation->output->file;
    const char *message = json_member_z(result, "message");
    int64_t total;
    int64_t applied = 0;

    fprintf(out, "%s: %s", name, json_member_z(result, "status"));
    put_ids(out, result);
    if (json_member_int64(result, "items_total", &total) &&
        json_member_int64(result, "items_applied", &applied))
        fprintf(out, " (%lld of %lld accounts changed)", (long long)applied, (long long)total);
    fprintf(out, "%s%s\n", message ? ": " : "", message ? message : "");
    if (password && strcmp(json_member_z(result, "status"), "APPLIED") == 0)
        fprintf(out, "Random password: %s\n", password);
}

static int print_refused(struct invocation *invocation, enum act_about about, const json_t *result)
{
    const char *code = json_member_z(result, "code");
    const char *message = json_member_z(result, "message");
    const char *words = NULL;
    int number = act_old_number(about, code, &words);
    int exit_code = post_exit_code(result);

    if (invocation->output->format == OUTPUT_TABLE)
        fprintf(invocation->output->file, "Error: %s\n",
                number    ? words
                : message ? message
                : code    ? code
                          : "?");
    complain("%s %s%s%s", json_member_z(result, "status"), code ? code : "", message ? ": " : "",
             message ? message : "");
    return number ? -number & 0xFF : exit_code;
}

static int print_result(struct invocation *invocation, enum act_about about, const char *name,
                        const json_t *result, const char *password)
{
    bool is_table = invocation->output->format == OUTPUT_TABLE;
    bool is_done = post_exit_code(result) == EX_OK;
    json_t *shown;

    if (is_table && is_done)
        print_done(invocation, name, result, password);
    if (!is_table) {
        shown = json_deep_copy(result);
        if (password && is_done)
            json_object_set_new(shown, "random_password", json_string(password));
        output_document(invocation->output, shown);
    }
    return is_done ? EX_OK : print_refused(invocation, about, result);
}

/* --- the event ----------------------------------------------------------------------------------
 */

static json_t *make_event(const struct invocation *invocation, const char *kind, json_t *payload)
{
    json_t *actor = envelope_actor();
    const char *reason = option_value(invocation, "reason");
    const char *ticket = option_value(invocation, "ticket");

    json_object_set_new(actor, "reason", reason ? json_string(reason) : json_null());
    json_object_set_new(actor, "ticket", ticket ? json_string(ticket) : json_null());
    return json_pack("{so s{so}}", "actor", actor, "payload", kind, payload);
}

static int exchange(struct post *post, struct letter *letter, int64_t timeout_ms)
{
    struct error err;
    enum status status = post_send(post, letter, 1, &err);

    if (status == STATUS_OK)
        status = post_wait(post, letter, 1, timeout_ms, NULL, NULL, &err);
    if (status == STATUS_OK)
        return EX_OK;
    if (letter->event_id && letter->is_delivered)
        complain("the event was sent as %s", letter->event_id);
    complain_status(status, &err);
    return strcmp(err.code, "NO_RESULT") == 0 ? EX_TEMPFAIL : EX_UNAVAILABLE;
}

static int send_and_wait(struct invocation *invocation, struct post *post, json_t *event,
                         const char *context, struct letter *letter)
{
    struct envelope envelope = {.context = context,
                                .is_dry_run = option_given(invocation, "dry-run")};
    int64_t timeout_ms = POST_WAIT_DEFAULT_MS;
    struct error err;

    if (!option_duration(invocation, "wait", &timeout_ms)) {
        json_decref(event);
        return EX_USAGE;
    }
    if (!post_seal(post, event, &envelope, letter, &err)) {
        complain("%s", err.message);
        return EX_DATAERR;
    }
    return exchange(post, letter, timeout_ms);
}

int act_send(struct invocation *invocation, enum act_about about, const char *name,
             const char *kind, json_t *payload, const char *password)
{
    struct letter letter = {0};
    struct post *post = NULL;
    const char *context = NULL;
    int code = find_context(invocation, about, name, &context);

    if (code == EX_OK)
        code = post_open(&post, invocation, false, true);
    if (code == EX_OK)
        code = send_and_wait(invocation, post, make_event(invocation, kind, payload), context,
                             &letter);
    else
        json_decref(payload);
    if (code == EX_OK)
        code = print_result(invocation, about, name, letter.result, password);
    letter_close(&letter);
    post_close(post);
    return code;
}
