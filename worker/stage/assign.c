#include "stage/assign.h"

#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "base/failpoint.h"
#include "base/log.h"
#include "domain/change.h"
#include "domain/fence.h"
#include "wire/kafka.h"
#include "wire/ledger.h"
#include "wire/postgres.h"

/* The fence row, while it is locked. */
struct fence_row {
    bool exists;
    struct fence_state state;
    struct text permission, permission_reason, permission_by;
    int64_t republish_below;
};

enum {
    ROW_FENCE_ID,
    ROW_GROUP_ID,
    ROW_NEXT_OFFSET,
    ROW_OWNER_EPOCH,
    ROW_PUBLISHED_UPTO,
    ROW_CHAIN_SEQ,
    ROW_CHAIN_HEAD,
    ROW_PERMISSION,
    ROW_PERMISSION_REASON,
    ROW_PERMISSION_BY,
    ROW_REPUBLISH_BELOW
};

static void take_row(const struct result *result, struct arena *arena, struct fence_row *row)
{
    *row = (struct fence_row){.exists = result_rows(result) > 0};
    if (!row->exists)
        return;
    row->state = (struct fence_state){
        .fence_id = (int32_t)result_int(result, 0, ROW_FENCE_ID),
        .next_offset = result_int(result, 0, ROW_NEXT_OFFSET),
        .owner_epoch = result_int(result, 0, ROW_OWNER_EPOCH),
        .published_upto = result_int(result, 0, ROW_PUBLISHED_UPTO),
        .chain_seq = result_int(result, 0, ROW_CHAIN_SEQ),
    };
    struct text head = result_text(result, 0, ROW_CHAIN_HEAD);
    if (head.len == CHAIN_HASH_LEN)
        memcpy(row->state.chain_head, head.data, CHAIN_HASH_LEN);
    row->permission = text_copy(arena, result_text(result, 0, ROW_PERMISSION));
    row->permission_reason = text_copy(arena, result_text(result, 0, ROW_PERMISSION_REASON));
    row->permission_by = text_copy(arena, result_text(result, 0, ROW_PERMISSION_BY));
    row->republish_below = result_int(result, 0, ROW_REPUBLISH_BELOW);
}

/* One statement by itself, with its result. */
static enum status ask(struct assign *assign, const char *statement, const struct param *params,
                       int count, struct result **ret_result, struct error *err)
{
    enum status status = postgres_send(assign->pg, statement, params, count, err);
    if (status == STATUS_OK)
        status = postgres_sync(assign->pg, err);
    if (status == STATUS_OK)
        status = postgres_result(assign->pg, ret_result, err);
    return status == STATUS_OK ? postgres_drain(assign->pg, err) : status;
}

static enum status load_row(struct assign *assign, int32_t partition, struct fence_row *row,
                            struct error *err)
{
    const struct param params[] = {param_text(assign->maker->cluster_id),
                                   param_text(assign->maker->topic),
                                   param_int4(assign->arena, partition)};
    struct result *result = NULL;
    enum status status = ask(assign, "load_fence", params, 3, &result, err);
    if (status == STATUS_OK)
        take_row(result, assign->arena, row);
    result_close(result);
    return status;
}

static enum status insert_row(struct assign *assign, int32_t partition, int64_t next_offset,
                              struct fence_row *row, struct error *err)
{
    const struct param params[] = {
        param_text(assign->maker->cluster_id),  param_text(assign->maker->topic),
        param_int4(assign->arena, partition),   param_text(text_from(assign->group_id)),
        param_int8(assign->arena, next_offset), param_time(assign->arena, clock_now_us())};
    struct result *result = NULL;
    enum status status = ask(assign, "insert_fence", params, 6, &result, err);
    result_close(result);
    return status == STATUS_OK ? load_row(assign, partition, row, err) : status;
}

/* --- facts --------------------------------------------------------------------------------------
 */

static enum status ask_kafka(struct assign *assign, int32_t partition, struct fence_facts *facts,
                             struct error *err)
{
    int timeout_ms = (int)assign->request_timeout_ms;
    struct kafka_partition committed = {partition, -1};
    enum status status = kafka_committed(assign->consumer, &committed, 1, timeout_ms, err);
    if (status == STATUS_OK)
        status = kafka_watermarks(assign->consumer, partition, timeout_ms, &facts->log_start,
                                  &facts->log_end, err);
    facts->committed = committed.start_offset;
    return status;
}

static enum status look_behind_fence(struct assign *assign, int32_t partition,
                                     struct fence_facts *facts, struct error *err)
{
    bool is_ahead = facts->has_row && facts->committed > facts->fence &&
                    facts->fence >= facts->log_start && facts->committed <= facts->log_end;
    bool has_records = true;
    if (!is_ahead)
        return STATUS_OK;
    enum status status =
        kafka_range_has_records(assign->consumer, partition, facts->fence, facts->committed,
                                (int)assign->request_timeout_ms, &has_records, err);
    facts->only_control_records = !has_records;
    return status;
}

static void take_permission(const struct fence_row *row, struct fence_facts *facts)
{
    if (text_equal_z(row->permission, "accept"))
        facts->permission = FENCE_PERMIT_ACCEPT;
    else if (text_equal_z(row->permission, "adopt"))
        facts->permission = FENCE_PERMIT_ADOPT;
}

static enum status gather_facts(struct assign *assign, int32_t partition,
                                const struct fence_row *row, struct fence_facts *facts,
                                struct error *err)
{
    *facts = (struct fence_facts){
        .has_row = row->exists,
        .fence = row->state.next_offset,
        .policy_rewind = assign->policy_rewind,
        .republish_below = row->republish_below,
        .published_upto = row->state.published_upto,
    };
    take_permission(row, facts);
    enum status status = ask_kafka(assign, partition, facts, err);
    return status == STATUS_OK ? look_behind_fence(assign, partition, facts, err) : status;
}

/* --- an operator's permission is spent: the change log says so ----------------------------------
 */

static enum status log_permission(struct assign *assign, int32_t partition,
                                  const struct fence_decision *decision, struct fence_row *row,
                                  struct error *err)
{
    struct actor actor = {.kind = ACTOR_SYSTEM,
                          .id = row->permission_by.data ? row->permission_by : TEXT("operator"),
                          .reason = row->permission_reason};
    int64_t now_us = clock_now_us();
    const struct event event = {
        .kind_name = text_format(
            assign->arena, "fence %.*s: %s, from offset %" PRId64 " to %" PRId64,
            TEXT_ARG(row->permission), decision->name, row->state.next_offset, decision->start),
        .actor = &actor,
        .context = TEXT(""),
        .source = TEXT("provctl"),
        .occurred_at = now_us,
        .expected_version = INT_NULL,
        .expires_at = INT_NULL,
    };
    const struct change change = {
        .action = CHANGE_OPERATOR,
        .object_type = "fence",
        .object_id =
            text_format(assign->arena, "%.*s/%" PRId32, TEXT_ARG(assign->maker->topic), partition),
        .objects = INT_NULL,
        .seq_first = INT_NULL,
        .seq_last = INT_NULL,
    };
    const struct output_source source = {.fence_id = row->state.fence_id,
                                         .partition = partition,
                                         .offset = decision->start,
                                         .timestamp_ms = row->state.owner_epoch,
                                         .now_us = now_us};
    struct change_entry entry;
    struct text value;
    enum status status = output_change(assign->maker, &source, &event, &change, 0, &row->state,
                                       assign->arena, &entry, &value, err);
    entry.event_id = &UUID_NIL;
    return status == STATUS_OK ? ledger_copy_changes(assign->pg, &entry, 1, err) : status;
}

/* --- the decision -------------------------------------------------------------------------------
 */

static int64_t larger(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* Results of records that are new to the database and below this were published in its former life:
 * they are marked. It outlives the lane; in another log it would mean other records. */
static int64_t republish_below(const struct fence_facts *facts,
                               const struct fence_decision *decision, const struct fence_row *row)
{
    int64_t below = row->republish_below;
    if (decision->republished)
        below = larger(below, facts->committed);
    bool is_same_log = decision->next_offset >= row->state.next_offset && below <= facts->log_end;
    return is_same_log && below > decision->next_offset ? below : 0;
}

static enum status own(struct assign *assign, struct partition *partition,
                       const struct fence_facts *facts, const struct fence_decision *decision,
                       const struct fence_row *row, struct error *err)
{
    int64_t below = republish_below(facts, decision, row);
    const struct param params[] = {
        param_int4(assign->arena, row->state.fence_id),
        param_text(text_from(assign->group_id)),
        param_int8(assign->arena, decision->next_offset),
        param_int8(assign->arena, decision->published_upto),
        param_bool(assign->arena, decision->uses_permission),
        param_time(assign->arena, clock_now_us()),
        param_int8(assign->arena, row->state.chain_seq),
        param_bytes((struct text){(const char *)row->state.chain_head, CHAIN_HASH_LEN}),
        param_int8(assign->arena, below),
    };
    struct result *result = NULL;
    enum status status = ask(assign, "own_fence", params, 9, &result, err);
    if (status != STATUS_OK) {
        result_close(result);
        return status;
    }
    partition->fence_id = row->state.fence_id;
    partition->epoch = result_int(result, 0, 0);
    partition->next_offset = decision->start;
    partition->fence_offset = decision->next_offset;
    partition->published_upto = partition->noted_upto = decision->published_upto;
    partition->republish_below = below;
    result_close(result);
    return STATUS_OK;
}

static void log_decision(const struct assign *assign, int32_t partition,
                         const struct fence_facts *facts, const struct fence_decision *decision)
{
    log_event(decision->alarm ? LOG_WARNING : LOG_INFO,
              decision->action == FENCE_GO ? "partition assigned" : "partition halted",
              LOG_TEXT("topic", assign->maker->topic), LOG_INT("partition", partition),
              LOG_Z("decision", decision->name), LOG_Z("reason", decision->reason),
              LOG_INT("fence", facts->has_row ? facts->fence : -1),
              LOG_INT("committed", facts->committed), LOG_INT("log_start", facts->log_start),
              LOG_INT("log_end", facts->log_end), LOG_INT("start", decision->start));
}

/* Why it stands still, how many records are gone if any are, and what to do. */
static struct text halt_reason(struct assign *assign, const struct fence_decision *decision)
{
    struct text gone = TEXT("");
    if (decision->gone > 0)
        gone = text_format(assign->arena, " (%" PRId64 " offsets are gone)", decision->gone);
    return text_format(assign->arena, "%s%.*s%s%s", decision->reason, TEXT_ARG(gone),
                       decision->remedy ? "; " : "", decision->remedy ? decision->remedy : "");
}

static enum status decide(struct assign *assign, struct partition *partition,
                          bool *ret_sets_committed, struct text *ret_reason, struct error *err)
{
    struct fence_row row;
    struct fence_facts facts;
    enum status status = load_row(assign, partition->partition, &row, err);
    if (status == STATUS_OK)
        status = gather_facts(assign, partition->partition, &row, &facts, err);
    if (status != STATUS_OK)
        return status;
    struct fence_decision decision = fence_decide(&facts);
    log_decision(assign, partition->partition, &facts, &decision);
    partition->is_halted = decision.action == FENCE_HALT;
    *ret_sets_committed = decision.action == FENCE_GO && decision.sets_committed;
    if (partition->is_halted) {
        *ret_reason = halt_reason(assign, &decision);
        return STATUS_OK;
    }
    *ret_reason = TEXT_NULL;
    if (!row.exists)
        status = insert_row(assign, partition->partition, decision.next_offset, &row, err);
    if (status == STATUS_OK && row.state.next_offset > decision.next_offset && !facts.has_row)
        return error_set(err, STATUS_RETRY, NULL,
                         "another worker made the fence row of partition %d meanwhile",
                         partition->partition);
    if (status == STATUS_OK && decision.uses_permission)
        status = log_permission(assign, partition->partition, &decision, &row, err);
    return status == STATUS_OK ? own(assign, partition, &facts, &decision, &row, err) : status;
}

/* The former owner may be a stopped process that holds the fence row in a COPY, which no timeout of
 * the server ends (wire/postgres.h): it would keep its successor out for as long as it stands. */
static void end_stalled(struct assign *assign, const struct error *err)
{
    int64_t ended = postgres_end_stalled_after(assign->pg, err);
    if (ended)
        log_event(LOG_WARNING, "ended sessions of stopped workers that held a fence",
                  LOG_INT("sessions", ended));
}

/* So that Kafka agrees with what was decided, and the next assignment decides no other: after a
 * rewind who dies between the two commits of a batch is followed by one who reads it again. */
static enum status set_committed(struct assign *assign, const struct partition *partition,
                                 struct error *err)
{
    const struct kafka_partition place = {partition->partition, partition->next_offset};
    FAILPOINT("before_rewind");
    return kafka_set_committed(assign->consumer, &place, (int)assign->request_timeout_ms, err);
}

enum status assign_partition(struct assign *assign, struct partition *partition,
                             struct text *ret_reason, struct error *err)
{
    bool sets_committed = false;
    enum status status = postgres_command(assign->pg, "BEGIN", err);
    if (status == STATUS_OK)
        status = decide(assign, partition, &sets_committed, ret_reason, err);
    if (status == STATUS_OK)
        status = postgres_commit(assign->pg, err);
    if (status == STATUS_OK)
        return sets_committed ? set_committed(assign, partition, err) : STATUS_OK;
    postgres_clear_after(assign->pg, status);
    end_stalled(assign, err);
    return status;
}

enum status assign_note_published(struct postgres *pg, struct partition *partitions, size_t count,
                                  struct arena *arena, struct error *err)
{
    struct arena_mark mark = arena_mark(arena);
    struct fence_state *states = ARENA_ARRAY(arena, struct fence_state, count);
    size_t news = 0;
    for (size_t i = 0; i < count; i++) {
        if (!partitions[i].is_halted && partitions[i].published_upto > partitions[i].noted_upto)
            states[news++] = (struct fence_state){.fence_id = partitions[i].fence_id,
                                                  .owner_epoch = partitions[i].epoch,
                                                  .published_upto = partitions[i].published_upto};
    }
    enum status status = news > 0 ? ledger_note_published(pg, states, news, err) : STATUS_OK;
    postgres_clear_after(pg, status);
    for (size_t i = 0; i < count && status == STATUS_OK; i++)
        partitions[i].noted_upto = partitions[i].published_upto;
    arena_rewind(arena, mark);
    return status;
}

enum status assign_operator_acts(struct postgres *pg, const struct output_maker *maker,
                                 const struct partition *partitions, size_t count,
                                 int64_t *ret_acts, struct error *err)
{
    struct array halted = {.count = 0};
    struct result *result = NULL;
    struct assign assign = {.pg = pg};
    array_begin(&halted, ARRAY_INT4);
    for (size_t i = 0; i < count; i++) {
        if (partitions[i].is_halted)
            array_add_int(&halted, partitions[i].partition);
    }
    const struct param params[] = {param_text(maker->cluster_id), param_text(maker->topic),
                                   array_param(&halted)};
    enum status status = ask(&assign, "fence_permissions", params, 3, &result, err);
    postgres_clear_after(pg, status);
    if (status == STATUS_OK)
        *ret_acts = result_int(result, 0, 0);
    result_close(result);
    array_close(&halted);
    return status;
}
