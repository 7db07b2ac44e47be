/* What a handle of librdkafka is configured with: first our defaults, then what the operator passes
 * through, then what the worker owns. pitfalls.md says why for most of these. */
#include "wire/kafka_handles.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum {
    VALUE_MAX = 64,
    ERRSTR_MAX = 256,
    /* Bounds that librdkafka itself sets. */
    MESSAGE_BYTES_MIN = 1000,
    MESSAGE_BYTES_DEFAULT = 1000000,
    MESSAGE_BYTES_MAX = 1000000000,
    MIB = 1024 * 1024,
    FETCH_BYTES_MAX = 50 * MIB,
    SENDER_TIMEOUT_MS = 30000, /* until an undelivered record is given up */
    PARTITION_FETCH_BYTES_MAX = 4 * MIB,
    QUEUED_KBYTES_MAX = 2097151,
};

#define FOR(role) (1u << KAFKA_ROLE_##role)
#define CONSUMING (FOR(CONSUMER) | FOR(READER))
#define PRODUCING (FOR(PRODUCER) | FOR(SENDER))
#define EVERY (CONSUMING | PRODUCING)

/* Defaults that an operator may override. */
struct fixed_setting {
    unsigned roles;
    const char *name, *value;
};
static const struct fixed_setting defaults[] = {
    {EVERY, "socket.keepalive.enable", "true"},
    {EVERY, "socket.nagle.disable", "true"},
    {EVERY, "log.connection.close", "false"},    /* an idle connection that is closed is no news */
    {EVERY, "reconnect.backoff.max.ms", "2000"}, /* the lag has to fall soon after an outage */
    {CONSUMING, "check.crcs", "true"},
    {CONSUMING, "fetch.error.backoff.ms", "100"},
    {FOR(CONSUMER), "heartbeat.interval.ms", "1000"},
    {FOR(CONSUMER), "max.poll.interval.ms", "300000"},
    {PRODUCING, "compression.type", "lz4"},
    {PRODUCING, "linger.ms", "2"},
    /* Also how soon offsets are tried again that meet the markers of the producer's transaction
     * before. */
    {PRODUCING, "retry.backoff.ms", "5"},
};

/* What the worker owns: set last, refused when passed through. A NULL value is set elsewhere or
 * must not be set at all. */
struct owned_setting {
    unsigned roles;
    const char *name, *value, *reason;
};
static const struct owned_setting owned[] = {
    {0, "bootstrap.servers", NULL, "set kafka.brokers"},
    {0, "metadata.broker.list", NULL, "set kafka.brokers"},
    {0, "client.id", NULL, "set kafka.client_id"},
    {0, "group.id", NULL, "set kafka.group_id"},
    {0, "session.timeout.ms", NULL, "set kafka.session_timeout"},
    {0, "transactional.id", NULL, "it is made from the slot of the lane, so that a restart fences"},
    {0, "transaction.timeout.ms", NULL, "set kafka.transaction_timeout"},
    {0, "message.timeout.ms", NULL, "it follows kafka.transaction_timeout"},
    {0, "delivery.timeout.ms", NULL, "it follows kafka.transaction_timeout"},
    {0, "message.max.bytes", NULL, "it follows the limit on outputs"},
    {0, "queue.buffering.max.messages", NULL, "it follows batch.max_events"},
    {0, "queue.buffering.max.kbytes", NULL, "it follows batch.max_events"},
    {0, "queued.max.messages.kbytes", NULL, "set kafka.fetch_memory"},
    {0, "queued.min.messages", NULL, "set kafka.fetch_memory"},
    {0, "fetch.max.bytes", NULL, "set kafka.fetch_memory"},
    {0, "plugin.library.paths", NULL, "the worker loads no foreign code"},
    {0, "interceptors", NULL, "the worker loads no foreign code"},
    {0, "group.instance.id", NULL, "static membership would hide a dead lane from the group"},
    {0, "group.protocol", NULL, "the assignment is eager"},
    {0, "test.mock.num.brokers", NULL, "it would talk to a mock"},
    {0, "test.mock.broker.rtt", NULL, "it would talk to a mock"},
    {EVERY, "allow.auto.create.topics", "false", "the worker never creates topics"},
    {CONSUMING, "enable.auto.commit", "false", "offsets are committed in the transaction"},
    {CONSUMING, "enable.auto.offset.store", "false", "offsets are committed in the transaction"},
    {CONSUMING, "auto.offset.reset", "error", "the fence decides where a partition starts"},
    {CONSUMING, "isolation.level", "read_committed", "aborted events did not happen"},
    {CONSUMING, "enable.partition.eof", "true", "the worker handles the end of a partition"},
    {FOR(CONSUMER), "partition.assignment.strategy", "range",
     "the assignment is eager: cooperative-sticky loses offsets in this librdkafka"},
    {PRODUCING, "enable.idempotence", "true", "exactly once needs it"},
    {PRODUCING, "partitioner", "murmur2", "outputs lie where Java's partitioner puts them"},
    /* A report of success is what wakes up a flush; without, each commit takes 8 ms more
       (measured). */
    {PRODUCING, "delivery.report.only.error", "false", "commits would take 8 ms more"},
    {0, "acks", NULL, "exactly once needs all"},
    {0, "request.required.acks", NULL, "exactly once needs all"},
    {0, "auto.commit.enable", NULL, "offsets are committed in the transaction"},
    {0, "auto.commit.interval.ms", NULL, "offsets are committed in the transaction"},
    {0, "offset.store.method", NULL, "offsets are committed in the transaction"},
    {0, "dr_cb", NULL, "callbacks are the worker's"},
    {0, "dr_msg_cb", NULL, "callbacks are the worker's"},
    {0, "opaque", NULL, "callbacks are the worker's"},
    {0, "enabled_events", NULL, "callbacks are the worker's"},
};

const char *kafka_property_refused(const char *name)
{
    static const char callback_suffix[] = "_cb";
    size_t len = strlen(name);

    for (size_t i = 0; i < sizeof(owned) / sizeof(owned[0]); i++) {
        if (strcasecmp(name, owned[i].name) == 0) {
            return owned[i].reason;
        }
    }
    if (len > strlen(callback_suffix) &&
        strcmp(name + len - strlen(callback_suffix), callback_suffix) == 0) {
        return "callbacks are the worker's";
    }
    return NULL;
}

/* librdkafka puts the offending value into its message: not to be shown for these. */
static bool may_be_secret(const char *name)
{
    static const char *const parts[] = {"password",    "secret", "key",  "pem",
                                        "oauthbearer", "token",  "jaas", "sasl"};

    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        if (strstr(name, parts[i]) != NULL) {
            return true;
        }
    }
    return false;
}

static enum status set_text(rd_kafka_conf_t *conf, const char *name, const char *value,
                            struct error *err)
{
    char why[ERRSTR_MAX];
    rd_kafka_conf_res_t res = rd_kafka_conf_set(conf, name, value, why, sizeof(why));

    if (res == RD_KAFKA_CONF_OK) {
        return STATUS_OK;
    }
    if (res == RD_KAFKA_CONF_UNKNOWN) {
        return error_set(err, STATUS_FATAL, "_UNKNOWN_PROPERTY",
                         "kafka: librdkafka %s has no property '%s'; check its spelling",
                         rd_kafka_version_str(), name);
    }
    return error_set(err, STATUS_FATAL, "_INVALID_PROPERTY", "kafka: property '%s': %s", name,
                     may_be_secret(name) ? "librdkafka does not accept its value (not shown)"
                                         : why);
}

static enum status set_number(rd_kafka_conf_t *conf, const char *name, int64_t value,
                              struct error *err)
{
    char text[VALUE_MAX];

    snprintf(text, sizeof(text), "%" PRId64, value);
    return set_text(conf, name, text, err);
}

static int64_t clamp(int64_t value, int64_t min, int64_t max)
{
    return value < min ? min : value > max ? max : value;
}

static enum status set_defaults(rd_kafka_conf_t *conf, enum kafka_role role, struct error *err)
{
    for (size_t i = 0; i < sizeof(defaults) / sizeof(defaults[0]); i++) {
        if (!(defaults[i].roles & (1u << role))) {
            continue;
        }
        enum status status = set_text(conf, defaults[i].name, defaults[i].value, err);
        if (status) {
            return status;
        }
    }
    return STATUS_OK;
}

static enum status set_passed_through(rd_kafka_conf_t *conf,
                                      const struct kafka_property *properties, struct error *err)
{
    for (const struct kafka_property *p = properties; p && p->name; p++) {
        const char *reason = kafka_property_refused(p->name);
        if (reason) {
            return error_set(err, STATUS_FATAL, "_OWNED_PROPERTY",
                             "kafka: property '%s' cannot be passed through: %s", p->name, reason);
        }
        enum status status = set_text(conf, p->name, p->value, err);
        if (status) {
            return status;
        }
    }
    return STATUS_OK;
}

static enum status set_owned(rd_kafka_conf_t *conf, enum kafka_role role, struct error *err)
{
    for (size_t i = 0; i < sizeof(owned) / sizeof(owned[0]); i++) {
        if (!owned[i].value || !(owned[i].roles & (1u << role))) {
            continue;
        }
        enum status status = set_text(conf, owned[i].name, owned[i].value, err);
        if (status) {
            return status;
        }
    }
    return STATUS_OK;
}

/* Numbers that follow the options. */
struct number {
    const char *name;
    int64_t value;
};

static enum status set_numbers(rd_kafka_conf_t *conf, const struct number *numbers, size_t count,
                               struct error *err)
{
    for (size_t i = 0; i < count; i++) {
        enum status status = set_number(conf, numbers[i].name, numbers[i].value, err);
        if (status) {
            return status;
        }
    }
    return STATUS_OK;
}

int64_t kafka_queue_bytes_max(const struct kafka_options *options)
{
    return clamp(options->fetch_memory_bytes_max / 2, MIB, (int64_t)QUEUED_KBYTES_MAX * 1024);
}

/* The prefetch queue gets half of the memory, one fetch answer a quarter: both can be there at
 * once, and the messages of the batch in hand pin what they point into. */
static enum status set_consuming(rd_kafka_conf_t *conf, const struct kafka_options *options,
                                 enum kafka_role role, struct error *err)
{
    int64_t fetch = clamp(options->fetch_memory_bytes_max / 4, MIB, FETCH_BYTES_MAX);
    struct number numbers[] = {
        {"queued.max.messages.kbytes", kafka_queue_bytes_max(options) / 1024},
        {"queued.min.messages", KAFKA_QUEUE_MESSAGES_MAX},
        {"message.max.bytes", MIB},
        {"fetch.max.bytes", fetch},
        {"max.partition.fetch.bytes", clamp(fetch, MIB, PARTITION_FETCH_BYTES_MAX)},
        {"session.timeout.ms", options->session_timeout_ms}, /* last: members only */
    };
    size_t count = sizeof(numbers) / sizeof(numbers[0]);
    /* A reader joins no group, but librdkafka wants a name to assign by hand. */
    enum status status =
        set_text(conf, "group.id", options->group_id ? options->group_id : "provd-reader", err);

    return status
               ? status
               : set_numbers(conf, numbers, role == KAFKA_ROLE_CONSUMER ? count : count - 1, err);
}

/* Within the broker's patience for a transaction there must be room for a lost request and its
 * repetition, and every message has to be given up before the broker gives up the transaction. */
static enum status set_transactional(rd_kafka_conf_t *conf, const struct kafka_options *options,
                                     struct error *err)
{
    int64_t transaction_ms = options->transaction_timeout_ms;
    struct number numbers[] = {
        {"transaction.timeout.ms", transaction_ms},
        {"message.timeout.ms", transaction_ms - transaction_ms / 10},
        {"socket.timeout.ms", transaction_ms / 2},
        /* Twice the largest batch: an aborted one may not have been purged altogether. */
        {"queue.buffering.max.messages",
         clamp(2 * options->outputs_per_batch_max, 1000, INT32_MAX)},
        {"queue.buffering.max.kbytes", 2097151},
    };
    enum status status = set_text(conf, "transactional.id", options->transactional_id, err);

    return status ? status : set_numbers(conf, numbers, sizeof(numbers) / sizeof(numbers[0]), err);
}

static enum status set_producing(rd_kafka_conf_t *conf, const struct kafka_options *options,
                                 enum kafka_role role, struct error *err)
{
    int64_t bytes_max =
        options->output_bytes_max > 0 ? options->output_bytes_max : MESSAGE_BYTES_DEFAULT;
    enum status status = set_number(conf, "message.max.bytes",
                                    clamp(bytes_max, MESSAGE_BYTES_MIN, MESSAGE_BYTES_MAX), err);

    if (status) {
        return status;
    }
    return role == KAFKA_ROLE_PRODUCER
               ? set_transactional(conf, options, err)
               : set_number(conf, "message.timeout.ms", SENDER_TIMEOUT_MS, err);
}

static enum status set_identity(rd_kafka_conf_t *conf, const struct kafka_options *options,
                                struct error *err)
{
    enum status status = set_text(conf, "bootstrap.servers", options->brokers, err);

    return status ? status
                  : set_text(conf, "client.id", options->client_id ? options->client_id : "provd",
                             err);
}

static enum status set_all(rd_kafka_conf_t *conf, const struct kafka_options *options,
                           enum kafka_role role, struct error *err)
{
    bool consuming = (CONSUMING & (1u << role)) != 0;
    enum status status = set_defaults(conf, role, err);

    if (!status) {
        status = consuming ? set_consuming(conf, options, role, err)
                           : set_producing(conf, options, role, err);
    }
    if (!status) {
        status = set_passed_through(conf, options->client, err);
    }
    if (!status) {
        status = set_passed_through(conf, consuming ? options->consumer : options->producer, err);
    }
    if (!status) {
        status = set_identity(conf, options, err);
    }
    return status ? status : set_owned(conf, role, err);
}

enum status kafka_conf_build(rd_kafka_conf_t **ret_conf, const struct kafka_options *options,
                             enum kafka_role role, struct error *err)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();

    assert(options->brokers && role < KAFKA_ROLE_COUNT);
    enum status status = set_all(conf, options, role, err);
    if (status) {
        rd_kafka_conf_destroy(conf);
        return status;
    }
    *ret_conf = conf;
    return STATUS_OK;
}

enum status kafka_options_check(const struct kafka_options *options, struct error *err)
{
    static const enum kafka_role roles[] = {KAFKA_ROLE_CONSUMER, KAFKA_ROLE_PRODUCER};

    for (size_t i = 0; i < sizeof(roles) / sizeof(roles[0]); i++) {
        rd_kafka_conf_t *conf = NULL;
        enum status status = kafka_conf_build(&conf, options, roles[i], err);
        if (status) {
            return status;
        }
        rd_kafka_conf_destroy(conf);
    }
    return STATUS_OK;
}
