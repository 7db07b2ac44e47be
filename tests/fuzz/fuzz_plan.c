/* Any events over any rows of a small world, planned one by one, all at once, and cut where the
 * input says. After each transaction the tables' constraints and the counts must hold
 * (tests/rules/world_checks.c), after each event what its outcome promises, at the end the three
 * ways must agree, and reading everything again must change nothing. */
#include "check.h"
#include "domain/kind.h"
#include "fuzz.h"
#include "plan_input.h"
#include "world.h"

#include <assert.h>

enum { EVENTS_MAX = 24, ROWS_MAX = 200, CUTS = 3 };

struct run {
    struct world world;
    struct text outcomes[EVENTS_MAX];
    struct text rows;
};

/* --- what an outcome promises -------------------------------------------------------------------
 */

/* Rows are replaced, never changed in place: the pointers say what was written. */
struct snapshot {
    struct row *rows[WORLD_TABLES][ROWS_MAX];
    size_t counts[WORLD_TABLES];
};

static void take_snapshot(const struct world *world, struct snapshot *snapshot)
{
    for (int t = 0; t < WORLD_TABLES; t++) {
        const struct rows *rows = &world->tables[t].rows;
        assert(rows->count <= ROWS_MAX);
        snapshot->counts[t] = rows->count;
        for (size_t i = 0; i < rows->count; i++)
            snapshot->rows[t][i] = rows->items[i];
    }
}

static const struct row *find_before(const struct snapshot *snapshot, int t,
                                     const struct noun *noun, const struct row *row)
{
    for (size_t i = 0; i < snapshot->counts[t]; i++) {
        const struct row *other = snapshot->rows[t][i];
        bool is_same = true;
        for (const struct column *c = noun->columns; c->name; c++) {
            union cell a = column_get(c, other), b = column_get(c, row);
            is_same = is_same && (!(c->flags & COLUMN_KEY) || cell_equal(c, &a, &b));
        }
        if (is_same)
            return other;
    }
    return NULL;
}

static bool differs(const struct row *a, const struct row *b, unsigned flag)
{
    for (const struct column *c = a->noun->columns; c->name; c++) {
        union cell x = column_get(c, a), y = column_get(c, b);
        if (c->flags & flag && !(c->flags & COLUMN_VIRTUAL) && !cell_equal(c, &x, &y))
            return true;
    }
    return false;
}

static int64_t number_at(const struct row *row, size_t offset)
{
    int64_t number;
    memcpy(&number, (const char *)row + offset, sizeof number);
    return number;
}

/* A row that was there: a change that people are told of counts as one version, any as one
 * revision. */
static void expect_update(const struct row *before, const struct row *after,
                          const struct event *event)
{
    const struct noun *noun = after->noun;
    bool counts = !(event->kind->flags & KIND_UNCOUNTED);
    if (noun->revision_offset != SIZE_MAX)
        assert(number_at(after, noun->revision_offset) ==
               number_at(before, noun->revision_offset) + 1);
    if (noun->version_offset == SIZE_MAX || noun->name_offset == SIZE_MAX)
        return;
    int64_t step = number_at(after, noun->version_offset) - number_at(before, noun->version_offset);
    if (differs(before, after, COLUMN_AUDITED))
        assert(step == counts);
    else
        /* services, recovery, its own group; members */
        assert(step == 0 || (step == 1 && (noun == &account_noun || noun == &group_noun)));
}

static void expect_insert(const struct row *row)
{
    const struct noun *noun = row->noun;
    if (noun->version_offset != SIZE_MAX)
        assert(number_at(row, noun->version_offset) == 1);
    if (noun->revision_offset != SIZE_MAX)
        assert(number_at(row, noun->revision_offset) == 1);
}

static void expect_rows(const struct world *world, const struct snapshot *snapshot,
                        const struct event *event, const struct outcome *outcome)
{
    for (int t = 0; t < WORLD_TABLES; t++) {
        const struct rows *rows = &world->tables[t].rows;
        if (outcome->status != OUTCOME_APPLIED)
            assert(rows->count == snapshot->counts[t]);
        for (size_t i = 0; i < rows->count; i++) {
            const struct row *before =
                find_before(snapshot, t, world->tables[t].noun, rows->items[i]);
            if (before == rows->items[i])
                continue;
            assert(outcome->status == OUTCOME_APPLIED);
            if (before)
                expect_update(before, rows->items[i], event);
            else
                expect_insert(rows->items[i]);
        }
    }
}

static void expect_changes(const struct outcome *outcome)
{
    for (size_t i = 0; i < outcome->change_count; i++) {
        const struct change *change = &outcome->changes[i];
        assert(change->object_type && change_action_names[change->action]);
        assert(change->object_id.len > 0);
        for (size_t c = 0; c < change->column_count; c++)
            assert(change->columns[c].column->flags & COLUMN_AUDITED);
    }
    switch ((int)outcome->status) {
    case OUTCOME_APPLIED:
    case OUTCOME_PLANNED:
        break;
    case OUTCOME_REJECTED:
        assert(outcome->change_count <= 1);
        assert(outcome->change_count == 0 || outcome->changes[0].action == CHANGE_REFUSE);
        break;
    default:
        assert(outcome->change_count == 0);
    }
}

static void expect_outcome(const struct event *event, const struct outcome *outcome)
{
    assert(outcome->status == OUTCOME_APPLIED || outcome->status == OUTCOME_NO_CHANGE ||
           outcome->status == OUTCOME_DUPLICATE || outcome->status == OUTCOME_PLANNED ||
           outcome->status == OUTCOME_REJECTED || outcome->status == OUTCOME_EXPIRED);
    if (outcome->status == OUTCOME_REJECTED)
        assert(outcome->code != CODE_NONE && outcome->message.len > 0);
    if (outcome->status == OUTCOME_APPLIED)
        assert(event->kind && event->fault.code == CODE_NONE && event->mode != MODE_DRY_RUN);
    if (outcome->status == OUTCOME_PLANNED)
        assert(event->mode == MODE_DRY_RUN);
    if (outcome->status != OUTCOME_APPLIED)
        assert(text_is_null(outcome->generated_password));
    assert(text_is_null(outcome->message) || text_is_utf8(outcome->message));
    assert(text_is_null(outcome->message) || !text_has_control(outcome->message, NULL));
    assert(outcome->message.len <= (size_t)4 * OUTCOME_MESSAGE_MAX);
    if (outcome->version_before != INT_NULL && outcome->version_after != INT_NULL) {
        int64_t step = outcome->version_after - outcome->version_before;
        bool did = outcome->status == OUTCOME_APPLIED || outcome->status == OUTCOME_PLANNED;
        assert(step == 0 || (step == 1 && did));
    }
    expect_changes(outcome);
}

/* --- the three ways -----------------------------------------------------------------------------
 */

/* The same events each time: the plan's stages change them. */
static size_t choose_events(struct choices choices, struct world *world, struct event **events,
                            size_t cuts[CUTS])
{
    size_t count = 0;
    for (int i = 0; i < CUTS; i++)
        cuts[i] = choose_below(&choices, EVENTS_MAX);
    choose_rows(&choices, world);
    while (choices.left > 0 && count < EVENTS_MAX) {
        events[count] = choose_event(&choices, (int64_t)count, &world->arena);
        count++;
    }
    return count;
}

static void apply_one(struct run *run, struct event *event, size_t i)
{
    static struct snapshot snapshot;
    if (getenv("PROVD_FUZZ_SHOW"))
        fprintf(stderr, "%zu %.*s %s\n", i, TEXT_ARG(event->kind_name), event->mode ? "dry" : "");
    take_snapshot(&run->world, &snapshot);
    struct outcome *outcome = world_apply(&run->world, &event, 1);
    expect_outcome(event, outcome);
    expect_rows(&run->world, &snapshot, event, outcome);
    run->outcomes[i] = world_outcome_text(outcome, &run->world.arena);
    if (getenv("PROVD_FUZZ_SHOW"))
        fprintf(stderr, "  %.*s\n", TEXT_ARG(run->outcomes[i]));
}

static bool is_cut(const size_t cuts[CUTS], size_t at)
{
    for (int i = 0; i < CUTS; i++) {
        if (cuts[i] == at)
            return true;
    }
    return false;
}

static void apply_batch(struct run *run, struct event **events, size_t from, size_t to)
{
    const struct outcome *outcomes = world_apply(&run->world, events + from, to - from);
    for (size_t i = from; i < to; i++) {
        expect_outcome(events[i], &outcomes[i - from]);
        run->outcomes[i] = world_outcome_text(&outcomes[i - from], &run->world.arena);
    }
}

enum way { ONE_BY_ONE, AT_ONCE, CUT };

static size_t play(struct run *run, struct choices choices, enum way way, bool is_beyond_counting)
{
    struct event *events[EVENTS_MAX];
    size_t cuts[CUTS];
    world_init(&run->world);
    run->world.is_beyond_counting = is_beyond_counting;
    size_t count = choose_events(choices, &run->world, events, cuts);
    for (size_t from = 0, to; from < count; from = to) {
        to = from + 1;
        if (way == ONE_BY_ONE) {
            apply_one(run, events[from], from);
            continue;
        }
        while (to < count && !(way == CUT && is_cut(cuts, to)))
            to++;
        apply_batch(run, events, from, to);
    }
    run->rows = world_rows_text(&run->world, &run->world.arena);
    return count;
}

static void compare(const struct run *a, const struct run *b, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (!text_equal(a->outcomes[i], b->outcomes[i]))
            fail_msg("event %zu becomes\n%.*s\none by one, and in batches\n%.*s", i,
                     TEXT_ARG(a->outcomes[i]), TEXT_ARG(b->outcomes[i]));
    }
    if (!text_equal(a->rows, b->rows))
        fail_msg("the rows are\n%.*s\none by one, and in batches\n%.*s", TEXT_ARG(a->rows),
                 TEXT_ARG(b->rows));
}

/* The topic is read from its beginning once more. */
static void read_again(struct run *run, struct choices choices)
{
    struct world elsewhere;
    struct event *events[EVENTS_MAX];
    size_t cuts[CUTS];
    world_init(&elsewhere);
    size_t count = choose_events(choices, &elsewhere, events, cuts);
    const struct outcome *outcomes = world_apply(&run->world, events, count);
    for (size_t i = 0; i < count; i++)
        assert(outcomes[i].recalled || outcomes[i].derived);
    if (!text_equal(run->rows, world_rows_text(&run->world, &run->world.arena)))
        fail_msg("reading again changed the rows%s", "");
    world_close(&elsewhere);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    static struct run one_by_one, at_once, cut;
    struct choices choices = {bytes, len};
    size_t count = play(&one_by_one, choices, ONE_BY_ONE, false);
    /* What is not counted exactly may differ, and with it what limits allow. */
    bool is_beyond_counting = one_by_one.world.is_beyond_counting;
    play(&at_once, choices, AT_ONCE, is_beyond_counting);
    play(&cut, choices, CUT, is_beyond_counting);
    if (!is_beyond_counting) {
        compare(&one_by_one, &at_once, count);
        compare(&one_by_one, &cut, count);
    }
    if (count > 0)
        read_again(&at_once, choices);
    world_close(&one_by_one.world);
    world_close(&at_once.world);
    world_close(&cut.world);
    return 0;
}
