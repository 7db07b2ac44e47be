/* Topics of each test's own on a real broker, and what is asked of them again and again. The tests
 * are skipped when KAFKA_BROKERS is not set (`. build/stack/env`). */
#ifndef PROVD_TESTS_KAFKA_LIVE_H
#define PROVD_TESTS_KAFKA_LIVE_H

#include "kafka_helpers.h"

#include <unistd.h>

#include "base/arena.h"
#include "wire/kafka_admin.h"
#include "wire/kafka_reader.h"
#include "wire/kafka_sender.h"

#include <librdkafka/rdkafka.h>

enum { PARTITIONS = 3, NAME_MAX_LEN = 96, KEYED_PARTITIONS = 7 };

static UNUSED_HELPER char events[NAME_MAX_LEN], results[NAME_MAX_LEN], keyed[NAME_MAX_LEN];
static char group[NAME_MAX_LEN], slot[NAME_MAX_LEN];
static struct kafka_options options;
static struct arena arena;
static UNUSED_HELPER int topic_number;

/* --- fixture -----------------------------------------------------------------------------------
 */

static UNUSED_HELPER bool has_broker(void)
{
    return getenv("KAFKA_BROKERS") != NULL;
}

/* The brokers say that a topic is made before they all know it. */
static UNUSED_HELPER void wait_known(struct kafka_admin *admin)
{
    const char *names[] = {events, results, keyed};
    struct kafka_topic topics[3] = {{.exists = false}};
    struct error err = {0};
    int64_t deadline_us = deadline_in_ms(WAIT_MS);
    bool known = false;

    while (!known && !deadline_passed(deadline_us)) {
        arena_reset(&arena);
        assert_int_equal(
            kafka_admin_describe_topics(admin, names, 3, WAIT_MS, &arena, topics, &err), STATUS_OK);
        known = true;
        for (int i = 0; i < 3; i++) {
            known &= topics[i].exists && !topics[i].has_leaderless && topics[i].in_sync_min == 1;
        }
    }
    assert_true(known);
}

static UNUSED_HELPER void make_topics(void)
{
    struct kafka_property settings[] = {{"retention.ms", "3600000"}, {NULL, NULL}};
    struct kafka_new_topic topics[] = {{events, PARTITIONS, 1, settings},
                                       {results, PARTITIONS, 1, NULL},
                                       {keyed, KEYED_PARTITIONS, 1, NULL}};
    struct error errors[3], err = {0};
    struct kafka_admin *admin = NULL;

    assert_int_equal(kafka_admin_open(&admin, &options, &err), STATUS_OK);
    if (kafka_admin_create_topics(admin, topics, 3, false, WAIT_MS, errors, &err)) {
        fail_msg("%s", err.message);
    }
    wait_known(admin);
    kafka_admin_close(admin);
}

/* Topics, group and slot of each test's own. */
static UNUSED_HELPER int set_up(void **state)
{
    char stem[NAME_MAX_LEN / 2];

    (void)state;
    if (!has_broker()) {
        return 0;
    }
    snprintf(stem, sizeof(stem), "unit-live-%d-%lld-%d", (int)getpid(),
             (long long)(clock_now_us() / 1000), topic_number++);
    snprintf(events, sizeof(events), "%s.events", stem);
    snprintf(results, sizeof(results), "%s.results", stem);
    snprintf(keyed, sizeof(keyed), "%s.keyed", stem);
    snprintf(group, sizeof(group), "%s.group", stem);
    snprintf(slot, sizeof(slot), "%s.slot-0", stem);
    options = (struct kafka_options){
        .brokers = getenv("KAFKA_BROKERS"),
        .client_id = "unit-live",
        .group_id = group,
        .transactional_id = slot,
        .events_topic = events,
        .results_topic = results,
        .changes_topic = keyed,
        .transaction_timeout_ms = 10000,
        .session_timeout_ms = 6000,
        .fetch_memory_bytes_max = 64 << 20,
        .outputs_per_batch_max = 5000,
        .output_bytes_max = 1000000,
    };
    arena_init(&arena, 16 << 20, 1 << 20);
    make_topics();
    return 0;
}

/* The worker has no function for this, and shall have none. */
static UNUSED_HELPER void delete_topics(void)
{
    char why[256];
    const char *names[] = {events, results, keyed};
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_DeleteTopic_t *topics[3];
    rd_kafka_t *rk;
    rd_kafka_queue_t *answers;

    rd_kafka_conf_set(conf, "bootstrap.servers", options.brokers, why, sizeof(why));
    rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof(why));
    assert_non_null(rk);
    answers = rd_kafka_queue_new(rk);
    for (int i = 0; i < 3; i++) {
        topics[i] = rd_kafka_DeleteTopic_new(names[i]);
    }
    rd_kafka_DeleteTopics(rk, topics, 3, NULL, answers);
    rd_kafka_event_t *event = rd_kafka_queue_poll(answers, WAIT_MS);
    assert_non_null(event);
    rd_kafka_event_destroy(event);
    rd_kafka_DeleteTopic_destroy_array(topics, 3);
    rd_kafka_queue_destroy(answers);
    rd_kafka_destroy(rk);
}

static UNUSED_HELPER int tear_down(void **state)
{
    (void)state;
    if (has_broker()) {
        delete_topics();
        arena_close(&arena);
    }
    return 0;
}

#define NEED_BROKER()                                                                              \
    do {                                                                                           \
        if (!has_broker()) {                                                                       \
            skip("no KAFKA_BROKERS, see `tools/stack env`");                                       \
        }                                                                                          \
    } while (0)

static UNUSED_HELPER void send_events(int32_t partition, int count)
{
    struct kafka_sender *sender = NULL;
    struct error err = {0};

    assert_int_equal(kafka_sender_open(&sender, &options, events, NULL, NULL, &err), STATUS_OK);
    for (int i = 0; i < count; i++) {
        struct kafka_record record = {
            .partition = partition, .key = TEXT("k"), .value = TEXT("event")};
        assert_int_equal(kafka_sender_send(sender, &record, NULL, WAIT_MS, &err), STATUS_OK);
    }
    assert_int_equal(kafka_sender_flush(sender, WAIT_MS, &err), STATUS_OK);
    kafka_sender_close(sender);
}

/* How many records a read_committed reader sees in the whole topic now. */
static UNUSED_HELPER int count_records(const char *topic, int32_t partitions)
{
    struct kafka_range ranges[PARTITIONS_MAX];
    struct kafka_reader *reader = NULL;
    struct kafka_message *message;
    struct error err = {0};
    int count = 0;
    int64_t deadline_us = deadline_in_ms(WAIT_MS);

    for (int32_t p = 0; p < partitions; p++) {
        ranges[p] = (struct kafka_range){p, KAFKA_FROM_START, KAFKA_TO_END};
    }
    assert_int_equal(
        kafka_reader_open(&reader, &options, topic, ranges, (size_t)partitions, WAIT_MS, &err),
        STATUS_OK);
    while (!kafka_reader_is_done(reader) && !deadline_passed(deadline_us)) {
        if (kafka_reader_next(reader, 1000, &message, &err) == STATUS_OK && message) {
            kafka_message_close(message);
            count++;
        }
    }
    assert_true(kafka_reader_is_done(reader));
    kafka_reader_close(reader);
    return count;
}

/* A commit returns before its markers lie in every partition. */
static UNUSED_HELPER void wait_records(const char *topic, int32_t partitions, int expected)
{
    int64_t deadline_us = deadline_in_ms(WAIT_MS);
    int count = count_records(topic, partitions);

    while (count < expected && !deadline_passed(deadline_us)) {
        count = count_records(topic, partitions);
    }
    assert_int_equal(count, expected);
}

static UNUSED_HELPER void wait_high(struct kafka_consumer *consumer, int64_t expected)
{
    int64_t deadline_us = deadline_in_ms(WAIT_MS);
    int64_t low = -1, high = -1;
    struct error err = {0};

    while (high != expected && !deadline_passed(deadline_us)) {
        assert_int_equal(kafka_watermarks(consumer, 0, WAIT_MS, &low, &high, &err), STATUS_OK);
    }
    assert_int_equal(low, 0);
    assert_int_equal(high, expected);
}

static UNUSED_HELPER int64_t committed_offset(int32_t partition)
{
    struct kafka_partition at = {partition, -2};
    struct kafka_admin *admin = NULL;
    struct error err = {0};
    int64_t deadline_us = deadline_in_ms(WAIT_MS);
    enum status status = STATUS_RETRY;

    assert_int_equal(kafka_admin_open(&admin, &options, &err), STATUS_OK);
    while (status == STATUS_RETRY && !deadline_passed(deadline_us)) {
        status = kafka_admin_committed(admin, group, events, &at, 1, WAIT_MS, &err);
    }
    if (status) {
        fail_msg("%s", err.message);
    }
    kafka_admin_close(admin);
    return at.start_offset;
}

#define live(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

#endif
