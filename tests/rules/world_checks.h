/* What must be true of the rows after every transaction. */
#ifndef PROVD_TESTS_WORLD_CHECKS_H
#define PROVD_TESTS_WORLD_CHECKS_H

#include "world.h"

/* As worker/sql/load_domain_usage.sql counts. */
struct usage_counts {
    int64_t live, used, bytes, messages;
    int64_t overriding_bytes, overriding_messages;
    int64_t overriding_bytes_unlimited, overriding_messages_unlimited;
};

struct usage_counts world_count_usage(const struct world *world, struct text domain);

/* Fails the test when a constraint of the tables, or a count that the plan keeps, does not hold. */
void world_check(struct world *world);

#endif
