/* 16-byte UUIDs. The nil UUID (all zero) stands for "none" throughout. */
#ifndef PROVD_BASE_UUID_H
#define PROVD_BASE_UUID_H

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"

enum { UUID_TEXT_LEN = 36 };

struct uuid {
    uint8_t bytes[16];
};

#define UUID_NIL ((struct uuid){{0}})

bool uuid_is_nil(const struct uuid *u);
bool uuid_equal(const struct uuid *a, const struct uuid *b);
int uuid_compare(const struct uuid *a, const struct uuid *b); /* the order PostgreSQL uses */

/* Canonical 8-4-4-4-12, any version, either case, optionally in braces. False on anything else;
 * *ret_uuid is set on success only. */
bool uuid_parse(struct text t, struct uuid *ret_uuid);
/* Lower case, NUL-terminated. */
void uuid_format(const struct uuid *u, char ret_text[UUID_TEXT_LEN + 1]);
/* Milliseconds since 1970 of a version 7 UUID; -1 for another version. */
int64_t uuid_v7_time_ms(const struct uuid *u);

#endif
