/* Avro values as JSON and back, driven by the text of a schema: for `events send|decode|tail`,
 * `account show`, `ledger show`, `audit verify`.
 *
 * The JSON is the one people write (schemas/README.md), not Avro's own: a union of null and one
 * type is the plain value or null, a union of several records is {"RecordName": {...}}; times are
 * RFC 3339 in UTC (numbers of microseconds are read too), bytes are base64, fixed are hexadecimal;
 * an absent field takes its default.
 *
 * Bytes may come from anybody: depth, number of values and sizes are bounded, everything must be
 * consumed. */
#ifndef PROVCTL_CODEC_H
#define PROVCTL_CODEC_H

#include <stdbool.h>

#include "base/status.h"
#include "base/text.h"
#include "wire/json.h"

struct codec;

/* NULL when the text is no schema; `err` says why. */
struct codec *codec_open(struct text schema, struct error *err);
void codec_close(struct codec *codec); /* NULL is fine */

/* Appends the value's bytes. False: `err` says at which place of the JSON what is wrong; no values
 * are shown, as they may be secrets. */
bool codec_encode(const struct codec *codec, const json_t *value, struct buffer *out,
                  struct error *err);

/* The value that these bytes are, all of them; NULL: `err` says at which byte and field what is
 * wrong. */
json_t *codec_decode(const struct codec *codec, struct text bytes, struct error *err);

#endif
