/* `provctl account show`: row, services, groups, last changes and results of an account. */
#include "account.h"

#include <string.h>
#include <sysexits.h>

#include "account_results.h"
#include "command.h"
#include "configuration.h"
#include "database.h"
#include "domain/account.h"
#include "domain/address.h"
#include "shelf.h"
#include "story.h"
#include "wire/idna.h"

enum {
    LAST_DEFAULT = 10,
    LAST_MAX = 1000,
    DEPTH_DEFAULT = 20000,
    DEPTH_MAX = 100000000,
    STATEMENT_BYTES_MAX = 16384,
};

/* What an account's story is told from. */
struct story {
    struct invocation *invocation;
    struct postgres *pg;
    struct shelf *shelf;
    struct uuid uuid;
    int64_t last, depth;
};

static const char sql_services[] =
    "SELECT to_json(t)::text FROM ("
    "    SELECT CASE service WHEN 1 THEN 'MAIL' WHEN 2 THEN 'CALENDAR' ELSE 'CONTACTS' END AS "
    "service,"
    "        service_id AS id, active, created_at"
    "    FROM provd.service_account WHERE account_uuid = $1 ORDER BY service_account.service) t";

static const char sql_groups[] =
    "SELECT to_json(t)::text FROM ("
    "    SELECT m.number, g.name, m.is_own AS own"
    "    FROM provd.group_member m JOIN provd.mail_group g USING (context, number)"
    "    WHERE m.account_uuid = $1 ORDER BY m.number) t";

static const char sql_changes[] = "SELECT body, hash FROM provd.change_log WHERE object_id = $1"
                                  " ORDER BY changed_at DESC, seq DESC LIMIT $2::int8";

static const char sql_results[] =
    "SELECT result FROM provd.event_ledger WHERE event_id IN ("
    "    SELECT event_id FROM provd.change_log WHERE object_id = $1 AND event_id IS NOT NULL"
    "    ORDER BY changed_at DESC, seq DESC LIMIT $2::int8)"
    " ORDER BY applied_at DESC, event_id DESC";

/* The columns that are no secrets: those of the noun's own table (domain/account.c). */
static void put_select(struct buffer *sql, const char *condition)
{
    buffer_printf(sql, "SELECT to_json(t)::text FROM (SELECT ");
    for (const struct column *column = account_noun.columns; column->name; column++) {
        if (!(column->flags & (COLUMN_SECRET | COLUMN_VIRTUAL)))
            buffer_printf(sql, "%s%s", column == account_noun.columns ? "" : ", ", column->name);
    }
    buffer_printf(
        sql, " FROM provd.account WHERE %s ORDER BY tombstone <> 0, deleted_at DESC LIMIT 1) t",
        condition);
    buffer_put_char(sql, '\0');
}

/* What the argument names: a uuid, or an address in its normal form. */
static int read_name(struct invocation *invocation, struct uuid *ret_uuid, struct text *ret_address)
{
    struct text given = text_from(invocation->arguments[0]);
    enum code code;

    *ret_uuid = UUID_NIL;
    *ret_address = TEXT_NULL;
    if (uuid_parse(given, ret_uuid))
        return EX_OK;
    code = address_normalise(given, idna_to_ascii, invocation->arena, ret_address);
    if (code == CODE_NONE)
        return EX_OK;
    return complain_usage(invocation, "'%s' is neither an address nor a uuid: %s",
                          invocation->arguments[0], code_doc(code));
}

static enum status load_account(struct story *story, const struct text address,
                                json_t **ret_account, struct error *err)
{
    struct param param = text_is_null(address) ? param_uuid(&story->uuid) : param_text(address);
    json_t *rows = NULL;
    struct buffer sql;
    enum status status;

    buffer_init(&sql, STATEMENT_BYTES_MAX);
    put_select(&sql, text_is_null(address) ? "uuid = $1" : "address = $1");
    status = database_rows(story->pg, sql.data, &param, 1, &rows, err);
    buffer_close(&sql);
    *ret_account = json_incref(json_array_get(rows, 0));
    json_decref(rows);
    return status;
}

/* What only the topic of results knows: events that changed nothing or were refused. Without Kafka
 * the rest of the story is told. */
static void add_published(struct story *story, struct text address, json_t *results)
{
    struct error err;

    if (story->depth > 0 &&
        (!*story->invocation->config->kafka.brokers
             ? error_set(&err, STATUS_RETRY, NULL, "kafka.brokers is not set")
             : account_results_add(story->invocation, story->shelf, address, &story->uuid,
                                   story->depth, results, &err)) != STATUS_OK)
        complain("results of events that changed nothing may be missing (--depth 0 leaves them "
                 "out): %s",
                 err.message);
    while ((int64_t)json_array_size(results) > story->last)
        json_array_remove(results, json_array_size(results) - 1);
}

static enum status load_story(struct story *story, json_t *document, struct error *err)
{
    struct param params[] = {param_uuid(&story->uuid),
                             param_int8(story->invocation->arena, story->last)};
    json_t *services = NULL;
    json_t *groups = NULL;
    json_t *changes = NULL;
    json_t *results = NULL;
    enum status status = database_rows(story->pg, sql_services, params, 1, &services, err);

    if (status == STATUS_OK)
        status = database_rows(story->pg, sql_groups, params, 1, &groups, err);
    if (status == STATUS_OK)
        status = story_changes(story->pg, story->shelf, sql_changes, params, 2, &changes, err);
    if (status == STATUS_OK)
        status = story_results(story->pg, story->shelf, sql_results, params, 2, &results, err);
    const json_t *account = json_object_get(document, "account");
    if (status == STATUS_OK)
        add_published(story, text_from(json_member_z(account, "address")), results);
    json_object_set_new(document, "services", services);
    json_object_set_new(document, "groups", groups);
    json_object_set_new(document, "changes", changes);
    json_object_set_new(document, "results", results);
    return status;
}

/* A table tells what happened in a line each. */
static void shorten(struct output *output, json_t *document)
{
    if (output->format != OUTPUT_TABLE)
        return;
    if (json_object_get(document, "account")) {
        story_without_nulls(json_object_get(document, "account"));
        json_object_set_new(document, "changes",
                            story_of_all(json_object_get(document, "changes"), story_of_change));
    }
    json_object_set_new(document, "results",
                        story_of_all(json_object_get(document, "results"), story_of_result));
}

/* An address without an account may still have had events. */
static int tell_of_nobody(struct story *story, struct text address)
{
    struct output *output = story->invocation->output;
    json_t *document = json_pack("{s[]}", "results");
    json_t *results = json_object_get(document, "results");

    if (!text_is_null(address))
        add_published(story, address, results);
    if (json_array_size(results) > 0) {
        shorten(output, document);
        output_document(output, document);
    } else {
        json_decref(document);
    }
    complain("there is no account %s, neither live nor deleted", story->invocation->arguments[0]);
    return EX_DATAERR;
}

static int tell(struct story *story, struct text address)
{
    struct output *output = story->invocation->output;
    struct error err;
    json_t *account = NULL;
    json_t *document;
    enum status status = load_account(story, address, &account, &err);

    if (status != STATUS_OK)
        return database_complain(status, &err);
    if (!account)
        return tell_of_nobody(story, address);
    uuid_parse(text_from(json_member_z(account, "uuid")), &story->uuid);
    document = json_pack("{so}", "account", account);
    status = load_story(story, document, &err);
    if (status != STATUS_OK) {
        json_decref(document);
        return database_complain(status, &err);
    }
    shorten(output, document);
    output_document(output, document);
    return EX_OK;
}

int account_show(struct invocation *invocation)
{
    struct story story = {.invocation = invocation, .last = LAST_DEFAULT, .depth = DEPTH_DEFAULT};
    struct text address;
    struct error err;
    int code = read_name(invocation, &story.uuid, &address);

    if (code != EX_OK)
        return code;
    if (!option_number(invocation, "last", 1, LAST_MAX, &story.last) ||
        !option_number(invocation, "depth", 0, DEPTH_MAX, &story.depth))
        return EX_USAGE;
    if (!configuration_needs(invocation->config->database.url, "database.url"))
        return EX_CONFIG;
    if (shelf_open(&story.shelf, invocation->config, &err) != STATUS_OK)
        return complain_status(STATUS_FATAL, &err);
    enum status status = database_open(&story.pg, invocation->config, &err);
    code = status == STATUS_OK ? tell(&story, address) : database_complain(status, &err);
    if (status == STATUS_OK)
        postgres_close(story.pg);
    shelf_close(story.shelf);
    return code;
}
