/* Reads given ranges of a topic, as a read_committed reader sees them, without joining a group and
 * without committing anything: for `events tail`, `audit verify`, replay, and for the decision
 * about a fence that lags behind control records. */
#ifndef PROVD_WIRE_KAFKA_READER_H
#define PROVD_WIRE_KAFKA_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "wire/kafka.h"

/* Marks in the place of offsets. */
enum {
    KAFKA_FROM_START = -2, /* the first record there is */
    KAFKA_FROM_END = -1,   /* only records to come */
    KAFKA_TO_END = -1,     /* what is there when the reader is opened */
    KAFKA_TO_NEVER = -2,   /* go on for ever */
};

struct kafka_range {
    int32_t partition;
    int64_t from; /* offset or mark; included */
    int64_t to;   /* offset or mark; excluded */
};

struct kafka_reader;

/* Opens a reader of `topic`; `options` gives brokers, security and the consumer's pass-through, and
 * must outlive the reader. Ranges are copied, at least one. Asks the brokers for the ends of the
 * log where a mark needs them, within `timeout_ms`: RETRY when they do not answer. A range that is
 * empty is done at once. */
enum status kafka_reader_open(struct kafka_reader **ret_reader, const struct kafka_options *options,
                              const char *topic, const struct kafka_range *ranges, size_t count,
                              int timeout_ms, struct error *err);
void kafka_reader_close(struct kafka_reader *reader); /* NULL is fine */

/* The next record of any range (in order within a partition), closed by the caller with
 * kafka_message_close; OK with *ret_message NULL when none came within `timeout_ms` or all ranges
 * are done. FATAL "_AUTO_OFFSET_RESET" when the first offset of a range is not in the log. */
enum status kafka_reader_next(struct kafka_reader *reader, int timeout_ms,
                              struct kafka_message **ret_message, struct error *err);
/* All ranges have been read to their end. */
bool kafka_reader_is_done(const struct kafka_reader *reader);

/* The range that is being read of this partition with its marks resolved, for progress and ETA;
 * false when it is not one of the reader's. `ret_next` is last read + 1. */
bool kafka_reader_progress(const struct kafka_reader *reader, int32_t partition,
                           struct kafka_range *ret_range, int64_t *ret_next);

/* First offset whose record is at `timestamp_ms` or later, per partition, into `from` of the ranges
 * (KAFKA_FROM_END when there is none). */
enum status kafka_reader_seek_times(const struct kafka_options *options, const char *topic,
                                    struct kafka_range *ranges, size_t count, int64_t timestamp_ms,
                                    int timeout_ms, struct error *err);

/* What kafka_range_has_records (kafka.h) does, for any topic; no marks. */
enum status kafka_range_has_records_in(const struct kafka_options *options, const char *topic,
                                       const struct kafka_range *range, int timeout_ms,
                                       bool *ret_has_records, struct error *err);

#endif
