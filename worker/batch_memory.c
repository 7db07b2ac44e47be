/* What is known of a batch's records before anything is planned: the fence rows, under their locks,
 * and what ledger and outcome memory say of events and records that were there before. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "batch_transaction.h"

size_t transaction_fences(const struct transaction *t, int32_t *ret_ids)
{
    size_t count = 0;
    for (size_t s = 0; s < t->batch->source_count; s++) {
        if (t->touches[s])
            ret_ids[count++] = t->batch->sources[s].partition->fence_id;
    }
    return count;
}

static enum status send_recall_events(struct transaction *t)
{
    struct uuid *ids = ARENA_ARRAY(t->arena, struct uuid, t->to - t->from);
    size_t count = 0;
    for (size_t i = t->from; i < t->to; i++) {
        const struct event *event = t->batch->events[i];
        if (event && !uuid_is_nil(&event->event_id))
            ids[count++] = event->event_id;
    }
    return ledger_send_recall_events(t->pg, ids, count, t->err);
}

/* The span of offsets of each partition in the range. */
static enum status send_recall_records(struct transaction *t)
{
    size_t sources = t->batch->source_count, count = 0;
    struct ledger_span *spans = ARENA_ARRAY(t->arena, struct ledger_span, sources);
    for (size_t s = 0; s < sources; s++)
        spans[s] = (struct ledger_span){t->batch->sources[s].partition->fence_id, INT64_MAX, -1};
    for (size_t i = t->from; i < t->to; i++) {
        struct ledger_span *span = &spans[t->batch->records[i].source];
        int64_t offset = t->batch->records[i].offset;
        span->first = offset < span->first ? offset : span->first;
        span->last = offset > span->last ? offset : span->last;
    }
    for (size_t s = 0; s < sources; s++) {
        if (spans[s].last >= 0)
            spans[count++] = spans[s];
    }
    return ledger_send_recall_records(t->pg, spans, count, t->err);
}

/* Another epoch: the partition has another owner, who has gone on from our last commit. A fence
 * below what was read before this batch: a failover took commits with it, and to go on would leave
 * out their records for good. The next assignment decides (domain/fence.h). */
static enum status check_fences(struct transaction *t)
{
    for (size_t s = 0; s < t->batch->source_count; s++) {
        const struct partition *partition = t->batch->sources[s].partition;
        if (t->touches[s] && t->fences[s].owner_epoch != partition->epoch)
            return error_set(t->err, STATUS_FATAL, batch_lost,
                             "partition %d has another owner now: nothing of this batch is applied",
                             partition->partition);
        if (t->touches[s] && t->fences[s].next_offset < t->batch->sources[s].from_offset)
            return error_set(
                t->err, STATUS_FATAL, batch_lost,
                "partition %d: the batch begins behind offset %" PRId64
                ", but the database is at %" PRId64 ": it went back, e.g. by a failover",
                partition->partition, t->batch->sources[s].from_offset, t->fences[s].next_offset);
    }
    return STATUS_OK;
}

enum status memory_read_fences(struct transaction *t)
{
    int32_t *ids = ARENA_ARRAY(t->arena, int32_t, t->batch->source_count);
    struct fence_state *states = ARENA_ARRAY(t->arena, struct fence_state, t->batch->source_count);
    size_t count = transaction_fences(t, ids);
    enum status status = ledger_read_lock(t->pg, ids, count, states, t->err);
    for (size_t s = 0, n = 0; s < t->batch->source_count && status == STATUS_OK; s++) {
        if (t->touches[s])
            t->fences[s] = states[n++];
    }
    return status == STATUS_OK ? check_fences(t) : status;
}

/* Coordinates mean this record only below the fence: above it they are those of a former topic,
 * whose fence was adopted after it had been made again. */
static const struct memory *memory_of(struct transaction *t, size_t i, bool is_reread)
{
    const struct record *record = &t->batch->records[i];
    const struct ledger_place place = {record->partition->fence_id, record->offset};
    const struct text key = {(const char *)&place, sizeof place};
    const struct memory *memory = is_reread ? map_get(&t->records_known, key) : NULL;
    const struct event *event = t->batch->events[i];
    if (memory || !event || uuid_is_nil(&event->event_id))
        return memory;
    struct memory *known = map_get(
        &t->events_known, (struct text){(const char *)event->event_id.bytes, sizeof(struct uuid)});
    if (!known || !is_reread || known->fence_id != place.fence_id ||
        known->offset != record->offset)
        return known;
    /* A copy: other records of the batch may have the same id, and are not the same record. */
    struct memory *own = ARENA_NEW(t->arena, struct memory);
    *own = *known;
    own->is_same_record = true;
    return own;
}

/* What was a dead letter stays one, even if its bytes can be read by now. */
static void bury_again(struct transaction *t, size_t i, const struct memory *memory)
{
    struct arena *arena = &t->batch->arena;
    struct death *death = ARENA_NEW(arena, struct death);
    char code[64];
    snprintf(code, sizeof code, "%.*s", TEXT_ARG(memory->code));
    *death = (struct death){
        .stage = stage_from_name(memory->stage),
        .code = code_from_name(code),
        .message = text_copy(arena, memory->message),
        .failed_at_us = memory->recorded_at,
    };
    t->batch->deaths[i] = death;
    t->batch->events[i] = NULL;
}

void memory_spread(struct transaction *t)
{
    for (size_t i = t->from; i < t->to; i++) {
        const struct record *record = &t->batch->records[i];
        bool is_reread = record->offset < t->fences[record->source].next_offset;
        const struct memory *memory = memory_of(t, i, is_reread);
        t->memories[i - t->from] = memory;
        t->is_reread[i - t->from] = is_reread;
    }
}

void memory_bury(struct transaction *t)
{
    for (size_t i = t->from; i < t->to; i++) {
        const struct memory *memory = t->memories[i - t->from];
        if (memory && (int)memory->status == OUTCOME_DEAD_LETTER)
            bury_again(t, i, memory);
    }
}

enum status memory_send(struct transaction *t)
{
    enum status status = send_recall_events(t);
    return status == STATUS_OK ? send_recall_records(t) : status;
}

enum status memory_read(struct transaction *t)
{
    enum status status = ledger_read_recall_events(t->pg, t->arena, &t->events_known, t->err);
    if (status == STATUS_OK)
        status = ledger_read_recall_records(t->pg, t->arena, &t->records_known, t->err);
    return status;
}
