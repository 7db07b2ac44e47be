/* Settings: which source wins, secrets, reloading, what is printed. */
#include "config_files.h"

#include "config/setting.h"

#include <jansson.h>
#include <unistd.h>

#define LINES(...) ((const char *const[]){__VA_ARGS__, NULL})

static void later_sources_win(void **state)
{
    (void)state;
    const char *yaml = "kafka:\n  group_id: file\n  client_id: file\n  brokers: file\n";
    const char *const *environment =
        LINES("PROVD_KAFKA_GROUP_ID=env", "PROVD_KAFKA_CLIENT_ID=env", "OTHER=x");
    struct config *config = load_good(yaml, environment, LINES("kafka.group_id=flag"));
    assert_string_equal(config->kafka.group_id, "flag");
    assert_string_equal(config->kafka.client_id, "env");
    assert_string_equal(config->kafka.brokers, "file");
    assert_string_equal(config->kafka.topic_events, "provisioning.events");
    config_close(config);
}

static void a_wrong_value_is_an_error_even_when_another_source_wins(void **state)
{
    (void)state;
    load_bad("lanes: x\n", NULL, LINES("lanes=2"), "provd.yaml:1:1: lanes");
}

static void lists_and_properties_come_as_one_line_too(void **state)
{
    (void)state;
    struct config *config =
        load_good("kafka.consumer: {fetch.min.bytes: 1}\naccounts.system_sources: [file]\n",
                  LINES("PROVD_KAFKA_CONSUMER=fetch.min.bytes=7; fetch.wait.max.ms = 100",
                        "PROVD_ACCOUNTS_SYSTEM_SOURCES= a , b"),
                  LINES("kafka.consumer.fetch.min.bytes=8", "kafka.client.debug=broker,topic"));
    assert_int_equal(config->accounts.system_sources.count, 2);
    assert_text_equal(config->accounts.system_sources.items[0], "a");
    assert_int_equal(config->kafka.consumer.count, 2);
    assert_string_equal(config->kafka.consumer.items[0].name, "fetch.wait.max.ms");
    assert_string_equal(config->kafka.consumer.items[1].value, "8");
    assert_string_equal(config->kafka.client.items[0].value, "broker,topic");
    config_close(config);
    load_bad(NULL, LINES("PROVD_KAFKA_CLIENT=debug"), NULL, "is not written as name=value");
    load_bad(NULL, NULL, LINES("kafka.client.group.id=x"), "set kafka.group_id");
}

static void unknown_variables_are_told_not_obeyed(void **state)
{
    (void)state;
    const char *const *names;
    struct config *config =
        load_good(NULL,
                  LINES("PROVD_KAFKA_GROUPID=x", "PROVD_LANES=2", "PROVD_CONFIG=/x",
                        "PROVD_FAILPOINTS=y", "PROVD_TEST_WORKER=z", "PROVDX=1", "PROVD_NO_VALUE"),
                  NULL);
    assert_int_equal(config->lanes, 2);
    assert_int_equal(config_warnings(config, &names), 1);
    assert_string_equal(names[0], "PROVD_KAFKA_GROUPID");
    config_close(config);
    load_bad(NULL, LINES("PROVD_LANES=none"), NULL, "environment PROVD_LANES: 'none' is not");
}

static void secrets_come_from_files_and_credentials(void **state)
{
    (void)state;
    char set[600], credentials[600];
    write_file(1, "database.password", "from credential\n", 16);
    const char *path = write_file(2, "password", "from file\r\n\n", 12);
    snprintf(credentials, sizeof(credentials), "CREDENTIALS_DIRECTORY=%s", folder_path());
    snprintf(set, sizeof(set), "database.password_file=%s", path);
    struct config *config = load_good(NULL, LINES(credentials), NULL);
    assert_string_equal(config->database.password, "from credential");
    config_close(config);
    config = load_good(NULL, LINES(credentials), LINES(set));
    assert_string_equal(config->database.password, "from file");
    config_close(config);
    config = load_good("database: {password: from yaml}\n", LINES(credentials), NULL);
    assert_string_equal(config->database.password, "from yaml");
    config_close(config);
    snprintf(set, sizeof(set), "PROVD_DATABASE_PASSWORD_FILE=%s", path);
    config = load_good("database: {password: from yaml}\n", LINES(set), NULL);
    assert_string_equal(config->database.password, "from file");
    config_close(config);
    unlink(write_file(1, "database.password", "", 0));
}

static void a_secret_that_comes_twice_or_not_at_all_is_an_error(void **state)
{
    (void)state;
    load_bad("database: {password: a, password_file: /b}\n", NULL, NULL,
             "database.password and database.password_file are both set");
    load_bad("database: {password_file: /nonexistent}\n", NULL, NULL,
             "the file /nonexistent cannot be opened");
    load_bad("database: {password_file: /dev/zero}\n", NULL, NULL, "is not a plain file");
    load_bad("kafka: {group_id_file: /x}\n", NULL, NULL,
             "there is no setting 'kafka.group_id_file'");
    char set[600];
    snprintf(set, sizeof(set), "database.password_file=%s", write_file(2, "nul", "a\0b", 3));
    load_bad(NULL, NULL, LINES(set), "holds a NUL byte");
}

static void messages_never_show_a_secret(void **state)
{
    (void)state;
    struct config *config = NULL;
    struct error err = {0};
    assert_int_equal(load("database: {password: \"hunter2\\x01\"}\n", NULL, NULL, &config, &err),
                     STATUS_FATAL);
    assert_null(strstr(err.message, "hunter2"));
    assert_contains(err.message, "the value (not shown)");
}

/* --- reloading ---------------------------------------------------------------------------------
 */

static void a_reload_takes_over_what_it_may(void **state)
{
    (void)state;
#define NEEDED "kafka.brokers: b\ndatabase.url: postgresql://h/d\nregistry.url: http://r\n"
    struct config_reloaded reloaded;
    struct error err = {0};
    struct config *config = load_good(NEEDED "lanes: 2\nlog.level: info\n", NULL, NULL);
    const char *kept = config->kafka.brokers;

    const char *next = NEEDED "lanes: 4\nlog.level: debug\naccounts.system_sources: [a]\n"
                              "kafka.group_id: other\n";
    write_file(0, "provd.yaml", next, strlen(next));
    assert_int_equal(config_reload(config, &reloaded, &err), STATUS_OK);
    assert_int_equal(config->log_level, LOG_DEBUG);
    assert_int_equal(config->lanes, 2);
    assert_string_equal(config->kafka.group_id, "provd");
    assert_text_equal(config->accounts.system_sources.items[0], "a");
    assert_ptr_equal(config->kafka.brokers, kept);
    assert_int_equal(reloaded.changed_count, 2);
    assert_string_equal(reloaded.changed[0], "accounts.system_sources");
    assert_string_equal(reloaded.changed[1], "log.level");
    assert_int_equal(reloaded.needs_restart_count, 2);
    assert_string_equal(reloaded.needs_restart[0], "lanes");
    assert_string_equal(reloaded.needs_restart[1], "kafka.group_id");

    /* The second time nothing changes. */
    assert_int_equal(config_reload(config, &reloaded, &err), STATUS_OK);
    assert_int_equal(reloaded.changed_count, 0);
    assert_int_equal(reloaded.needs_restart_count, 2);
    config_close(config);
}

static void a_reload_that_fails_changes_nothing(void **state)
{
    (void)state;
    static const char *const broken[] = {
        NEEDED "log.level: debug\nlanes: none\n",
        NEEDED "log.level: debug\nbreaker.min_failures: 5000\n", /* contradicts breaker.window */
        "log.level: debug\n",                                    /* no brokers */
        "not: [yaml\n",
    };
    struct config *config = load_good(NEEDED "log.level: info\n", NULL, NULL);
    for (size_t i = 0; i < COUNT_OF(broken); i++) {
        struct config_reloaded reloaded = {.changed_count = 77};
        struct error err = {0};
        write_file(0, "provd.yaml", broken[i], strlen(broken[i]));
        assert_int_equal(config_reload(config, &reloaded, &err), STATUS_FATAL);
        assert_true(strlen(err.message) > 0);
        assert_int_equal(config->log_level, LOG_INFO);
        assert_int_equal(reloaded.changed_count, 77);
    }
    config_close(config);
}

/* --- printing ----------------------------------------------------------------------------------
 */

static char printed[256 * 1024];

static const char *print_config(const struct config *config)
{
    memset(printed, 0, sizeof(printed));
    FILE *out = fmemopen(printed, sizeof(printed) - 1, "w");
    config_print(config, out);
    fclose(out);
    return printed;
}

static const char *print_with(void (*print)(FILE *out))
{
    memset(printed, 0, sizeof(printed));
    FILE *out = fmemopen(printed, sizeof(printed) - 1, "w");
    print(out);
    fclose(out);
    return printed;
}

static void what_is_shown_can_be_loaded_again(void **state)
{
    (void)state;
    const char *yaml = "kafka:\n"
                       "  brokers: \"a:1,b:2\"\n"
                       "  client: {\"a.b\": \"c\\\\d\\\"e\"}\n"
                       "  client_id: \"$${HOME} #: \\\"x\\\" \\\\\"\n"
                       "accounts:\n"
                       "  grace_period: 90d\n"
                       "  system_sources: [\"a, b\", \"c:d\"]\n"
                       "limits.event_bytes: 1025B\n"
                       "log: {level: debug}\n";
    struct config *first = load_good(yaml, NULL, NULL);
    struct config *second = load_good(print_config(first), NULL, NULL);
    for (size_t i = 0; i < setting_count; i++) {
        if (!setting_equal(&settings[i], first, second))
            fail_msg("%s is not the same after a round trip", settings[i].path);
    }
    assert_contains(printed, "grace_period: 90d # file");
    config_close(first);
    config_close(second);
}

static void secrets_are_never_shown(void **state)
{
    (void)state;
    struct config *config = load_good(
        "database: {url: \"postgresql://u:hunter2@h/d\", password: hunter2}\n"
        "registry: {url: \"http://u:hunter2@r\", password: hunter2, token: hunter2}\n"
        "kafka:\n"
        "  security: {key_password: hunter2, sasl: {password: hunter2, username: u}}\n"
        "  client: {sasl.oauthbearer.client.secret: hunter2, ssl.key.password: hunter2}\n",
        NULL, NULL);
    assert_null(strstr(print_config(config), "hunter2"));
    assert_contains(printed, "url: \"***\" # file");
    config_close(config);
    config = load_good("database.url: host=h password=hunter2\n", NULL, NULL);
    assert_null(strstr(print_config(config), "hunter2"));
    config_close(config);
    config =
        load_good("database.url: postgresql://u@h:5432,i:5432/d?sslmode=verify-full\n", NULL, NULL);
    assert_contains(print_config(config), "postgresql://u@h:5432,i:5432/d?sslmode=verify-full");
    config_close(config);
}

static void the_file_of_defaults_loads_and_changes_nothing(void **state)
{
    (void)state;
    static char uncommented[sizeof(printed)];
    struct config *defaults = load_good(NULL, NULL, NULL);
    struct config *config = load_good(print_with(config_print_defaults), NULL, NULL);
    for (size_t i = 0; i < setting_count; i++)
        assert_true(setting_equal(&settings[i], defaults, config));
    config_close(config);
    /* Also with every "#name: value" uncommented: documentation is "# text". */
    char *to = uncommented;
    for (const char *from = printed; *from != '\0'; from++) {
        if (*from != '#' || from[1] == ' ')
            *to++ = *from;
    }
    *to = '\0';
    config = load_good(uncommented, NULL, LINES("worker.name=w"));
    config_close(defaults);
    defaults = load_good(NULL, NULL, LINES("worker.name=w"));
    for (size_t i = 0; i < setting_count; i++) {
        if (!setting_equal(&settings[i], defaults, config))
            fail_msg("%s: the printed default is not the default", settings[i].path);
        if (settings[i].type != SETTING_PROPERTIES && settings[i].type != SETTING_LIST)
            assert_int_equal(config->private->sources[i],
                             strcmp(settings[i].path, "worker.name") == 0 ? SOURCE_FLAG
                                                                          : SOURCE_FILE);
    }
    config_close(defaults);
    config_close(config);
}

static void the_schema_is_json_and_names_every_setting(void **state)
{
    (void)state;
    json_error_t error;
    json_t *root = json_loads(print_with(config_print_schema), JSON_REJECT_DUPLICATES, &error);
    if (root == NULL)
        fail_msg("%s", error.text);
    for (size_t i = 0; i < setting_count; i++) {
        char path[128];
        const json_t *node = root;
        snprintf(path, sizeof(path), "%s", settings[i].path);
        for (char *part = strtok(path, "."); part != NULL; part = strtok(NULL, "."))
            node = json_object_get(json_object_get(node, "properties"), part);
        assert_non_null(json_object_get(node, "description"));
    }
    json_decref(root);
}

static void the_manual_names_every_setting_and_its_variable(void **state)
{
    (void)state;
    print_with(config_print_man);
    assert_contains(printed, "*kafka.group\\_id*\n\t");
    assert_contains(printed, "PROVD\\_KAFKA\\_GROUP\\_ID");
    assert_contains(printed, "(1 to 64; default 1; PROVD\\_LANES)");
    assert_contains(printed, "also as password\\_file");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(later_sources_win),
        cmocka_unit_test(a_wrong_value_is_an_error_even_when_another_source_wins),
        cmocka_unit_test(lists_and_properties_come_as_one_line_too),
        cmocka_unit_test(unknown_variables_are_told_not_obeyed),
        cmocka_unit_test(secrets_come_from_files_and_credentials),
        cmocka_unit_test(a_secret_that_comes_twice_or_not_at_all_is_an_error),
        cmocka_unit_test(messages_never_show_a_secret),
        cmocka_unit_test(a_reload_takes_over_what_it_may),
        cmocka_unit_test(a_reload_that_fails_changes_nothing),
        cmocka_unit_test(what_is_shown_can_be_loaded_again),
        cmocka_unit_test(secrets_are_never_shown),
        cmocka_unit_test(the_file_of_defaults_loads_and_changes_nothing),
        cmocka_unit_test(the_schema_is_json_and_names_every_setting),
        cmocka_unit_test(the_manual_names_every_setting_and_its_variable),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
