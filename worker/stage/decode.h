/* decode: framing, schema look-up, Avro to struct event. Bytes that cannot be read make a dead
 * letter of their record and nothing else; only the world (a registry that is away) is an error. */
#ifndef PROVD_STAGE_DECODE_H
#define PROVD_STAGE_DECODE_H

#include "base/status.h"
#include "batch.h"
#include "domain/policy.h"
#include "wire/avro.h"
#include "wire/schemas.h"

struct decode {
    struct schemas *schemas;
    const struct policy *policy;
    struct decode_limits limits;
    int64_t event_bytes_max, header_bytes_max;
    bool accept_bare;
    struct counters *counters;
    /* A record that was too much for batch.memory_max, by itself. */
    bool has_giant;
    uint64_t giant_generation; /* of the assignment */
    int32_t giant_partition;
    int64_t giant_offset;
};

/* Fills events and deaths of the records that are not decoded yet, up to the first that would bring
 * the batch over BATCH_USERS_MAX: batch->decoded says where, the rest is for the next one. RETRY: a
 * schema cannot be had at the moment; run it again. */
enum status decode_run(struct decode *decode, struct batch *batch, struct error *err);
/* Decodes a few more records in an idle moment. False when all are that will be, or when one needs
 * a schema that has to be asked for. */
bool decode_ahead(struct decode *decode, struct batch *batch);

#endif
