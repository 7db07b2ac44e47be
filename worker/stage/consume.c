#include "stage/consume.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/failpoint.h"
#include "wire/kafka.h"

struct partition *assignment_find(const struct assignment *assignment, int32_t partition)
{
    size_t low = 0, high = assignment->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (assignment->partitions[middle].partition < partition)
            low = middle + 1;
        else
            high = middle;
    }
    bool found = low < assignment->count && assignment->partitions[low].partition == partition;
    return found ? &assignment->partitions[low] : NULL;
}

static size_t record_bytes(const struct record *record)
{
    return record->key.len + record->value.len;
}

/* --- held back ----------------------------------------------------------------------------------
 */

static size_t held_count(const struct held_back *held)
{
    return held->count - held->first;
}

static void forget_held(struct held_back *held)
{
    while (held->first < held->count)
        kafka_message_close(held->messages[held->first++]);
    held->first = held->count = held->asked = 0;
}

/* Room for `more` in front of what is there, and for one behind it. */
static bool make_room(struct held_back *held, size_t more)
{
    size_t there = held_count(held), needed = more + there + 1;
    if (needed > held->capacity) {
        struct kafka_message **grown =
            realloc(held->messages, needed * sizeof(struct kafka_message *));
        if (!grown)
            return false;
        held->messages = grown;
        held->capacity = needed;
    }
    if (there)
        memmove(held->messages + more, held->messages + held->first,
                there * sizeof(struct kafka_message *));
    held->first = more;
    held->count = more + there;
    return true;
}

/* Sources come in the order of their first records: those without any left are the last ones. What
 * lies between the last record that stays and the first that goes (control records) goes. */
static void shrink_sources(struct batch *batch, size_t from)
{
    for (size_t s = 0; s < batch->source_count; s++) {
        struct batch_source *source = &batch->sources[s];
        source->partition->next_offset = source->next_offset = source->from_offset;
    }
    for (size_t i = 0; i < from; i++) {
        struct batch_source *source = &batch->sources[batch->records[i].source];
        source->partition->next_offset = source->next_offset = batch->records[i].offset + 1;
    }
    for (size_t i = batch->count; i-- > from;) {
        const struct record *record = &batch->records[i];
        batch->bytes -= record_bytes(record);
        if (--batch->sources[record->source].count == 0)
            batch->source_count = record->source;
    }
}

enum status consume_put_back(struct consume *consume, struct batch *batch, size_t from,
                             struct error *err)
{
    struct held_back *held = &consume->held;
    size_t more = batch->count - from;
    if (!make_room(held, more))
        return error_set(err, STATUS_RETRY, batch_lost, "no memory for putting records back");
    held->generation = consume->assignment->generation;
    for (size_t i = batch->count; i-- > from;)
        held->messages[--held->first] = batch->records[i].message;
    shrink_sources(batch, from);
    batch->count = from;
    return STATUS_OK;
}

void consume_close(struct consume *consume)
{
    forget_held(&consume->held);
    free(consume->held.messages);
    consume->held = (struct held_back){.messages = NULL};
    kafka_group_metadata_close(consume->group);
    consume->group = NULL;
}

/* --- asking --------------------------------------------------------------------------------------
 */

/* After a rebalance whoever owns the partitions reads from the fence. */
static void forget_held_if_stale(struct consume *consume)
{
    if (consume->held.generation != consume->assignment->generation)
        forget_held(&consume->held);
}

static enum status ask_kafka(struct consume *consume, int timeout_ms,
                             struct kafka_message **ret_message, struct error *err)
{
    int32_t partition = -1;
    enum status status = kafka_consume(consume->consumer, timeout_ms, ret_message, &partition, err);
    forget_held_if_stale(consume);
    if (status == STATUS_FATAL && partition >= 0)
        return error_set(err, STATUS_RETRY, batch_lost,
                         "partition %d: the next offset is not in the log any more", partition);
    if (status == STATUS_OK && *ret_message) {
        counter_add(&consume->counters->records_consumed, 1);
        counter_add(&consume->counters->bytes_consumed,
                    kafka_message_key(*ret_message).len + kafka_message_value(*ret_message).len);
    }
    return status;
}

/* While records are held back, the consumer has to be asked all the same, now and then: only then
 * does it serve the group. What it gives comes behind them. */
static enum status serve_group(struct consume *consume, struct error *err)
{
    struct held_back *held = &consume->held;
    struct kafka_message *message;
    forget_held_if_stale(consume);
    if (!held_count(held) || !deadline_passed(held->ask_at_us))
        return STATUS_OK;
    held->ask_at_us = deadline_in_ms(HELD_ASK_EVERY_MS);
    if (!make_room(held, 0))
        return error_set(err, STATUS_RETRY, batch_lost, "no memory for holding records back");
    if (held->asked == HELD_ASKED_MAX)
        return error_set(err, STATUS_RETRY, batch_lost,
                         "%d records were read while others wait: reading again from the fence",
                         HELD_ASKED_MAX);
    enum status status = ask_kafka(consume, 0, &message, err);
    if (status == STATUS_RETRY && strcmp(err->code, batch_lost) != 0)
        return STATUS_OK; /* shows again when there is nothing else to do */
    if (status == STATUS_OK && message) {
        held->messages[held->count++] = message;
        held->asked++;
    }
    return status;
}

static enum status next_message(struct consume *consume, int timeout_ms,
                                struct kafka_message **ret_message, struct error *err)
{
    struct held_back *held = &consume->held;
    if (!held_count(held))
        return ask_kafka(consume, timeout_ms, ret_message, err);
    *ret_message = held->messages[held->first++];
    if (held->asked > held_count(held))
        held->asked = held_count(held);
    return STATUS_OK;
}

/* --- filling ------------------------------------------------------------------------------------
 */

bool consume_is_full(const struct consume *consume, const struct batch *batch)
{
    return batch->count == batch->count_max || batch->bytes >= (size_t)consume->bytes_max ||
           batch->is_heavy;
}

/* The partition's place among the sources; a new one at its first record in this batch. It is known
 * by the batch that was filled last. */
static uint32_t source_of(const struct consume *consume, struct batch *batch,
                          struct partition *partition)
{
    uint32_t slot = partition->source;
    if (slot < batch->source_count && batch->sources[slot].partition == partition)
        return slot;
    for (slot = 0; slot < batch->source_count; slot++) {
        if (batch->sources[slot].partition == partition)
            return partition->source = slot;
    }
    slot = partition->source = (uint32_t)batch->source_count++;
    batch->sources[slot] = (struct batch_source){
        .partition = partition, .topic = consume->topic, .from_offset = partition->next_offset};
    return slot;
}

static void take(const struct consume *consume, struct batch *batch, struct kafka_message *message,
                 bool was_held)
{
    int64_t offset = kafka_message_offset(message);
    struct partition *partition =
        assignment_find(consume->assignment, kafka_message_partition(message));
    /* Of a partition that is not ours (any more), or read already. */
    if (!partition || partition->is_halted || offset < partition->next_offset) {
        kafka_message_close(message);
        return;
    }
    if (batch->count == 0) {
        batch->started_us = clock_monotonic_us();
        batch->has_waited = was_held;
    }
    struct record *record = &batch->records[batch->count++];
    *record = (struct record){
        .message = message,
        .partition = partition,
        .source = source_of(consume, batch, partition),
        .offset = offset,
        .timestamp_ms = kafka_message_timestamp_ms(message),
        .key = kafka_message_key(message),
        .value = kafka_message_value(message),
        .header_count = kafka_message_header_count(message),
        .is_reread = offset < partition->fence_offset,
        .is_replay = offset < partition->published_upto,
    };
    partition->next_offset = offset + 1;
    batch->bytes += record_bytes(record);
    batch->sources[record->source].next_offset = offset + 1;
    batch->sources[record->source].count++;
}

/* Partitions came or went: what was read may belong to somebody else, and points to partitions that
 * are no more. What comes from now on is of the new assignment, whose fences say where it starts.
 */
static void drop_if_stale(const struct consume *consume, struct batch *batch)
{
    if (batch->generation == consume->assignment->generation)
        return;
    batch->generation = consume->assignment->generation;
    for (size_t i = 0; i < batch->count; i++)
        kafka_message_close(batch->records[i].message);
    kafka_group_metadata_close(batch->group);
    batch->group = NULL;
    batch->count = batch->decoded = batch->source_count = batch->bytes = batch->users_listed = 0;
    batch->is_heavy = false;
}

/* How long the first record of the batch waits for others. While the batch before is on its way to
 * Kafka this one, if it were applied, would queue behind it all the same: it goes on filling, as
 * long as that takes, but not for ever. So a lane that is not busy makes few and larger
 * transactions, and what comes last waits least. */
static int64_t patience_ms(const struct consume *consume, const struct batch *batch)
{
    if (batch->has_waited)
        return 0;
    bool is_behind = consume->is_behind && consume->is_behind(consume->opaque);
    return is_behind && consume->wait_ms_max < BEHIND_WAIT_MS_MAX ? BEHIND_WAIT_MS_MAX
                                                                  : consume->wait_ms_max;
}

/* How long to wait for the next record. 0 while there is something at once, and when the caller
 * does not want to wait; then the rest of the first record's patience, looking now and then whether
 * there is still anything to be behind of. */
static int next_timeout(const struct consume *consume, const struct batch *batch, int idle_ms,
                        bool had_one)
{
    enum { SLICE_MS = 2 };
    if (batch->count == 0 || idle_ms == 0)
        return idle_ms;
    if (had_one)
        return 0;
    int64_t wait_ms = patience_ms(consume, batch);
    bool may_end_sooner = wait_ms > consume->wait_ms_max;
    int left_ms = deadline_left_ms(batch->started_us + wait_ms * 1000);
    return may_end_sooner && left_ms > SLICE_MS ? SLICE_MS : left_ms;
}

/* Nothing came: whether to ask again. */
static bool is_patient(const struct consume *consume, const struct batch *batch, int idle_ms,
                       bool had_one)
{
    if (batch->count == 0 || idle_ms == 0)
        return false;
    return had_one || !deadline_passed(batch->started_us + patience_ms(consume, batch) * 1000);
}

static enum status fill(struct consume *consume, struct batch *batch, int idle_ms,
                        struct error *err)
{
    enum status status = serve_group(consume, err);
    bool had_one = true;
    drop_if_stale(consume, batch);
    while (status == STATUS_OK && !consume_is_full(consume, batch)) {
        struct kafka_message *message;
        int timeout_ms = next_timeout(consume, batch, idle_ms, had_one);
        bool was_held = held_count(&consume->held) > 0;
        status = next_message(consume, timeout_ms, &message, err);
        drop_if_stale(consume, batch);
        if (status == STATUS_RETRY && strcmp(err->code, batch_lost) != 0 && batch->count)
            return STATUS_OK; /* nothing is lost: what is there goes on, the trouble shows again */
        if (status != STATUS_OK)
            return status;
        if (message)
            take(consume, batch, message, was_held);
        else if (!is_patient(consume, batch, idle_ms, had_one))
            break;
        had_one = message != NULL;
    }
    return status;
}

/* Kafka does not hand out again what it has handed out: only a new assignment, from the fence,
 * does. */
static enum status give_up(struct consume *consume, struct batch *batch, enum status status,
                           struct error *err)
{
    bool has_lost = batch->count > 0;
    batch_reset(batch);
    if (has_lost)
        consume->assignment->generation++; /* what is held back lies behind what is lost */
    if (has_lost && kafka_consumer_restart(consume->consumer, err) != STATUS_OK)
        return STATUS_FATAL;
    return status;
}

/* The generation of the group changes only with an assignment, since these are eager. librdkafka's
 * main thread has to be asked, and waited for: once for an assignment, not for each batch. What was
 * taken too early is refused by the group; what would be taken too late would be accepted. */
static enum status take_group(struct consume *consume, struct batch *batch, struct error *err)
{
    enum status status = STATUS_OK;
    if (batch->group)
        return STATUS_OK;
    if (!consume->group || consume->group_generation != batch->generation) {
        kafka_group_metadata_close(consume->group);
        consume->group = NULL;
        status = kafka_group_metadata(consume->consumer, &consume->group, err);
        consume->group_generation = batch->generation;
    }
    if (status == STATUS_OK)
        batch->group = kafka_group_metadata_copy(consume->group);
    return status;
}

static void make_arrays(struct batch *batch)
{
    if (batch->records)
        return;
    batch->records = ARENA_ARRAY(&batch->arena, struct record, batch->count_max);
    batch->sources = ARENA_ARRAY(&batch->arena, struct batch_source, COUNTERS_PARTITIONS_MAX);
}

enum status consume_run(struct consume *consume, struct batch *batch, int idle_ms,
                        struct error *err)
{
    make_arrays(batch);
    enum status status = fill(consume, batch, idle_ms, err);
    if (status == STATUS_OK && batch->count)
        status = take_group(consume, batch, err);
    if (status != STATUS_OK || batch->count == 0)
        return give_up(consume, batch, status, err);
    batch->now_us = clock_now_us();
    FAILPOINT("after_consume");
    return STATUS_OK;
}
