/* What the tests of wire/kafka share: options, one whole transaction, hooks that write down what
 * they are told. Everything is static: each test program has its own. */
#ifndef PROVD_TESTS_KAFKA_HELPERS_H
#define PROVD_TESTS_KAFKA_HELPERS_H

#include "check.h"

#include "base/clock.h"
#include "wire/kafka.h"

#define UNUSED_HELPER __attribute__((unused))

enum { WAIT_MS = 30000, PARTITIONS_MAX = 16 };

/* --- a partition plan for the hooks ------------------------------------------------------------
 */

struct hooks {
    int64_t start[PARTITIONS_MAX]; /* what `assigned` answers; -1: halted */
    bool is_mine[PARTITIONS_MAX];
    int assigned_calls, revoked_calls, lost_calls;
    struct kafka_consumer *consumer;
    bool start_at_committed; /* asks the brokers instead of `start` */
};

static UNUSED_HELPER void hook_assigned(void *opaque, struct kafka_partition *partitions,
                                        size_t count)
{
    struct hooks *hooks = opaque;
    struct error err = {0};

    hooks->assigned_calls++;
    if (hooks->start_at_committed) {
        assert_int_equal(kafka_committed(hooks->consumer, partitions, count, WAIT_MS, &err),
                         STATUS_OK);
    }
    for (size_t i = 0; i < count; i++) {
        hooks->is_mine[partitions[i].partition] = true;
        if (!hooks->start_at_committed) {
            partitions[i].start_offset = hooks->start[partitions[i].partition];
        } else if (partitions[i].start_offset < 0) {
            partitions[i].start_offset = 0;
        }
    }
}

static UNUSED_HELPER void hook_revoked(void *opaque, const int32_t *partitions, size_t count,
                                       bool lost)
{
    struct hooks *hooks = opaque;

    hooks->revoked_calls++;
    hooks->lost_calls += lost;
    for (size_t i = 0; i < count; i++) {
        hooks->is_mine[partitions[i]] = false;
    }
}

static UNUSED_HELPER struct kafka_consumer *open_consumer(const struct kafka_options *options,
                                                          struct hooks *hooks)
{
    struct kafka_rebalance rebalance = {hook_assigned, hook_revoked, hooks};
    struct kafka_consumer *consumer = NULL;
    struct error err = {0};

    if (kafka_consumer_open(&consumer, options, &rebalance, &err)) {
        fail_msg("%s", err.message);
    }
    hooks->consumer = consumer;
    return consumer;
}

/* The next message within WAIT_MS; NULL when there is none. RETRY is waited out. */
static UNUSED_HELPER struct kafka_message *next_message(struct kafka_consumer *consumer)
{
    int64_t deadline_us = deadline_in_ms(WAIT_MS);
    struct kafka_message *message = NULL;
    struct error err = {0};

    while (!message && !deadline_passed(deadline_us)) {
        enum status status = kafka_consume(consumer, 200, &message, NULL, &err);
        if (status == STATUS_FATAL) {
            fail_msg("%s", err.message);
        }
    }
    return message;
}

/* Polls until the consumer has its first assignment. */
static UNUSED_HELPER void wait_assigned(struct kafka_consumer *consumer, struct hooks *hooks,
                                        int calls)
{
    int64_t deadline_us = deadline_in_ms(WAIT_MS);
    struct kafka_message *message = NULL;
    struct error err = {0};

    while (hooks->assigned_calls < calls && !deadline_passed(deadline_us)) {
        if (kafka_consume(consumer, 100, &message, NULL, &err) == STATUS_OK) {
            kafka_message_close(message);
        }
    }
    assert_true(hooks->assigned_calls >= calls);
}

/* --- transactions ------------------------------------------------------------------------------
 */

static UNUSED_HELPER struct kafka_producer *open_producer(const struct kafka_options *options)
{
    struct kafka_producer *producer = NULL;
    struct error err = {0};

    if (kafka_producer_open(&producer, options, &err)) {
        fail_msg("%s", err.message);
    }
    return producer;
}

static UNUSED_HELPER enum kafka_verdict
produce_text(struct kafka_producer *producer, const char *key, const char *value, struct error *err)
{
    struct kafka_output output = {
        .topic = OUTPUT_RESULTS,
        .partition = 0,
        .key = text_from(key),
        .value = text_from(value),
        .borrow = true,
    };

    return kafka_transaction_produce(producer, &output, err);
}

/* One transaction with two records and one offset, up to the first verdict that is not GO_ON. */
static UNUSED_HELPER enum kafka_verdict whole_transaction(struct kafka_producer *producer,
                                                          struct kafka_group_metadata *metadata,
                                                          const struct kafka_offset *offset,
                                                          struct error *err)
{
    enum kafka_verdict verdict = kafka_transaction_begin(producer, err);

    if (verdict == KAFKA_GO_ON) {
        verdict = produce_text(producer, "a@b.example", "first", err);
    }
    if (verdict == KAFKA_GO_ON) {
        verdict = produce_text(producer, "a@b.example", "second", err);
    }
    if (verdict == KAFKA_GO_ON && metadata) {
        verdict = kafka_transaction_offsets(producer, offset, 1, metadata, err);
    }
    if (verdict == KAFKA_GO_ON) {
        verdict = kafka_transaction_commit(producer, err);
    }
    return verdict;
}

#endif
