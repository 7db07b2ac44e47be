/* Points in time and durations as people write them. */
#ifndef PROVCTL_MOMENT_H
#define PROVCTL_MOMENT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"

enum { MOMENT_TEXT_MAX = 40 };

/* RFC 3339 with any offset and up to nine decimals (what is below microseconds is cut):
 * 2026-01-15T09:00:00Z, 2026-01-15 10:00:00.25+01:00. False on anything else. */
bool moment_parse(struct text t, int64_t *ret_us);
/* In UTC with as many decimals as are needed (none, or six). Times outside of the years 0 to 9999
 * are shown as the number of microseconds. */
void moment_format(int64_t us, char ret_text[MOMENT_TEXT_MAX]);
/* 500ms, 30s, 5m, 2h, 1d; milliseconds, not negative. */
bool moment_parse_duration(struct text t, int64_t *ret_ms);

#endif
