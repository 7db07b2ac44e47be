/* CloudEvents' headers (binary content mode) of what is published. All follow from the record that
 * is answered, so that a result that is published again has the same ones. */
#ifndef PROVD_WIRE_CLOUDEVENTS_H
#define PROVD_WIRE_CLOUDEVENTS_H

#include <stddef.h>
#include <stdint.h>

#include "base/text.h"
#include "base/uuid.h"
#include "wire/kafka.h"

enum { CLOUDEVENTS_HEADERS = 5, CLOUDEVENTS_ID_MAX = 64, CLOUDEVENTS_TIME_MAX = 32 };

/* The texts that the headers point to. Zeroed at first, then kept from record to record. */
struct cloudevents {
    char id[CLOUDEVENTS_ID_MAX];
    char time[CLOUDEVENTS_TIME_MAX];
    int64_t second; /* whose text `time` begins with */
    size_t second_len;
};

/* Fills CLOUDEVENTS_HEADERS headers: of a result (`number` 0) or of its change record number 1, 2,
 * .. `timestamp_ms` is that of the record that is answered. */
void cloudevents_headers(struct cloudevents *ce, const struct uuid *result_id, size_t number,
                         int64_t timestamp_ms, struct kafka_header *ret_headers);

#endif
