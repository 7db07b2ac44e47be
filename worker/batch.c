#include "batch.h"

#include "wire/kafka.h"

const char batch_lost[] = "BATCH_LOST";

void batch_init(struct batch *batch, size_t count_max, size_t memory_bytes_max,
                struct arena_pool *pool)
{
    *batch = (struct batch){.count_max = count_max, .count_limit = count_max};
    arena_init_pooled(&batch->arena, memory_bytes_max, pool);
}

void batch_shrink(struct batch *batch)
{
    batch->count_max = batch->count_max > 1 ? batch->count_max / 2 : 1;
    batch->lives_since_shrunk = 0;
}

/* What filled the memory once is rarely what comes a hundred batches later. */
static void grow_back(struct batch *batch)
{
    enum { GROWS_AFTER_LIVES = 100 };
    if (batch->count_max == batch->count_limit || batch->count == 0)
        return;
    if (++batch->lives_since_shrunk % GROWS_AFTER_LIVES == 0)
        batch->count_max =
            batch->count_max > batch->count_limit / 2 ? batch->count_limit : batch->count_max * 2;
}

void batch_reset(struct batch *batch)
{
    grow_back(batch);
    for (size_t i = 0; i < batch->count; i++)
        kafka_message_close(batch->records[i].message);
    kafka_group_metadata_close(batch->group);
    struct arena arena = batch->arena;
    arena_reset(&arena);
    *batch = (struct batch){.arena = arena,
                            .count_max = batch->count_max,
                            .count_limit = batch->count_limit,
                            .lives_since_shrunk = batch->lives_since_shrunk};
}

void batch_close(struct batch *batch)
{
    batch_reset(batch);
    arena_close(&batch->arena);
}

int64_t record_time_us(const struct record *record)
{
    static const int64_t last_ms = TIME_MAX_US / 1000;
    if (record->timestamp_ms < 0)
        return record->timestamp_ms == -1 ? NO_TIMESTAMP_US : 0;
    return (record->timestamp_ms < last_ms ? record->timestamp_ms : last_ms) * 1000;
}

struct batch_source *batch_source(const struct batch *batch, size_t record)
{
    return &batch->sources[batch->records[record].source];
}
