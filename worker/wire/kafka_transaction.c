/* The calls of a transaction. Verdicts come from the table in kafka_errors.c. */
#include "base/clock.h"
#include "wire/kafka_handles.h"

#include <assert.h>
#include <stdio.h>

enum {
    REPEAT_PAUSE_MS = 20, /* between repetitions of a retriable call */
    QUEUE_FULL_PAUSE_MS = 10,
    ABORT_FLUSH_MS = 500,
    REASON_TIMEOUT_MS = 5000, /* to learn why a transaction has failed */
    POLL_EVERY = 1000,        /* produced records */
};

rd_kafka_error_t *kafka_repeat(struct kafka_producer *producer, try_function *try, void *argument)
{
    int64_t deadline_us = deadline_in_ms(producer->options->transaction_timeout_ms);
    rd_kafka_error_t *error = try(producer, argument, deadline_left_ms(deadline_us));

    while (error && rd_kafka_error_is_retriable(error) && !rd_kafka_error_is_fatal(error) &&
           !rd_kafka_error_txn_requires_abort(error) && !deadline_passed(deadline_us)) {
        rd_kafka_error_destroy(error);
        clock_sleep_ms(REPEAT_PAUSE_MS);
        rd_kafka_poll(producer->client.rk, 0);
        error = try(producer, argument, deadline_left_ms(deadline_us));
    }
    return error;
}

/* --- the transaction ---------------------------------------------------------------------------
 */

/* The verdict on a call that returned `error` (used up); NULL is success. */
static enum kafka_verdict settle(struct kafka_producer *producer, enum kafka_call call,
                                 rd_kafka_error_t *error, struct error *err)
{
    if (!error) {
        return KAFKA_GO_ON;
    }
    rd_kafka_resp_err_t code = rd_kafka_error_code(error);
    bool is_only_count = code == RD_KAFKA_RESP_ERR__INCONSISTENT && producer->delivery_code;
    enum kafka_failure failure = kafka_failure_of(code, rd_kafka_error_is_fatal(error),
                                                  rd_kafka_error_txn_requires_abort(error),
                                                  rd_kafka_error_is_retriable(error));
    enum kafka_verdict verdict =
        kafka_judge(call, is_only_count ? producer->delivery_code : code, failure,
                    is_only_count ? producer->delivery_text : rd_kafka_error_string(error), err);

    rd_kafka_error_destroy(error);
    return verdict;
}

enum kafka_verdict kafka_transaction_begin(struct kafka_producer *producer, struct error *err)
{
    enum kafka_verdict verdict;

    assert(!producer->in_transaction);
    producer->delivery_code = RD_KAFKA_RESP_ERR_NO_ERROR;
    producer->produced = 0;
    verdict = settle(producer, CALL_BEGIN, rd_kafka_begin_transaction(producer->client.rk), err);
    producer->in_transaction = verdict == KAFKA_GO_ON;
    return verdict;
}

static rd_kafka_resp_err_t produce_once(struct kafka_producer *producer,
                                        const struct kafka_output *output)
{
    struct kafka_produce produce = {
        .topic = producer->topics[output->topic],
        .partition = output->partition,
        .key = output->key,
        .value = output->value,
        .timestamp_ms = output->timestamp_ms,
        .headers = output->headers,
        .header_count = output->header_count,
        .borrow = output->borrow,
    };

    return kafka_produce(producer->client.rk, &produce);
}

static enum kafka_failure produce_failure(struct kafka_producer *producer, rd_kafka_resp_err_t code)
{
    if (code == RD_KAFKA_RESP_ERR__FATAL || rd_kafka_fatal_error(producer->client.rk, NULL, 0)) {
        return FAILURE_FATAL;
    }
    /* _STATE: the transaction has failed in the background. */
    return code == RD_KAFKA_RESP_ERR__STATE        ? FAILURE_ABORTABLE
           : code == RD_KAFKA_RESP_ERR__QUEUE_FULL ? FAILURE_RETRIABLE
                                                   : FAILURE_OTHER;
}

enum kafka_verdict kafka_transaction_produce(struct kafka_producer *producer,
                                             const struct kafka_output *output, struct error *err)
{
    rd_kafka_resp_err_t code = produce_once(producer, output);
    char what[ERROR_MESSAGE_MAX];

    if (code == RD_KAFKA_RESP_ERR__QUEUE_FULL) {
        int64_t deadline_us = deadline_in_ms(producer->options->transaction_timeout_ms);
        while (code == RD_KAFKA_RESP_ERR__QUEUE_FULL && !deadline_passed(deadline_us)) {
            rd_kafka_poll(producer->client.rk, QUEUE_FULL_PAUSE_MS);
            code = produce_once(producer, output);
        }
    }
    if (++producer->produced % POLL_EVERY == 0) {
        rd_kafka_poll(producer->client.rk, 0);
    }
    if (!code) {
        return KAFKA_GO_ON;
    }
    snprintf(what, sizeof(what), "%s [%d]: a record with a value of %zu bytes: %s",
             kafka_topic_name(producer->options, (int)output->topic), (int)output->partition,
             output->value.len, rd_kafka_err2str(code));
    return kafka_judge(CALL_PRODUCE, code, produce_failure(producer, code), what, err);
}

struct offsets_call {
    rd_kafka_topic_partition_list_t *list;
    const rd_kafka_consumer_group_metadata_t *metadata;
};

static rd_kafka_error_t *try_offsets(struct kafka_producer *producer, void *argument,
                                     int timeout_ms)
{
    const struct offsets_call *call = argument;

    return rd_kafka_send_offsets_to_transaction(producer->client.rk, call->list, call->metadata,
                                                timeout_ms);
}

enum kafka_verdict kafka_transaction_offsets(struct kafka_producer *producer,
                                             const struct kafka_offset *offsets, size_t count,
                                             const struct kafka_group_metadata *metadata,
                                             struct error *err)
{
    struct offsets_call call = {
        rd_kafka_topic_partition_list_new((int)count),
        (const rd_kafka_consumer_group_metadata_t *)metadata,
    };
    rd_kafka_error_t *error;

    assert(metadata && producer->in_transaction);
    for (size_t i = 0; i < count; i++) {
        rd_kafka_topic_partition_list_add(call.list, producer->options->events_topic,
                                          offsets[i].partition)
            ->offset = offsets[i].next_offset;
    }
    error = kafka_repeat(producer, try_offsets, &call);
    rd_kafka_topic_partition_list_destroy(call.list);
    return settle(producer, CALL_OFFSETS, error, err);
}

static rd_kafka_error_t *try_commit(struct kafka_producer *producer, void *unused, int timeout_ms)
{
    (void)unused;
    return rd_kafka_commit_transaction(producer->client.rk, timeout_ms);
}

/* Everything that can fail before the coordinator is told to commit. */
static enum kafka_verdict flush(struct kafka_producer *producer, struct error *err)
{
    rd_kafka_t *rk = producer->client.rk;
    char why[ERROR_MESSAGE_MAX] = "";
    rd_kafka_resp_err_t code = rd_kafka_flush(rk, (int)producer->options->transaction_timeout_ms);
    rd_kafka_resp_err_t fatal_code = rd_kafka_fatal_error(rk, why, sizeof(why));

    if (fatal_code) {
        return kafka_judge(CALL_FLUSH, fatal_code, FAILURE_FATAL, why, err);
    }
    if (code) {
        return kafka_judge(CALL_FLUSH, code, FAILURE_RETRIABLE,
                           "not all records were delivered in time", err);
    }
    if (producer->delivery_code) {
        /* With a failed delivery librdkafka sends no EndTxn, but it knows the reason. */
        return settle(producer, CALL_FLUSH, rd_kafka_commit_transaction(rk, REASON_TIMEOUT_MS),
                      err);
    }
    return KAFKA_GO_ON;
}

enum kafka_verdict kafka_transaction_commit(struct kafka_producer *producer, struct error *err)
{
    enum kafka_verdict verdict;
    unsigned sockets;

    assert(producer->in_transaction);
    verdict = flush(producer, err);
    if (verdict == KAFKA_GO_ON) {
        sockets = atomic_load(&producer->client.sockets);
        verdict = settle(producer, CALL_COMMIT, kafka_repeat(producer, try_commit, NULL), err);
        producer->in_transaction = verdict != KAFKA_GO_ON;
        producer->has_echo = atomic_load(&producer->client.sockets) != sockets;
    }
    return verdict;
}

/* librdkafka says nothing of repetitions. But an answer that does not come ends the connection, so
 * that a request is sent again on a new one. */
bool kafka_producer_has_echo(const struct kafka_producer *producer)
{
    return producer->has_echo;
}

static rd_kafka_error_t *try_abort(struct kafka_producer *producer, void *unused, int timeout_ms)
{
    (void)unused;
    return rd_kafka_abort_transaction(producer->client.rk, timeout_ms);
}

enum kafka_verdict kafka_transaction_abort(struct kafka_producer *producer, struct error *err)
{
    enum kafka_verdict verdict;

    if (!producer->in_transaction) {
        return KAFKA_GO_ON;
    }
    /* An abort while the first record is in flight can be fatal (librdkafka issue 4849). */
    rd_kafka_flush(producer->client.rk, ABORT_FLUSH_MS);
    verdict = settle(producer, CALL_ABORT, kafka_repeat(producer, try_abort, NULL), err);
    producer->in_transaction = verdict != KAFKA_GO_ON;
    return verdict;
}
