/* Results and change records, read back with avro-c's own generic reader. */
#include "wire/avro.h"

#include "base/arena.h"
#include "domain/account.h"
#include "domain/account_events.h"
#include "domain/change.h"
#include "domain/kind.h"
#include "wire/crypto.h"
#include "wire/schemas_embedded.h"

#include <avro.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { APPLIED_AT = 1793534400 };

static const struct framing framing = {.prefix = {0, 0, 0, 1, 2}, .prefix_len = 5};
static struct arena arena;
static struct encoder *encoder;
static struct buffer out;

/* One account and one event that every story uses. */
static struct account account;
static struct service mail, contacts;
static struct actor actor;
static struct event event;
static struct outcome outcome;
static struct change change;
static struct column_change columns[3];
static struct result_facts facts;

static int setup(void **state)
{
    struct error err = {.message = ""};

    (void)state;
    arena_init(&arena, 16 << 20, 1 << 20);
    buffer_init(&out, 1 << 20);
    if (crypto_start(&err) != STATUS_OK || encoder_open(&encoder, &err) != STATUS_OK)
        fail_msg("%s", err.message);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    encoder_close(encoder);
    encoder_close(NULL);
    buffer_close(&out);
    arena_close(&arena);
    return 0;
}

static void set_columns(void)
{
    columns[0] = (struct column_change){.column = noun_column(&account_noun, "first_name"),
                                        .before.text = TEXT_NULL,
                                        .after.text = TEXT("Alice")};
    columns[1] = (struct column_change){.column = noun_column(&account_noun, "password"),
                                        .before.text = TEXT_NULL,
                                        .after.text = TEXT("{SSHA}topsecret")};
    columns[2] = (struct column_change){.column = noun_column(&account_noun, "quota_bytes"),
                                        .before.number = 5,
                                        .after.number = INT_NULL};
    change = (struct change){.action = CHANGE_UPDATE,
                             .object_type = "account",
                             .object_id = TEXT("alice@example.org"),
                             .object_uuid = account.uuid,
                             .columns = columns,
                             .column_count = 3};
}

static int begin(void **state)
{
    (void)state;
    buffer_clear(&out);
    account = (struct account){.uuid = {{0xaa}}, .account_id = 17};
    mail = (struct service){.service_id = 8};
    contacts = (struct service){.service_id = INT_NULL};
    actor =
        (struct actor){.kind = ACTOR_MAILBOX_ADMIN, .id = TEXT("admin"), .ip = TEXT("192.0.2.1")};
    set_columns();
    event = (struct event){.kind = kind_find(TEXT("RestoreAccount")),
                           .kind_name = TEXT("RestoreAccount"),
                           .payload = &(struct restore_account){.ref = {.uuid = UUID_NIL}},
                           .event_id_text = TEXT("my-id"),
                           .occurred_at = 1000,
                           .context = TEXT("main"),
                           .actor = &actor,
                           .expected_version = INT_NULL};
    outcome = (struct outcome){.status = OUTCOME_APPLIED,
                               .account = &account,
                               .services = {&mail, NULL, &contacts},
                               .version_before = 3,
                               .version_after = 4,
                               .changes = &change,
                               .change_count = 1};
    facts = (struct result_facts){.result_id = {{1}},
                                  .event = &event,
                                  .outcome = &outcome,
                                  .source = {TEXT("events"), 2, 12345},
                                  .applied_at = APPLIED_AT,
                                  .worker = TEXT("host/lane-1")};
    return 0;
}

/* What avro-c makes of the bytes behind `skip`, with `tail` bytes of zeros behind them. */
static const char *json_of(const char *schema_json, size_t skip, size_t tail)
{
    static char json[1 << 16];
    char body[1 << 14] = {0};
    size_t len = out.len - skip;
    avro_schema_t schema;
    avro_value_iface_t *class;
    avro_value_t value;
    avro_reader_t reader;
    char *shown = NULL;

    assert_false(out.failed);
    memcpy(body, out.data + skip, len);
    assert_int_equal(avro_schema_from_json_length(schema_json, strlen(schema_json), &schema), 0);
    class = avro_generic_class_from_schema(schema);
    avro_generic_value_new(class, &value);
    reader = avro_reader_memory(body, (int64_t)(len + tail));
    assert_int_equal(avro_value_read(reader, &value), 0);
    assert_int_not_equal(avro_skip(reader, 1), 0); /* nothing is left */
    assert_int_equal(avro_value_to_json(&value, 1, &shown), 0);
    snprintf(json, sizeof json, "%s", shown);
    free(shown);
    avro_reader_free(reader);
    avro_value_decref(&value);
    avro_value_iface_decref(class);
    avro_schema_decref(schema);
    return json;
}

static const char *result_json(void)
{
    encode_result(encoder, &framing, &facts, &arena, &out);
    assert_memory_equal(out.data, framing.prefix, framing.prefix_len);
    return json_of(schema_provisioning_result, framing.prefix_len, 0);
}

static void says(const char *json, const char *part)
{
    if (strstr(json, part) == NULL)
        fail_msg("%s is not in %s", part, json);
}

static void an_applied_event_tells_everything(void **state)
{
    const char *json = result_json();

    (void)state;
    says(json, "\"result_id\": \"01000000-0000-0000-0000-000000000000\"");
    says(json, "\"event_id\": \"my-id\"");
    says(json, "\"kind\": \"RestoreAccount\", \"status\": \"APPLIED\", \"final\": true");
    says(json, "\"mode\": \"APPLY\", \"code\": null, \"message\": null, \"retryable\": false");
    says(json,
         "\"context\": \"main\", \"correlation_id\": null, \"occurred_at\": {\"long\": 1000}");
    says(json, "\"source\": {\"topic\": \"events\", \"partition\": 2, \"offset\": 12345}");
    says(json, "\"first_seen\": null, \"republished\": false");
    says(json, "\"account_uuid\": {\"string\": \"aa000000-0000-0000-0000-000000000000\"}");
    says(json, "\"account_id\": {\"long\": 17}");
    says(json, "[{\"service\": \"MAIL\", \"id\": {\"long\": 8}}, {\"service\": \"CONTACTS\", "
               "\"id\": null}]");
    says(json, "\"version_before\": {\"long\": 3}, \"version_after\": {\"long\": 4}");
    says(json, "\"items_total\": null");
    says(json, "\"generated_password\": null");
}

static void the_diff_hides_secrets(void **state)
{
    const char *json = result_json();

    (void)state;
    says(json, "\"action\": \"UPDATE\"");
    says(json, "{\"name\": \"first_name\", \"before\": null, \"after\": {\"string\": \"Alice\"}}");
    says(json, "{\"name\": \"password\", \"before\": null, \"after\": {\"string\": \"***\"}}");
    says(json, "{\"name\": \"quota_bytes\", \"before\": {\"string\": \"5\"}, \"after\": null}");
    assert_null(strstr(json, "topsecret"));
}

static void a_refusal_has_code_and_message(void **state)
{
    const char *json;

    (void)state;
    outcome = (struct outcome){.status = OUTCOME_REJECTED,
                               .code = CODE_NO_SUCH_DOMAIN,
                               .message = TEXT("there is no domain 'b'"),
                               .version_before = INT_NULL,
                               .version_after = INT_NULL};
    event.occurred_at = INT_NULL;
    event.mode = ENUM_UNKNOWN;
    json = result_json();
    says(json, "\"status\": \"REJECTED\"");
    says(json, "\"code\": {\"string\": \"NO_SUCH_DOMAIN\"}");
    says(json, "\"message\": {\"string\": \"there is no domain 'b'\"}, \"retryable\": true");
    says(json, "\"occurred_at\": null");
    says(json, "\"account_uuid\": null, \"account_id\": null, \"services\": []");
    says(json, "\"changes\": []");
}

static void an_unknown_command_can_be_answered(void **state)
{
    const char *json;

    (void)state;
    event = (struct event){.kind_name = TEXT("FlyToTheMoon"), .occurred_at = INT_NULL};
    outcome = (struct outcome){.status = OUTCOME_REJECTED, .code = CODE_UNSUPPORTED};
    json = result_json();
    says(json, "\"event_id\": \"\", \"kind\": \"FlyToTheMoon\"");
    says(json, "UNSUPPORTED");
}

static void parked_and_held_are_not_final(void **state)
{
    (void)state;
    outcome.status = OUTCOME_PARKED;
    says(result_json(), "\"status\": \"PARKED\", \"final\": false, \"index\": 0");
    buffer_clear(&out);
    outcome.status = OUTCOME_HELD;
    says(result_json(), "\"status\": \"HELD\", \"final\": false, \"index\": 0");
}

static void a_fan_out_has_counts_and_items(void **state)
{
    static struct outcome_item items[2] = {
        {.object = {"a@b", 3}, .status = OUTCOME_APPLIED},
        {.object = {"c@b", 3},
         .status = OUTCOME_REJECTED,
         .code = CODE_LIMIT_EXCEEDED,
         .message = {"full", 4}},
    };
    const char *json;

    (void)state;
    outcome.items =
        (struct outcome_items){.items = items, .count = 2, .total = 9, .applied = 7, .rejected = 2};
    json = result_json();
    says(json, "\"items_total\": {\"long\": 9}, \"items_applied\": {\"long\": 7}");
    says(json, "{\"object\": \"a@b\", \"status\": \"APPLIED\", \"code\": null, \"message\": null}");
    says(json, "\"status\": \"REJECTED\", \"code\": {\"string\": \"LIMIT_EXCEEDED\"}, \"message\": "
               "{\"string\": \"full\"}}");
}

static void a_generated_password_comes_sealed_with_the_key_it_was_for(void **state)
{
    struct set_password set = {.password = {.type = SECRET_GENERATED, .key_id = TEXT("desk-7")}};
    const char *json;

    (void)state;
    event.kind = kind_find(TEXT("SetPassword"));
    event.payload = &set;
    outcome.generated_password = TEXT("sealed");
    json = result_json();
    says(json, "\"key_id\": {\"string\": \"desk-7\"}, \"ciphertext\": \"sealed\"");
}

static void a_stored_result_is_read_back_for_its_duplicate(void **state)
{
    struct first_result first;
    struct error err;
    const char *json;

    (void)state;
    encode_result(encoder, &framing, &facts, &arena, &out);
    assert_int_equal(encoder_know_results(encoder, &framing, schema_provisioning_result, &err),
                     STATUS_OK);
    assert_int_equal(encoder_know_results(encoder, &framing, schema_provisioning_result, &err),
                     STATUS_OK);
    assert_true(decode_first_result(encoder, buffer_text(&out), &arena, &first));
    assert_true(text_equal_z(first.status, "APPLIED"));
    assert_true(text_is_null(first.code));
    assert_true(uuid_equal(&first.account_uuid, &account.uuid));
    assert_int_equal(first.account_id, 17);
    assert_int_equal(first.service_ids[0], 8);
    assert_int_equal(first.service_ids[1], INT_NULL);
    assert_int_equal(first.applied_at, APPLIED_AT);
    assert_true(text_equal_z(first.worker, "host/lane-1"));

    buffer_clear(&out);
    outcome = (struct outcome){.status = OUTCOME_DUPLICATE};
    facts.first = &first;
    facts.first_seen = (struct source){TEXT("older"), 1, 99};
    facts.applied_at = 5;
    json = result_json();
    says(json, "\"status\": \"DUPLICATE\"");
    says(json, "{\"topic\": \"older\", \"partition\": 1, \"offset\": 99, \"status\": {");
    says(json, "\"APPLIED\"}, \"code\": null, \"applied_at\": {\"long\": 1793534400}, \"worker\": "
               "{\"string\": \"host/lane-1\"}");
    says(json, "\"account_id\": {\"long\": 17}");
    says(json, "[{\"service\": \"MAIL\", \"id\": {\"long\": 8}}]");
    says(json, "\"changes\": []");
}

static void what_is_no_stored_result_is_not_read(void **state)
{
    struct first_result first;
    struct error err;

    (void)state;
    assert_int_equal(encoder_know_results(encoder, &framing, schema_provisioning_result, &err),
                     STATUS_OK);
    encode_result(encoder, &framing, &facts, &arena, &out);
    for (size_t len = 0; len < out.len; len++)
        assert_false(decode_first_result(encoder, (struct text){out.data, len}, &arena, &first));
    out.data[4]++;
    assert_false(decode_first_result(encoder, buffer_text(&out), &arena, &first));
    assert_false(decode_first_result(encoder, TEXT_NULL, &arena, &first));
    assert_int_equal(
        encoder_know_results(encoder, &(struct framing){.prefix_len = 5, .prefix = {9}}, "{", &err),
        STATUS_FATAL);
}

/* --- change records --------------------------------------------------------------------------- */

static const char *change_json(enum change_action action)
{
    static const uint8_t prev_hash[SHA256_LEN] = "ABCDEFGHIJKLMNOPQRSTUVWXYZABCDE";
    struct change_facts change_facts = {.change_id = {{2}},
                                        .chain_seq = 77,
                                        .prev_hash = prev_hash,
                                        .event = &event,
                                        .change = &change,
                                        .source = facts.source,
                                        .recorded_at = APPLIED_AT};

    buffer_clear(&out);
    change.action = action;
    encode_change_body(encoder, &change_facts, &arena, &out);
    return json_of(schema_change_record, 0, SHA256_LEN);
}

static void a_change_record_tells_who_did_what(void **state)
{
    const char *json = change_json(CHANGE_UPDATE);

    (void)state;
    says(json, "\"change_id\": \"02000000-");
    says(json, "\"chain_seq\": 77, \"prev_hash\": \"ABCDEFGHIJKLMNOPQRSTUVWXYZABCDE");
    says(json, "\"event_id\": {\"string\": \"my-id\"}, \"kind\": {\"string\": \"RestoreAccount\"}");
    says(json, "\"actor\": {\"kind\": \"MAILBOX_ADMIN\", \"id\": \"admin\"}, \"ip\": {\"string\": "
               "\"192.0.2.1\"}");
    says(json, "\"object_type\": \"account\", \"object_id\": \"alice@example.org\"");
    says(json, "\"action\": \"UPDATE\"");
    says(json, "\"before\": [{\"name\": \"first_name\", \"value\": null}, {\"name\": \"password\", "
               "\"value\": null}, {\"name\": \"quota_bytes\", \"value\": {\"string\": \"5\"}}]");
    says(json, "{\"name\": \"password\", \"value\": {\"string\": \"***\"}}");
    says(json, "\"objects\": null");
    assert_null(strstr(json, "topsecret"));
}

static void what_is_made_has_no_before_and_what_is_purged_no_after(void **state)
{
    (void)state;
    says(change_json(CHANGE_CREATE), "\"before\": [], \"after\": [{");
    says(change_json(CHANGE_PURGE), "\"after\": []");
    says(change_json(CHANGE_PURGE), "\"before\": [{");
}

static void a_fan_out_has_its_range(void **state)
{
    (void)state;
    change.objects = 3;
    change.seq_first = 5;
    change.seq_last = 7;
    says(change_json(CHANGE_FANOUT),
         "\"objects\": {\"long\": 3}, \"seq_first\": {\"long\": 5}, \"seq_last\": {\"long\": 7}");
}

static void an_actor_of_unknown_kind_is_recorded_as_such(void **state)
{
    (void)state;
    actor.kind = ENUM_UNKNOWN;
    actor.id = TEXT_NULL;
    says(change_json(CHANGE_REFUSE), "\"actor\": {\"kind\": \"UNKNOWN\", \"id\": \"\"}");
}

/* Values are used again and again: nothing of the record before may show. */
static void records_do_not_leak_into_the_next(void **state)
{
    char *lone, *after_others;

    (void)state;
    change.column_count = 0;
    actor.ip = TEXT_NULL;
    lone = strdup(change_json(CHANGE_UPDATE));
    change.column_count = 3;
    actor.ip = TEXT("192.0.2.1");
    for (int i = 0; i < 50; i++)
        change_json(CHANGE_UPDATE);
    change.column_count = 0;
    actor.ip = TEXT_NULL;
    after_others = strdup(change_json(CHANGE_UPDATE));
    assert_string_equal(lone, after_others);
    free(lone);
    free(after_others);
}

static void what_does_not_fit_fails_the_buffer(void **state)
{
    struct buffer small;

    (void)state;
    buffer_init(&small, 64);
    encode_result(encoder, &framing, &facts, &arena, &small);
    assert_true(small.failed);
    buffer_close(&small);
}

static void a_long_record_grows_the_buffer(void **state)
{
    static char note[10000];

    (void)state;
    memset(note, 'n', sizeof note);
    columns[0].after.text = (struct text){note, sizeof note};
    assert_true(strlen(change_json(CHANGE_CREATE)) > sizeof note);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(an_applied_event_tells_everything, begin),
        cmocka_unit_test_setup(the_diff_hides_secrets, begin),
        cmocka_unit_test_setup(a_refusal_has_code_and_message, begin),
        cmocka_unit_test_setup(an_unknown_command_can_be_answered, begin),
        cmocka_unit_test_setup(parked_and_held_are_not_final, begin),
        cmocka_unit_test_setup(a_fan_out_has_counts_and_items, begin),
        cmocka_unit_test_setup(a_generated_password_comes_sealed_with_the_key_it_was_for, begin),
        cmocka_unit_test_setup(a_stored_result_is_read_back_for_its_duplicate, begin),
        cmocka_unit_test_setup(what_is_no_stored_result_is_not_read, begin),
        cmocka_unit_test_setup(a_change_record_tells_who_did_what, begin),
        cmocka_unit_test_setup(what_is_made_has_no_before_and_what_is_purged_no_after, begin),
        cmocka_unit_test_setup(a_fan_out_has_its_range, begin),
        cmocka_unit_test_setup(an_actor_of_unknown_kind_is_recorded_as_such, begin),
        cmocka_unit_test_setup(records_do_not_leak_into_the_next, begin),
        cmocka_unit_test_setup(what_does_not_fit_fails_the_buffer, begin),
        cmocka_unit_test_setup(a_long_record_grows_the_buffer, begin),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
