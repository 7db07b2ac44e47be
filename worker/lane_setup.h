/* The far ends and stages of a lane: how they are made from the configuration, opened, closed. The
 * loop that uses them is lane.c. */
#ifndef PROVD_LANE_SETUP_H
#define PROVD_LANE_SETUP_H

#include "base/counters.h"
#include "batch.h"
#include "batch_breaker.h"
#include "config.h"
#include "domain/policy.h"
#include "stage/apply.h"
#include "stage/assign.h"
#include "stage/consume.h"
#include "stage/decode.h"
#include "stage/prepare.h"
#include "stage/publish.h"
#include "wire/kafka.h"
#include "wire/postgres.h"

enum { LANE_BATCHES = 3 };

/* The wait between two tries of the same thing: grows, says why once per failure. */
struct backoff {
    int64_t wait_ms;
    int64_t wait_ms_max; /* 0: retry.backoff_max */
};

/* The next wait: `first_ms`, then twice as long each time. */
static inline int64_t backoff_longer_ms(int64_t wait_ms, int64_t first_ms, int64_t ms_max)
{
    wait_ms = wait_ms ? wait_ms * 2 : first_ms;
    return wait_ms < ms_max ? wait_ms : ms_max;
}

struct lane {
    struct config *config;
    struct counters *counters;
    char name[128]; /* <worker.name>-<lane>, as results say it */
    char transactional_id[128], client_id[128], application_name[32];
    struct arena arena; /* what lives as long as the lane */

    struct policy policy;
    struct kafka_options kafka_options;
    struct postgres_options postgres_options;
    struct keyring *keyring;
    struct schemas *schemas;
    struct output_maker maker;
    bool is_framed;     /* the schema ids of what we publish are known */
    bool is_identified; /* cluster id and schema version of the database are known */

    struct assignment assignment;
    bool has_undecided;        /* partitions whose fence could not be read: ask again, */
    int64_t undecided_wait_ms; /* after so long */
    int64_t reassign_at_us;    /* when halted partitions are decided on again; 0: none is halted */
    int64_t look_at_us;        /* when to look whether an operator has acted meanwhile */
    int64_t operator_acts;     /* as they were when the partitions were halted */
    struct arena assign_arena;

    struct consume consume;
    struct decode decode;
    struct prepare prepare;
    struct apply apply;
    int64_t opened_us; /* spent on the transaction that is opened ahead: part of its apply */
    struct publish publish;
    struct breaker breaker;
    bool is_put_off; /* the records wait for a schema; schema_wait says how long */
    struct backoff schema_wait;
    struct arena_pool pool; /* of batches and apply: memory that one has left is another's */
    struct batch batches[LANE_BATCHES];
    struct batch *batch;     /* the one that is being worked on */
    struct batch *ahead;     /* read, and decoded in idle moments; NULL: none */
    struct batch *in_flight; /* applied and on its way to Kafka; NULL: none */
};

/* Fills in everything that needs no network. FATAL: configuration or memory. */
enum status lane_setup(struct lane *lane, struct config *config, int index,
                       struct counters *counters, struct error *err);
/* Takes over the settings that can be reloaded. */
void lane_take_config(struct lane *lane);
/* Connects what is not connected, and finds out what has to be known before the first record. Run
 * until OK. */
enum status lane_connect(struct lane *lane, const struct kafka_rebalance *rebalance,
                         struct error *err);
/* The database alone, when its connection was lost. */
enum status lane_connect_database(struct lane *lane, struct error *err);
void lane_close(struct lane *lane);

#endif
