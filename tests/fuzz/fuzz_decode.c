/* Any records through the stage that decodes: framing, headers, body. Each becomes an event or a
 * dead letter, whatever its neighbours are. What is published for it can be written, and a result
 * read back. The input is a row of records; their schemas are this version's, the one before it,
 * and whatever is not there. */
#include "stage/decode.h"

#include "choices.h"
#include "domain/kind.h"
#include "fuzz.h"
#include "wire/crypto.h"
#include "wire/dead_letter.h"
#include "wire/idna.h"
#include "wire/kafka.h"
#include "wire/schemas_embedded.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    ARENA_BYTES_MAX = 64 << 20,
    SCHEMA_BYTES_MAX = 1 << 20,
    RESULT_BYTES_MAX = 1 << 20,
    RECORDS_MAX = 4,
    HEADERS_MAX = 4,
    BYTES_MAX = 4096,
    PARTITION = 3,
};

/* What stands behind a record: headers, as the stages ask for them. */
struct kafka_message {
    struct kafka_header headers[HEADERS_MAX];
    size_t header_count;
};

static struct writer_schema *newest, *older;
static struct encoder *encoder;
static struct framing result_framing;
static struct policy policy;

/* --- the rest of the world -----------------------------------------------------------------------
 */

void kafka_message_close(struct kafka_message *message)
{
    (void)message;
}

size_t kafka_message_header_count(const struct kafka_message *message)
{
    return message->header_count;
}

bool kafka_message_header(const struct kafka_message *message, size_t index, struct text *ret_name,
                          struct text *ret_value)
{
    if (index >= message->header_count)
        return false;
    *ret_name = message->headers[index].name;
    *ret_value = message->headers[index].value;
    return true;
}

bool kafka_message_header_named(const struct kafka_message *message, const char *name,
                                struct text *ret_value)
{
    for (size_t i = message->header_count; i > 0; i--) {
        if (text_equal_z(message->headers[i - 1].name, name)) {
            *ret_value = message->headers[i - 1].value;
            return true;
        }
    }
    return false;
}

void kafka_group_metadata_close(struct kafka_group_metadata *metadata)
{
    assert(!metadata);
}

/* Ids 1 and 2 and any fingerprint are the schemas; 3 cannot be asked for; others are not there. */
enum status schemas_find(struct schemas *schemas, const struct frame *frame, bool may_ask,
                         struct writer_schema **ret_schema, enum code *ret_code, struct error *err)
{
    (void)schemas, (void)may_ask;
    *ret_schema = NULL;
    *ret_code = CODE_UNKNOWN_SCHEMA;
    error_set(err, STATUS_OK, NULL, "there is no such schema");
    if (frame->kind == FRAMING_CONFLUENT_ID && frame->id == 3)
        return error_set(err, STATUS_RETRY, NULL, "nobody answers");
    if (frame->kind != FRAMING_CONFLUENT_ID || frame->id == 1)
        *ret_schema = newest;
    else if (frame->id == 2)
        *ret_schema = older;
    return STATUS_OK;
}

/* --- beginning
 * ------------------------------------------------------------------------------------
 */

static struct writer_schema *compile_file(const char *path)
{
    static char json[SCHEMA_BYTES_MAX];
    struct error err;
    FILE *file = fopen(path, "r");
    assert(file);
    size_t len = fread(json, 1, sizeof json, file);
    fclose(file);
    struct writer_schema *schema = writer_schema_compile((struct text){json, len}, &err);
    assert(schema);
    return schema;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    struct error err;
    (void)argc, (void)argv;
    if (crypto_start(&err) != STATUS_OK)
        abort();
    newest = writer_schema_compile(text_from(schema_provisioning_event), &err);
    older = compile_file(TEST_SOURCE_DIR "/schemas/history/ProvisioningEvent/v1.avsc");
    assert(newest && older);
    policy = policy_defaults;
    policy.to_ascii = idna_to_ascii;
    result_framing = (struct framing){.prefix = {0, 0, 0, 0, 9}, .prefix_len = 5};
    if (encoder_open(&encoder, &err) != STATUS_OK ||
        encoder_know_results(encoder, &result_framing, schema_provisioning_result, &err) !=
            STATUS_OK)
        abort();
    return 0;
}

/* --- records
 * --------------------------------------------------------------------------------------
 */

static void choose_headers(struct choices *choices, struct kafka_message *message)
{
    message->header_count = choose_rarely(choices, 4) ? choose_below(choices, HEADERS_MAX + 1) : 0;
    for (size_t i = 0; i < message->header_count; i++) {
        const char *name =
            CHOOSE(choices, "__value_schema_id", "ce_id", "ce_source", "ce_time", "traceparent",
                   "x-provd-redrive-count", "x-provd-first-failed-at", "other");
        message->headers[i] = (struct kafka_header){text_from(name), choose_bytes(choices, 64)};
        if (choose_rarely(choices, 8))
            message->headers[i].value = TEXT_NULL;
    }
}

/* The value is what is left in the end, so that a kept input is a body with a few bytes before it.
 */
static void choose_record(struct choices *choices, struct partition *partition, size_t i,
                          struct kafka_message *message, struct record *record)
{
    static const int64_t timestamps[] = {1767225600000, -1, 0, INT64_MAX, INT64_MIN, 1};
    choose_headers(choices, message);
    *record = (struct record){
        .message = message,
        .header_count = message->header_count,
        .partition = partition,
        .offset = (int64_t)i,
        .timestamp_ms = timestamps[choose_below(choices, sizeof timestamps / sizeof timestamps[0])],
        .key = TEXT("key"),
    };
    bool is_last = i + 1 == RECORDS_MAX || choose_below(choices, 2) == 0;
    record->value = is_last ? (struct text){(const char *)choices->at, choices->left}
                            : choose_bytes(choices, BYTES_MAX);
    if (is_last)
        choices->left = 0;
    if (choose_rarely(choices, 16))
        record->value = TEXT_NULL;
}

/* --- what must be true
 * ----------------------------------------------------------------------------
 */

static void expect_text(struct text text)
{
    assert(text_is_null(text) || text_is_utf8(text));
}

static void expect_event(const struct event *event)
{
    assert(event->actor);
    assert((event->kind != NULL) == (event->payload != NULL));
    assert(event->event_id_text.len <= EVENT_ID_SHOWN_MAX);
    assert(!uuid_is_nil(&event->event_id) || event->fault.code != CODE_NONE);
    assert((event->fault.code == CODE_NONE) == text_is_null(event->fault.message));
    expect_text(event->event_id_text);
    expect_text(event->source);
    expect_text(event->context);
    expect_text(event->fault.message);
}

/* The result that would be published for it is one that is understood later. */
static void write_result(const struct event *event, struct arena *arena)
{
    struct outcome outcome = {
        .version_before = INT_NULL, .version_after = INT_NULL, .chain_seq = INT_NULL};
    struct first_result first;
    struct buffer out;
    const struct result_facts facts = {
        .event = event,
        .outcome = &outcome,
        .source = {TEXT("events"), PARTITION, event->position.offset},
        .applied_at = 1,
        .worker = TEXT("worker"),
    };
    outcome_say(&outcome, arena, OUTCOME_REJECTED,
                event->fault.code ? event->fault.code : CODE_UNSUPPORTED, "%.*s",
                TEXT_ARG(event->fault.message));
    buffer_init(&out, RESULT_BYTES_MAX);
    encode_result(encoder, &result_framing, &facts, arena, &out);
    assert(!out.failed);
    assert(decode_first_result(encoder, buffer_text(&out), arena, &first));
    assert(text_equal_z(first.status, "REJECTED"));
    buffer_close(&out);
}

/* The keys that apply would lock are in a form that SQL takes. */
static void gather_keys(const struct event *event, struct arena *arena)
{
    struct keys keys;
    if (!event->kind || event->fault.code)
        return;
    keys_init(&keys, arena, 1);
    event->kind->touch(event, &keys);
    const struct key_set *const sets[] = {&keys.contexts, &keys.contexts_locked, &keys.domains,
                                          &keys.domains_locked, &keys.addresses};
    for (size_t s = 0; s < sizeof sets / sizeof sets[0]; s++) {
        const struct texts texts = key_set_sorted(sets[s], arena);
        for (size_t i = 0; i < texts.count; i++)
            expect_text(texts.items[i]);
    }
}

static void expect_death(const struct record *record, const struct death *death,
                         struct arena *arena)
{
    const struct dead_letter letter = {
        .message = record->message,
        .topic = TEXT("events"),
        .stage = stage_names[death->stage],
        .code = code_name(death->code),
        .reason = death->message,
        .worker = TEXT("worker"),
    };
    size_t count;
    assert(death->code != CODE_NONE && death->message.len > 0);
    expect_text(death->message);
    struct kafka_header *headers = dead_letter_headers(&letter, arena, &count);
    assert(count <= record->message->header_count + DEAD_LETTER_OWN_HEADERS_MAX);
    for (size_t i = 0; i < count; i++)
        assert(headers[i].name.len > 0);
}

/* The same record between others and alone. */
static void expect_same(const struct batch *batch, size_t i, const struct batch *alone)
{
    const struct event *a = batch->events[i], *b = alone->events[0];
    const struct death *x = batch->deaths[i], *y = alone->deaths[0];
    assert(!a == !b && !x == !y);
    if (a) {
        assert(memcmp(a->payload_hash, b->payload_hash, PAYLOAD_HASH_LEN) == 0);
        assert(a->fault.code == b->fault.code && uuid_equal(&a->event_id, &b->event_id));
        assert(text_equal(a->fault.message, b->fault.message));
    } else {
        assert(x->code == y->code && x->stage == y->stage);
        assert(text_equal(x->message, y->message));
        assert(memcmp(x->value_hash, y->value_hash, PAYLOAD_HASH_LEN) == 0);
    }
}

static enum status decode(struct batch *batch, struct record *records, size_t count)
{
    struct error err;
    struct decode decode = {
        .policy = &policy,
        .limits = {.string_bytes_max = 1 << 16, .items_max = 10000},
        .event_bytes_max = BYTES_MAX * 4,
        .header_bytes_max = 128,
        .accept_bare = true,
    };
    arena_init(&batch->arena, ARENA_BYTES_MAX, ARENA_BYTES_MAX);
    batch->records = records;
    batch->count = batch->count_max = count;
    enum status status = decode_run(&decode, batch, &err);
    assert(status == STATUS_OK || status == STATUS_RETRY);
    return status;
}

static void expect_batch(struct batch *batch)
{
    for (size_t i = 0; i < batch->count; i++) {
        struct batch alone = {0};
        assert(!batch->events[i] != !batch->deaths[i]);
        assert(decode(&alone, &batch->records[i], 1) == STATUS_OK);
        expect_same(batch, i, &alone);
        arena_close(&alone.arena);
        if (batch->events[i]) {
            expect_event(batch->events[i]);
            write_result(batch->events[i], &batch->arena);
            gather_keys(batch->events[i], &batch->arena);
        } else {
            expect_death(&batch->records[i], batch->deaths[i], &batch->arena);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct choices choices = {bytes, len};
    struct partition partition = {.partition = PARTITION};
    struct kafka_message messages[RECORDS_MAX];
    struct record records[RECORDS_MAX];
    struct batch batch = {0};
    size_t count = 0;
    while (choices.left > 0 && count < RECORDS_MAX) {
        choose_record(&choices, &partition, count, &messages[count], &records[count]);
        count++;
    }
    if (decode(&batch, records, count) == STATUS_OK)
        expect_batch(&batch);
    arena_close(&batch.arena);
    return 0;
}
