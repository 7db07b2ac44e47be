/* `provctl ledger ...`: what became of an event. */
#include "commands.h"

#include <sysexits.h>

#include "configuration.h"
#include "database.h"
#include "shelf.h"
#include "story.h"

static int run_show(struct invocation *invocation);

const struct command ledger_commands[] = {
    {
        .group = "ledger",
        .name = "show",
        .arguments = "EVENT_ID",
        .arguments_min = 1,
        .arguments_max = 1,
        .summary = "what became of an event",
        .help = "Shows where the event with this id lies in Kafka, how it ended, its result as it "
                "was published, and the "
                "change records it made. Outcomes that use up no event id (dry runs, failures, "
                "dead letters) are looked "
                "for by the id as it was sent. Exit code 65: nothing is known of it.",
        .examples =
            "  provctl ledger show 019bc1a0-5c01-7b3e-9d42-6fd3a1b41eef\n"
            "  provctl ledger show 019bc1a0-5c01-7b3e-9d42-6fd3a1b41eef -o json | jq .result\n",
        .run = run_show,
    },
    {.group = NULL},
};

#define STATUS_NAME                                                                                \
    "CASE status WHEN 0 THEN 'APPLIED' WHEN 1 THEN 'NO_CHANGE' WHEN 2 THEN 'DUPLICATE'"            \
    " WHEN 3 THEN 'PLANNED' WHEN 4 THEN 'REJECTED' WHEN 5 THEN 'FAILED' WHEN 6 THEN 'EXPIRED'"     \
    " WHEN 7 THEN 'PARKED' WHEN 8 THEN 'HELD' WHEN 100 THEN 'DEAD_LETTER' END AS status"

static const char sql_entry[] =
    "SELECT to_json(t)::text FROM ("
    "    SELECT event_id, topic, partition, kafka_offset AS \"offset\", " STATUS_NAME ","
    "        encode(payload_hash, 'hex') AS payload_hash, l.chain_seq, change_count, applied_at"
    "    FROM provd.event_ledger l LEFT JOIN provd.fence f USING (fence_id) WHERE event_id = $1) t";
static const char sql_result[] = "SELECT result FROM provd.event_ledger WHERE event_id = $1";
static const char sql_changes[] =
    "SELECT c.body, c.hash FROM provd.event_ledger l JOIN provd.change_log c ON c.fence_id = "
    "l.fence_id"
    " AND c.seq >= l.chain_seq AND c.seq < l.chain_seq + l.change_count"
    " WHERE l.event_id = $1 ORDER BY c.seq LIMIT 1000";
static const char sql_records[] =
    "SELECT to_json(t)::text FROM ("
    "    SELECT topic, partition, kafka_offset AS \"offset\", " STATUS_NAME
    ", stage, code, message, recorded_at"
    "    FROM provd.record_outcome r LEFT JOIN provd.fence f USING (fence_id) WHERE event_id = $1"
    "    ORDER BY recorded_at DESC LIMIT 100) t";

/* What the tables know. */
struct found {
    json_t *entries, *results, *changes, *records;
};

static enum status look(struct postgres *pg, struct shelf *shelf, const char *given,
                        const struct uuid *id, struct found *found, struct error *err)
{
    struct param by_id = param_uuid(id);
    struct param by_text = param_text(text_from(given));
    enum status status = database_rows(pg, sql_entry, &by_id, 1, &found->entries, err);

    if (status == STATUS_OK)
        status = story_results(pg, shelf, sql_result, &by_id, 1, &found->results, err);
    if (status == STATUS_OK)
        status = story_changes(pg, shelf, sql_changes, &by_id, 1, &found->changes, err);
    if (status == STATUS_OK)
        status = database_rows(pg, sql_records, &by_text, 1, &found->records, err);
    return status;
}

static json_t *document_of(const struct output *output, const struct found *found)
{
    json_t *document = json_pack("{sO? sO?}", "ledger", json_array_get(found->entries, 0), "result",
                                 json_array_get(found->results, 0));
    bool is_table = output->format == OUTPUT_TABLE;

    json_object_set_new(document, "changes",
                        is_table ? story_of_all(found->changes, story_of_change)
                                 : json_incref(found->changes));
    json_object_set(document, "records", found->records);
    if (is_table && json_is_object(json_object_get(document, "result")))
        story_without_nulls(json_object_get(document, "result"));
    return document;
}

static int tell(struct invocation *invocation, struct postgres *pg, struct shelf *shelf)
{
    const char *given = invocation->arguments[0];
    struct found found = {0};
    struct uuid id = UUID_NIL;
    struct error err;
    int code = EX_OK;

    uuid_parse(text_from(given), &id); /* not one: only the outcomes by coordinates may have it */
    enum status status = look(pg, shelf, given, &id, &found, &err);
    if (status != STATUS_OK) {
        code = database_complain(status, &err);
    } else if (json_array_size(found.entries) == 0 && json_array_size(found.records) == 0) {
        complain("nothing is known of an event with the id %s: it was not processed (see `provctl "
                 "fence show`), is another "
                 "cluster's, or its month was dropped from the ledger",
                 given);
        code = EX_DATAERR;
    } else {
        output_document(invocation->output, document_of(invocation->output, &found));
    }
    json_decref(found.entries);
    json_decref(found.results);
    json_decref(found.changes);
    json_decref(found.records);
    return code;
}

static int run_show(struct invocation *invocation)
{
    struct shelf *shelf;
    struct postgres *pg;
    struct error err;
    int code;

    if (!configuration_needs(invocation->config->database.url, "database.url"))
        return EX_CONFIG;
    if (shelf_open(&shelf, invocation->config, &err) != STATUS_OK)
        return complain_status(STATUS_FATAL, &err);
    enum status status = database_open(&pg, invocation->config, &err);
    if (status == STATUS_OK) {
        code = tell(invocation, pg, shelf);
        postgres_close(pg);
    } else {
        code = database_complain(status, &err);
    }
    shelf_close(shelf);
    return code;
}
