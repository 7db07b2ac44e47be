/* Events from bytes: those of another Avro library, those of other versions of the schema, and
 * those that nobody should have written. */
#include "avro_bytes.h"

#include "base/arena.h"
#include "domain/account_events.h"
#include "domain/domain_events.h"
#include "domain/kind.h"
#include "wire/avro.h"
#include "wire/crypto.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static const struct decode_limits limits = {.string_bytes_max = 4096, .items_max = 1000};
static struct arena arena;

/* A CreateAccount with everything in it, encoded by Python's avro with version 2 of the schema. */
static const char python_event_hex[] =
    "4830313932663063312d323334352d376162632d386465662d30313233343536373839616280c9feccb8cdaf"
    "06147369676e75702d776562086d61696e06147369676e75702d77656202123139322e302e322e3700000214"
    "6f726465722d3437313102021800003a416c6963652e4578616d706c654062c3bc636865722e6578616d706c"
    "6502f0017b5348413531322d43525950547d24362459664736705674504865346f6a4f6e4424772e57437952"
    "4b4265676d724b467a372e4e396c4341556949574157636e343047656a3473346d313731746c323173303079"
    "674a794577574d77504f69694b696e647a2e696d79386d51663946414b76536f6e313631020a416c69636502"
    "0e4578616d706c65020a53616c657302162b3439203330203132333400028080808008020900020c6e6f6465"
    "2d3302060202028280020002020841776179021c4261636b0a6f6e204d6f6e64617900000102085065743f14"
    "7b535348413235367d78021c6d616465206279207369676e7570";

static char python_event[1024];
static size_t python_event_len;
static struct writer_schema *python_schema;

static struct writer_schema *schema_of_file(const char *path)
{
    static char json[1 << 20];
    FILE *file = fopen(path, "r");
    struct writer_schema *schema;
    struct error err;
    size_t len;

    assert_non_null(file);
    len = fread(json, 1, sizeof json, file);
    fclose(file);
    schema = writer_schema_compile((struct text){json, len}, &err);
    assert_non_null(schema);
    return schema;
}

static int setup(void **state)
{
    struct error err;

    (void)state;
    if (crypto_start(&err) != STATUS_OK)
        return -1;
    arena_init(&arena, 64 << 20, 1 << 20);
    python_event_len = strlen(python_event_hex) / 2;
    for (size_t i = 0; i < python_event_len; i++) {
        const char pair[3] = {python_event_hex[2 * i], python_event_hex[2 * i + 1], '\0'};

        python_event[i] = (char)strtol(pair, NULL, 16);
    }
    python_schema = schema_of_file(TEST_SOURCE_DIR "/schemas/history/ProvisioningEvent/v2.avsc");
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    writer_schema_close(python_schema);
    arena_close(&arena);
    return 0;
}

static struct event *decode(struct writer_schema *schema, struct text body,
                            struct unreadable *unreadable)
{
    struct event *event = ARENA_NEW(&arena, struct event);

    avro_decode_event(schema, body, &limits, &arena, event, unreadable);
    return event;
}

static struct event *decode_well(struct writer_schema *schema, struct text body)
{
    struct unreadable unreadable;
    struct event *event = decode(schema, body, &unreadable);

    if (unreadable.code != CODE_NONE)
        fail_msg("%s: %.*s", code_name(unreadable.code), TEXT_ARG(unreadable.message));
    return event;
}

static struct writer_schema *schema_of(const char *json)
{
    struct error err = {.message = ""};
    struct writer_schema *schema = writer_schema_compile(text_from(json), &err);

    if (schema == NULL)
        fail_msg("%s", err.message);
    return schema;
}

/* --- another library's bytes ------------------------------------------------------------------ */

static void event_of_another_library_is_decoded_whole(void **state)
{
    struct text body = {python_event, python_event_len};
    struct event *event = decode_well(python_schema, body);
    const struct create_account *create = event->payload;
    const struct account_attributes *attributes = &create->attributes;

    (void)state;
    assert_true(text_equal_z(event->kind_name, "CreateAccount"));
    assert_ptr_equal(event->kind, kind_find(TEXT("CreateAccount")));
    assert_true(text_equal_z(event->event_id_text, "0192f0c1-2345-7abc-8def-0123456789ab"));
    assert_int_equal(event->occurred_at, 1793534400123456);
    assert_true(text_equal_z(event->source, "signup-web"));
    assert_true(text_equal_z(event->context, "main"));
    assert_int_equal(event->actor->kind, ACTOR_SYSTEM);
    assert_true(text_equal_z(event->actor->ip, "192.0.2.7"));
    assert_true(text_is_null(event->actor->reason));
    assert_true(text_equal_z(event->correlation_id, "order-4711"));
    assert_int_equal(event->mode, MODE_DRY_RUN);
    assert_int_equal(event->expected_version, 12);
    assert_int_equal(event->expires_at, INT_NULL);
    assert_int_equal(event->fault.code, CODE_NONE);
    assert_true(text_equal_z(create->address, "Alice.Example@b\xc3\xbc"
                                              "cher.example"));
    assert_int_equal(create->password.type, SECRET_HASH);
    assert_true(text_starts_with(create->password.hash, "{SHA512-CRYPT}$6$"));
    assert_true(text_equal_z(attributes->first_name, "Alice"));
    assert_true(text_is_null(attributes->group));
    assert_int_equal(attributes->quota_bytes, 1073741824);
    assert_int_equal(attributes->quota_messages, -5);
    assert_int_equal(create->services, 3);
    assert_int_equal(create->service_mode, SERVICE_LAZY);
    assert_int_equal(create->flags, 0x4001);
    assert_non_null(attributes->autoreply);
    assert_true(text_equal_z(attributes->autoreply->body, "Back\non Monday"));
    assert_int_equal(attributes->autoreply->end, INT_NULL);
    assert_int_equal(attributes->autoreply->enabled, 1);
    assert_true(text_equal_z(create->recovery->question, "Pet?"));
}

static void every_truncation_is_unreadable(void **state)
{
    (void)state;
    for (size_t len = 0; len < python_event_len; len++) {
        /* malloc'ed to its size, so that the sanitizer sees a read behind it */
        char *body = malloc(len + 1);
        struct unreadable unreadable;

        memcpy(body, python_event, len);
        decode(python_schema, (struct text){body, len}, &unreadable);
        if (unreadable.code != CODE_TRUNCATED)
            fail_msg("%zu bytes: %s", len, code_name(unreadable.code));
        free(body);
        arena_reset(&arena);
    }
}

static void trailing_bytes_are_unreadable(void **state)
{
    struct unreadable unreadable;
    char body[sizeof python_event + 1];

    (void)state;
    memcpy(body, python_event, python_event_len);
    body[python_event_len] = 0;
    decode(python_schema, (struct text){body, python_event_len + 1}, &unreadable);
    assert_int_equal(unreadable.code, CODE_TRAILING_BYTES);
}

/* Memory errors and leaks are the sanitizers' business; time and memory are bounded here. */
static void a_hundred_thousand_mutations_do_no_harm(void **state)
{
    enum { MUTATIONS = 100000, ARENA_BYTES_MAX = 1 << 16 };
    uint64_t random = 4711;
    size_t readable = 0;

    (void)state;
    for (int i = 0; i < MUTATIONS; i++) {
        char *body = malloc(python_event_len);
        struct unreadable unreadable;

        memcpy(body, python_event, python_event_len);
        for (int change = 0; change <= i % 4; change++) {
            random = random * 6364136223846793005u + 1442695040888963407u;
            body[(random >> 33) % python_event_len] = (char)(random >> 25);
        }
        arena_reset(&arena);
        decode(python_schema, (struct text){body, python_event_len}, &unreadable);
        readable += unreadable.code == CODE_NONE;
        assert_true(unreadable.code == CODE_NONE || unreadable.message.len > 0);
        assert_true(arena.used_bytes < ARENA_BYTES_MAX);
        free(body);
    }
    assert_in_range(readable, MUTATIONS / 100, MUTATIONS / 2);
    decode_well(python_schema, (struct text){python_event, python_event_len});
}

/* --- other versions --------------------------------------------------------------------------- */

#define EVENT(fields)                                                                              \
    "{\"type\":\"record\",\"name\":\"ProvisioningEvent\",\"namespace\":\"provd\",\"fields\":["     \
    "{\"name\":\"event_id\",\"type\":\"string\"}," fields "]}"
#define COMMAND(name, fields) "{\"type\":\"record\",\"name\":\"" name "\",\"fields\":[" fields "]}"
#define PAYLOAD(commands) "{\"name\":\"payload\",\"type\":[" commands "]}"
#define FIELD(name, type) "{\"name\":\"" name "\",\"type\":" type "}"
#define ENUM(name, symbols) "{\"type\":\"enum\",\"name\":\"" name "\",\"symbols\":[" symbols "]}"

static void symbols_count_by_name_and_not_by_number(void **state)
{
    struct writer_schema *schema =
        schema_of(EVENT(FIELD("mode", ENUM("Mode", "\"DRY_RUN\",\"NEW\",\"APPLY\"")) "," PAYLOAD(
            COMMAND("DeleteContext", FIELD("name", "\"string\"")))));
    const int64_t expected[] = {MODE_DRY_RUN, ENUM_UNKNOWN, MODE_APPLY};

    (void)state;
    for (int i = 0; i < 3; i++) {
        struct bytes b = {.len = 0};

        put_string(&b, "id");
        put_long(&b, i);
        put_long(&b, 0);
        put_string(&b, "name");
        assert_int_equal(decode_well(schema, bytes_text(&b))->mode, expected[i]);
    }
    writer_schema_close(schema);
}

static void what_an_older_version_lacks_is_null_or_its_fallback(void **state)
{
    struct writer_schema *schema =
        schema_of(EVENT(PAYLOAD(COMMAND("CreateAccount", FIELD("address", "\"string\"")))));
    struct bytes b = {.len = 0};
    struct event *event;
    const struct create_account *create;

    (void)state;
    put_string(&b, "id");
    put_long(&b, 0);
    put_string(&b, "a@b.example");
    event = decode_well(schema, bytes_text(&b));
    create = event->payload;
    assert_int_equal(event->mode, MODE_APPLY);
    assert_int_equal(event->expected_version, INT_NULL);
    assert_int_equal(event->occurred_at, INT_NULL);
    assert_null(event->actor);
    assert_true(text_is_null(event->source));
    assert_int_equal(create->password.type, SECRET_NONE);
    assert_int_equal(create->attributes.quota_bytes, INT_NULL);
    assert_int_equal(create->services, INT_NULL);
    writer_schema_close(schema);
}

static void what_a_newer_version_adds_is_skipped(void **state)
{
    struct writer_schema *schema = schema_of(EVENT(FIELD(
        "labels",
        "{\"type\":\"map\",\"values\":{\"type\":\"array\",\"items\":\"double\"}"
        "}") "," FIELD("seal",
                       "{\"type\":\"fixed\",\"name\":\"Seal\",\"size\":"
                       "3}") "," FIELD("weight",
                                       "[\"null\",\"float\"]") "," FIELD("blob",
                                                                         "\"bytes\"") "," PAYLOAD(COMMAND("DeleteContext",
                                                                                                          FIELD("because", "\"string\"") "," FIELD(
                                                                                                              "name",
                                                                                                              "\"string\"")))));
    struct bytes b = {.len = 0};
    struct event *event;

    (void)state;
    put_string(&b, "id");
    put_long(&b, -2); /* a block with its size in front */
    put_long(&b, 1000);
    put_string(&b, "k1");
    put_long(&b, 1);
    put_raw(&b, "12345678", 8);
    put_long(&b, 0);
    put_string(&b, "k2");
    put_long(&b, 0);
    put_long(&b, 0);
    put_raw(&b, "abc", 3);
    put_long(&b, 1);
    put_raw(&b, "1234", 4);
    put_string_of(&b, "\xff\0", 2); /* bytes need not be text */
    put_long(&b, 0);
    put_string(&b, "moved");
    put_string(&b, "shop");
    event = decode_well(schema, bytes_text(&b));
    assert_true(text_equal_z(((const struct delete_context *)event->payload)->name, "shop"));
    writer_schema_close(schema);
}

static void a_command_of_a_newer_version_keeps_its_name(void **state)
{
    struct writer_schema *schema = schema_of(EVENT(PAYLOAD(
        COMMAND("DeleteContext", "") "," COMMAND("FlyToTheMoon", FIELD("fuel", "\"long\"")))));
    struct bytes b = {.len = 0};
    struct event *event;

    (void)state;
    put_string(&b, "id");
    put_long(&b, 1);
    put_long(&b, 99);
    event = decode_well(schema, bytes_text(&b));
    assert_null(event->kind);
    assert_null(event->payload);
    assert_true(text_equal_z(event->kind_name, "FlyToTheMoon"));
    writer_schema_close(schema);
}

static void numbers_times_and_words_are_converted(void **state)
{
    struct writer_schema *schema = schema_of(EVENT(FIELD(
        "occurred_at",
        "{\"type\":\"long\",\"logicalType\":\"timestamp-"
        "millis\"}") "," FIELD("expected_version",
                               "\"int\"") "," FIELD("mode",
                                                    "\"string\"") "," FIELD("context",
                                                                            "\"bytes\"") "," PAYLOAD(COMMAND("CreateAccount",
                                                                                                             FIELD(
                                                                                                                 "password",
                                                                                                                 "[\"null\","
                                                                                                                 "\"string\""
                                                                                                                 "]") "," FIELD("quota_bytes",
                                                                                                                                "\"int\"")))));
    struct bytes b = {.len = 0};
    struct event *event;
    const struct create_account *create;

    (void)state;
    put_string(&b, "id");
    put_long(&b, 1793534400123);
    put_long(&b, 7);
    put_string(&b, "DRY_RUN");
    put_string(&b, "main");
    put_long(&b, 0);
    put_long(&b, 1);
    put_string(&b, "{SSHA}x");
    put_long(&b, -1);
    event = decode_well(schema, bytes_text(&b));
    create = event->payload;
    assert_int_equal(event->occurred_at, 1793534400123000);
    assert_int_equal(event->expected_version, 7);
    assert_int_equal(event->mode, MODE_DRY_RUN);
    assert_true(text_equal_z(event->context, "main"));
    assert_int_equal(create->password.type, SECRET_HASH);
    assert_true(text_equal_z(create->password.hash, "{SSHA}x"));
    assert_int_equal(create->attributes.quota_bytes, -1);
    writer_schema_close(schema);
}

/* The number that stands for null in our structs is no null when it is sent. */
static void the_smallest_number_is_not_null(void **state)
{
    struct writer_schema *schema = schema_of(
        EVENT(FIELD("expected_version", "\"long\"") "," PAYLOAD(COMMAND("DeleteContext", ""))));
    struct bytes b = {.len = 0};
    struct event *event;

    (void)state;
    put_string(&b, "id");
    put_long(&b, INT64_MIN);
    put_long(&b, 0);
    event = decode_well(schema, bytes_text(&b));
    assert_int_not_equal(event->expected_version, INT_NULL);
    assert_true(event->expected_version < 0);
    writer_schema_close(schema);
}

#define SECRETS                                                                                    \
    "[\"null\"," COMMAND(                                                                          \
        "SealedSecret",                                                                            \
        FIELD("key_id", "\"string\"") "," FIELD(                                                   \
            "ciphertext",                                                                          \
            "\"bytes\"")) "," COMMAND("GeneratedPassword",                                         \
                                      FIELD("length", "\"int\"") "," FIELD(                        \
                                          "public_key",                                            \
                                          "\"bytes\"")) "," COMMAND("VaultReference",              \
                                                                    FIELD("path",                  \
                                                                          "\"string\"")) "]"

static struct event *decode_password(struct bytes *b)
{
    struct writer_schema *schema =
        schema_of(EVENT(PAYLOAD(COMMAND("SetPassword", FIELD("password", SECRETS)))));
    struct event *event = decode_well(schema, bytes_text(b));

    writer_schema_close(schema);
    return event;
}

static void each_type_of_secret_arrives(void **state)
{
    struct bytes sealed = {.len = 0}, generated = {.len = 0}, vault = {.len = 0};
    const struct set_password *set;
    struct event *event;

    (void)state;
    put_string(&sealed, "id");
    put_long(&sealed, 0);
    put_long(&sealed, 1);
    put_string(&sealed, "2026-01");
    put_string_of(&sealed, "\x00\xff", 2);
    set = decode_password(&sealed)->payload;
    assert_int_equal(set->password.type, SECRET_SEALED);
    assert_true(text_equal_z(set->password.key_id, "2026-01"));
    assert_int_equal(set->password.ciphertext.len, 2);

    put_string(&generated, "id");
    put_long(&generated, 0);
    put_long(&generated, 2);
    put_long(&generated, 20);
    put_string_of(&generated, "\x01\x02", 2);
    set = decode_password(&generated)->payload;
    assert_int_equal(set->password.type, SECRET_GENERATED);
    assert_int_equal(set->password.length, 20);
    assert_int_equal(set->password.public_key.len, 2);

    put_string(&vault, "id");
    put_long(&vault, 0);
    put_long(&vault, 3);
    put_string(&vault, "secret/mail");
    event = decode_password(&vault);
    assert_int_equal(event->fault.code, CODE_INVALID_FIELD);
}

#define REF                                                                                        \
    COMMAND("AccountRef",                                                                          \
            FIELD("address", "[\"null\",\"string\"]") "," FIELD("uuid", "[\"null\",\"string\"]"))

static void a_reference_by_uuid_arrives_and_a_broken_one_is_a_fault(void **state)
{
    struct writer_schema *schema =
        schema_of(EVENT(PAYLOAD(COMMAND("RestoreAccount", FIELD("ref", REF)))));
    static const char *const uuids[] = {"0192f0c1-2345-7abc-8def-0123456789ab", "nonsense"};

    (void)state;
    for (int i = 0; i < 2; i++) {
        struct bytes b = {.len = 0};
        struct event *event;
        const struct restore_account *restore;

        put_string(&b, "id");
        put_long(&b, 0);
        put_long(&b, 0);
        put_long(&b, 1);
        put_string(&b, uuids[i]);
        event = decode_well(schema, bytes_text(&b));
        restore = event->payload;
        assert_true(text_is_null(restore->ref.address));
        assert_int_equal(uuid_is_nil(&restore->ref.uuid), i == 1);
        assert_int_equal(event->fault.code, i == 1 ? CODE_INVALID_FIELD : CODE_NONE);
    }
    writer_schema_close(schema);
}

static void lists_and_masks_arrive(void **state)
{
    struct writer_schema *schema = schema_of(EVENT(PAYLOAD(COMMAND(
        "UpdateContext",
        FIELD("name", "\"string\"") "," FIELD(
            "fields",
            "{\"type\":\"array\",\"items\":"
            "\"string\"}") "," FIELD("default_limits",
                                     COMMAND("Limits",
                                             FIELD("disabled_protocols",
                                                   "{\"type\":\"array\",\"items\":" ENUM(
                                                       "Protocol",
                                                       "\"IMAP\",\"POP3\",\"GOPHER\"") "}")))))));
    struct bytes b = {.len = 0};
    const struct context_given *given;
    struct event *event;

    (void)state;
    put_string(&b, "id");
    put_long(&b, 0);
    put_string(&b, "shop");
    put_long(&b, 20);
    for (int i = 0; i < 20; i++)
        put_string(&b, i == 17 ? "seventeen" : "x");
    put_long(&b, 1);
    put_string(&b, "last");
    put_long(&b, 0);
    put_long(&b, 2);
    put_long(&b, 0);
    put_long(&b, 1);
    put_long(&b, 0);
    event = decode_well(schema, bytes_text(&b));
    given = event->payload;
    assert_int_equal(given->fields.count, 21);
    assert_true(text_equal_z(given->fields.items[17], "seventeen"));
    assert_true(text_equal_z(given->fields.items[20], "last"));
    assert_int_equal(given->default_limits->disabled_protocols, 3); /* POP3 and IMAP in our order */
    assert_int_equal(event->fault.code, CODE_NONE);

    b.data[b.len - 2] = 4; /* GOPHER */
    event = decode_well(schema, bytes_text(&b));
    assert_int_equal(event->fault.code, CODE_INVALID_FIELD);
    writer_schema_close(schema);
}

static void event_ids_are_cut_between_characters(void **state)
{
    struct writer_schema *schema = schema_of(EVENT(PAYLOAD(COMMAND("DeleteContext", ""))));
    struct bytes b = {.len = 0};
    char id[100] = "";
    struct event *event;

    (void)state;
    for (int i = 0; i < 31; i++)
        strcat(id, "\xc3\xa4");
    strcat(id, "a\xe2\x82\xac"); /* the euro sign lies over the 64th byte */
    put_string(&b, id);
    put_long(&b, 0);
    event = decode_well(schema, bytes_text(&b));
    assert_int_equal(event->event_id_text.len, 63);
    writer_schema_close(schema);
}

/* --- poison ----------------------------------------------------------------------------------- */

/* One field of that type in front of the payload. */
static void is_unreadable(const char *type, const char *raw, size_t len, enum code code,
                          const char *message)
{
    char json[1024];
    struct writer_schema *schema;
    struct unreadable unreadable;
    struct bytes b = {.len = 0};
    size_t used = arena.used_bytes;

    snprintf(json, sizeof json, EVENT("{\"name\":\"x\",\"type\":%s},%s"), type,
             PAYLOAD(COMMAND("DeleteContext", FIELD("name", "\"string\""))));
    schema = schema_of(json);
    put_string(&b, "id");
    put_raw(&b, raw, len);
    put_long(&b, 0);
    put_string(&b, "name");
    decode(schema, bytes_text(&b), &unreadable);
    if (unreadable.code != code || strstr(unreadable.message.data, message) == NULL)
        fail_msg("%s: %s, \"%.*s\"", type, code_name(unreadable.code),
                 TEXT_ARG(unreadable.message));
    assert_non_null(strstr(unreadable.message.data, "event.x"));
    assert_true(arena.used_bytes - used < 8192);
    writer_schema_close(schema);
}

#define STRINGS "{\"type\":\"array\",\"items\":\"string\"}"
#define LONGEST "\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01" /* INT64_MAX */

static void lengths_that_are_lies_take_no_memory(void **state)
{
    (void)state;
    is_unreadable("\"string\"", "\x80\x80\x80\x80\x20", 5, CODE_TRUNCATED,
                  "a length of 4294967296");
    is_unreadable("\"bytes\"", "\x80\x80\x80\x80\x20", 5, CODE_TRUNCATED, "a length of 4294967296");
    is_unreadable("\"string\"", LONGEST, 10, CODE_TRUNCATED, "");
    is_unreadable("\"string\"", "\x01", 1, CODE_MALFORMED, "");
    is_unreadable("\"bytes\"", "\xfd\xff\xff\xff\xff\xff\xff\xff\xff\x01", 10, CODE_MALFORMED, "");
    is_unreadable("\"bytes\"", "\x01", 1, CODE_MALFORMED, "");
    is_unreadable("\"bytes\"", "\x03", 1, CODE_MALFORMED, "below zero");
    is_unreadable("\"string\"", "\x28", 1, CODE_TRUNCATED, "");
    is_unreadable("{\"type\":\"fixed\",\"name\":\"F\",\"size\":60000}", "", 0, CODE_TRUNCATED, "");
    is_unreadable("{\"type\":\"map\",\"values\":\"int\"}", "\x02\x80\x80\x80\x80\x20", 6,
                  CODE_TRUNCATED, "a length of");
}

static void counts_that_are_lies_end_with_the_bytes(void **state)
{
    (void)state;
    is_unreadable(STRINGS, "\x80\x84\xaf\x5f", 4, CODE_TRUNCATED, "");
    is_unreadable(STRINGS, LONGEST, 10, CODE_TRUNCATED, "");
    /* INT64_MIN, whose negation is itself */
    is_unreadable(STRINGS, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x02", 11, CODE_TRUNCATED, "");
    is_unreadable("{\"type\":\"map\",\"values\":\"int\"}", "\x80\x84\xaf\x5f", 4, CODE_TRUNCATED,
                  "");
}

static void too_much_of_something_is_too_large(void **state)
{
    struct bytes strings = {.len = 0}, string = {.len = 0};

    (void)state;
    put_long(&strings, 2000);
    for (int i = 0; i < 2000; i++)
        put_string(&strings, "");
    put_long(&strings, 0);
    is_unreadable(STRINGS, strings.data, strings.len, CODE_TOO_LARGE, "more than 1000 items");
    put_long(&string, 5000);
    memset(string.data + string.len, 'x', 5000);
    string.len += 5000;
    is_unreadable("\"string\"", string.data, string.len, CODE_TOO_LARGE, "5000 bytes");
    is_unreadable("\"bytes\"", string.data, string.len, CODE_TOO_LARGE, "5000 bytes");
}

/* An item of one byte that stands for more than a thousand values: what is small on the wire must
 * not take minutes. */
static void values_that_take_no_bytes_are_counted(void **state)
{
    enum { ITEMS = 1000, NULLS = 1100 };
    static char type[64 * 1024], json[80 * 1024];
    struct unreadable unreadable;
    struct writer_schema *schema;
    struct bytes b = {.len = 0};
    size_t used = 0;

    (void)state;
    used += (size_t)sprintf(type,
                            "{\"type\":\"array\",\"items\":{\"type\":\"record\",\"name\":\"Wide\","
                            "\"fields\":[{\"name\":\"b\",\"type\":\"boolean\"}");
    for (int i = 0; i < NULLS; i++)
        used += (size_t)sprintf(type + used, ",{\"name\":\"n%d\",\"type\":\"null\"}", i);
    strcpy(type + used, "]}}");
    snprintf(json, sizeof json, EVENT("{\"name\":\"x\",\"type\":%s},%s"), type,
             PAYLOAD(COMMAND("DeleteContext", FIELD("name", "\"string\""))));
    schema = schema_of(json);
    put_string(&b, "id");
    put_long(&b, ITEMS);
    for (int i = 0; i < ITEMS; i++)
        put_raw(&b, "\1", 1);
    put_long(&b, 0);
    put_long(&b, 0);
    put_string(&b, "name");
    decode(schema, bytes_text(&b), &unreadable);
    assert_int_equal(unreadable.code, CODE_TOO_LARGE);
    assert_non_null(strstr(unreadable.message.data, "more than 1048576 values"));
    writer_schema_close(schema);
}

static void numbers_out_of_range_are_unreadable(void **state)
{
    static const char letters[] = "{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"A\",\"B\"]}";

    (void)state;
    is_unreadable(letters, "\x04", 1, CODE_BAD_ENUM, "symbol 2");
    is_unreadable(letters, "\x01", 1, CODE_BAD_ENUM, "symbol -1");
    is_unreadable(letters, "\x82\x80\x80\x80\x20", 5, CODE_BAD_ENUM, "symbol 4294967297");
    is_unreadable("[\"null\",\"int\"]", "\x04", 1, CODE_BAD_ENUM, "branch 2");
    is_unreadable("[\"null\",\"int\"]", "\x01", 1, CODE_BAD_ENUM, "branch -1");
    is_unreadable("[\"null\",\"int\"]", "\x80\x80\x80\x80\x20", 5, CODE_BAD_ENUM,
                  "branch 4294967296");
    is_unreadable("\"boolean\"", "\x07", 1, CODE_MALFORMED, "a boolean is 7");
    is_unreadable("\"boolean\"", "\xff", 1, CODE_MALFORMED, "a boolean");
    is_unreadable("\"int\"", "\x80\x80\x80\x80\x20", 5, CODE_MALFORMED, "");
    is_unreadable("\"long\"", "\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01", 11, CODE_MALFORMED,
                  "");
}

static void strings_that_are_no_text_are_unreadable(void **state)
{
    (void)state;
    is_unreadable("\"string\"", "\x04\xc3\x28", 3, CODE_BAD_UTF8, "UTF-8");
    is_unreadable("\"string\"", "\x06\xed\xa0\x80", 4, CODE_BAD_UTF8, "UTF-8"); /* surrogate */
    is_unreadable("\"string\"", "\x04\xc0\x80", 3, CODE_BAD_UTF8, "UTF-8");     /* overlong */
    is_unreadable("\"string\"",
                  "\x06"
                  "a\0b",
                  4, CODE_NUL_BYTE, "NUL");
    is_unreadable(STRINGS, "\x02\x02\xff\x00", 4, CODE_BAD_UTF8, "UTF-8");
    /* keys of maps too, behind a NUL as well */
    is_unreadable("{\"type\":\"map\",\"values\":\"int\"}",
                  "\x02\x06"
                  "a\0b\x02\x00",
                  6, CODE_NUL_BYTE, "NUL");
    is_unreadable("{\"type\":\"map\",\"values\":\"int\"}", "\x02\x02\xff\x02\x00", 5, CODE_BAD_UTF8,
                  "UTF-8");
}

static void an_empty_value_is_truncated(void **state)
{
    struct unreadable unreadable;

    (void)state;
    decode(python_schema, (struct text){"", 0}, &unreadable);
    assert_int_equal(unreadable.code, CODE_TRUNCATED);
    assert_non_null(strstr(unreadable.message.data, "event.event_id"));
}

/* --- the payload hash ------------------------------------------------------------------------- */

static struct event *decode_delete(const char *id, const char *correlation, const char *context,
                                   const char *name, bool newer)
{
    struct writer_schema *schema = schema_of(
        newer ? EVENT(FIELD("context", "\"string\"") "," FIELD("extra", "\"int\"") "," FIELD(
                    "correlation_id",
                    "\"string\"") "," PAYLOAD(COMMAND("CreateContext",
                                                      "") "," COMMAND("DeleteContext",
                                                                      FIELD("name", "\"string\""))))
              : EVENT(FIELD("correlation_id", "\"string\"") "," FIELD(
                    "context", "\"string\"") "," PAYLOAD(COMMAND("DeleteContext",
                                                                 FIELD("name", "\"string\"")))));
    struct bytes b = {.len = 0};
    struct event *event;

    put_string(&b, id);
    put_string(&b, newer ? context : correlation);
    if (newer)
        put_long(&b, 5);
    put_string(&b, newer ? correlation : context);
    put_long(&b, newer ? 1 : 0);
    put_string(&b, name);
    event = decode_well(schema, bytes_text(&b));
    writer_schema_close(schema);
    return event;
}

static void the_hash_is_of_what_is_said_and_not_of_how(void **state)
{
    struct event *first = decode_delete("1", "order-1", "main", "shop", false);
    struct event *again = decode_delete("2", "order-2", "main", "shop", true);
    struct event *other = decode_delete("1", "order-1", "main", "shops", false);
    struct event *elsewhere = decode_delete("1", "order-1", "mains", "hop", false);

    (void)state;
    assert_memory_equal(first->payload_hash, again->payload_hash, PAYLOAD_HASH_LEN);
    assert_memory_not_equal(first->payload_hash, other->payload_hash, PAYLOAD_HASH_LEN);
    assert_memory_not_equal(first->payload_hash, elsewhere->payload_hash, PAYLOAD_HASH_LEN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(event_of_another_library_is_decoded_whole),
        cmocka_unit_test(every_truncation_is_unreadable),
        cmocka_unit_test(trailing_bytes_are_unreadable),
        cmocka_unit_test(a_hundred_thousand_mutations_do_no_harm),
        cmocka_unit_test(symbols_count_by_name_and_not_by_number),
        cmocka_unit_test(what_an_older_version_lacks_is_null_or_its_fallback),
        cmocka_unit_test(what_a_newer_version_adds_is_skipped),
        cmocka_unit_test(a_command_of_a_newer_version_keeps_its_name),
        cmocka_unit_test(numbers_times_and_words_are_converted),
        cmocka_unit_test(the_smallest_number_is_not_null),
        cmocka_unit_test(each_type_of_secret_arrives),
        cmocka_unit_test(a_reference_by_uuid_arrives_and_a_broken_one_is_a_fault),
        cmocka_unit_test(lists_and_masks_arrive),
        cmocka_unit_test(event_ids_are_cut_between_characters),
        cmocka_unit_test(lengths_that_are_lies_take_no_memory),
        cmocka_unit_test(counts_that_are_lies_end_with_the_bytes),
        cmocka_unit_test(too_much_of_something_is_too_large),
        cmocka_unit_test(values_that_take_no_bytes_are_counted),
        cmocka_unit_test(numbers_out_of_range_are_unreadable),
        cmocka_unit_test(strings_that_are_no_text_are_unreadable),
        cmocka_unit_test(an_empty_value_is_truncated),
        cmocka_unit_test(the_hash_is_of_what_is_said_and_not_of_how),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
