/* A transaction of the apply stage: what it knows and makes, and the two parts of it that are not
 * about rows of the domain: what is remembered of the records (batch_memory.c), and the outputs
 * with the rows of the machinery that go with them (batch_outputs.c). Private to the stage. */
#ifndef PROVD_BATCH_TRANSACTION_H
#define PROVD_BATCH_TRANSACTION_H

#include "base/status.h"
#include "batch.h"
#include "domain/keys.h"
#include "domain/plan.h"
#include "wire/ledger.h"
#include "wire/outputs.h"

struct apply;
struct postgres;

/* What decode and prepare left of the records [from, to) of a batch, and its memory then: where a
 * try that fails goes back to. */
struct beginning {
    size_t from, to;
    struct arena_mark mark;
    struct event **events;
    struct death **deaths;
};

/* One transaction over the records [from, to) of the batch. Its memory is the stage's arena, which
 * is empty again when the next one begins; only what is to be published goes into the batch's. */
struct transaction {
    struct apply *apply;
    struct postgres *pg;
    struct output_maker *maker;
    struct batch *batch;
    size_t from, to;
    struct arena *arena;       /* as long as the transaction */
    struct arena *piece_arena; /* as long as a piece of its change log */
    struct beginning beginning;

    struct fence_state *fences; /* by batch source */
    bool *touches;              /* the source has a record in the range */
    struct map events_known, records_known;
    struct map recalled;        /* (fence, first seq) to the record whose changes these are */
    struct output *recalled_to; /* the one that further change records belong to */
    struct ledger_place recalled_next; /* where its next one is, as a fence and a seq */
    const struct memory **memories;    /* by record, from `from` on */
    bool *is_reread;
    struct outcome *outcomes;

    struct keys keys; /* of the segment */
    bool has_asked;   /* for its rows, which are still to be read */
    struct working_set set;
    struct plan plan;
    struct plan_input input;

    struct ledger_entry *entries;
    size_t entry_count;
    struct record_entry *records;
    size_t record_count;
    struct change_entry *changes;
    size_t change_count, change_capacity;
    struct change_entry *piece; /* of members, which are not published: written now and then */
    size_t piece_count;
    struct error *err;
};

/* What became, or is to become, of record i of the batch. */
static inline struct outcome *transaction_outcome(const struct transaction *t, size_t i)
{
    return &t->outcomes[i - t->from];
}

/* The fence ids of the partitions that the range touches. */
size_t transaction_fences(const struct transaction *t, int32_t *ret_ids);

/* Queues the look-ups in ledger and outcome memory; behind the lock. */
enum status memory_send(struct transaction *t);
/* Reads the locked fences; FATAL with batch_lost when another worker owns a partition now. */
enum status memory_read_fences(struct transaction *t);
enum status memory_read(struct transaction *t);
/* Says for each record what is known of it. */
void memory_spread(struct transaction *t);
/* What was a dead letter stays one: the first that a transaction does to its batch, so that one
 * that was opened ahead can be abandoned without a trace. */
void memory_bury(struct transaction *t);

/* The output of one record: made now, or the very bytes that were made before; and the row that
 * will be remembered of it. */
enum status output_make(struct transaction *t, size_t i);
struct output_source output_source_of(const struct transaction *t, size_t i);
/* Writes the rows of the change log that were made and are not written yet. */
enum status output_write_changes(struct transaction *t);
/* Fetches the change records of recalled events that are to be published again. */
enum status output_recall_changes(struct transaction *t);

#endif
