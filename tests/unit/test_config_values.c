/* Settings: values by type, units, ranges, the table itself. */
#include "config_files.h"

#include "config/setting.h"

#define SETS(...) ((const char *const[]){__VA_ARGS__, NULL})

static void defaults_are_those_of_the_table_and_load(void **state)
{
    (void)state;
    struct config *config = load_good(NULL, NULL, NULL);
    assert_string_equal(config->kafka.group_id, "provd");
    assert_string_equal(config->kafka.topic_dlq, "provisioning.dlq");
    assert_string_equal(config->kafka.brokers, "");
    assert_int_equal(config->kafka.transaction_timeout_ms, 12000);
    assert_int_equal(config->limits.event_bytes, 256 * 1024);
    assert_int_equal(config->batch.events_max, 2500);
    assert_int_equal(config->batch.wait_ms_max, 5);
    assert_true(config->accounts.grace_period_ms == INT64_C(30) * 24 * 3600 * 1000);
    assert_int_equal(config->accounts.default_services, 7);
    assert_int_equal(config->accounts.system_sources.count, 0);
    assert_int_equal(config->accounts.password_schemes.count, 10);
    assert_text_equal(config->accounts.password_schemes.items[3], "SHA512-CRYPT");
    assert_false(config->accounts.allow_cleartext);
    assert_int_equal(config->http.port, 9645);
    assert_int_equal(config->log_level, LOG_INFO);
    assert_int_equal(config->on_rewound_database, REWOUND_HALT);
    assert_true(strlen(config->worker_name) > 0);
    assert_null(config->kafka.client.items[0].name);
    config_close(config);
}

static void the_table_keeps_its_own_rules(void **state)
{
    (void)state;
    assert_true(setting_count > 50 && setting_count <= CONFIG_SETTINGS_MAX);
    for (size_t i = 0; i < setting_count; i++) {
        const struct setting *s = &settings[i];
        char name[CONFIG_ENVIRONMENT_NAME_MAX];
        config_environment_name(s->path, name);
        assert_true(strlen(name) < sizeof(name) - sizeof("_FILE"));
        assert_true(s->offset < sizeof(struct config));
        assert_true(strlen(s->doc) > 10 && s->doc[strlen(s->doc) - 1] == '.');
        assert_true(s->min <= s->max);
        assert_true((s->type == SETTING_ENUM) == (s->names != NULL));
        bool number =
            s->type == SETTING_INT || s->type == SETTING_DURATION || s->type == SETTING_SIZE;
        assert_true(number == (s->max != 0));
        if (s->flags & (SETTING_SECRET | SETTING_HAS_SECRET) || s->kafka_property != NULL)
            assert_int_equal(s->type, SETTING_STRING);
        for (size_t j = 0; j < i; j++) {
            assert_string_not_equal(s->path, settings[j].path);
            assert_int_not_equal(s->offset, settings[j].offset);
        }
    }
}

static void units_are_understood(void **state)
{
    (void)state;
    static const struct {
        const char *set;
        int64_t ms;
    } durations[] = {
        {"500ms", 500},          {"7s", 7000},     {"2m", 120000},
        {"1h", 3600000},         {"1d", 86400000}, {" 3 s ", 3000},
        {"30d", 2592000000},     {"0", 0},         {"0s", 0},
        {"3650d", 315360000000},
    };
    for (size_t i = 0; i < COUNT_OF(durations); i++) {
        char set[64];
        snprintf(set, sizeof(set), "accounts.grace_period=%s", durations[i].set);
        struct config *config = load_good(NULL, NULL, SETS(set));
        assert_true(config->accounts.grace_period_ms == durations[i].ms);
        config_close(config);
    }
    struct config *config = load_good(
        NULL, NULL,
        SETS("limits.event_bytes=1MiB", "limits.string_bytes=2048B", "batch.max_bytes=1GiB"));
    assert_int_equal(config->limits.event_bytes, 1 << 20);
    assert_int_equal(config->limits.string_bytes, 2048);
    assert_int_equal(config->batch.bytes_max, 1 << 30);
    config_close(config);
}

static void wrong_values_are_refused_with_what_would_be_right(void **state)
{
    (void)state;
    static const struct {
        const char *set, *message;
    } cases[] = {
        {"lanes=0", "--set lanes: '0' is not in the range 1 to 64"},
        {"lanes=65", "not in the range 1 to 64"},
        {"lanes=-1", "not in the range"},
        {"lanes=two", "'two' is not a whole number"},
        {"lanes=", "'' is not a whole number"},
        {"lanes=1.5", "not a whole number"},
        {"lanes=99999999999999999999999", "not a whole number"},
        {"lanes=3s", "not a whole number"},
        {"batch.max_wait=5", "'5' is not a duration: write a whole number and ms, s, m, h or d"},
        {"batch.max_wait=5 sec", "not a duration"},
        {"batch.max_wait=1.5s", "not a duration"},
        {"batch.max_wait=11s", "is not in the range 0 to 10s"},
        {"batch.max_wait=-1s", "is not in the range"},
        {"batch.max_wait=9223372036854775807d", "is not in the range"},
        {"limits.event_bytes=10MB", "is not a size: write a whole number and B, KiB, MiB or GiB"},
        {"limits.event_bytes=10", "is not a size"},
        {"limits.event_bytes=17MiB", "is not in the range 1KiB to 16MiB"},
        {"accounts.allow_cleartext=maybe", "'maybe' is neither true nor false"},
        {"accounts.allow_cleartext=1", "neither true nor false"},
        {"log.level=loud", "'loud' is not one of error, warning, info, debug"},
        {"accounts.system_sources=a,,b", "an item of the list is empty"},
        {"kafka.group_id=a\nb", "'a\\x0ab' holds control characters"},
        {"kafka.group_id=\xff", "is not UTF-8"},
        {"kafka.client.a\xff=x", "a property's name is 1 to 100 of"},
        {"kafka.client=a b=x", "a property's name is 1 to 100 of"},
        {"kafka", "--set 'kafka': write --set path=value"},
        {"=x", "write --set path=value"},
        {"kafka=x", "--set kafka: it is a section"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        load_bad(NULL, NULL, SETS(cases[i].set), cases[i].message);
}

static void a_too_long_value_is_refused(void **state)
{
    (void)state;
    static char set[70000] = "kafka.group_id=";
    memset(set + strlen(set), 'x', sizeof(set) - strlen(set) - 1);
    load_bad(NULL, NULL, SETS(set), "longer than 65536 bytes");
}

static void words_are_read_in_either_case(void **state)
{
    (void)state;
    struct config *config = load_good(
        NULL, NULL,
        SETS("accounts.allow_cleartext=Yes", "accounts.allow_weak_crypt=ON", "log.level=DEBUG",
             "hashing.scheme=blf-crypt", "accounts.default_mode=lazy"));
    assert_true(config->accounts.allow_cleartext);
    assert_true(config->accounts.allow_weak_crypt);
    assert_int_equal(config->log_level, LOG_DEBUG);
    assert_int_equal(config->hashing.scheme, HASH_BLF_CRYPT);
    assert_int_equal(config->accounts.default_mode, SERVICE_LAZY);
    config_close(config);
}

static void hashing_costs_follow_the_scheme(void **state)
{
    (void)state;
    static const struct {
        const char *sets[3];
        int64_t ops, memory_bytes;
    } cases[] = {
        {{"hashing.passes=4", "hashing.memory=32MiB", NULL}, 4, 32 << 20},
        {{"hashing.scheme=BLF-CRYPT", NULL}, 12, 0},
        {{"hashing.scheme=BLF-CRYPT", "hashing.rounds=10", NULL}, 10, 0},
        {{"hashing.scheme=SHA512-CRYPT", NULL}, 200000, 0},
        {{"hashing.scheme=YESCRYPT", NULL}, 5, 0},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct config *config = load_good(NULL, NULL, cases[i].sets);
        struct hash_cost cost = config_hash_cost(config);
        assert_int_equal(cost.scheme, config->hashing.scheme);
        assert_int_equal(cost.ops, cases[i].ops);
        assert_int_equal(cost.memory_bytes, cases[i].memory_bytes);
        config_close(config);
    }
}

/* Every row of config_check by a configuration that breaks it and nothing before it. */
static void settings_that_do_not_fit_each_other_are_found(void **state)
{
    (void)state;
#define GOOD "kafka.brokers=b:9092", "database.url=postgresql://h/d", "registry.url=http://r"
    static const struct {
        const char *sets[6];
        const char *message;
    } cases[] = {
        {{"database.url=postgresql://h/d", NULL}, "kafka.brokers is not set"},
        {{GOOD, "kafka.group_id=", NULL}, "must not be empty"},
        {{GOOD, "worker.name=0123456789012345678901234567890123456789012345678901234567890123_",
          NULL},
         "at most 64 characters"},
        {{GOOD, "kafka.transactional_id_prefix=012345678901234567890123456789012345678901234567_",
          NULL},
         "at most 48"},
        {{GOOD, "kafka.topics.events=a b", NULL}, "a topic is 1 to 249"},
        {{GOOD, "kafka.topics.events=..", NULL}, "a topic is 1 to 249"},
        {{GOOD, "kafka.topics.results=provisioning.dlq", NULL}, "four different ones"},
        {{GOOD, "kafka.security.cert_file=/c", NULL}, "belong together"},
        {{"kafka.brokers=b", "registry.url=http://r", NULL}, "database.url is not set"},
        {{"kafka.brokers=b", "database.url=x", NULL}, "nothing says where schemas come from"},
        {{"kafka.brokers=b", "database.url=x", "schemas.directory=/s",
          "schemas.result_framing=confluent", NULL},
         "needs registry.url"},
        {{GOOD, "registry.token=t", "registry.username=u", NULL}, "registry.token excludes"},
        {{GOOD, "registry.password=p", NULL}, "needs registry.username"},
        {{GOOD, "limits.string_bytes=1MiB", NULL}, "larger than limits.event_bytes"},
        {{GOOD, "limits.event_bytes=16MiB", "batch.memory_max=16MiB", NULL}, "32 times"},
        {{GOOD, "batch.max_bytes=256MiB", NULL}, "four times batch.max_bytes"},
        {{GOOD, "limits.event_bytes=1MiB", NULL}, "must hold a dead letter"},
        {{GOOD, "kafka.output_bytes=384KiB", NULL}, "must hold a change of an account"},
        {{GOOD, "retry.backoff=20s", NULL}, "longer than retry.backoff_max"},
        {{GOOD, "breaker.min_failures=2000", NULL}, "it would never open"},
        {{GOOD, "accounts.password_schemes=", NULL}, "no account could have a password"},
        {{GOOD, "hashing.scheme=BLF-CRYPT", "hashing.rounds=17", NULL}, "does not fit"},
        {{GOOD, "hashing.scheme=SHA512-CRYPT", "hashing.rounds=17", NULL}, "does not fit"},
    };
    struct error err = {0};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct config *config = load_good(NULL, NULL, cases[i].sets);
        assert_int_equal(config_check(config, &err), STATUS_FATAL);
        assert_contains(err.message, cases[i].message);
        config_close(config);
    }
    struct config *config = load_good(NULL, NULL, SETS(GOOD));
    assert_int_equal(config_check(config, &err), STATUS_OK);
    assert_int_equal(config_result_framing(config), RESULT_FRAMING_CONFLUENT);
    config_close(config);
    config = load_good(NULL, NULL, SETS("schemas.directory=/s"));
    assert_int_equal(config_result_framing(config), RESULT_FRAMING_SINGLE_OBJECT);
    config_close(config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_are_those_of_the_table_and_load),
        cmocka_unit_test(the_table_keeps_its_own_rules),
        cmocka_unit_test(units_are_understood),
        cmocka_unit_test(wrong_values_are_refused_with_what_would_be_right),
        cmocka_unit_test(a_too_long_value_is_refused),
        cmocka_unit_test(words_are_read_in_either_case),
        cmocka_unit_test(hashing_costs_follow_the_scheme),
        cmocka_unit_test(settings_that_do_not_fit_each_other_are_found),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
