/* Checks that need more than one setting, as a table of conditions. */
#include "config/setting.h"

#include <string.h>

enum { WORKER_NAME_MAX = 64, TRANSACTIONAL_ID_PREFIX_MAX = 48 };

static bool is_set(const char *value)
{
    return *value != '\0';
}

static bool has_source_of_schemas(const struct config *c)
{
    return is_set(c->registry.url) || is_set(c->schemas.directory) || is_set(c->schemas.bare_file);
}

static bool can_frame_results(const struct config *c)
{
    return is_set(c->registry.url) || c->schemas.result_framing != RESULT_FRAMING_CONFLUENT;
}

static bool has_one_authentication(const struct config *c)
{
    return !is_set(c->registry.token) ||
           (!is_set(c->registry.username) && !is_set(c->registry.password));
}

static bool has_whole_basic_authentication(const struct config *c)
{
    return is_set(c->registry.username) || !is_set(c->registry.password);
}

static bool is_topic(const char *name)
{
    size_t len = strlen(name);
    return len > 0 && len <= 249 && strcmp(name, ".") != 0 && strcmp(name, "..") != 0 &&
           strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") == len;
}

static bool topics_are_names(const struct config *c)
{
    return is_topic(c->kafka.topic_events) && is_topic(c->kafka.topic_results) &&
           is_topic(c->kafka.topic_changes) && is_topic(c->kafka.topic_dlq);
}

static bool topics_differ(const struct config *c)
{
    const char *topics[] = {c->kafka.topic_events, c->kafka.topic_results, c->kafka.topic_changes,
                            c->kafka.topic_dlq};
    for (int i = 0; i < 4; i++) {
        for (int j = 0; j < i; j++) {
            if (strcmp(topics[i], topics[j]) == 0)
                return false;
        }
    }
    return true;
}

static bool has_brokers(const struct config *c)
{
    return is_set(c->kafka.brokers);
}

static bool has_group(const struct config *c)
{
    return is_set(c->kafka.group_id) && is_set(c->kafka.transactional_id_prefix);
}

/* Cut ones could make two lanes share a transactional id, and fence each other for ever. */
static bool names_fit(const struct config *c)
{
    return strlen(c->worker_name) <= WORKER_NAME_MAX &&
           strlen(c->kafka.client_id) <= WORKER_NAME_MAX &&
           strlen(c->kafka.transactional_id_prefix) <= TRANSACTIONAL_ID_PREFIX_MAX;
}

static bool has_whole_certificate(const struct config *c)
{
    return is_set(c->kafka.cert_file) == is_set(c->kafka.key_file);
}

static bool has_database(const struct config *c)
{
    return is_set(c->database.url);
}

static bool breaker_can_open(const struct config *c)
{
    return c->breaker.failures_min <= c->breaker.window_records;
}

static bool backoff_grows(const struct config *c)
{
    return c->retry.backoff_ms <= c->retry.backoff_ms_max;
}

static bool string_fits_event(const struct config *c)
{
    return c->limits.string_bytes <= c->limits.event_bytes;
}

/* One event with its decoded form, plan and outputs takes a small multiple of its bytes. */
static bool memory_holds_an_event(const struct config *c)
{
    return c->batch.memory_bytes_max / 32 >= c->limits.event_bytes + c->limits.header_bytes;
}

static bool memory_holds_a_batch(const struct config *c)
{
    return c->batch.memory_bytes_max / 4 >= c->batch.bytes_max;
}

/* Before and after of an account whose comment and auto-reply are at their limits (10,000
 * characters of four bytes each), or a result with its hundred items; then strings of the event,
 * its key, and the headers that are carried over. What does not fit could never be published. */
static bool output_holds_a_change(const struct config *c)
{
    enum { CHANGE_AT_LIMITS_BYTES = 256 * 1024 };
    return c->kafka.output_bytes_max >=
           CHANGE_AT_LIMITS_BYTES + 2 * c->limits.string_bytes + 2 * c->limits.header_bytes;
}

static bool output_holds_an_event(const struct config *c)
{
    return c->kafka.output_bytes_max >= c->limits.event_bytes + 2 * c->limits.header_bytes;
}

static bool has_schemes(const struct config *c)
{
    return c->accounts.password_schemes.count > 0;
}

static bool rounds_fit_scheme(const struct config *c)
{
    static const int64_t bounds[][2] = {[HASH_SHA512_CRYPT] = {1000, 10000000},
                                        [HASH_BLF_CRYPT] = {4, 16},
                                        [HASH_YESCRYPT] = {1, 11}};
    int64_t scheme = c->hashing.scheme, rounds = c->hashing.rounds;
    return scheme == HASH_ARGON2ID || rounds == 0 ||
           (rounds >= bounds[scheme][0] && rounds <= bounds[scheme][1]);
}

static const struct rule {
    bool (*holds)(const struct config *config);
    const char *message;
} rules[] = {
    {has_brokers, "kafka.brokers is not set: name at least one broker as host:port"},
    {has_group, "kafka.group_id and kafka.transactional_id_prefix must not be empty"},
    {names_fit, "worker.name and kafka.client_id have at most 64 characters, "
                "kafka.transactional_id_prefix at most 48"},
    {topics_are_names, "kafka.topics: a topic is 1 to 249 of a-z A-Z 0-9 . _ -"},
    {topics_differ, "kafka.topics: the four topics must be four different ones"},
    {has_whole_certificate,
     "kafka.security.cert_file and kafka.security.key_file belong together: set both or none"},
    {has_database, "database.url is not set: write postgresql://user@host/database"},
    {has_source_of_schemas, "nothing says where schemas come from: set registry.url, or "
                            "schemas.directory for a worker without a registry"},
    {can_frame_results, "schemas.result_framing is confluent, which needs registry.url"},
    {has_one_authentication, "registry.token excludes registry.username and registry.password"},
    {has_whole_basic_authentication, "registry.password needs registry.username"},
    {string_fits_event, "limits.string_bytes is larger than limits.event_bytes"},
    {memory_holds_an_event, "batch.memory_max is too small: it must hold one event of "
                            "limits.event_bytes and limits.header_bytes 32 times"},
    {memory_holds_a_batch, "batch.memory_max must be at least four times batch.max_bytes"},
    {output_holds_an_event,
     "kafka.output_bytes must hold a dead letter: limits.event_bytes and twice "
     "limits.header_bytes"},
    {output_holds_a_change,
     "kafka.output_bytes must hold a change of an account at its limits: 256 KiB, twice "
     "limits.string_bytes and twice limits.header_bytes"},
    {backoff_grows, "retry.backoff is longer than retry.backoff_max"},
    {breaker_can_open, "breaker.min_failures is larger than breaker.window: it would never open"},
    {has_schemes, "accounts.password_schemes is empty: no account could have a password"},
    {rounds_fit_scheme, "hashing.rounds does not fit hashing.scheme: SHA512-CRYPT takes 1000 to "
                        "10000000, BLF-CRYPT 4 to 16, YESCRYPT 1 to 11"},
};

enum status config_check(const struct config *config, struct error *err)
{
    for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
        if (!rules[i].holds(config))
            return error_set(err, STATUS_FATAL, "CHECK", "%s", rules[i].message);
    }
    return STATUS_OK;
}
