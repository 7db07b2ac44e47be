/* What several commands ask the brokers before they begin. */
#ifndef PROVCTL_BROKERS_H
#define PROVCTL_BROKERS_H

#include <stdint.h>

#include "base/status.h"

struct invocation;

/* The number of partitions of a topic. FATAL when there is no such topic, with what to do. */
enum status brokers_partition_count(struct invocation *invocation, const char *topic,
                                    int32_t *ret_count, struct error *err);

#endif
