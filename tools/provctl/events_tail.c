/* `provctl events tail`: the records of a topic as they come, with filters. */
#include "events.h"

#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <strings.h>
#include <sysexits.h>

#include "base/clock.h"
#include "brokers.h"
#include "command.h"
#include "configuration.h"
#include "record_json.h"
#include "story.h"
#include "wire/kafka_reader.h"

enum { POLL_MS = 200 };

static volatile sig_atomic_t is_interrupted;

static void interrupt(int signal_number)
{
    (void)signal_number;
    is_interrupted = 1;
}

static const struct output_column columns[] = {
    {"timestamp", NULL, 0},
    {"partition", NULL, OUTPUT_RIGHT},
    {"offset", NULL, OUTPUT_RIGHT},
    {"key", NULL, 0},
    {"kind", NULL, 0},
    {"status", NULL, 0},
    {"code", NULL, 0},
    {"event_id", NULL, 0},
    {"message", NULL, 0},
    {.key = NULL},
};

/* What one can follow. */
struct source {
    const char *name;
    enum record_type type;
    const char *topic;
};

struct tail {
    struct invocation *invocation;
    struct source source;
    struct kafka_options options;
    struct shelf *shelf;
    struct kafka_reader *reader;
    int64_t partition; /* -1: all */
    int64_t from;      /* KAFKA_FROM_*, or 0 with `from_ms` */
    int64_t from_ms;   /* -1: not by time */
    int64_t to;
    int64_t count_max, shown;
    int64_t deadline_us; /* 0: none */
};

static int choose_source(struct tail *tail)
{
    const struct config_kafka *kafka = &tail->invocation->config->kafka;
    const struct source sources[] = {
        {"results", RECORD_RESULT, kafka->topic_results},
        {"events", RECORD_EVENT, kafka->topic_events},
        {"changes", RECORD_CHANGE, kafka->topic_changes},
        {"dlq", RECORD_EVENT, kafka->topic_dlq},
    };
    const char *given =
        tail->invocation->argument_count ? tail->invocation->arguments[0] : "results";

    for (size_t i = 0; i < sizeof sources / sizeof *sources; i++) {
        if (strcmp(sources[i].name, given) == 0) {
            tail->source = sources[i];
            return EX_OK;
        }
    }
    return complain_usage(tail->invocation,
                          "'%s' cannot be followed: choose events, results, changes or dlq", given);
}

static bool read_options(struct tail *tail)
{
    struct invocation *invocation = tail->invocation;
    const char *from = option_value(invocation, "from");
    int64_t for_ms = -1;
    int64_t from_us = -1;

    tail->partition = -1;
    tail->from_ms = -1;
    tail->from = from && strcmp(from, "start") == 0 ? KAFKA_FROM_START : KAFKA_FROM_END;
    tail->to = from && strcmp(from, "end") != 0 && !option_given(invocation, "follow")
                   ? KAFKA_TO_END
                   : KAFKA_TO_NEVER;
    tail->count_max = INT64_MAX;
    if (!option_number(invocation, "partition", 0, INT32_MAX, &tail->partition) ||
        !option_number(invocation, "count", 1, INT64_MAX, &tail->count_max) ||
        !option_duration(invocation, "for", &for_ms))
        return false;
    if (from && strcmp(from, "start") != 0 && strcmp(from, "end") != 0) {
        if (!option_time(invocation, "from", &from_us))
            return false;
        tail->from_ms = from_us / 1000;
    }
    tail->deadline_us = for_ms >= 0 ? deadline_in_ms(for_ms) : 0;
    return true;
}

/* --- what is shown ------------------------------------------------------------------------------
 */

static const char *header_of(const json_t *record, const char *name)
{
    return json_member_z(json_object_get(record, "headers"), name);
}

static const char *kind_of(const json_t *value)
{
    const json_t *payload = json_object_get(value, "payload");

    return payload ? json_object_iter_key(json_object_iter((json_t *)(uintptr_t)payload))
                   : json_member_z(value, "kind");
}

/* The words that filters and tables look at: those of the value, or of a dead letter's headers. */
static void add_summary(const struct tail *tail, json_t *record)
{
    bool is_dead = strcmp(tail->source.name, "dlq") == 0;
    const json_t *value = json_object_get(record, "value");
    const char *status =
        is_dead ? header_of(record, "x-provd-stage") : json_member_z(value, "status");
    const char *code =
        is_dead ? header_of(record, "x-provd-error-code") : json_member_z(value, "code");
    const char *message = is_dead ? header_of(record, "__connect.errors.exception.message")
                                  : json_member_z(value, "message");

    if (!message)
        message = json_member_z(record, "error");
    json_t *story = tail->source.type == RECORD_CHANGE && value ? story_of_change(value) : NULL;
    if (story) {
        status = json_member_z(value, "action");
        message = json_member_z(story, "what");
    }
    json_object_update_new(record, json_pack("{ss* ss* ss* ss* ss*}", "kind", kind_of(value),
                                             "status", status, "code", code, "event_id",
                                             json_member_z(value, "event_id"), "message", message));
    json_decref(story);
}

static bool passes(const struct tail *tail, const json_t *record)
{
    static const char *const filters[][2] = {{"key", "key"},
                                             {"kind", "kind"},
                                             {"status", "status"},
                                             {"code", "code"},
                                             {"event-id", "event_id"}};

    for (size_t i = 0; i < sizeof filters / sizeof *filters; i++) {
        const char *wanted = option_value(tail->invocation, filters[i][0]);
        const char *is = json_member_z(record, filters[i][1]);
        if (wanted && (!is || strcasecmp(wanted, is) != 0))
            return false;
    }
    return true;
}

static void show(struct tail *tail, const struct kafka_message *message)
{
    json_t *record = record_to_json(tail->shelf, tail->source.type, tail->source.topic, message);

    add_summary(tail, record);
    if (passes(tail, record)) {
        tail->shown++;
        output_row(tail->invocation->output, record);
    } else {
        json_decref(record);
    }
}

/* --- reading ------------------------------------------------------------------------------------
 */

static enum status make_ranges(struct tail *tail, struct kafka_range **ret_ranges,
                               size_t *ret_count, struct error *err)
{
    struct arena *arena = tail->invocation->arena;
    int timeout_ms = (int)tail->invocation->config->kafka.request_timeout_ms;
    int32_t count = 0;
    enum status status = brokers_partition_count(tail->invocation, tail->source.topic, &count, err);

    if (status != STATUS_OK)
        return status;
    if (tail->partition >= count)
        return error_set(err, STATUS_FATAL, NULL, "%s has only the partitions 0 to %" PRId32,
                         tail->source.topic, count - 1);
    *ret_count = tail->partition >= 0 ? 1 : (size_t)count;
    *ret_ranges = ARENA_ARRAY(arena, struct kafka_range, *ret_count);
    for (size_t i = 0; i < *ret_count; i++)
        (*ret_ranges)[i] = (struct kafka_range){
            tail->partition >= 0 ? (int32_t)tail->partition : (int32_t)i, tail->from, tail->to};
    if (tail->from_ms < 0)
        return STATUS_OK;
    return kafka_reader_seek_times(&tail->options, tail->source.topic, *ret_ranges, *ret_count,
                                   tail->from_ms, timeout_ms, err);
}

static bool is_over(const struct tail *tail)
{
    return is_interrupted || tail->shown >= tail->count_max || kafka_reader_is_done(tail->reader) ||
           (tail->deadline_us && deadline_passed(tail->deadline_us));
}

static enum status follow(struct tail *tail, struct error *err)
{
    struct kafka_range *ranges = NULL;
    size_t count = 0;
    enum status status = make_ranges(tail, &ranges, &count, err);

    if (status == STATUS_OK)
        status = kafka_reader_open(&tail->reader, &tail->options, tail->source.topic, ranges, count,
                                   (int)tail->invocation->config->kafka.request_timeout_ms, err);
    if (status != STATUS_OK)
        return status;
    while (!is_over(tail)) {
        struct kafka_message *message = NULL;
        status = kafka_reader_next(tail->reader, POLL_MS, &message, err);
        if (status == STATUS_FATAL)
            return status;
        if (status == STATUS_RETRY) /* librdkafka goes on by itself */
            complain("%s", err->message);
        if (message)
            show(tail, message);
        kafka_message_close(message);
    }
    return STATUS_OK;
}

int events_tail(struct invocation *invocation)
{
    struct tail tail = {.invocation = invocation,
                        .options = configuration_kafka(invocation->config)};
    struct sigaction action = {.sa_handler = interrupt};
    struct error err;
    int code = choose_source(&tail);

    if (code != EX_OK)
        return code;
    if (!read_options(&tail))
        return EX_USAGE;
    if (!configuration_needs(invocation->config->kafka.brokers, "kafka.brokers"))
        return EX_CONFIG;
    if (shelf_open(&tail.shelf, invocation->config, &err) != STATUS_OK)
        return complain_status(STATUS_FATAL, &err);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    output_begin(invocation->output, columns);
    enum status status = follow(&tail, &err);
    output_end(invocation->output, "no records");
    code = status == STATUS_OK ? EX_OK : complain_status(status, &err);
    kafka_reader_close(tail.reader);
    shelf_close(tail.shelf);
    return code;
}
