/* The stages consume and publish against a real broker: what no end-to-end test can bring about at
 * will. */
#include "kafka_live.h"

#include "base/counters.h"
#include "stage/consume.h"
#include "stage/publish.h"

enum { RECORDS = 3, RECORDS_MAX = 100, IDLE_MS = 200 };

static struct counters counters;

/* A lane's consuming half over partition 0. What it shares with the other half lives as long as a
 * test. */
struct half {
    struct hooks hooks;
    struct partition partition;
    struct assignment assignment;
    struct consume consume;
    struct batch batch;
};

static void half_open(struct half *half)
{
    *half = (struct half){.partition = {.partition = 0}};
    half->assignment = (struct assignment){.partitions = &half->partition, .count = 1};
    options.dlq_topic = results;
    batch_init(&half->batch, RECORDS_MAX, 16 << 20, NULL);
    half->consume = (struct consume){.consumer = open_consumer(&options, &half->hooks),
                                     .assignment = &half->assignment,
                                     .topic = text_from(events),
                                     .bytes_max = 1 << 20,
                                     .wait_ms_max = IDLE_MS,
                                     .counters = &counters};
}

static void half_close(struct half *half)
{
    consume_close(&half->consume);
    batch_close(&half->batch);
    kafka_consumer_close(half->consume.consumer);
}

/* Consumes until there is a batch, or for `limit_ms`. */
static void take_batch(struct half *half, int limit_ms)
{
    int64_t deadline_us = deadline_in_ms(limit_ms);
    struct error err = {0};

    while (half->batch.count == 0 && !deadline_passed(deadline_us)) {
        if (consume_run(&half->consume, &half->batch, IDLE_MS, &err) == STATUS_FATAL) {
            fail_msg("%s", err.message);
        }
    }
}

/* --- consume -----------------------------------------------------------------------------------
 */

static void what_was_read_before_is_not_taken_again(void **state)
{
    struct half half;

    (void)state;
    NEED_BROKER();
    send_events(0, RECORDS);
    half_open(&half);
    half.partition.next_offset = RECORDS - 1; /* the hook has Kafka begin at 0 */
    take_batch(&half, WAIT_MS);
    assert_int_equal(half.batch.count, 1);
    assert_int_equal(half.batch.records[0].offset, RECORDS - 1);
    assert_non_null(half.batch.group);
    half_close(&half);
}

static void a_halted_partition_gives_nothing(void **state)
{
    struct half half;

    (void)state;
    NEED_BROKER();
    send_events(0, RECORDS);
    half_open(&half);
    half.partition.is_halted = true;
    wait_assigned(half.consume.consumer, &half.hooks, 1);
    take_batch(&half, 3000);
    assert_int_equal(half.batch.count, 0);
    half_close(&half);
}

/* After a rebalance the fence says where to go on: it may be below what was put back, as when the
 * database went back meanwhile. */
static void what_was_put_back_goes_with_the_assignment(void **state)
{
    struct half half;
    struct error err = {0};

    (void)state;
    NEED_BROKER();
    send_events(0, RECORDS);
    half_open(&half);
    take_batch(&half, WAIT_MS);
    assert_int_equal(half.batch.count, RECORDS);
    assert_int_equal(consume_put_back(&half.consume, &half.batch, 1, &err), STATUS_OK);
    batch_reset(&half.batch);
    half.assignment.generation++;
    half.partition.next_offset = 0;
    take_batch(&half, 2000);
    assert_int_equal(half.batch.count, 0);
    half_close(&half);
}

/* A batch before that is on its way to Kafka for ever, or until this one holds what is sent
 * meanwhile. */
struct before {
    const struct batch *batch;
    int records_more;
    size_t count_then; /* of the batch, when they were sent */
    bool is_sent, is_done;
    size_t asked;
};

static bool is_behind(void *opaque)
{
    struct before *before = opaque;

    before->asked++;
    if (before->records_more > 0 && !before->is_sent) {
        before->is_sent = true;
        before->count_then = before->batch->count;
        send_events(0, before->records_more);
    } else if (before->is_sent && before->batch->count > before->count_then) {
        before->is_done = true;
    }
    return !before->is_done;
}

/* A half whose batch waits for nothing but the one before it. */
static void half_open_behind(struct half *half, struct before *before)
{
    half_open(half);
    before->batch = &half->batch;
    half->consume.wait_ms_max = 0;
    half->consume.is_behind = is_behind;
    half->consume.opaque = before;
}

/* A slow machine may need longer than the batch waits: then once more. */
static void a_batch_behind_another_goes_on_filling(void **state)
{
    enum { TRIES = 10 };
    struct half half;
    struct before before = {.is_done = false};

    (void)state;
    NEED_BROKER();
    half_open_behind(&half, &before);
    for (int i = 0; i < TRIES && !before.is_done; i++) {
        batch_reset(&half.batch);
        before = (struct before){.batch = &half.batch, .records_more = 2};
        send_events(0, RECORDS);
        take_batch(&half, WAIT_MS);
    }
    assert_true(before.is_done);
    assert_true(half.batch.count > before.count_then);
    half_close(&half);
}

static void a_batch_does_not_wait_for_ever_behind_another(void **state)
{
    struct half half;
    struct before before = {.is_done = false};

    (void)state;
    NEED_BROKER();
    send_events(0, RECORDS);
    half_open_behind(&half, &before);
    take_batch(&half, WAIT_MS);
    assert_int_equal(half.batch.count, RECORDS);
    int64_t waited_ms = (clock_monotonic_us() - half.batch.started_us) / 1000;
    assert_in_range(waited_ms, BEHIND_WAIT_MS_MAX, BEHIND_WAIT_MS_MAX + WAIT_MS);
    half_close(&half);
}

/* It asks, is told so, looks once more, and goes. */
static void a_batch_behind_none_goes_at_once(void **state)
{
    struct half half;
    struct before before = {.is_done = true};

    (void)state;
    NEED_BROKER();
    send_events(0, RECORDS);
    half_open_behind(&half, &before);
    take_batch(&half, WAIT_MS);
    assert_true(half.batch.count > 0);
    assert_in_range(before.asked, 1, 2 * half.batch.count);
    half_close(&half);
}

/* --- publish: a commit in doubt ----------------------------------------------------------------
 */

/* A batch of RECORDS events with a result for each. */
static void take_answered_batch(struct half *half, struct publish *publish)
{
    send_events(0, RECORDS);
    half_open(half);
    take_batch(half, WAIT_MS);
    assert_int_equal(half->batch.count, RECORDS);
    half->batch.deaths = ARENA_ARRAY(&half->batch.arena, struct death *, RECORDS);
    half->batch.outputs = ARENA_ARRAY(&half->batch.arena, struct output, RECORDS);
    for (int i = 0; i < RECORDS; i++) {
        half->batch.outputs[i].result = TEXT("a result");
    }
    *publish = (struct publish){.consumer = half->consume.consumer,
                                .counters = &counters,
                                .worker = TEXT("unit"),
                                .request_timeout_ms = WAIT_MS,
                                .output_bytes_max = options.output_bytes_max};
    publish_set_options(publish, &options);
    arena_init(&publish->arena, 1 << 20, 0);
}

static void finish(struct publish *publish, struct half *half)
{
    struct error err = {0};

    assert_int_equal(publish_connect(publish, &err), STATUS_OK);
    if (publish_finish(publish, &half->batch, &err) != STATUS_OK) {
        fail_msg("%s", err.message);
    }
    assert_false(publish->is_in_doubt);
    wait_records(results, PARTITIONS, RECORDS);
    assert_int_equal(committed_offset(0), RECORDS);
    assert_int_equal(half->partition.published_upto, RECORDS);
}

static void a_commit_in_doubt_that_took_place_is_not_repeated(void **state)
{
    struct half half;
    struct publish publish;

    (void)state;
    NEED_BROKER();
    take_answered_batch(&half, &publish);
    finish(&publish, &half);
    publish_close(&publish);
    half.partition.published_upto = 0;
    publish.is_in_doubt = true;
    finish(&publish, &half);
    publish_close(&publish);
    half_close(&half);
}

static void a_commit_in_doubt_that_did_not_take_place_is_repeated(void **state)
{
    struct half half;
    struct publish publish;

    (void)state;
    NEED_BROKER();
    take_answered_batch(&half, &publish);
    publish.is_in_doubt = true;
    finish(&publish, &half);
    publish_close(&publish);
    half_close(&half);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        live(what_was_read_before_is_not_taken_again),
        live(a_halted_partition_gives_nothing),
        live(what_was_put_back_goes_with_the_assignment),
        live(a_batch_behind_another_goes_on_filling),
        live(a_batch_does_not_wait_for_ever_behind_another),
        live(a_batch_behind_none_goes_at_once),
        live(a_commit_in_doubt_that_took_place_is_not_repeated),
        live(a_commit_in_doubt_that_did_not_take_place_is_repeated),
    };

    return cmocka_run_group_tests_name("stages_live", tests, NULL, NULL);
}
