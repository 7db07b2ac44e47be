/* The parts of a lane beside its loop: how partitions come and go (lane_partitions.c), what the
 * shared page learns (lane_counters.c), what becomes of a batch that does not fit into memory
 * (lane_memory.c). */
#ifndef PROVD_LANE_PARTS_H
#define PROVD_LANE_PARTS_H

#include "lane_setup.h"

/* What the consumer calls when partitions come and go: each is decided on by its fence
 * (stage/assign.h). */
struct kafka_rebalance lane_rebalance(struct lane *lane);
/* True when halted or undecided partitions are to be decided on again: an operator has acted, or
 * enough time has passed. */
bool lane_reassign_is_due(struct lane *lane);
/* The page shows no partition any more. */
void lane_hide_partitions(struct lane *lane);
/* The partitions of the batch in flight go: it is committed now, or never by this lane. In lane.c.
 */
void lane_settle_in_flight(struct lane *lane, bool is_lost);

/* Where to go when memory for a batch or its transaction is out; NULL: nowhere. */
void lane_on_exhausted(struct lane *lane, jmp_buf *target);
/* There: what does not fit is put back, and worked on again in smaller pieces; what fits nowhere
 * becomes a dead letter. The connection of the database is closed. RETRY: the machine has no
 * memory. */
enum status lane_go_on_with_less(struct lane *lane, struct error *err);
/* What was read and is not applied is consume's again: the next turn has it anew, and the group
 * notices nothing. In lane.c. */
enum status lane_put_all_back(struct lane *lane, struct error *err);

/* Says on the page what the lane waits for, cut to the room there is. */
void lane_show_reason(struct lane *lane, const char *reason);
void lane_set_waiting(struct lane *lane, const char *reason);
void lane_set_running(struct lane *lane);
/* A batch was consumed: from its first record on, lag in seconds counts. */
void lane_note_waiting_records(struct lane *lane);
/* A batch was published. */
void lane_count_batch(struct lane *lane, const struct batch *batch);
void lane_show_lag(struct lane *lane);

#endif
