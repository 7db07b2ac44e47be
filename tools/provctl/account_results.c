#include "account_results.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "brokers.h"
#include "command.h"
#include "configuration.h"
#include "moment.h"
#include "shelf.h"
#include "wire/kafka_reader.h"

enum { POLL_MS = 100, TIMEOUT_MS = 20000 };

struct search {
    struct invocation *invocation;
    struct shelf *shelf;
    struct kafka_options options;
    const char *topic;
    struct text address, uuid;
    json_t *results;
};

/* --- which records are looked through -----------------------------------------------------------
 */

static enum status open_reader(struct search *search, const struct kafka_range *ranges,
                               size_t count, struct kafka_reader **ret_reader, struct error *err)
{
    int timeout_ms = (int)search->invocation->config->kafka.request_timeout_ms;

    return kafka_reader_open(ret_reader, &search->options, search->topic, ranges, count, timeout_ms,
                             err);
}

/* The last `depth` records of each partition. */
static enum status find_ranges(struct search *search, int64_t depth,
                               struct kafka_range **ret_ranges, size_t *ret_count,
                               struct error *err)
{
    struct kafka_reader *reader = NULL;
    struct kafka_range *ranges;
    int32_t partitions = 0;
    enum status status =
        brokers_partition_count(search->invocation, search->topic, &partitions, err);

    if (status != STATUS_OK)
        return status;
    ranges = ARENA_ARRAY(search->invocation->arena, struct kafka_range, (size_t)partitions);
    for (int32_t i = 0; i < partitions; i++)
        ranges[i] = (struct kafka_range){i, KAFKA_FROM_START, KAFKA_TO_END};
    status = open_reader(search, ranges, (size_t)partitions, &reader, err);
    for (int32_t i = 0; status == STATUS_OK && i < partitions; i++) {
        int64_t next;
        kafka_reader_progress(reader, i, &ranges[i], &next);
        if (ranges[i].to - ranges[i].from > depth)
            ranges[i].from = ranges[i].to - depth;
    }
    kafka_reader_close(reader);
    *ret_ranges = ranges;
    *ret_count = (size_t)partitions;
    return status;
}

/* --- which of them are about the account --------------------------------------------------------
 */

static bool is_about(const struct search *search, const struct kafka_message *message)
{
    struct text value = kafka_message_value(message);

    return text_equal_nocase(kafka_message_key(message), search->address) ||
           (value.data && memmem(value.data, value.len, search->uuid.data, search->uuid.len));
}

static bool is_known(const json_t *results, const json_t *result)
{
    const char *id = json_member_z(result, "result_id");
    const json_t *known;
    size_t i;

    json_array_foreach(results, i, known)
    {
        const char *other = json_member_z(known, "result_id");
        if (id && other && strcmp(id, other) == 0)
            return true;
    }
    return false;
}

static void take(struct search *search, const struct kafka_message *message)
{
    struct text header = TEXT_NULL;
    struct error reason;
    json_t *result;

    if (!is_about(search, message))
        return;
    kafka_message_header_named(message, "__value_schema_id", &header);
    result = shelf_decode(search->shelf, RECORD_RESULT, kafka_message_value(message), header, NULL,
                          &reason);
    if (result && !is_known(search->results, result))
        json_array_append(search->results, result);
    json_decref(result);
}

static enum status look_through(struct search *search, struct kafka_reader *reader,
                                struct error *err)
{
    int64_t deadline_us = deadline_in_ms(TIMEOUT_MS);
    enum status status = STATUS_OK;

    while (status != STATUS_FATAL && !kafka_reader_is_done(reader)) {
        struct kafka_message *message = NULL;
        if (deadline_passed(deadline_us))
            return error_set(err, STATUS_RETRY, NULL, "%s was not read to its end within %d s",
                             search->topic, TIMEOUT_MS / 1000);
        status = kafka_reader_next(reader, POLL_MS, &message, err);
        if (message) /* RETRY: librdkafka goes on by itself */
            take(search, message);
        kafka_message_close(message);
    }
    return status == STATUS_FATAL ? STATUS_FATAL : STATUS_OK;
}

/* --- order --------------------------------------------------------------------------------------
 */

struct dated {
    json_t *result;
    int64_t at_us, offset;
};

static int newest_first(const void *a, const void *b)
{
    const struct dated *x = a;
    const struct dated *y = b;

    if (x->at_us != y->at_us)
        return x->at_us > y->at_us ? -1 : 1;
    return x->offset == y->offset ? 0 : x->offset > y->offset ? -1 : 1;
}

/* Results of one batch have the same time; those of one account lie in one partition as a rule. */
static void sort(struct arena *arena, json_t *results)
{
    size_t count = json_array_size(results);
    struct dated *items = ARENA_ARRAY(arena, struct dated, count);

    for (size_t i = 0; i < count; i++) {
        json_t *result = json_incref(json_array_get(results, i));
        const char *at = json_member_z(result, "applied_at");
        items[i] = (struct dated){result, 0, 0};
        if (at)
            moment_parse(text_from(at), &items[i].at_us);
        json_member_int64(json_object_get(result, "source"), "offset", &items[i].offset);
    }
    json_array_clear(results);
    qsort(items, count, sizeof *items, newest_first);
    for (size_t i = 0; i < count; i++)
        json_array_append_new(results, items[i].result);
}

enum status account_results_add(struct invocation *invocation, struct shelf *shelf,
                                struct text address, const struct uuid *uuid, int64_t depth,
                                json_t *results, struct error *err)
{
    char uuid_z[UUID_TEXT_LEN + 1];
    struct search search = {.invocation = invocation,
                            .shelf = shelf,
                            .options = configuration_kafka(invocation->config),
                            .topic = invocation->config->kafka.topic_results,
                            .address = address,
                            .results = results};
    struct kafka_reader *reader = NULL;
    struct kafka_range *ranges;
    size_t count;

    uuid_format(uuid, uuid_z);
    search.uuid = text_from(uuid_z);
    enum status status = find_ranges(&search, depth, &ranges, &count, err);
    if (status == STATUS_OK)
        status = open_reader(&search, ranges, count, &reader, err);
    if (status == STATUS_OK)
        status = look_through(&search, reader, err);
    kafka_reader_close(reader);
    sort(invocation->arena, results);
    return status == STATUS_OK ? STATUS_OK : STATUS_RETRY;
}
