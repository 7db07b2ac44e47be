#include "wire/kafka_sender.h"

#include "base/clock.h"
#include "wire/kafka_handles.h"

#include <stdlib.h>

enum { QUEUE_FULL_PAUSE_MS = 10 };

struct kafka_sender {
    struct kafka_client client; /* first: the handle's opaque points here */
    rd_kafka_topic_t *topic;
    kafka_delivered *delivered;
    void *opaque;
    enum status failed; /* the first failed delivery since the last flush */
    struct error failure;
};

static void on_delivery(rd_kafka_t *rk, const rd_kafka_message_t *message, void *opaque)
{
    struct kafka_sender *sender = opaque;
    struct error err = {0};
    enum status status = STATUS_OK;

    (void)rk;
    if (message->err) {
        status = kafka_error_set(&err, message->err, "send", rd_kafka_message_errstr(message));
        error_prefix(&err, status, "%s [%d]", rd_kafka_topic_name(message->rkt),
                     (int)message->partition);
    }
    if (status && !sender->failed) {
        sender->failed = status;
        sender->failure = err;
    }
    if (sender->delivered) {
        sender->delivered(sender->opaque, message->_private, status, message->partition,
                          message->offset, &err);
    }
}

static enum status open_handle(struct kafka_sender *sender, const struct kafka_options *options,
                               const char *topic, struct error *err)
{
    rd_kafka_conf_t *conf = NULL;
    enum status status = kafka_conf_build(&conf, options, KAFKA_ROLE_SENDER, err);

    if (status) {
        return status;
    }
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
    status = kafka_client_open(&sender->client, RD_KAFKA_PRODUCER, conf, err);
    if (status) {
        return status;
    }
    sender->topic = rd_kafka_topic_new(sender->client.rk, topic, NULL);
    return sender->topic ? STATUS_OK : kafka_error_set(err, rd_kafka_last_error(), topic, NULL);
}

enum status kafka_sender_open(struct kafka_sender **ret_sender, const struct kafka_options *options,
                              const char *topic, kafka_delivered *delivered, void *opaque,
                              struct error *err)
{
    struct kafka_sender *sender = calloc(1, sizeof(*sender));
    enum status status;

    if (!sender) {
        return error_set(err, STATUS_RETRY, NULL, "kafka: out of memory for a sender");
    }
    sender->delivered = delivered;
    sender->opaque = opaque;
    status = open_handle(sender, options, topic, err);
    if (status) {
        kafka_sender_close(sender);
        return status;
    }
    *ret_sender = sender;
    return STATUS_OK;
}

void kafka_sender_close(struct kafka_sender *sender)
{
    if (!sender) {
        return;
    }
    sender->delivered = NULL;
    if (sender->client.rk) {
        rd_kafka_purge(sender->client.rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
        rd_kafka_flush(sender->client.rk, 0);
        if (sender->topic) {
            rd_kafka_topic_destroy(sender->topic);
        }
        rd_kafka_destroy(sender->client.rk);
    }
    free(sender);
}

enum status kafka_sender_send(struct kafka_sender *sender, const struct kafka_record *record,
                              void *tag, int timeout_ms, struct error *err)
{
    struct kafka_produce produce = {
        .topic = sender->topic,
        .partition = record->partition,
        .key = record->key,
        .value = record->value,
        .timestamp_ms = record->timestamp_ms,
        .headers = record->headers,
        .header_count = record->header_count,
        .tag = tag,
    };
    int64_t deadline_us = deadline_in_ms(timeout_ms);
    rd_kafka_resp_err_t code = kafka_produce(sender->client.rk, &produce);
    enum status status;

    while (code == RD_KAFKA_RESP_ERR__QUEUE_FULL && !deadline_passed(deadline_us)) {
        rd_kafka_poll(sender->client.rk, QUEUE_FULL_PAUSE_MS);
        code = kafka_produce(sender->client.rk, &produce);
    }
    rd_kafka_poll(sender->client.rk, 0);
    if (!code) {
        return STATUS_OK;
    }
    status = code == RD_KAFKA_RESP_ERR__QUEUE_FULL ? STATUS_RETRY : STATUS_FATAL;
    kafka_error_set(err, code, "send", NULL);
    error_prefix(err, status, "%s", rd_kafka_topic_name(sender->topic));
    return status == STATUS_RETRY ? kafka_client_explain(&sender->client, status, err) : status;
}

enum status kafka_sender_flush(struct kafka_sender *sender, int timeout_ms, struct error *err)
{
    rd_kafka_resp_err_t code = rd_kafka_flush(sender->client.rk, timeout_ms);
    enum status failed = sender->failed;

    if (code) {
        kafka_error_set(err, code, "wait for deliveries", NULL);
        return kafka_client_explain(&sender->client, STATUS_RETRY, err);
    }
    sender->failed = STATUS_OK;
    if (failed) {
        error_set(err, failed, sender->failure.code, "%s", sender->failure.message);
    }
    return failed;
}
