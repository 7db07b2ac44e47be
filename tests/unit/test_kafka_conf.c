/* What librdkafka is configured with: ours, the operator's, and what exactly-once rests on. */
#include "kafka_helpers.h"

#include "wire/kafka_handles.h"

static const struct kafka_options options = {
    .brokers = "127.0.0.1:1",
    .client_id = "unit",
    .group_id = "unit",
    .transactional_id = "unit-0",
    .events_topic = "events",
    .results_topic = "results",
    .changes_topic = "changes",
    .dlq_topic = "dlq",
    .transaction_timeout_ms = 10000,
    .session_timeout_ms = 6000,
    .fetch_memory_bytes_max = 64 << 20,
    .outputs_per_batch_max = 5000,
    .output_bytes_max = 1000000,
};

static enum status check_property(const char *name, const char *value, struct error *err)
{
    struct kafka_property properties[] = {{name, value}, {NULL, NULL}};
    struct kafka_options own = options;

    own.client = properties;
    return kafka_options_check(&own, err);
}

static void properties_pass_through_unless_the_worker_owns_them(void **state)
{
    struct error err = {0};

    (void)state;
    assert_int_equal(check_property("socket.keepalive.enable", "false", &err), STATUS_OK);
    assert_int_equal(check_property("isolation.level", "read_uncommitted", &err), STATUS_FATAL);
    assert_non_null(strstr(err.message, "aborted events did not happen"));
    assert_int_equal(check_property("enable.idempotence", "false", &err), STATUS_FATAL);
    assert_int_equal(check_property("group.instance.id", "x", &err), STATUS_FATAL);
    assert_int_equal(check_property("plugin.library.paths", "x.so", &err), STATUS_FATAL);
    assert_int_equal(check_property("no.such.thing", "1", &err), STATUS_FATAL);
    assert_non_null(strstr(err.message, "no.such.thing"));
    assert_null(kafka_property_refused("sasl.password"));
    assert_non_null(kafka_property_refused("acks"));
    assert_non_null(kafka_property_refused("oauthbearer_token_refresh_cb"));
}

static void a_refused_secret_is_not_shown(void **state)
{
    struct error err = {0};

    (void)state;
    assert_int_equal(check_property("security.protocol", "hunter2", &err), STATUS_FATAL);
    assert_non_null(strstr(err.message, "hunter2")); /* no secret: shown */
    assert_int_equal(check_property("sasl.kerberos.min.time.before.relogin", "hunter2", &err),
                     STATUS_FATAL);
    assert_non_null(strstr(err.message, "sasl.kerberos.min.time.before.relogin"));
    assert_null(strstr(err.message, "hunter2"));
}

static void is_set(rd_kafka_conf_t *conf, const char *name, const char *expected)
{
    char value[64];
    size_t size = sizeof value;

    assert_int_equal(rd_kafka_conf_get(conf, name, value, &size), RD_KAFKA_CONF_OK);
    if (strcmp(value, expected) != 0) {
        fail_msg("%s is %s, and must be %s", name, value, expected);
    }
}

static void what_exactly_once_rests_on_is_set(void **state)
{
    rd_kafka_conf_t *conf = NULL;
    struct error err = {0};

    (void)state;
    assert_int_equal(kafka_conf_build(&conf, &options, KAFKA_ROLE_CONSUMER, &err), STATUS_OK);
    is_set(conf, "enable.auto.commit", "false");
    is_set(conf, "enable.auto.offset.store", "false");
    is_set(conf, "auto.offset.reset", "error");
    is_set(conf, "isolation.level", "read_committed");
    is_set(conf, "partition.assignment.strategy", "range");
    is_set(conf, "allow.auto.create.topics", "false");
    rd_kafka_conf_destroy(conf);
    assert_int_equal(kafka_conf_build(&conf, &options, KAFKA_ROLE_PRODUCER, &err), STATUS_OK);
    is_set(conf, "enable.idempotence", "true");
    is_set(conf, "transactional.id", "unit-0");
    /* A record is given up before the broker gives up its transaction, and a lost request can be
     * repeated before that. */
    is_set(conf, "transaction.timeout.ms", "10000");
    is_set(conf, "message.timeout.ms", "9000");
    is_set(conf, "socket.timeout.ms", "5000");
    rd_kafka_conf_destroy(conf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(properties_pass_through_unless_the_worker_owns_them),
        cmocka_unit_test(a_refused_secret_is_not_shown),
        cmocka_unit_test(what_exactly_once_rests_on_is_set),
    };

    return cmocka_run_group_tests_name("kafka_conf", tests, NULL, NULL);
}
