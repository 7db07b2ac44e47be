/* A transactional producer of a lane: opened, closed, and what it knows of its topics. */
#include "base/clock.h"
#include "wire/kafka_handles.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    COUNT_VALID_MS = 60000,     /* how long a partition count is believed */
    METADATA_TIMEOUT_MS = 5000, /* for one question to the brokers */
    NEW_TOPIC_PAUSE_MS = 200,   /* a topic just made takes a moment to be known everywhere */
};

/* --- open and close ----------------------------------------------------------------------------
 */

static void on_delivery(rd_kafka_t *rk, const rd_kafka_message_t *message, void *opaque)
{
    struct kafka_producer *producer = opaque;

    (void)rk;
    if (!message->err || producer->delivery_code) {
        return;
    }
    producer->delivery_code = message->err;
    snprintf(producer->delivery_text, sizeof(producer->delivery_text),
             "a record for %s [%d] was not delivered: %s", rd_kafka_topic_name(message->rkt),
             (int)message->partition, rd_kafka_err2str(message->err));
}

const char *kafka_topic_name(const struct kafka_options *options, int topic)
{
    switch (topic) {
    case OUTPUT_RESULTS:
        return options->results_topic;
    case OUTPUT_CHANGES:
        return options->changes_topic;
    case OUTPUT_DLQ:
        return options->dlq_topic;
    default:
        assert(topic == EVENTS_TOPIC);
        return options->events_topic;
    }
}

static enum status open_topics(struct kafka_producer *producer, struct error *err)
{
    for (int i = 0; i < TOPIC_COUNT; i++) {
        const char *name = kafka_topic_name(producer->options, i);
        producer->topics[i] = name ? rd_kafka_topic_new(producer->client.rk, name, NULL) : NULL;
        if (name && !producer->topics[i]) {
            return kafka_error_set(err, rd_kafka_last_error(), name, NULL);
        }
    }
    return STATUS_OK;
}

static rd_kafka_error_t *try_init(struct kafka_producer *producer, void *unused, int timeout_ms)
{
    (void)unused;
    return rd_kafka_init_transactions(producer->client.rk, timeout_ms);
}

static enum status init_transactions(struct kafka_producer *producer, struct error *err)
{
    rd_kafka_error_t *error = kafka_repeat(producer, try_init, NULL);
    enum status status;

    if (!error) {
        return STATUS_OK;
    }
    rd_kafka_poll(producer->client.rk, 0); /* learn of troubles */
    status = kafka_error_set(err, rd_kafka_error_code(error), "start transactions",
                             rd_kafka_error_string(error));
    rd_kafka_error_destroy(error);
    return kafka_client_explain(&producer->client, status, err);
}

static enum status find_count(struct kafka_producer *producer, int topic, int32_t *ret_count,
                              struct error *err);

/* The first record to a topic would otherwise wait for its metadata inside a transaction. */
static enum status warm_up(struct kafka_producer *producer, struct error *err)
{
    for (int i = 0; i < TOPIC_COUNT; i++) {
        int32_t count;
        enum status status = producer->topics[i] ? find_count(producer, i, &count, err) : STATUS_OK;
        if (status) {
            return status;
        }
    }
    return STATUS_OK;
}

static enum status open_handle(struct kafka_producer *producer, struct error *err)
{
    rd_kafka_conf_t *conf = NULL;
    enum status status = kafka_conf_build(&conf, producer->options, KAFKA_ROLE_PRODUCER, err);

    if (status) {
        return status;
    }
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
    status = kafka_client_open(&producer->client, RD_KAFKA_PRODUCER, conf, err);
    if (!status) {
        status = open_topics(producer, err);
    }
    if (!status) {
        status = init_transactions(producer, err);
    }
    return status ? status : warm_up(producer, err);
}

enum status kafka_producer_open(struct kafka_producer **ret_producer,
                                const struct kafka_options *options, struct error *err)
{
    struct kafka_producer *producer = calloc(1, sizeof(*producer));
    enum status status;

    assert(options->transactional_id && options->transaction_timeout_ms > 0);
    if (!producer) {
        return error_set(err, STATUS_RETRY, NULL, "kafka: out of memory for a producer");
    }
    producer->options = options;
    status = open_handle(producer, err);
    if (status) {
        kafka_producer_close(producer);
        return status;
    }
    *ret_producer = producer;
    return STATUS_OK;
}

void kafka_producer_close(struct kafka_producer *producer)
{
    if (!producer) {
        return;
    }
    if (producer->client.rk) {
        rd_kafka_purge(producer->client.rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
        rd_kafka_flush(producer->client.rk, 0);
        for (int i = 0; i < TOPIC_COUNT; i++) {
            if (producer->topics[i]) {
                rd_kafka_topic_destroy(producer->topics[i]);
            }
        }
        rd_kafka_destroy(producer->client.rk);
    }
    free(producer);
}

void kafka_producer_poll(struct kafka_producer *producer)
{
    rd_kafka_poll(producer->client.rk, 0);
}

/* --- partition counts --------------------------------------------------------------------------
 */

static rd_kafka_resp_err_t ask_count(struct kafka_producer *producer, int topic, int timeout_ms,
                                     int32_t *ret_count)
{
    const struct rd_kafka_metadata *metadata = NULL;
    rd_kafka_resp_err_t code =
        rd_kafka_metadata(producer->client.rk, 0, producer->topics[topic], &metadata, timeout_ms);

    if (code) {
        return code;
    }
    assert(metadata->topic_cnt == 1);
    code = metadata->topics[0].err;
    *ret_count = metadata->topics[0].partition_cnt;
    rd_kafka_metadata_destroy(metadata);
    return code ? code : *ret_count > 0 ? code : RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
}

static enum status find_count(struct kafka_producer *producer, int topic, int32_t *ret_count,
                              struct error *err)
{
    struct partition_count *known = &producer->counts[topic];
    int64_t now_us = clock_monotonic_us();
    int64_t deadline_us = deadline_in_ms(METADATA_TIMEOUT_MS);
    rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;

    if (known->count == 0 || now_us - known->asked_us > COUNT_VALID_MS * 1000LL) {
        code = ask_count(producer, topic, METADATA_TIMEOUT_MS, &known->count);
        while (code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART && !deadline_passed(deadline_us)) {
            clock_sleep_ms(NEW_TOPIC_PAUSE_MS);
            code = ask_count(producer, topic, METADATA_TIMEOUT_MS, &known->count);
        }
        known->asked_us = now_us;
    }
    if (code) {
        known->count = 0;
        rd_kafka_poll(producer->client.rk, 0);
        return kafka_client_explain(
            &producer->client,
            kafka_error_set(err, code, kafka_topic_name(producer->options, topic), NULL), err);
    }
    *ret_count = known->count;
    return STATUS_OK;
}

enum status kafka_partition_count(struct kafka_producer *producer, enum kafka_output_topic topic,
                                  int32_t *ret_count, struct error *err)
{
    assert(topic < OUTPUT_TOPIC_COUNT && producer->topics[topic]);
    return find_count(producer, (int)topic, ret_count, err);
}

enum status kafka_events_partition_count(struct kafka_producer *producer, int32_t *ret_count,
                                         struct error *err)
{
    assert(producer->topics[EVENTS_TOPIC]);
    return find_count(producer, EVENTS_TOPIC, ret_count, err);
}
