/* `provctl check`: brokers, topics, rights, the consumer group, transactions. */
#include "check.h"

#include <inttypes.h>
#include <string.h>
#include <strings.h>

#include "configuration.h"
#include "wire/kafka_admin.h"
#include "wire/kafka_reader.h"

enum { TOPICS = 4, READ_MS = 2000 };

/* The last part of the transactional id for the try: no lane is called that. */
#define CHECK_SLOT "provctl-check"

struct kafka_check {
    struct check *check;
    const struct config_kafka *config;
    struct kafka_options options;
    struct kafka_admin *admin;
    struct kafka_topic topics[TOPICS];
    int timeout_ms;
};

/* What to do about an error that wire/kafka has put into words. */
static const char *advice_for(const struct kafka_check *k, const struct error *err)
{
    bool is_scram = strncasecmp(k->config->sasl_mechanism, "SCRAM", 5) == 0;
    bool is_about_login = strcasestr(err->message, "auth") || strcasestr(err->message, "sasl");

    if (is_scram && is_about_login)
        return "SCRAM fails against Kafka 4.x with librdkafka 2.0.2 even when the password is "
               "right (librdkafka issue "
               "4895): use PLAIN over TLS or client certificates, or a newer librdkafka; else "
               "check user and password";
    if (is_about_login)
        return "check kafka.security.sasl.*; for ACLs, grant what the message names";
    if (strcasestr(err->message, "ssl"))
        return "check kafka.security.protocol, kafka.security.ca_file and the host name in "
               "kafka.brokers";
    return "check kafka.brokers, kafka.security.protocol, the network, and that the brokers run";
}

static void fail(struct kafka_check *k, const char *what, const struct error *err)
{
    check_unreachable(k->check, what, err, advice_for(k, err));
}

static bool connect(struct kafka_check *k)
{
    struct text id;
    struct error err;
    enum status status = kafka_admin_open(&k->admin, &k->options, &err);

    if (status == STATUS_OK)
        status =
            kafka_admin_cluster_id(k->admin, k->timeout_ms, k->check->invocation->arena, &id, &err);
    if (status != STATUS_OK) {
        fail(k, "kafka", &err);
        return false;
    }
    check_found(k->check, "kafka", VERDICT_OK, NULL, "cluster %.*s at %s", TEXT_ARG(id),
                k->config->brokers);
    return true;
}

/* --- topics -------------------------------------------------------------------------------------
 */

static int64_t max_bytes_of(const struct kafka_topic *topic)
{
    int64_t bytes = -1;

    for (size_t i = 0; i < topic->setting_count; i++) {
        if (text_equal_z(topic->settings[i].name, "max.message.bytes"))
            text_to_int64(topic->settings[i].value, &bytes);
    }
    return bytes;
}

static void check_topic(struct kafka_check *k, const char *name, const struct kafka_topic *topic,
                        bool is_output)
{
    const char *what = text_format(k->check->invocation->arena, "topic %s", name).data;
    int64_t bytes = max_bytes_of(topic);

    if (!topic->exists)
        check_find(k->check, what, VERDICT_FAILED, "it is not there, or may not be seen",
                   "make it with `provctl topics ensure`, or grant DESCRIBE on it");
    else if (topic->has_leaderless)
        check_find(k->check, what, VERDICT_FAILED, "some partition has no leader",
                   "start the broker that is down");
    else if (is_output && bytes >= 0 && bytes < k->options.output_bytes_max)
        check_found(k->check, what, VERDICT_FAILED,
                    "raise max.message.bytes of the topic, or lower kafka.output_bytes",
                    "it takes records of %" PRId64 " bytes, the worker may make some of %" PRId64,
                    bytes, k->options.output_bytes_max);
    else if (topic->partition_count != k->topics[0].partition_count)
        check_found(k->check, what, VERDICT_WARNING,
                    "give all topics the same number, so that results lie in source order",
                    "%d partitions, the events have %d", topic->partition_count,
                    k->topics[0].partition_count);
    else
        check_found(k->check, what, topic->replication_factor > 1 ? VERDICT_OK : VERDICT_WARNING,
                    topic->replication_factor > 1 ? NULL
                                                  : "a lost broker loses records: replicate it",
                    "%d partitions, %d %s", topic->partition_count, topic->replication_factor,
                    topic->replication_factor == 1 ? "copy" : "copies");
}

static bool check_topics(struct kafka_check *k)
{
    const char *names[TOPICS] = {k->config->topic_events, k->config->topic_results,
                                 k->config->topic_changes, k->config->topic_dlq};
    struct arena *arena = k->check->invocation->arena;
    struct error err;
    bool are_there = true;

    if (kafka_admin_describe_topics(k->admin, names, TOPICS, k->timeout_ms, arena, k->topics,
                                    &err) != STATUS_OK) {
        fail(k, "topics", &err);
        return false;
    }
    for (int i = 0; i < TOPICS; i++) {
        /* Settings need a right of their own, DESCRIBE_CONFIGS: without it, the sizes are not
         * judged. */
        if (k->topics[i].exists)
            kafka_admin_topic_settings(k->admin, k->timeout_ms, arena, &k->topics[i], &err);
        check_topic(k, names[i], &k->topics[i], i > 0);
        are_there = are_there && k->topics[i].exists;
    }
    return are_there;
}

/* --- rights -------------------------------------------------------------------------------------
 */

static void check_reading(struct kafka_check *k)
{
    struct kafka_range range = {0, KAFKA_FROM_START, KAFKA_TO_END};
    struct kafka_reader *reader;
    struct kafka_message *message = NULL;
    struct error err;
    enum status status = kafka_reader_open(&reader, &k->options, k->config->topic_events, &range, 1,
                                           k->timeout_ms, &err);

    if (status == STATUS_OK) {
        if (!kafka_reader_is_done(reader))
            status = kafka_reader_next(reader, READ_MS, &message, &err);
        kafka_message_close(message);
        kafka_reader_close(reader);
    }
    if (status == STATUS_OK)
        check_find(k->check, "reading events", VERDICT_OK, NULL, NULL);
    else
        fail(k, "reading events", &err);
}

static void check_group(struct kafka_check *k)
{
    struct kafka_group group;
    struct error err;

    if (kafka_admin_group(k->admin, k->config->group_id, k->timeout_ms, k->check->invocation->arena,
                          &group, &err) != STATUS_OK) {
        fail(k, "consumer group", &err);
        return;
    }
    check_found(k->check, "consumer group", VERDICT_OK, NULL, "%s: %.*s, %zu member%s",
                k->config->group_id, TEXT_ARG(group.state), group.member_count,
                group.member_count == 1 ? "" : "s");
}

/* Opens a transactional producer under an id that no lane has: fences nobody, writes nothing. */
static void check_transactions(struct kafka_check *k)
{
    struct kafka_options options = k->options;
    struct kafka_producer *producer;
    struct error err;

    options.transactional_id = text_format(k->check->invocation->arena, "%s-%s",
                                           k->config->transactional_id_prefix, CHECK_SLOT)
                                   .data;
    if (kafka_producer_open(&producer, &options, &err) != STATUS_OK) {
        fail(k, "transactions", &err);
        return;
    }
    kafka_producer_close(producer);
    check_found(k->check, "transactions", VERDICT_OK, NULL, "transactional ids %s-*",
                k->config->transactional_id_prefix);
}

void check_kafka(struct check *check)
{
    const struct config *config = check->invocation->config;
    struct kafka_check k = {
        .check = check,
        .config = &config->kafka,
        .options = configuration_kafka(config),
        .timeout_ms = (int)config->kafka.request_timeout_ms,
    };

    if (!*config->kafka.brokers) {
        check_find(check, "kafka", VERDICT_FAILED, "kafka.brokers is not set", "set kafka.brokers");
        return;
    }
    if (connect(&k)) {
        if (check_topics(&k)) {
            check_reading(&k);
            check_transactions(&k);
        }
        check_group(&k);
    }
    kafka_admin_close(k.admin);
}
