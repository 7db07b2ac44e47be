/* `provctl events decode`: one value as JSON, from wherever it is. */
#include "events.h"

#include <inttypes.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "brokers.h"
#include "command.h"
#include "configuration.h"
#include "file.h"
#include "record_json.h"
#include "redact.h"
#include "shelf.h"
#include "wire/crypto.h"
#include "wire/kafka_reader.h"

enum { VALUE_BYTES_MAX = 16 << 20, READ_TIMEOUT_MS = 10000 };

static bool read_type(const struct invocation *invocation, enum record_type *ret_type)
{
    static const char *const names[RECORD_TYPE_COUNT] = {"event", "result", "change"};
    const char *given = option_value(invocation, "as");

    *ret_type = RECORD_EVENT;
    for (int i = 0; given && i < RECORD_TYPE_COUNT; i++) {
        if (strcmp(given, names[i]) == 0) {
            *ret_type = (enum record_type)i;
            return true;
        }
    }
    if (given)
        complain_usage(invocation, "--as %s: choose event, result or change", given);
    return !given;
}

/* --- bytes as text ------------------------------------------------------------------------------
 */

static int hex_digit(char c)
{
    const char *digits = "0123456789abcdef0123456789ABCDEF";
    const char *found = c ? strchr(digits, c) : NULL;

    return found ? (int)((found - digits) % 16) : -1;
}

/* Also as psql (\x..) and debuggers (0x..) write it. */
static bool from_hex(struct arena *arena, struct text text, struct text *ret_bytes)
{
    char *bytes;

    if (text_starts_with(text, "\\x") || text_starts_with(text, "0x"))
        text = text_slice(text, 2, SIZE_MAX);
    if (text.len == 0 || text.len % 2)
        return false;
    bytes = arena_alloc(arena, text.len / 2);
    for (size_t i = 0; i < text.len; i += 2) {
        int high = hex_digit(text.data[i]);
        int low = hex_digit(text.data[i + 1]);
        if (high < 0 || low < 0)
            return false;
        bytes[i / 2] = (char)(high << 4 | low);
    }
    *ret_bytes = (struct text){bytes, text.len / 2};
    return true;
}

static bool from_text(struct arena *arena, struct text text, struct text *ret_bytes)
{
    text = text_trim(text);
    return from_hex(arena, text, ret_bytes) ||
           (text.len > 0 && crypto_unbase64(arena, text, ret_bytes));
}

/* --- the value ----------------------------------------------------------------------------------
 */

static int print_value(struct invocation *invocation, struct shelf *shelf, struct text bytes,
                       bool may_end_with_newline)
{
    enum record_type type;
    char schema[64] = "";
    struct error err;
    json_t *value;

    if (!read_type(invocation, &type))
        return EX_USAGE;
    value = shelf_decode(shelf, type, bytes, TEXT_NULL, schema, &err);
    if (!value && may_end_with_newline && bytes.len > 0 && bytes.data[bytes.len - 1] == '\n')
        value =
            shelf_decode(shelf, type, text_slice(bytes, 0, bytes.len - 1), TEXT_NULL, schema, &err);
    if (!value) {
        complain("%s%s%s", schema, *schema ? ": " : "", err.message);
        return EX_DATAERR;
    }
    redact_secrets(value);
    output_document(invocation->output, json_pack("{ss so}", "schema", schema, "value", value));
    return EX_OK;
}

static int decode_file(struct invocation *invocation, struct shelf *shelf, const char *path)
{
    struct text raw;
    struct text bytes;
    struct error err;

    if (file_read(path, VALUE_BYTES_MAX, invocation->arena, &raw, &err) != STATUS_OK) {
        complain("%s", err.message);
        return EX_NOINPUT;
    }
    bool is_framed = raw.len > 0 && (raw.data[0] == 0 || (unsigned char)raw.data[0] == 0xC3);
    if (!is_framed && from_text(invocation->arena, raw, &bytes))
        return print_value(invocation, shelf, bytes, false);
    return print_value(invocation, shelf, raw, true);
}

/* --- a record in Kafka --------------------------------------------------------------------------
 */

/* TOPIC:PARTITION:OFFSET; topics have no colons. */
static bool read_place(struct arena *arena, const char *argument, const char **ret_topic,
                       struct kafka_range *ret_range)
{
    struct text text = text_from(argument);
    size_t last = text_find_last(text, ':');
    size_t first = text_find(text, ':');
    int64_t partition;
    int64_t offset;

    if (first == SIZE_MAX || first == last || first == 0 ||
        !text_to_int64(text_slice(text, first + 1, last - first - 1), &partition) ||
        !text_to_int64(text_slice(text, last + 1, SIZE_MAX), &offset) || partition < 0 ||
        partition > INT32_MAX || offset < 0)
        return false;
    *ret_topic = text_to_z(arena, text_slice(text, 0, first));
    *ret_range = (struct kafka_range){(int32_t)partition, offset, offset + 1};
    return true;
}

static int print_record(struct invocation *invocation, struct shelf *shelf, const char *topic,
                        const struct kafka_message *message)
{
    enum record_type type;
    json_t *record;
    bool is_readable;

    if (!read_type(invocation, &type))
        return EX_USAGE;
    record = record_to_json(shelf, type, topic, message);
    is_readable = json_object_get(record, "error") == NULL;
    output_document(invocation->output, record);
    return is_readable ? EX_OK : EX_DATAERR;
}

static int decode_record(struct invocation *invocation, struct shelf *shelf, const char *topic,
                         const struct kafka_range *range)
{
    struct kafka_options options = configuration_kafka(invocation->config);
    struct kafka_reader *reader;
    struct kafka_message *message = NULL;
    int32_t count = 0;
    struct error err;
    int code;

    if (!configuration_needs(invocation->config->kafka.brokers, "kafka.brokers"))
        return EX_CONFIG;
    enum status status = brokers_partition_count(invocation, topic, &count, &err);
    if (status == STATUS_OK && range->partition >= count)
        status = error_set(&err, STATUS_FATAL, "NO_PARTITION",
                           "%s has only the partitions 0 to %" PRId32, topic, count - 1);
    if (status == STATUS_OK)
        status = kafka_reader_open(&reader, &options, topic, range, 1, READ_TIMEOUT_MS, &err);
    if (status != STATUS_OK) {
        complain("%s", err.message);
        return status == STATUS_RETRY ? EX_UNAVAILABLE : EX_DATAERR;
    }
    while (!message && !kafka_reader_is_done(reader) && status == STATUS_OK)
        status = kafka_reader_next(reader, READ_TIMEOUT_MS, &message, &err);
    bool is_gone = status != STATUS_OK && strcmp(err.code, "_AUTO_OFFSET_RESET") == 0;
    if (status != STATUS_OK && !is_gone) {
        code = complain_status(status, &err);
    } else if (!message) {
        complain("there is no record at %s:%d:%lld: it was never written, was removed, or is a "
                 "mark of a transaction",
                 topic, (int)range->partition, (long long)range->from);
        code = EX_DATAERR;
    } else {
        code = print_record(invocation, shelf, topic, message);
    }
    kafka_message_close(message);
    kafka_reader_close(reader);
    return code;
}

static int decode(struct invocation *invocation, struct shelf *shelf)
{
    const char *argument = invocation->argument_count ? invocation->arguments[0] : "-";
    struct kafka_range range;
    const char *topic;
    struct text bytes;

    if (strcmp(argument, "-") == 0 || access(argument, R_OK) == 0)
        return decode_file(invocation, shelf, argument);
    if (read_place(invocation->arena, argument, &topic, &range))
        return decode_record(invocation, shelf, topic, &range);
    if (from_text(invocation->arena, text_from(argument), &bytes))
        return print_value(invocation, shelf, bytes, false);
    return complain_usage(
        invocation, "'%s' is neither a file, nor TOPIC:PARTITION:OFFSET, nor hexadecimal or base64",
        argument);
}

int events_decode(struct invocation *invocation)
{
    struct shelf *shelf;
    struct error err;
    int code;

    if (invocation->output->format == OUTPUT_TABLE)
        invocation->output->format = OUTPUT_JSON; /* too deep for a table */
    if (shelf_open(&shelf, invocation->config, &err) != STATUS_OK)
        return complain_status(STATUS_FATAL, &err);
    code = decode(invocation, shelf);
    shelf_close(shelf);
    return code;
}
