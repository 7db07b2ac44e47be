/* Results about one account as they lie in their topic: also those of events that changed nothing
 * or were refused, which the database cannot find by the account, since no index on the ledger
 * leads there (it would cost every event). The newest records of each partition are looked
 * through; those count whose key is the account's address, or that name its uuid. */
#ifndef PROVCTL_ACCOUNT_RESULTS_H
#define PROVCTL_ACCOUNT_RESULTS_H

#include "base/uuid.h"
#include "wire/json.h"

struct invocation;
struct shelf;

/* Adds decoded results to `results`, an array, unless they are there already, and sorts it, the
 * newest first. Looks through at most `depth` records of a partition. RETRY when Kafka cannot be
 * asked or is too slow: what was found until then has been added. */
enum status account_results_add(struct invocation *invocation, struct shelf *shelf,
                                struct text address, const struct uuid *uuid, int64_t depth,
                                json_t *results, struct error *err);

#endif
