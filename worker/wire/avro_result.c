/* A ProvisioningResult from what is known of an outcome: the row below, and where its fields come
 * from. */
#include "wire/avro_outputs.h"

#include "domain/account.h"
#include "domain/change.h"
#include "wire/schemas_embedded.h"

struct first_seen_row {
    struct text topic;
    int64_t partition, offset;
    int64_t status;
    struct text code;
    int64_t applied_at;
    struct text worker;
};

struct service_row {
    int64_t service, id;
};

struct item_row {
    struct text object;
    int64_t status;
    struct text code, message;
};

struct diff_row {
    struct text name, before, after;
};

struct object_row {
    struct text object_type, object_id, object_uuid;
    int64_t action;
    struct list fields; /* of struct diff_row */
};

struct generated_row {
    struct text key_id, ciphertext;
};

struct result_row {
    struct text result_id, event_id, kind;
    int64_t status;
    bool final;
    int64_t index, mode;
    struct text code, message;
    bool retryable;
    struct text context, correlation_id;
    int64_t occurred_at, applied_at;
    struct text worker;
    struct coordinates_row source;
    const struct first_seen_row *first_seen;
    bool republished;
    struct text account_uuid;
    int64_t account_id;
    struct list services; /* of struct service_row */
    int64_t version_before, version_after;
    int64_t items_total, items_applied, items_unchanged, items_rejected;
    struct list items;   /* of struct item_row */
    struct list changes; /* of struct object_row */
    const struct generated_row *generated_password;
};

static const struct slot first_seen_slots[] = {
    SLOT(first_seen_row, topic, SLOT_TEXT),
    SLOT(first_seen_row, partition, SLOT_INT),
    SLOT(first_seen_row, offset, SLOT_INT),
    SLOT(first_seen_row, status, SLOT_ENUM, .words = outcome_status_names),
    SLOT(first_seen_row, code, SLOT_TEXT),
    SLOT(first_seen_row, applied_at, SLOT_INT),
    SLOT(first_seen_row, worker, SLOT_TEXT),
    {.type = SLOT_END},
};

static const struct slot service_slots[] = {
    SLOT(service_row, service, SLOT_ENUM, .words = service_names),
    SLOT(service_row, id, SLOT_INT),
    {.type = SLOT_END},
};

static const struct slot item_slots[] = {
    SLOT(item_row, object, SLOT_TEXT),
    SLOT(item_row, status, SLOT_ENUM, .words = outcome_status_names),
    SLOT(item_row, code, SLOT_TEXT),
    SLOT(item_row, message, SLOT_TEXT),
    {.type = SLOT_END},
};

static const struct slot diff_slots[] = {
    SLOT(diff_row, name, SLOT_TEXT),
    SLOT(diff_row, before, SLOT_TEXT),
    SLOT(diff_row, after, SLOT_TEXT),
    {.type = SLOT_END},
};

static const struct slot object_slots[] = {
    SLOT(object_row, object_type, SLOT_TEXT),
    SLOT(object_row, object_id, SLOT_TEXT),
    SLOT(object_row, object_uuid, SLOT_TEXT),
    SLOT(object_row, action, SLOT_ENUM, .words = change_action_names),
    SLOT(object_row, fields, SLOT_LIST, .slots = diff_slots, .size = sizeof(struct diff_row)),
    {.type = SLOT_END},
};

static const struct slot generated_slots[] = {
    SLOT(generated_row, key_id, SLOT_TEXT),
    SLOT(generated_row, ciphertext, SLOT_BYTES),
    {.type = SLOT_END},
};

static const struct slot result_slots[] = {
    SLOT(result_row, result_id, SLOT_TEXT),
    SLOT(result_row, event_id, SLOT_TEXT),
    SLOT(result_row, kind, SLOT_TEXT),
    SLOT(result_row, status, SLOT_ENUM, .words = outcome_status_names),
    SLOT(result_row, final, SLOT_BOOL),
    SLOT(result_row, index, SLOT_INT),
    SLOT(result_row, mode, SLOT_ENUM, .words = mode_names),
    SLOT(result_row, code, SLOT_TEXT),
    SLOT(result_row, message, SLOT_TEXT),
    SLOT(result_row, retryable, SLOT_BOOL),
    SLOT(result_row, context, SLOT_TEXT),
    SLOT(result_row, correlation_id, SLOT_TEXT),
    SLOT(result_row, occurred_at, SLOT_INT),
    SLOT(result_row, applied_at, SLOT_INT),
    SLOT(result_row, worker, SLOT_TEXT),
    SLOT(result_row, source, SLOT_RECORD, .slots = coordinates_slots),
    SLOT(result_row, first_seen, SLOT_OPTIONAL, .slots = first_seen_slots),
    SLOT(result_row, republished, SLOT_BOOL),
    SLOT(result_row, account_uuid, SLOT_TEXT),
    SLOT(result_row, account_id, SLOT_INT),
    SLOT(result_row, services, SLOT_LIST, .slots = service_slots,
         .size = sizeof(struct service_row)),
    SLOT(result_row, version_before, SLOT_INT),
    SLOT(result_row, version_after, SLOT_INT),
    SLOT(result_row, items_total, SLOT_INT),
    SLOT(result_row, items_applied, SLOT_INT),
    SLOT(result_row, items_unchanged, SLOT_INT),
    SLOT(result_row, items_rejected, SLOT_INT),
    SLOT(result_row, items, SLOT_LIST, .slots = item_slots, .size = sizeof(struct item_row)),
    SLOT(result_row, changes, SLOT_LIST, .slots = object_slots, .size = sizeof(struct object_row)),
    SLOT(result_row, generated_password, SLOT_OPTIONAL, .slots = generated_slots),
    {.type = SLOT_END},
};

enum status result_writer_open(struct record_writer **ret_writer, struct error *err)
{
    return record_writer_open(ret_writer, schema_provisioning_result, result_slots, err);
}

/* --- filling the row -------------------------------------------------------------------------- */

static void fill_event(struct result_row *row, const struct event *event)
{
    row->event_id = event->event_id_text;
    row->kind = event->kind_name;
    row->mode = event->mode == MODE_DRY_RUN ? MODE_DRY_RUN : MODE_APPLY;
    row->context = event->context;
    row->correlation_id = event->correlation_id;
    row->occurred_at = event->occurred_at;
}

static void fill_verdict(struct result_row *row, const struct outcome *outcome)
{
    row->status = outcome->status;
    row->final = outcome->status != OUTCOME_PARKED && outcome->status != OUTCOME_HELD;
    row->index = 0;
    row->code = text_from(code_name(outcome->code));
    row->message = outcome->message;
    row->retryable = outcome->status == OUTCOME_FAILED || code_is_retryable(outcome->code);
}

static int64_t status_number(struct text name)
{
    for (int i = 0; outcome_status_names[i] != NULL; i++)
        if (text_equal_z(name, outcome_status_names[i]))
            return i;
    return ENUM_UNKNOWN;
}

/* What is known of the first event: from the ledger, or from the same batch. */
static struct first_seen_row first_seen_of(const struct result_facts *facts)
{
    const struct outcome *in_batch = facts->outcome->first_outcome;
    struct first_seen_row row = {
        .topic = facts->first_seen.topic,
        .partition = facts->first_seen.partition,
        .offset = facts->first_seen.offset,
        .status = ENUM_UNKNOWN,
        .applied_at = INT_NULL,
    };

    if (facts->first != NULL) {
        row.status = status_number(facts->first->status);
        row.code = facts->first->code;
        row.applied_at = facts->first->applied_at;
        row.worker = facts->first->worker;
    } else if (in_batch != NULL) {
        row.status = in_batch->status;
        row.code = text_from(code_name(in_batch->code));
        row.applied_at = facts->applied_at;
        row.worker = facts->worker;
    }
    return row;
}

/* `services` has room for all. */
static void fill_remembered(struct result_row *row, struct service_row *services,
                            const struct first_result *first, struct arena *arena)
{
    row->account_uuid = uuid_text(&first->account_uuid, arena);
    row->account_id = first->account_id;
    row->version_before = first->version_before;
    row->version_after = first->version_after;
    for (int i = 0; i < SERVICE_COUNT; i++)
        if (first->service_ids[i] != INT_NULL)
            services[row->services.count++] = (struct service_row){i, first->service_ids[i]};
}

static void fill_account(struct result_row *row, struct service_row *services,
                         const struct outcome *outcome, struct arena *arena)
{
    const struct account *account = outcome->account;

    row->account_uuid = account != NULL ? uuid_text(&account->uuid, arena) : TEXT_NULL;
    row->account_id = account != NULL ? account->account_id : INT_NULL;
    row->version_before = outcome->version_before;
    row->version_after = outcome->version_after;
    for (int i = 0; i < SERVICE_COUNT; i++)
        if (outcome->services[i] != NULL)
            services[row->services.count++] =
                (struct service_row){i, outcome->services[i]->service_id};
}

/* Counts are null when the event was about one object. */
static void fill_items(struct result_row *row, const struct outcome_items *items,
                       struct arena *arena)
{
    bool is_fanout = items->total > 0 || items->count > 0;
    size_t count = items->count < OUTCOME_ITEMS_SHOWN_MAX ? items->count : OUTCOME_ITEMS_SHOWN_MAX;
    struct item_row *rows = ARENA_ARRAY(arena, struct item_row, count);

    row->items_total = is_fanout ? items->total : INT_NULL;
    row->items_applied = is_fanout ? items->applied : INT_NULL;
    row->items_unchanged = is_fanout ? items->unchanged : INT_NULL;
    row->items_rejected = is_fanout ? items->rejected : INT_NULL;
    for (size_t i = 0; i < count; i++) {
        const struct outcome_item *item = &items->items[i];

        rows[i] = (struct item_row){item->object, item->status, text_from(code_name(item->code)),
                                    item->message};
    }
    row->items = (struct list){rows, count};
}

static struct list diff_of(const struct change *change, struct arena *arena)
{
    struct diff_row *rows = ARENA_ARRAY(arena, struct diff_row, change->column_count);

    for (size_t i = 0; i < change->column_count; i++) {
        const struct column_change *column = &change->columns[i];

        rows[i] = (struct diff_row){
            .name = text_from(column->column->name),
            .before = cell_text(column->column, &column->before, arena),
            .after = cell_text(column->column, &column->after, arena),
        };
    }
    return (struct list){rows, change->column_count};
}

static void fill_changes(struct result_row *row, const struct outcome *outcome, struct arena *arena)
{
    struct object_row *rows = ARENA_ARRAY(arena, struct object_row, outcome->change_count);

    for (size_t i = 0; i < outcome->change_count; i++) {
        const struct change *change = &outcome->changes[i];

        rows[i] = (struct object_row){
            .object_type = text_from(change->object_type),
            .object_id = change->object_id,
            .object_uuid = uuid_text(&change->object_uuid, arena),
            .action = change->action,
            .fields = diff_of(change, arena),
        };
    }
    row->changes = (struct list){rows, outcome->change_count};
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

void result_write(struct record_writer *writer, const struct result_facts *facts,
                  struct arena *arena, struct buffer *out)
{
    const struct outcome *outcome = facts->outcome;
    const struct outcome *object = outcome->first_outcome ? outcome->first_outcome : outcome;
    struct service_row services[SERVICE_COUNT];
    struct first_seen_row first_seen;
    struct generated_row generated;
    struct result_row row = {
        .result_id = uuid_text(&facts->result_id, arena),
        .source = coordinates_of(&facts->source),
        .applied_at = facts->applied_at,
        .worker = facts->worker,
        .republished = facts->republished,
        .services.items = services,
    };

    fill_event(&row, facts->event);
    fill_verdict(&row, outcome);
    if (facts->first != NULL)
        fill_remembered(&row, services, facts->first, arena);
    else
        fill_account(&row, services, object, arena);
    fill_items(&row, &outcome->items, arena);
    fill_changes(&row, outcome, arena);
    if (outcome->status == OUTCOME_DUPLICATE) {
        first_seen = first_seen_of(facts);
        row.first_seen = &first_seen;
    }
    if (outcome->generated_password.data != NULL) {
        generated =
            (struct generated_row){requester_key_id(facts->event), outcome->generated_password};
        row.generated_password = &generated;
    }
    record_writer_write(writer, &row, out);
}
