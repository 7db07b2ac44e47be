/* A ProvisioningResult from what is known of an outcome. */
#include "wire/avro_encode.h"

#include "domain/account.h"
#include "domain/change.h"
#include "wire/schemas_embedded.h"

#include <stdlib.h>

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

enum result_field {
    RESULT_ID,
    RESULT_EVENT_ID,
    RESULT_KIND,
    RESULT_STATUS,
    RESULT_FINAL,
    RESULT_INDEX,
    RESULT_MODE,
    RESULT_CODE,
    RESULT_MESSAGE,
    RESULT_RETRYABLE,
    RESULT_CONTEXT,
    RESULT_CORRELATION_ID,
    RESULT_OCCURRED_AT,
    RESULT_APPLIED_AT,
    RESULT_WORKER,
    RESULT_SOURCE,
    RESULT_FIRST_SEEN,
    RESULT_REPUBLISHED,
    RESULT_ACCOUNT_UUID,
    RESULT_ACCOUNT_ID,
    RESULT_SERVICES,
    RESULT_VERSION_BEFORE,
    RESULT_VERSION_AFTER,
    RESULT_ITEMS_TOTAL,
    RESULT_ITEMS_APPLIED,
    RESULT_ITEMS_UNCHANGED,
    RESULT_ITEMS_REJECTED,
    RESULT_ITEMS,
    RESULT_CHANGES,
    RESULT_GENERATED_PASSWORD,
    RESULT_FIELD_COUNT
};

static const char *const result_names[RESULT_FIELD_COUNT] = {
    [RESULT_ID] = "result_id",
    [RESULT_EVENT_ID] = "event_id",
    [RESULT_KIND] = "kind",
    [RESULT_STATUS] = "status",
    [RESULT_FINAL] = "final",
    [RESULT_INDEX] = "index",
    [RESULT_MODE] = "mode",
    [RESULT_CODE] = "code",
    [RESULT_MESSAGE] = "message",
    [RESULT_RETRYABLE] = "retryable",
    [RESULT_CONTEXT] = "context",
    [RESULT_CORRELATION_ID] = "correlation_id",
    [RESULT_OCCURRED_AT] = "occurred_at",
    [RESULT_APPLIED_AT] = "applied_at",
    [RESULT_WORKER] = "worker",
    [RESULT_SOURCE] = "source",
    [RESULT_FIRST_SEEN] = "first_seen",
    [RESULT_REPUBLISHED] = "republished",
    [RESULT_ACCOUNT_UUID] = "account_uuid",
    [RESULT_ACCOUNT_ID] = "account_id",
    [RESULT_SERVICES] = "services",
    [RESULT_VERSION_BEFORE] = "version_before",
    [RESULT_VERSION_AFTER] = "version_after",
    [RESULT_ITEMS_TOTAL] = "items_total",
    [RESULT_ITEMS_APPLIED] = "items_applied",
    [RESULT_ITEMS_UNCHANGED] = "items_unchanged",
    [RESULT_ITEMS_REJECTED] = "items_rejected",
    [RESULT_ITEMS] = "items",
    [RESULT_CHANGES] = "changes",
    [RESULT_GENERATED_PASSWORD] = "generated_password",
};

enum { SOURCE_TOPIC, SOURCE_PARTITION, SOURCE_OFFSET, SOURCE_FIELD_COUNT };
static const char *const source_names[] = {"topic", "partition", "offset"};

enum {
    FIRST_TOPIC,
    FIRST_PARTITION,
    FIRST_OFFSET,
    FIRST_STATUS,
    FIRST_CODE,
    FIRST_APPLIED_AT,
    FIRST_WORKER,
    FIRST_FIELD_COUNT
};
static const char *const first_names[] = {
    "topic", "partition", "offset", "status", "code", "applied_at", "worker",
};

enum { SERVICE_NAME, SERVICE_ID, SERVICE_FIELD_COUNT };
static const char *const service_field_names[] = {"service", "id"};

enum { ITEM_OBJECT, ITEM_STATUS, ITEM_CODE, ITEM_MESSAGE, ITEM_FIELD_COUNT };
static const char *const item_names[] = {"object", "status", "code", "message"};

enum { OBJECT_TYPE, OBJECT_ID, OBJECT_UUID, OBJECT_ACTION, OBJECT_FIELDS, OBJECT_FIELD_COUNT };
static const char *const object_names[] = {
    "object_type", "object_id", "object_uuid", "action", "fields",
};

enum { DIFF_NAME, DIFF_BEFORE, DIFF_AFTER, DIFF_FIELD_COUNT };
static const char *const diff_names[] = {"name", "before", "after"};

enum { GENERATED_KEY_ID, GENERATED_CIPHERTEXT, GENERATED_FIELD_COUNT };
static const char *const generated_names[] = {"key_id", "ciphertext"};

enum { ENUM_WORDS_MAX = 16 };

struct result_output {
    struct output output;
    avro_value_t fields[RESULT_FIELD_COUNT];
    size_t source[SOURCE_FIELD_COUNT], first[FIRST_FIELD_COUNT], service[SERVICE_FIELD_COUNT],
        item[ITEM_FIELD_COUNT], object[OBJECT_FIELD_COUNT], diff[DIFF_FIELD_COUNT],
        generated[GENERATED_FIELD_COUNT];
    int statuses[ENUM_WORDS_MAX], modes[ENUM_WORDS_MAX], services[ENUM_WORDS_MAX],
        actions[ENUM_WORDS_MAX];
};

static enum status resolve_records(struct result_output *r, avro_schema_t schema, struct error *err)
{
    avro_schema_t object = schema_below(schema, "changes");
    const struct {
        avro_schema_t record;
        const char *const *names;
        size_t count;
        size_t *indexes;
    } records[] = {
        {schema_below(schema, "source"), source_names, COUNT(source_names), r->source},
        {schema_below(schema, "first_seen"), first_names, COUNT(first_names), r->first},
        {schema_below(schema, "services"), service_field_names, COUNT(service_field_names),
         r->service},
        {schema_below(schema, "items"), item_names, COUNT(item_names), r->item},
        {object, object_names, COUNT(object_names), r->object},
        {schema_below(object, "fields"), diff_names, COUNT(diff_names), r->diff},
        {schema_below(schema, "generated_password"), generated_names, COUNT(generated_names),
         r->generated},
    };

    for (size_t i = 0; i < COUNT(records); i++) {
        enum status status = record_indexes(records[i].record, records[i].names, records[i].count,
                                            records[i].indexes, err);

        if (status != STATUS_OK)
            return status;
    }
    return STATUS_OK;
}

static enum status resolve_enums(struct result_output *r, avro_schema_t schema, struct error *err)
{
    const struct {
        avro_schema_t symbols;
        const char *const *words;
        int *indexes;
    } enums[] = {
        {schema_below(schema, "status"), outcome_status_names, r->statuses},
        {schema_below(schema, "mode"), mode_names, r->modes},
        {schema_below(schema_below(schema, "services"), "service"), service_names, r->services},
        {schema_below(schema_below(schema, "changes"), "action"), change_action_names, r->actions},
    };

    for (size_t i = 0; i < COUNT(enums); i++) {
        enum status status = enum_indexes(enums[i].symbols, enums[i].words, enums[i].indexes, err);

        if (status != STATUS_OK)
            return status;
    }
    return STATUS_OK;
}

enum status result_output_open(struct result_output **ret_output, struct error *err)
{
    struct result_output *r = calloc(1, sizeof *r);
    enum status status;

    if (r == NULL)
        return error_set(err, STATUS_FATAL, NULL, "avro: out of memory");
    *ret_output = r;
    status = output_open(&r->output, "ProvisioningResult", schema_provisioning_result, err);
    if (status == STATUS_OK)
        status = output_fields(&r->output, result_names, RESULT_FIELD_COUNT, r->fields, err);
    if (status == STATUS_OK)
        status = resolve_records(r, r->output.schema, err);
    if (status == STATUS_OK)
        status = resolve_enums(r, r->output.schema, err);
    return status;
}

void result_output_close(struct result_output *output)
{
    if (output == NULL)
        return;
    output_close(&output->output);
    free(output);
}

/* --- filling ------------------------------------------------------------------------------------
 */

static void put_event(struct result_output *r, const struct event *event)
{
    avro_value_t *fields = r->fields;

    put_text(&fields[RESULT_EVENT_ID], event->event_id_text);
    put_text(&fields[RESULT_KIND], event->kind_name);
    put_enum(&fields[RESULT_MODE],
             r->modes[event->mode == MODE_DRY_RUN ? MODE_DRY_RUN : MODE_APPLY]);
    put_text(&fields[RESULT_CONTEXT], event->context);
    put_text(&fields[RESULT_CORRELATION_ID], event->correlation_id);
    put_int(&fields[RESULT_OCCURRED_AT], event->occurred_at);
}

static void put_verdict(struct result_output *r, const struct outcome *outcome)
{
    avro_value_t *fields = r->fields;
    bool is_final = outcome->status != OUTCOME_PARKED && outcome->status != OUTCOME_HELD;

    put_enum(&fields[RESULT_STATUS], r->statuses[outcome->status]);
    put_bool(&fields[RESULT_FINAL], is_final);
    put_int(&fields[RESULT_INDEX], 0);
    put_z(&fields[RESULT_CODE], code_name(outcome->code));
    put_text(&fields[RESULT_MESSAGE], outcome->message);
    put_bool(&fields[RESULT_RETRYABLE],
             outcome->status == OUTCOME_FAILED || code_is_retryable(outcome->code));
}

static void put_source(struct result_output *r, const struct source *source)
{
    avro_value_t *record = &r->fields[RESULT_SOURCE];
    avro_value_t topic = value_field(record, r->source[SOURCE_TOPIC]);
    avro_value_t partition = value_field(record, r->source[SOURCE_PARTITION]);
    avro_value_t offset = value_field(record, r->source[SOURCE_OFFSET]);

    put_text(&topic, source->topic);
    put_int(&partition, source->partition);
    put_int(&offset, source->offset);
}

static int status_symbol(const struct result_output *r, struct text name)
{
    for (int i = 0; outcome_status_names[i] != NULL; i++)
        if (text_equal_z(name, outcome_status_names[i]))
            return r->statuses[i];
    return -1;
}

/* What is known of the first event: from the ledger, or from the same batch. */
static struct first_result first_of(const struct result_facts *facts)
{
    const struct outcome *first = facts->outcome->first_outcome;
    struct first_result none = {.applied_at = INT_NULL};

    if (facts->first != NULL)
        return *facts->first;
    if (first == NULL)
        return none;
    return (struct first_result){
        .status = text_from(outcome_status_names[first->status]),
        .code = text_from(code_name(first->code)),
        .applied_at = facts->applied_at,
        .worker = facts->worker,
    };
}

static void put_first_seen(struct result_output *r, const struct result_facts *facts)
{
    bool is_duplicate = facts->outcome->status == OUTCOME_DUPLICATE;
    avro_value_t branch;
    avro_value_t *record = put_record(&r->fields[RESULT_FIRST_SEEN], is_duplicate, &branch);
    struct first_result first;
    avro_value_t fields[FIRST_FIELD_COUNT];

    if (record == NULL)
        return;
    first = first_of(facts);
    for (size_t i = 0; i < FIRST_FIELD_COUNT; i++)
        fields[i] = value_field(record, r->first[i]);
    put_text(&fields[FIRST_TOPIC], facts->first_seen.topic);
    put_int(&fields[FIRST_PARTITION], facts->first_seen.partition);
    put_int(&fields[FIRST_OFFSET], facts->first_seen.offset);
    put_enum(&fields[FIRST_STATUS], status_symbol(r, first.status));
    put_text(&fields[FIRST_CODE], first.code);
    put_int(&fields[FIRST_APPLIED_AT], first.applied_at);
    put_text(&fields[FIRST_WORKER], first.worker);
}

static void put_service(struct result_output *r, size_t service, int64_t id)
{
    avro_value_t item = value_append(&r->fields[RESULT_SERVICES]);
    avro_value_t name = value_field(&item, r->service[SERVICE_NAME]);
    avro_value_t number = value_field(&item, r->service[SERVICE_ID]);

    put_enum(&name, r->services[service]);
    put_int(&number, id);
}

static void put_remembered_account(struct result_output *r, const struct first_result *first,
                                   struct arena *arena)
{
    put_uuid(&r->fields[RESULT_ACCOUNT_UUID], &first->account_uuid, arena);
    put_int(&r->fields[RESULT_ACCOUNT_ID], first->account_id);
    put_int(&r->fields[RESULT_VERSION_BEFORE], first->version_before);
    put_int(&r->fields[RESULT_VERSION_AFTER], first->version_after);
    for (size_t i = 0; i < SERVICE_COUNT; i++)
        if (first->service_ids[i] != INT_NULL)
            put_service(r, i, first->service_ids[i]);
}

static void put_account(struct result_output *r, const struct outcome *outcome, struct arena *arena)
{
    const struct account *account = outcome->account;

    put_uuid(&r->fields[RESULT_ACCOUNT_UUID], account != NULL ? &account->uuid : &UUID_NIL, arena);
    put_int(&r->fields[RESULT_ACCOUNT_ID], account != NULL ? account->account_id : INT_NULL);
    put_int(&r->fields[RESULT_VERSION_BEFORE], outcome->version_before);
    put_int(&r->fields[RESULT_VERSION_AFTER], outcome->version_after);
    for (size_t i = 0; i < SERVICE_COUNT; i++)
        if (outcome->services[i] != NULL)
            put_service(r, i, outcome->services[i]->service_id);
}

static void put_item(struct result_output *r, const struct outcome_item *item)
{
    avro_value_t record = value_append(&r->fields[RESULT_ITEMS]);
    avro_value_t object = value_field(&record, r->item[ITEM_OBJECT]);
    avro_value_t status = value_field(&record, r->item[ITEM_STATUS]);
    avro_value_t code = value_field(&record, r->item[ITEM_CODE]);
    avro_value_t message = value_field(&record, r->item[ITEM_MESSAGE]);

    put_text(&object, item->object);
    put_enum(&status, r->statuses[item->status]);
    put_z(&code, code_name(item->code));
    put_text(&message, item->message);
}

/* Counts are null when the event was about one object. */
static void put_items(struct result_output *r, const struct outcome_items *items)
{
    bool is_fanout = items->total > 0 || items->count > 0;

    put_int(&r->fields[RESULT_ITEMS_TOTAL], is_fanout ? items->total : INT_NULL);
    put_int(&r->fields[RESULT_ITEMS_APPLIED], is_fanout ? items->applied : INT_NULL);
    put_int(&r->fields[RESULT_ITEMS_UNCHANGED], is_fanout ? items->unchanged : INT_NULL);
    put_int(&r->fields[RESULT_ITEMS_REJECTED], is_fanout ? items->rejected : INT_NULL);
    for (size_t i = 0; i < items->count && i < OUTCOME_ITEMS_SHOWN_MAX; i++)
        put_item(r, &items->items[i]);
}

static void put_diff(struct result_output *r, avro_value_t *list,
                     const struct column_change *change, struct arena *arena)
{
    avro_value_t record = value_append(list);
    avro_value_t name = value_field(&record, r->diff[DIFF_NAME]);
    avro_value_t before = value_field(&record, r->diff[DIFF_BEFORE]);
    avro_value_t after = value_field(&record, r->diff[DIFF_AFTER]);

    put_z(&name, change->column->name);
    put_text(&before, cell_text(change->column, &change->before, arena));
    put_text(&after, cell_text(change->column, &change->after, arena));
}

static void put_change(struct result_output *r, const struct change *change, struct arena *arena)
{
    avro_value_t record = value_append(&r->fields[RESULT_CHANGES]);
    avro_value_t type = value_field(&record, r->object[OBJECT_TYPE]);
    avro_value_t id = value_field(&record, r->object[OBJECT_ID]);
    avro_value_t uuid = value_field(&record, r->object[OBJECT_UUID]);
    avro_value_t action = value_field(&record, r->object[OBJECT_ACTION]);
    avro_value_t list = value_field(&record, r->object[OBJECT_FIELDS]);

    put_z(&type, change->object_type);
    put_text(&id, change->object_id);
    put_uuid(&uuid, &change->object_uuid, arena);
    put_enum(&action, r->actions[change->action]);
    for (size_t i = 0; i < change->column_count; i++)
        put_diff(r, &list, &change->columns[i], arena);
}

/* The key that the requester named for the password that the worker made. */
static struct text requester_key_id(const struct event *event)
{
    if (event->kind == NULL)
        return TEXT_NULL;
    for (const struct field *field = event->kind->fields; field->type != FIELD_END; field++) {
        const char *place = (const char *)event->payload + field->offset;
        const struct secret *secret = (const struct secret *)(const void *)place;

        if (field->type == FIELD_SECRET && secret->type == SECRET_GENERATED)
            return secret->key_id;
    }
    return TEXT_NULL;
}

static void put_generated(struct result_output *r, const struct result_facts *facts)
{
    struct text sealed = facts->outcome->generated_password;
    avro_value_t branch;
    avro_value_t *record =
        put_record(&r->fields[RESULT_GENERATED_PASSWORD], sealed.data != NULL, &branch);
    avro_value_t key_id, ciphertext;

    if (record == NULL)
        return;
    key_id = value_field(record, r->generated[GENERATED_KEY_ID]);
    ciphertext = value_field(record, r->generated[GENERATED_CIPHERTEXT]);
    put_text(&key_id, requester_key_id(facts->event));
    put_bytes(&ciphertext, sealed);
}

static void put_object(struct result_output *r, const struct result_facts *facts,
                       struct arena *arena)
{
    const struct outcome *outcome = facts->outcome;

    if (facts->first != NULL)
        put_remembered_account(r, facts->first, arena);
    else
        put_account(r, outcome->first_outcome != NULL ? outcome->first_outcome : outcome, arena);
    put_items(r, &outcome->items);
    for (size_t i = 0; i < outcome->change_count; i++)
        put_change(r, &outcome->changes[i], arena);
}

void result_output_write(struct result_output *r, const struct result_facts *facts,
                         struct arena *arena, struct buffer *out)
{
    value_clear(&r->fields[RESULT_SERVICES]);
    value_clear(&r->fields[RESULT_ITEMS]);
    value_clear(&r->fields[RESULT_CHANGES]);
    put_uuid(&r->fields[RESULT_ID], &facts->result_id, arena);
    put_event(r, facts->event);
    put_verdict(r, facts->outcome);
    put_source(r, &facts->source);
    put_first_seen(r, facts);
    put_int(&r->fields[RESULT_APPLIED_AT], facts->applied_at);
    put_text(&r->fields[RESULT_WORKER], facts->worker);
    put_bool(&r->fields[RESULT_REPUBLISHED], facts->republished);
    put_object(r, facts, arena);
    put_generated(r, facts);
    output_write(&r->output, out);
}
