/* Carries out a fan-out (domain/fanout.h): writes an audit row for each account that it changes,
 * reading these through a cursor in pieces, and then runs the one set-based UPDATE. Memory does not
 * grow with the number of accounts. */
#ifndef PROVD_WIRE_FANOUT_H
#define PROVD_WIRE_FANOUT_H

#include "base/status.h"
#include "domain/fanout.h"
#include "wire/outputs.h"

struct postgres;

enum {
    /* Each at most about 150 KiB: comment and auto-reply at their limits, and in the audit row the
     * actor's reason at its. */
    FANOUT_PIECE_ROWS = 250,
    FANOUT_INDEX_FIRST =
        1000 /* of the audit rows in change ids; published records have lower ones */
};

/* The code of an error: a statement took longer than `timeout_ms`. */
extern const char fanout_too_slow[]; /* "FANOUT_TIMEOUT" */

/* Inside the batch's transaction, after what lies before the event was stored. Fills outcome->items
 * and appends the record that is published for the domain to outcome->changes; the audit rows are
 * in the database afterwards and `fence` has moved on past them. A dry run only counts. Each of its
 * statements may take `timeout_ms`. */
enum status fanout_run(struct postgres *pg, struct output_maker *maker, int64_t timeout_ms,
                       const struct output_source *source, const struct event *event,
                       struct outcome *outcome, struct fence_state *fence, struct arena *arena,
                       struct error *err);

#endif
