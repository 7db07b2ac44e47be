/* apply: ONE PostgreSQL transaction. Locks the fence rows, recalls known events from the ledger,
 * loads the rows that new events touch, plans (domain/plan.h), stores the changes, advances the
 * fence, commits. Its result depends on rows and events only: not on a clock (the batch brings its
 * time), not on randomness, not on the size of the batch. */
#ifndef PROVD_STAGE_APPLY_H
#define PROVD_STAGE_APPLY_H

#include "base/arena.h"
#include "base/status.h"
#include "batch.h"
#include "domain/policy.h"
#include "wire/outputs.h"
#include "wire/postgres.h"
#include "wire/store.h"

struct transaction; /* batch_transaction.h */

/* What the stage works with. Owned by the lane, but the connection, which the stage opens again
 * after it was lost. */
struct apply {
    struct postgres *pg;
    const struct postgres_options *postgres_options;
    const struct policy *policy;
    struct output_maker *maker;
    struct counters *counters;
    struct breaker *breaker; /* hears of records that the database refuses */
    struct id_supplies ids;
    struct arena arena;              /* what lives as long as a transaction */
    struct arena piece;              /* and as long as a piece of its change log */
    struct transaction *opened;      /* ahead of its turn, see apply_open; NULL: none */
    bool (*meanwhile)(void *opaque); /* see postgres_meanwhile; NULL: nothing */
    void *opaque;
    int lost_races;  /* in a row, for the same batch */
    size_t stale_at; /* after apply_stale: the record whose comparison is out of date */
    int64_t fanout_timeout_ms;
    size_t slow_at; /* after fanout_too_slow: the record */
    int slow_tries; /* in a row */
};

/* The statements to prepare at connect. */
extern const struct statement apply_statements[];

/* Opens the connection when there is none that can be used. */
enum status apply_connect(struct apply *apply, struct error *err);
void apply_close(struct apply *apply);
/* Gives the memory of a transaction back. */
void apply_forget(struct apply *apply);

/* Applies records [0, count) and fills outputs. RETRY: nothing is known to be
 * committed; run it again (on a connection that is opened again by itself). A record that the
 * database refuses becomes a dead letter, after the batch was unrolled to find it; its neighbours
 * are applied. STATUS_FATAL with the code BATCH_LOST: another worker owns a partition now; drop
 * the batch. */
enum status apply_run(struct apply *apply, struct batch *batch, struct error *err);
/* Opens the transaction of the batch that comes next: its locks and look-ups are the database's
 * work while the caller does something else, but nothing that uses the connection. For a batch that
 * is decoded and prepared, and does not change any more. apply_run goes on with it. It may fail:
 * then apply_run opens its own, and says why that fails. */
void apply_open(struct apply *apply, struct batch *batch);
/* Takes one step further what apply_open has opened, if anything: reads what is known of the
 * records, and asks for the rows. */
void apply_look_up(struct apply *apply);
/* Rolls back what apply_open has opened, if anything: its batch will not be applied now. Must come
 * before that batch is reset, and before anything else uses the connection. */
void apply_abandon(struct apply *apply);
/* VerifyPassword compared against a hash that has changed meanwhile, in another lane or by an event
 * before it in the batch: back to prepare. RETRY; nothing of the transaction is committed. */
extern const char apply_stale[]; /* "STALE" */

#endif
