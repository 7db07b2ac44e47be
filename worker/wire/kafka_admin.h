/* Administrative questions and acts for `provctl`: topics, their settings, the offsets of a group.
 * The worker itself never creates anything. All calls ask the brokers, within `timeout_ms`; RETRY
 * when they do not answer. */
#ifndef PROVD_WIRE_KAFKA_ADMIN_H
#define PROVD_WIRE_KAFKA_ADMIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "base/text.h"
#include "wire/kafka.h"

struct arena;
struct kafka_admin;

/* `options` gives brokers, security and the producer's pass-through. */
enum status kafka_admin_open(struct kafka_admin **ret_admin, const struct kafka_options *options,
                             struct error *err);
void kafka_admin_close(struct kafka_admin *admin); /* NULL is fine */

enum status kafka_admin_cluster_id(struct kafka_admin *admin, int timeout_ms, struct arena *arena,
                                   struct text *ret_id, struct error *err);

/* --- topics ------------------------------------------------------------------------------------
 */

struct kafka_topic_setting {
    struct text name, value; /* null value: secret, or none */
    bool is_default;         /* not set for this topic itself */
};

struct kafka_topic {
    struct text name;
    bool exists;
    int32_t partition_count;
    int32_t replication_factor;           /* of the first partition */
    int32_t in_sync_min;                  /* fewest in-sync replicas of any partition now */
    bool has_leaderless;                  /* some partition has no leader now */
    struct kafka_topic_setting *settings; /* only from kafka_admin_topic_settings */
    size_t setting_count;
};

/* All topics of the cluster, sorted by name, memory from the arena. */
enum status kafka_admin_list_topics(struct kafka_admin *admin, int timeout_ms, struct arena *arena,
                                    struct kafka_topic **ret_topics, size_t *ret_count,
                                    struct error *err);
/* Fills in all but the settings of ret_topics[0 .. count); a missing topic has `exists` false. */
enum status kafka_admin_describe_topics(struct kafka_admin *admin, const char *const *names,
                                        size_t count, int timeout_ms, struct arena *arena,
                                        struct kafka_topic *ret_topics, struct error *err);
/* Fills in the settings of an existing topic, sorted by name. */
enum status kafka_admin_topic_settings(struct kafka_admin *admin, int timeout_ms,
                                       struct arena *arena, struct kafka_topic *topic,
                                       struct error *err);

struct kafka_new_topic {
    const char *name;
    int32_t partition_count;
    int32_t replication_factor;            /* -1: the brokers' default */
    const struct kafka_property *settings; /* ended by a NULL name; or NULL */
};
/* Creates topics, or with `validate_only` asks whether they could be created. What went wrong with
 * topic i is in ret_errors[i] (an empty code: made; "TOPIC_ALREADY_EXISTS"; ...), and the result is
 * then that of the worst. */
enum status kafka_admin_create_topics(struct kafka_admin *admin,
                                      const struct kafka_new_topic *topics, size_t count,
                                      bool validate_only, int timeout_ms, struct error *ret_errors,
                                      struct error *err);
/* First offset and last stable offset of a partition. */
enum status kafka_admin_watermarks(struct kafka_admin *admin, const char *topic, int32_t partition,
                                   int timeout_ms, int64_t *ret_low, int64_t *ret_high,
                                   struct error *err);

/* --- groups ------------------------------------------------------------------------------------
 */

/* Committed offsets of any group into `start_offset`, -1 where there is none. RETRY with code
 * "UNSTABLE_OFFSET_COMMIT" while a transaction is about to change one. */
enum status kafka_admin_committed(struct kafka_admin *admin, const char *group, const char *topic,
                                  struct kafka_partition *partitions, size_t count, int timeout_ms,
                                  struct error *err);

struct kafka_member {
    struct text client_id, host;
    int32_t partition_count; /* assigned */
};
struct kafka_group {
    struct text state; /* "Stable", "Empty", "Dead" (there is none), ... */
    struct kafka_member *members;
    size_t member_count;
};
enum status kafka_admin_group(struct kafka_admin *admin, const char *group, int timeout_ms,
                              struct arena *arena, struct kafka_group *ret_group,
                              struct error *err);

#endif
