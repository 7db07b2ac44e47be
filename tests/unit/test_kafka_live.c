/* Transactions, fencing, rebalances and readers against a real broker. Skipped when KAFKA_BROKERS
 * is not set (`. build/stack/env`). */
#include "kafka_helpers.h"

#include <unistd.h>

#include "base/arena.h"
#include "wire/kafka_admin.h"
#include "wire/kafka_reader.h"
#include "wire/kafka_sender.h"

enum { PARTITIONS = 3, NAME_MAX_LEN = 96, KEYED_PARTITIONS = 7 };

static char events[NAME_MAX_LEN], results[NAME_MAX_LEN], keyed[NAME_MAX_LEN];
static char group[NAME_MAX_LEN], slot[NAME_MAX_LEN];
static struct kafka_options options;
static struct arena arena;
static int topic_number;

/* --- fixture -----------------------------------------------------------------------------------
 */

static bool has_broker(void)
{
    return getenv("KAFKA_BROKERS") != NULL;
}

/* The brokers say that a topic is made before they all know it. */
static void wait_known(struct kafka_admin *admin)
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

static void make_topics(void)
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
static int set_up(void **state)
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

static int tear_down(void **state)
{
    (void)state;
    arena_close(&arena);
    return 0;
}

#define NEED_BROKER()                                                                              \
    do {                                                                                           \
        if (!has_broker()) {                                                                       \
            skip();                                                                                \
        }                                                                                          \
    } while (0)

static void send_events(int32_t partition, int count)
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
static int count_records(const char *topic, int32_t partitions)
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
static void wait_records(const char *topic, int32_t partitions, int expected)
{
    int64_t deadline_us = deadline_in_ms(WAIT_MS);
    int count = count_records(topic, partitions);

    while (count < expected && !deadline_passed(deadline_us)) {
        count = count_records(topic, partitions);
    }
    assert_int_equal(count, expected);
}

static void wait_high(struct kafka_consumer *consumer, int64_t expected)
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

static int64_t committed_offset(int32_t partition)
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

static struct kafka_group_metadata *take_metadata(struct kafka_consumer *consumer)
{
    struct kafka_group_metadata *metadata = NULL;
    struct error err = {0};

    if (kafka_group_metadata(consumer, &metadata, &err)) {
        fail_msg("%s", err.message);
    }
    return metadata;
}

/* --- transactions ------------------------------------------------------------------------------
 */

static void a_commit_shows_results_and_offsets_together_and_an_abort_shows_nothing(void **state)
{
    struct hooks hooks = {.start_at_committed = true};
    struct kafka_consumer *consumer;
    struct kafka_producer *producer;
    struct kafka_group_metadata *metadata;
    struct kafka_offset offset = {0, 2};
    struct error err = {0};

    (void)state;
    NEED_BROKER();
    send_events(0, 2);
    consumer = open_consumer(&options, &hooks);
    producer = open_producer(&options);
    wait_assigned(consumer, &hooks, 1);
    metadata = take_metadata(consumer);

    assert_int_equal(kafka_transaction_begin(producer, &err), KAFKA_GO_ON);
    assert_int_equal(produce_text(producer, "k", "unseen", &err), KAFKA_GO_ON);
    assert_int_equal(kafka_transaction_offsets(producer, &offset, 1, metadata, &err), KAFKA_GO_ON);
    assert_int_equal(kafka_transaction_abort(producer, &err), KAFKA_GO_ON);
    wait_records(results, PARTITIONS, 0);
    assert_int_equal(committed_offset(0), -1);

    assert_int_equal(whole_transaction(producer, metadata, &offset, &err), KAFKA_GO_ON);
    wait_records(results, PARTITIONS, 2);
    assert_int_equal(committed_offset(0), 2);
    kafka_group_metadata_close(metadata);
    kafka_producer_close(producer);
    kafka_consumer_close(consumer);
}

static void a_second_producer_of_the_same_slot_fences_the_first(void **state)
{
    struct kafka_producer *first, *second;
    struct error err = {0};
    enum kafka_verdict verdict;

    (void)state;
    NEED_BROKER();
    first = open_producer(&options);
    assert_int_equal(whole_transaction(first, NULL, NULL, &err), KAFKA_GO_ON);
    assert_int_equal(kafka_transaction_begin(first, &err), KAFKA_GO_ON);
    assert_int_equal(produce_text(first, "k", "of a zombie", &err), KAFKA_GO_ON);
    second = open_producer(&options);
    assert_int_equal(whole_transaction(second, NULL, NULL, &err), KAFKA_GO_ON);

    verdict = kafka_transaction_commit(first, &err);
    assert_true(verdict == KAFKA_RECYCLE || verdict == KAFKA_IN_DOUBT);
    kafka_producer_close(first);
    wait_records(results, PARTITIONS, 4);

    /* The fenced one comes back with a new producer, as its verdict says, and fences in turn. */
    first = open_producer(&options);
    assert_int_equal(whole_transaction(first, NULL, NULL, &err), KAFKA_GO_ON);
    verdict = whole_transaction(second, NULL, NULL, &err);
    assert_true(verdict == KAFKA_RECYCLE || verdict == KAFKA_IN_DOUBT);
    kafka_producer_close(first);
    kafka_producer_close(second);
    wait_records(results, PARTITIONS, 6);
}

static void a_successor_aborts_what_its_predecessor_left_open(void **state)
{
    struct kafka_producer *dead, *successor;
    struct error err = {0};

    (void)state;
    NEED_BROKER();
    dead = open_producer(&options);
    assert_int_equal(kafka_transaction_begin(dead, &err), KAFKA_GO_ON);
    assert_int_equal(produce_text(dead, "k", "left open", &err), KAFKA_GO_ON);
    for (int i = 0; i < 50; i++) { /* let it reach the broker */
        kafka_producer_poll(dead);
        clock_sleep_ms(10);
    }
    kafka_producer_close(dead);
    successor = open_producer(&options);
    assert_int_equal(whole_transaction(successor, NULL, NULL, &err), KAFKA_GO_ON);
    wait_records(results, PARTITIONS, 2);
    kafka_producer_close(successor);
}

static void a_stale_generation_can_commit_nothing(void **state)
{
    struct hooks hooks_a = {.start_at_committed = true}, hooks_b = {.start_at_committed = true};
    struct kafka_consumer *a, *b;
    struct kafka_producer *producer;
    struct kafka_group_metadata *stale, *fresh;
    struct kafka_message *message = NULL;
    struct kafka_offset offset = {0, 1};
    struct error err = {0};
    int64_t deadline_us = deadline_in_ms(WAIT_MS);

    (void)state;
    NEED_BROKER();
    send_events(0, 1);
    a = open_consumer(&options, &hooks_a);
    assert_int_equal(kafka_group_metadata(a, &stale, &err), STATUS_RETRY);
    assert_string_equal(err.code, "NOT_IN_GROUP");
    wait_assigned(a, &hooks_a, 1);
    stale = take_metadata(a);
    b = open_consumer(&options, &hooks_b);
    while ((hooks_a.assigned_calls < 2 || hooks_b.assigned_calls < 1) &&
           !deadline_passed(deadline_us)) {
        struct kafka_consumer *both[] = {a, b};
        for (int i = 0; i < 2; i++) {
            if (kafka_consume(both[i], 50, &message, NULL, &err) == STATUS_OK) {
                kafka_message_close(message);
            }
        }
    }
    assert_int_equal(hooks_a.assigned_calls, 2);
    assert_int_equal(hooks_a.revoked_calls, 1);
    assert_int_equal(hooks_a.lost_calls, 0);

    producer = open_producer(&options);
    assert_int_equal(whole_transaction(producer, stale, &offset, &err), KAFKA_FENCED);
    assert_string_equal(err.code, "ILLEGAL_GENERATION");
    assert_int_equal(kafka_transaction_abort(producer, &err), KAFKA_GO_ON);
    wait_records(results, PARTITIONS, 0);
    assert_int_equal(committed_offset(0), -1);

    fresh = take_metadata(a);
    assert_int_equal(whole_transaction(producer, fresh, &offset, &err), KAFKA_GO_ON);
    assert_int_equal(committed_offset(0), 1);
    kafka_group_metadata_close(stale);
    kafka_group_metadata_close(fresh);
    kafka_producer_close(producer);
    kafka_consumer_close(a);
    kafka_consumer_close(b);
}

static void keys_lie_where_java_puts_them(void **state)
{
    /* murmur2 of these keys, from the tests of Kafka's own client. */
    static const struct {
        const char *key;
        int32_t hash;
    } known[] = {
        {"21", -973932308},
        {"foobar", -790332482},
        {"a-little-bit-long-string", -985981536},
        {"a-little-bit-longer-string", -1486304829},
        {"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971},
        {"", 275646681},
        {NULL, 275646681}, /* ours: a null key counts as an empty one */
    };
    enum { KNOWN = sizeof(known) / sizeof(known[0]) };
    struct kafka_producer *producer;
    struct error err = {0};
    int expected[KEYED_PARTITIONS] = {0};

    (void)state;
    NEED_BROKER();
    producer = open_producer(&options);
    assert_int_equal(kafka_transaction_begin(producer, &err), KAFKA_GO_ON);
    for (int i = 0; i < KNOWN; i++) {
        struct kafka_output output = {.topic = OUTPUT_CHANGES,
                                      .partition = -1,
                                      .key = text_from(known[i].key),
                                      .value = TEXT("v")};
        assert_int_equal(kafka_transaction_produce(producer, &output, &err), KAFKA_GO_ON);
        expected[(known[i].hash & 0x7fffffff) % KEYED_PARTITIONS]++;
    }
    assert_int_equal(kafka_transaction_commit(producer, &err), KAFKA_GO_ON);
    kafka_producer_close(producer);
    wait_records(keyed, KEYED_PARTITIONS, KNOWN);
    for (int32_t p = 0; p < KEYED_PARTITIONS; p++) {
        struct kafka_range range = {p, KAFKA_FROM_START, KAFKA_TO_END};
        struct kafka_reader *reader = NULL;
        struct kafka_message *message = NULL;
        int count = 0;
        assert_int_equal(kafka_reader_open(&reader, &options, keyed, &range, 1, WAIT_MS, &err),
                         STATUS_OK);
        while (!kafka_reader_is_done(reader)) {
            assert_int_equal(kafka_reader_next(reader, WAIT_MS, &message, &err), STATUS_OK);
            count += message != NULL;
            kafka_message_close(message);
        }
        kafka_reader_close(reader);
        assert_int_equal(count, expected[p]);
    }
}

static void a_record_comes_back_as_it_was_sent(void **state)
{
    static const char name_bytes[] = {'n', 'a', 'm', 'e', 'X'};
    struct kafka_header headers[] = {
        {{name_bytes, 4}, TEXT("one")},
        {TEXT("name"), {"two\0bytes", 9}},
        {TEXT("null"), TEXT_NULL},
        {TEXT("empty"), TEXT("")},
    };
    struct kafka_output output = {.topic = OUTPUT_RESULTS,
                                  .partition = 1,
                                  .key = TEXT_NULL,
                                  .value = TEXT_NULL,
                                  .timestamp_ms = 1700000000123,
                                  .headers = headers,
                                  .header_count = 4};
    struct kafka_range range = {1, 0, 1};
    struct kafka_reader *reader = NULL;
    struct kafka_message *message = NULL;
    struct kafka_producer *producer;
    struct text name, value;
    struct error err = {0};

    (void)state;
    NEED_BROKER();
    producer = open_producer(&options);
    assert_int_equal(kafka_transaction_begin(producer, &err), KAFKA_GO_ON);
    assert_int_equal(kafka_transaction_produce(producer, &output, &err), KAFKA_GO_ON);
    assert_int_equal(kafka_transaction_commit(producer, &err), KAFKA_GO_ON);
    kafka_producer_close(producer);

    assert_int_equal(kafka_reader_open(&reader, &options, results, &range, 1, WAIT_MS, &err),
                     STATUS_OK);
    assert_int_equal(kafka_reader_next(reader, WAIT_MS, &message, &err), STATUS_OK);
    assert_non_null(message);
    assert_int_equal(kafka_message_partition(message), 1);
    assert_int_equal(kafka_message_timestamp_ms(message), 1700000000123);
    assert_true(text_is_null(kafka_message_key(message)));
    assert_true(text_is_null(kafka_message_value(message)));
    assert_int_equal(kafka_message_header_count(message), 4);
    assert_true(kafka_message_header(message, 0, &name, &value));
    assert_true(text_equal_z(name, "name"));
    assert_true(text_equal_z(value, "one"));
    assert_true(kafka_message_header_named(message, "name", &value));
    assert_int_equal(value.len, 9);
    assert_memory_equal(value.data, "two\0bytes", 9);
    assert_true(kafka_message_header_named(message, "null", &value));
    assert_true(text_is_null(value));
    assert_true(kafka_message_header_named(message, "empty", &value));
    assert_false(text_is_null(value));
    assert_int_equal(value.len, 0);
    assert_false(kafka_message_header(message, 4, &name, &value));
    assert_false(kafka_message_header_named(message, "absent", &value));
    kafka_message_close(message);
    assert_true(kafka_reader_is_done(reader));
    kafka_reader_close(reader);
}

/* --- ends of the log ---------------------------------------------------------------------------
 */

/* Offsets 0 and 1 are records, 2 is the marker of their commit, 3 is aborted, 4 its marker. */
static void make_control_records(struct kafka_producer *producer)
{
    struct error err = {0};

    assert_int_equal(whole_transaction(producer, NULL, NULL, &err), KAFKA_GO_ON);
    assert_int_equal(kafka_transaction_begin(producer, &err), KAFKA_GO_ON);
    assert_int_equal(produce_text(producer, "k", "aborted", &err), KAFKA_GO_ON);
    assert_int_equal(kafka_transaction_abort(producer, &err), KAFKA_GO_ON);
}

static void control_and_aborted_records_are_no_records(void **state)
{
    struct hooks hooks = {.start = {0, -1, -1}};
    struct kafka_options reading = options;
    struct kafka_consumer *consumer;
    struct kafka_producer *producer;
    struct kafka_message *message = NULL;
    struct error err = {0};
    int64_t low = -1, high = -1;
    bool has = true;

    (void)state;
    NEED_BROKER();
    reading = options;
    reading.events_topic = results;
    producer = open_producer(&options);
    make_control_records(producer);
    consumer = open_consumer(&reading, &hooks);

    wait_high(consumer, 5);
    assert_int_equal(kafka_range_has_records(consumer, 0, 2, 5, WAIT_MS, &has, &err), STATUS_OK);
    assert_false(has);
    assert_int_equal(kafka_range_has_records(consumer, 0, 2, 3, WAIT_MS, &has, &err), STATUS_OK);
    assert_false(has);
    assert_int_equal(kafka_range_has_records(consumer, 0, 1, 5, WAIT_MS, &has, &err), STATUS_OK);
    assert_true(has);
    assert_int_equal(kafka_range_has_records(consumer, 0, 5, 5, WAIT_MS, &has, &err), STATUS_OK);
    assert_false(has);
    assert_int_equal(kafka_range_has_records(consumer, 0, 900, 901, WAIT_MS, &has, &err),
                     STATUS_FATAL);
    assert_string_equal(err.code, "_AUTO_OFFSET_RESET");

    /* An open transaction holds the end back for a read_committed reader. */
    assert_int_equal(kafka_transaction_begin(producer, &err), KAFKA_GO_ON);
    assert_int_equal(produce_text(producer, "k", "open", &err), KAFKA_GO_ON);
    clock_sleep_ms(300);
    assert_int_equal(kafka_watermarks(consumer, 0, WAIT_MS, &low, &high, &err), STATUS_OK);
    assert_int_equal(high, 5);
    assert_int_equal(kafka_transaction_abort(producer, &err), KAFKA_GO_ON);

    /* When both records are read there is no lag, though the log goes on behind them. */
    for (int64_t offset = 0; offset < 2; offset++) {
        message = next_message(consumer);
        assert_non_null(message);
        assert_int_equal(kafka_message_offset(message), offset);
        kafka_message_close(message);
    }
    int64_t deadline_us = deadline_in_ms(WAIT_MS);
    while (high != 2 && !deadline_passed(deadline_us)) {
        assert_int_equal(kafka_consume(consumer, 100, &message, NULL, &err), STATUS_OK);
        assert_null(message);
        assert_true(kafka_watermarks_cached(consumer, 0, &low, &high));
    }
    assert_int_equal(high, 2);
    kafka_consumer_close(consumer);
    kafka_producer_close(producer);
}

/* --- the group ---------------------------------------------------------------------------------
 */

static int owned_count(const struct hooks *hooks)
{
    int count = 0;

    for (int p = 0; p < PARTITIONS; p++) {
        count += hooks->is_mine[p];
    }
    return count;
}

static void every_partition_has_one_owner_when_members_come_and_go(void **state)
{
    struct hooks hooks_a = {.start_at_committed = true}, hooks_b = {.start_at_committed = true};
    struct kafka_consumer *a, *b;
    struct kafka_message *message = NULL;
    struct kafka_admin *admin = NULL;
    struct kafka_group described;
    struct error err = {0};
    int64_t deadline_us = deadline_in_ms(WAIT_MS);

    (void)state;
    NEED_BROKER();
    a = open_consumer(&options, &hooks_a);
    wait_assigned(a, &hooks_a, 1);
    assert_int_equal(owned_count(&hooks_a), PARTITIONS);
    b = open_consumer(&options, &hooks_b);
    while ((owned_count(&hooks_a) == PARTITIONS || owned_count(&hooks_b) == 0 ||
            owned_count(&hooks_a) == 0) &&
           !deadline_passed(deadline_us)) {
        kafka_consume(a, 50, &message, NULL, &err);
        kafka_consume(b, 50, &message, NULL, &err);
    }
    assert_int_equal(owned_count(&hooks_a) + owned_count(&hooks_b), PARTITIONS);
    for (int p = 0; p < PARTITIONS; p++) {
        assert_true(hooks_a.is_mine[p] != hooks_b.is_mine[p]);
    }
    assert_int_equal(kafka_admin_open(&admin, &options, &err), STATUS_OK);
    assert_int_equal(kafka_admin_group(admin, group, WAIT_MS, &arena, &described, &err), STATUS_OK);
    assert_int_equal(described.member_count, 2);
    kafka_admin_close(admin);

    kafka_consumer_close(b);
    deadline_us = deadline_in_ms(WAIT_MS);
    while (owned_count(&hooks_a) < PARTITIONS && !deadline_passed(deadline_us)) {
        kafka_consume(a, 50, &message, NULL, &err);
    }
    assert_int_equal(owned_count(&hooks_a), PARTITIONS);
    kafka_consumer_close(a);
}

static void a_batch_that_took_too_long_loses_its_partitions_and_gets_them_again(void **state)
{
    struct kafka_property properties[] = {{"max.poll.interval.ms", "6000"}, {NULL, NULL}};
    struct hooks hooks = {.start_at_committed = true};
    struct kafka_options hurried = options;
    struct kafka_consumer *consumer;
    struct kafka_producer *producer;
    struct kafka_group_metadata *metadata;
    struct kafka_message *message = NULL;
    struct kafka_offset offset = {0, 1};
    struct error err = {0};
    bool was_told = false;
    int64_t deadline_us;

    (void)state;
    NEED_BROKER();
    hurried = options;
    hurried.consumer = properties;
    send_events(0, 1);
    consumer = open_consumer(&hurried, &hooks);
    message = next_message(consumer);
    assert_non_null(message);
    kafka_message_close(message);
    metadata = take_metadata(consumer);
    clock_sleep_ms(8000); /* longer than the interval: there is no event to wait for */

    producer = open_producer(&options);
    assert_int_equal(whole_transaction(producer, metadata, &offset, &err), KAFKA_FENCED);
    assert_int_equal(kafka_transaction_abort(producer, &err), KAFKA_GO_ON);
    kafka_group_metadata_close(metadata);
    deadline_us = deadline_in_ms(WAIT_MS);
    message = NULL;
    while (!message && !deadline_passed(deadline_us)) {
        if (kafka_consume(consumer, 100, &message, NULL, &err) == STATUS_RETRY) {
            was_told |= strcmp(err.code, "_MAX_POLL_EXCEEDED") == 0;
        }
    }
    assert_true(was_told);
    assert_non_null(message); /* the same event again: its offset was not committed */
    assert_int_equal(kafka_message_offset(message), 0);
    kafka_message_close(message);
    assert_int_equal(hooks.lost_calls, 1);
    assert_int_equal(hooks.assigned_calls, 2);
    metadata = take_metadata(consumer);
    assert_int_equal(whole_transaction(producer, metadata, &offset, &err), KAFKA_GO_ON);
    kafka_group_metadata_close(metadata);
    kafka_producer_close(producer);
    kafka_consumer_close(consumer);
}

static void a_restart_reads_again_from_where_it_is_told(void **state)
{
    enum { EVENTS = 500, TAKEN = 100 };
    struct hooks hooks = {.start = {0, 0, 0}};
    struct kafka_consumer *consumer;
    struct kafka_message *message;
    struct error err = {0};

    (void)state;
    NEED_BROKER();
    send_events(0, EVENTS);
    consumer = open_consumer(&options, &hooks);
    for (int round = 0; round < 5; round++) {
        int64_t from = 7 * round;
        for (int64_t offset = from; offset < from + TAKEN; offset++) {
            message = next_message(consumer);
            assert_non_null(message);
            assert_int_equal(kafka_message_offset(message), offset);
            kafka_message_close(message);
        }
        hooks.start[0] = 7 * (round + 1);
        assert_int_equal(kafka_consumer_restart(consumer, &err), STATUS_OK);
    }
    for (int64_t offset = hooks.start[0]; offset < EVENTS; offset++) {
        message = next_message(consumer);
        assert_non_null(message);
        assert_int_equal(kafka_message_offset(message), offset);
        kafka_message_close(message);
    }
    assert_int_equal(hooks.revoked_calls, 0);
    kafka_consumer_close(consumer);
}

/* --- sender and admin --------------------------------------------------------------------------
 */

struct deliveries {
    int count, failed;
    int64_t tag_sum, last_offset;
};

static void note_delivery(void *opaque, void *tag, enum status status, int32_t partition,
                          int64_t offset, const struct error *err)
{
    struct deliveries *deliveries = opaque;

    (void)partition;
    (void)err;
    deliveries->count++;
    deliveries->failed += status != STATUS_OK;
    deliveries->tag_sum += (int64_t)(intptr_t)tag;
    deliveries->last_offset = offset;
}

static void a_sender_reports_every_record(void **state)
{
    struct deliveries deliveries = {0};
    struct kafka_sender *sender = NULL;
    struct error err = {0};
    struct kafka_record nowhere = {.partition = 99, .value = TEXT("v")};

    (void)state;
    NEED_BROKER();
    assert_int_equal(kafka_sender_open(&sender, &options, events, note_delivery, &deliveries, &err),
                     STATUS_OK);
    for (int i = 1; i <= 100; i++) {
        struct kafka_record record = {.partition = 2, .key = TEXT("k"), .value = TEXT("v")};
        assert_int_equal(kafka_sender_send(sender, &record, (void *)(intptr_t)i, WAIT_MS, &err),
                         STATUS_OK);
    }
    assert_int_equal(kafka_sender_flush(sender, WAIT_MS, &err), STATUS_OK);
    assert_int_equal(deliveries.count, 100);
    assert_int_equal(deliveries.failed, 0);
    assert_int_equal(deliveries.tag_sum, 5050);
    assert_int_equal(deliveries.last_offset, 99);
    assert_int_equal(kafka_sender_send(sender, &nowhere, NULL, WAIT_MS, &err), STATUS_FATAL);
    assert_non_null(strstr(err.message, events));
    kafka_sender_close(sender);
}

static void topics_are_described_and_made_once(void **state)
{
    const char *names[] = {events, "no-such-topic-anywhere", results};
    struct kafka_topic topics[3];
    struct kafka_new_topic again = {events, PARTITIONS, 1, NULL};
    struct kafka_admin *admin = NULL;
    struct error errors[1], err = {0};
    struct text id;
    bool saw_retention = false;

    (void)state;
    NEED_BROKER();
    assert_int_equal(kafka_admin_open(&admin, &options, &err), STATUS_OK);
    assert_int_equal(kafka_admin_cluster_id(admin, WAIT_MS, &arena, &id, &err), STATUS_OK);
    assert_true(id.len > 0);
    assert_int_equal(kafka_admin_describe_topics(admin, names, 3, WAIT_MS, &arena, topics, &err),
                     STATUS_OK);
    assert_true(topics[0].exists && topics[2].exists);
    assert_false(topics[1].exists);
    assert_int_equal(topics[0].partition_count, PARTITIONS);
    assert_int_equal(topics[0].replication_factor, 1);
    assert_false(topics[0].has_leaderless);
    assert_int_equal(kafka_admin_topic_settings(admin, WAIT_MS, &arena, &topics[0], &err),
                     STATUS_OK);
    for (size_t i = 0; i < topics[0].setting_count; i++) {
        const struct kafka_topic_setting *setting = &topics[0].settings[i];
        if (text_equal_z(setting->name, "retention.ms")) {
            saw_retention = true;
            assert_true(text_equal_z(setting->value, "3600000"));
            assert_false(setting->is_default);
        } else {
            assert_true(setting->is_default);
        }
    }
    assert_true(saw_retention);
    assert_int_equal(kafka_admin_create_topics(admin, &again, 1, false, WAIT_MS, errors, &err),
                     STATUS_RETRY);
    assert_string_equal(errors[0].code, "TOPIC_ALREADY_EXISTS");
    kafka_admin_close(admin);
}

static void offsets_are_found_by_time(void **state)
{
    struct kafka_range ranges[] = {{0, 0, 0}, {1, 0, 0}};
    struct kafka_sender *sender = NULL;
    struct error err = {0};

    (void)state;
    NEED_BROKER();
    assert_int_equal(kafka_sender_open(&sender, &options, events, NULL, NULL, &err), STATUS_OK);
    for (int i = 0; i < 10; i++) {
        struct kafka_record record = {
            .partition = 0, .value = TEXT("v"), .timestamp_ms = 1700000000000 + i * 1000};
        assert_int_equal(kafka_sender_send(sender, &record, NULL, WAIT_MS, &err), STATUS_OK);
    }
    assert_int_equal(kafka_sender_flush(sender, WAIT_MS, &err), STATUS_OK);
    kafka_sender_close(sender);
    if (kafka_reader_seek_times(&options, events, ranges, 2, 1700000004500, WAIT_MS, &err)) {
        fail_msg("%s", err.message);
    }
    assert_int_equal(ranges[0].from, 5);
    assert_int_equal(ranges[1].from, KAFKA_FROM_END);
}

/* --- security ----------------------------------------------------------------------------------
 */

static enum status open_over_sasl(const char *password, struct error *err)
{
    struct kafka_property properties[] = {
        {"security.protocol", "SASL_SSL"},
        {"sasl.mechanism", "PLAIN"},
        {"sasl.username", getenv("KAFKA_SASL_USERNAME")},
        {"sasl.password", password},
        {"ssl.ca.location", getenv("STACK_CA")},
        {NULL, NULL},
    };
    struct kafka_options secure = options;
    struct kafka_producer *producer = NULL;
    enum status status;

    secure.brokers = getenv("KAFKA_SASL_BROKERS");
    secure.client = properties;
    secure.transaction_timeout_ms = 3000;
    status = kafka_producer_open(&producer, &secure, err);
    if (!status) {
        assert_int_equal(whole_transaction(producer, NULL, NULL, err), KAFKA_GO_ON);
        kafka_producer_close(producer);
    }
    return status;
}

static void a_wrong_password_is_named_as_the_reason_and_not_shown(void **state)
{
    struct error err = {0};

    (void)state;
    NEED_BROKER();
    if (!getenv("KAFKA_SASL_BROKERS")) {
        skip();
    }
    if (open_over_sasl(getenv("KAFKA_SASL_PASSWORD"), &err)) {
        fail_msg("%s", err.message);
    }
    assert_int_equal(open_over_sasl("hunter2", &err), STATUS_RETRY);
    assert_non_null(strstr(err.message, "uthentication"));
    assert_null(strstr(err.message, "hunter2"));
}

#define live(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        live(a_commit_shows_results_and_offsets_together_and_an_abort_shows_nothing),
        live(a_second_producer_of_the_same_slot_fences_the_first),
        live(a_successor_aborts_what_its_predecessor_left_open),
        live(a_stale_generation_can_commit_nothing),
        live(keys_lie_where_java_puts_them),
        live(a_record_comes_back_as_it_was_sent),
        live(control_and_aborted_records_are_no_records),
        live(every_partition_has_one_owner_when_members_come_and_go),
        live(a_batch_that_took_too_long_loses_its_partitions_and_gets_them_again),
        live(a_restart_reads_again_from_where_it_is_told),
        live(a_sender_reports_every_record),
        live(topics_are_described_and_made_once),
        live(offsets_are_found_by_time),
        live(a_wrong_password_is_named_as_the_reason_and_not_shown),
    };

    return cmocka_run_group_tests_name("kafka_live", tests, NULL, NULL);
}
