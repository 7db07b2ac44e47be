/* What is known of the partitions of a topic, from the database and from Kafka. */
#include "fence.h"

#include <string.h>
#include <sysexits.h>

#include "configuration.h"
#include "wire/kafka_reader.h"

static const char sql_rows[] =
    "SELECT to_json(t)::text FROM ("
    "    SELECT partition, next_offset, group_id, owner_epoch, published_upto, chain_seq, "
    "permission,"
    "        permission_reason, permission_by, updated_at, republish_below"
    "    FROM provd.fence WHERE cluster_id = $1 AND topic = $2 ORDER BY partition) t";

static int timeout_of(const struct fences *fences)
{
    return (int)fences->invocation->config->kafka.request_timeout_ms;
}

static enum status find_partitions(struct fences *fences, int32_t partition, struct error *err)
{
    struct arena *arena = fences->invocation->arena;
    const char *name = fences->topic.data;
    struct kafka_topic topic = {0};
    enum status status = kafka_admin_describe_topics(fences->admin, &name, 1, timeout_of(fences),
                                                     arena, &topic, err);

    if (status != STATUS_OK)
        return status;
    if (!topic.exists)
        return error_set(err, STATUS_FATAL, NULL,
                         "there is no topic %s: check kafka.topics.events, or make it with "
                         "`provctl topics ensure`",
                         name);
    if (partition >= topic.partition_count)
        return error_set(err, STATUS_FATAL, NULL, "%s has only the partitions 0 to %d", name,
                         topic.partition_count - 1);
    fences->count = partition >= 0 ? 1 : (size_t)topic.partition_count;
    fences->views = ARENA_ARRAY(arena, struct fence_view, fences->count);
    for (size_t i = 0; i < fences->count; i++) {
        fences->views[i].topic = fences->topic;
        fences->views[i].partition = partition >= 0 ? partition : (int32_t)i;
    }
    return STATUS_OK;
}

static void take_row(struct fence_view *view, json_t *row)
{
    const char *permission = json_member_z(row, "permission");

    view->facts.has_row = true;
    json_member_int64(row, "next_offset", &view->facts.fence);
    json_member_int64(row, "republish_below", &view->facts.republish_below);
    json_member_int64(row, "published_upto", &view->facts.published_upto);
    view->facts.permission = !permission                         ? FENCE_PERMIT_NONE
                             : strcmp(permission, "accept") == 0 ? FENCE_PERMIT_ACCEPT
                                                                 : FENCE_PERMIT_ADOPT;
    view->row = json_copy(row);
    json_object_del(view->row, "next_offset");
    json_object_del(view->row, "partition");
}

static enum status load_rows(struct fences *fences, struct error *err)
{
    struct param params[] = {param_text(fences->cluster_id), param_text(fences->topic)};
    json_t *rows;
    size_t index;
    json_t *row;
    enum status status = database_rows(fences->pg, sql_rows, params, 2, &rows, err);

    if (status != STATUS_OK)
        return status;
    json_array_foreach(rows, index, row)
    {
        int64_t partition = -1;
        json_member_int64(row, "partition", &partition);
        for (size_t i = 0; i < fences->count; i++) {
            if (fences->views[i].partition == partition)
                take_row(&fences->views[i], row);
        }
    }
    json_decref(rows);
    return STATUS_OK;
}

/* Do [fence, committed) hold records, or only the marks that transactions leave? */
static enum status look_behind(struct fences *fences, struct fence_view *view, struct error *err)
{
    struct fence_facts *facts = &view->facts;
    struct kafka_range range = {view->partition, facts->fence, facts->committed};
    bool has_records = true;
    enum status status;

    if (!facts->has_row || facts->committed <= facts->fence || facts->fence < facts->log_start ||
        facts->committed > facts->log_end)
        return STATUS_OK;
    status = kafka_range_has_records_in(&fences->options, fences->topic.data, &range,
                                        timeout_of(fences), &has_records, err);
    facts->only_control_records = !has_records;
    return status;
}

/* The group's offsets of all partitions, in one question. */
static enum status ask_committed(struct fences *fences, struct error *err)
{
    struct arena *arena = fences->invocation->arena;
    struct kafka_partition *committed = ARENA_ARRAY(arena, struct kafka_partition, fences->count);
    enum status status;

    for (size_t i = 0; i < fences->count; i++)
        committed[i] = (struct kafka_partition){fences->views[i].partition, -1};
    status = kafka_admin_committed(fences->admin, fences->invocation->config->kafka.group_id,
                                   fences->topic.data, committed, fences->count, timeout_of(fences),
                                   err);
    for (size_t i = 0; status == STATUS_OK && i < fences->count; i++)
        fences->views[i].facts.committed = committed[i].start_offset;
    return status;
}

static enum status ask_log(struct fences *fences, struct fence_view *view, struct error *err)
{
    const struct config *config = fences->invocation->config;
    enum status status = kafka_admin_watermarks(fences->admin, fences->topic.data, view->partition,
                                                timeout_of(fences), &view->facts.log_start,
                                                &view->facts.log_end, err);

    if (status != STATUS_OK)
        return status;
    view->facts.policy_rewind = config->on_rewound_database == REWOUND_REWIND;
    return look_behind(fences, view, err);
}

static enum status ask_both(struct fences *fences, int32_t partition, struct error *err)
{
    struct arena *arena = fences->invocation->arena;
    enum status status = kafka_admin_open(&fences->admin, &fences->options, err);

    if (status == STATUS_OK)
        status = kafka_admin_cluster_id(fences->admin, timeout_of(fences), arena,
                                        &fences->cluster_id, err);
    if (status == STATUS_OK)
        status = find_partitions(fences, partition, err);
    if (status == STATUS_OK)
        status = load_rows(fences, err);
    if (status == STATUS_OK)
        status = ask_committed(fences, err);
    for (size_t i = 0; status == STATUS_OK && i < fences->count; i++)
        status = ask_log(fences, &fences->views[i], err);
    return status;
}

int fences_open(struct fences *fences, struct invocation *invocation, int32_t partition)
{
    const struct config *config = invocation->config;
    const char *topic = option_value(invocation, "topic");
    struct error err;
    enum status status;

    *fences = (struct fences){.invocation = invocation, .options = configuration_kafka(config)};
    fences->topic = text_from(topic ? topic : config->kafka.topic_events);
    if (!configuration_needs(config->kafka.brokers, "kafka.brokers") ||
        !configuration_needs(config->database.url, "database.url"))
        return EX_CONFIG;
    status = database_open(&fences->pg, config, &err);
    if (status != STATUS_OK)
        return database_complain(status, &err);
    status = ask_both(fences, partition, &err);
    return status == STATUS_OK ? EX_OK : database_complain(status, &err);
}

void fences_close(struct fences *fences)
{
    for (size_t i = 0; i < fences->count; i++)
        json_decref(fences->views[i].row);
    kafka_admin_close(fences->admin);
    postgres_close(fences->pg);
}
