/* Settings: YAML files, good, misspelt and hostile. */
#include "config_files.h"

static void nested_dotted_and_flow_keys_are_the_same(void **state)
{
    (void)state;
    static const char *const forms[] = {
        "kafka:\n  topics:\n    events: e\n",
        "kafka.topics.events: e\n",
        "kafka: {topics.events: e}\n",
        "{kafka: {topics: {events: \"e\"}}}",
        "---\nkafka:\n  topics: {'events': 'e'}\n...\n",
        "# comment\r\nkafka:\r\n  topics:\r\n    events: e # comment\r\n",
        "\xef\xbb\xbfkafka.topics.events: e\n", /* byte order mark */
    };
    for (size_t i = 0; i < COUNT_OF(forms); i++) {
        struct config *config = load_good(forms[i], NULL, NULL);
        assert_string_equal(config->kafka.topic_events, "e");
        config_close(config);
    }
}

static void nothing_at_all_means_defaults(void **state)
{
    (void)state;
    static const char *const forms[] = {
        "",
        "# only a comment\n",
        "---\n",
        "~\n",
        "{}\n",
        "kafka:\n  topics:\n    # events: e\nlog:\n",
        "kafka: {group_id: }\n",
        "lanes: ~\n",
    };
    for (size_t i = 0; i < COUNT_OF(forms); i++) {
        struct config *config = load_good(forms[i], NULL, NULL);
        assert_string_equal(config->kafka.group_id, "provd");
        assert_int_equal(config->lanes, 1);
        config_close(config);
    }
}

static void lists_and_properties_are_read(void **state)
{
    (void)state;
    struct config *config = load_good("accounts:\n"
                                      "  system_sources: [signup, \"a, b\"]\n"
                                      "  password_schemes:\n"
                                      "    - ARGON2ID\n"
                                      "kafka:\n"
                                      "  client:\n"
                                      "    socket.keepalive.enable: true\n"
                                      "    ssl.endpoint.identification.algorithm: none\n"
                                      "  consumer: {fetch.min.bytes: 100}\n"
                                      "  security: {protocol: ssl, ca_file: /ca.pem}\n",
                                      NULL, NULL);
    assert_int_equal(config->accounts.system_sources.count, 2);
    assert_text_equal(config->accounts.system_sources.items[1], "a, b");
    assert_int_equal(config->accounts.password_schemes.count, 1);
    assert_int_equal(config->kafka.client.count, 2);
    assert_string_equal(config->kafka.client.items[0].name, "socket.keepalive.enable");
    assert_string_equal(config->kafka.client.items[0].value, "true");
    assert_null(config->kafka.client.items[2].name);
    assert_string_equal(config->kafka.consumer.items[0].value, "100");
    const struct config_properties *both = &config->kafka.client_effective;
    assert_int_equal(both->count, 4);
    assert_string_equal(both->items[0].name, "security.protocol");
    assert_string_equal(both->items[1].name, "ssl.ca.location");
    assert_string_equal(both->items[2].name, "socket.keepalive.enable");
    assert_null(both->items[4].name);
    config_close(config);
}

static void mistakes_are_named_with_their_place(void **state)
{
    (void)state;
    static const struct {
        const char *yaml, *message;
    } cases[] = {
        {"kafka:\n  grup_id: x\n",
         ":2:3: kafka.grup_id: there is no setting 'kafka.grup_id'; did you "
         "mean kafka.group_id?"},
        {"kafka:\n  topics:\n    event: x\n", "did you mean kafka.topics.events?"},
        {"brokers: x\n",
         ":1:1: brokers: there is no setting 'brokers'; did you mean kafka.brokers?"},
        {"database:\n  pasword_file: x\n", "did you mean database.password_file?"},
        {"frobnicate:\n  x: 1\n", ":1:1: frobnicate: there is no setting 'frobnicate'"},
        {"frobnicate:\n", "there is no setting"},
        {"lanes: 1\nkafka:\n  group_id: a\nlanes: 2\n",
         ":4:8: lanes is there twice, first in line 1"},
        {"kafka:\n  group_id: a\n  group_id: a\n", ":3:13: kafka.group_id is there twice"},
        {"kafka:\n  group_id: a\nkafka:\n  brokers: b\n", "kafka is there twice"},
        {"kafka:\n  group_id: a\nkafka.group_id: b\n", "kafka.group_id is there twice"},
        {"lanes: many\n", ":1:1: lanes: 'many' is not a whole number"},
        {"lanes: [1]\n", "lanes: it takes one value, not a list"},
        {"lanes: {a: 1}\n", "lanes: it takes one value"},
        {"kafka: x\n", "kafka: it is a section"},
        {"kafka: [x]\n", "there is no setting 'kafka'"},
        {"accounts.system_sources: [[a]]\n", "is not a single value"},
        {"accounts.system_sources: [a, '']\n", "an item of the list is empty"},
        {"kafka.client: {a: [b]}\n", "there is no setting 'kafka.client.a'"},
        {"- a\n- b\n", ":1:1: the file must be made of lines"},
        {"just text\n", "the file must be made of lines"},
        {"a: b\n---\nc: d\n", "a second document"},
        {"? [a]\n: b\n", "a key must be a single word"},
        {"'': b\n", "a key is empty"},
        {"\"a\\nb\": c\n", "control characters"},
        {"lanes: 1\n  bad indent: 2\n", "not YAML: "},
        {"kafka: {a: b\n", "not YAML: "},
        {"kafka:\n\tgroup_id: x\n", "not YAML: "},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        load_bad(cases[i].yaml, NULL, NULL, cases[i].message);
}

static void anchors_aliases_and_tags_are_refused(void **state)
{
    (void)state;
    load_bad("a: &a [x, x]\nb: [*a, *a]\n", NULL, NULL, "anchors are not allowed");
    load_bad("lanes: *x\n", NULL, NULL, "aliases are not allowed");
    load_bad("lanes: !!int 3\n", NULL, NULL, "tags are not allowed");
    load_bad("lanes: !shell rm\n", NULL, NULL, "tags are not allowed");
    load_bad("&a lanes: 1\n", NULL, NULL, "anchors are not allowed");
    load_bad("--- &a\nlanes: 1\n", NULL, NULL, "anchors are not allowed");
    load_bad("<<: {lanes: 1}\n", NULL, NULL, "there is no setting '<<'");
}

static void properties_that_the_worker_owns_are_refused_with_the_reason(void **state)
{
    (void)state;
    static const char *const names[] = {
        "enable.auto.commit",
        "enable.auto.offset.store",
        "isolation.level",
        "auto.offset.reset",
        "transactional.id",
        "enable.idempotence",
        "group.id",
        "partition.assignment.strategy",
        "transaction.timeout.ms",
        "bootstrap.servers",
        "message.timeout.ms",
        "acks",
        "plugin.library.paths",
    };
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        char yaml[200];
        snprintf(yaml, sizeof(yaml), "kafka:\n  consumer:\n    %s: x\n", names[i]);
        load_bad(yaml, NULL, NULL, "the worker owns librdkafka's ");
        load_bad(yaml, NULL, NULL, ":3:5: kafka.consumer.");
    }
}

static void variables_are_expanded_inside_of_scalars(void **state)
{
    (void)state;
    static const char *const environment[] = {"HOST=h", "EMPTY=", "EVIL=x\nlanes: 64", "N=3", NULL};
    static const struct {
        const char *yaml, *value;
    } good[] = {
        {"${HOST}", "h"},
        {"a-${HOST}-${HOST}.example", "a-h-h.example"},
        {"${NONE:fallback}", "fallback"},
        {"${NONE:}", ""},
        {"${EMPTY:fallback}", "fallback"},
        {"${EMPTY}", ""},
        {"'${HOST}'", "h"},
        {"\"${HOST}\"", "h"},
        {"${NONE:http://x:8081/}", "http://x:8081/"},
        {"$${HOST}", "${HOST}"},
        {"$HOST", "$HOST"},
        {"a$", "a$"},
        {"${NONE:$}", "$"},
    };
    for (size_t i = 0; i < COUNT_OF(good); i++) {
        char yaml[200];
        snprintf(yaml, sizeof(yaml), "kafka:\n  client_id: %s\n", good[i].yaml);
        struct config *config = load_good(yaml, environment, NULL);
        assert_string_equal(config->kafka.client_id, good[i].value);
        config_close(config);
    }
    struct config *config = load_good("lanes: ${N}\n", environment, NULL);
    assert_int_equal(config->lanes, 3);
    config_close(config);
    load_bad("kafka:\n  client_id: ${NONE}\n", environment, NULL,
             ":2:14: the variable NONE is not set");
    load_bad("kafka:\n  client_id: ${HOST\n", environment, NULL, "${ without }");
    load_bad("kafka:\n  client_id: ${}\n", environment, NULL, "is no variable");
    load_bad("kafka:\n  client_id: ${A B}\n", environment, NULL, "is no variable");
    load_bad("kafka:\n  client_id: ${9}\n", environment, NULL, "is no variable");
    /* A value brings no structure of its own. */
    load_bad("kafka:\n  client_id: ${EVIL}\n", environment, NULL, "control characters");
    load_bad("${HOST}: 1\n", environment, NULL, "there is no setting '${HOST}'");
}

static void expansion_is_bounded(void **state)
{
    (void)state;
    enum { COUNT = 2000, BIG = 60000 };
    static char variable[BIG + 10] = "BIG=";
    static char yaml[COUNT * 32];
    const char *environment[] = {variable, NULL};
    memset(variable + 4, 'x', BIG);
    size_t len = (size_t)snprintf(yaml, sizeof(yaml), "kafka:\n  client:\n");
    for (int i = 0; i < COUNT; i++)
        len += (size_t)snprintf(yaml + len, sizeof(yaml) - len, "    p%d: ${BIG}\n", i);
    load_bad(yaml, environment, NULL, "the values of the file are larger than 4194304 bytes");
}

static void deep_nesting_ends_at_the_limit(void **state)
{
    (void)state;
    static char deep[200001];
    memset(deep, '[', 200000);
    load_bad(deep, NULL, NULL, "the file must be made of lines");
    memset(deep, '{', 200000);
    load_bad(deep, NULL, NULL, "a key must be a single word");
    size_t len = 0;
    for (int i = 0; i < 30000; i++)
        len += (size_t)snprintf(deep + len, sizeof(deep) - len, "{a: ");
    load_bad(deep, NULL, NULL, "nested deeper than 8 levels");
    len = 0;
    for (int i = 0; i < 300; i++)
        len += (size_t)snprintf(deep + len, sizeof(deep) - len, "%*sa:\n", i, "");
    load_bad(deep, NULL, NULL, "nested deeper than 8 levels");
}

static void a_huge_file_is_refused(void **state)
{
    (void)state;
    size_t len = (1 << 20) + 1;
    char *yaml = malloc(len + 1);
    memset(yaml, '#', len);
    yaml[len] = '\0';
    load_bad(yaml, NULL, NULL, "larger than 1048576 bytes");
    yaml[len - 1] = '\0';
    config_close(load_good(yaml, NULL, NULL));
    free(yaml);
}

static void too_many_values_are_refused(void **state)
{
    (void)state;
    static char yaml[200000];
    size_t len = (size_t)snprintf(yaml, sizeof(yaml), "accounts.system_sources:\n");
    for (int i = 0; i < 1001; i++)
        len += (size_t)snprintf(yaml + len, sizeof(yaml) - len, "- s%d\n", i);
    load_bad(yaml, NULL, NULL, "the list has more than 1000 items");
    for (int i = 0; i < 5000; i++)
        len += (size_t)snprintf(yaml + len, sizeof(yaml) - len, "- s%d\n", i);
    load_bad(yaml, NULL, NULL, "more than 5000 values");
    len = (size_t)snprintf(yaml, sizeof(yaml), "kafka.client:\n");
    for (int i = 0; i < 1001; i++)
        len += (size_t)snprintf(yaml + len, sizeof(yaml) - len, "  p%d: x\n", i);
    load_bad(yaml, NULL, NULL, "more than 1000");
}

static void bytes_that_are_no_text_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t len;
    } files[] = {
        {"\x7f"
         "ELF\x02\x01\x01\x00\x00",
         9},
        {"lanes: \xff\n", 9},
        {"lanes: 1\0 2\n", 12},
        {"kafka.group_id: \"a\\0b\"\n", 23},
        {"kafka.group_id: \"a\\x01b\"\n", 25},
        {"\xff\xfel\0a\0", 6}, /* UTF-16 */
        {"%TAG ! tag:x,2000:\n---\n!y lanes: 1\n", 35},
    };
    for (size_t i = 0; i < COUNT_OF(files); i++) {
        struct config_options options = {
            .file = write_file(1, "bytes.yaml", files[i].bytes, files[i].len),
            .environment = (const char *const[]){NULL},
        };
        struct config *config = NULL;
        struct error err = {0};
        assert_int_equal(config_load(&config, &options, &err), STATUS_FATAL);
        assert_contains(err.message, "bytes.yaml");
    }
}

static void a_file_that_cannot_be_read_is_named(void **state)
{
    (void)state;
    static const char *const paths[][2] = {
        {"/nonexistent/provd.yaml", "cannot be opened: No such file"},
        {"/tmp", "is not a plain file"},
        {"/dev/zero", "is not a plain file"},
    };
    for (size_t i = 0; i < COUNT_OF(paths); i++) {
        struct config_options options = {.file = paths[i][0],
                                         .environment = (const char *const[]){NULL}};
        struct config *config = NULL;
        struct error err = {0};
        assert_int_equal(config_load(&config, &options, &err), STATUS_FATAL);
        assert_contains(err.message, paths[i][0]);
        assert_contains(err.message, paths[i][1]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nested_dotted_and_flow_keys_are_the_same),
        cmocka_unit_test(nothing_at_all_means_defaults),
        cmocka_unit_test(lists_and_properties_are_read),
        cmocka_unit_test(mistakes_are_named_with_their_place),
        cmocka_unit_test(anchors_aliases_and_tags_are_refused),
        cmocka_unit_test(properties_that_the_worker_owns_are_refused_with_the_reason),
        cmocka_unit_test(variables_are_expanded_inside_of_scalars),
        cmocka_unit_test(expansion_is_bounded),
        cmocka_unit_test(deep_nesting_ends_at_the_limit),
        cmocka_unit_test(a_huge_file_is_refused),
        cmocka_unit_test(too_many_values_are_refused),
        cmocka_unit_test(bytes_that_are_no_text_are_refused),
        cmocka_unit_test(a_file_that_cannot_be_read_is_named),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
