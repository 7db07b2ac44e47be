/* Quotas as vpopmail writes them (rulings.md, 26): NOQUOTA, N, NB, NK, NKB, NM, NMB (bytes), NS
 * (bytes), NC (messages), "NS,NC" (both). Letters in either case; K and M are 1024. */
#ifndef PROVD_DOMAIN_QUOTA_H
#define PROVD_DOMAIN_QUOTA_H

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"

/* A string is the whole quota: the half that it does not name is 0, which is unlimited. */
struct quota {
    int64_t bytes, messages;
};

/* False on anything else, also on overflow; *ret_quota is set on success only. */
bool quota_parse(struct text text, struct quota *ret_quota);

#endif
