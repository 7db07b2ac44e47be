#include "lane.h"

#include <setjmp.h>
#include <signal.h>
#include <string.h>

#include "base/clock.h"
#include "base/failpoint.h"
#include "base/log.h"
#include "lane_parts.h"

enum {
    IDLE_MS = 200, /* how long a turn waits for a record */
    IDLE_IN_FLIGHT_MS =
        10,           /* and while a batch is on its way, which should be noted when it is done */
    OPENED_MS = 1000, /* how long an opened transaction keeps its locks while Kafka is waited for */
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

/* --- waiting ---------------------------------------------------------------------------------- */

static void back_off(struct lane *lane, struct backoff *backoff, const char *what,
                     const struct error *err)
{
    const struct config_retry *retry = &lane->config->retry;
    apply_abandon(&lane->apply);
    backoff->wait_ms =
        backoff_longer_ms(backoff->wait_ms, retry->backoff_ms, retry->backoff_ms_max);
    if (backoff->wait_ms_max && backoff->wait_ms > backoff->wait_ms_max)
        backoff->wait_ms = backoff->wait_ms_max;
    log_event(LOG_WARNING, "trying again", LOG_Z("stage", what), LOG_Z("code", err->code),
              LOG_Z("reason", err->message), LOG_INT("wait_ms", backoff->wait_ms));
    lane_set_waiting(lane, err->message);
    int64_t until_us = deadline_in_ms(backoff->wait_ms);
    while (!stop_asked && !deadline_passed(until_us)) {
        enum { SLICE_MS = 50 };
        int left_ms = deadline_left_ms(until_us);
        clock_sleep_ms(left_ms < SLICE_MS ? left_ms : SLICE_MS);
        gauge_set(&lane->counters->progress_us, clock_monotonic_us());
    }
}

/* --- the path -----------------------------------------------------------------------------------
 */

static enum status run_decode(struct lane *lane, struct error *err)
{
    return decode_run(&lane->decode, lane->batch, err);
}

/* The whole batch, which is emptied; one of another assignment than now goes. */
static enum status put_back(struct lane *lane, struct batch *batch, struct error *err)
{
    enum status status = STATUS_OK;
    if (batch->generation == lane->assignment.generation)
        status = consume_put_back(&lane->consume, batch, 0, err);
    if (status == STATUS_OK)
        batch_reset(batch);
    return status;
}

static enum status put_ahead_back(struct lane *lane, struct error *err)
{
    enum status status = lane->ahead ? put_back(lane, lane->ahead, err) : STATUS_OK;
    if (status == STATUS_OK)
        lane->ahead = NULL;
    return status;
}

/* What was read ahead comes behind the batch, and is put back before it. */
enum status lane_put_all_back(struct lane *lane, struct error *err)
{
    enum status status = put_ahead_back(lane, err);
    return status == STATUS_OK ? put_back(lane, lane->batch, err) : status;
}

/* Leaves `ready` records in the batch. The others are the beginning of the next one. */
static enum status cut_batch(struct lane *lane, size_t ready, struct error *err)
{
    if (ready == lane->batch->count)
        return STATUS_OK;
    enum status status = put_ahead_back(lane, err);
    return status == STATUS_OK ? consume_put_back(&lane->consume, lane->batch, ready, err) : status;
}

static enum status run_prepare(struct lane *lane, struct error *err)
{
    size_t ready = lane->batch->count;
    enum status status = STATUS_OK;
    if (!prepare_is_due(lane->batch))
        return STATUS_OK;
    if (prepare_needs_database(lane->batch))
        status = lane_connect_database(lane, err);
    if (status == STATUS_OK)
        status = prepare_run(&lane->prepare, lane->batch, &ready, err);
    if (status == STATUS_OK)
        status = cut_batch(lane, ready, err);
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

static enum status run_step(struct lane *lane, const struct step *step, struct error *err)
{
    int64_t started_us = clock_monotonic_us();
    enum status status = step->run(lane, err);
    int64_t spent_us = clock_monotonic_us() - started_us;
    if (step == &apply_step) {
        spent_us += lane->opened_us;
        lane->opened_us = 0;
    }
    if (step != &publish_step) /* which is timed where it runs */
        histogram_observe_us(&lane->counters->stage_time[step->stage], spent_us);
    return status;
}

/* Runs a step over the batch until it is done, waiting out what the world does. A batch in flight
 * is not kept waiting for it. */
static enum status do_step(struct lane *lane, const struct step *step, struct error *err)
{
    struct backoff backoff = {0};
    for (;;) {
        enum status status = run_step(lane, step, err);
        if (status != STATUS_RETRY || is_final(err))
            return status;
        if (stop_asked)
            return STATUS_RETRY;
        struct error of_publish;
        if (step != &publish_step)
            status = finish_publish(lane, &of_publish);
        if (step != &publish_step && status != STATUS_OK) {
            *err = of_publish;
            return status;
        }
        back_off(lane, &backoff, step->name, err);
        if (stop_asked)
            return STATUS_RETRY;
    }
}

/* The batch in flight is the lane's again, to be filled anew; also in this turn. */
static void take_back(struct lane *lane)
{
    batch_reset(lane->in_flight);
    lane->in_flight = NULL;
}

/* Commits the batch in flight. When it cannot be, it is given up: the fence says where to read it
 * again. */
static enum status finish_publish(struct lane *lane, struct error *err)
{
    if (!lane->in_flight)
        return STATUS_OK;
    /* Another worker may want the locks while Kafka is away. */
    if (!publish_wait_ms(&lane->publish, OPENED_MS))
        apply_abandon(&lane->apply);
    enum status status = do_step(lane, &publish_step, err);
    if (status == STATUS_OK)
        lane_count_batch(lane, lane->in_flight);
    else
        publish_give_up(&lane->publish);
    take_back(lane);
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
void lane_settle_in_flight(struct lane *lane, bool is_lost)
{
    struct error err;
    apply_abandon(&lane->apply);
    if (lane->in_flight) {
        if (!is_lost && publish_finish(&lane->publish, lane->in_flight, &err) == STATUS_OK)
            lane_count_batch(lane, lane->in_flight);
        else
            publish_give_up(&lane->publish);
        take_back(lane);
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

/* Applies what was compared with fresh passwords only. */
static enum status apply_fresh(struct lane *lane, struct error *err)
{
    for (;;) {
        enum status status = do_step(lane, &apply_step, err);
        if (status != STATUS_RETRY || strcmp(err->code, apply_stale) != 0 || stop_asked)
            return status;
        status = make_fresh(lane, err);
        if (status == STATUS_OK)
            status = do_step(lane, &prepare_step, err);
        if (status != STATUS_OK)
            return status;
    }
}

/* One that is neither worked on nor on its way. */
static struct batch *free_batch(struct lane *lane)
{
    struct batch *batch = lane->batches;
    while (batch == lane->batch || batch == lane->in_flight)
        batch++;
    return batch;
}

/* From here on the batch travels by itself; the lane goes on with what it has read ahead. */
static void begin_publish(struct lane *lane)
{
    breaker_take_applied(&lane->breaker, lane->batch);
    lane->in_flight = lane->batch;
    lane->batch = lane->ahead ? lane->ahead : free_batch(lane);
    lane->ahead = NULL;
    publish_begin(&lane->publish, lane->in_flight);
}

static enum status consume(struct lane *lane, struct error *err)
{
    int idle_ms = lane->in_flight ? IDLE_IN_FLIGHT_MS : IDLE_MS;
    enum status status = consume_run(&lane->consume, lane->batch, idle_ms, err);
    lane_note_waiting_records(lane);
    if (status == STATUS_OK && lane->in_flight && publish_is_done(&lane->publish))
        status = finish_publish(lane, err);
    if (status == STATUS_OK && !lane->batch->count)
        note_published(lane);
    return status;
}

static void look_up(struct lane *lane)
{
    int64_t started_us = clock_monotonic_us();
    apply_look_up(&lane->apply);
    lane->opened_us += clock_monotonic_us() - started_us;
}

/* Behind a full batch there are more records: they are read now and decoded while the database
 * works on this one. Trouble that loses nothing shows again. */
static enum status read_ahead(struct lane *lane, struct error *err)
{
    if (!consume_is_full(&lane->consume, lane->batch))
        return STATUS_OK;
    lane->ahead = free_batch(lane);
    look_up(lane);
    enum status status = consume_run(&lane->consume, lane->ahead, 0, err);
    return status == STATUS_RETRY && strcmp(err->code, batch_lost) != 0 ? STATUS_OK : status;
}

static bool work_ahead(void *opaque)
{
    struct lane *lane = opaque;
    return lane->ahead && decode_ahead(&lane->decode, lane->ahead);
}

/* The database goes on at once with the locks and look-ups of the batch behind, if nothing is to be
 * found out for it before, while the lane hands the applied one over and reads ahead. */
static void open_ahead(struct lane *lane)
{
    const struct batch *ahead = lane->ahead;
    if (!ahead || stop_asked || !consume_is_full(&lane->consume, ahead) ||
        ahead->decoded < ahead->count || prepare_is_due(ahead))
        return;
    int64_t started_us = clock_monotonic_us();
    apply_open(&lane->apply, lane->ahead);
    lane->opened_us = clock_monotonic_us() - started_us;
    FAILPOINT("opened_ahead");
}

/* What would be applied now would wait for the batch in flight (consume.h). */
static bool is_behind(void *opaque)
{
    const struct lane *lane = opaque;
    return lane->in_flight && !stop_asked && !publish_is_done(&lane->publish);
}

/* Partitions came or went while the lane read ahead. The new assignment starts from the fences. */
static bool drop_if_stale(struct lane *lane)
{
    if (lane->batch->generation == lane->assignment.generation)
        return false;
    apply_abandon(&lane->apply);
    batch_reset(lane->batch);
    if (lane->ahead)
        lane->batch = lane->ahead;
    lane->ahead = NULL;
    return true;
}

/* A schema cannot be had at the moment. Nothing is done yet for any record: all are put back, so
 * that the next turn serves the group before it asks again. */
static enum status put_off(struct lane *lane, struct error *err)
{
    const struct error cause = *err;
    enum status status = finish_publish(lane, err);
    if (status == STATUS_OK)
        status = lane_put_all_back(lane, err);
    if (status != STATUS_OK)
        return status;
    lane->is_put_off = true;
    back_off(lane, &lane->schema_wait, decode_step.name, &cause);
    return STATUS_OK;
}

static enum status decode(struct lane *lane, struct error *err)
{
    enum status status = run_step(lane, &decode_step, err);
    lane->is_put_off = false;
    if (status != STATUS_RETRY)
        lane->schema_wait.wait_ms = 0;
    else if (!stop_asked)
        return put_off(lane, err);
    return status == STATUS_OK ? cut_batch(lane, lane->batch->decoded, err) : status;
}

/* One turn of the loop:   consume > decode > prepare > apply > publish
 * While one batch is applied, the one before it is on its way to Kafka, and the one behind it is
 * decoded; and as soon as it is applied, the transaction of that one is opened. */
static enum status turn(struct lane *lane, struct error *err)
{
    enum status status = consume(lane, err);
    if (status != STATUS_OK || lane->batch->count == 0)
        return status;
    status = decode(lane, err);
    if (lane->is_put_off)
        return status;
    if (status == STATUS_OK)
        status = breaker_judge(&lane->breaker, lane->batch, err);
    if (status == STATUS_OK)
        status = do_step(lane, &prepare_step, err);
    if (status == STATUS_OK)
        status = read_ahead(lane, err);
    if (status != STATUS_OK || drop_if_stale(lane))
        return status;
    FAILPOINT("after_prepare");
    status = apply_fresh(lane, err);
    if (status == STATUS_OK)
        open_ahead(lane);
    if (status == STATUS_OK)
        status = finish_publish(lane, err);
    if (status == STATUS_OK)
        begin_publish(lane);
    return status;
}

static void drop_batches(struct lane *lane)
{
    apply_abandon(&lane->apply);
    batch_reset(lane->batch);
    if (lane->ahead)
        batch_reset(lane->ahead);
    lane->ahead = NULL;
}

/* The memory for a batch has a ceiling (batch.memory_max). The code between leaves no handle open
 * but the connection, with a result of libpq that was being read, and that is made anew. */
static enum status guarded_turn(struct lane *lane, struct error *err)
{
    jmp_buf exhausted;
    lane_on_exhausted(lane, &exhausted);
    if (setjmp(exhausted) == 0) {
        enum status status = turn(lane, err);
        if (status != STATUS_OK)
            apply_abandon(&lane->apply);
        lane_on_exhausted(lane, NULL);
        return status;
    }
    lane_on_exhausted(lane, NULL);
    return lane_go_on_with_less(lane, err);
}

/* After a loss of partitions or a group that has moved on: what was read is read again, from where
 * the fence says. */
static enum status start_over(struct lane *lane, const struct error *cause, struct error *err)
{
    log_event(LOG_WARNING, "batch dropped; reading again from the fence",
              LOG_Z("reason", cause->message));
    drop_batches(lane);
    lane->assignment.generation++; /* what was held back lies behind the dropped records */
    return kafka_consumer_restart(lane->consume.consumer, err);
}

static enum status reassign_when_due(struct lane *lane, struct error *err)
{
    if (!lane_reassign_is_due(lane))
        return STATUS_OK;
    enum status status = kafka_consumer_restart(lane->consume.consumer, err);
    if (status == STATUS_OK)
        lane->reassign_at_us = 0;
    return status;
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
    const struct kafka_rebalance rebalance = lane_rebalance(lane);
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

/* Records that were read and are not applied come again only after a restart of the consumer:
 * going on without it would carry the fence past them. */
static bool loses_batch(const struct lane *lane, enum status status, const struct error *err)
{
    if (status == STATUS_OK)
        return false;
    return strcmp(err->code, batch_lost) == 0 ||
           (status == STATUS_RETRY && lane->batch->count && !stop_asked);
}

static enum status loop(struct lane *lane, struct error *err)
{
    enum status status = connect_all(lane, err);
    struct backoff backoff = {0};
    while (status == STATUS_OK && !stop_asked) {
        if (!lane->is_put_off)
            lane_set_running(lane);
        reload_when_asked(lane);
        status = reassign_when_due(lane, err);
        if (status == STATUS_OK)
            status = guarded_turn(lane, err);
        if (loses_batch(lane, status, err)) {
            const struct error cause = *err;
            status = start_over(lane, &cause, err);
        } else if (status == STATUS_RETRY && !stop_asked) {
            back_off(lane, &backoff, "consume", err);
            status = STATUS_OK;
        } else {
            backoff.wait_ms = 0;
        }
        if (status != STATUS_OK)
            drop_batches(lane);
        lane_show_lag(lane);
    }
    lane_settle_in_flight(lane, false);
    return status;
}

int lane_run(struct config *config, int lane_index, struct counters *counters)
{
    struct lane lane;
    struct error err = {.message = ""};
    enum status status = lane_setup(&lane, config, lane_index, counters, &err);
    lane.prepare.stop = &stop_asked;
    lane.consume.is_behind = is_behind;
    lane.consume.opaque = &lane;
    lane.apply.meanwhile = work_ahead;
    lane.apply.opaque = &lane;
    if (status == STATUS_OK)
        status = loop(&lane, &err);
    gauge_set(&counters->state, stop_asked ? LANE_STOPPING : LANE_FAILED);
    if (status != STATUS_OK && !stop_asked) {
        lane_show_reason(&lane, err.message);
        log_event(LOG_ERROR, "lane stops", LOG_Z("status", status_name(status)),
                  LOG_Z("code", err.code), LOG_Z("reason", err.message));
    }
    lane_hide_partitions(&lane);
    lane_close(&lane);
    if (stop_asked || status == STATUS_OK)
        return LANE_EXIT_STOPPED;
    if (status == STATUS_RETRY)
        return LANE_EXIT_TEMPORARY;
    bool is_config = !lane.is_identified && !postgres_blames_itself(&err);
    return is_config ? LANE_EXIT_CONFIG : LANE_EXIT_FATAL; /* before the first record, or later */
}
