/* What a lane does when memory for a batch is out: its own (batch.memory_max), or the machine's. */
#include "base/log.h"
#include "lane_parts.h"

void lane_on_exhausted(struct lane *lane, jmp_buf *target)
{
    for (int i = 0; i < LANE_BATCHES; i++)
        arena_on_exhausted(&lane->batches[i].arena, target);
    arena_on_exhausted(&lane->apply.arena, target);
    arena_on_exhausted(&lane->apply.piece, target);
}

/* Of the batch that is applied, or its transaction; not of the one behind it. */
static bool has_first_exceeded(const struct lane *lane)
{
    return lane->batch->arena.is_exceeded || lane->apply.arena.is_exceeded ||
           lane->apply.piece.is_exceeded;
}

static bool has_exceeded(const struct lane *lane)
{
    return has_first_exceeded(lane) || (lane->ahead && lane->ahead->arena.is_exceeded);
}

/* A record that was alone in its batch will not fit either when it is taken again: then it is to be
 * a dead letter, since it would hold up its partition for ever. Not when the machine's memory was
 * out: that passes. Nor when it was applied before: it has a result, which is waited for. */
static bool note_giant(struct lane *lane)
{
    bool is_first = has_first_exceeded(lane);
    const struct batch *batch = is_first ? lane->batch : lane->ahead;
    /* Nothing else may be in its memory: a batch can have been cut down to one. */
    bool is_alone = batch && batch->count == 1 && batch->decoded <= 1;
    if (!is_alone || !(is_first || batch->arena.is_exceeded))
        return false;
    const struct record *record = &batch->records[0];
    if (record->offset < record->partition->fence_offset)
        return false;
    lane->decode.has_giant = true;
    lane->decode.giant_generation = batch->generation;
    lane->decode.giant_partition = record->partition->partition;
    lane->decode.giant_offset = record->offset;
    log_event(LOG_WARNING, "an event needs more memory than batch.memory_max by itself",
              LOG_INT("partition", lane->decode.giant_partition),
              LOG_INT("offset", lane->decode.giant_offset));
    return true;
}

/* False when they are as small as can be already. */
static bool shrink_batches(struct lane *lane)
{
    bool can_shrink = lane->batch->count_max > 1;
    for (int i = 0; i < LANE_BATCHES; i++)
        batch_shrink(&lane->batches[i]);
    return can_shrink;
}

enum status lane_go_on_with_less(struct lane *lane, struct error *err)
{
    bool is_over_ceiling = has_exceeded(lane), is_giant = note_giant(lane);
    apply_close(&lane->apply);
    apply_forget(&lane->apply);
    enum status status = lane_put_all_back(lane, err);
    if (status != STATUS_OK)
        return status;
    if (is_giant)
        return STATUS_OK;
    if (!shrink_batches(lane) || !is_over_ceiling)
        return error_set(err, STATUS_RETRY, NULL, "there is no memory for a batch");
    log_event(LOG_WARNING,
              "a batch needs more memory than batch.memory_max: going on with smaller ones",
              LOG_INT("events", lane->batch->count_max));
    return STATUS_OK;
}
