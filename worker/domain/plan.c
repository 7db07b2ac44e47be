#include "domain/plan.h"

#include <stdarg.h>
#include <string.h>

#include "base/arena.h"
#include "domain/kind.h"
#include "domain/rights.h"
#include "domain/usage.h"

/* `before` of a row that the current event made. */
static const char made_by_event;

/* The first event of this batch that used up an id. */
struct plan_first {
    const struct event *event;
    const struct outcome *outcome;
};

void plan_begin(struct plan *plan, struct arena *arena, struct working_set *set,
                const struct policy *policy, size_t expected)
{
    *plan = (struct plan){.arena = arena, .set = set, .policy = policy};
    map_init(&plan->ids, arena, expected);
}

/* --- what is known already ----------------------------------------------------------------------
 */

static enum outcome_status reject_reused(struct plan *plan, struct outcome *outcome)
{
    return plan_reject(plan, outcome, CODE_ID_REUSED,
                       "the event id was used before for an event with other content: "
                       "send a new id with every new event");
}

static void duplicate_of_memory(struct plan *plan, const struct event *event,
                                const struct memory *memory, struct outcome *outcome)
{
    if (memcmp(memory->payload_hash, event->payload_hash, PAYLOAD_HASH_LEN) != 0) {
        reject_reused(plan, outcome);
        return;
    }
    outcome_say(outcome, plan->arena, OUTCOME_DUPLICATE, CODE_NONE, NULL);
    outcome->memory = memory;
}

static void duplicate_of_batch(struct plan *plan, const struct event *event,
                               const struct plan_first *first, struct outcome *outcome)
{
    if (memcmp(first->event->payload_hash, event->payload_hash, PAYLOAD_HASH_LEN) != 0) {
        reject_reused(plan, outcome);
        return;
    }
    outcome_say(outcome, plan->arena, OUTCOME_DUPLICATE, CODE_NONE, NULL);
    outcome->first_outcome = first->outcome;
    outcome->first_event = first->event;
}

static struct text id_key(const struct event *event)
{
    return (struct text){(const char *)event->event_id.bytes, sizeof event->event_id.bytes};
}

/* True when the event was seen before, and `outcome` says what is to be published for it. */
static bool decided_by_memory(struct plan *plan, const struct event *event,
                              const struct memory *memory, bool is_reread, struct outcome *outcome)
{
    if (memory && memory->is_same_record) {
        outcome->status = memory->status;
        outcome->recalled = true;
        outcome->memory = memory;
        return true;
    }
    outcome->derived = true;
    if (memory) {
        duplicate_of_memory(plan, event, memory, outcome);
        return true;
    }
    const struct plan_first *first =
        uuid_is_nil(&event->event_id) ? NULL : map_get(&plan->ids, id_key(event));
    if (first && outcome_uses_id(first->outcome->status)) {
        duplicate_of_batch(plan, event, first, outcome);
        return true;
    }
    if (is_reread) {
        /* Below the fence everything was processed; what was remembered of it has been pruned. */
        outcome_say(outcome, plan->arena, OUTCOME_DUPLICATE, CODE_NONE,
                    "processed before; the ledger no longer has its result");
        return true;
    }
    outcome->derived = false;
    return false;
}

/* Whether a dry run of a fan-out uses up its id is known when it was counted whom it would change.
 */
static void remember_in_batch(struct plan *plan, const struct event *event,
                              const struct outcome *outcome)
{
    bool may_use_id = outcome_uses_id(outcome->status) || outcome->fanout;
    if (uuid_is_nil(&event->event_id) || !may_use_id)
        return;
    struct plan_first *first = ARENA_NEW(plan->arena, struct plan_first);
    *first = (struct plan_first){event, outcome};
    map_put(&plan->ids, id_key(event), first);
}

/* --- judging ------------------------------------------------------------------------------------
 */

static enum outcome_status judge(struct plan *plan, const struct event *event,
                                 struct outcome *outcome)
{
    if (event->expires_at != INT_NULL && event->position.timestamp_us > event->expires_at)
        return outcome_say(outcome, plan->arena, OUTCOME_EXPIRED, CODE_NONE,
                           "the record was written after the event had expired");
    const struct fault *fault = event->fault.code ? &event->fault : &event->prepared.fault;
    if (fault->code)
        return plan_reject(plan, outcome, fault->code, "%.*s", TEXT_ARG(fault->message));
    if (!event->kind)
        return plan_reject(plan, outcome, CODE_UNSUPPORTED,
                           "this version of the worker does not know the command %.*s",
                           TEXT_ARG(event->kind_name));
    if (!rights_allow(plan, event))
        return plan_forbid(plan, outcome, "the actor has no right to send %s here",
                           event->kind->name);
    return event->kind->rule(plan, event, outcome);
}

/* --- settling: edits become versions and changes, or are undone ----------------------------------
 */

static void undo_edits(struct plan *plan)
{
    for (size_t i = 0; i < plan->edited.count; i++) {
        struct row *row = plan->edited.items[i];
        if (row->before == &made_by_event) {
            row->is_gone = true;
            row->is_dirty = false;
        } else {
            const struct row *before = row->before;
            memcpy(row, before, row->noun->size);
        }
    }
}

static void forget_edits(struct plan *plan)
{
    for (size_t i = 0; i < plan->edited.count; i++)
        plan->edited.items[i]->before = NULL;
    plan->edited.count = 0;
}

const struct row *plan_row_before(const struct row *row)
{
    return row->before == &made_by_event ? NULL : row->before;
}

/* What change_columns finds, kept with the plan. */
static size_t keep_columns(struct plan *plan, const struct row *before, const struct row *after,
                           const struct noun *noun, struct column_change **ret_columns)
{
    struct column_change found[CHANGE_COLUMNS_MAX];
    size_t count = change_columns(noun, before, after, found);
    *ret_columns = ARENA_ARRAY(plan->arena, struct column_change, count);
    if (count)
        memcpy(*ret_columns, found, count * sizeof *found);
    return count;
}

static enum change_action action_of(const struct plan *plan, const struct row *row)
{
    if (row->before == &made_by_event)
        return CHANGE_CREATE;
    if (row->is_gone)
        return plan->action == CHANGE_UPDATE ? CHANGE_DELETE : plan->action;
    return plan->action;
}

static int64_t *row_number(struct row *row, size_t offset)
{
    return offset == SIZE_MAX ? NULL : (int64_t *)((char *)row + offset);
}

/* Writes the change record of one row; false when nothing that is audited differs. */
static bool record_change(struct plan *plan, struct row *row, struct change *change)
{
    const struct noun *noun = row->noun;
    const struct row *before = plan_row_before(row), *after = row->is_gone ? NULL : row;
    if (!before && !after)
        return false;
    *change = (struct change){
        .action = action_of(plan, row),
        .object_type = noun->table,
        .objects = INT_NULL,
        .seq_first = INT_NULL,
        .seq_last = INT_NULL,
    };
    change->column_count = keep_columns(plan, before, after, noun, &change->columns);
    if (noun->name_offset == SIZE_MAX)
        return false;
    memcpy(&change->object_id, (const char *)row + noun->name_offset, sizeof(struct text));
    if (noun->uuid_offset != SIZE_MAX)
        memcpy(&change->object_uuid, (const char *)row + noun->uuid_offset, sizeof(struct uuid));
    return change->column_count > 0;
}

/* Any column that is stored differs: for changes that are not audited, such as a last login. */
static bool differs_at_all(const struct row *row)
{
    const struct row *before = plan_row_before(row);
    if (!before || row->is_gone)
        return true;
    for (const struct column *c = row->noun->columns; c->name; c++) {
        union cell a = column_get(c, before), b = column_get(c, row);
        if (!cell_equal(c, &a, &b))
            return true;
    }
    return false;
}

static void count_version(struct plan *plan, struct row *row)
{
    int64_t *version = row_number(row, row->noun->version_offset);
    int64_t *updated_at = row_number(row, row->noun->updated_at_offset);
    if (version && !(plan->event->kind->flags & KIND_UNCOUNTED))
        *version = row->before == &made_by_event ? 1 : *version + 1;
    if (updated_at)
        *updated_at = plan->event->occurred_at;
}

/* Turns the edits into change records. Returns whether anything differs. */
static bool record_changes(struct plan *plan, struct outcome *outcome)
{
    bool differs = false;
    outcome->changes = ARENA_ARRAY(plan->arena, struct change, plan->edited.count);
    for (size_t i = 0; i < plan->edited.count; i++) {
        struct row *row = plan->edited.items[i];
        if (!differs_at_all(row))
            continue;
        differs = true;
        row->is_dirty = true;
        if (record_change(plan, row, &outcome->changes[outcome->change_count])) {
            outcome->change_count++;
            count_version(plan, row);
        }
    }
    return differs;
}

static int64_t version_of(const struct row *row)
{
    if (!row || row->noun->version_offset == SIZE_MAX)
        return INT_NULL;
    return *(const int64_t *)((const char *)row + row->noun->version_offset);
}

static void note_versions(struct plan *plan, struct outcome *outcome)
{
    struct row *target = plan->target;
    if (!target)
        return;
    bool is_edited = target->before != NULL;
    outcome->version_before = version_of(is_edited ? plan_row_before(target) : target);
    outcome->version_after = target->is_gone ? INT_NULL : version_of(target);
}

static void note_services(struct outcome *outcome)
{
    if (!outcome->account)
        return;
    for (int i = 0; i < SERVICE_COUNT; i++) {
        struct service *service = outcome->account->service[i];
        outcome->services[i] = service && !service->row.is_gone ? service : NULL;
    }
}

/* FORBIDDEN leaves a trace: who tried what (rulings.md, 21). */
static void record_refusal(struct plan *plan, const struct event *event, struct outcome *outcome)
{
    if (outcome->status != OUTCOME_REJECTED || outcome->code != CODE_FORBIDDEN ||
        event->mode == MODE_DRY_RUN)
        return;
    struct change *change = ARENA_NEW(plan->arena, struct change);
    *change = (struct change){
        .action = CHANGE_REFUSE,
        .object_type = "command",
        .object_id = text_from(event->kind->name),
        .objects = INT_NULL,
        .seq_first = INT_NULL,
        .seq_last = INT_NULL,
    };
    const struct account *account = event->kind->target ? event->kind->target(plan, event) : NULL;
    if (account) {
        change->object_type = account_noun.table;
        change->object_id = account->address;
        change->object_uuid = account->uuid;
    }
    outcome->changes = change;
    outcome->change_count = 1;
}

static void settle(struct plan *plan, const struct event *event, struct outcome *outcome)
{
    if (outcome->status != OUTCOME_APPLIED) {
        undo_edits(plan);
        note_versions(plan, outcome);
        note_services(outcome);
        record_refusal(plan, event, outcome);
        return;
    }
    usage_follow_edits(plan);
    bool differs = record_changes(plan, outcome);
    note_versions(plan, outcome);
    note_services(outcome);
    if (!differs && !outcome->fanout)
        outcome->status = OUTCOME_NO_CHANGE;
    if (event->mode == MODE_DRY_RUN && outcome->status == OUTCOME_APPLIED) {
        outcome->status = OUTCOME_PLANNED;
        undo_edits(plan);
    }
    if (outcome->status != OUTCOME_APPLIED)
        outcome->generated_password = TEXT_NULL; /* nobody's password */
}

static void plan_one(struct plan *plan, const struct plan_input *input, size_t i,
                     struct outcome *outcome)
{
    const struct event *event = input->events[i];
    *outcome = (struct outcome){
        .version_before = INT_NULL, .version_after = INT_NULL, .chain_seq = INT_NULL};
    plan->event = event;
    plan->target = NULL;
    plan->action = CHANGE_UPDATE;
    if (decided_by_memory(plan, event, input->memories[i], input->is_reread[i], outcome))
        return;
    outcome->status = judge(plan, event, outcome);
    settle(plan, event, outcome);
    forget_edits(plan);
    remember_in_batch(plan, event, outcome);
}

void plan_run(struct plan *plan, const struct plan_input *input, size_t from, size_t to,
              struct outcome *outcomes)
{
    for (size_t i = from; i < to; i++) {
        if (input->events[i])
            plan_one(plan, input, i, &outcomes[i]);
    }
    working_set_drop_orphans(plan->set);
}

static bool is_barrier(const struct plan_input *input, size_t i)
{
    const struct event *event = input->events[i];
    return event && event->kind && event->kind->fans_out && !event->fault.code &&
           !input->memories[i] && event->kind->fans_out(event);
}

size_t plan_segment_end(const struct plan_input *input, size_t from)
{
    if (from < input->count && is_barrier(input, from))
        return from + 1;
    size_t end = from;
    while (end < input->count && !is_barrier(input, end))
        end++;
    return end;
}

/* --- for rules ---------------------------------------------------------------------------------
 */

void plan_edit(struct plan *plan, struct row *row)
{
    if (row->before)
        return;
    void *image = arena_alloc(plan->arena, row->noun->size);
    memcpy(image, row, row->noun->size);
    row->before = image;
    rows_add(&plan->edited, plan->arena, row);
}

void *plan_new(struct plan *plan, const struct noun *noun)
{
    struct row *row = arena_zalloc(plan->arena, 1, noun->size);
    for (const struct column *c = noun->columns; c->name; c++) {
        if (c->type != COLUMN_TEXT && c->type != COLUMN_UUID)
            column_set(c, row, (union cell){.number = INT_NULL});
        if (c->flags & COLUMN_NOT_NULL)
            column_set(c, row, c->fallback);
    }
    row->noun = noun;
    row->is_new = true;
    row->before = &made_by_event;
    int64_t *revision = row_number(row, noun->revision_offset);
    if (revision)
        *revision = 1;
    int64_t *updated_at = row_number(row, noun->updated_at_offset);
    if (updated_at)
        *updated_at = plan->event->occurred_at;
    rows_add(&plan->edited, plan->arena, row);
    return row;
}

void plan_remove(struct plan *plan, struct row *row)
{
    plan_edit(plan, row);
    row->is_gone = true;
}

bool plan_version_differs(struct plan *plan, int64_t version, struct outcome *outcome)
{
    int64_t expected = plan->event->expected_version;
    if (expected == INT_NULL || expected == version)
        return false;
    if (version == 0)
        plan_reject(plan, outcome, CODE_VERSION_MISMATCH,
                    "version %lld is expected, but there is no such object", (long long)expected);
    else
        plan_reject(plan, outcome, CODE_VERSION_MISMATCH,
                    "version %lld is expected, but the object is at version %lld",
                    (long long)expected, (long long)version);
    return true;
}

static enum outcome_status say(struct plan *plan, struct outcome *outcome,
                               enum outcome_status status, enum code code, const char *format,
                               va_list args)
{
    struct text message = format ? text_vformat(plan->arena, format, args) : TEXT_NULL;
    if (!format)
        return outcome_say(outcome, plan->arena, status, code, NULL);
    return outcome_say(outcome, plan->arena, status, code, "%.*s", TEXT_ARG(message));
}

enum outcome_status plan_reject(struct plan *plan, struct outcome *outcome, enum code code,
                                const char *format, ...)
{
    va_list args;
    va_start(args, format);
    say(plan, outcome, OUTCOME_REJECTED, code, format, args);
    va_end(args);
    return OUTCOME_REJECTED;
}

enum outcome_status plan_forbid(struct plan *plan, struct outcome *outcome, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    say(plan, outcome, OUTCOME_REJECTED, CODE_FORBIDDEN, format, args);
    va_end(args);
    return OUTCOME_REJECTED;
}

enum outcome_status plan_no_change(struct plan *plan, struct outcome *outcome, enum code code,
                                   const char *format, ...)
{
    va_list args;
    va_start(args, format);
    say(plan, outcome, OUTCOME_NO_CHANGE, code, format, args);
    va_end(args);
    return OUTCOME_NO_CHANGE;
}
