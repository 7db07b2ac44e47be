/* What the HTTP server answers: /livez, /readyz, /metrics, /version.
 *
 * /livez    200 while the parent's loop turns: a restart would not help more than it does itself.
 * /readyz   200 when every lane runs and no partition is halted; else 503 with one line per reason
 *           that ends in what to do about it. Losing readiness is no cause for a restart.
 * /metrics  Prometheus text, see metrics.h.
 * /version  JSON. */
#ifndef PROVD_ENDPOINTS_H
#define PROVD_ENDPOINTS_H

#include <stdbool.h>

#include "base/counters.h"
#include "base/text.h"

struct http_reply;

struct endpoints {
    const struct counters *lanes;
    int lane_count;
    const char *topic; /* of the events */
    bool is_stopping;
};

/* An http_handler; `context` is a struct endpoints. */
void endpoints_answer(void *context, const char *path, struct http_reply *reply);

/* Appends the lines of /readyz and tells whether all is well (then none is appended). */
bool endpoints_readiness(const struct endpoints *endpoints, struct buffer *out);

#endif
