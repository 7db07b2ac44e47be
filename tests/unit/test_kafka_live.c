/* Transactions, fencing, stale generations and rebalances against a real broker: what the mock
 * cluster cannot show. */
#include "kafka_live.h"

#include "wire/crypto.h"

static struct kafka_group_metadata *take_metadata(struct kafka_consumer *consumer)
{
    struct kafka_group_metadata *metadata = NULL;
    struct error err = {0};

    if (kafka_group_metadata(consumer, &metadata, &err)) {
        fail_msg("%s", err.message);
    }
    return metadata;
}

static void poll_one(struct kafka_consumer *consumer)
{
    struct kafka_message *message = NULL;
    struct error err = {0};

    if (kafka_consume(consumer, 50, &message, NULL, &err) == STATUS_OK) {
        kafka_message_close(message);
    }
}

static void poll_both(struct kafka_consumer *a, struct kafka_consumer *b)
{
    poll_one(a);
    poll_one(b);
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
        poll_both(a, b);
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
        poll_both(a, b);
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
        poll_one(a);
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

static void send_large_events(int count, size_t bytes)
{
    struct kafka_sender *sender = NULL;
    struct error err = {0};
    char *value = malloc(bytes);

    assert_non_null(value);
    assert_int_equal(kafka_sender_open(&sender, &options, events, NULL, NULL, &err), STATUS_OK);
    for (int i = 0; i < count; i++) {
        crypto_random(value, bytes); /* or all of them, compressed, would come at once */
        struct kafka_record record = {
            .partition = i % PARTITIONS, .key = TEXT("k"), .value = {value, bytes}};
        assert_int_equal(kafka_sender_send(sender, &record, NULL, WAIT_MS, &err), STATUS_OK);
    }
    assert_int_equal(kafka_sender_flush(sender, WAIT_MS, &err), STATUS_OK);
    kafka_sender_close(sender);
    free(value);
}

/* Librdkafka looks once a second whether a queue that was full has room. If nobody wakes it, seven
 * seconds are waited here in all, 136 droughts (measured). */
static void a_full_queue_is_filled_again_while_it_is_consumed(void **state)
{
    enum { QUEUE_BYTES = 2 << 20, QUEUES = 16, BYTES = 4096, DROUGHT_MS = 50, WORK_MS = 120 };
    const int count = QUEUES * (QUEUE_BYTES / BYTES);
    struct hooks hooks;
    struct kafka_consumer *consumer;
    struct kafka_message *message;
    struct error err = {0};
    int32_t partition;
    int taken = 0, droughts = 0;

    (void)state;
    NEED_BROKER();
    options.fetch_memory_bytes_max = 2 * (int64_t)QUEUE_BYTES;
    send_large_events(count, BYTES);
    consumer = open_consumer(&options, &hooks);
    int64_t deadline_us = deadline_in_ms(WAIT_MS);
    while (taken < count && !deadline_passed(deadline_us)) {
        assert_int_equal(kafka_consume(consumer, DROUGHT_MS, &message, &partition, &err),
                         STATUS_OK);
        if (message && taken % (2 * QUEUE_BYTES / BYTES) == 0) {
            clock_sleep_ms(WORK_MS); /* at work: the queue fills up */
        }
        droughts += taken > 0 && !message;
        taken += message != NULL;
        kafka_message_close(message);
    }
    assert_int_equal(taken, count);
    assert_in_range(droughts, 0, QUEUES / 2);
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
    assert_int_equal(hooks.revoked_calls, 5);
    kafka_consumer_close(consumer);
}

static void a_restart_in_the_middle_of_a_rebalance_does_no_harm(void **state)
{
    struct hooks hooks_a = {.start_at_committed = true}, hooks_b = {.start_at_committed = true};
    struct kafka_consumer *a, *b;
    struct kafka_message *message = NULL;
    struct error err = {0};
    int64_t deadline_us;

    (void)state;
    NEED_BROKER();
    a = open_consumer(&options, &hooks_a);
    wait_assigned(a, &hooks_a, 1);
    b = open_consumer(&options, &hooks_b);
    /* Only the newcomer polls, until the first has been told in the background: heartbeats go every
     * second. */
    deadline_us = deadline_in_ms(3000);
    while (!deadline_passed(deadline_us)) {
        kafka_consume(b, 100, &message, NULL, &err);
    }
    assert_int_equal(hooks_b.assigned_calls, 0);
    assert_int_equal(kafka_consumer_restart(a, &err), STATUS_OK);
    assert_int_equal(kafka_consumer_restart(a, &err), STATUS_OK);
    deadline_us = deadline_in_ms(WAIT_MS);
    while ((owned_count(&hooks_a) == PARTITIONS || owned_count(&hooks_b) == 0 ||
            owned_count(&hooks_a) == 0) &&
           !deadline_passed(deadline_us)) {
        poll_both(a, b);
    }
    assert_int_equal(owned_count(&hooks_a) + owned_count(&hooks_b), PARTITIONS);
    for (int32_t p = 0; p < PARTITIONS; p++) {
        send_events(p, 1);
        message = next_message(hooks_a.is_mine[p] ? a : b);
        assert_non_null(message);
        assert_int_equal(kafka_message_partition(message), p);
        kafka_message_close(message);
    }
    kafka_consumer_close(a);
    kafka_consumer_close(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        live(a_commit_shows_results_and_offsets_together_and_an_abort_shows_nothing),
        live(a_second_producer_of_the_same_slot_fences_the_first),
        live(a_successor_aborts_what_its_predecessor_left_open),
        live(a_stale_generation_can_commit_nothing),
        live(control_and_aborted_records_are_no_records),
        live(every_partition_has_one_owner_when_members_come_and_go),
        live(a_batch_that_took_too_long_loses_its_partitions_and_gets_them_again),
        live(a_full_queue_is_filled_again_while_it_is_consumed),
        live(a_restart_reads_again_from_where_it_is_told),
        live(a_restart_in_the_middle_of_a_rebalance_does_no_harm),
    };

    return cmocka_run_group_tests_name("kafka_live", tests, NULL, NULL);
}
