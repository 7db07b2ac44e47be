/* Errors of every request of a transaction, injected into librdkafka's mock cluster, and what the
 * consumer makes of a bad day. The mock proves nothing about exactly-once (pitfalls.md): that is
 * test_kafka_live.c. */
#include "kafka_helpers.h"

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

/* Numbers of the protocol. */
enum {
    REQUEST_PRODUCE = 0,
    REQUEST_METADATA = 3,
    REQUEST_OFFSET_FETCH = 9,
    REQUEST_HEARTBEAT = 12,
    REQUEST_INIT_PRODUCER_ID = 22,
    REQUEST_ADD_PARTITIONS = 24,
    REQUEST_ADD_OFFSETS = 25,
    REQUEST_END_TXN = 26,
    REQUEST_OFFSET_COMMIT = 28,
    ERRORS_MAX = 4,
    BROKERS = 3,
    PARTITIONS = 4,
    SHORT_TIMEOUT_MS = 2000,
};

static rd_kafka_t *mock_host;
static rd_kafka_mock_cluster_t *mock;
static struct kafka_options options;

static int start_mock(void **state)
{
    char why[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();

    (void)state;
    rd_kafka_conf_set(conf, "log_level", "0", why, sizeof(why));
    mock_host = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof(why));
    assert_non_null(mock_host);
    mock = rd_kafka_mock_cluster_new(mock_host, BROKERS);
    assert_non_null(mock);
    options = (struct kafka_options){
        .brokers = rd_kafka_mock_cluster_bootstraps(mock),
        .client_id = "test",
        .group_id = "mock-group",
        .transactional_id = "mock-slot-0",
        .events_topic = "events",
        .results_topic = "results",
        .transaction_timeout_ms = 10000,
        .session_timeout_ms = 6000,
        .fetch_memory_bytes_max = 16 << 20,
        .outputs_per_batch_max = 1000,
        .output_bytes_max = 1000000,
    };
    rd_kafka_mock_topic_create(mock, "events", PARTITIONS, 1);
    rd_kafka_mock_topic_create(mock, "results", PARTITIONS, 1);
    return 0;
}

static int stop_mock(void **state)
{
    (void)state;
    rd_kafka_mock_cluster_destroy(mock);
    rd_kafka_destroy(mock_host);
    return 0;
}

static void inject(int16_t request, const rd_kafka_resp_err_t *errors, size_t count)
{
    rd_kafka_mock_clear_request_errors(mock, request);
    rd_kafka_mock_push_request_errors_array(mock, request, count, errors);
}

static struct kafka_group_metadata *some_metadata(void)
{
    return (struct kafka_group_metadata *)rd_kafka_consumer_group_metadata_new_with_genid(
        options.group_id, 1, "member", NULL);
}

/* --- verdicts ----------------------------------------------------------------------------------
 */

struct injected {
    const char *story;
    int16_t request;
    rd_kafka_resp_err_t errors[ERRORS_MAX]; /* ended by 0 */
    enum kafka_verdict verdict;
};

static const struct injected injections[] = {
    {"the leader moves twice",
     REQUEST_PRODUCE,
     {RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION, RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION},
     KAFKA_GO_ON},
    {"too few replicas for a moment",
     REQUEST_PRODUCE,
     {RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS},
     KAFKA_GO_ON},
    {"the broker finds a record too large",
     REQUEST_PRODUCE,
     {RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE},
     KAFKA_ABORT},
    {"no right to write to the topic",
     REQUEST_PRODUCE,
     {RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED},
     KAFKA_ABORT},
    {"a successor has the epoch, seen while producing",
     REQUEST_PRODUCE,
     {RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH},
     KAFKA_RECYCLE},
    {"the transaction coordinator moves",
     REQUEST_ADD_PARTITIONS,
     {RD_KAFKA_RESP_ERR_NOT_COORDINATOR, RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE},
     KAFKA_GO_ON},
    {"the markers of the last transaction are not written yet",
     REQUEST_ADD_PARTITIONS,
     {RD_KAFKA_RESP_ERR_CONCURRENT_TRANSACTIONS, RD_KAFKA_RESP_ERR_CONCURRENT_TRANSACTIONS},
     KAFKA_GO_ON},
    {"no right to the transactional id",
     REQUEST_ADD_PARTITIONS,
     {RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED},
     KAFKA_RECYCLE},
    {"fenced by a successor",
     REQUEST_ADD_PARTITIONS,
     {RD_KAFKA_RESP_ERR_PRODUCER_FENCED},
     KAFKA_RECYCLE},
    {"the group coordinator cannot be joined to the transaction yet",
     REQUEST_ADD_OFFSETS,
     {RD_KAFKA_RESP_ERR_CONCURRENT_TRANSACTIONS},
     KAFKA_GO_ON},
    {"no right to the group",
     REQUEST_ADD_OFFSETS,
     {RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED},
     KAFKA_ABORT},
    {"fenced before the offsets",
     REQUEST_ADD_OFFSETS,
     {RD_KAFKA_RESP_ERR_PRODUCER_FENCED},
     KAFKA_RECYCLE},
    {"the group coordinator loads",
     REQUEST_OFFSET_COMMIT,
     {RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS},
     KAFKA_GO_ON},
    {"the connection breaks under the offsets",
     REQUEST_OFFSET_COMMIT,
     {RD_KAFKA_RESP_ERR__TRANSPORT},
     KAFKA_GO_ON},
    {"the group has a new generation",
     REQUEST_OFFSET_COMMIT,
     {RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION},
     KAFKA_FENCED},
    {"the group does not know the member",
     REQUEST_OFFSET_COMMIT,
     {RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID},
     KAFKA_FENCED},
    {"the transaction is in no state for offsets",
     REQUEST_OFFSET_COMMIT,
     {RD_KAFKA_RESP_ERR_INVALID_TXN_STATE},
     KAFKA_RECYCLE},
    {"an error of the offsets that nobody knows",
     REQUEST_OFFSET_COMMIT,
     {RD_KAFKA_RESP_ERR_UNKNOWN},
     KAFKA_ABORT},
    {"the coordinator moves during the commit",
     REQUEST_END_TXN,
     {RD_KAFKA_RESP_ERR_NOT_COORDINATOR, RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS},
     KAFKA_GO_ON},
    {"the answer to the commit is lost and the repetition answered",
     REQUEST_END_TXN,
     {RD_KAFKA_RESP_ERR__TRANSPORT},
     KAFKA_GO_ON},
    {"fenced at the commit: an earlier attempt may have been heard",
     REQUEST_END_TXN,
     {RD_KAFKA_RESP_ERR__TRANSPORT, RD_KAFKA_RESP_ERR_PRODUCER_FENCED},
     KAFKA_IN_DOUBT},
    {"the coordinator has forgotten the producer at the commit",
     REQUEST_END_TXN,
     {RD_KAFKA_RESP_ERR_INVALID_PRODUCER_ID_MAPPING},
     KAFKA_IN_DOUBT},
    {"the state says that it is over, however it ended",
     REQUEST_END_TXN,
     {RD_KAFKA_RESP_ERR_INVALID_TXN_STATE},
     KAFKA_IN_DOUBT},
    {"an error of the commit that nobody knows",
     REQUEST_END_TXN,
     {RD_KAFKA_RESP_ERR_UNKNOWN},
     KAFKA_IN_DOUBT},
};

static size_t count_errors(const struct injected *injected)
{
    size_t count = 0;

    while (count < ERRORS_MAX && injected->errors[count]) {
        count++;
    }
    return count;
}

/* Does what the verdict says; afterwards the same results have to go through. */
static struct kafka_producer *obey(struct kafka_producer *producer, enum kafka_verdict verdict)
{
    struct error err = {0};

    if (verdict == KAFKA_ABORT || verdict == KAFKA_FENCED) {
        verdict = kafka_transaction_abort(producer, &err);
    }
    if (verdict == KAFKA_RECYCLE || verdict == KAFKA_IN_DOUBT) {
        kafka_producer_close(producer);
        producer = open_producer(&options);
    }
    return producer;
}

/* The same results again until they go through, as the lane does. After some errors librdkafka
 * needs a second abort to renew its epoch or its metadata. */
static struct kafka_producer *try_again(struct kafka_producer *producer,
                                        struct kafka_group_metadata *metadata,
                                        enum kafka_verdict verdict, struct error *err)
{
    struct kafka_offset offset = {0, 5};
    int64_t deadline_us = deadline_in_ms(WAIT_MS);

    while (verdict != KAFKA_GO_ON && !deadline_passed(deadline_us)) {
        producer = obey(producer, verdict);
        verdict = whole_transaction(producer, metadata, &offset, err);
    }
    assert_int_equal(verdict, KAFKA_GO_ON);
    return producer;
}

static void every_injected_error_gets_its_verdict_and_a_later_attempt_succeeds(void **state)
{
    struct kafka_group_metadata *metadata = some_metadata();
    struct kafka_offset offset = {0, 5};
    struct kafka_producer *producer = open_producer(&options);
    int failures = 0;

    (void)state;
    for (size_t i = 0; i < sizeof(injections) / sizeof(injections[0]); i++) {
        const struct injected *injected = &injections[i];
        struct error err = {0};
        inject(injected->request, injected->errors, count_errors(injected));
        enum kafka_verdict verdict = whole_transaction(producer, metadata, &offset, &err);
        if (verdict != injected->verdict) {
            print_error("%s: %s instead of %s (%s)\n", injected->story, kafka_verdict_name(verdict),
                        kafka_verdict_name(injected->verdict), err.message);
            failures++;
        }
        bool was_repeated = injected->request == REQUEST_END_TXN &&
                            injected->errors[0] == RD_KAFKA_RESP_ERR__TRANSPORT;
        if (verdict == KAFKA_GO_ON && was_repeated && !kafka_producer_has_echo(producer)) {
            print_error("%s: nobody knows\n", injected->story);
            failures++;
        }
        if (verdict != KAFKA_GO_ON && (err.message[0] == '\0' || err.code[0] == '\0')) {
            print_error("%s: no reason given\n", injected->story);
            failures++;
        }
        rd_kafka_mock_clear_request_errors(mock, injected->request);
        producer = try_again(producer, metadata, verdict, &err);
    }
    kafka_producer_close(producer);
    kafka_group_metadata_close(metadata);
    assert_int_equal(failures, 0);
}

static void a_commit_that_is_never_answered_is_in_doubt(void **state)
{
    struct kafka_options impatient = options;
    struct kafka_producer *producer;
    struct error err = {0};

    (void)state;
    impatient.transaction_timeout_ms = SHORT_TIMEOUT_MS;
    producer = open_producer(&impatient);
    assert_int_equal(whole_transaction(producer, NULL, NULL, &err), KAFKA_GO_ON);
    for (int32_t broker = 1; broker <= BROKERS; broker++) {
        rd_kafka_mock_broker_push_request_error_rtts(
            mock, broker, REQUEST_END_TXN, 3, RD_KAFKA_RESP_ERR_NO_ERROR, 10 * SHORT_TIMEOUT_MS,
            RD_KAFKA_RESP_ERR_NO_ERROR, 10 * SHORT_TIMEOUT_MS, RD_KAFKA_RESP_ERR_NO_ERROR,
            10 * SHORT_TIMEOUT_MS);
    }
    assert_int_equal(whole_transaction(producer, NULL, NULL, &err), KAFKA_IN_DOUBT);
    assert_non_null(strstr(err.message, "commit"));
    kafka_producer_close(producer);
    rd_kafka_mock_clear_request_errors(mock, REQUEST_END_TXN);
}

static void brokers_that_are_away_end_in_an_abort_and_not_in_doubt(void **state)
{
    struct kafka_options impatient = options;
    struct kafka_producer *producer;
    struct error err = {0};
    enum kafka_verdict verdict;

    (void)state;
    impatient.transaction_timeout_ms = SHORT_TIMEOUT_MS;
    producer = open_producer(&impatient);
    for (int32_t broker = 1; broker <= BROKERS; broker++) {
        rd_kafka_mock_broker_set_down(mock, broker);
    }
    verdict = whole_transaction(producer, NULL, NULL, &err);
    for (int32_t broker = 1; broker <= BROKERS; broker++) {
        rd_kafka_mock_broker_set_up(mock, broker);
    }
    assert_int_equal(verdict, KAFKA_ABORT);
    producer = obey(producer, verdict);
    assert_int_equal(whole_transaction(producer, NULL, NULL, &err), KAFKA_GO_ON);
    kafka_producer_close(producer);
}

static void an_abort_that_fails_for_good_recycles(void **state)
{
    static const rd_kafka_resp_err_t fatal[] = {RD_KAFKA_RESP_ERR_INVALID_TXN_STATE};
    static const rd_kafka_resp_err_t passing[] = {RD_KAFKA_RESP_ERR_NOT_COORDINATOR,
                                                  RD_KAFKA_RESP_ERR_CONCURRENT_TRANSACTIONS};
    struct kafka_producer *producer = open_producer(&options);
    struct error err = {0};

    (void)state;
    assert_int_equal(kafka_transaction_begin(producer, &err), KAFKA_GO_ON);
    assert_int_equal(produce_text(producer, "k", "v", &err), KAFKA_GO_ON);
    inject(REQUEST_END_TXN, passing, 2);
    assert_int_equal(kafka_transaction_abort(producer, &err), KAFKA_GO_ON);

    assert_int_equal(kafka_transaction_begin(producer, &err), KAFKA_GO_ON);
    assert_int_equal(produce_text(producer, "k", "v", &err), KAFKA_GO_ON);
    inject(REQUEST_END_TXN, fatal, 1);
    assert_int_equal(kafka_transaction_abort(producer, &err), KAFKA_RECYCLE);
    assert_string_equal(err.code, "INVALID_TXN_STATE");
    kafka_producer_close(producer);
}

static void an_abort_right_after_the_first_record_leaves_a_usable_producer(void **state)
{
    struct kafka_producer *producer = open_producer(&options);
    struct error err = {0};

    (void)state;
    for (int i = 0; i < 20; i++) {
        assert_int_equal(kafka_transaction_begin(producer, &err), KAFKA_GO_ON);
        assert_int_equal(produce_text(producer, "k", "v", &err), KAFKA_GO_ON);
        assert_int_equal(kafka_transaction_abort(producer, &err), KAFKA_GO_ON);
        assert_int_equal(kafka_transaction_abort(producer, &err), KAFKA_GO_ON);
    }
    assert_int_equal(whole_transaction(producer, NULL, NULL, &err), KAFKA_GO_ON);
    kafka_producer_close(producer);
}

static void errors_of_init_decide_whether_to_try_again(void **state)
{
    static const struct {
        rd_kafka_resp_err_t error;
        enum status status;
    } cases[] = {
        {RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS, STATUS_OK},
        {RD_KAFKA_RESP_ERR_CONCURRENT_TRANSACTIONS, STATUS_OK},
        {RD_KAFKA_RESP_ERR_NOT_COORDINATOR, STATUS_OK},
        {RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED, STATUS_FATAL},
        {RD_KAFKA_RESP_ERR_INVALID_TRANSACTION_TIMEOUT, STATUS_FATAL},
        {RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED, STATUS_FATAL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct kafka_producer *producer = NULL;
        struct error err = {0};
        inject(REQUEST_INIT_PRODUCER_ID, &cases[i].error, 1);
        enum status status = kafka_producer_open(&producer, &options, &err);
        if (status != cases[i].status) {
            fail_msg("%s: %s instead of %s (%s)", rd_kafka_err2name(cases[i].error),
                     status_name(status), status_name(cases[i].status), err.message);
        }
        if (status == STATUS_OK) {
            kafka_producer_close(producer);
        }
        rd_kafka_mock_clear_request_errors(mock, REQUEST_INIT_PRODUCER_ID);
    }
}

static void fatal_goes_before_abort_and_abort_before_retry(void **state)
{
    (void)state;
    assert_int_equal(kafka_verdict_of(true, true, true), KAFKA_RECYCLE);
    assert_int_equal(kafka_verdict_of(true, false, false), KAFKA_RECYCLE);
    assert_int_equal(kafka_verdict_of(false, true, true), KAFKA_ABORT);
    assert_int_equal(kafka_verdict_of(false, false, true), KAFKA_ABORT); /* repeated in vain */
    assert_int_equal(kafka_verdict_of(false, false, false), KAFKA_RECYCLE);
}

static void a_record_above_the_limit_is_refused_with_its_size(void **state)
{
    struct kafka_options small = options;
    struct kafka_producer *producer;
    struct error err = {0};
    static char big[5000];
    struct kafka_output output = {
        .topic = OUTPUT_RESULTS, .value = {big, sizeof(big)}, .borrow = true};

    (void)state;
    small.output_bytes_max = 2000;
    producer = open_producer(&small);
    assert_int_equal(kafka_transaction_begin(producer, &err), KAFKA_GO_ON);
    assert_int_equal(kafka_transaction_produce(producer, &output, &err), KAFKA_ABORT);
    assert_string_equal(err.code, "MSG_SIZE_TOO_LARGE");
    assert_non_null(strstr(err.message, "5000 bytes"));
    assert_non_null(strstr(err.message, "results"));
    assert_int_equal(kafka_transaction_abort(producer, &err), KAFKA_GO_ON);
    kafka_producer_close(producer);
}

static void a_full_queue_is_waited_out(void **state)
{
    enum { RECORDS = 20000 }; /* ten times what the queue holds */
    struct kafka_producer *producer = open_producer(&options);
    struct error err = {0};

    (void)state;
    assert_int_equal(kafka_transaction_begin(producer, &err), KAFKA_GO_ON);
    for (int i = 0; i < RECORDS; i++) {
        assert_int_equal(produce_text(producer, "k", "v", &err), KAFKA_GO_ON);
    }
    assert_int_equal(kafka_transaction_commit(producer, &err), KAFKA_GO_ON);
    kafka_producer_close(producer);
}

static void partition_counts_are_known_and_a_missing_topic_is_named(void **state)
{
    struct kafka_options missing = options;
    struct kafka_producer *producer = open_producer(&options);
    int32_t count = 0;
    struct error err = {0};

    (void)state;
    assert_int_equal(kafka_partition_count(producer, OUTPUT_RESULTS, &count, &err), STATUS_OK);
    assert_int_equal(count, PARTITIONS);
    assert_int_equal(kafka_events_partition_count(producer, &count, &err), STATUS_OK);
    assert_int_equal(count, PARTITIONS);
    kafka_producer_close(producer);

    missing.dlq_topic = "no-such-topic";
    rd_kafka_mock_topic_set_error(mock, "no-such-topic", RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
    assert_int_equal(kafka_producer_open(&producer, &missing, &err), STATUS_RETRY);
    assert_non_null(strstr(err.message, "no-such-topic"));
    assert_non_null(strstr(err.message, "provctl topics ensure"));
}

/* --- consumer ----------------------------------------------------------------------------------
 */

static void seed_events(int32_t partition, int count)
{
    rd_kafka_topic_t *topic = rd_kafka_topic_new(mock_host, "events", NULL);

    for (int i = 0; i < count; i++) {
        char value[32];
        int len = snprintf(value, sizeof(value), "event %d", i);
        assert_int_equal(rd_kafka_produce(topic, partition, RD_KAFKA_MSG_F_COPY, value, (size_t)len,
                                          "key", 3, NULL),
                         0);
    }
    assert_int_equal(rd_kafka_flush(mock_host, WAIT_MS), RD_KAFKA_RESP_ERR_NO_ERROR);
    rd_kafka_topic_destroy(topic);
}

/* The mock's own handle is a plain producer; it needs the address of its cluster. */
static int start_seeded_mock(void **state)
{
    int rc = start_mock(state);

    rd_kafka_brokers_add(mock_host, options.brokers);
    return rc;
}

static void a_consumer_reads_from_where_the_hook_says_and_skips_halted_partitions(void **state)
{
    struct hooks hooks = {.start = {1, -1, 0, 0}};
    struct kafka_options own = options;
    struct kafka_consumer *consumer;
    struct kafka_message *message;
    struct error err = {0};
    int64_t low, high;

    (void)state;
    own.group_id = "hook-group";
    seed_events(0, 3);
    seed_events(1, 3);
    consumer = open_consumer(&own, &hooks);
    for (int64_t offset = 1; offset < 3; offset++) {
        message = next_message(consumer);
        assert_non_null(message);
        assert_int_equal(kafka_message_partition(message), 0);
        assert_int_equal(kafka_message_offset(message), offset);
        assert_true(text_equal_z(kafka_message_key(message), "key"));
        kafka_message_close(message);
    }
    assert_int_equal(kafka_consume(consumer, 500, &message, NULL, &err), STATUS_OK);
    assert_null(message);
    assert_true(kafka_watermarks_cached(consumer, 0, &low, &high));
    assert_int_equal(high, 3);
    assert_false(kafka_watermarks_cached(consumer, 1, &low, &high));

    /* The halted one may go on. */
    hooks.start[0] = 3;
    hooks.start[1] = 2;
    assert_int_equal(kafka_consumer_restart(consumer, &err), STATUS_OK);
    message = next_message(consumer);
    assert_non_null(message);
    assert_int_equal(kafka_message_partition(message), 1);
    assert_int_equal(kafka_message_offset(message), 2);
    assert_int_equal(hooks.revoked_calls, 1);
    assert_int_equal(hooks.assigned_calls, 2);
    kafka_message_close(message);
    kafka_consumer_close(consumer);
    assert_int_equal(hooks.revoked_calls, 1); /* no hook during close */
}

static void an_offset_that_is_not_in_the_log_stops_its_partition_only(void **state)
{
    struct hooks hooks = {.start = {1000000, 0, 0, 0}};
    struct kafka_options own = options;
    struct kafka_consumer *consumer;
    struct kafka_message *message = NULL;
    struct error err = {0};
    int32_t partition = -1;
    int64_t deadline_us = deadline_in_ms(WAIT_MS);
    enum status status = STATUS_OK;

    (void)state;
    own.group_id = "range-group";
    consumer = open_consumer(&own, &hooks);
    while (status != STATUS_FATAL && !deadline_passed(deadline_us)) {
        status = kafka_consume(consumer, 100, &message, &partition, &err);
        if (status == STATUS_OK) {
            kafka_message_close(message);
        }
    }
    assert_int_equal(status, STATUS_FATAL);
    assert_string_equal(err.code, "_AUTO_OFFSET_RESET");
    assert_int_equal(partition, 0);
    assert_non_null(strstr(err.message, "events [0]"));
    seed_events(2, 1);
    message = next_message(consumer);
    assert_non_null(message);
    assert_int_not_equal(kafka_message_partition(message), 0);
    kafka_message_close(message);
    kafka_consumer_close(consumer);
}

static void metadata_is_refused_until_the_group_is_joined(void **state)
{
    struct hooks hooks = {.start = {0}};
    struct kafka_options own = options;
    struct kafka_consumer *consumer;
    struct kafka_group_metadata *metadata = NULL;
    struct error err = {0};

    (void)state;
    own.group_id = "member-group";
    consumer = open_consumer(&own, &hooks);
    assert_int_equal(kafka_group_metadata(consumer, &metadata, &err), STATUS_RETRY);
    assert_string_equal(err.code, "NOT_IN_GROUP");
    wait_assigned(consumer, &hooks, 1);
    assert_int_equal(kafka_group_metadata(consumer, &metadata, &err), STATUS_OK);
    kafka_group_metadata_close(metadata);
    kafka_consumer_close(consumer);
}

static void a_member_that_the_group_forgot_joins_again(void **state)
{
    static const rd_kafka_resp_err_t unknown[] = {RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID};
    struct hooks hooks = {.start = {0}};
    struct kafka_options own = options;
    struct kafka_consumer *consumer;

    (void)state;
    own.group_id = "forgetful-group";
    consumer = open_consumer(&own, &hooks);
    wait_assigned(consumer, &hooks, 1);
    inject(REQUEST_HEARTBEAT, unknown, 1);
    wait_assigned(consumer, &hooks, 2);
    assert_int_equal(hooks.revoked_calls, 1);
    assert_int_equal(hooks.lost_calls, 1);
    kafka_consumer_close(consumer);
}

static void brokers_that_are_away_are_reported_once(void **state)
{
    struct hooks hooks = {.start = {0}};
    struct kafka_options away = options;
    struct kafka_consumer *consumer;
    struct kafka_message *message;
    struct error err = {0};
    int reports = 0;
    int64_t deadline_us = deadline_in_ms(WAIT_MS);

    (void)state;
    away.brokers = "127.0.0.1:1";
    consumer = open_consumer(&away, &hooks);
    while (reports == 0 && !deadline_passed(deadline_us)) {
        reports += kafka_consume(consumer, 100, &message, NULL, &err) == STATUS_RETRY;
    }
    assert_int_equal(reports, 1);
    assert_true(err.message[0] != '\0');
    for (int i = 0; i < 10; i++) {
        reports += kafka_consume(consumer, 100, &message, NULL, &err) == STATUS_RETRY;
    }
    assert_in_range(reports, 1, 3); /* one per kind of trouble, not one per attempt */
    kafka_consumer_close(consumer);
}

/* A cluster for each test: errors that were not used up would hit the next one. */
#define with_mock(test) cmocka_unit_test_setup_teardown(test, start_seeded_mock, stop_mock)

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_mock(fatal_goes_before_abort_and_abort_before_retry),
        with_mock(every_injected_error_gets_its_verdict_and_a_later_attempt_succeeds),
        with_mock(a_commit_that_is_never_answered_is_in_doubt),
        with_mock(brokers_that_are_away_end_in_an_abort_and_not_in_doubt),
        with_mock(an_abort_that_fails_for_good_recycles),
        with_mock(an_abort_right_after_the_first_record_leaves_a_usable_producer),
        with_mock(errors_of_init_decide_whether_to_try_again),
        with_mock(a_record_above_the_limit_is_refused_with_its_size),
        with_mock(a_full_queue_is_waited_out),
        with_mock(partition_counts_are_known_and_a_missing_topic_is_named),
        with_mock(a_consumer_reads_from_where_the_hook_says_and_skips_halted_partitions),
        with_mock(an_offset_that_is_not_in_the_log_stops_its_partition_only),
        with_mock(metadata_is_refused_until_the_group_is_joined),
        with_mock(a_member_that_the_group_forgot_joins_again),
        with_mock(brokers_that_are_away_are_reported_once),
    };

    return cmocka_run_group_tests_name("kafka_mock", tests, NULL, NULL);
}
