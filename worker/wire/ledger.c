#include "wire/ledger.h"

#include <string.h>

#include "base/arena.h"
#include "wire/postgres.h"

/* Kept from batch to batch: they grow to their size once. A lane has one thread. */
static struct array arrays[5];

static enum status send_int4s(struct postgres *pg, const char *statement, const int32_t *values,
                              size_t count, struct error *err)
{
    array_begin(&arrays[0], ARRAY_INT4);
    for (size_t i = 0; i < count; i++)
        array_add_int(&arrays[0], values[i]);
    struct param param = array_param(&arrays[0]);
    return postgres_send(pg, statement, &param, 1, err);
}

enum status ledger_send_lock(struct postgres *pg, const int32_t *fence_ids, size_t count,
                             struct error *err)
{
    return send_int4s(pg, "lock_fences", fence_ids, count, err);
}

static struct fence_state read_state(const struct result *result, int row)
{
    struct fence_state state = {
        .fence_id = (int32_t)result_int(result, row, 0),
        .next_offset = result_int(result, row, 1),
        .owner_epoch = result_int(result, row, 2),
        .published_upto = result_int(result, row, 3),
        .chain_seq = result_int(result, row, 4),
    };
    struct text head = result_text(result, row, 5);
    if (head.len == CHAIN_HASH_LEN)
        memcpy(state.chain_head, head.data, CHAIN_HASH_LEN);
    return state;
}

enum status ledger_read_lock(struct postgres *pg, const int32_t *fence_ids, size_t count,
                             struct fence_state *states, struct error *err)
{
    struct result *result;
    enum status status = postgres_result(pg, &result, err);
    if (status != STATUS_OK)
        return status;
    for (size_t i = 0; i < count && status == STATUS_OK; i++) {
        int row = 0;
        while (row < result_rows(result) && result_int(result, row, 0) != fence_ids[i])
            row++;
        if (row < result_rows(result))
            states[i] = read_state(result, row);
        else
            status = error_set(err, STATUS_FATAL, NULL,
                               "the fence row %d is gone: somebody deleted it while the worker ran",
                               fence_ids[i]);
    }
    result_close(result);
    return status;
}

enum status ledger_send_recall_events(struct postgres *pg, const struct uuid *ids, size_t count,
                                      struct error *err)
{
    struct uuid least = UUID_NIL, greatest = UUID_NIL;
    array_begin(&arrays[0], ARRAY_UUID);
    for (size_t i = 0; i < count; i++) {
        array_add_uuid(&arrays[0], &ids[i]);
        if (i == 0 || uuid_compare(&ids[i], &least) < 0)
            least = ids[i];
        if (uuid_compare(&ids[i], &greatest) > 0)
            greatest = ids[i];
    }
    const struct param params[] = {array_param(&arrays[0]), param_uuid(&least),
                                   param_uuid(&greatest)};
    return postgres_send(pg, "recall_events", params, 3, err);
}

enum {
    EVENT_ID,
    EVENT_FENCE_ID,
    EVENT_TOPIC,
    EVENT_PARTITION,
    EVENT_OFFSET,
    EVENT_STATUS,
    EVENT_PAYLOAD_HASH,
    EVENT_RESULT,
    EVENT_CHAIN_SEQ,
    EVENT_CHANGE_COUNT,
    EVENT_APPLIED_AT
};

static void read_event(const struct result *result, int row, struct arena *arena,
                       struct map *ret_memories)
{
    struct memory *memory = ARENA_NEW(arena, struct memory);
    struct uuid *id = ARENA_NEW(arena, struct uuid);
    *id = result_uuid(result, row, EVENT_ID);
    *memory = (struct memory){
        .fence_id = (int32_t)result_int(result, row, EVENT_FENCE_ID),
        .topic = text_copy(arena, result_text(result, row, EVENT_TOPIC)),
        .partition = (int32_t)result_int(result, row, EVENT_PARTITION),
        .offset = result_int(result, row, EVENT_OFFSET),
        .status = (enum outcome_status)result_int(result, row, EVENT_STATUS),
        .result = text_copy(arena, result_text(result, row, EVENT_RESULT)),
        .chain_seq = result_int(result, row, EVENT_CHAIN_SEQ),
        .change_count = result_int(result, row, EVENT_CHANGE_COUNT),
        .applied_at = result_int(result, row, EVENT_APPLIED_AT),
    };
    struct text hash = result_text(result, row, EVENT_PAYLOAD_HASH);
    if (hash.len == PAYLOAD_HASH_LEN)
        memcpy(memory->payload_hash, hash.data, PAYLOAD_HASH_LEN);
    map_put(ret_memories, (struct text){(const char *)id->bytes, sizeof id->bytes}, memory);
}

enum status ledger_read_recall_events(struct postgres *pg, struct arena *arena,
                                      struct map *ret_memories, struct error *err)
{
    struct result *result;
    enum status status = postgres_result(pg, &result, err);
    if (status != STATUS_OK)
        return status;
    for (int row = 0; row < result_rows(result); row++)
        read_event(result, row, arena, ret_memories);
    result_close(result);
    return STATUS_OK;
}

static enum status send_spans(struct postgres *pg, const char *statement,
                              const struct ledger_span *spans, size_t count, struct error *err)
{
    array_begin(&arrays[0], ARRAY_INT4);
    array_begin(&arrays[1], ARRAY_INT8);
    array_begin(&arrays[2], ARRAY_INT8);
    for (size_t i = 0; i < count; i++) {
        array_add_int(&arrays[0], spans[i].fence_id);
        array_add_int(&arrays[1], spans[i].first);
        array_add_int(&arrays[2], spans[i].last);
    }
    struct param params[] = {array_param(&arrays[0]), array_param(&arrays[1]),
                             array_param(&arrays[2])};
    return postgres_send(pg, statement, params, 3, err);
}

enum status ledger_send_recall_records(struct postgres *pg, const struct ledger_span *spans,
                                       size_t count, struct error *err)
{
    return send_spans(pg, "recall_records", spans, count, err);
}

enum {
    RECORD_FENCE_ID,
    RECORD_OFFSET,
    RECORD_STATUS,
    RECORD_RESULT,
    RECORD_STAGE,
    RECORD_CODE,
    RECORD_MESSAGE,
    RECORD_RECORDED_AT
};

static void read_record(const struct result *result, int row, struct arena *arena,
                        struct map *ret_memories)
{
    struct memory *memory = ARENA_NEW(arena, struct memory);
    struct ledger_place *place = ARENA_NEW(arena, struct ledger_place);
    *place = (struct ledger_place){result_int(result, row, RECORD_FENCE_ID),
                                   result_int(result, row, RECORD_OFFSET)};
    *memory = (struct memory){
        .is_same_record = true,
        .fence_id = (int32_t)place->fence_id,
        .offset = place->offset,
        .status = (enum outcome_status)result_int(result, row, RECORD_STATUS),
        .result = text_copy(arena, result_text(result, row, RECORD_RESULT)),
        .chain_seq = INT_NULL,
        .stage = text_copy(arena, result_text(result, row, RECORD_STAGE)),
        .code = text_copy(arena, result_text(result, row, RECORD_CODE)),
        .message = text_copy(arena, result_text(result, row, RECORD_MESSAGE)),
        .recorded_at = result_int(result, row, RECORD_RECORDED_AT),
    };
    map_put(ret_memories, (struct text){(const char *)place, sizeof *place}, memory);
}

enum status ledger_read_recall_records(struct postgres *pg, struct arena *arena,
                                       struct map *ret_memories, struct error *err)
{
    struct result *result;
    enum status status = postgres_result(pg, &result, err);
    if (status != STATUS_OK)
        return status;
    for (int row = 0; row < result_rows(result); row++)
        read_record(result, row, arena, ret_memories);
    result_close(result);
    return STATUS_OK;
}

enum status ledger_recall_changes(struct postgres *pg, const struct ledger_span *spans,
                                  size_t count, struct arena *arena, ledger_take_change *take,
                                  void *opaque, struct error *err)
{
    enum status status = send_spans(pg, "recall_changes", spans, count, err);
    if (status == STATUS_OK)
        status = postgres_sync(pg, err);
    if (status != STATUS_OK)
        return status;
    struct result *result;
    status = postgres_result(pg, &result, err);
    if (status != STATUS_OK)
        return status;
    for (int row = 0; row < result_rows(result); row++)
        take(opaque, (int32_t)result_int(result, row, 0), result_int(result, row, 1),
             text_copy(arena, result_text(result, row, 2)));
    result_close(result);
    return postgres_drain(pg, err);
}

/* --- writing ------------------------------------------------------------------------------------
 */

static struct text hash_text(const uint8_t *hash, size_t len)
{
    return hash ? (struct text){(const char *)hash, len} : TEXT_NULL;
}

/* One COPY of `count` entries of `size` bytes, each put by `put_row`. */
static enum status copy_all(struct postgres *pg, const char *sql, const void *entries, size_t count,
                            size_t size, void (*put_row)(struct copy *copy, const void *entry),
                            struct error *err)
{
    struct copy *copy;
    if (count == 0)
        return STATUS_OK;
    enum status status = postgres_copy_begin(pg, sql, &copy, err);
    if (status != STATUS_OK)
        return status;
    for (size_t i = 0; i < count && status == STATUS_OK; i++) {
        put_row(copy, (const char *)entries + i * size);
        status = copy_flush(copy, err);
    }
    int64_t written;
    enum status end = postgres_copy_end(copy, &written, status == STATUS_OK ? err : NULL);
    return status == STATUS_OK ? end : status;
}

static void put_entry(struct copy *copy, const void *entry)
{
    const struct ledger_entry *e = entry;
    copy_row(copy, 9);
    copy_uuid(copy, e->event_id);
    copy_int4(copy, e->fence_id);
    copy_int8(copy, e->offset);
    copy_int2(copy, e->status);
    copy_text(copy, hash_text(e->payload_hash, PAYLOAD_HASH_LEN));
    copy_text(copy, e->result);
    copy_int8(copy, e->chain_seq);
    copy_int4(copy, e->change_count);
    copy_time(copy, e->applied_at);
}

enum status ledger_copy_entries(struct postgres *pg, const struct ledger_entry *entries,
                                size_t count, struct error *err)
{
    static const char sql[] =
        "COPY provd.event_ledger (event_id, fence_id, kafka_offset, status, payload_hash, result, "
        "chain_seq, change_count, applied_at) FROM STDIN (FORMAT binary)";
    return copy_all(pg, sql, entries, count, sizeof *entries, put_entry, err);
}

static void put_record(struct copy *copy, const void *entry)
{
    const struct record_entry *e = entry;
    copy_row(copy, 10);
    copy_int4(copy, e->fence_id);
    copy_int8(copy, e->offset);
    copy_int2(copy, e->status);
    copy_text(copy, e->event_id);
    copy_text(copy, hash_text(e->content_hash, PAYLOAD_HASH_LEN));
    copy_text(copy, e->result);
    copy_text(copy, e->stage);
    copy_text(copy, e->code);
    copy_text(copy, e->message);
    copy_time(copy, e->recorded_at);
}

enum status ledger_copy_records(struct postgres *pg, const struct record_entry *entries,
                                size_t count, struct error *err)
{
    static const char sql[] = "COPY provd.record_outcome (fence_id, kafka_offset, status, "
                              "event_id, content_hash, result, "
                              "stage, code, message, recorded_at) FROM STDIN (FORMAT binary)";
    return copy_all(pg, sql, entries, count, sizeof *entries, put_record, err);
}

static void put_change(struct copy *copy, const void *entry)
{
    const struct change_entry *e = entry;
    copy_row(copy, 9);
    copy_int4(copy, e->fence_id);
    copy_int8(copy, e->seq);
    copy_time(copy, e->changed_at);
    copy_uuid(copy, e->event_id);
    copy_text(copy, e->object_type);
    copy_uuid(copy, &e->object_id);
    copy_text(copy, e->frame);
    copy_text(copy, e->body);
    copy_text(copy, hash_text(e->hash, CHAIN_HASH_LEN));
}

enum status ledger_copy_changes(struct postgres *pg, const struct change_entry *entries,
                                size_t count, struct error *err)
{
    static const char sql[] =
        "COPY provd.change_log (fence_id, seq, changed_at, event_id, "
        "object_type, object_id, frame, body, hash) FROM STDIN (FORMAT binary)";
    return copy_all(pg, sql, entries, count, sizeof *entries, put_change, err);
}

enum status ledger_send_advance(struct postgres *pg, const struct fence_state *states, size_t count,
                                int64_t now_us, struct arena *arena, struct error *err)
{
    static const enum array_type types[] = {ARRAY_INT4, ARRAY_INT8, ARRAY_INT8, ARRAY_INT8,
                                            ARRAY_BYTES};
    for (int i = 0; i < 5; i++)
        array_begin(&arrays[i], types[i]);
    for (size_t i = 0; i < count; i++) {
        array_add_int(&arrays[0], states[i].fence_id);
        array_add_int(&arrays[1], states[i].next_offset);
        array_add_int(&arrays[2], states[i].published_upto);
        array_add_int(&arrays[3], states[i].chain_seq);
        array_add_text(&arrays[4], hash_text(states[i].chain_head, CHAIN_HASH_LEN));
    }
    struct param params[6];
    for (int i = 0; i < 5; i++)
        params[i] = array_param(&arrays[i]);
    params[5] = param_time(arena, now_us);
    return postgres_send(pg, "advance_fences", params, 6, err);
}

enum status ledger_note_published(struct postgres *pg, const struct fence_state *states,
                                  size_t count, struct error *err)
{
    static const enum array_type types[] = {ARRAY_INT4, ARRAY_INT8, ARRAY_INT8};
    for (int i = 0; i < 3; i++)
        array_begin(&arrays[i], types[i]);
    for (size_t i = 0; i < count; i++) {
        array_add_int(&arrays[0], states[i].fence_id);
        array_add_int(&arrays[1], states[i].owner_epoch);
        array_add_int(&arrays[2], states[i].published_upto);
    }
    struct param params[] = {array_param(&arrays[0]), array_param(&arrays[1]),
                             array_param(&arrays[2])};
    struct result *result;
    enum status status = postgres_send(pg, "note_published", params, 3, err);
    if (status == STATUS_OK)
        status = postgres_sync(pg, err);
    if (status == STATUS_OK)
        status = postgres_result(pg, &result, err);
    if (status != STATUS_OK)
        return status;
    result_close(result);
    return postgres_drain(pg, err);
}
