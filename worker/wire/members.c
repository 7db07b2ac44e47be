#include "wire/members.h"

#include <string.h>

#include "base/arena.h"
#include "domain/change.h"
#include "domain/group.h"
#include "wire/fanout.h"
#include "wire/postgres.h"

/* Who came has a number after, who went one before; what the row is by now does not matter. */
static void describe(const struct outcome_member *member, struct column_change *columns,
                     struct change *ret_change)
{
    struct column_change number = {.column = noun_column(&member_noun, "number"),
                                   .before = {.number = INT_NULL},
                                   .after = {.number = INT_NULL}};
    *(member->has_left ? &number.before : &number.after) =
        (union cell){.number = member->member->number};
    columns[0] = number;
    *ret_change = (struct change){
        .action = member->has_left ? CHANGE_PURGE : CHANGE_CREATE,
        .object_type = member_noun.table,
        .object_id = member->member->address,
        .object_uuid = member->member->account_uuid,
        .columns = columns,
        .column_count = 1,
        .objects = INT_NULL,
        .seq_first = INT_NULL,
        .seq_last = INT_NULL,
    };
}

struct logging {
    struct output_maker *maker;
    const struct output_source *source;
    const struct event *event;
    const struct outcome *outcome;
    struct fence_state *fence;
};

static enum status log_piece(const struct logging *logging, struct postgres *pg, size_t from,
                             size_t to, struct arena *arena, struct error *err)
{
    struct change_entry *entries = ARENA_ARRAY(arena, struct change_entry, to - from);
    for (size_t i = from; i < to; i++) {
        struct column_change columns[1];
        struct change change;
        struct text value;
        describe(&logging->outcome->members[i], columns, &change);
        enum status status = output_change(logging->maker, logging->source, logging->event, &change,
                                           FANOUT_INDEX_FIRST + (uint32_t)i, logging->fence, arena,
                                           &entries[i - from], &value, err);
        if (status != STATUS_OK)
            return status;
    }
    return ledger_copy_changes(pg, entries, to - from, err);
}

static enum status log_all(const struct logging *logging, struct postgres *pg, struct error *err)
{
    enum { PIECE_BYTES_MAX = 64 * 1024 * 1024, PIECE_BYTES_KEPT = 8 * 1024 * 1024 };
    size_t count = logging->outcome->member_count;
    struct arena arena;
    enum status status = STATUS_OK;
    arena_init(&arena, PIECE_BYTES_MAX, PIECE_BYTES_KEPT);
    for (size_t from = 0, to; from < count && status == STATUS_OK; from = to) {
        to = from + FANOUT_PIECE_ROWS < count ? from + FANOUT_PIECE_ROWS : count;
        arena_reset(&arena);
        status = log_piece(logging, pg, from, to, &arena, err);
    }
    arena_close(&arena);
    return status;
}

/* The group's own record, if its name changed or it is new, is there already. */
static void append_summary(struct outcome *outcome, int64_t seq_first, int64_t seq_last,
                           struct arena *arena)
{
    struct change *changes = ARENA_ARRAY(arena, struct change, outcome->change_count + 1);
    memcpy(changes, outcome->changes, outcome->change_count * sizeof *changes);
    changes[outcome->change_count] = (struct change){
        .action = CHANGE_FANOUT,
        .object_type = outcome->changes[0].object_type,
        .object_id = outcome->changes[0].object_id,
        .objects = (int64_t)outcome->member_count,
        .seq_first = seq_first,
        .seq_last = seq_last,
    };
    outcome->changes = changes;
    outcome->change_count++;
}

enum status members_log(struct postgres *pg, struct output_maker *maker,
                        const struct output_source *source, const struct event *event,
                        struct outcome *outcome, struct fence_state *fence, struct arena *arena,
                        struct error *err)
{
    int64_t seq_first = fence->chain_seq + 1;
    bool is_planned = outcome->status == OUTCOME_PLANNED;
    if (outcome->member_count == 0 || !(is_planned || outcome->status == OUTCOME_APPLIED))
        return STATUS_OK;
    const struct logging logging = {maker, source, event, outcome, fence};
    enum status status = is_planned ? STATUS_OK : log_all(&logging, pg, err);
    if (status == STATUS_OK)
        append_summary(outcome, seq_first, fence->chain_seq, arena);
    return status;
}
