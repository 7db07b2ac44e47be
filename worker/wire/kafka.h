/* The consumer and the transactional producers of a lane, and Kafka's errors as statuses. The only
 * files that see <librdkafka/rdkafka.h> are wire/kafka_*.c, through wire/kafka_handles.h.
 *
 * pitfalls.md says why it is done this way: eager assignment; rd_kafka_consumer_poll in a loop, no
 * consume_batch, seek, pause or position; own tracking of the next offset; group metadata taken
 * with the batch and refused when the generation is below 0 or the member id empty. */
#ifndef PROVD_WIRE_KAFKA_H
#define PROVD_WIRE_KAFKA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "base/text.h"

struct arena;

struct kafka_property {
    const char *name, *value;
};

/* Where one consumes and produces. Strings live as long as the options are in use. Readers, senders
 * and admin clients need only `brokers`. */
struct kafka_options {
    const char *brokers;
    const char *client_id;
    const char *group_id;
    const char *transactional_id; /* stable per slot */
    const char *events_topic;
    const char *results_topic, *changes_topic, *dlq_topic;
    int64_t transaction_timeout_ms;
    int64_t session_timeout_ms;
    int64_t fetch_memory_bytes_max; /* bounds the prefetch queue of the whole consumer */
    int64_t outputs_per_batch_max;  /* sizes the producer queue */
    int64_t output_bytes_max;       /* message.max.bytes: a record with its headers; 0: 1,000,000 */
    /* Security and pass-through, already merged and checked by config: client ones go to both. */
    const struct kafka_property *client, *consumer, *producer; /* ended by a NULL name; or NULL */
};

/* Why the worker does not let this librdkafka property be passed through; NULL when it does. */
const char *kafka_property_refused(const char *name);
/* Without network: are all properties known, theirs to set, and their values accepted? FATAL when
 * not. Values of secrets are never in the message. */
enum status kafka_options_check(const struct kafka_options *options, struct error *err);

/* --- consumer --------------------------------------------------------------------------------- */

struct kafka_consumer;
struct kafka_message; /* owns the fetch buffer behind it */

/* What the consumer calls during kafka_consume and kafka_consumer_restart when partitions come and
 * go. `assigned` decides where each partition starts: it sets `start_offset` (>= 0), or leaves -1
 * to not consume it (halted). The assignment is eager: `assigned` brings all partitions of this
 * member and is always preceded by a `revoked` of the former ones (never called for none). `lost`:
 * another member may own them already, so nothing of theirs can be committed any more. Neither may
 * call back into the consumer, but may use the query functions below. */
struct kafka_partition {
    int32_t partition;
    int64_t start_offset;
};
struct kafka_rebalance {
    void (*assigned)(void *opaque, struct kafka_partition *partitions, size_t count);
    void (*revoked)(void *opaque, const int32_t *partitions, size_t count, bool lost);
    void *opaque;
};

enum status kafka_consumer_open(struct kafka_consumer **ret_consumer,
                                const struct kafka_options *options,
                                const struct kafka_rebalance *rebalance, struct error *err);
/* Leaves the group, without calling the hooks. NULL is fine. All messages have to be closed before.
 */
void kafka_consumer_close(struct kafka_consumer *consumer);

/* Leaves the group and joins it again: kafka_consume then forgets what was prefetched, calls
 * `revoked` and `assigned`, and goes on from where `assigned` says. For a halted partition that may
 * go on, and after KAFKA_FENCED, when the dropped batch has to be read again by whoever owns it.
 * Returns at once; the other members notice a rebalance. Can be called at any time, also twice. */
enum status kafka_consumer_restart(struct kafka_consumer *consumer, struct error *err);
/* The next message, or OK with *ret_message NULL when none came within `timeout_ms` (0: only what
 * is there). Serves rebalances. Errors: RETRY for what librdkafka heals by itself (brokers away, a
 * topic that does not exist yet, a poll interval exceeded: log it and call again; the same trouble
 * is reported again after 30 s at the earliest), FATAL for a fatal one; an offset out of range is
 * FATAL with code "_AUTO_OFFSET_RESET" and the partition in *ret_partition when that is not NULL:
 * only that partition stops. *ret_partition is set for no other error. */
enum status kafka_consume(struct kafka_consumer *consumer, int timeout_ms,
                          struct kafka_message **ret_message, int32_t *ret_partition,
                          struct error *err);
void kafka_message_close(struct kafka_message *message);

int32_t kafka_message_partition(const struct kafka_message *message);
int64_t kafka_message_offset(const struct kafka_message *message);
int64_t kafka_message_timestamp_ms(const struct kafka_message *message); /* -1: none */
struct text kafka_message_key(const struct kafka_message *message);      /* null is null */
struct text kafka_message_value(const struct kafka_message *message);    /* null is a tombstone */
size_t kafka_message_header_count(const struct kafka_message *message);
/* False past the end. A null header value is TEXT_NULL. */
bool kafka_message_header(const struct kafka_message *message, size_t index, struct text *ret_name,
                          struct text *ret_value);
/* Last header of that name; false when there is none. */
bool kafka_message_header_named(const struct kafka_message *message, const char *name,
                                struct text *ret_value);

/* Group metadata as of now, for the transactions of what was read since the assignment. RETRY (code
 * "NOT_IN_GROUP") when the consumer is not a member at the moment: generation below 0 or member id
 * empty, which the broker would not check at all. */
struct kafka_group_metadata;
enum status kafka_group_metadata(struct kafka_consumer *consumer,
                                 struct kafka_group_metadata **ret_metadata, struct error *err);
struct kafka_group_metadata *kafka_group_metadata_copy(const struct kafka_group_metadata *metadata);
void kafka_group_metadata_close(struct kafka_group_metadata *metadata);

/* Questions to the brokers, each with a timeout; usable inside `assigned`. */
enum status kafka_cluster_id(struct kafka_consumer *consumer, int timeout_ms, struct arena *arena,
                             struct text *ret_id, struct error *err);
/* Committed offsets of the group into `start_offset`, -1 where none; waits for pending transactions
 * (RETRY with code "_TIMED_OUT" or "UNSTABLE_OFFSET_COMMIT" when they take longer). */
enum status kafka_committed(struct kafka_consumer *consumer, struct kafka_partition *partitions,
                            size_t count, int timeout_ms, struct error *err);
/* Sets the group's offset of one partition, as a member: a member that the group has left behind is
 * refused. RETRY with code "_TIMED_OUT" when nobody has answered: it may or may not be set. */
enum status kafka_set_committed(struct kafka_consumer *consumer,
                                const struct kafka_partition *place, int timeout_ms,
                                struct error *err);
/* First offset of the log, and its end for a read_committed reader: the last stable offset, that is
 * the high watermark when no transaction is open (measured: librdkafka asks ListOffsets with the
 * consumer's isolation level). A committed offset is never above it, unless the log has lost its
 * tail. */
enum status kafka_watermarks(struct kafka_consumer *consumer, int32_t partition, int timeout_ms,
                             int64_t *ret_low, int64_t *ret_high, struct error *err);
/* Does [from, to) hold a record that a read_committed reader gets? False: only control records and
 * aborted ones, so that a fence at `from` and a committed offset `to` mean the same place
 * (rulings.md, 46). Reads with a consumer of its own that joins no group. `from` >= the low and
 * `to` <= the high of kafka_watermarks; FATAL "_AUTO_OFFSET_RESET" when `from` is not in the log,
 * RETRY "_TIMED_OUT". */
enum status kafka_range_has_records(struct kafka_consumer *consumer, int32_t partition,
                                    int64_t from, int64_t to, int timeout_ms, bool *ret_has_records,
                                    struct error *err);
/* First offset, and where the lag ends, of a partition that is being consumed; from the last
 * answers to fetches, no network; false when not known yet. Once the end was reached, *ret_high is
 * last consumed
 * + 1 until more is written: control records at the end are no lag. */
bool kafka_watermarks_cached(struct kafka_consumer *consumer, int32_t partition, int64_t *ret_low,
                             int64_t *ret_high);

/* --- producer --------------------------------------------------------------------------------- */

enum kafka_output_topic { OUTPUT_RESULTS, OUTPUT_CHANGES, OUTPUT_DLQ, OUTPUT_TOPIC_COUNT };

struct kafka_header {
    struct text name;
    struct text value;
};

/* One record to publish. Key and value are copied by the producer unless `borrow` is true: then
 * they must live until kafka_transaction_commit or _abort has returned KAFKA_GO_ON, or the producer
 * is closed. (Keys and headers are copied in any case.) */
struct kafka_output {
    enum kafka_output_topic topic;
    int32_t partition; /* -1: murmur2 of the key, as in Java; a null key counts as an empty one */
    struct text key, value;
    int64_t timestamp_ms; /* milliseconds since 1970; 0: now */
    const struct kafka_header *headers;
    size_t header_count;
    bool borrow;
};

struct kafka_offset {
    int32_t partition;
    int64_t next_offset; /* last processed + 1 */
};

struct kafka_producer;

/* Opens, runs init_transactions (fences a predecessor with the same transactional id, aborts its
 * open transaction) and asks for the topics. RETRY after at most about transaction_timeout_ms; a
 * topic that does not exist is RETRY too. Topics that are NULL in the options are left out. */
enum status kafka_producer_open(struct kafka_producer **ret_producer,
                                const struct kafka_options *options, struct error *err);
void kafka_producer_close(struct kafka_producer *producer);

/* Partition count of an output topic, and of the events topic (to decide about copying the source's
 * partition number). Cached for a minute; may block for 5 s otherwise. */
enum status kafka_partition_count(struct kafka_producer *producer, enum kafka_output_topic topic,
                                  int32_t *ret_count, struct error *err);
enum status kafka_events_partition_count(struct kafka_producer *producer, int32_t *ret_count,
                                         struct error *err);

/* The transaction, in this order: begin, produce x N, offsets, commit. Each returns KAFKA_GO_ON or
 * says what the caller has to do. Retriable errors are repeated inside (same call, bounded by
 * transaction_timeout_ms), so that a call may take that long. Decided by one table in
 * kafka_errors.c. */
enum kafka_verdict {
    KAFKA_GO_ON,    /* done */
    KAFKA_ABORT,    /* kafka_transaction_abort, then the same results again from memory */
    KAFKA_RECYCLE,  /* close this producer, open a new one, then the same results again */
    KAFKA_IN_DOUBT, /* only from commit, which may have taken place: close this producer, open a new
                     * one, then read the committed offsets and go on from there */
    KAFKA_FENCED, /* only from offsets and commit: the group has moved on (stale generation, unknown
                   * member): abort, drop the batch, kafka_consumer_restart */
};
const char *kafka_verdict_name(enum kafka_verdict verdict);
enum kafka_verdict kafka_transaction_begin(struct kafka_producer *producer, struct error *err);
/* Queue full is waited out inside. What is wrong with a delivery shows at commit. */
enum kafka_verdict kafka_transaction_produce(struct kafka_producer *producer,
                                             const struct kafka_output *output, struct error *err);
enum kafka_verdict kafka_transaction_offsets(struct kafka_producer *producer,
                                             const struct kafka_offset *offsets, size_t count,
                                             const struct kafka_group_metadata *metadata,
                                             struct error *err);
enum kafka_verdict kafka_transaction_commit(struct kafka_producer *producer, struct error *err);
/* True when the last commit may have been sent twice, because the first answer did not come. That
 * one may still be on its way, and would commit whatever the next transaction of this producer has
 * sent by then, without the rest (before KIP-890's second part all transactions of a producer have
 * the same epoch): close the producer; a new one has a new epoch. */
bool kafka_producer_has_echo(const struct kafka_producer *producer);
/* KAFKA_GO_ON or KAFKA_RECYCLE. Without an open transaction it does nothing. */
enum kafka_verdict kafka_transaction_abort(struct kafka_producer *producer, struct error *err);
/* Serves delivery reports while other work goes on; never blocks. */
void kafka_producer_poll(struct kafka_producer *producer);

/* Which verdict an error of the offsets call gets by librdkafka's three properties. */
enum kafka_verdict kafka_verdict_of(bool fatal, bool requires_abort, bool retriable);

#endif
