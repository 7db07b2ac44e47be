#include "batch.h"

#include "wire/kafka.h"

const char batch_lost[] = "BATCH_LOST";

void batch_init(struct batch *batch, size_t count_max, size_t memory_bytes_max)
{
    *batch = (struct batch){.count_max = count_max};
    arena_init(&batch->arena, memory_bytes_max, memory_bytes_max);
}

void batch_reset(struct batch *batch)
{
    for (size_t i = 0; i < batch->count; i++)
        kafka_message_close(batch->records[i].message);
    kafka_group_metadata_close(batch->group);
    struct arena arena = batch->arena;
    arena_reset(&arena);
    *batch = (struct batch){.arena = arena, .count_max = batch->count_max};
}

void batch_close(struct batch *batch)
{
    batch_reset(batch);
    arena_close(&batch->arena);
}

int64_t record_time_us(const struct record *record)
{
    static const int64_t last_ms = INT64_C(253402300799999);
    if (record->timestamp_ms < 0)
        return record->timestamp_ms == -1 ? NO_TIMESTAMP_US : 0;
    return (record->timestamp_ms < last_ms ? record->timestamp_ms : last_ms) * 1000;
}

struct batch_source *batch_source(const struct batch *batch, size_t record)
{
    return &batch->sources[batch->records[record].source];
}
