/* prepare: the slow facts an event needs from outside, for events that are not applied yet: opening
 * sealed secrets, making passwords, hashing, comparing with what is stored. Concurrent on a small
 * pool, within a deadline. Writes nothing. */
#ifndef PROVD_STAGE_PREPARE_H
#define PROVD_STAGE_PREPARE_H

#include <signal.h>

#include "base/status.h"
#include "batch.h"
#include "wire/crypto.h"

struct hash_pool;
struct postgres;

struct prepare {
    const struct keyring *keyring;
    struct postgres *const *pg; /* the lane's connection, which comes and goes */
    struct hash_cost cost;
    int threads;
    int64_t deadline_ms;               /* for the hashing of one batch */
    const volatile sig_atomic_t *stop; /* set: no further hash is begun; NULL: never */
    struct hash_pool *pool;            /* made with the first password, kept */
};

/* False when prepare_run would find nothing to do. */
bool prepare_is_due(const struct batch *batch);
/* True when prepare_run will read stored passwords: *pg has to be usable then. */
bool prepare_needs_database(const struct batch *batch);

/* Fills events[].prepared. *ret_ready is the number of records from the front that are ready to be
 * applied, at least 1 of a batch that is not empty: fewer than batch->count when hashing the others
 * takes longer than the deadline, or when an event is to be compared with a password that an
 * earlier one of the batch may change. The caller puts the others back.
 *
 * RETRY when the database is away or memory is short: nothing is lost, run it again (what is hashed
 * already is kept). */
enum status prepare_run(struct prepare *prepare, struct batch *batch, size_t *ret_ready,
                        struct error *err);
void prepare_close(struct prepare *prepare);

#endif
