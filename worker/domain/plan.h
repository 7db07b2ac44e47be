/* The plan: a pure fold of a batch's events, in order, over the working set. It reads no clock,
 * draws no number, logs nothing and does no I/O, so that its result depends on rows and events
 * only, and not on how they were cut into batches.
 *
 * Per event: what the ledger remembers > EXPIRED > envelope and field rules > rights > the kind's
 * rule (references > version > no change > conflicts > limits). Then the event is settled: edits of
 * a refused or planned event are undone, those of an accepted one become versions and change
 * records. */
#ifndef PROVD_DOMAIN_PLAN_H
#define PROVD_DOMAIN_PLAN_H

#include "domain/change.h"
#include "domain/event.h"
#include "domain/outcome.h"
#include "domain/policy.h"
#include "domain/working_set.h"

/* What the plan is made from. events[i] is NULL for a dead letter; memories[i] is what the ledger
 * (or the memory of coordinates, which wins) knows of event i, NULL when nothing. */
struct plan_input {
    struct event *const *events;
    const struct memory *const *memories;
    const bool *is_reread; /* event i lies below the fence: it was processed before */
    size_t count;
    const struct policy *policy;
};

/* Rules see this; its members are for domain/ only. */
struct plan {
    struct arena *arena;
    struct working_set *set;
    const struct policy *policy;
    const struct event *event; /* the current one */
    struct rows edited;        /* rows the current event edited or made */
    struct map ids;            /* event ids used up in this batch, to `struct plan_first` */
    struct row *target;        /* the row whose versions the result names; set by the rule */
    enum change_action action; /* what the rule calls its change of an object that stays */
};

/* Prepares a plan over `set`; `ids` grow over the segments of a batch. */
void plan_begin(struct plan *plan, struct arena *arena, struct working_set *set,
                const struct policy *policy, size_t expected);
/* Plans events [from, to) of the input; outcomes[i] is written for each that is not a dead letter.
 */
void plan_run(struct plan *plan, const struct plan_input *input, size_t from, size_t to,
              struct outcome *outcomes);
/* Where the segment that begins at `from` ends: before the next event that fans out over a domain,
 * which is a segment of its own. */
size_t plan_segment_end(const struct plan_input *input, size_t from);

/* --- for rules ---------------------------------------------------------------------------------
 */

/* Must be called before a row is changed by the current event (any number of times). */
void plan_edit(struct plan *plan, struct row *row);
/* A new row of the noun, edited by this event, not yet in the maps. */
void *plan_new(struct plan *plan, const struct noun *noun);
/* Marks a row as deleted for good (after plan_edit). */
void plan_remove(struct plan *plan, struct row *row);
/* The row as it was before the current event; NULL when the event made it. The row must be edited.
 */
const struct row *plan_row_before(const struct row *row);
/* True when the current event differs from the precondition: says so in `outcome`. `version` is the
 * target's, 0 when there is none. */
bool plan_version_differs(struct plan *plan, int64_t version, struct outcome *outcome);
/* REJECTED with a code and a message. */
enum outcome_status plan_reject(struct plan *plan, struct outcome *outcome, enum code code,
                                const char *format, ...) __attribute__((format(printf, 4, 5)));
/* REJECTED / FORBIDDEN; goes into the change log as REFUSED. */
enum outcome_status plan_forbid(struct plan *plan, struct outcome *outcome, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* NO_CHANGE with a code (may be CODE_NONE, then without a message). */
enum outcome_status plan_no_change(struct plan *plan, struct outcome *outcome, enum code code,
                                   const char *format, ...) __attribute__((format(printf, 4, 5)));

#endif
