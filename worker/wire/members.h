/* Writes an audit row into the change log for each account that came into a group, or went, by an
 * event about the group (rulings.md, 21): in pieces, whose memory does not grow with the group. */
#ifndef PROVD_WIRE_MEMBERS_H
#define PROVD_WIRE_MEMBERS_H

#include "base/status.h"
#include "domain/outcome.h"
#include "wire/outputs.h"

struct postgres;

/* Inside the batch's transaction, after the event was stored and before its output is made. Appends
 * the record that is published for all of them to outcome->changes; `fence` has moved on past the
 * rows. A dry run gets only that record, for its result; an outcome without members nothing. */
enum status members_log(struct postgres *pg, struct output_maker *maker,
                        const struct output_source *source, const struct event *event,
                        struct outcome *outcome, struct fence_state *fence, struct arena *arena,
                        struct error *err);

#endif
