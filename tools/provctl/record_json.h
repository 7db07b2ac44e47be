/* A record of Kafka as JSON: its place, time, key, headers, and its value decoded. */
#ifndef PROVCTL_RECORD_JSON_H
#define PROVCTL_RECORD_JSON_H

#include "shelf.h"
#include "wire/kafka.h"

/* {topic, partition, offset, timestamp, key, headers, schema, value}; what cannot be decoded has
 * {error} in place of schema and value. Bytes that are no text are {"base64": ...}. */
json_t *record_to_json(struct shelf *shelf, enum record_type type, const char *topic,
                       const struct kafka_message *message);

#endif
