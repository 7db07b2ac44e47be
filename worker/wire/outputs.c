#include "wire/outputs.h"

#include <string.h>

#include "base/arena.h"
#include "domain/account.h"
#include "domain/change.h"
#include "wire/crypto.h"

enum { ID_BYTES_MAX = 1024 };

/* SQLSTATE of a limit exceeded: the event is to blame, as for a row that a table does not take. */
static const char too_large[] = "54000";

static void put(char *bytes, size_t *len, const void *from, size_t n)
{
    if (*len + n > ID_BYTES_MAX)
        n = ID_BYTES_MAX - *len; /* names of cluster and topic are at most 249 characters */
    memcpy(bytes + *len, from, n);
    *len += n;
}

struct uuid output_id(const struct output_maker *maker, const struct output_source *source,
                      enum output_kind kind, uint32_t index)
{
    char bytes[ID_BYTES_MAX];
    size_t len = 0;
    const int64_t numbers[] = {source->partition, source->offset, source->timestamp_ms,
                               (int64_t)kind, index};
    put(bytes, &len, maker->cluster_id.data, maker->cluster_id.len);
    put(bytes, &len, "", 1);
    put(bytes, &len, maker->topic.data, maker->topic.len);
    put(bytes, &len, "", 1);
    put(bytes, &len, numbers, sizeof numbers);
    return crypto_uuid(bytes, len);
}

static struct text keep(const struct buffer *buffer, struct arena *arena)
{
    return text_copy(arena, buffer_text(buffer));
}

/* --- results ------------------------------------------------------------------------------------
 */

/* What a later result will find in the ledger of an earlier event of the same batch. */
static struct first_result first_of_batch(const struct output_maker *maker,
                                          const struct outcome *first, int64_t now_us)
{
    struct first_result result = {
        .status = text_from(outcome_status_names[first->status]),
        .code = text_from(code_name(first->code)),
        .account_id = INT_NULL,
        .version_before = first->version_before,
        .version_after = first->version_after,
        .applied_at = now_us,
        .worker = maker->worker,
    };
    if (first->account) {
        result.account_uuid = first->account->uuid;
        result.account_id = first->account->account_id;
    }
    for (int i = 0; i < SERVICE_COUNT; i++)
        result.service_ids[i] = first->services[i] ? first->services[i]->service_id : INT_NULL;
    return result;
}

/* A derived outcome says nothing of its own batch, so that a re-read derives the very same bytes.
 */
static void derive(struct output_maker *maker, const struct outcome *outcome,
                   const struct event *event, struct arena *arena, struct first_result *first,
                   struct result_facts *facts)
{
    facts->first = first;
    if (outcome->first_outcome) {
        *first = first_of_batch(maker, outcome->first_outcome, facts->applied_at);
        facts->first_seen = (struct source){maker->topic, outcome->first_event->position.source,
                                            outcome->first_event->position.offset};
        return;
    }
    facts->applied_at = event->position.timestamp_us;
    facts->worker = TEXT("");
    facts->first = NULL;
    if (!outcome->memory)
        return;
    facts->first_seen = (struct source){outcome->memory->topic, outcome->memory->partition,
                                        outcome->memory->offset};
    if (!decode_first_result(maker->encoder, outcome->memory->result, arena, first))
        return;
    facts->first = first;
    facts->applied_at = first->applied_at;
    facts->worker = first->worker;
}

enum status output_result(struct output_maker *maker, const struct output_source *source,
                          const struct uuid *result_id, const struct event *event,
                          const struct outcome *outcome, struct arena *arena,
                          struct text *ret_value, struct error *err)
{
    struct first_result first;
    struct result_facts facts = {
        .result_id = *result_id,
        .event = event,
        .outcome = outcome,
        .source = {maker->topic, source->partition, source->offset},
        .republished = source->republished,
        .applied_at = source->now_us,
        .worker = maker->worker,
    };
    struct arena_mark mark = arena_mark(arena);
    if (outcome->derived)
        derive(maker, outcome, event, arena, &first, &facts);
    buffer_clear(&maker->scratch);
    encode_result(maker->encoder, &maker->result_framing, &facts, arena, &maker->scratch);
    arena_rewind(arena, mark); /* all texts are in the bytes now */
    if (maker->scratch.failed)
        return error_set(
            err, STATUS_RETRY, too_large,
            "the result of offset %lld of partition %d is larger than any record may be",
            (long long)source->offset, source->partition);
    *ret_value = keep(&maker->scratch, arena);
    return STATUS_OK;
}

/* --- change records -----------------------------------------------------------------------------
 */

enum status output_change(struct output_maker *maker, const struct output_source *source,
                          const struct event *event, const struct change *change, uint32_t index,
                          struct fence_state *fence, struct arena *arena,
                          struct change_entry *ret_entry, struct text *ret_value, struct error *err)
{
    const struct framing *framing = &maker->change_framing;
    const struct change_facts facts = {
        .change_id = output_id(maker, source, OUTPUT_KIND_CHANGE, index),
        .chain_seq = fence->chain_seq + 1,
        .prev_hash = fence->chain_head,
        .event = event,
        .change = change,
        .source = {maker->topic, source->partition, source->offset},
        .recorded_at = source->now_us,
    };
    struct buffer *scratch = &maker->scratch;
    buffer_clear(scratch);
    buffer_put(scratch, framing->prefix, framing->prefix_len);
    struct arena_mark mark = arena_mark(arena);
    encode_change_body(maker->encoder, &facts, arena, scratch);
    arena_rewind(arena, mark); /* all texts are in the bytes now */
    size_t body_end = scratch->len;
    char *hash_place = buffer_reserve(scratch, SHA256_LEN);
    if (!hash_place)
        return error_set(err, STATUS_RETRY, too_large,
                         "a change record of offset %lld of partition %d is larger than any record "
                         "may be",
                         (long long)source->offset, source->partition);
    struct text body = {scratch->data + framing->prefix_len, body_end - framing->prefix_len};
    crypto_sha256(body.data, body.len, (uint8_t *)hash_place);
    scratch->len += SHA256_LEN;

    *ret_value = keep(scratch, arena);
    fence->chain_seq++;
    memcpy(fence->chain_head, ret_value->data + body_end, SHA256_LEN);
    *ret_entry = (struct change_entry){
        .fence_id = source->fence_id,
        .seq = fence->chain_seq,
        .changed_at = source->now_us,
        .event_id = event ? &event->event_id : &UUID_NIL,
        .object_type = text_from(change->object_type),
        .object_id = change->object_uuid,
        .frame = text_slice(*ret_value, 0, framing->prefix_len),
        .body = text_slice(*ret_value, framing->prefix_len, body.len),
        .hash = (const uint8_t *)ret_value->data + body_end,
    };
    return STATUS_OK;
}
