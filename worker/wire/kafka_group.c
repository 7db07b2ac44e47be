/* What a consumer can ask: its membership, its cluster, its group's offsets, the ends of the log.
 */
#include "base/arena.h"
#include "wire/kafka_handles.h"
#include "wire/kafka_reader.h"

#include <assert.h>
#include <string.h>

/* --- group metadata ----------------------------------------------------------------------------
 */

/* librdkafka 2.0.2 has no accessors; its serialised form, documented in its header as stable within
 * a version, begins so: magic, generation (int32, host order), group id and member id, each ended
 * by NUL. */
static const char metadata_magic[] = "CGMDv2:";

static enum status check_membership(const char *bytes, size_t size, struct error *err)
{
    size_t at = sizeof(metadata_magic) - 1;
    int32_t generation;
    const char *group_end, *end = bytes + size;

    if (size < at + sizeof(generation) + 2 || memcmp(bytes, metadata_magic, at) != 0) {
        return error_set(err, STATUS_FATAL, "_BAD_MSG",
                         "kafka: group metadata of librdkafka %s has an unknown form",
                         rd_kafka_version_str());
    }
    memcpy(&generation, bytes + at, sizeof(generation));
    at += sizeof(generation);
    group_end = memchr(bytes + at, '\0', size - at);
    if (!group_end || group_end + 1 >= end) {
        return error_set(err, STATUS_FATAL, "_BAD_MSG", "kafka: group metadata is cut off");
    }
    if (generation < 0 || group_end[1] == '\0') {
        return error_set(err, STATUS_RETRY, "NOT_IN_GROUP",
                         "kafka: this consumer is not a member of its group at the moment "
                         "(generation %d, member id %s)",
                         (int)generation, group_end[1] ? "set" : "empty");
    }
    return STATUS_OK;
}

enum status kafka_group_metadata(struct kafka_consumer *consumer,
                                 struct kafka_group_metadata **ret_metadata, struct error *err)
{
    rd_kafka_consumer_group_metadata_t *metadata =
        rd_kafka_consumer_group_metadata(consumer->client.rk);
    void *bytes = NULL;
    size_t size = 0;
    rd_kafka_error_t *error;
    enum status status;

    if (!metadata) {
        return error_set(err, STATUS_RETRY, "NOT_IN_GROUP", "kafka: no group metadata yet");
    }
    error = rd_kafka_consumer_group_metadata_write(metadata, &bytes, &size);
    assert(!error);
    status = check_membership(bytes, size, err);
    rd_kafka_mem_free(consumer->client.rk, bytes);
    if (status) {
        rd_kafka_consumer_group_metadata_destroy(metadata);
        return status;
    }
    *ret_metadata = (struct kafka_group_metadata *)metadata;
    return STATUS_OK;
}

struct kafka_group_metadata *kafka_group_metadata_copy(const struct kafka_group_metadata *metadata)
{
    rd_kafka_consumer_group_metadata_t *copy = NULL;
    void *bytes = NULL;
    size_t size = 0;
    rd_kafka_error_t *error = rd_kafka_consumer_group_metadata_write(
        (const rd_kafka_consumer_group_metadata_t *)metadata, &bytes, &size);

    if (!error) {
        error = rd_kafka_consumer_group_metadata_read(&copy, bytes, size);
    }
    assert(!error);
    rd_kafka_mem_free(NULL, bytes);
    return (struct kafka_group_metadata *)copy;
}

void kafka_group_metadata_close(struct kafka_group_metadata *metadata)
{
    if (metadata) {
        rd_kafka_consumer_group_metadata_destroy((rd_kafka_consumer_group_metadata_t *)metadata);
    }
}

/* --- questions ---------------------------------------------------------------------------------
 */

enum status kafka_cluster_id(struct kafka_consumer *consumer, int timeout_ms, struct arena *arena,
                             struct text *ret_id, struct error *err)
{
    char *id = rd_kafka_clusterid(consumer->client.rk, timeout_ms);

    if (!id) {
        return kafka_client_explain(
            &consumer->client,
            kafka_error_set(err, RD_KAFKA_RESP_ERR__TIMED_OUT, "ask for the cluster id", NULL),
            err);
    }
    *ret_id = text_copy(arena, text_from(id));
    rd_kafka_mem_free(consumer->client.rk, id);
    return STATUS_OK;
}

enum status kafka_committed(struct kafka_consumer *consumer, struct kafka_partition *partitions,
                            size_t count, int timeout_ms, struct error *err)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)count);
    rd_kafka_resp_err_t code;

    for (size_t i = 0; i < count; i++) {
        rd_kafka_topic_partition_list_add(list, consumer->options->events_topic,
                                          partitions[i].partition);
    }
    code = rd_kafka_committed(consumer->client.rk, list, timeout_ms);
    for (size_t i = 0; !code && i < count; i++) {
        code = list->elems[i].err;
    }
    for (size_t i = 0; !code && i < count; i++) {
        int64_t offset = list->elems[i].offset;
        partitions[i].start_offset = offset >= 0 ? offset : -1;
    }
    rd_kafka_topic_partition_list_destroy(list);
    if (!code) {
        return STATUS_OK;
    }
    return kafka_client_explain(&consumer->client,
                                kafka_error_set(err, code, "read the group's offsets", NULL), err);
}

static rd_kafka_resp_err_t code_of_commit(rd_kafka_event_t *event)
{
    const rd_kafka_topic_partition_list_t *list;
    rd_kafka_resp_err_t code;

    if (!event) {
        return RD_KAFKA_RESP_ERR__TIMED_OUT;
    }
    code = rd_kafka_event_error(event);
    list = rd_kafka_event_topic_partition_list(event);
    for (int i = 0; !code && list && i < list->cnt; i++) {
        code = list->elems[i].err;
    }
    return code;
}

/* Through a queue of its own: rd_kafka_commit() waits without a limit. */
enum status kafka_set_committed(struct kafka_consumer *consumer,
                                const struct kafka_partition *place, int timeout_ms,
                                struct error *err)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(consumer->client.rk);
    rd_kafka_event_t *event = NULL;
    rd_kafka_resp_err_t code;

    rd_kafka_topic_partition_list_add(list, consumer->options->events_topic, place->partition)
        ->offset = place->start_offset;
    code = rd_kafka_commit_queue(consumer->client.rk, list, queue, NULL, NULL);
    if (!code) {
        event = rd_kafka_queue_poll(queue, timeout_ms);
        code = code_of_commit(event);
    }
    rd_kafka_event_destroy(event);
    rd_kafka_queue_destroy(queue);
    rd_kafka_topic_partition_list_destroy(list);
    if (!code) {
        return STATUS_OK;
    }
    return kafka_client_explain(
        &consumer->client, kafka_error_set(err, code, "set the group's offset back", NULL), err);
}

enum status kafka_watermarks(struct kafka_consumer *consumer, int32_t partition, int timeout_ms,
                             int64_t *ret_low, int64_t *ret_high, struct error *err)
{
    int64_t low = -1, high = -1;
    rd_kafka_resp_err_t code = kafka_query_watermarks(
        &consumer->client, consumer->options->events_topic, partition, timeout_ms, &low, &high);

    if (code) {
        enum status status = kafka_error_set(err, code, "ask for the ends of the log", NULL);
        error_prefix(err, status, "%s [%d]", consumer->options->events_topic, (int)partition);
        return kafka_client_explain(&consumer->client, status, err);
    }
    *ret_low = low;
    *ret_high = high;
    return STATUS_OK;
}

enum status kafka_range_has_records(struct kafka_consumer *consumer, int32_t partition,
                                    int64_t from, int64_t to, int timeout_ms, bool *ret_has_records,
                                    struct error *err)
{
    struct kafka_range range = {partition, from, to};

    return kafka_range_has_records_in(consumer->options, consumer->options->events_topic, &range,
                                      timeout_ms, ret_has_records, err);
}
