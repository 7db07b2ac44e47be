#include "stage/decode.h"

#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "wire/crypto.h"
#include "wire/kafka.h"

/* Makes a dead letter of record i. */
static void bury(struct batch *batch, size_t i, enum stage_name stage, enum code code,
                 struct text message)
{
    struct death *death = ARENA_NEW(&batch->arena, struct death);
    struct text value = batch->records[i].value;
    struct blake blake;
    *death = (struct death){
        .stage = stage, .code = code, .message = message, .failed_at_us = batch->now_us};
    blake_begin(&blake);
    if (value.len)
        blake_update(&blake, value.data, value.len);
    blake_end(&blake, death->value_hash);
    batch->deaths[i] = death;
    batch->events[i] = NULL;
}

static size_t header_bytes(const struct kafka_message *message)
{
    size_t bytes = 0;
    struct text name, value;
    for (size_t h = 0; kafka_message_header(message, h, &name, &value); h++)
        bytes += name.len + value.len;
    return bytes;
}

/* The note is good for the assignment that it was made in: with another one, offsets may be those
 * of another log. What was applied already has a result. */
static bool is_giant(const struct decode *decode, const struct batch *batch,
                     const struct record *record)
{
    return decode->has_giant && batch->generation == decode->giant_generation &&
           record->partition->partition == decode->giant_partition &&
           record->offset == decode->giant_offset &&
           record->offset >= record->partition->fence_offset;
}

/* True when the record is over a limit; then it is buried. */
static bool is_too_large(const struct decode *decode, struct batch *batch, size_t i)
{
    const struct record *record = &batch->records[i];
    if (is_giant(decode, batch, record)) {
        bury(batch, i, STAGE_FRAME, CODE_TOO_LARGE,
             TEXT("what the event asks for needs more memory than batch.memory_max, also in a "
                  "batch of its own: raise it and redrive the event, or ask in smaller pieces"));
        return true;
    }
    if (record->value.len > (size_t)decode->event_bytes_max) {
        bury(batch, i, STAGE_FRAME, CODE_TOO_LARGE,
             text_format(&batch->arena, "the event has %zu bytes: at most %lld are read",
                         record->value.len, (long long)decode->event_bytes_max));
        return true;
    }
    if (record->key.len > decode->limits.string_bytes_max) {
        bury(batch, i, STAGE_FRAME, CODE_TOO_LARGE,
             text_format(&batch->arena, "the key has %zu bytes: at most %zu are read",
                         record->key.len, decode->limits.string_bytes_max));
        return true;
    }
    if (record->header_count == 0)
        return false;
    size_t bytes = header_bytes(record->message);
    if (bytes <= (size_t)decode->header_bytes_max)
        return false;
    bury(batch, i, STAGE_FRAME, CODE_TOO_LARGE,
         text_format(&batch->arena, "the headers have %zu bytes: at most %lld are read", bytes,
                     (long long)decode->header_bytes_max));
    return true;
}

static struct text frame_complaint(enum code code)
{
    switch ((int)code) {
    case CODE_NULL_VALUE:
        return TEXT("the record has no value: an event is never a tombstone");
    case CODE_TOO_SHORT:
        return TEXT("the value is shorter than any framing of Avro");
    default:
        return TEXT("the value begins with no framing that is read: 00 and an id, C3 01 and a "
                    "fingerprint");
    }
}

/* --- CloudEvents headers fill what is empty (rulings.md, 4) --------------------------------------
 */

/* RFC 3339, e.g. 2026-11-21T08:00:00.123456Z or +01:00; INT_NULL when it is none. */
static int64_t parse_time(struct text t, struct arena *arena)
{
    struct tm tm = {0};
    const char *rest = strptime(text_to_z(arena, t), "%Y-%m-%dT%H:%M:%S", &tm);
    if (!rest)
        return INT_NULL;
    int64_t micros = 0, unit = 100000;
    if (*rest == '.') {
        for (rest++; *rest >= '0' && *rest <= '9'; rest++, unit /= 10)
            micros += (*rest - '0') * unit;
    }
    int64_t offset_s = 0;
    if (*rest == '+' || *rest == '-') {
        struct tm zone = {0};
        const char *end = strptime(rest + 1, "%H:%M", &zone);
        if (!end || *end)
            return INT_NULL;
        offset_s = (zone.tm_hour * 60 + zone.tm_min) * 60 * (*rest == '-' ? -1 : 1);
    } else if (strcmp(rest, "Z") != 0 && strcmp(rest, "z") != 0) {
        return INT_NULL;
    }
    return ((int64_t)timegm(&tm) - offset_s) * 1000000 + micros;
}

static void fill_from_headers(const struct record *record, struct event *event, struct arena *arena)
{
    struct text value;
    const struct kafka_message *message = record->message;
    if (record->header_count == 0)
        return;
    if (event->event_id_text.len == 0 && kafka_message_header_named(message, "ce_id", &value))
        event->event_id_text = text_slice(value, 0, EVENT_ID_SHOWN_MAX);
    if (event->source.len == 0 && kafka_message_header_named(message, "ce_source", &value) &&
        text_is_utf8(value))
        event->source = value;
    if ((event->occurred_at == 0 || event->occurred_at == INT_NULL) &&
        kafka_message_header_named(message, "ce_time", &value))
        event->occurred_at = parse_time(value, arena);
}

/* --- one record ---------------------------------------------------------------------------------
 */

static bool is_header_text(struct text t)
{
    return text_is_null(t) || text_is_utf8(t);
}

static void finish(struct decode *decode, struct batch *batch, size_t i, struct event *event)
{
    const struct record *record = &batch->records[i];
    event->position =
        (struct position){record->partition->partition, record->offset, record_time_us(record)};
    fill_from_headers(record, event, &batch->arena);
    if (!is_header_text(event->event_id_text))
        event->event_id_text = TEXT("?"); /* from a header: not checked by Avro */
    event_check(event, decode->policy, &batch->arena);
    if (!uuid_is_nil(&event->event_id))
        event->object_uuid = crypto_uuid_like(&event->event_id, "account");
    batch->events[i] = event;
    batch->deaths[i] = NULL; /* of a record that was dropped with its assignment */
}

static enum status decode_one(struct decode *decode, struct batch *batch, size_t i, bool may_ask,
                              struct error *err)
{
    const struct record *record = &batch->records[i];
    struct frame frame;
    struct text schema_id = TEXT_NULL;
    if (is_too_large(decode, batch, i))
        return STATUS_OK;
    if (record->header_count)
        kafka_message_header_named(record->message, "__value_schema_id", &schema_id);
    enum code code = frame_parse(record->value, schema_id, decode->accept_bare, &frame);
    if (code != CODE_NONE) {
        bury(batch, i, STAGE_FRAME, code, frame_complaint(code));
        return STATUS_OK;
    }
    frame.timestamp_us = record_time_us(record);
    struct writer_schema *schema = NULL;
    enum status status = schemas_find(decode->schemas, &frame, may_ask, &schema, &code, err);
    if (status != STATUS_OK)
        return status;
    if (!schema) {
        bury(batch, i, STAGE_SCHEMA, code, text_format(&batch->arena, "%s", err->message));
        return STATUS_OK;
    }
    struct event *event = ARENA_NEW(&batch->arena, struct event);
    struct unreadable unreadable = {.code = CODE_NONE};
    avro_decode_event(schema, frame.body, &decode->limits, &batch->arena, event, &unreadable);
    if (unreadable.code != CODE_NONE)
        bury(batch, i, STAGE_DECODE, unreadable.code, unreadable.message);
    else
        finish(decode, batch, i, event);
    return STATUS_OK;
}

static void make_arrays(struct batch *batch)
{
    if (batch->events)
        return;
    batch->events = ARENA_ARRAY(&batch->arena, struct event *, batch->count_max);
    batch->deaths = ARENA_ARRAY(&batch->arena, struct death *, batch->count_max);
}

/* Takes the event that was decoded last into the batch, unless its users are too many for it. */
static bool take(struct batch *batch, const struct event *event)
{
    size_t listed = event ? event->users_listed : 0;
    if (listed && batch->users_listed && batch->users_listed + listed > BATCH_USERS_MAX)
        return false;
    batch->users_listed += listed;
    batch->decoded++;
    return true;
}

/* Up to record `end`, or one that is for the next batch. Schemas are asked for if there is time for
 * it. */
static enum status decode_until(struct decode *decode, struct batch *batch, size_t end,
                                bool may_ask, struct error *err)
{
    enum status status = STATUS_OK;
    make_arrays(batch);
    while (batch->decoded < end && status == STATUS_OK && !batch->is_heavy) {
        struct arena_mark mark = arena_mark(&batch->arena);
        size_t i = batch->decoded;
        status = decode_one(decode, batch, i, may_ask, err);
        batch->is_heavy = status == STATUS_OK && !take(batch, batch->events[i]);
        if (status != STATUS_OK || batch->is_heavy)
            arena_rewind(&batch->arena, mark);
    }
    return status;
}

enum status decode_run(struct decode *decode, struct batch *batch, struct error *err)
{
    return decode_until(decode, batch, batch->count, true, err);
}

bool decode_ahead(struct decode *decode, struct batch *batch)
{
    enum { SLICE = 16 }; /* about a tenth of a millisecond */
    size_t left = batch->count - batch->decoded;
    size_t end = batch->decoded + (left < SLICE ? left : SLICE);
    struct error ignored;
    return decode_until(decode, batch, end, false, &ignored) == STATUS_OK && end < batch->count &&
           !batch->is_heavy;
}
