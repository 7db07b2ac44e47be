/* Readers, senders, administrative questions and security against a real broker: what provctl uses.
 */
#include "kafka_live.h"

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
        skip("no KAFKA_SASL_BROKERS, see `tools/stack env`");
    }
    if (open_over_sasl(getenv("KAFKA_SASL_PASSWORD"), &err)) {
        fail_msg("%s", err.message);
    }
    assert_int_equal(open_over_sasl("hunter2", &err), STATUS_RETRY);
    assert_non_null(strstr(err.message, "uthentication"));
    assert_null(strstr(err.message, "hunter2"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        live(keys_lie_where_java_puts_them),
        live(a_record_comes_back_as_it_was_sent),
        live(a_sender_reports_every_record),
        live(topics_are_described_and_made_once),
        live(offsets_are_found_by_time),
        live(a_wrong_password_is_named_as_the_reason_and_not_shown),
    };

    return cmocka_run_group_tests_name("kafka_tools", tests, NULL, NULL);
}
