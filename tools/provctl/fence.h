/* The commands of `provctl fence`, and what they know of a partition: both sides, Kafka's and the
 * database's. */
#ifndef PROVCTL_FENCE_H
#define PROVCTL_FENCE_H

#include "command.h"
#include "database.h"
#include "domain/fence.h"
#include "wire/kafka_admin.h"

struct fence_view {
    struct text topic;
    int32_t partition;
    struct fence_facts facts;
    json_t *row; /* what the table has besides, NULL: no row */
};

struct fences {
    struct invocation *invocation;
    struct kafka_options options;
    struct kafka_admin *admin;
    struct postgres *pg;
    struct text cluster_id, topic;
    struct fence_view *views; /* in order of the partitions, in the invocation's arena */
    size_t count;
};

/* Asks both sides about the partitions of --topic; `partition` -1 means all. Exit code, after
 * saying what is wrong; fences_close is due in any case. */
int fences_open(struct fences *fences, struct invocation *invocation, int32_t partition);
void fences_close(struct fences *fences);

int fence_accept(struct invocation *invocation);
int fence_adopt(struct invocation *invocation);

#endif
