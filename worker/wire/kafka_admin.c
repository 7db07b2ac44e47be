/* Asks and acts by librdkafka's admin interface: one request, one event that answers it. */
#include "wire/kafka_admin.h"

#include "base/arena.h"
#include "wire/kafka_handles.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum {
    REASON_MAX = 256,
    ANSWER_GRACE_MS =
        5000, /* librdkafka gives up first, so that no late answer meets the next question */
};

struct kafka_admin {
    struct kafka_client client; /* first: the handle's opaque points here */
    rd_kafka_queue_t *answers;
};

/* --- open and close ----------------------------------------------------------------------------
 */

enum status kafka_admin_open(struct kafka_admin **ret_admin, const struct kafka_options *options,
                             struct error *err)
{
    struct kafka_admin *admin = calloc(1, sizeof(*admin));
    rd_kafka_conf_t *conf = NULL;
    enum status status;

    if (!admin) {
        return error_set(err, STATUS_RETRY, NULL, "kafka: out of memory for an admin client");
    }
    status = kafka_conf_build(&conf, options, KAFKA_ROLE_SENDER, err);
    if (!status) {
        status = kafka_client_open(&admin->client, RD_KAFKA_PRODUCER, conf, err);
    }
    if (status) {
        kafka_admin_close(admin);
        return status;
    }
    admin->answers = rd_kafka_queue_new(admin->client.rk);
    *ret_admin = admin;
    return STATUS_OK;
}

void kafka_admin_close(struct kafka_admin *admin)
{
    if (!admin) {
        return;
    }
    if (admin->answers) {
        rd_kafka_queue_destroy(admin->answers);
    }
    if (admin->client.rk) {
        rd_kafka_destroy(admin->client.rk);
    }
    free(admin);
}

static enum status failed(struct kafka_admin *admin, rd_kafka_resp_err_t code, const char *what,
                          const char *detail, struct error *err)
{
    rd_kafka_poll(admin->client.rk, 0); /* learn of troubles */
    return kafka_client_explain(&admin->client, kafka_error_set(err, code, what, detail), err);
}

enum status kafka_admin_cluster_id(struct kafka_admin *admin, int timeout_ms, struct arena *arena,
                                   struct text *ret_id, struct error *err)
{
    char *id = rd_kafka_clusterid(admin->client.rk, timeout_ms);

    if (!id) {
        return failed(admin, RD_KAFKA_RESP_ERR__TIMED_OUT, "ask for the cluster id", NULL, err);
    }
    *ret_id = text_copy(arena, text_from(id));
    rd_kafka_mem_free(admin->client.rk, id);
    return STATUS_OK;
}

/* --- topics ------------------------------------------------------------------------------------
 */

static struct kafka_topic describe(const rd_kafka_metadata_topic_t *found, struct arena *arena)
{
    struct kafka_topic topic = {
        .name = text_copy(arena, text_from(found->topic)),
        .exists = found->err == RD_KAFKA_RESP_ERR_NO_ERROR,
        .partition_count = found->partition_cnt,
        .in_sync_min = found->partition_cnt > 0 ? INT32_MAX : 0,
    };

    for (int i = 0; i < found->partition_cnt; i++) {
        const rd_kafka_metadata_partition_t *partition = &found->partitions[i];
        topic.has_leaderless |= partition->leader < 0;
        topic.replication_factor = i == 0 ? partition->replica_cnt : topic.replication_factor;
        if (partition->isr_cnt < topic.in_sync_min) {
            topic.in_sync_min = partition->isr_cnt;
        }
    }
    return topic;
}

static int compare_topics(const void *a, const void *b)
{
    return text_compare(((const struct kafka_topic *)a)->name,
                        ((const struct kafka_topic *)b)->name);
}

enum status kafka_admin_list_topics(struct kafka_admin *admin, int timeout_ms, struct arena *arena,
                                    struct kafka_topic **ret_topics, size_t *ret_count,
                                    struct error *err)
{
    const struct rd_kafka_metadata *metadata = NULL;
    /* All topics: asking for one by name could create it. */
    rd_kafka_resp_err_t code = rd_kafka_metadata(admin->client.rk, 1, NULL, &metadata, timeout_ms);
    struct kafka_topic *topics;

    if (code) {
        return failed(admin, code, "list topics", NULL, err);
    }
    topics = ARENA_ARRAY(arena, struct kafka_topic, (size_t)metadata->topic_cnt);
    for (int i = 0; i < metadata->topic_cnt; i++) {
        topics[i] = describe(&metadata->topics[i], arena);
    }
    *ret_topics = topics;
    *ret_count = (size_t)metadata->topic_cnt;
    qsort(topics, *ret_count, sizeof(*topics), compare_topics);
    rd_kafka_metadata_destroy(metadata);
    return STATUS_OK;
}

enum status kafka_admin_describe_topics(struct kafka_admin *admin, const char *const *names,
                                        size_t count, int timeout_ms, struct arena *arena,
                                        struct kafka_topic *ret_topics, struct error *err)
{
    struct kafka_topic *all = NULL;
    size_t all_count = 0;
    enum status status = kafka_admin_list_topics(admin, timeout_ms, arena, &all, &all_count, err);

    for (size_t i = 0; !status && i < count; i++) {
        struct kafka_topic wanted = {.name = text_copy(arena, text_from(names[i]))};
        struct kafka_topic *found =
            all_count > 0 ? bsearch(&wanted, all, all_count, sizeof(*all), compare_topics) : NULL;
        ret_topics[i] = found ? *found : wanted;
    }
    return status;
}

/* The answer to a request that was just sent; destroyed by the caller. */
static enum status await(struct kafka_admin *admin, const char *what, int timeout_ms,
                         rd_kafka_event_t **ret_event, struct error *err)
{
    rd_kafka_event_t *event = rd_kafka_queue_poll(admin->answers, timeout_ms + ANSWER_GRACE_MS);

    if (!event) {
        return failed(admin, RD_KAFKA_RESP_ERR__TIMED_OUT, what, NULL, err);
    }
    if (rd_kafka_event_error(event)) {
        enum status status = failed(admin, rd_kafka_event_error(event), what,
                                    rd_kafka_event_error_string(event), err);
        rd_kafka_event_destroy(event);
        return status;
    }
    *ret_event = event;
    return STATUS_OK;
}

static rd_kafka_AdminOptions_t *make_options(struct kafka_admin *admin, rd_kafka_admin_op_t op,
                                             int timeout_ms)
{
    char why[REASON_MAX];
    rd_kafka_AdminOptions_t *options = rd_kafka_AdminOptions_new(admin->client.rk, op);

    rd_kafka_AdminOptions_set_request_timeout(options, timeout_ms, why, sizeof(why));
    return options;
}

static int compare_settings(const void *a, const void *b)
{
    return text_compare(((const struct kafka_topic_setting *)a)->name,
                        ((const struct kafka_topic_setting *)b)->name);
}

static void copy_settings(const rd_kafka_ConfigResource_t *resource, struct arena *arena,
                          struct kafka_topic *topic)
{
    size_t count = 0;
    const rd_kafka_ConfigEntry_t **entries = rd_kafka_ConfigResource_configs(resource, &count);

    topic->settings = ARENA_ARRAY(arena, struct kafka_topic_setting, count);
    topic->setting_count = count;
    for (size_t i = 0; i < count; i++) {
        const rd_kafka_ConfigEntry_t *entry = entries[i];
        bool is_secret = rd_kafka_ConfigEntry_is_sensitive(entry) != 0;
        const char *value = is_secret ? NULL : rd_kafka_ConfigEntry_value(entry);
        topic->settings[i] = (struct kafka_topic_setting){
            .name = text_copy(arena, text_from(rd_kafka_ConfigEntry_name(entry))),
            .value = text_copy(arena, text_from(value)),
            .is_default =
                rd_kafka_ConfigEntry_source(entry) != RD_KAFKA_CONFIG_SOURCE_DYNAMIC_TOPIC_CONFIG,
        };
    }
    qsort(topic->settings, count, sizeof(*topic->settings), compare_settings);
}

enum status kafka_admin_topic_settings(struct kafka_admin *admin, int timeout_ms,
                                       struct arena *arena, struct kafka_topic *topic,
                                       struct error *err)
{
    rd_kafka_ConfigResource_t *question =
        rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, text_to_z(arena, topic->name));
    rd_kafka_AdminOptions_t *options =
        make_options(admin, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS, timeout_ms);
    rd_kafka_event_t *event = NULL;
    enum status status;
    size_t count = 0;

    rd_kafka_DescribeConfigs(admin->client.rk, &question, 1, options, admin->answers);
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_ConfigResource_destroy(question);
    status = await(admin, "read topic settings", timeout_ms, &event, err);
    if (status) {
        return status;
    }
    const rd_kafka_ConfigResource_t **resources = rd_kafka_DescribeConfigs_result_resources(
        rd_kafka_event_DescribeConfigs_result(event), &count);
    assert(count == 1);
    rd_kafka_resp_err_t code = rd_kafka_ConfigResource_error(resources[0]);
    if (code) {
        status = failed(admin, code, "read topic settings",
                        rd_kafka_ConfigResource_error_string(resources[0]), err);
    } else {
        copy_settings(resources[0], arena, topic);
    }
    rd_kafka_event_destroy(event);
    return status;
}

static enum status make_new_topic(const struct kafka_new_topic *topic, rd_kafka_NewTopic_t **ret,
                                  struct error *err)
{
    char why[REASON_MAX];

    *ret = rd_kafka_NewTopic_new(topic->name, topic->partition_count, topic->replication_factor,
                                 why, sizeof(why));
    if (!*ret) {
        return error_set(err, STATUS_FATAL, "_INVALID_ARG", "kafka: topic %s: %s", topic->name,
                         why);
    }
    for (const struct kafka_property *p = topic->settings; p && p->name; p++) {
        rd_kafka_NewTopic_set_config(*ret, p->name, p->value);
    }
    return STATUS_OK;
}

/* The brokers answer in any order. */
static enum status sort_answers(const rd_kafka_CreateTopics_result_t *result,
                                const struct kafka_new_topic *topics, size_t count,
                                struct error *ret_errors)
{
    size_t answer_count = 0;
    const rd_kafka_topic_result_t **answers =
        rd_kafka_CreateTopics_result_topics(result, &answer_count);
    enum status worst = STATUS_OK;

    for (size_t i = 0; i < count; i++) {
        ret_errors[i] = (struct error){0};
        for (size_t j = 0; j < answer_count; j++) {
            rd_kafka_resp_err_t code = rd_kafka_topic_result_error(answers[j]);
            if (strcmp(rd_kafka_topic_result_name(answers[j]), topics[i].name) != 0 || !code) {
                continue;
            }
            enum status status = kafka_error_set(&ret_errors[i], code, topics[i].name,
                                                 rd_kafka_topic_result_error_string(answers[j]));
            worst = status > worst ? status : worst;
        }
    }
    return worst;
}

static enum status ask_to_create(struct kafka_admin *admin, rd_kafka_NewTopic_t **made,
                                 const struct kafka_new_topic *topics, size_t count,
                                 bool validate_only, int timeout_ms, struct error *ret_errors,
                                 struct error *err)
{
    char why[REASON_MAX];
    rd_kafka_AdminOptions_t *options =
        make_options(admin, RD_KAFKA_ADMIN_OP_CREATETOPICS, timeout_ms);
    rd_kafka_event_t *event = NULL;
    enum status status;

    rd_kafka_AdminOptions_set_validate_only(options, validate_only, why, sizeof(why));
    rd_kafka_AdminOptions_set_operation_timeout(options, timeout_ms, why, sizeof(why));
    rd_kafka_CreateTopics(admin->client.rk, made, count, options, admin->answers);
    rd_kafka_AdminOptions_destroy(options);
    status = await(admin, "create topics", timeout_ms, &event, err);
    if (status) {
        return status;
    }
    status = sort_answers(rd_kafka_event_CreateTopics_result(event), topics, count, ret_errors);
    rd_kafka_event_destroy(event);
    for (size_t i = 0; status && i < count; i++) {
        if (ret_errors[i].code[0] != '\0') {
            return error_set(err, status, ret_errors[i].code, "%s", ret_errors[i].message);
        }
    }
    return status;
}

enum status kafka_admin_create_topics(struct kafka_admin *admin,
                                      const struct kafka_new_topic *topics, size_t count,
                                      bool validate_only, int timeout_ms, struct error *ret_errors,
                                      struct error *err)
{
    rd_kafka_NewTopic_t **made = calloc(count, sizeof(rd_kafka_NewTopic_t *));
    size_t made_count = 0;
    enum status status = STATUS_OK;

    assert(count > 0);
    if (!made) {
        return error_set(err, STATUS_RETRY, NULL, "kafka: out of memory for %zu topics", count);
    }
    while (!status && made_count < count) {
        status = make_new_topic(&topics[made_count], &made[made_count], err);
        made_count += status == STATUS_OK;
    }
    if (!status) {
        status =
            ask_to_create(admin, made, topics, count, validate_only, timeout_ms, ret_errors, err);
    }
    rd_kafka_NewTopic_destroy_array(made, made_count);
    free(made);
    return status;
}

enum status kafka_admin_watermarks(struct kafka_admin *admin, const char *topic, int32_t partition,
                                   int timeout_ms, int64_t *ret_low, int64_t *ret_high,
                                   struct error *err)
{
    rd_kafka_resp_err_t code =
        kafka_query_watermarks(&admin->client, topic, partition, timeout_ms, ret_low, ret_high);

    return code ? failed(admin, code, topic, NULL, err) : STATUS_OK;
}

/* --- groups ------------------------------------------------------------------------------------
 */

static rd_kafka_resp_err_t copy_offsets(const rd_kafka_group_result_t *group, const char *topic,
                                        struct kafka_partition *partitions, size_t count)
{
    const rd_kafka_topic_partition_list_t *list = rd_kafka_group_result_partitions(group);
    const rd_kafka_error_t *error = rd_kafka_group_result_error(group);

    if (error) {
        return rd_kafka_error_code(error);
    }
    for (size_t i = 0; i < count; i++) {
        const rd_kafka_topic_partition_t *found =
            list ? rd_kafka_topic_partition_list_find(
                       (rd_kafka_topic_partition_list_t *)(uintptr_t)list, topic,
                       partitions[i].partition)
                 : NULL;
        if (found && found->err) {
            return found->err;
        }
        partitions[i].start_offset = found && found->offset >= 0 ? found->offset : -1;
    }
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

enum status kafka_admin_committed(struct kafka_admin *admin, const char *group, const char *topic,
                                  struct kafka_partition *partitions, size_t count, int timeout_ms,
                                  struct error *err)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)count);
    rd_kafka_AdminOptions_t *options =
        make_options(admin, RD_KAFKA_ADMIN_OP_LISTCONSUMERGROUPOFFSETS, timeout_ms);
    rd_kafka_ListConsumerGroupOffsets_t *question;
    rd_kafka_event_t *event = NULL;
    enum status status;
    size_t answer_count = 0;

    /* Offsets of a transaction whose markers are not written yet are waited for. */
    rd_kafka_error_destroy(rd_kafka_AdminOptions_set_require_stable_offsets(options, 1));
    for (size_t i = 0; i < count; i++) {
        rd_kafka_topic_partition_list_add(list, topic, partitions[i].partition);
    }
    question = rd_kafka_ListConsumerGroupOffsets_new(group, list);
    rd_kafka_ListConsumerGroupOffsets(admin->client.rk, &question, 1, options, admin->answers);
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_ListConsumerGroupOffsets_destroy(question);
    rd_kafka_topic_partition_list_destroy(list);
    status = await(admin, "read the group's offsets", timeout_ms, &event, err);
    if (status) {
        return status;
    }
    const rd_kafka_group_result_t **groups = rd_kafka_ListConsumerGroupOffsets_result_groups(
        rd_kafka_event_ListConsumerGroupOffsets_result(event), &answer_count);
    assert(answer_count == 1);
    rd_kafka_resp_err_t code = copy_offsets(groups[0], topic, partitions, count);
    rd_kafka_event_destroy(event);
    return code ? failed(admin, code, "read the group's offsets", NULL, err) : STATUS_OK;
}

static struct kafka_member copy_member(const rd_kafka_MemberDescription_t *member,
                                       struct arena *arena)
{
    const rd_kafka_MemberAssignment_t *assignment = rd_kafka_MemberDescription_assignment(member);
    const rd_kafka_topic_partition_list_t *list =
        assignment ? rd_kafka_MemberAssignment_partitions(assignment) : NULL;

    return (struct kafka_member){
        .client_id = text_copy(arena, text_from(rd_kafka_MemberDescription_client_id(member))),
        .host = text_copy(arena, text_from(rd_kafka_MemberDescription_host(member))),
        .partition_count = list ? list->cnt : 0,
    };
}

static void copy_group(const rd_kafka_ConsumerGroupDescription_t *found, struct arena *arena,
                       struct kafka_group *ret_group)
{
    size_t count = rd_kafka_ConsumerGroupDescription_member_count(found);

    ret_group->state = text_copy(arena, text_from(rd_kafka_consumer_group_state_name(
                                            rd_kafka_ConsumerGroupDescription_state(found))));
    ret_group->members = ARENA_ARRAY(arena, struct kafka_member, count);
    ret_group->member_count = count;
    for (size_t i = 0; i < count; i++) {
        ret_group->members[i] =
            copy_member(rd_kafka_ConsumerGroupDescription_member(found, i), arena);
    }
}

enum status kafka_admin_group(struct kafka_admin *admin, const char *group, int timeout_ms,
                              struct arena *arena, struct kafka_group *ret_group, struct error *err)
{
    rd_kafka_AdminOptions_t *options =
        make_options(admin, RD_KAFKA_ADMIN_OP_DESCRIBECONSUMERGROUPS, timeout_ms);
    rd_kafka_event_t *event = NULL;
    enum status status;
    size_t count = 0;

    rd_kafka_DescribeConsumerGroups(admin->client.rk, &group, 1, options, admin->answers);
    rd_kafka_AdminOptions_destroy(options);
    status = await(admin, "describe the group", timeout_ms, &event, err);
    if (status) {
        return status;
    }
    const rd_kafka_ConsumerGroupDescription_t **found =
        rd_kafka_DescribeConsumerGroups_result_groups(
            rd_kafka_event_DescribeConsumerGroups_result(event), &count);
    assert(count == 1);
    const rd_kafka_error_t *error = rd_kafka_ConsumerGroupDescription_error(found[0]);
    if (error) {
        status =
            failed(admin, rd_kafka_error_code(error), group, rd_kafka_error_string(error), err);
    } else {
        copy_group(found[0], arena, ret_group);
    }
    rd_kafka_event_destroy(event);
    return status;
}
