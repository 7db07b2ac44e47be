#include "lane.h"

#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/failpoint.h"
#include "base/log.h"
#include "domain/kind.h"
#include "lane_setup.h"

enum {
    IDLE_MS = 200,                /* how long a turn waits for a record */
    REASSIGN_UNDECIDED_MS = 1000, /* the fence could not be read */
    REASSIGN_HALTED_MS = 5000,    /* an operator may have permitted to go on */
};

static volatile sig_atomic_t stop_asked, reload_asked;

void lane_stop(void)
{
    stop_asked = 1;
}

void lane_reload(void)
{
    reload_asked = 1;
}

/* --- partitions come and go ----------------------------------------------------------------------
 */

static void show_partition(struct lane *lane, struct partition *partition, size_t slot,
                           struct text reason)
{
    struct partition_counters *counters = &lane->counters->partitions[slot];
    partition->counters = counters;
    snprintf(counters->reason, sizeof counters->reason, "%.*s", TEXT_ARG(reason));
    gauge_set(&counters->partition, partition->partition);
    gauge_set(&counters->lag_records, 0);
    gauge_set(&counters->next_record_time_us, 0);
    gauge_set(&counters->state, partition->is_halted ? PARTITION_HALTED : PARTITION_ACTIVE);
}

static void hide_partitions(struct lane *lane)
{
    for (size_t i = 0; i < lane->assignment.count; i++)
        gauge_set(&lane->counters->partitions[i].state, PARTITION_NONE);
}

/* Asks fence and Kafka; a partition about which nothing can be learned now waits like a halted one.
 */
static void assign_one(struct lane *lane, struct partition *partition, size_t slot)
{
    struct error err;
    struct text reason = TEXT_NULL;
    struct assign assign = {
        .consumer = lane->consume.consumer,
        .maker = &lane->maker,
        .group_id = lane->config->kafka.group_id,
        .policy_rewind = lane->config->on_rewound_database == REWOUND_REWIND,
        .request_timeout_ms = lane->config->kafka.request_timeout_ms,
        .arena = &lane->assign_arena,
    };
    enum status status = lane_connect_database(lane, &err);
    assign.pg = lane->apply.pg;
    if (status == STATUS_OK)
        status = assign_partition(&assign, partition, &reason, &err);
    if (status != STATUS_OK) {
        log_event(LOG_WARNING, "partition cannot be started now; trying again",
                  LOG_INT("partition", partition->partition), LOG_Z("reason", err.message));
        partition->is_halted = true;
        lane->has_undecided = true;
        reason = text_format(&lane->assign_arena, "%s", err.message);
    }
    show_partition(lane, partition, slot, reason);
}

static int compare_partitions(const void *a, const void *b)
{
    const struct partition *x = a, *y = b;
    return (x->partition > y->partition) - (x->partition < y->partition);
}

static void assigned(void *opaque, struct kafka_partition *partitions, size_t count)
{
    struct lane *lane = opaque;
    bool has_halted = false;
    arena_reset(&lane->assign_arena);
    free(lane->assignment.partitions);
    lane->assignment.partitions = calloc(count ? count : 1, sizeof(struct partition));
    lane->assignment.count = lane->assignment.partitions ? count : 0;
    lane->assignment.generation++;
    lane->has_undecided = false;
    for (size_t i = 0; i < lane->assignment.count; i++)
        lane->assignment.partitions[i].partition = partitions[i].partition;
    if (lane->assignment.count)
        qsort(lane->assignment.partitions, lane->assignment.count, sizeof(struct partition),
              compare_partitions);
    for (size_t i = 0; i < lane->assignment.count; i++)
        assign_one(lane, &lane->assignment.partitions[i], i);
    for (size_t i = 0; i < count; i++) {
        const struct partition *partition =
            assignment_find(&lane->assignment, partitions[i].partition);
        bool is_halted = !partition || partition->is_halted;
        partitions[i].start_offset = is_halted ? -1 : partition->next_offset;
        has_halted = has_halted || is_halted;
    }
    lane->reassign_at_us = !has_halted ? 0
                                       : deadline_in_ms(lane->has_undecided ? REASSIGN_UNDECIDED_MS
                                                                            : REASSIGN_HALTED_MS);
    counter_add(&lane->counters->rebalances_assigned, 1);
    gauge_set(&lane->counters->assigned_partitions, (int64_t)count);
    log_event(LOG_INFO, "partitions assigned", LOG_INT("count", count));
}

static void settle_in_flight(struct lane *lane, bool is_lost);

static void revoked(void *opaque, const int32_t *partitions, size_t count, bool lost)
{
    struct lane *lane = opaque;
    (void)partitions;
    settle_in_flight(lane, lost);
    hide_partitions(lane);
    lane->assignment.count = 0;
    lane->assignment.generation++;
    lane->reassign_at_us = 0;
    counter_add(lost ? &lane->counters->rebalances_lost : &lane->counters->rebalances_revoked, 1);
    gauge_set(&lane->counters->assigned_partitions, 0);
    log_event(LOG_INFO, lost ? "partitions lost" : "partitions revoked", LOG_INT("count", count));
}

/* --- waiting ------------------------------------------------------------------------------------
 */

/* Cut to what the page has room for. */
static void show_reason(struct lane *lane, const char *reason)
{
    enum { SHOWN_MAX = sizeof lane->counters->waiting_for - 1 };
    snprintf(lane->counters->waiting_for, SHOWN_MAX + 1, "%.*s", (int)SHOWN_MAX, reason);
}

static void set_waiting(struct lane *lane, const char *reason)
{
    show_reason(lane, reason);
    gauge_set(&lane->counters->state, LANE_WAITING);
}

static void set_running(struct lane *lane)
{
    if (gauge_get(&lane->counters->state) != LANE_RUNNING)
        log_event(LOG_INFO, "lane runs");
    lane->counters->waiting_for[0] = '\0';
    gauge_set(&lane->counters->state, LANE_RUNNING);
    gauge_set(&lane->counters->progress_us, clock_monotonic_us());
}

/* The wait between two tries of the same thing: grows, says why once per failure. */
struct backoff {
    int64_t wait_ms;
};

static void back_off(struct lane *lane, struct backoff *backoff, const char *what,
                     const struct error *err)
{
    const struct config_retry *retry = &lane->config->retry;
    backoff->wait_ms = backoff->wait_ms ? backoff->wait_ms * 2 : retry->backoff_ms;
    if (backoff->wait_ms > retry->backoff_ms_max)
        backoff->wait_ms = retry->backoff_ms_max;
    log_event(LOG_WARNING, "trying again", LOG_Z("stage", what), LOG_Z("code", err->code),
              LOG_Z("reason", err->message), LOG_INT("wait_ms", backoff->wait_ms));
    set_waiting(lane, err->message);
    int64_t until_us = deadline_in_ms(backoff->wait_ms);
    while (!stop_asked && !deadline_passed(until_us)) {
        enum { SLICE_MS = 50 };
        int left_ms = deadline_left_ms(until_us);
        clock_sleep_ms(left_ms < SLICE_MS ? left_ms : SLICE_MS);
        gauge_set(&lane->counters->progress_us, clock_monotonic_us());
    }
}

/* --- what the counters learn from a batch --------------------------------------------------------
 */

static int kind_index(const struct event *event)
{
    return event->kind ? (int)(event->kind - kinds) : COUNTERS_KINDS_MAX - 1;
}

/* Which stage found what is wrong with a readable event. */
static enum stage_name stage_of_refusal(const struct event *event)
{
    if (event->fault.code)
        return STAGE_VALIDATE;
    return event->prepared.fault.code ? STAGE_PREPARE : STAGE_APPLY;
}

static void count_record(struct lane *lane, const struct batch *batch, size_t i, int64_t now_us)
{
    struct counters *counters = lane->counters;
    const struct death *death = batch->deaths[i];
    const struct outcome *outcome = &batch->outcomes[i];
    if (death) {
        counter_add(&counters->dead_letters[death->stage][death->code], 1);
        return;
    }
    counter_add(&counters->events[kind_index(batch->events[i])][outcome->status], 1);
    if (outcome->status == OUTCOME_REJECTED || outcome->status == OUTCOME_FAILED)
        counter_add(&counters->errors[stage_of_refusal(batch->events[i])][outcome->code], 1);
    int64_t age_us = now_us - batch->records[i].timestamp_ms * 1000;
    histogram_observe_us(&counters->end_to_end, age_us > 0 ? age_us : 0);
}

static void show_lag(struct lane *lane)
{
    for (size_t i = 0; i < lane->assignment.count; i++) {
        struct partition *partition = &lane->assignment.partitions[i];
        int64_t low, high;
        if (partition->is_halted ||
            !kafka_watermarks_cached(lane->consume.consumer, partition->partition, &low, &high))
            continue;
        int64_t from = partition->next_offset > low ? partition->next_offset : low;
        int64_t lag = high > from ? high - from : 0;
        gauge_set(&partition->counters->lag_records, lag);
        if (lag == 0)
            gauge_set(&partition->counters->next_record_time_us, 0);
    }
}

static void count_batch(struct lane *lane, const struct batch *batch)
{
    int64_t now_us = clock_now_us();
    for (size_t i = 0; i < batch->count; i++) {
        count_record(lane, batch, i, now_us);
    }
    histogram_observe(&lane->counters->batch_events, histogram_bounds_events, (double)batch->count,
                      (int64_t)batch->count);
    show_lag(lane);
}

/* --- the path -----------------------------------------------------------------------------------
 */

static enum status run_decode(struct lane *lane, struct error *err)
{
    return decode_run(&lane->decode, lane->batch, err);
}

/* Leaves `ready` records in the batch. The others are the beginning of the next one. */
static enum status cut_batch(struct lane *lane, size_t ready, struct error *err)
{
    if (ready == lane->batch->count)
        return STATUS_OK;
    return consume_put_back(&lane->consume, lane->batch, ready, err);
}

static enum status run_prepare(struct lane *lane, struct error *err)
{
    size_t ready = lane->batch->count;
    enum status status = STATUS_OK;
    if (prepare_needs_database(lane->batch))
        status = lane_connect_database(lane, err);
    if (status == STATUS_OK)
        status = prepare_run(&lane->prepare, lane->batch, &ready, err);
    if (status == STATUS_OK)
        status = cut_batch(lane, ready, err);
    FAILPOINT("after_prepare");
    return status;
}

static enum status run_apply(struct lane *lane, struct error *err)
{
    enum status status = lane_connect_database(lane, err);
    return status == STATUS_OK ? apply_run(&lane->apply, lane->batch, err) : status;
}

static enum status run_publish(struct lane *lane, struct error *err)
{
    return publish_finish(&lane->publish, lane->in_flight, err);
}

struct step {
    const char *name;
    enum stage_name stage;
    enum status (*run)(struct lane *lane, struct error *err);
};

static const struct step decode_step = {"decode", STAGE_DECODE, run_decode};
static const struct step prepare_step = {"prepare", STAGE_PREPARE, run_prepare};
static const struct step apply_step = {"apply", STAGE_APPLY, run_apply};
static const struct step publish_step = {"publish", STAGE_PUBLISH, run_publish};

/* These are not cured by waiting: the batch is dropped, or goes back. */
static bool is_final(const struct error *err)
{
    return strcmp(err->code, batch_lost) == 0 || strcmp(err->code, apply_stale) == 0;
}

static enum status finish_publish(struct lane *lane, struct error *err);

/* Runs a step over the batch until it is done, waiting out what the world does. A batch in flight
 * is not kept waiting for it. */
static enum status do_step(struct lane *lane, const struct step *step, struct error *err)
{
    struct backoff backoff = {0};
    for (;;) {
        int64_t started_us = clock_monotonic_us();
        enum status status = step->run(lane, err);
        histogram_observe_us(&lane->counters->stage_time[step->stage],
                             clock_monotonic_us() - started_us);
        if (status != STATUS_RETRY || is_final(err))
            return status;
        if (stop_asked)
            return STATUS_RETRY;
        struct error of_publish;
        if (step != &publish_step && finish_publish(lane, &of_publish) != STATUS_OK) {
            *err = of_publish;
            return STATUS_RETRY;
        }
        back_off(lane, &backoff, step->name, err);
        if (stop_asked)
            return STATUS_RETRY;
    }
}

/* Commits the batch in flight. When it cannot be, it is given up: the fence says where to read it
 * again. */
static enum status finish_publish(struct lane *lane, struct error *err)
{
    if (!lane->in_flight)
        return STATUS_OK;
    enum status status = do_step(lane, &publish_step, err);
    if (status == STATUS_OK)
        count_batch(lane, lane->in_flight);
    else
        publish_give_up(&lane->publish);
    batch_reset(lane->in_flight);
    lane->in_flight = NULL;
    return status;
}

/* So that a replay knows what need not be published again. It may fail: then it is published twice,
 * with the same ids. */
static void note_published(struct lane *lane)
{
    struct error ignored;
    if (!lane->in_flight && postgres_usable(lane->apply.pg))
        assign_note_published(lane->apply.pg, lane->assignment.partitions, lane->assignment.count,
                              &lane->assign_arena, &ignored);
}

/* The partitions of the batch in flight go: it is committed now or never by this lane. */
static void settle_in_flight(struct lane *lane, bool is_lost)
{
    struct error err;
    if (lane->in_flight) {
        if (!is_lost && publish_finish(&lane->publish, lane->in_flight, &err) == STATUS_OK)
            count_batch(lane, lane->in_flight);
        else
            publish_give_up(&lane->publish);
        batch_reset(lane->in_flight);
        lane->in_flight = NULL;
    }
    if (!is_lost)
        note_published(lane);
}

/* A password changed while it was compared. If that may be the doing of an earlier event of this
 * batch, the batch ends here, and the comparison is the first thing in the next one; the first
 * event of a batch is compared once more. So something is applied between two tries of the same
 * event, unless another lane is at the same account. */
static enum status make_fresh(struct lane *lane, struct error *err)
{
    size_t stale = lane->apply.stale_at;
    gauge_set(&lane->counters->progress_us, clock_monotonic_us());
    lane->batch->events[stale]->prepared.verified = VERIFY_NONE;
    return cut_batch(lane, stale > 0 ? stale : lane->batch->count, err);
}

static enum status prepare_and_apply(struct lane *lane, struct error *err)
{
    for (;;) {
        enum status status = do_step(lane, &prepare_step, err);
        if (status == STATUS_OK)
            status = do_step(lane, &apply_step, err);
        if (status != STATUS_RETRY || strcmp(err->code, apply_stale) != 0 || stop_asked)
            return status;
        status = make_fresh(lane, err);
        if (status != STATUS_OK)
            return status;
    }
}

/* Stops before a topic is drained into the dead letters after a bad deployment. */
static enum status check_breaker(struct lane *lane, struct error *err)
{
    const struct batch *batch = lane->batch;
    bool is_open = false;
    for (size_t i = 0; i < batch->count; i++)
        is_open = breaker_count(&lane->breaker, batch->deaths[i] != NULL) || is_open;
    if (!is_open)
        return STATUS_OK;
    counter_add(&lane->counters->breaker_open, 1);
    return error_set(
        err, STATUS_FATAL, "BREAKER",
        "%lld of the last %lld records cannot be read: stopped before more of them become dead "
        "letters; look at them with provctl events decode, repair the sender or the schema, "
        "or raise breaker.share",
        (long long)lane->breaker.dead, (long long)lane->breaker.seen);
}

/* What has come and is not done: from its first record on, lag in seconds counts. */
static void note_waiting_records(struct lane *lane)
{
    const struct batch *batch = lane->batch;
    if (batch->count)
        histogram_observe_us(&lane->counters->stage_time[STAGE_CONSUME],
                             clock_monotonic_us() - batch->started_us);
    for (size_t i = batch->count; i-- > 0;)
        gauge_set(&batch->records[i].partition->counters->next_record_time_us,
                  batch->records[i].timestamp_ms * 1000);
}

/* From here on the batch travels by itself; the lane goes on with the other one. */
static void begin_publish(struct lane *lane)
{
    publish_begin(&lane->publish, lane->batch);
    lane->in_flight = lane->batch;
    lane->batch = lane->batch == &lane->batches[0] ? &lane->batches[1] : &lane->batches[0];
}

/* A small batch is sent off before the next one is applied: there, latency counts. */
static bool is_worth_overlapping(const struct batch *batch)
{
    enum { SMALL_SHARE = 4 };
    return batch->count >= batch->count_max / SMALL_SHARE;
}

/* One turn of the loop:   consume > decode > prepare > apply > publish
 * While one batch is on its way to Kafka, the next is consumed and applied. */
static enum status turn(struct lane *lane, struct error *err)
{
    bool is_idle = !lane->in_flight;
    enum status status = consume_run(&lane->consume, lane->batch, is_idle ? IDLE_MS : 0, err);
    note_waiting_records(lane);
    if (status == STATUS_OK && !is_worth_overlapping(lane->batch))
        status = finish_publish(lane, err);
    if (status == STATUS_OK && lane->batch->count == 0 && is_idle)
        note_published(lane);
    if (status != STATUS_OK || lane->batch->count == 0)
        return status;
    status = do_step(lane, &decode_step, err);
    if (status == STATUS_OK)
        status = check_breaker(lane, err);
    if (status == STATUS_OK)
        status = prepare_and_apply(lane, err);
    if (status == STATUS_OK)
        status = finish_publish(lane, err);
    if (status == STATUS_OK)
        begin_publish(lane);
    return status;
}

static void set_exhausted(struct lane *lane, jmp_buf *target)
{
    for (int i = 0; i < 2; i++)
        arena_on_exhausted(&lane->batches[i].arena, target);
}

/* The memory for a batch has a ceiling (batch.memory_max). What does not fit is read again in
 * smaller pieces. The code between leaves no handle open but the connection, which is made anew. */
static enum status guarded_turn(struct lane *lane, struct error *err)
{
    jmp_buf exhausted;
    set_exhausted(lane, &exhausted);
    if (setjmp(exhausted) == 0) {
        enum status status = turn(lane, err);
        set_exhausted(lane, NULL);
        return status;
    }
    set_exhausted(lane, NULL);
    publish_give_up(&lane->publish);
    apply_close(&lane->apply);
    for (int i = 0; i < 2; i++) {
        struct batch *batch = &lane->batches[i];
        batch->count_max = batch->count_max > 1 ? batch->count_max / 2 : 1;
        batch_reset(batch);
    }
    lane->in_flight = NULL;
    return error_set(err, STATUS_RETRY, batch_lost,
                     "a batch needs more memory than batch.memory_max: going on with at most %zu "
                     "events",
                     lane->batch->count_max);
}

/* After a loss of partitions or a group that has moved on: what was read is read again, from where
 * the fence says. */
static enum status start_over(struct lane *lane, const struct error *cause, struct error *err)
{
    log_event(LOG_WARNING, "batch dropped; reading again from the fence",
              LOG_Z("reason", cause->message));
    batch_reset(lane->batch);
    return kafka_consumer_restart(lane->consume.consumer, err);
}

static enum status reassign_when_due(struct lane *lane, struct error *err)
{
    if (!lane->reassign_at_us || !deadline_passed(lane->reassign_at_us))
        return STATUS_OK;
    lane->reassign_at_us = 0;
    return kafka_consumer_restart(lane->consume.consumer, err);
}

static void reload_when_asked(struct lane *lane)
{
    struct config_reloaded reloaded;
    struct error err;
    if (!reload_asked)
        return;
    reload_asked = 0;
    if (config_reload(lane->config, &reloaded, &err) == STATUS_OK)
        lane_take_config(lane);
    else
        log_event(LOG_ERROR, "configuration not reloaded", LOG_Z("reason", err.message));
}

static enum status connect_all(struct lane *lane, struct error *err)
{
    const struct kafka_rebalance rebalance = {assigned, revoked, lane};
    struct backoff backoff = {0};
    for (;;) {
        enum status status = lane_connect(lane, &rebalance, err);
        if (status != STATUS_RETRY)
            return status;
        back_off(lane, &backoff, "connect", err);
        if (stop_asked)
            return STATUS_RETRY;
    }
}

static enum status loop(struct lane *lane, struct error *err)
{
    enum status status = connect_all(lane, err);
    struct backoff backoff = {0};
    while (status == STATUS_OK && !stop_asked) {
        set_running(lane);
        reload_when_asked(lane);
        status = reassign_when_due(lane, err);
        if (status == STATUS_OK)
            status = guarded_turn(lane, err);
        if (status != STATUS_OK && strcmp(err->code, batch_lost) == 0) {
            const struct error cause = *err;
            status = start_over(lane, &cause, err);
        } else if (status == STATUS_RETRY && !stop_asked) {
            back_off(lane, &backoff, "consume", err);
            status = STATUS_OK;
        } else {
            backoff.wait_ms = 0;
        }
        batch_reset(lane->batch);
        show_lag(lane);
    }
    settle_in_flight(lane, false);
    return status;
}

int lane_run(struct config *config, int lane_index, struct counters *counters)
{
    struct lane lane;
    struct error err = {.message = ""};
    enum status status = lane_setup(&lane, config, lane_index, counters, &err);
    lane.prepare.stop = &stop_asked;
    if (status == STATUS_OK)
        status = loop(&lane, &err);
    gauge_set(&counters->state, stop_asked ? LANE_STOPPING : LANE_FAILED);
    if (status != STATUS_OK && !stop_asked) {
        show_reason(&lane, err.message);
        log_event(LOG_ERROR, "lane stops", LOG_Z("status", status_name(status)),
                  LOG_Z("code", err.code), LOG_Z("reason", err.message));
    }
    hide_partitions(&lane);
    lane_close(&lane);
    if (stop_asked || status == STATUS_OK)
        return LANE_EXIT_STOPPED;
    if (status == STATUS_RETRY)
        return LANE_EXIT_TEMPORARY;
    return lane.is_identified ? LANE_EXIT_FATAL : LANE_EXIT_CONFIG; /* before the first record */
}
