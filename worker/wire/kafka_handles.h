/* What the kafka_*.c files share: the one include of librdkafka's header, how its handles are
 * configured and opened, and how its errors become statuses and verdicts. Nobody else includes this
 * file. */
#ifndef PROVD_WIRE_KAFKA_HANDLES_H
#define PROVD_WIRE_KAFKA_HANDLES_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/background.h"
#include "base/status.h"
#include "wire/kafka.h"

#include <librdkafka/rdkafka.h>

/* --- configuration (kafka_conf.c) --------------------------------------------------------------
 */

enum kafka_role {
    KAFKA_ROLE_CONSUMER, /* member of the group */
    KAFKA_ROLE_PRODUCER, /* transactional */
    KAFKA_ROLE_READER,   /* reads given ranges, joins no group */
    KAFKA_ROLE_SENDER,   /* idempotent, not transactional; also asks administrative questions */
    KAFKA_ROLE_COUNT,
};

/* A configuration that the caller hands to kafka_client_open or destroys. FATAL when a property
 * does not exist, has a bad value, or belongs to the worker; values of secrets are never in the
 * message. */
enum status kafka_conf_build(rd_kafka_conf_t **ret_conf, const struct kafka_options *options,
                             enum kafka_role role, struct error *err);
/* Of the prefetch queue of a consumer: more waits at the broker. A message without bytes takes
 * memory as well. */
enum { KAFKA_QUEUE_MESSAGES_MAX = 20000 };
int64_t kafka_queue_bytes_max(const struct kafka_options *options);

/* --- clients (kafka_client.c) ------------------------------------------------------------------
 */

/* The head of every struct that owns a handle: the handle's opaque points to it. */
struct kafka_client {
    rd_kafka_t *rk;
    /* The last trouble that librdkafka told of and heals by itself (a broker that is away, ...). */
    rd_kafka_resp_err_t trouble_code;
    bool trouble_is_new;
    int64_t trouble_reported_us; /* monotonic */
    char trouble_text[ERROR_MESSAGE_MAX];
    /* What OpenSSL had against a broker's certificate, 0: nothing. Set by librdkafka's threads. */
    atomic_int certificate_error;
    atomic_uint sockets; /* that were opened so far, by librdkafka's threads */
};

/* Creates the handle; `conf` is used up in any case. `client` has to outlive the handle. */
enum status kafka_client_open(struct kafka_client *client, rd_kafka_type_t type,
                              rd_kafka_conf_t *conf, struct error *err);
/* OK, or RETRY with the trouble that has come up since the last call; the same trouble again only
 * after a while. */
enum status kafka_client_trouble(struct kafka_client *client, struct error *err);
/* Adds the last trouble, if there is one, to an error that only says that time ran out. */
enum status kafka_client_explain(struct kafka_client *client, enum status status,
                                 struct error *err);

/* Do these errors pass when the client has learnt of the new leader? Then ask again after this
 * long. */
bool kafka_is_passing(rd_kafka_resp_err_t code);
enum { KAFKA_PASSING_PAUSE_MS = 100 };
/* rd_kafka_query_watermark_offsets, which does not ask again by itself, within `timeout_ms`. */
rd_kafka_resp_err_t kafka_query_watermarks(struct kafka_client *client, const char *topic,
                                           int32_t partition, int timeout_ms, int64_t *ret_low,
                                           int64_t *ret_high);

/* --- records to produce (kafka_produce.c) ------------------------------------------------------
 */

struct kafka_produce {
    rd_kafka_topic_t *topic;
    int32_t partition;
    struct text key, value;
    int64_t timestamp_ms;
    const struct kafka_header *headers;
    size_t header_count;
    bool borrow; /* the value is not copied */
    void *tag;   /* comes back with the delivery */
};
rd_kafka_resp_err_t kafka_produce(rd_kafka_t *rk, const struct kafka_produce *produce);

/* --- the consumer (kafka_consumer.c, kafka_group.c) ---------------------------------------------
 */

/* Where a partition stands. */
struct place {
    bool assigned; /* by the group, though it may be halted */
    bool started;  /* and being consumed */
    int64_t next;  /* last consumed + 1, or the start */
    int64_t
        quiet_high; /* high watermark when its end was last reached; -1: not since `next` moved */
};

struct kafka_consumer {
    struct kafka_client client; /* first: the handle's opaque points here */
    const struct kafka_options *options;
    struct kafka_rebalance hooks;
    struct place *places; /* by partition number */
    int32_t *numbers;     /* room for what `revoked` is told, as long as `places` */
    int32_t place_count;
    bool is_closing;
    bool is_restarting;                              /* until the next `assigned` */
    struct background *waker;                        /* NULL: none was needed so far */
    int32_t waker_partition;                         /* its, while it runs */
    int64_t bytes_since_woken, messages_since_woken; /* how much was consumed */
};

/* --- the producer (kafka_producer.c, kafka_transaction.c) ---------------------------------------
 */

enum {
    EVENTS_TOPIC = OUTPUT_TOPIC_COUNT, /* index behind the output topics */
    TOPIC_COUNT,
};

struct partition_count {
    int32_t count; /* 0: unknown */
    int64_t asked_us;
};

struct kafka_producer {
    struct kafka_client client; /* first: the handle's opaque points here */
    const struct kafka_options *options;
    rd_kafka_topic_t *topics[TOPIC_COUNT]; /* NULL: not configured */
    struct partition_count counts[TOPIC_COUNT];
    bool in_transaction;
    bool has_echo;                     /* see kafka_producer_has_echo */
    unsigned produced;                 /* in this transaction */
    rd_kafka_resp_err_t delivery_code; /* the first record that was not delivered */
    char delivery_text[ERROR_MESSAGE_MAX];
};

typedef rd_kafka_error_t *try_function(struct kafka_producer *producer, void *argument,
                                       int timeout_ms);
/* Repeats a call as long as it is retriable and transaction_timeout_ms is not over. The caller
 * destroys what comes back. */
rd_kafka_error_t *kafka_repeat(struct kafka_producer *producer, try_function *try, void *argument);
const char *kafka_topic_name(const struct kafka_options *options, int topic);

/* --- errors (kafka_errors.c) -------------------------------------------------------------------
 */

/* Fills in `err` with the code's name, `what` was tried, `detail` (may be NULL: librdkafka's words
 * for the code) and what to do about it, if there is advice. Returns the status of the code. */
enum status kafka_error_set(struct error *err, rd_kafka_resp_err_t code, const char *what,
                            const char *detail);
enum status kafka_status_of(rd_kafka_resp_err_t code);

/* Which call of a transaction failed. */
enum kafka_call {
    CALL_BEGIN,
    CALL_PRODUCE,
    CALL_OFFSETS,
    CALL_FLUSH,  /* the first half of a commit: nothing has been said to the coordinator yet */
    CALL_COMMIT, /* the second half: an EndTxn may be on its way */
    CALL_ABORT,
    CALL_COUNT
};

/* What kind of failure it is: the first that fits, in this order. */
enum kafka_failure {
    FAILURE_FATAL,       /* librdkafka: this producer is dead */
    FAILURE_GROUP_MOVED, /* stale generation or unknown member */
    FAILURE_ABORTABLE,   /* librdkafka: this transaction is dead */
    FAILURE_RETRIABLE,   /* and the bounded retries are used up */
    FAILURE_OTHER,
    FAILURE_COUNT
};
enum kafka_failure kafka_failure_of(rd_kafka_resp_err_t code, bool fatal, bool requires_abort,
                                    bool retriable);

/* One row of the table behind all verdicts. */
struct kafka_rule {
    unsigned calls;    /* bits 1 << enum kafka_call */
    unsigned failures; /* bits 1 << enum kafka_failure */
    enum kafka_verdict verdict;
    const char *reason; /* stands in the error message */
};
const struct kafka_rule *kafka_rule_for(enum kafka_call call, enum kafka_failure failure);

/* Turns the failure of `call` into its verdict and fills in `err`. `detail` as in kafka_error_set.
 */
enum kafka_verdict kafka_judge(enum kafka_call call, rd_kafka_resp_err_t code,
                               enum kafka_failure failure, const char *detail, struct error *err);
const char *kafka_call_name(enum kafka_call call);

#endif
