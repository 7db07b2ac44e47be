/* The counters of all lanes as Prometheus text (version 0.0.4).
 *
 * Names and labels are an interface: dashboards and alerts count on them. Counters are summed over
 * the lanes; they live in the parent and so survive the restart of a lane. Series of errors that
 * can be foreseen are there from the start with 0, so that the first error is seen as a rise. No
 * label holds an address or anything else that a sender chooses. */
#ifndef PROVD_METRICS_H
#define PROVD_METRICS_H

#include <stdint.h>

#include "base/counters.h"
#include "base/text.h"

#define METRICS_CONTENT_TYPE "text/plain; version=0.0.4; charset=utf-8"

struct metrics_source {
    const struct counters *lanes;
    int lane_count;
    const char *topic; /* of the events */
    int64_t now_us;    /* wall clock: what lag in seconds is counted to */
};

/* Appends everything to `out`, which fails when it is full. */
void metrics_write(struct buffer *out, const struct metrics_source *source);

/* --- pieces, shared by the files metrics*.c ----------------------------------------------------
 */

/* The HELP and TYPE lines of a family. */
void metrics_head(struct buffer *out, const char *name, const char *type, const char *help);
/* Appends a label's value with what the format wants escaped. */
void metrics_label(struct buffer *out, const char *value);
/* process_* of the parent and of each lane. */
void metrics_write_processes(struct buffer *out, const struct metrics_source *source);
/* Lag of the partitions, and those that are halted. */
void metrics_write_partitions(struct buffer *out, const struct metrics_source *source);

#endif
