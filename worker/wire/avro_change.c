/* A ChangeRecord, up to its last field: the bytes that the hash chain runs over (rulings.md, 22).
 */
#include "wire/avro_encode.h"

#include "domain/change.h"
#include "wire/crypto.h"
#include "wire/schemas_embedded.h"

#include <assert.h>
#include <stdlib.h>

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

enum record_field {
    RECORD_ID,
    RECORD_CHAIN_SEQ,
    RECORD_PREV_HASH,
    RECORD_EVENT_ID,
    RECORD_KIND,
    RECORD_EVENT_SOURCE,
    RECORD_CORRELATION_ID,
    RECORD_OCCURRED_AT,
    RECORD_RECORDED_AT,
    RECORD_ACTOR,
    RECORD_IP,
    RECORD_REASON,
    RECORD_TICKET,
    RECORD_CONTEXT,
    RECORD_OBJECT_TYPE,
    RECORD_OBJECT_ID,
    RECORD_OBJECT_UUID,
    RECORD_ACTION,
    RECORD_BEFORE,
    RECORD_AFTER,
    RECORD_OBJECTS,
    RECORD_SEQ_FIRST,
    RECORD_SEQ_LAST,
    RECORD_SOURCE,
    RECORD_HASH,
    RECORD_FIELD_COUNT
};

static const char *const record_names[RECORD_FIELD_COUNT] = {
    [RECORD_ID] = "change_id",
    [RECORD_CHAIN_SEQ] = "chain_seq",
    [RECORD_PREV_HASH] = "prev_hash",
    [RECORD_EVENT_ID] = "event_id",
    [RECORD_KIND] = "kind",
    [RECORD_EVENT_SOURCE] = "event_source",
    [RECORD_CORRELATION_ID] = "correlation_id",
    [RECORD_OCCURRED_AT] = "occurred_at",
    [RECORD_RECORDED_AT] = "recorded_at",
    [RECORD_ACTOR] = "actor",
    [RECORD_IP] = "ip",
    [RECORD_REASON] = "reason",
    [RECORD_TICKET] = "ticket",
    [RECORD_CONTEXT] = "context",
    [RECORD_OBJECT_TYPE] = "object_type",
    [RECORD_OBJECT_ID] = "object_id",
    [RECORD_OBJECT_UUID] = "object_uuid",
    [RECORD_ACTION] = "action",
    [RECORD_BEFORE] = "before",
    [RECORD_AFTER] = "after",
    [RECORD_OBJECTS] = "objects",
    [RECORD_SEQ_FIRST] = "seq_first",
    [RECORD_SEQ_LAST] = "seq_last",
    [RECORD_SOURCE] = "source",
    [RECORD_HASH] = "hash",
};

enum { ACTOR_KIND_FIELD, ACTOR_ID_FIELD, ACTOR_FIELD_COUNT };
static const char *const actor_names[] = {"kind", "id"};

enum { SOURCE_TOPIC, SOURCE_PARTITION, SOURCE_OFFSET, SOURCE_FIELD_COUNT };
static const char *const source_names[] = {"topic", "partition", "offset"};

enum { VALUE_NAME, VALUE_VALUE, VALUE_FIELD_COUNT };
static const char *const value_names[] = {"name", "value"};

enum { ENUM_WORDS_MAX = 16 };

struct change_output {
    struct output output;
    avro_value_t fields[RECORD_FIELD_COUNT];
    size_t actor[ACTOR_FIELD_COUNT], source[SOURCE_FIELD_COUNT], value[VALUE_FIELD_COUNT];
    int actor_kinds[ENUM_WORDS_MAX], actions[ENUM_WORDS_MAX];
    int unknown_actor;
};

static enum status resolve(struct change_output *c, avro_schema_t schema, struct error *err)
{
    avro_schema_t actor = schema_below(schema, "actor");
    avro_schema_t actor_kinds = schema_below(actor, "kind");
    const struct {
        avro_schema_t record;
        const char *const *names;
        size_t count;
        size_t *indexes;
    } records[] = {
        {actor, actor_names, COUNT(actor_names), c->actor},
        {schema_below(schema, "source"), source_names, COUNT(source_names), c->source},
        {schema_below(schema, "before"), value_names, COUNT(value_names), c->value},
    };
    enum status status = enum_indexes(actor_kinds, actor_kind_names, c->actor_kinds, err);

    for (size_t i = 0; status == STATUS_OK && i < COUNT(records); i++)
        status = record_indexes(records[i].record, records[i].names, records[i].count,
                                records[i].indexes, err);
    if (status == STATUS_OK)
        status = enum_indexes(schema_below(schema, "action"), change_action_names, c->actions, err);
    c->unknown_actor = avro_schema_enum_get_by_name(actor_kinds, "UNKNOWN");
    return status;
}

enum status change_output_open(struct change_output **ret_output, struct error *err)
{
    static const uint8_t no_hash[SHA256_LEN];
    struct change_output *c = calloc(1, sizeof *c);
    enum status status;

    if (c == NULL)
        return error_set(err, STATUS_FATAL, NULL, "avro: out of memory");
    *ret_output = c;
    status = output_open(&c->output, "ChangeRecord", schema_change_record, err);
    if (status == STATUS_OK)
        status = output_fields(&c->output, record_names, RECORD_FIELD_COUNT, c->fields, err);
    if (status == STATUS_OK)
        status = resolve(c, c->output.schema, err);
    if (status == STATUS_OK)
        put_fixed(&c->fields[RECORD_HASH], no_hash, sizeof no_hash);
    return status;
}

void change_output_close(struct change_output *output)
{
    if (output == NULL)
        return;
    output_close(&output->output);
    free(output);
}

/* --- filling ------------------------------------------------------------------------------------
 */

static void put_actor(struct change_output *c, const struct actor *actor)
{
    avro_value_t kind = value_field(&c->fields[RECORD_ACTOR], c->actor[ACTOR_KIND_FIELD]);
    avro_value_t id = value_field(&c->fields[RECORD_ACTOR], c->actor[ACTOR_ID_FIELD]);
    bool is_known = actor->kind >= ACTOR_USER && actor->kind <= ACTOR_SYSTEM;

    put_enum(&kind, is_known ? c->actor_kinds[actor->kind] : c->unknown_actor);
    put_text(&id, actor->id);
    put_text(&c->fields[RECORD_IP], actor->ip);
    put_text(&c->fields[RECORD_REASON], actor->reason);
    put_text(&c->fields[RECORD_TICKET], actor->ticket);
}

static void put_event(struct change_output *c, const struct event *event)
{
    put_text(&c->fields[RECORD_EVENT_ID], event->event_id_text);
    put_text(&c->fields[RECORD_KIND], event->kind_name);
    put_text(&c->fields[RECORD_EVENT_SOURCE], event->source);
    put_text(&c->fields[RECORD_CORRELATION_ID], event->correlation_id);
    put_int(&c->fields[RECORD_OCCURRED_AT], event->occurred_at);
    put_text(&c->fields[RECORD_CONTEXT], event->context);
    put_actor(c, event->actor);
}

static void put_value(struct change_output *c, enum record_field side, const struct column *column,
                      const union cell *cell, struct arena *arena)
{
    avro_value_t record = value_append(&c->fields[side]);
    avro_value_t name = value_field(&record, c->value[VALUE_NAME]);
    avro_value_t value = value_field(&record, c->value[VALUE_VALUE]);

    put_z(&name, column->name);
    put_text(&value, cell_text(column, cell, arena));
}

/* What is made has no before, and what is purged no after. */
static void put_columns(struct change_output *c, const struct change *change, struct arena *arena)
{
    for (size_t i = 0; i < change->column_count; i++) {
        const struct column_change *column = &change->columns[i];

        if (change->action != CHANGE_CREATE)
            put_value(c, RECORD_BEFORE, column->column, &column->before, arena);
        if (change->action != CHANGE_PURGE)
            put_value(c, RECORD_AFTER, column->column, &column->after, arena);
    }
}

static void put_object(struct change_output *c, const struct change *change, struct arena *arena)
{
    bool is_fanout = change->action == CHANGE_FANOUT;

    put_z(&c->fields[RECORD_OBJECT_TYPE], change->object_type);
    put_text(&c->fields[RECORD_OBJECT_ID], change->object_id);
    put_uuid(&c->fields[RECORD_OBJECT_UUID], &change->object_uuid, arena);
    put_enum(&c->fields[RECORD_ACTION], c->actions[change->action]);
    put_int(&c->fields[RECORD_OBJECTS], is_fanout ? change->objects : INT_NULL);
    put_int(&c->fields[RECORD_SEQ_FIRST], is_fanout ? change->seq_first : INT_NULL);
    put_int(&c->fields[RECORD_SEQ_LAST], is_fanout ? change->seq_last : INT_NULL);
    put_columns(c, change, arena);
}

static void put_source(struct change_output *c, const struct source *source)
{
    avro_value_t *record = &c->fields[RECORD_SOURCE];
    avro_value_t topic = value_field(record, c->source[SOURCE_TOPIC]);
    avro_value_t partition = value_field(record, c->source[SOURCE_PARTITION]);
    avro_value_t offset = value_field(record, c->source[SOURCE_OFFSET]);

    put_text(&topic, source->topic);
    put_int(&partition, source->partition);
    put_int(&offset, source->offset);
}

void change_output_write(struct change_output *c, const struct change_facts *facts,
                         struct arena *arena, struct buffer *out)
{
    size_t begin = out->len;

    value_clear(&c->fields[RECORD_BEFORE]);
    value_clear(&c->fields[RECORD_AFTER]);
    put_uuid(&c->fields[RECORD_ID], &facts->change_id, arena);
    put_int(&c->fields[RECORD_CHAIN_SEQ], facts->chain_seq);
    put_fixed(&c->fields[RECORD_PREV_HASH], facts->prev_hash, SHA256_LEN);
    put_event(c, facts->event);
    put_int(&c->fields[RECORD_RECORDED_AT], facts->recorded_at);
    put_object(c, facts->change, arena);
    put_source(c, &facts->source);
    output_write(&c->output, out);
    if (out->failed)
        return;
    assert(out->len - begin > SHA256_LEN);
    out->len -= SHA256_LEN; /* the hash is the last field, and a fixed */
}
