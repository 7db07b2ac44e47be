#include "stage/publish.h"

#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/failpoint.h"
#include "wire/dead_letter.h"

enum { ATTEMPTS_MAX = 8, ATTEMPT_PAUSE_MS = 100 };

/* The first keeps the id as it is, so that it fences a lane of a version that had only that. The
 * other's is no other lane's: those end with a digit. */
void publish_set_options(struct publish *publish, const struct kafka_options *options)
{
    static const char *const suffixes[PRODUCERS] = {"", "b"};
    for (int i = 0; i < PRODUCERS; i++) {
        struct publish_slot *slot = &publish->slots[i];
        snprintf(slot->transactional_id, sizeof slot->transactional_id, "%s%s",
                 options->transactional_id, suffixes[i]);
        slot->options = *options;
        slot->options.transactional_id = slot->transactional_id;
    }
}

enum status publish_connect(struct publish *publish, struct error *err)
{
    enum status status = STATUS_OK;
    if (!publish->background)
        publish->background = background_open();
    if (!publish->background)
        return error_set(err, STATUS_RETRY, NULL, "no thread or memory for publishing");
    for (int i = 0; i < PRODUCERS && status == STATUS_OK; i++) {
        struct publish_slot *slot = &publish->slots[i];
        if (!slot->producer)
            status = kafka_producer_open(&slot->producer, &slot->options, err);
    }
    return status;
}

static struct kafka_producer *producer_of(const struct publish *publish)
{
    return publish->slots[publish->turn].producer;
}

static void close_producer(struct publish *publish, size_t slot)
{
    kafka_producer_close(publish->slots[slot].producer);
    publish->slots[slot].producer = NULL;
}

void publish_close(struct publish *publish)
{
    publish->is_unwanted = true;
    background_close(publish->background);
    publish->background = NULL;
    publish->batch = NULL;
    for (size_t i = 0; i < PRODUCERS; i++)
        close_producer(publish, i);
    arena_close(&publish->arena);
}

/* --- what goes out ------------------------------------------------------------------------------
 */

enum { CARRIED_HEADERS_MAX = 2 };

/* W3C trace context is carried over to everything that is published. */
static size_t carried_headers(const struct record *record, struct kafka_header *headers)
{
    static const char *const carried[CARRIED_HEADERS_MAX] = {"traceparent", "tracestate"};
    size_t count = 0;
    if (record->header_count == 0)
        return 0;
    for (int i = 0; i < CARRIED_HEADERS_MAX; i++) {
        struct text value;
        if (kafka_message_header_named(record->message, carried[i], &value))
            headers[count++] = (struct kafka_header){text_from(carried[i]), value};
    }
    return count;
}

/* The source's partition where the topics have as many, so that results lie in source order. */
static enum status output_partition(struct publish *publish, enum kafka_output_topic topic,
                                    const struct record *record, int32_t *ret_partition,
                                    struct error *err)
{
    /* Always the same one's word: each believes it for a while. */
    struct kafka_producer *producer = publish->slots[0].producer;
    int32_t of_events, of_topic;
    enum status status = kafka_events_partition_count(producer, &of_events, err);
    if (status == STATUS_OK)
        status = kafka_partition_count(producer, topic, &of_topic, err);
    if (status == STATUS_OK)
        *ret_partition = of_events == of_topic ? record->partition->partition : -1;
    return status;
}

/* The partition mapping of each topic, found once for a batch. */
struct mapping {
    bool same[OUTPUT_TOPIC_COUNT];
};

static enum status find_mapping(struct publish *publish, const struct batch *batch,
                                struct mapping *mapping, struct error *err)
{
    enum status status = STATUS_OK;
    for (int topic = 0; topic < OUTPUT_TOPIC_COUNT && status == STATUS_OK; topic++) {
        int32_t partition = -1;
        status = output_partition(publish, (enum kafka_output_topic)topic, &batch->records[0],
                                  &partition, err);
        mapping->same[topic] = partition >= 0;
    }
    return status;
}

/* A result (`number` 0), or a change record. */
static enum kafka_verdict send_value(struct publish *publish, const struct mapping *mapping,
                                     const struct record *record, const struct uuid *result_id,
                                     size_t number, struct text value, struct error *err)
{
    struct kafka_header headers[CARRIED_HEADERS_MAX + CLOUDEVENTS_HEADERS];
    enum kafka_output_topic topic = number > 0 ? OUTPUT_CHANGES : OUTPUT_RESULTS;
    size_t header_count = carried_headers(record, headers);
    if (publish->has_cloudevents) {
        cloudevents_headers(&publish->ce, result_id, number, record->timestamp_ms,
                            headers + header_count);
        header_count += CLOUDEVENTS_HEADERS;
    }
    const struct kafka_output output = {
        .topic = topic,
        .partition = mapping->same[topic] ? record->partition->partition : -1,
        .key = record->key,
        .value = value,
        .headers = headers,
        .header_count = header_count,
        .borrow = true,
    };
    return kafka_transaction_produce(producer_of(publish), &output, err);
}

/* Room for keys and framing of a record beside its value. */
enum { RECORD_OVERHEAD_BYTES = 4096 };

static bool is_over_size(const struct publish *publish, size_t bytes,
                         const struct kafka_header *headers, size_t count)
{
    bytes += RECORD_OVERHEAD_BYTES;
    for (size_t i = 0; i < count; i++)
        bytes += headers[i].name.len + headers[i].value.len;
    return bytes > (size_t)publish->output_bytes_max;
}

static enum kafka_verdict send_dead_letter(struct publish *publish, const struct mapping *mapping,
                                           struct batch *batch, size_t i, struct error *err)
{
    const struct record *record = &batch->records[i];
    const struct death *death = batch->deaths[i];
    struct dead_letter letter = {
        .message = record->message,
        .topic = batch_source(batch, i)->topic,
        .partition = record->partition->partition,
        .offset = record->offset,
        .timestamp_ms = record->timestamp_ms,
        .stage = stage_names[death->stage],
        .code = code_name(death->code),
        .reason = death->message,
        .failed_at_us = death->failed_at_us,
        .result_id = batch->outputs[i].result_id,
        .worker = publish->worker,
    };
    size_t count;
    struct kafka_header *headers = dead_letter_headers(&letter, &publish->arena, &count);
    if (is_over_size(publish, record->key.len + record->value.len, headers, count)) {
        letter.is_truncated = true;
        headers = dead_letter_headers(&letter, &publish->arena, &count);
    }
    if (letter.is_truncated && is_over_size(publish, record->key.len, headers, count)) {
        letter.is_bare = true;
        headers = dead_letter_headers(&letter, &publish->arena, &count);
    }
    const struct kafka_output output = {
        .topic = OUTPUT_DLQ,
        .partition = mapping->same[OUTPUT_DLQ] ? record->partition->partition : -1,
        .key = letter.is_bare ? TEXT_NULL : record->key,
        .value = letter.is_truncated ? TEXT_NULL : record->value,
        .headers = headers,
        .header_count = count,
        .borrow = true,
    };
    return kafka_transaction_produce(producer_of(publish), &output, err);
}

static enum kafka_verdict send_record(struct publish *publish, const struct mapping *mapping,
                                      struct batch *batch, size_t i, struct error *err)
{
    const struct record *record = &batch->records[i];
    const struct output *output = &batch->outputs[i];
    if (output->is_silent)
        return KAFKA_GO_ON;
    if (batch->deaths[i])
        return send_dead_letter(publish, mapping, batch, i, err);
    enum kafka_verdict verdict = KAFKA_GO_ON;
    for (size_t c = 0; c < output->change_count && verdict == KAFKA_GO_ON; c++)
        verdict = send_value(publish, mapping, record, &output->result_id, c + 1,
                             output->changes[c].value, err);
    if (verdict == KAFKA_GO_ON)
        verdict = send_value(publish, mapping, record, &output->result_id, 0, output->result, err);
    return verdict;
}

static enum kafka_verdict send_offsets(struct publish *publish, struct batch *batch,
                                       struct error *err)
{
    struct kafka_offset *offsets =
        ARENA_ARRAY(&publish->arena, struct kafka_offset, batch->source_count);
    for (size_t s = 0; s < batch->source_count; s++)
        offsets[s] = (struct kafka_offset){batch->sources[s].partition->partition,
                                           batch->sources[s].next_offset};
    enum kafka_verdict verdict = kafka_transaction_offsets(producer_of(publish), offsets,
                                                           batch->source_count, batch->group, err);
    arena_reset(&publish->arena);
    return verdict;
}

/* --- the transaction ----------------------------------------------------------------------------
 */

/* Hands all outputs to the producer. It copies headers, so that what was made for them can go: a
 * broker that is away for long is tried often. */
static enum kafka_verdict send_all(struct publish *publish, const struct mapping *mapping,
                                   struct batch *batch, struct error *err)
{
    enum kafka_verdict verdict = kafka_transaction_begin(producer_of(publish), err);
    for (size_t i = 0; i < batch->count && verdict == KAFKA_GO_ON; i++) {
        verdict = send_record(publish, mapping, batch, i, err);
        arena_reset(&publish->arena);
    }
    return verdict;
}

static enum kafka_verdict commit(struct publish *publish, struct batch *batch, struct error *err)
{
    FAILPOINT("before_send_offsets");
    enum kafka_verdict verdict = send_offsets(publish, batch, err);
    FAILPOINT("after_send_offsets");
    FAILPOINT("before_kafka_commit");
    if (verdict == KAFKA_GO_ON)
        verdict = kafka_transaction_commit(producer_of(publish), err);
    FAILPOINT("after_kafka_commit");
    return verdict;
}

static void recycle(struct publish *publish)
{
    close_producer(publish, publish->turn);
    counter_add(&publish->counters->producer_recycled, 1);
}

/* Did the commit in doubt take place? Its offsets are in the transaction: all or none of them. Only
 * the very offset says yes: one beyond it may be older than the batch (after a rewind), and when it
 * is another member's, the group refuses the next attempt. */
static enum status look_up_commit(struct publish *publish, struct batch *batch, bool *ret_committed,
                                  struct error *err)
{
    struct kafka_partition first = {batch->sources[0].partition->partition, -1};
    enum status status =
        publish_connect(publish, err); /* ends the former transaction, if it is open */
    if (status == STATUS_OK)
        status =
            kafka_committed(publish->consumer, &first, 1, (int)publish->request_timeout_ms, err);
    if (status == STATUS_OK)
        *ret_committed = first.start_offset == batch->sources[0].next_offset;
    publish->is_in_doubt = status != STATUS_OK;
    return status;
}

static void note_published(struct publish *publish, struct batch *batch)
{
    for (size_t s = 0; s < batch->source_count; s++) {
        struct partition *partition = batch->sources[s].partition;
        if (batch->sources[s].next_offset > partition->published_upto)
            partition->published_upto = batch->sources[s].next_offset;
    }
    counter_add(&publish->counters->kafka_committed, 1);
    gauge_set(&publish->counters->last_commit_us, clock_now_us());
}

/* An abort is the end of its producer. librdkafka sends EndTxn again when nobody answers; the first
 * one may come seconds later, into the next transaction of the same epoch, and abort there what was
 * produced so far: the offsets would be committed without their results (KIP-890; seen). A new
 * producer has a new epoch, which stops it. */
static void abort_transaction(struct publish *publish)
{
    struct error ignored;
    kafka_transaction_abort(producer_of(publish), &ignored);
    recycle(publish);
}

/* What a verdict other than GO_ON asks for. True: another attempt from memory. */
static bool try_again(struct publish *publish, enum kafka_verdict verdict, enum status *status,
                      struct error *err)
{
    if (verdict == KAFKA_RECYCLE) {
        recycle(publish);
        return true;
    }
    counter_add(&publish->counters->kafka_aborted, 1);
    abort_transaction(publish);
    if (verdict == KAFKA_ABORT)
        return true;
    *status = error_set(err, STATUS_RETRY, batch_lost,
                        "the consumer group has moved on: the new owner publishes this batch");
    return false;
}

/* Finds out how the commit in doubt ended; what is not found out now is asked again before anything
 * else is sent. */
static enum status resolve_doubt(struct publish *publish, struct batch *batch, bool *ret_done,
                                 bool *ret_again, struct error *err)
{
    enum status status = look_up_commit(publish, batch, ret_done, err);
    *ret_again = status == STATUS_OK && !*ret_done;
    return status;
}

/* A transaction is over: the next one is the other producer's. */
static void take_turn(struct publish *publish)
{
    if (kafka_producer_has_echo(producer_of(publish)))
        recycle(publish);
    publish->turn = (publish->turn + 1) % PRODUCERS;
}

/* One attempt from memory. */
static enum status attempt(struct publish *publish, struct batch *batch, bool *ret_done,
                           bool *ret_again, struct error *err)
{
    struct mapping mapping;
    *ret_done = *ret_again = false;
    if (publish->is_in_doubt)
        return resolve_doubt(publish, batch, ret_done, ret_again, err);
    enum status status = publish_connect(publish, err);
    if (status == STATUS_OK)
        status = find_mapping(publish, batch, &mapping, err);
    if (status != STATUS_OK)
        return status;
    enum kafka_verdict verdict = send_all(publish, &mapping, batch, err);
    if (verdict == KAFKA_GO_ON)
        verdict = commit(publish, batch, err);
    if (verdict == KAFKA_IN_DOUBT) {
        counter_add(&publish->counters->kafka_in_doubt, 1);
        recycle(publish);
        return resolve_doubt(publish, batch, ret_done, ret_again, err);
    }
    *ret_done = verdict == KAFKA_GO_ON;
    if (!*ret_done)
        *ret_again = try_again(publish, verdict, &status, err);
    else
        take_turn(publish);
    return status;
}

static enum status attempt_until_done(struct publish *publish, struct batch *batch,
                                      struct error *err)
{
    for (int i = 0; i < ATTEMPTS_MAX && !publish->is_unwanted; i++) {
        bool done, again;
        enum status status = attempt(publish, batch, &done, &again, err);
        if (done)
            return STATUS_OK;
        if (!again)
            return status == STATUS_OK ? STATUS_RETRY : status;
        clock_sleep_ms(ATTEMPT_PAUSE_MS);
    }
    return STATUS_RETRY;
}

/* --- in the background ---------------------------------------------------------------------------
 */

static void run(void *opaque)
{
    struct publish *publish = opaque;
    int64_t started_us = clock_monotonic_us();
    jmp_buf exhausted;
    arena_on_exhausted(&publish->arena, &exhausted);
    if (setjmp(exhausted) == 0)
        publish->status = attempt_until_done(publish, publish->batch, &publish->error);
    else
        publish->status =
            error_set(&publish->error, STATUS_RETRY, batch_lost,
                      "no memory for the headers of dead letters: raise batch.memory_max");
    arena_on_exhausted(&publish->arena, NULL);
    arena_reset(&publish->arena);
    histogram_observe_us(&publish->counters->stage_time[STAGE_PUBLISH],
                         clock_monotonic_us() - started_us);
}

void publish_begin(struct publish *publish, struct batch *batch)
{
    publish->batch = batch;
    publish->is_unwanted = false;
    publish->error = (struct error){.message = "Kafka has not taken the batch so far"};
    background_run(publish->background, run, publish);
}

bool publish_is_done(const struct publish *publish)
{
    return background_is_done(publish->background);
}

bool publish_wait_ms(const struct publish *publish, int ms)
{
    return background_wait_ms(publish->background, ms);
}

enum status publish_finish(struct publish *publish, struct batch *batch, struct error *err)
{
    if (!publish->batch)
        publish_begin(publish, batch);
    background_wait(publish->background);
    publish->batch = NULL;
    if (publish->status == STATUS_OK)
        note_published(publish, batch);
    else
        *err = publish->error;
    return publish->status;
}

void publish_give_up(struct publish *publish)
{
    publish->is_unwanted = true;
    if (publish->background)
        background_wait(publish->background);
    publish->batch = NULL;
    if (producer_of(publish))
        abort_transaction(publish);
    publish->is_in_doubt = false;
}
