#include "wire/kafka_reader.h"

#include "base/clock.h"
#include "wire/kafka_handles.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct reading {
    struct kafka_range range; /* marks resolved, but KAFKA_TO_NEVER */
    int64_t next;             /* last read + 1 */
    bool is_done;
};

struct kafka_reader {
    struct kafka_client client; /* first: the handle's opaque points here */
    char *topic;
    struct reading *readings;
    size_t count;
    size_t open_count; /* readings that are not done */
};

static struct reading *reading_of(const struct kafka_reader *reader, int32_t partition)
{
    for (size_t i = 0; i < reader->count; i++) {
        if (reader->readings[i].range.partition == partition) {
            return &reader->readings[i];
        }
    }
    return NULL;
}

/* --- open and close ----------------------------------------------------------------------------
 */

static enum status open_handle(struct kafka_client *client, const struct kafka_options *options,
                               struct error *err)
{
    rd_kafka_conf_t *conf = NULL;
    enum status status = kafka_conf_build(&conf, options, KAFKA_ROLE_READER, err);

    if (status) {
        return status;
    }
    status = kafka_client_open(client, RD_KAFKA_CONSUMER, conf, err);
    if (!status) {
        rd_kafka_poll_set_consumer(client->rk);
    }
    return status;
}

static enum status failed(struct kafka_client *client, rd_kafka_resp_err_t code, const char *topic,
                          const char *what, struct error *err)
{
    enum status status = kafka_error_set(err, code, what, NULL);

    error_prefix(err, status, "%s", topic);
    return kafka_client_explain(client, status, err);
}

static enum status resolve_marks(struct kafka_reader *reader, struct reading *reading,
                                 int timeout_ms, struct error *err)
{
    struct kafka_range *range = &reading->range;
    int64_t low = 0, high = 0;
    rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;

    if (range->from < 0 || range->to == KAFKA_TO_END) {
        code = kafka_query_watermarks(&reader->client, reader->topic, range->partition, timeout_ms,
                                      &low, &high);
    }
    if (code) {
        return failed(&reader->client, code, reader->topic, "ask for the ends of the log", err);
    }
    if (range->from < 0) {
        range->from = range->from == KAFKA_FROM_START ? low : high;
    }
    if (range->to == KAFKA_TO_END) {
        range->to = high;
    }
    reading->next = range->from;
    reading->is_done = range->to != KAFKA_TO_NEVER && range->from >= range->to;
    return STATUS_OK;
}

static enum status assign(struct kafka_reader *reader, struct error *err)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)reader->count);
    rd_kafka_resp_err_t code;

    for (size_t i = 0; i < reader->count; i++) {
        const struct reading *reading = &reader->readings[i];
        if (!reading->is_done) {
            reader->open_count++;
            rd_kafka_topic_partition_list_add(list, reader->topic, reading->range.partition)
                ->offset = reading->range.from;
        }
    }
    code = reader->open_count > 0 ? rd_kafka_assign(reader->client.rk, list)
                                  : RD_KAFKA_RESP_ERR_NO_ERROR;
    rd_kafka_topic_partition_list_destroy(list);
    return code ? failed(&reader->client, code, reader->topic, "assign partitions", err)
                : STATUS_OK;
}

static enum status start(struct kafka_reader *reader, const struct kafka_options *options,
                         const struct kafka_range *ranges, int timeout_ms, struct error *err)
{
    enum status status = open_handle(&reader->client, options, err);

    for (size_t i = 0; !status && i < reader->count; i++) {
        reader->readings[i].range = ranges[i];
        status = resolve_marks(reader, &reader->readings[i], timeout_ms, err);
    }
    return status ? status : assign(reader, err);
}

enum status kafka_reader_open(struct kafka_reader **ret_reader, const struct kafka_options *options,
                              const char *topic, const struct kafka_range *ranges, size_t count,
                              int timeout_ms, struct error *err)
{
    struct kafka_reader *reader = calloc(1, sizeof(*reader));
    enum status status;

    assert(count > 0);
    if (reader) {
        reader->topic = strdup(topic);
        reader->readings = calloc(count, sizeof(*reader->readings));
        reader->count = count;
    }
    if (!reader || !reader->topic || !reader->readings) {
        status = error_set(err, STATUS_RETRY, NULL, "kafka: out of memory for a reader");
    } else {
        status = start(reader, options, ranges, timeout_ms, err);
    }
    if (status) {
        kafka_reader_close(reader);
        return status;
    }
    *ret_reader = reader;
    return STATUS_OK;
}

void kafka_reader_close(struct kafka_reader *reader)
{
    if (!reader) {
        return;
    }
    if (reader->client.rk) {
        rd_kafka_consumer_close(reader->client.rk);
        rd_kafka_destroy(reader->client.rk);
    }
    free(reader->readings);
    free(reader->topic);
    free(reader);
}

/* --- reading -----------------------------------------------------------------------------------
 */

static void finish(struct kafka_reader *reader, struct reading *reading)
{
    if (!reading->is_done) {
        reading->is_done = true;
        reader->open_count--;
    }
}

/* A message or an event of librdkafka. True when the caller gets it, as *ret_message or as an
 * error; otherwise it is gone. */
static bool take(struct kafka_reader *reader, rd_kafka_message_t *message,
                 struct kafka_message **ret_message)
{
    struct reading *reading = reading_of(reader, message->partition);

    if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        /* Control records up to `to` leave no message: the end of the log tells. */
        if (reading && reading->range.to != KAFKA_TO_NEVER &&
            message->offset >= reading->range.to) {
            finish(reader, reading);
        }
    } else if (message->err) {
        return true;
    } else if (reading && !reading->is_done) {
        if (reading->range.to == KAFKA_TO_NEVER || message->offset < reading->range.to) {
            reading->next = message->offset + 1;
            *ret_message = (struct kafka_message *)message;
            if (reading->next == reading->range.to) {
                finish(reader, reading);
            }
            return true;
        }
        finish(reader, reading);
    }
    rd_kafka_message_destroy(message);
    return false;
}

enum status kafka_reader_next(struct kafka_reader *reader, int timeout_ms,
                              struct kafka_message **ret_message, struct error *err)
{
    int64_t deadline_us = deadline_in_ms(timeout_ms);
    rd_kafka_message_t *message = NULL;

    *ret_message = NULL;
    while (reader->open_count > 0) {
        message = rd_kafka_consumer_poll(reader->client.rk, deadline_left_ms(deadline_us));
        if (!message) {
            return kafka_client_trouble(&reader->client, err);
        }
        if (!take(reader, message, ret_message)) {
            continue;
        }
        if (message->err) {
            enum status status = failed(&reader->client, message->err, reader->topic, "read", err);
            rd_kafka_message_destroy(message);
            return status;
        }
        return STATUS_OK;
    }
    return STATUS_OK;
}

bool kafka_reader_is_done(const struct kafka_reader *reader)
{
    return reader->open_count == 0;
}

bool kafka_reader_progress(const struct kafka_reader *reader, int32_t partition,
                           struct kafka_range *ret_range, int64_t *ret_next)
{
    const struct reading *reading = reading_of(reader, partition);

    if (!reading) {
        return false;
    }
    *ret_range = reading->range;
    *ret_next = reading->next;
    return true;
}

/* --- questions ---------------------------------------------------------------------------------
 */

/* The first error of a list that was filled in. */
static rd_kafka_resp_err_t first_error(const rd_kafka_topic_partition_list_t *list)
{
    for (int i = 0; i < list->cnt; i++) {
        if (list->elems[i].err) {
            return list->elems[i].err;
        }
    }
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

static rd_kafka_resp_err_t ask_times_once(struct kafka_client *client, const char *topic,
                                          struct kafka_range *ranges, size_t count,
                                          int64_t timestamp_ms, int timeout_ms)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)count);
    rd_kafka_resp_err_t code;

    for (size_t i = 0; i < count; i++) {
        rd_kafka_topic_partition_list_add(list, topic, ranges[i].partition)->offset = timestamp_ms;
    }
    code = rd_kafka_offsets_for_times(client->rk, list, timeout_ms);
    code = code ? code : first_error(list);
    for (size_t i = 0; !code && i < count; i++) {
        ranges[i].from = list->elems[i].offset >= 0 ? list->elems[i].offset : KAFKA_FROM_END;
    }
    rd_kafka_topic_partition_list_destroy(list);
    return code;
}

static enum status ask_times(struct kafka_client *client, const char *topic,
                             struct kafka_range *ranges, size_t count, int64_t timestamp_ms,
                             int timeout_ms, struct error *err)
{
    int64_t deadline_us = deadline_in_ms(timeout_ms);
    rd_kafka_resp_err_t code =
        ask_times_once(client, topic, ranges, count, timestamp_ms, timeout_ms);

    while (kafka_is_passing(code) && !deadline_passed(deadline_us)) {
        clock_sleep_ms(KAFKA_PASSING_PAUSE_MS);
        code = ask_times_once(client, topic, ranges, count, timestamp_ms,
                              deadline_left_ms(deadline_us));
    }
    return code ? failed(client, code, topic, "look up offsets by time", err) : STATUS_OK;
}

enum status kafka_reader_seek_times(const struct kafka_options *options, const char *topic,
                                    struct kafka_range *ranges, size_t count, int64_t timestamp_ms,
                                    int timeout_ms, struct error *err)
{
    struct kafka_client client = {0};
    enum status status = open_handle(&client, options, err);

    if (!status) {
        status = ask_times(&client, topic, ranges, count, timestamp_ms, timeout_ms, err);
    }
    if (client.rk) {
        rd_kafka_consumer_close(client.rk);
        rd_kafka_destroy(client.rk);
    }
    return status;
}

static enum status has_records(struct kafka_reader *reader, int timeout_ms, bool *ret_has_records,
                               struct error *err)
{
    int64_t deadline_us = deadline_in_ms(timeout_ms);
    struct kafka_message *message = NULL;

    while (!kafka_reader_is_done(reader) && !deadline_passed(deadline_us)) {
        enum status status =
            kafka_reader_next(reader, deadline_left_ms(deadline_us), &message, err);
        if (status == STATUS_FATAL) {
            return status;
        }
        if (!status && message) {
            kafka_message_close(message);
            *ret_has_records = true;
            return STATUS_OK;
        }
    }
    if (!kafka_reader_is_done(reader)) {
        kafka_error_set(err, RD_KAFKA_RESP_ERR__TIMED_OUT, "look for records behind the fence",
                        NULL);
        return kafka_client_explain(&reader->client, STATUS_RETRY, err);
    }
    *ret_has_records = false;
    return STATUS_OK;
}

enum status kafka_range_has_records_in(const struct kafka_options *options, const char *topic,
                                       const struct kafka_range *range, int timeout_ms,
                                       bool *ret_has_records, struct error *err)
{
    struct kafka_reader *reader = NULL;
    enum status status = kafka_reader_open(&reader, options, topic, range, 1, timeout_ms, err);

    if (!status) {
        status = has_records(reader, timeout_ms, ret_has_records, err);
    }
    kafka_reader_close(reader);
    return status;
}
