/* Turns outcomes into the bytes that are published and stored: results, and change records linked
 * into the audit chain of their partition. Every byte follows from the event, its outcome, the
 * chain and the batch's time, so that what is stored can be published again as it is. */
#ifndef PROVD_WIRE_OUTPUTS_H
#define PROVD_WIRE_OUTPUTS_H

#include "base/status.h"
#include "wire/avro.h"
#include "wire/ledger.h"

/* What all outputs of a lane have in common. Plain; the texts live as long as the lane. */
struct output_maker {
    struct encoder *encoder;
    struct framing result_framing, change_framing;
    struct text cluster_id, topic, worker;
    struct buffer scratch; /* cleared for each output */
};

/* What an output is made about. */
struct output_source {
    int32_t fence_id;
    int32_t partition;
    int64_t offset;
    int64_t timestamp_ms;
    bool republished;
    int64_t now_us;
};

/* Kinds of output, as they go into result_id: append only. */
enum output_kind { OUTPUT_KIND_RESULT, OUTPUT_KIND_CHANGE, OUTPUT_KIND_DEAD_LETTER };

/* The identity of an output: the same whenever it is made again (rulings.md, 23). */
struct uuid output_id(const struct output_maker *maker, const struct output_source *source,
                      enum output_kind kind, uint32_t index);

/* The framed result, in the arena. FATAL when it is over `bytes_max`. */
enum status output_result(struct output_maker *maker, const struct output_source *source,
                          const struct uuid *result_id, const struct event *event,
                          const struct outcome *outcome, struct arena *arena,
                          struct text *ret_value, struct error *err);

/* The next link of the chain in `fence` (whose seq and head move on): fills the row for the change
 * log, with all its bytes in the arena, and the value to publish. `entry->event_id` points into the
 * event. */
enum status output_change(struct output_maker *maker, const struct output_source *source,
                          const struct event *event, const struct change *change, uint32_t index,
                          struct fence_state *fence, struct arena *arena,
                          struct change_entry *ret_entry, struct text *ret_value,
                          struct error *err);

#endif
