/* Loads the rows that a batch's events need into the working set: a fixed, small number of
 * statements however many events there are. */
#ifndef PROVD_WIRE_LOAD_H
#define PROVD_WIRE_LOAD_H

#include "base/status.h"
#include "domain/keys.h"
#include "domain/working_set.h"

struct postgres;

/* Queues the statements for `keys`; load_read must follow with the same keys, after a sync and
 * after what was queued before was read. `is_locked`: with row locks, after several lost races. */
enum status load_send(struct postgres *pg, const struct keys *keys, bool is_locked,
                      struct error *err);
/* Reads the answers into `set`, and then loads what these ask for: services and recovery of the
 * accounts, members of groups, their domains, the counts of limited and locked domains. */
enum status load_read(struct postgres *pg, const struct keys *keys, struct working_set *set,
                      struct error *err);

#endif
