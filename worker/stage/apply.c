#include "stage/apply.h"

#include <setjmp.h>
#include <string.h>

#include "base/failpoint.h"
#include "base/log.h"
#include "batch_breaker.h"
#include "batch_transaction.h"
#include "domain/kind.h"
#include "domain/plan.h"
#include "sql/statements.h"

#include "wire/fanout.h"
#include "wire/ledger.h"
#include "wire/load.h"
#include "wire/rows.h"

const char apply_stale[] = "STALE";

enum {
    LOST_RACES_BEFORE_LOCKS = 3, /* then rows are loaded with locks */
    LOST_RACES_MAX = 10,
    SLOW_TRIES_MAX = 3, /* of a fan-out that does not end within its timeout */
};

#define STATEMENT(file)                                                                            \
    {                                                                                              \
        .name = #file, .sql = sql_##file                                                           \
    }
const struct statement apply_statements[] = {
    {"begin", "BEGIN"}, /* in one pipeline with locks and look-ups */
    STATEMENT(lock_fences),
    STATEMENT(advance_fences),
    STATEMENT(note_published),
    STATEMENT(load_fence),
    STATEMENT(insert_fence),
    STATEMENT(own_fence),
    STATEMENT(fence_permissions),
    STATEMENT(recall_events),
    STATEMENT(recall_records),
    STATEMENT(recall_changes),
    STATEMENT(load_contexts),
    STATEMENT(load_contexts_locked),
    STATEMENT(load_domains),
    STATEMENT(load_domains_locked),
    STATEMENT(load_domains_limited),
    STATEMENT(load_domain_usage),
    STATEMENT(load_groups),
    STATEMENT(load_groups_numbered),
    STATEMENT(load_group_members),
    STATEMENT(load_memberships),
    STATEMENT(hold_accounts),
    STATEMENT(update_groups),
    STATEMENT(update_group_members),
    STATEMENT(delete_group_members),
    STATEMENT(delete_memberships),
    STATEMENT(delete_context_groups),
    STATEMENT(load_accounts),
    STATEMENT(load_accounts_locked),
    STATEMENT(load_services),
    STATEMENT(load_recoveries),
    STATEMENT(load_passwords),
    STATEMENT(update_contexts),
    STATEMENT(update_domains),
    STATEMENT(update_accounts),
    STATEMENT(delete_contexts),
    STATEMENT(delete_domains),
    STATEMENT(delete_accounts),
    STATEMENT(delete_services),
    STATEMENT(delete_recoveries),
    STATEMENT(draw_account_ids),
    STATEMENT(draw_service_ids),
    STATEMENT(fanout_delete),
    STATEMENT(fanout_quota),
    STATEMENT(fanout_flags),
    {NULL, NULL},
};

/* --- connection ---------------------------------------------------------------------------------
 */

enum status apply_connect(struct apply *apply, struct error *err)
{
    if (postgres_usable(apply->pg))
        return STATUS_OK;
    apply_close(apply);
    /* Another server may draw the rest of a block again: one that took over without our last
     * draw. */
    apply->ids = (struct id_supplies){.accounts = {0, 0}};
    return postgres_open(&apply->pg, apply->postgres_options, err);
}

void apply_forget(struct apply *apply)
{
    arena_reset(&apply->arena);
    arena_reset(&apply->piece);
}

void apply_close(struct apply *apply)
{
    postgres_close(apply->pg);
    apply->pg = NULL;
    apply->opened = NULL;
}

/* --- load ---------------------------------------------------------------------------------------
 */

/* The keys of the events of a segment that ledger and outcome memory do not know: those are decided
 * already, and touch no row. */
static void gather_keys(struct transaction *t, size_t from, size_t to, struct keys *keys)
{
    keys_init(keys, t->arena, to - from);
    for (size_t i = from; i < to; i++) {
        const struct event *event = t->batch->events[i];
        bool is_decided = t->memories[i - t->from] || t->is_reread[i - t->from];
        if (event && event->kind && !event->fault.code && !is_decided)
            event->kind->touch(event, keys);
    }
}

static enum status read_begin(struct transaction *t)
{
    struct result *result = NULL;
    enum status status = postgres_result(t->pg, &result, t->err);
    result_close(result);
    return status;
}

/* BEGIN, the locks and the recall go out together; nothing is waited for. */
static enum status send_opening(struct transaction *t)
{
    int32_t *ids = ARENA_ARRAY(t->arena, int32_t, t->batch->source_count);
    size_t count = transaction_fences(t, ids);
    enum status status = postgres_send(t->pg, "begin", NULL, 0, t->err);
    if (status == STATUS_OK)
        status = ledger_send_lock(t->pg, ids, count, t->err);
    if (status == STATUS_OK)
        status = memory_send(t);
    return status == STATUS_OK ? postgres_sync(t->pg, t->err) : status;
}

static enum status read_opening(struct transaction *t)
{
    enum status status = read_begin(t);
    if (status == STATUS_OK)
        status = memory_read_fences(t);
    if (status == STATUS_OK)
        status = memory_read(t);
    if (status == STATUS_OK)
        status = postgres_drain(t->pg, t->err);
    if (status == STATUS_OK)
        memory_spread(t);
    return status;
}

/* Asks for the rows that the events of a segment touch. */
static enum status ask_rows(struct transaction *t, size_t from, size_t to)
{
    bool is_locked = t->apply->lost_races >= LOST_RACES_BEFORE_LOCKS;
    gather_keys(t, from, to, &t->keys);
    working_set_init(&t->set, t->arena, to - from);
    enum status status = load_send(t->pg, &t->keys, is_locked, t->err);
    t->has_asked = status == STATUS_OK;
    return status == STATUS_OK ? postgres_sync(t->pg, t->err) : status;
}

static enum status load_segment(struct transaction *t, size_t from, size_t to)
{
    enum status status = t->has_asked ? STATUS_OK : ask_rows(t, from, to);
    t->has_asked = false;
    return status == STATUS_OK ? load_read(t->pg, &t->keys, &t->set, t->err) : status;
}

static size_t segment_end(const struct transaction *t, size_t from)
{
    return t->from + plan_segment_end(&t->input, from - t->from);
}

/* --- the transaction ----------------------------------------------------------------------------
 */

static enum status check_stale(struct transaction *t, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++) {
        if (!t->batch->events[i] || !transaction_outcome(t, i)->stale)
            continue;
        t->apply->stale_at = i;
        return error_set(t->err, STATUS_RETRY, apply_stale,
                         "a password changed while it was compared: comparing again");
    }
    return STATUS_OK;
}

static enum status finish_segment(struct transaction *t, size_t from, size_t to)
{
    enum status status = check_stale(t, from, to);
    if (status == STATUS_OK)
        status = store_draw_ids(t->pg, &t->set, &t->apply->ids, t->err);
    if (status == STATUS_OK)
        status = store_rows(t->pg, &t->set, t->err);
    for (size_t i = from; i < to && status == STATUS_OK; i++) {
        if (t->batch->events[i] && transaction_outcome(t, i)->fanout) {
            const struct output_source source = output_source_of(t, i);
            status = fanout_run(t->pg, t->maker, t->apply->fanout_timeout_ms, &source,
                                t->batch->events[i], transaction_outcome(t, i),
                                &t->fences[t->batch->records[i].source], t->arena, t->err);
            t->apply->slow_at = i;
        }
        if (status == STATUS_OK)
            status = output_make(t, i);
    }
    return status;
}

/* load, plan, store, and again for what lies behind a barrier. */
static enum status run_segments(struct transaction *t)
{
    enum status status = STATUS_OK;
    plan_begin(&t->plan, t->arena, &t->set, t->apply->policy, t->to - t->from);
    for (size_t from = t->from, to; from < t->to && status == STATUS_OK; from = to) {
        to = segment_end(t, from);
        status = load_segment(t, from, to);
        if (status != STATUS_OK)
            break;
        plan_run(&t->plan, &t->input, from - t->from, to - t->from, t->outcomes);
        status = finish_segment(t, from, to);
    }
    return status;
}

static void advance(struct transaction *t, struct fence_state *ret_states, size_t *ret_count)
{
    *ret_count = 0;
    for (size_t i = t->from; i < t->to; i++) {
        const struct record *record = &t->batch->records[i];
        if (record->offset >= t->fences[record->source].next_offset)
            t->fences[record->source].next_offset = record->offset + 1;
    }
    for (size_t s = 0; s < t->batch->source_count; s++) {
        struct fence_state *fence = &t->fences[s];
        const struct partition *partition = t->batch->sources[s].partition;
        if (!t->touches[s])
            continue;
        if (partition->published_upto > fence->published_upto)
            fence->published_upto = partition->published_upto;
        ret_states[(*ret_count)++] = *fence;
    }
}

/* Always a write, also when all was applied before: only a writing commit waits for a standby. */
static enum status advance_fences(struct transaction *t)
{
    struct postgres *pg = t->pg;
    struct fence_state *states = ARENA_ARRAY(t->arena, struct fence_state, t->batch->source_count);
    struct rows_requests requests = {.items = {{"advance_fences", 0}}, .count = 1};
    size_t count;
    advance(t, states, &count);
    requests.items[0].expected_rows = (int64_t)count;
    enum status status = ledger_send_advance(pg, states, count, t->batch->now_us, t->arena, t->err);
    if (status == STATUS_OK)
        status = postgres_sync(pg, t->err);
    if (status == STATUS_OK)
        status = rows_read_requests(pg, &requests, t->err);
    return status == STATUS_OK ? postgres_drain(pg, t->err) : status;
}

static enum status write_machinery(struct transaction *t)
{
    struct postgres *pg = t->pg;
    enum status status = ledger_copy_entries(pg, t->entries, t->entry_count, t->err);
    if (status == STATUS_OK)
        status = ledger_copy_records(pg, t->records, t->record_count, t->err);
    if (status == STATUS_OK)
        status = output_write_changes(t);
    return status == STATUS_OK ? advance_fences(t) : status;
}

static enum status commit(struct transaction *t)
{
    FAILPOINT("before_commit");
    enum status status = postgres_commit(t->pg, t->err);
    if (status != STATUS_OK)
        return status;
    FAILPOINT("after_commit");
    if (postgres_commit_not_durable(t->pg))
        return error_set(
            t->err, STATUS_RETRY, "01000",
            "committed here, but no standby has it: waiting for one before anything is "
            "published");
    for (size_t s = 0; s < t->batch->source_count; s++) {
        if (t->touches[s])
            t->batch->sources[s].partition->fence_offset = t->fences[s].next_offset;
    }
    return STATUS_OK;
}

/* The arrays are made in an arena that lives until the try has ended. */
static struct beginning remember(struct batch *batch, size_t from, size_t to, struct arena *arena)
{
    size_t count = to - from;
    struct beginning beginning = {.from = from, .to = to, .mark = arena_mark(&batch->arena)};
    beginning.events = ARENA_ARRAY(arena, struct event *, count);
    beginning.deaths = ARENA_ARRAY(arena, struct death *, count);
    memcpy(beginning.events, batch->events + from, count * sizeof(struct event *));
    memcpy(beginning.deaths, batch->deaths + from, count * sizeof(struct death *));
    return beginning;
}

/* With all memory of the try, so that a database that is away for long does not fill the batch's.
 */
static void undo(struct batch *batch, const struct beginning *beginning)
{
    size_t from = beginning->from, count = beginning->to - from;
    memcpy(batch->events + from, beginning->events, count * sizeof(struct event *));
    memcpy(batch->deaths + from, beginning->deaths, count * sizeof(struct death *));
    arena_rewind(&batch->arena, beginning->mark);
}

static struct transaction *begin(struct apply *apply, struct batch *batch, size_t from, size_t to,
                                 struct error *err)
{
    struct arena *arena = &apply->arena;
    size_t count = to - from;
    apply_forget(apply);
    struct transaction *t = ARENA_NEW(arena, struct transaction);
    *t = (struct transaction){.apply = apply,
                              .pg = apply->pg,
                              .maker = apply->maker,
                              .batch = batch,
                              .from = from,
                              .to = to,
                              .arena = arena,
                              .piece_arena = &apply->piece,
                              .err = err};
    t->beginning = remember(batch, from, to, arena);
    t->fences = ARENA_ARRAY(arena, struct fence_state, batch->source_count);
    t->touches = ARENA_ARRAY(arena, bool, batch->source_count);
    t->memories = ARENA_ARRAY(arena, const struct memory *, count);
    t->is_reread = ARENA_ARRAY(arena, bool, count);
    t->outcomes = ARENA_ARRAY(arena, struct outcome, count);
    t->entries = ARENA_ARRAY(arena, struct ledger_entry, count);
    t->records = ARENA_ARRAY(arena, struct record_entry, count);
    map_init(&t->events_known, arena, 16);
    map_init(&t->records_known, arena, 16);
    working_set_init(&t->set, arena, count);
    for (size_t i = from; i < to; i++)
        t->touches[t->batch->records[i].source] = true;
    t->input = (struct plan_input){
        .events = batch->events + from,
        .memories = t->memories,
        .is_reread = t->is_reread,
        .count = count,
        .policy = apply->policy,
    };
    return t;
}

/* The transaction over the range, opened ahead of its turn or now. */
static enum status open_transaction(struct apply *apply, struct batch *batch, size_t from,
                                    size_t to, struct transaction **ret_transaction,
                                    struct error *err)
{
    struct transaction *opened = apply->opened;
    if (opened && opened->batch == batch && opened->from == from && opened->to == to) {
        apply->opened = NULL;
        opened->err = err;
        opened->beginning.mark = arena_mark(&batch->arena);
        *ret_transaction = opened;
        return STATUS_OK;
    }
    apply_abandon(apply);
    if (!postgres_usable(apply->pg))
        return error_set(err, STATUS_RETRY, "08006", "postgres: the connection was lost");
    *ret_transaction = begin(apply, batch, from, to, err);
    return send_opening(*ret_transaction);
}

static enum status transact(struct apply *apply, struct batch *batch, size_t from, size_t to,
                            struct error *err)
{
    struct transaction *t = NULL;
    enum status status = open_transaction(apply, batch, from, to, &t, err);
    if (status != STATUS_OK)
        return status;
    postgres_meanwhile(apply->pg, apply->meanwhile, apply->opaque);
    if (!t->has_asked)
        status = read_opening(t);
    if (status == STATUS_OK)
        memory_bury(t);
    if (status == STATUS_OK)
        status = run_segments(t);
    FAILPOINT("in_transaction");
    if (status == STATUS_OK)
        status = output_recall_changes(t);
    if (status == STATUS_OK)
        status = write_machinery(t);
    if (status == STATUS_OK)
        status = commit(t);
    if (status != STATUS_OK)
        undo(batch, &t->beginning);
    return status;
}

/* A stopped process may hold our fences where no timeout of the server reaches it
 * (wire/postgres.h). */
static void end_stalled(struct apply *apply, const struct error *err)
{
    int64_t ended = postgres_end_stalled_after(apply->pg, err);
    if (ended)
        log_event(LOG_WARNING, "ended sessions of stopped workers that held locks",
                  LOG_INT("sessions", ended));
}

static void send_ahead(struct apply *apply, struct batch *batch)
{
    struct error ignored;
    apply->lost_races = 0;
    apply->opened = begin(apply, batch, 0, batch->count, &ignored);
    if (send_opening(apply->opened) != STATUS_OK)
        apply_abandon(apply);
}

/* Memory that runs out here is the next batch's trouble: the one that is applied goes on. */
void apply_open(struct apply *apply, struct batch *batch)
{
    jmp_buf exhausted;
    apply_abandon(apply);
    if (!postgres_usable(apply->pg))
        return;
    jmp_buf *former = arena_on_exhausted(&apply->arena, &exhausted);
    if (setjmp(exhausted) == 0) {
        send_ahead(apply, batch);
    } else {
        apply_close(apply);
        apply_forget(apply);
    }
    arena_on_exhausted(&apply->arena, former);
}

void apply_look_up(struct apply *apply)
{
    struct transaction *t = apply->opened;
    struct error ignored;
    if (!t)
        return;
    t->err = &ignored;
    enum status status = read_opening(t);
    if (status == STATUS_OK)
        status = ask_rows(t, t->from, segment_end(t, t->from));
    if (status == STATUS_OK)
        return;
    apply_abandon(apply);
    end_stalled(apply, &ignored);
}

void apply_abandon(struct apply *apply)
{
    struct error ignored;
    if (!apply->opened)
        return;
    apply->opened = NULL;
    if (!postgres_usable(apply->pg) || postgres_rollback(apply->pg, &ignored) != STATUS_OK)
        apply_close(apply);
    apply_forget(apply);
}

/* --- retries and unrolling -----------------------------------------------------------------------
 */

static bool lost_race(const struct error *err)
{
    return postgres_lost_race(err) || strcmp(err->code, rows_lost_race) == 0;
}

static void count_failure(struct counters *counters, const struct error *err)
{
    int class = 0;
    while (class < COUNTERS_SQLSTATE_CLASSES - 1 &&
           strncmp(err->code, sqlstate_class_names[class], 2) != 0)
        class ++;
    counter_add(&counters->pg_retries[class], 1);
    counter_add(
        strcmp(err->code, "08007") == 0 ? &counters->pg_in_doubt : &counters->pg_rolled_back, 1);
}

/* Runs the range until it neither loses a race nor anything else. */
static enum status transact_until_won(struct apply *apply, struct batch *batch, size_t from,
                                      size_t to, struct error *err)
{
    enum status status;
    for (apply->lost_races = 0;; apply->lost_races++) {
        status = transact(apply, batch, from, to, err);
        if (status == STATUS_OK) {
            counter_add(&apply->counters->pg_committed, 1);
            apply->slow_tries = 0;
            return STATUS_OK;
        }
        count_failure(apply->counters, err);
        bool again = lost_race(err) && apply->lost_races < LOST_RACES_MAX;
        struct error ignored;
        if (postgres_usable(apply->pg) && postgres_rollback(apply->pg, &ignored) != STATUS_OK)
            apply_close(apply);
        end_stalled(apply, err);
        if (!again || !apply->pg)
            return status;
        counter_add(&apply->counters->pg_lost_races, 1);
    }
}

/* The database refuses the record: it becomes a dead letter. */
static void bury(struct batch *batch, size_t i, const struct error *err)
{
    struct death *death = ARENA_NEW(&batch->arena, struct death);
    *death = (struct death){
        .stage = STAGE_APPLY,
        .code = CODE_STORAGE_REFUSED,
        .message = text_format(&batch->arena, "%s", err->message),
        .failed_at_us = batch->now_us,
    };
    if (batch->events[i])
        memcpy(death->value_hash, batch->events[i]->payload_hash, PAYLOAD_HASH_LEN);
    batch->deaths[i] = death;
    batch->events[i] = NULL;
}

/* One that is alone in its range. What the database refuses again and again is a fault of the
 * database, or of a deployment: the breaker stops the lane, after what is decided already. */
static enum status bury_alone(struct apply *apply, struct batch *batch, size_t i, struct error *err)
{
    bury(batch, i, err);
    enum status status = transact_until_won(apply, batch, i, i + 1, err);
    if (status == STATUS_OK && breaker_count(apply->breaker, true))
        return breaker_error(apply->breaker, err);
    return status;
}

/* A fan-out that takes too long is tried again by the lane, with its back-off, and given up in the
 * end: it would hold up its partition for ever. */
static bool is_slow_for_good(struct apply *apply, const struct error *err)
{
    if (strcmp(err->code, fanout_too_slow) != 0)
        return false;
    apply->slow_tries++;
    return apply->slow_tries >= SLOW_TRIES_MAX;
}

/* Halves a range that the database refuses until the culprit is alone. */
static enum status unroll(struct apply *apply, struct batch *batch, size_t from, size_t to,
                          struct error *err)
{
    enum status status = transact_until_won(apply, batch, from, to, err);
    if (status != STATUS_OK && is_slow_for_good(apply, err)) {
        bury(batch, apply->slow_at, err);
        return unroll(apply, batch, from, to, err);
    }
    bool blames_event = status != STATUS_OK && (postgres_blames_event(err) || lost_race(err));
    if (status == STATUS_OK || !blames_event)
        return status;
    /* A unique conflict of one event that comes back after every reload is no race: the key belongs
     * to a row that the event does not name, e.g. one made by the same id before the ledger was
     * pruned. */
    if (to - from == 1) {
        if (!postgres_blames_event(err) && !postgres_lost_race(err))
            return STATUS_RETRY;
        return bury_alone(apply, batch, from, err);
    }
    if (to - from == batch->count) {
        counter_add(&apply->counters->pg_unrolled_batches, 1);
        log_event(LOG_WARNING, "the database refuses a batch; unrolling it",
                  LOG_INT("records", batch->count), LOG_Z("sqlstate", err->code),
                  LOG_Z("reason", err->message));
    }
    size_t middle = from + (to - from) / 2;
    status = unroll(apply, batch, from, middle, err);
    return status == STATUS_OK ? unroll(apply, batch, middle, to, err) : status;
}

enum status apply_run(struct apply *apply, struct batch *batch, struct error *err)
{
    enum status status = apply_connect(apply, err);
    if (status != STATUS_OK)
        return status;
    struct beginning beginning = remember(batch, 0, batch->count, &batch->arena);
    batch->outputs = ARENA_ARRAY(&batch->arena, struct output, batch->count);
    status = unroll(apply, batch, 0, batch->count, err);
    if (apply->pg)
        postgres_meanwhile(apply->pg, NULL, NULL);
    apply_forget(apply);
    if (status != STATUS_OK) {
        undo(batch, &beginning);
        batch->outputs = NULL;
    }
    return status;
}
