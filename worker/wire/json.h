/* Reading JSON of limited size and depth: the one place that includes <jansson.h>. */
#ifndef PROVD_WIRE_JSON_H
#define PROVD_WIRE_JSON_H

#include "base/status.h"
#include "base/text.h"

#include <jansson.h>

/* NULL when the text is no JSON document, is longer than `bytes_max`, or repeats a key; `err` says
 * why and where. The caller gives the document back with json_decref. */
json_t *json_from_text(struct text json, size_t bytes_max, struct error *err);

/* A member's string; NULL when it is absent or no string. Lives as long as the object. */
const char *json_member_z(const json_t *object, const char *name);
/* A member's whole number; false when it is absent or something else. */
bool json_member_int64(const json_t *object, const char *name, int64_t *ret_value);

#endif
