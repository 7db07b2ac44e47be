/* How records name their schema, and where it is found: a registry in all its moods, a directory,
 * the program itself. */
#include "check.h"
#include "fake_registry.h"

#include "base/clock.h"
#include "wire/registry.h"
#include "wire/schemas.h"
#include "wire/schemas_embedded.h"

#include <sys/stat.h>
#include <unistd.h>

static struct fake_registry fake;

static int setup(void **state)
{
    (void)state;
    fake_registry_start(&fake);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    fake_registry_stop(&fake);
    return 0;
}

/* --- framing ---------------------------------------------------------------------------------- */

static void confluent_prefix_names_an_id(void **state)
{
    struct frame frame;

    (void)state;
    assert_int_equal(frame_parse((struct text){"\0\1\2\3\4body", 9}, TEXT_NULL, false, &frame),
                     CODE_NONE);
    assert_int_equal(frame.kind, FRAMING_CONFLUENT_ID);
    assert_int_equal(frame.id, 0x01020304);
    assert_true(text_equal_z(frame.body, "body"));
}

static void guid_header_wins_over_the_first_bytes(void **state)
{
    struct text header = {"\1abcdefghijklmnop", 17};
    struct frame frame;

    (void)state;
    assert_int_equal(frame_parse((struct text){"\0\0\0\0\1", 5}, header, false, &frame), CODE_NONE);
    assert_int_equal(frame.kind, FRAMING_CONFLUENT_GUID);
    assert_memory_equal(frame.guid.bytes, "abcdefghijklmnop", 16);
    assert_int_equal(frame.body.len, 5);
    assert_int_equal(frame_parse(TEXT(""), header, false, &frame), CODE_NONE);
    header.len = 16;
    assert_int_equal(frame_parse(TEXT("x"), header, false, &frame), CODE_BAD_MAGIC);
    assert_int_equal(frame_parse(TEXT("x"), (struct text){"\0\0\0\0\7", 5}, false, &frame),
                     CODE_NONE);
    assert_int_equal(frame.id, 7);
}

static void single_object_prefix_names_a_fingerprint(void **state)
{
    struct frame frame;

    (void)state;
    assert_int_equal(frame_parse((struct text){"\xc3\x01\x8f\x5c\x39\x3f\x1a\xd5\x75\x72"
                                               "body",
                                               14},
                                 TEXT_NULL, true, &frame),
                     CODE_NONE);
    assert_int_equal(frame.kind, FRAMING_SINGLE_OBJECT);
    assert_int_equal(frame.fingerprint, 0x7275d51a3f395c8f);
    assert_true(text_equal_z(frame.body, "body"));
}

static void what_has_no_frame_is_refused(void **state)
{
    struct frame frame;

    (void)state;
    assert_int_equal(frame_parse(TEXT_NULL, TEXT_NULL, true, &frame), CODE_NULL_VALUE);
    assert_int_equal(frame_parse(TEXT(""), TEXT_NULL, true, &frame), CODE_TOO_SHORT);
    assert_int_equal(frame_parse((struct text){"\0\0\0\0", 4}, TEXT_NULL, true, &frame),
                     CODE_TOO_SHORT);
    assert_int_equal(frame_parse((struct text){"\xc3\x01\0", 3}, TEXT_NULL, true, &frame),
                     CODE_TOO_SHORT);
    assert_int_equal(frame_parse(TEXT("{\"a\":1}"), TEXT_NULL, false, &frame), CODE_BAD_MAGIC);
    assert_int_equal(frame_parse(TEXT("\xc3"), TEXT_NULL, false, &frame), CODE_BAD_MAGIC);
    assert_int_equal(frame_parse(TEXT("bare"), TEXT_NULL, true, &frame), CODE_NONE);
    assert_int_equal(frame.kind, FRAMING_BARE);
}

/* --- a registry ------------------------------------------------------------------------------- */

#define ABSENT "{\"error_code\":40403,\"message\":\"Schema not found\"}"

static const char event_answer[] =
    "{\"schema\":\"{\\\"type\\\":\\\"record\\\",\\\"name\\\":\\\"E\\\",\\\"fields\\\":["
    "{\\\"name\\\":\\\"event_id\\\",\\\"type\\\":\\\"string\\\"},"
    "{\\\"name\\\":\\\"payload\\\",\\\"type\\\":[{\\\"type\\\":\\\"record\\\",\\\"name\\\":"
    "\\\"DeleteContext\\\",\\\"fields\\\":[]}]}]}\"}";

static const struct schemas_options patient = {
    .registry_url = fake.url,
    .username = "worker",
    .password = "secret",
    .timeout_ms = 2000,
    .not_found_after_ms = 60000,
    .negative_cache_ms = 60000,
};

static struct schemas *open_with(const struct schemas_options *options)
{
    struct schemas *schemas = NULL;
    struct error err = {.message = ""};

    if (schemas_open(&schemas, options, &err) != STATUS_OK)
        fail_msg("%s", err.message);
    return schemas;
}

static struct frame frame_of_id(uint32_t id, int64_t age_ms)
{
    return (struct frame){
        .kind = FRAMING_CONFLUENT_ID, .id = id, .timestamp_us = clock_now_us() - age_ms * 1000};
}

/* Finds, and says what came of it. */
static enum status find(struct schemas *schemas, const struct frame *frame, enum code *ret_code,
                        struct writer_schema **ret_schema, const char *says)
{
    struct error err = {.message = ""};
    enum status status = schemas_find(schemas, frame, true, ret_schema, ret_code, &err);

    if (strstr(err.message, says) == NULL)
        fail_msg("says \"%s\", not \"%s\"", err.message, says);
    return status;
}

static void a_schema_is_asked_for_once(void **state)
{
    const struct fake_answer answers[] = {{"/api/schemas/ids/7", 200, event_answer},
                                          {.path = NULL}};
    struct schemas *schemas = open_with(&patient);
    struct frame frame = frame_of_id(7, 0);
    struct writer_schema *first, *again;
    enum code code;

    (void)state;
    fake_registry_answer(&fake, answers);
    assert_int_equal(find(schemas, &frame, &code, &first, ""), STATUS_OK);
    assert_non_null(first);
    assert_true(fake_registry_was_told(&fake, "Authorization: Basic d29ya2VyOnNlY3JldA=="));
    assert_int_equal(find(schemas, &frame, &code, &again, ""), STATUS_OK);
    assert_ptr_equal(first, again);
    assert_int_equal(fake_registry_requests(&fake), 1);
    schemas_close(schemas);
}

static void an_unusable_schema_is_asked_for_once(void **state)
{
    const struct fake_answer answers[] = {
        {"/api/schemas/ids/1", 200, "{\"schema\":\"\\\"string\\\"\"}"},
        {"/api/schemas/ids/2", 200, "{\"schema\":\"syntax\",\"schemaType\":\"PROTOBUF\"}"},
        {"/api/schemas/ids/3", 200, "{\"schema\":\"not json\"}"},
        {.path = NULL}};
    static const char *const reasons[] = {"unusable schema", "no Avro schema", "not valid JSON"};
    struct schemas *schemas = open_with(&patient);
    struct writer_schema *schema;
    enum code code;

    (void)state;
    fake_registry_answer(&fake, answers);
    for (uint32_t turn = 0; turn < 6; turn++) {
        struct frame frame = frame_of_id(1 + turn % 3, 0);

        assert_int_equal(find(schemas, &frame, &code, &schema, reasons[turn % 3]), STATUS_OK);
        assert_null(schema);
        assert_int_equal(code, CODE_UNUSABLE_SCHEMA);
    }
    assert_int_equal(fake_registry_requests(&fake), 3);
    schemas_close(schemas);
}

static void a_schema_that_is_not_there_may_still_come(void **state)
{
    const struct fake_answer answers[] = {{"/api/schemas/ids/", 404, ABSENT}, {.path = NULL}};
    struct schemas *schemas = open_with(&patient);
    struct frame young = frame_of_id(7, 0), old = frame_of_id(8, 3600000),
                 older = frame_of_id(7, 3600000);
    struct writer_schema *schema;
    enum code code;

    (void)state;
    fake_registry_answer(&fake, answers);
    /* young: waits, and is not asked for at each try */
    assert_int_equal(find(schemas, &young, &code, &schema, "id 7 yet"), STATUS_RETRY);
    assert_int_equal(find(schemas, &young, &code, &schema, "id 7 yet"), STATUS_RETRY);
    assert_int_equal(fake_registry_requests(&fake), 1);
    /* an hour old: believed at once, and remembered */
    for (int i = 0; i < 3; i++) {
        assert_int_equal(find(schemas, &old, &code, &schema, "no schema with id 8"), STATUS_OK);
        assert_null(schema);
        assert_int_equal(code, CODE_UNKNOWN_SCHEMA);
    }
    assert_int_equal(fake_registry_requests(&fake), 2);
    /* once believed, it is so for young records too */
    assert_int_equal(find(schemas, &older, &code, &schema, "no schema with id 7"), STATUS_OK);
    assert_int_equal(find(schemas, &young, &code, &schema, "no schema with id 7"), STATUS_OK);
    schemas_close(schemas);
}

static void a_row_of_bad_records_waits_once(void **state)
{
    const struct fake_answer answers[] = {{"/api/schemas/ids/", 404, ABSENT}, {.path = NULL}};
    struct schemas_options options = patient;
    struct schemas *schemas;
    struct writer_schema *schema;
    enum code code;
    enum status status;
    int64_t deadline = deadline_in_ms(20000);
    /* its clock is a year ahead: judged by the first lookup */
    struct frame ahead = frame_of_id(5, -365LL * 86400000);

    (void)state;
    options.not_found_after_ms = 50;
    schemas = open_with(&options);
    fake_registry_answer(&fake, answers);
    while ((status = schemas_find(schemas, &ahead, true, &schema, &code, NULL)) == STATUS_RETRY &&
           !deadline_passed(deadline))
        clock_sleep_ms(5);
    assert_int_equal(status, STATUS_OK);
    assert_int_equal(code, CODE_UNKNOWN_SCHEMA);
    schemas_close(schemas);
}

static void ids_that_no_registry_can_have_are_not_asked_for(void **state)
{
    const struct fake_answer answers[] = {{.path = NULL}};
    struct schemas *schemas = open_with(&patient);
    struct frame frame = frame_of_id(0xffffffff, 3600000);
    struct writer_schema *schema;
    enum code code;

    (void)state;
    fake_registry_answer(&fake, answers);
    assert_int_equal(find(schemas, &frame, &code, &schema, "no schema"), STATUS_OK);
    assert_int_equal(code, CODE_UNKNOWN_SCHEMA);
    assert_int_equal(fake_registry_requests(&fake), 0);
    schemas_close(schemas);
}

static void a_flood_of_random_ids_is_no_flood_of_requests(void **state)
{
    const struct fake_answer answers[] = {{"/api/schemas/ids/", 404, ABSENT}, {.path = NULL}};
    struct schemas *schemas = open_with(&patient);
    int64_t deadline = deadline_in_ms(60000);
    struct writer_schema *schema;
    enum code code;
    uint32_t held_back = 0;

    (void)state;
    fake_registry_answer(&fake, answers);
    /* as the lane does: the batch from its beginning again, after a pause */
    for (uint32_t id = 1; id <= 1500 && !deadline_passed(deadline); id++) {
        struct frame frame = frame_of_id(id, 3600000);

        if (schemas_find(schemas, &frame, true, &schema, &code, NULL) == STATUS_RETRY) {
            held_back++;
            id = 0;
            clock_sleep_ms(500);
        }
    }
    assert_false(deadline_passed(deadline));
    assert_int_not_equal(held_back, 0);
    assert_int_equal(fake_registry_requests(&fake), 1500); /* each once */
    schemas_close(schemas);
}

static void a_registry_in_trouble_is_waited_for(void **state)
{
    const struct {
        struct fake_answer answer;
        const char *says;
    } cases[] = {
        {{"/api/schemas/ids/", 500, "{}"}, "HTTP 500"},
        {{"/api/schemas/ids/", 503, ""}, "HTTP 503"},
        {{"/api/schemas/ids/", 429, ""}, "HTTP 429"},
        {{"/api/schemas/ids/", 401, "{\"error_code\":401}"}, "registry.username"},
        {{"/api/schemas/ids/", 403, "{\"error_code\":403}"}, "registry.token"},
        {{"/api/schemas/ids/", 302, ""}, "HTTP 302"},
        {{"/api/schemas/ids/", 404, "<html>"}, "check registry.url"},
        {{"/api/schemas/ids/", 200, "<html>"}, "no JSON"},
        {{"/api/schemas/ids/", 0, NULL}, "/api/schemas/ids/7"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct fake_answer answers[] = {cases[i].answer, {.path = NULL}};
        struct schemas *schemas = open_with(&patient);
        struct frame frame = frame_of_id(7, 3600000);
        struct writer_schema *schema;
        enum code code;

        fake_registry_answer(&fake, answers);
        assert_int_equal(find(schemas, &frame, &code, &schema, cases[i].says), STATUS_RETRY);
        assert_null(schema);
        schemas_close(schemas);
    }
}

/* Some registries answer nonsense ids with an error that is not theirs. */
static void a_strange_404_of_a_real_registry_is_believed(void **state)
{
    const struct fake_answer answers[] = {{"/api/schemas/types", 200, "[\"AVRO\"]"},
                                          {.path = NULL}};
    struct schemas *schemas = open_with(&patient);
    struct frame frame = {.kind = FRAMING_CONFLUENT_GUID, .guid = {{1}}, .timestamp_us = 1};
    struct writer_schema *schema;
    enum code code;

    (void)state;
    fake_registry_answer(&fake, answers);
    assert_int_equal(find(schemas, &frame, &code, &schema, "GUID 01000000-"), STATUS_OK);
    assert_int_equal(code, CODE_UNKNOWN_SCHEMA);
    schemas_close(schemas);
}

static void nobody_at_home_is_waited_for(void **state)
{
    struct schemas_options options = patient;
    struct schemas *schemas;
    struct frame frame = frame_of_id(7, 3600000);
    struct writer_schema *schema;
    enum code code;

    (void)state;
    options.registry_url = "http://127.0.0.1:1/";
    schemas = open_with(&options);
    assert_int_equal(find(schemas, &frame, &code, &schema, "registry: http://127.0.0.1:1/"),
                     STATUS_RETRY);
    schemas_close(schemas);
}

static void an_answer_without_end_is_unusable(void **state)
{
    static char huge[6 << 20]; /* the server may still be sending it when the test is over */
    const struct fake_answer answers[] = {{"/api/schemas/ids/", 200, huge}, {.path = NULL}};
    struct schemas *schemas = open_with(&patient);
    struct frame frame = frame_of_id(7, 0);
    struct writer_schema *schema;
    enum code code;

    (void)state;
    memset(huge, ' ', sizeof huge - 1);
    fake_registry_answer(&fake, answers);
    assert_int_equal(find(schemas, &frame, &code, &schema, "larger"), STATUS_OK);
    assert_int_equal(code, CODE_UNUSABLE_SCHEMA);
    fake_registry_answer(&fake, (const struct fake_answer[]){{.path = NULL}});
    schemas_close(schemas);
}

static void references_are_fetched_and_put_in(void **state)
{
    const struct fake_answer answers[] = {
        {"/api/schemas/ids/7", 200,
         "{\"schema\":\"{\\\"type\\\":\\\"record\\\",\\\"name\\\":\\\"E\\\",\\\"fields\\\":["
         "{\\\"name\\\":\\\"event_id\\\",\\\"type\\\":\\\"string\\\"},"
         "{\\\"name\\\":\\\"payload\\\",\\\"type\\\":[\\\"provd.DeleteContext\\\"]}]}\","
         "\"references\":[{\"name\":\"provd.DeleteContext\",\"subject\":\"delete/"
         "context\",\"version\":3}]}"},
        {"/api/subjects/delete%2Fcontext/versions/3", 200,
         "{\"schema\":\"{\\\"type\\\":\\\"record\\\",\\\"name\\\":\\\"DeleteContext\\\","
         "\\\"namespace\\\":"
         "\\\"provd\\\",\\\"fields\\\":[{\\\"name\\\":\\\"name\\\",\\\"type\\\":\\\"string\\\"}]}"
         "\"}"},
        {"/api/schemas/ids/8", 200,
         "{\"schema\":\"\\\"E\\\"\",\"references\":[{\"name\":\"E\",\"subject\":\"endless\","
         "\"version\":1}]}"},
        {"/api/subjects/endless/versions/1", 200,
         "{\"schema\":\"\\\"E\\\"\",\"references\":[{\"name\":\"E\",\"subject\":\"endless\","
         "\"version\":1}]}"},
        {"/api/schemas/ids/9", 200,
         "{\"schema\":\"\\\"E\\\"\",\"references\":[{\"name\":\"E\",\"subject\":\"gone\","
         "\"version\":1}]}"},
        {"/api/subjects/gone/", 404, "{\"error_code\":40401}"},
        {.path = NULL}};
    struct schemas *schemas = open_with(&patient);
    struct frame frame = frame_of_id(7, 3600000);
    struct writer_schema *schema;
    enum code code;

    (void)state;
    fake_registry_answer(&fake, answers);
    assert_int_equal(find(schemas, &frame, &code, &schema, ""), STATUS_OK);
    assert_non_null(schema);
    frame.id = 8;
    assert_int_equal(find(schemas, &frame, &code, &schema, "too deep"), STATUS_OK);
    assert_int_equal(code, CODE_UNUSABLE_SCHEMA);
    frame.id = 9;
    assert_int_equal(find(schemas, &frame, &code, &schema, "no schema with id 9"), STATUS_OK);
    assert_int_equal(code, CODE_UNKNOWN_SCHEMA);
    schemas_close(schemas);
}

static void credentials_in_the_url_are_refused(void **state)
{
    struct schemas_options options = patient;
    struct schemas *schemas = NULL;
    struct error err;

    (void)state;
    options.registry_url = "http://worker:secret@127.0.0.1/";
    assert_int_equal(schemas_open(&schemas, &options, &err), STATUS_FATAL);
    assert_null(strstr(err.message, "secret"));
    assert_null(schemas);
}

static void a_token_is_sent_as_bearer(void **state)
{
    const struct fake_answer answers[] = {{"/api/schemas/ids/7", 200, event_answer},
                                          {.path = NULL}};
    struct schemas_options options = patient;
    struct schemas *schemas;
    struct frame frame = frame_of_id(7, 0);
    struct writer_schema *schema;
    enum code code;

    (void)state;
    options.username = "";
    options.token = "abc.def";
    fake_registry_answer(&fake, answers);
    schemas = open_with(&options);
    assert_int_equal(find(schemas, &frame, &code, &schema, ""), STATUS_OK);
    assert_true(fake_registry_was_told(&fake, "Authorization: Bearer abc.def"));
    schemas_close(schemas);
}

/* --- our own output --------------------------------------------------------------------------- */

static void our_framing_is_the_registrys_id(void **state)
{
    const struct fake_answer answers[] = {
        {"/api/subjects/provisioning.results-value", 200, "{\"id\":258,\"version\":1}"},
        {"/api/subjects/", 404, ABSENT},
        {.path = NULL}};
    struct schemas *schemas = open_with(&patient);
    struct framing framing;
    struct error err;

    (void)state;
    fake_registry_answer(&fake, answers);
    assert_int_equal(schemas_framing(schemas, "provisioning.results-value",
                                     schema_provisioning_result, false, &framing, &err),
                     STATUS_OK);
    assert_int_equal(framing.prefix_len, 5);
    assert_memory_equal(framing.prefix, "\0\0\0\1\2", 5);
    assert_true(
        fake_registry_was_told(&fake, "POST /api/subjects/provisioning.results-value HTTP"));
    assert_int_equal(schemas_framing(schemas, "other", "\"int\"", false, &framing, &err),
                     STATUS_FATAL);
    assert_non_null(strstr(err.message, "provctl schema register"));
    schemas_close(schemas);
}

static void our_framing_without_a_registry_is_the_fingerprint(void **state)
{
    static const struct schemas_options none = {.timeout_ms = 1000};
    struct schemas *schemas = open_with(&none);
    struct framing framing;
    struct error err;

    (void)state;
    assert_int_equal(schemas_framing(schemas, "x", "{\"type\":\"int\"}", true, &framing, &err),
                     STATUS_OK);
    assert_int_equal(framing.prefix_len, 10);
    assert_memory_equal(framing.prefix, "\xc3\x01\x8f\x5c\x39\x3f\x1a\xd5\x75\x72", 10);
    assert_int_equal(schemas_framing(schemas, "x", "\"int\"", false, &framing, &err), STATUS_FATAL);
    assert_non_null(strstr(err.message, "registry.url"));
    schemas_close(schemas);
}

/* --- without a registry ----------------------------------------------------------------------- */

static struct frame frame_of_schema(const char *json)
{
    struct frame frame = {.kind = FRAMING_SINGLE_OBJECT, .timestamp_us = 1};

    assert_true(schema_fingerprint(text_from(json), &frame.fingerprint));
    return frame;
}

static void the_programs_own_schema_needs_nothing(void **state)
{
    static const struct schemas_options none = {.timeout_ms = 1000};
    struct schemas *schemas = open_with(&none);
    struct frame own = frame_of_schema(schema_provisioning_event), id = frame_of_id(7, 3600000);
    struct frame unknown = frame_of_schema("\"int\""), bare = {.kind = FRAMING_BARE};
    struct writer_schema *schema;
    enum code code;

    (void)state;
    assert_int_equal(find(schemas, &own, &code, &schema, ""), STATUS_OK);
    assert_non_null(schema);
    assert_int_equal(find(schemas, &unknown, &code, &schema, "fingerprint 7275d51a3f395c8f"),
                     STATUS_OK);
    assert_int_equal(code, CODE_UNKNOWN_SCHEMA);
    assert_int_equal(find(schemas, &id, &code, &schema, "no schema registry is configured"),
                     STATUS_OK);
    assert_int_equal(code, CODE_UNKNOWN_SCHEMA);
    assert_int_equal(find(schemas, &bare, &code, &schema, "bare"), STATUS_OK);
    assert_null(schema);
    schemas_close(schemas);
}

static void a_directory_gives_older_versions(void **state)
{
    static const struct schemas_options options = {
        .directory = TEST_SOURCE_DIR "/schemas",
        .bare_file = TEST_SOURCE_DIR "/schemas/history/ProvisioningEvent/v1.avsc",
        .timeout_ms = 1000,
    };
    struct schemas *schemas = open_with(&options);
    /* schemas/history/fingerprints: ProvisioningEvent v1 */
    struct frame v1 = {
        .kind = FRAMING_SINGLE_OBJECT, .fingerprint = 0x4b193713abd147e6, .timestamp_us = 1};
    struct frame result = frame_of_schema(schema_provisioning_result);
    struct frame bare = {.kind = FRAMING_BARE};
    struct writer_schema *schema;
    enum code code;

    (void)state;
    assert_int_equal(find(schemas, &v1, &code, &schema, ""), STATUS_OK);
    assert_non_null(schema);
    assert_int_equal(find(schemas, &result, &code, &schema, "unusable"), STATUS_OK);
    assert_int_equal(code, CODE_UNUSABLE_SCHEMA);
    assert_int_equal(find(schemas, &bare, &code, &schema, ""), STATUS_OK);
    assert_non_null(schema);
    schemas_close(schemas);
}

static void copy_file(const char *from, const char *to)
{
    static char text[1 << 20];
    FILE *in = fopen(from, "r"), *out = fopen(to, "w");

    assert_true(in && out);
    size_t len = fread(text, 1, sizeof text, in);
    assert_int_equal(fwrite(text, 1, len, out), len);
    fclose(in);
    assert_int_equal(fclose(out), 0);
}

/* Its record is young: it becomes a dead letter only when nobody has put the file there in time. */
static void a_file_that_comes_later_is_found_within_the_patience(void **state)
{
    char directory[] = "/tmp/test_schemas_XXXXXX", path[64];
    const struct schemas_options options = {
        .directory = directory, .timeout_ms = 1000, .not_found_after_ms = 30000};
    struct frame v1 = {.kind = FRAMING_SINGLE_OBJECT,
                       .fingerprint = 0x4b193713abd147e6,
                       .timestamp_us = clock_now_us()};
    struct writer_schema *schema = NULL;
    enum status status = STATUS_RETRY;
    enum code code;

    (void)state;
    assert_non_null(mkdtemp(directory));
    snprintf(path, sizeof path, "%s/v1.avsc", directory);
    struct schemas *schemas = open_with(&options);
    assert_int_equal(find(schemas, &v1, &code, &schema, "no schema"), STATUS_RETRY);
    copy_file(TEST_SOURCE_DIR "/schemas/history/ProvisioningEvent/v1.avsc", path);
    while (status == STATUS_RETRY) {
        struct error err;
        clock_sleep_ms(100);
        status = schemas_find(schemas, &v1, true, &schema, &code, &err);
    }
    assert_int_equal(status, STATUS_OK);
    assert_non_null(schema);
    schemas_close(schemas);
    unlink(path);
    rmdir(directory);
}

static void schemas_that_the_registry_gave_are_known_by_fingerprint(void **state)
{
    const struct fake_answer answers[] = {{"/api/schemas/ids/7", 200, event_answer},
                                          {.path = NULL}};
    struct schemas *schemas = open_with(&patient);
    struct frame id = frame_of_id(7, 0);
    struct frame single = frame_of_schema("{\"type\":\"record\",\"name\":\"E\",\"fields\":[{"
                                          "\"name\":\"event_id\",\"type\":\"string\"},"
                                          "{\"name\":\"payload\",\"type\":[{\"type\":\"record\","
                                          "\"name\":\"DeleteContext\",\"fields\":[]}]}]}");
    struct writer_schema *schema;
    enum code code;

    (void)state;
    fake_registry_answer(&fake, answers);
    assert_int_equal(find(schemas, &id, &code, &schema, ""), STATUS_OK);
    assert_int_equal(find(schemas, &single, &code, &schema, ""), STATUS_OK);
    assert_non_null(schema);
    schemas_close(schemas);
}

static void broken_files_stop_the_start(void **state)
{
    static const struct schemas_options no_folder = {.directory = "/does/not/exist"};
    static const struct schemas_options no_file = {.bare_file = "/does/not/exist.avsc"};
    static const struct schemas_options no_event = {.bare_file = TEST_SOURCE_DIR
                                                    "/schemas/history/ChangeRecord/v1.avsc"};
    struct schemas *schemas = NULL;
    struct error err;

    (void)state;
    assert_int_equal(schemas_open(&schemas, &no_folder, &err), STATUS_FATAL);
    assert_non_null(strstr(err.message, "/does/not/exist"));
    assert_int_equal(schemas_open(&schemas, &no_file, &err), STATUS_FATAL);
    assert_non_null(strstr(err.message, "/does/not/exist.avsc"));
    assert_int_equal(schemas_open(&schemas, &no_event, &err), STATUS_FATAL);
    assert_non_null(strstr(err.message, "unusable schema"));
    assert_null(schemas);
    schemas_close(NULL);
}

/* --- a real registry -------------------------------------------------------------------------- */

static void real_registry_says_no_in_the_way_we_expect(void **state)
{
    const char *url = getenv("SCHEMA_REGISTRY_URL");
    struct schemas_options options = patient;
    struct schemas *schemas;
    struct frame id = frame_of_id(2147483000, 3600000);
    struct frame guid = {.kind = FRAMING_CONFLUENT_GUID, .guid = {{1}}, .timestamp_us = 1};
    struct writer_schema *schema;
    struct framing framing;
    struct error err;
    enum code code;

    (void)state;
    if (url == NULL || url[0] == '\0')
        skip("no SCHEMA_REGISTRY_URL, see `tools/stack env`");
    options.registry_url = url;
    schemas = open_with(&options);
    assert_int_equal(find(schemas, &id, &code, &schema, "no schema with id"), STATUS_OK);
    assert_int_equal(code, CODE_UNKNOWN_SCHEMA);
    assert_int_equal(find(schemas, &guid, &code, &schema, "no schema with GUID"), STATUS_OK);
    assert_int_equal(schemas_framing(schemas, "no-such-subject-of-provd-value",
                                     schema_provisioning_result, false, &framing, &err),
                     STATUS_FATAL);
    schemas_close(schemas);
}

static void the_certificate_of_a_real_registry_is_checked(void **state)
{
    const char *url = getenv("SCHEMA_REGISTRY_TLS_URL"), *ca_file = getenv("STACK_CA");
    struct schemas_options options = patient;
    struct frame id = frame_of_id(2147483000, 3600000);
    struct writer_schema *schema;
    struct schemas *schemas;
    enum code code;

    (void)state;
    if (url == NULL || url[0] == '\0' || ca_file == NULL)
        skip("no SCHEMA_REGISTRY_TLS_URL or STACK_CA, see `tools/stack env`");
    options.registry_url = url;
    schemas = open_with(&options);
    assert_int_equal(find(schemas, &id, &code, &schema, "certificate"), STATUS_RETRY);
    schemas_close(schemas);
    options.ca_file = ca_file;
    schemas = open_with(&options);
    assert_int_equal(find(schemas, &id, &code, &schema, "no schema with id"), STATUS_OK);
    schemas_close(schemas);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(confluent_prefix_names_an_id),
        cmocka_unit_test(guid_header_wins_over_the_first_bytes),
        cmocka_unit_test(single_object_prefix_names_a_fingerprint),
        cmocka_unit_test(what_has_no_frame_is_refused),
        cmocka_unit_test(a_schema_is_asked_for_once),
        cmocka_unit_test(an_unusable_schema_is_asked_for_once),
        cmocka_unit_test(a_schema_that_is_not_there_may_still_come),
        cmocka_unit_test(a_row_of_bad_records_waits_once),
        cmocka_unit_test(ids_that_no_registry_can_have_are_not_asked_for),
        cmocka_unit_test(a_flood_of_random_ids_is_no_flood_of_requests),
        cmocka_unit_test(a_registry_in_trouble_is_waited_for),
        cmocka_unit_test(a_strange_404_of_a_real_registry_is_believed),
        cmocka_unit_test(nobody_at_home_is_waited_for),
        cmocka_unit_test(an_answer_without_end_is_unusable),
        cmocka_unit_test(references_are_fetched_and_put_in),
        cmocka_unit_test(credentials_in_the_url_are_refused),
        cmocka_unit_test(a_token_is_sent_as_bearer),
        cmocka_unit_test(our_framing_is_the_registrys_id),
        cmocka_unit_test(our_framing_without_a_registry_is_the_fingerprint),
        cmocka_unit_test(the_programs_own_schema_needs_nothing),
        cmocka_unit_test(a_directory_gives_older_versions),
        cmocka_unit_test(a_file_that_comes_later_is_found_within_the_patience),
        cmocka_unit_test(schemas_that_the_registry_gave_are_known_by_fingerprint),
        cmocka_unit_test(broken_files_stop_the_start),
        cmocka_unit_test(real_registry_says_no_in_the_way_we_expect),
        cmocka_unit_test(the_certificate_of_a_real_registry_is_checked),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
