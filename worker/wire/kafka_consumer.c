/* The consumer of a lane: member of the group with eager assignment, tracks its own places. */
#include "base/clock.h"
#include "base/memory.h"
#include "wire/kafka_handles.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static void on_rebalance(rd_kafka_t *rk, rd_kafka_resp_err_t code,
                         rd_kafka_topic_partition_list_t *partitions, void *opaque);

/* --- open and close ----------------------------------------------------------------------------
 */

static enum status subscribe(struct kafka_consumer *consumer, struct error *err)
{
    rd_kafka_topic_partition_list_t *topics = rd_kafka_topic_partition_list_new(1);
    rd_kafka_resp_err_t code;

    rd_kafka_topic_partition_list_add(topics, consumer->options->events_topic,
                                      RD_KAFKA_PARTITION_UA);
    code = rd_kafka_subscribe(consumer->client.rk, topics);
    rd_kafka_topic_partition_list_destroy(topics);
    return code ? kafka_error_set(err, code, "subscribe", NULL) : STATUS_OK;
}

static enum status open_handle(struct kafka_consumer *consumer, struct error *err)
{
    rd_kafka_conf_t *conf = NULL;
    enum status status = kafka_conf_build(&conf, consumer->options, KAFKA_ROLE_CONSUMER, err);

    if (status) {
        return status;
    }
    rd_kafka_conf_set_rebalance_cb(conf, on_rebalance);
    status = kafka_client_open(&consumer->client, RD_KAFKA_CONSUMER, conf, err);
    if (status) {
        return status;
    }
    rd_kafka_poll_set_consumer(consumer->client.rk);
    return subscribe(consumer, err);
}

enum status kafka_consumer_open(struct kafka_consumer **ret_consumer,
                                const struct kafka_options *options,
                                const struct kafka_rebalance *rebalance, struct error *err)
{
    struct kafka_consumer *consumer = calloc(1, sizeof(*consumer));
    enum status status;

    assert(options->group_id && options->events_topic && rebalance->assigned && rebalance->revoked);
    if (!consumer) {
        return error_set(err, STATUS_RETRY, NULL, "kafka: out of memory for a consumer");
    }
    consumer->options = options;
    consumer->hooks = *rebalance;
    status = open_handle(consumer, err);
    if (status) {
        kafka_consumer_close(consumer);
        return status;
    }
    *ret_consumer = consumer;
    return STATUS_OK;
}

void kafka_consumer_close(struct kafka_consumer *consumer)
{
    if (!consumer) {
        return;
    }
    consumer->is_closing = true;
    background_close(consumer->waker);
    if (consumer->client.rk) {
        rd_kafka_consumer_close(consumer->client.rk);
        rd_kafka_destroy(consumer->client.rk);
    }
    free(consumer->numbers);
    free(consumer->places);
    free(consumer);
}

/* --- places ------------------------------------------------------------------------------------
 */

static struct place *place_of(struct kafka_consumer *consumer, int32_t partition)
{
    return partition >= 0 && partition < consumer->place_count ? &consumer->places[partition]
                                                               : NULL;
}

static void make_place(struct kafka_consumer *consumer, int32_t partition)
{
    size_t count = (size_t)partition + 1;

    if (partition < consumer->place_count) {
        return;
    }
    consumer->numbers =
        memory_resize("kafka consumer", consumer->numbers, count * sizeof(*consumer->numbers));
    struct place *places =
        memory_resize("kafka consumer", consumer->places, count * sizeof(*places));
    memset(places + consumer->place_count, 0,
           (count - (size_t)consumer->place_count) * sizeof(*places));
    consumer->places = places;
    consumer->place_count = (int32_t)count;
}

static int64_t cached_high(struct kafka_consumer *consumer, int32_t partition, int64_t *ret_low)
{
    int64_t low = -1, high = -1;

    if (rd_kafka_get_watermark_offsets(consumer->client.rk, consumer->options->events_topic,
                                       partition, &low, &high)) {
        return -1;
    }
    *ret_low = low < 0 ? 0 : low;
    return high < 0 ? -1 : high;
}

static void note_consumed(struct kafka_consumer *consumer, const rd_kafka_message_t *message)
{
    struct place *place = place_of(consumer, message->partition);

    if (place) {
        place->next = message->offset + 1;
        place->quiet_high = -1;
    }
}

/* The end was reached: whatever lies between `next` and the high watermark are control records,
 * aborted records, or those of a transaction that is still open. */
static void note_end(struct kafka_consumer *consumer, const rd_kafka_message_t *message)
{
    struct place *place = place_of(consumer, message->partition);
    int64_t low;

    if (place) {
        place->quiet_high = cached_high(consumer, message->partition, &low);
    }
}

bool kafka_watermarks_cached(struct kafka_consumer *consumer, int32_t partition, int64_t *ret_low,
                             int64_t *ret_high)
{
    struct place *place = place_of(consumer, partition);
    int64_t low = 0, high;

    if (!place || !place->started) {
        return false;
    }
    high = cached_high(consumer, partition, &low);
    if (high < 0) {
        return false;
    }
    *ret_low = low;
    *ret_high = high == place->quiet_high ? place->next : high;
    return true;
}

/* --- rebalances --------------------------------------------------------------------------------
 */

/* Asks the hook where each partition starts and hands librdkafka those that do start. */
static void start_partitions(struct kafka_consumer *consumer, struct kafka_partition *partitions,
                             size_t count)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)count);

    if (count > 0) {
        consumer->hooks.assigned(consumer->hooks.opaque, partitions, count);
    }
    for (size_t i = 0; i < count; i++) {
        int32_t partition = partitions[i].partition;
        bool starts = partitions[i].start_offset >= 0;
        *place_of(consumer, partition) =
            (struct place){true, starts, partitions[i].start_offset, -1};
        if (starts) {
            rd_kafka_topic_partition_list_add(list, consumer->options->events_topic, partition)
                ->offset = partitions[i].start_offset;
        }
    }
    rd_kafka_assign(consumer->client.rk, list);
    rd_kafka_topic_partition_list_destroy(list);
}

static void on_assigned(struct kafka_consumer *consumer,
                        const rd_kafka_topic_partition_list_t *list)
{
    struct kafka_partition *partitions =
        memory_zalloc("kafka consumer", (size_t)list->cnt + 1, sizeof(*partitions));
    size_t count = 0;

    for (int i = 0; i < list->cnt; i++) {
        make_place(consumer, list->elems[i].partition);
        partitions[count++] = (struct kafka_partition){list->elems[i].partition, -1};
    }
    consumer->is_restarting = false;
    start_partitions(consumer, partitions, count);
    free(partitions);
}

static void tell_revoked(struct kafka_consumer *consumer, bool lost)
{
    size_t count = 0;

    for (int32_t p = 0; p < consumer->place_count; p++) {
        if (consumer->places[p].assigned) {
            consumer->numbers[count++] = p;
        }
        consumer->places[p] = (struct place){0};
    }
    if (count > 0) {
        consumer->hooks.revoked(consumer->hooks.opaque, consumer->numbers, count, lost);
    }
}

static void on_rebalance(rd_kafka_t *rk, rd_kafka_resp_err_t code,
                         rd_kafka_topic_partition_list_t *partitions, void *opaque)
{
    struct kafka_consumer *consumer = opaque;

    if (consumer->is_closing) {
        rd_kafka_assign(rk, NULL);
        return;
    }
    if (code == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) {
        on_assigned(consumer, partitions);
        return;
    }
    tell_revoked(consumer, rd_kafka_assignment_lost(rk) != 0);
    rd_kafka_assign(rk, NULL);
}

/* Assigning the same partitions again in place would be quicker, but librdkafka 2.0.2 aborts when a
 * revocation comes before their fetchers have stopped (an assertion, measured). The group's own way
 * waits for that. */
enum status kafka_consumer_restart(struct kafka_consumer *consumer, struct error *err)
{
    rd_kafka_resp_err_t code = rd_kafka_unsubscribe(consumer->client.rk);

    if (code) {
        return kafka_error_set(err, code, "leave the group to join it again", NULL);
    }
    consumer->is_restarting = true;
    return subscribe(consumer, err);
}

/* --- consuming ---------------------------------------------------------------------------------
 */

/* An error event of the consumer. Librdkafka goes on by itself after all but the fatal ones. */
static enum status event_failed(struct kafka_consumer *consumer, rd_kafka_message_t *message,
                                int32_t *ret_partition, struct error *err)
{
    enum status status =
        kafka_error_set(err, message->err, "consume", rd_kafka_message_errstr(message));

    if (message->err == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET) {
        struct place *place = place_of(consumer, message->partition);
        error_prefix(err, status, "%s [%d]", consumer->options->events_topic,
                     (int)message->partition);
        if (place) {
            place->started = false;
        }
        if (ret_partition) {
            *ret_partition = message->partition;
        }
    }
    rd_kafka_message_destroy(message);
    return status;
}

/* --- keeping librdkafka at it --------------------------------------------------------------------
 *
 * Librdkafka 2.0.2 looks only once a second whether a queue that was full has room again (its issue
 * 2879; 2.2 has fetch.queue.backoff.ms for it), so that a fast consumer gets the prefetched bytes
 * once a second and no more. A small question to the partition's leader, asked in the background,
 * wakes the thread that fetches from it. It is asked when half of the queue may have been taken
 * out: what is fetched then comes while the other half is being consumed. */

static void ask_leader(void *opaque)
{
    enum { ASK_MS = 1000 };
    struct kafka_consumer *consumer = opaque;
    int64_t low, high;

    rd_kafka_query_watermark_offsets(consumer->client.rk, consumer->options->events_topic,
                                     consumer->waker_partition, &low, &high, ASK_MS);
}

/* The partitions take turns: they may have different leaders. */
static int32_t next_turn(const struct kafka_consumer *consumer, int32_t partition)
{
    for (int32_t i = 1; i < consumer->place_count; i++) {
        int32_t next = (partition + i) % consumer->place_count;
        if (consumer->places[next].started) {
            return next;
        }
    }
    return partition;
}

static bool half_is_taken(const struct kafka_consumer *consumer)
{
    return consumer->bytes_since_woken >= kafka_queue_bytes_max(consumer->options) / 2 ||
           consumer->messages_since_woken >= KAFKA_QUEUE_MESSAGES_MAX / 2;
}

static void keep_fetching(struct kafka_consumer *consumer, const rd_kafka_message_t *message)
{
    consumer->bytes_since_woken += (int64_t)(message->len + message->key_len);
    consumer->messages_since_woken++;
    if (!half_is_taken(consumer)) {
        return;
    }
    if (!consumer->waker) {
        consumer->waker = background_open();
    }
    if (consumer->waker && !background_is_done(consumer->waker)) {
        return; /* with the next message */
    }
    consumer->bytes_since_woken = consumer->messages_since_woken = 0;
    if (consumer->waker) {
        consumer->waker_partition = next_turn(consumer, consumer->waker_partition);
        background_run(consumer->waker, ask_leader, consumer);
    }
}

/* True for what the caller does not get to see: ends of partitions, and messages fetched before a
 * restart. */
static bool is_internal(struct kafka_consumer *consumer, const rd_kafka_message_t *message)
{
    if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        note_end(consumer, message);
        return true;
    }
    return consumer->is_restarting && !message->err;
}

enum status kafka_consume(struct kafka_consumer *consumer, int timeout_ms,
                          struct kafka_message **ret_message, int32_t *ret_partition,
                          struct error *err)
{
    int64_t deadline_us = timeout_ms > 0 ? deadline_in_ms(timeout_ms) : 0;
    rd_kafka_message_t *message = rd_kafka_consumer_poll(consumer->client.rk, timeout_ms);

    *ret_message = NULL;
    while (message && is_internal(consumer, message)) {
        rd_kafka_message_destroy(message);
        message = rd_kafka_consumer_poll(consumer->client.rk,
                                         deadline_us ? deadline_left_ms(deadline_us) : 0);
    }
    if (message && message->err) {
        return event_failed(consumer, message, ret_partition, err);
    }
    if (message) {
        note_consumed(consumer, message);
        keep_fetching(consumer, message);
        *ret_message = (struct kafka_message *)message;
        return STATUS_OK;
    }
    return kafka_client_trouble(&consumer->client, err);
}
