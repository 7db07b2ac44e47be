/* prepare: the slow facts an event needs from outside, for events that are not applied yet: opening
 * sealed secrets, making passwords, hashing, comparing. Concurrent on a small pool, with a deadline
 * for all of it. Writes nothing. */
#ifndef PROVD_STAGE_PREPARE_H
#define PROVD_STAGE_PREPARE_H

#include "base/status.h"
#include "batch.h"
#include "wire/crypto.h"

struct prepare_pool;

struct prepare {
    const struct keyring *keyring;
    struct hash_cost cost;
    int threads;
    int64_t deadline_ms;       /* for the hashing of one batch */
    struct prepare_pool *pool; /* made with the first password, kept */
};

/* Fills events[].prepared. RETRY when the hashing of the batch is not done by the deadline, or
 * memory for it is short: nothing is lost, run it again (what is hashed already is kept). */
enum status prepare_run(struct prepare *prepare, struct batch *batch, struct error *err);
void prepare_close(struct prepare *prepare);

#endif
