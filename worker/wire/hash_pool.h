/* The pool that makes and compares password hashes for the prepare stage: a few threads and the
 * caller's own, which take jobs one by one. Knows nothing of events. */
#ifndef PROVD_WIRE_HASH_POOL_H
#define PROVD_WIRE_HASH_POOL_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "base/text.h"
#include "wire/crypto.h"

enum { HASH_THREADS_MAX = 64 };

/* One password. What it points to belongs to the caller, who also wipes `plain`. */
struct hash_job {
    struct text plain;
    struct text stored; /* compare with this hash; null: make one */
    char *hash;         /* PASSWORD_HASH_MAX: where the new hash goes; NULL when comparing */

    bool is_done; /* false: there was no time for it */
    bool matches;
    enum status status; /* of a job that is done */
    struct error error;
};

struct hash_pool;

/* `threads`: how many hash at once, the caller's among them. NULL when memory is short. */
struct hash_pool *hash_pool_open(int threads);
void hash_pool_close(struct hash_pool *pool); /* NULL is fine */

/* Does the jobs in their order, each begun before the deadline (monotonic, microseconds) and before
 * *stop is set (NULL: never); the first one in any case, so that every run gets somewhere. */
void hash_pool_run(struct hash_pool *pool, struct hash_job *jobs, size_t count,
                   const struct hash_cost *cost, int64_t deadline_us,
                   const volatile sig_atomic_t *stop);

#endif
