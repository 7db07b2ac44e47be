/* A ChangeRecord, up to its last field: the bytes that the hash chain runs over (rulings.md, 22).
 */
#include "wire/avro_outputs.h"

#include "domain/change.h"
#include "wire/crypto.h"
#include "wire/schemas_embedded.h"

#include <assert.h>

struct change_actor_row {
    int64_t kind;
    struct text id;
};

struct value_row {
    struct text name, value;
};

struct change_row {
    struct text change_id;
    int64_t chain_seq;
    const uint8_t *prev_hash;
    struct text event_id, kind, event_source, correlation_id;
    int64_t occurred_at, recorded_at;
    struct change_actor_row actor;
    struct text ip, reason, ticket, context;
    struct text object_type, object_id, object_uuid;
    int64_t action;
    struct list before, after; /* of struct value_row */
    int64_t objects, seq_first, seq_last;
    struct coordinates_row source;
    const uint8_t *hash;
};

static const struct slot actor_slots[] = {
    SLOT(change_actor_row, kind, SLOT_ENUM, .words = actor_kind_names),
    SLOT(change_actor_row, id, SLOT_TEXT),
    {.type = SLOT_END},
};

static const struct slot value_slots[] = {
    SLOT(value_row, name, SLOT_TEXT),
    SLOT(value_row, value, SLOT_TEXT),
    {.type = SLOT_END},
};

static const struct slot change_slots[] = {
    SLOT(change_row, change_id, SLOT_TEXT),
    SLOT(change_row, chain_seq, SLOT_INT),
    SLOT(change_row, prev_hash, SLOT_FIXED, .size = SHA256_LEN),
    SLOT(change_row, event_id, SLOT_TEXT),
    SLOT(change_row, kind, SLOT_TEXT),
    SLOT(change_row, event_source, SLOT_TEXT),
    SLOT(change_row, correlation_id, SLOT_TEXT),
    SLOT(change_row, occurred_at, SLOT_INT),
    SLOT(change_row, recorded_at, SLOT_INT),
    SLOT(change_row, actor, SLOT_RECORD, .slots = actor_slots),
    SLOT(change_row, ip, SLOT_TEXT),
    SLOT(change_row, reason, SLOT_TEXT),
    SLOT(change_row, ticket, SLOT_TEXT),
    SLOT(change_row, context, SLOT_TEXT),
    SLOT(change_row, object_type, SLOT_TEXT),
    SLOT(change_row, object_id, SLOT_TEXT),
    SLOT(change_row, object_uuid, SLOT_TEXT),
    SLOT(change_row, action, SLOT_ENUM, .words = change_action_names),
    SLOT(change_row, before, SLOT_LIST, .slots = value_slots, .size = sizeof(struct value_row)),
    SLOT(change_row, after, SLOT_LIST, .slots = value_slots, .size = sizeof(struct value_row)),
    SLOT(change_row, objects, SLOT_INT),
    SLOT(change_row, seq_first, SLOT_INT),
    SLOT(change_row, seq_last, SLOT_INT),
    SLOT(change_row, source, SLOT_RECORD, .slots = coordinates_slots),
    SLOT(change_row, hash, SLOT_FIXED, .size = SHA256_LEN),
    {.type = SLOT_END},
};

enum status change_writer_open(struct record_writer **ret_writer, struct error *err)
{
    return record_writer_open(ret_writer, schema_change_record, change_slots, err);
}

/* --- filling the row -------------------------------------------------------------------------- */

static void fill_event(struct change_row *row, const struct event *event)
{
    const struct actor *actor = event->actor;

    row->event_id = event->event_id_text;
    row->kind = event->kind_name;
    row->event_source = event->source;
    row->correlation_id = event->correlation_id;
    row->occurred_at = event->occurred_at;
    row->context = event->context;
    row->actor = (struct change_actor_row){actor->kind, actor->id};
    row->ip = actor->ip;
    row->reason = actor->reason;
    row->ticket = actor->ticket;
}

static struct list values_of(const struct change *change, bool is_after, struct arena *arena)
{
    struct value_row *rows = ARENA_ARRAY(arena, struct value_row, change->column_count);

    for (size_t i = 0; i < change->column_count; i++) {
        const struct column_change *column = &change->columns[i];

        rows[i].name = text_from(column->column->name);
        rows[i].value =
            cell_text(column->column, is_after ? &column->after : &column->before, arena);
    }
    return (struct list){rows, change->column_count};
}

/* What is made has no before, and what is purged no after. */
static void fill_change(struct change_row *row, const struct change *change, struct arena *arena)
{
    bool is_fanout = change->action == CHANGE_FANOUT;

    row->object_type = text_from(change->object_type);
    row->object_id = change->object_id;
    row->object_uuid = uuid_text(&change->object_uuid, arena);
    row->action = change->action;
    if (change->action != CHANGE_CREATE)
        row->before = values_of(change, false, arena);
    if (change->action != CHANGE_PURGE)
        row->after = values_of(change, true, arena);
    row->objects = is_fanout ? change->objects : INT_NULL;
    row->seq_first = is_fanout ? change->seq_first : INT_NULL;
    row->seq_last = is_fanout ? change->seq_last : INT_NULL;
}

void change_body_write(struct record_writer *writer, const struct change_facts *facts,
                       struct arena *arena, struct buffer *out)
{
    static const uint8_t no_hash[SHA256_LEN];
    size_t begin = out->len;
    struct change_row row = {
        .change_id = uuid_text(&facts->change_id, arena),
        .chain_seq = facts->chain_seq,
        .prev_hash = facts->prev_hash,
        .recorded_at = facts->recorded_at,
        .source = coordinates_of(&facts->source),
        .hash = no_hash,
    };

    fill_event(&row, facts->event);
    fill_change(&row, facts->change, arena);
    record_writer_write(writer, &row, out);
    if (out->failed)
        return;
    assert(out->len - begin > SHA256_LEN);
    out->len -= SHA256_LEN; /* the hash is the last field, and a fixed */
}
