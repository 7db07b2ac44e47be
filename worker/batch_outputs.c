/* The outputs of a batch's records, and the rows of ledger, outcome memory and change log that go
 * with them. */
#include <string.h>

#include "batch_transaction.h"
#include "domain/group.h"
#include "wire/fanout.h"

enum {
    /* What is kept of the change log of members until it is written. */
    PIECE_ROWS_MAX = 1000,
    PIECE_BYTES_MAX = 1 << 20,
};

struct output_source output_source_of(const struct transaction *t, size_t i)
{
    const struct record *record = &t->batch->records[i];
    return (struct output_source){
        .fence_id = record->partition->fence_id,
        .partition = record->partition->partition,
        .offset = record->offset,
        .timestamp_ms = record->timestamp_ms,
        .republished = record->offset < record->partition->republish_below,
        .now_us = t->batch->now_us,
    };
}

static struct change_entry *new_change(struct transaction *t)
{
    if (t->change_count == t->change_capacity) {
        size_t capacity = t->change_capacity ? t->change_capacity * 2 : t->to - t->from + 16;
        struct change_entry *changes = ARENA_ARRAY(t->arena, struct change_entry, capacity);
        if (t->change_count)
            memcpy(changes, t->changes, t->change_count * sizeof *changes);
        t->changes = changes;
        t->change_capacity = capacity;
    }
    return &t->changes[t->change_count++];
}

/* The record that is published for all who came into a group or went: behind the group's own. */
static void append_summary(struct transaction *t, struct outcome *outcome, int64_t seq_first,
                           int64_t seq_last)
{
    struct change *changes = ARENA_ARRAY(t->arena, struct change, outcome->change_count + 1);
    memcpy(changes, outcome->changes, outcome->change_count * sizeof *changes);
    changes[outcome->change_count++] = (struct change){
        .action = CHANGE_FANOUT,
        .object_type = outcome->changes[0].object_type,
        .object_id = outcome->changes[0].object_id,
        .objects = (int64_t)outcome->member_count,
        .seq_first = seq_first,
        .seq_last = seq_last,
    };
    outcome->changes = changes;
}

static enum status write_piece(struct transaction *t)
{
    enum status status = ledger_copy_changes(t->pg, t->piece, t->piece_count, t->err);
    t->piece_count = 0;
    arena_reset(t->piece_arena);
    return status;
}

static enum status log_member(struct transaction *t, size_t i, size_t m,
                              const struct output_source *source)
{
    struct fence_state *fence = &t->fences[t->batch->records[i].source];
    struct arena *arena = t->piece_arena;
    struct column_change column;
    struct change change;
    struct text value;
    enum status status = STATUS_OK;
    if (!t->piece)
        t->piece = ARENA_ARRAY(t->arena, struct change_entry, PIECE_ROWS_MAX);
    if (t->piece_count == PIECE_ROWS_MAX || arena->used_bytes > PIECE_BYTES_MAX)
        status = write_piece(t);
    if (status != STATUS_OK)
        return status;
    member_change(&transaction_outcome(t, i)->members[m], &column, &change);
    return output_change(t->maker, source, t->batch->events[i], &change,
                         FANOUT_INDEX_FIRST + (uint32_t)m, fence, arena,
                         &t->piece[t->piece_count++], &value, t->err);
}

/* A row in the change log for each of them (rulings.md, 21); a dry run has only the record. */
static enum status log_members(struct transaction *t, size_t i, const struct output_source *source)
{
    struct outcome *outcome = transaction_outcome(t, i);
    struct fence_state *fence = &t->fences[t->batch->records[i].source];
    int64_t seq_first = fence->chain_seq + 1;
    bool is_planned = outcome->status == OUTCOME_PLANNED;
    if (outcome->member_count == 0 || !(is_planned || outcome->status == OUTCOME_APPLIED))
        return STATUS_OK;
    for (size_t m = 0; m < outcome->member_count && !is_planned; m++) {
        enum status status = log_member(t, i, m, source);
        if (status != STATUS_OK)
            return status;
    }
    append_summary(t, outcome, seq_first, fence->chain_seq);
    return STATUS_OK;
}

static enum status make_changes(struct transaction *t, size_t i, const struct output_source *source,
                                struct output *output)
{
    struct outcome *outcome = transaction_outcome(t, i);
    struct fence_state *fence = &t->fences[t->batch->records[i].source];
    if (outcome->status == OUTCOME_PLANNED || outcome->change_count == 0)
        return STATUS_OK;
    outcome->chain_seq = fence->chain_seq + 1;
    output->changes = ARENA_ARRAY(&t->batch->arena, struct output_change, outcome->change_count);
    for (size_t c = 0; c < outcome->change_count; c++) {
        enum status status = output_change(
            t->maker, source, t->batch->events[i], &outcome->changes[c], (uint32_t)c, fence,
            &t->batch->arena, new_change(t), &output->changes[c].value, t->err);
        if (status != STATUS_OK)
            return status;
    }
    output->change_count = outcome->change_count;
    return STATUS_OK;
}

static void note_in_ledger(struct transaction *t, size_t i, const struct output *output)
{
    const struct event *event = t->batch->events[i];
    const struct outcome *outcome = transaction_outcome(t, i);
    const struct record *record = &t->batch->records[i];
    if (outcome->derived)
        return;
    if (outcome_uses_id(outcome->status) && !uuid_is_nil(&event->event_id)) {
        t->entries[t->entry_count++] = (struct ledger_entry){
            .event_id = &event->event_id,
            .fence_id = record->partition->fence_id,
            .offset = record->offset,
            .status = outcome->status,
            .payload_hash = event->payload_hash,
            .result = output->result,
            .chain_seq = outcome->chain_seq,
            .change_count = outcome->chain_seq == INT_NULL ? 0 : (int64_t)outcome->change_count,
            .applied_at = t->batch->now_us,
        };
        return;
    }
    t->records[t->record_count++] = (struct record_entry){
        .fence_id = record->partition->fence_id,
        .offset = record->offset,
        .status = outcome->status,
        .event_id = event->event_id_text,
        .content_hash = event->payload_hash,
        .result = output->result,
        .code = text_from(code_name(outcome->code)),
        .message = outcome->message,
        .recorded_at = t->batch->now_us,
    };
}

static void note_death(struct transaction *t, size_t i)
{
    const struct death *death = t->batch->deaths[i];
    const struct record *record = &t->batch->records[i];
    /* Read again, but unknown: pruned, or it could be read when it was applied. */
    if (t->memories[i - t->from] || t->is_reread[i - t->from])
        return;
    t->records[t->record_count++] = (struct record_entry){
        .fence_id = record->partition->fence_id,
        .offset = record->offset,
        .status = OUTCOME_DEAD_LETTER,
        .content_hash = death->value_hash,
        .stage = text_from(stage_names[death->stage]),
        .code = text_from(code_name(death->code)),
        .message = death->message,
        .recorded_at = death->failed_at_us,
    };
}

/* The output of one record: made now, or the very bytes that were made before. */
enum status output_make(struct transaction *t, size_t i)
{
    struct output *output = &t->batch->outputs[i];
    struct outcome *outcome = transaction_outcome(t, i);
    const struct output_source source = output_source_of(t, i);
    *output = (struct output){.status = outcome->status,
                              .code = outcome->code,
                              .is_silent = t->batch->records[i].is_replay};
    output->result_id = output_id(
        t->maker, &source, t->batch->events[i] ? OUTPUT_KIND_RESULT : OUTPUT_KIND_DEAD_LETTER, 0);
    if (!t->batch->events[i]) {
        note_death(t, i);
        return STATUS_OK;
    }
    if (outcome->recalled) {
        if (!output->is_silent)
            output->result = text_copy(&t->batch->arena, outcome->memory->result);
        return STATUS_OK;
    }
    enum status status = log_members(t, i, &source);
    if (status == STATUS_OK)
        status = make_changes(t, i, &source, output);
    if (status == STATUS_OK)
        status = output_result(t->maker, &source, &output->result_id, t->batch->events[i], outcome,
                               &t->batch->arena, &output->result, t->err);
    if (status == STATUS_OK)
        note_in_ledger(t, i, output);
    return status;
}

enum status output_write_changes(struct transaction *t)
{
    enum status status = write_piece(t);
    return status == STATUS_OK ? ledger_copy_changes(t->pg, t->changes, t->change_count, t->err)
                               : status;
}

/* --- change records that were published or stored before -----------------------------------------
 */

/* Values come in order of fence and seq: the first one of a record finds it, the others follow. */
static void take_recalled_change(void *opaque, int32_t fence_id, int64_t seq, struct text value)
{
    struct transaction *t = opaque;
    const struct ledger_place place = {fence_id, seq};
    struct output *output =
        map_get(&t->recalled, (struct text){(const char *)&place, sizeof place});
    if (output)
        t->recalled_to = output;
    else if (fence_id != t->recalled_next.fence_id || seq != t->recalled_next.offset)
        t->recalled_to = NULL; /* its first change records have been pruned */
    t->recalled_next = (struct ledger_place){fence_id, seq + 1};
    if (t->recalled_to)
        t->recalled_to->changes[t->recalled_to->change_count++].value = value;
}

static void expect_changes(struct transaction *t, size_t i, const struct memory *memory)
{
    struct output *output = &t->batch->outputs[i];
    struct ledger_place *place = ARENA_NEW(t->arena, struct ledger_place);
    *place = (struct ledger_place){memory->fence_id, memory->chain_seq};
    output->changes =
        ARENA_ARRAY(&t->batch->arena, struct output_change, (size_t)memory->change_count);
    map_put(&t->recalled, (struct text){(const char *)place, sizeof *place}, output);
}

/* The change records of a record. Those of one partition mostly lie end to end in its chain: they
 * are one span, which the database walks, instead of one look-up for each record. */
static void append_span(struct ledger_span *spans, size_t *count, const struct memory *memory)
{
    struct ledger_span *last = *count ? &spans[*count - 1] : NULL;
    int64_t end = memory->chain_seq + memory->change_count - 1;
    if (last && last->fence_id == memory->fence_id && last->last + 1 == memory->chain_seq)
        last->last = end;
    else
        spans[(*count)++] = (struct ledger_span){memory->fence_id, memory->chain_seq, end};
}

enum status output_recall_changes(struct transaction *t)
{
    struct ledger_span *spans = ARENA_ARRAY(t->arena, struct ledger_span, t->to - t->from);
    size_t count = 0;
    map_init(&t->recalled, t->arena, 16);
    for (size_t i = t->from; i < t->to; i++) {
        const struct memory *memory = t->memories[i - t->from];
        if (!memory || !memory->is_same_record || memory->change_count <= 0 ||
            t->batch->outputs[i].is_silent)
            continue;
        expect_changes(t, i, memory);
        append_span(spans, &count, memory);
    }
    if (count == 0)
        return STATUS_OK;
    return ledger_recall_changes(t->pg, spans, count, &t->batch->arena, take_recalled_change, t,
                                 t->err);
}
