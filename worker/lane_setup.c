#include "lane_setup.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "schema_version.h"
#include "sql/statements.h"
#include "wire/crypto.h"
#include "wire/idna.h"
#include "wire/schemas_embedded.h"
#include "wire/schemas_history.h"

enum {
    ARENA_BYTES_MAX = 4 * 1024 * 1024,
    ASSIGN_BYTES_MAX = 16 * 1024 * 1024,
    OUTPUTS_PER_EVENT = 3,     /* a result and, nearly always, one or two change records */
    SCHEMA_WAIT_MS_MAX = 1000, /* a schema that may come is asked for again this soon */
    ITEMS_MAX = 20000,         /* of any array in an event: users[] has 10,000 */
    POOL_KEPT_BYTES_MAX = 64 * 1024 * 1024, /* of the memory of batches, between them */
    PUBLISH_KEPT_BYTES_MAX = 256 * 1024,
};

/* --- from the configuration ---------------------------------------------------------------------
 */

static void set_policy(struct policy *policy, const struct config *config)
{
    *policy = policy_defaults;
    policy->default_services = config->accounts.default_services;
    policy->default_service_mode = config->accounts.default_mode;
    policy->grace_period_us = config->accounts.grace_period_ms * 1000;
    if (config->accounts.password_schemes.count)
        policy->password_schemes = config->accounts.password_schemes;
    policy->system_sources = config->accounts.system_sources;
    policy->allow_cleartext = config->accounts.allow_cleartext;
    policy->allow_weak_crypt = config->accounts.allow_weak_crypt;
    policy->to_ascii = idna_to_ascii;
    policy->is_affordable = crypto_hash_is_affordable;
}

static void set_kafka(struct lane *lane, const struct config *config, int index)
{
    snprintf(lane->name, sizeof lane->name, "%s-%d", config->worker_name, index);
    snprintf(lane->transactional_id, sizeof lane->transactional_id, "%s-%s-%d",
             config->kafka.transactional_id_prefix, config->worker_name, index);
    snprintf(lane->client_id, sizeof lane->client_id, "%s-%d", config->kafka.client_id, index);
    lane->kafka_options = (struct kafka_options){
        .brokers = config->kafka.brokers,
        .client_id = lane->client_id,
        .group_id = config->kafka.group_id,
        .transactional_id = lane->transactional_id,
        .events_topic = config->kafka.topic_events,
        .results_topic = config->kafka.topic_results,
        .changes_topic = config->kafka.topic_changes,
        .dlq_topic = config->kafka.topic_dlq,
        .transaction_timeout_ms = config->kafka.transaction_timeout_ms,
        .session_timeout_ms = config->kafka.session_timeout_ms,
        .fetch_memory_bytes_max = config->kafka.fetch_memory_bytes,
        .outputs_per_batch_max = config->batch.events_max * OUTPUTS_PER_EVENT,
        .output_bytes_max = config->kafka.output_bytes_max,
        .client = config->kafka.client_effective.items,
        .consumer = config->kafka.consumer.items,
        .producer = config->kafka.producer.items,
    };
}

static void set_postgres(struct lane *lane, const struct config *config, int index)
{
    snprintf(lane->application_name, sizeof lane->application_name, "provd lane %d", index);
    lane->postgres_options = (struct postgres_options){
        .url = config->database.url,
        .password = *config->database.password ? config->database.password : NULL,
        .application_name = lane->application_name,
        .connect_timeout_ms = config->database.connect_timeout_ms,
        .statement_timeout_ms = config->database.statement_timeout_ms,
        .commit_timeout_ms = config->database.commit_timeout_ms,
        .progress_us = &lane->counters->progress_us,
        .statements = apply_statements,
    };
}

static void set_stages(struct lane *lane, const struct config *config)
{
    lane->maker.topic = text_from(config->kafka.topic_events);
    lane->maker.worker = text_from(lane->name);
    buffer_init(&lane->maker.scratch, (size_t)config->kafka.output_bytes_max);
    lane->consume = (struct consume){
        .assignment = &lane->assignment,
        .topic = lane->maker.topic,
        .counters = lane->counters,
    };
    lane->decode = (struct decode){
        .policy = &lane->policy,
        .accept_bare = *config->schemas.bare_file != '\0',
        .counters = lane->counters,
    };
    lane->prepare = (struct prepare){.pg = &lane->apply.pg};
    lane->apply = (struct apply){
        .postgres_options = &lane->postgres_options,
        .policy = &lane->policy,
        .maker = &lane->maker,
        .breaker = &lane->breaker,
        .fanout_timeout_ms = config->database.fanout_timeout_ms,
        .counters = lane->counters,
    };
    lane->publish = (struct publish){
        .counters = lane->counters,
        .worker = lane->maker.worker,
        .request_timeout_ms = config->kafka.request_timeout_ms,
        .output_bytes_max = config->kafka.output_bytes_max,
        .has_cloudevents = config->kafka.cloudevents,
    };
    publish_set_options(&lane->publish, &lane->kafka_options);
}

void lane_take_config(struct lane *lane)
{
    const struct config *config = lane->config;
    set_policy(&lane->policy, config);
    lane->consume.bytes_max = config->batch.bytes_max;
    lane->consume.wait_ms_max = config->batch.wait_ms_max;
    lane->decode.limits = (struct decode_limits){
        .string_bytes_max = (size_t)config->limits.string_bytes, .items_max = ITEMS_MAX};
    lane->decode.event_bytes_max = config->limits.event_bytes;
    lane->decode.header_bytes_max = config->limits.header_bytes;
    lane->prepare.cost = config_hash_cost(config);
    lane->prepare.threads = (int)config->hashing.threads;
    lane->prepare.deadline_ms = config->hashing.deadline_ms;
    lane->breaker.dead_min = config->breaker.failures_min;
    lane->breaker.share_percent = config->breaker.share_percent;
    log_configure((enum log_level)config->log_level, (enum log_format)config->log_format);
}

static enum status open_schemas(struct lane *lane, const struct config *config, struct error *err)
{
    const struct schemas_options options = {
        .registry_url = config->registry.url,
        .username = config->registry.username,
        .password = config->registry.password,
        .token = config->registry.token,
        .ca_file = config->registry.ca_file,
        .timeout_ms = config->registry.timeout_ms,
        .not_found_after_ms = config->registry.not_found_after_ms,
        .negative_cache_ms = config->registry.negative_cache_ms,
        .directory = config->schemas.directory,
        .bare_file = config->schemas.bare_file,
    };
    return schemas_open(&lane->schemas, &options, err);
}

static void set_memory(struct lane *lane, const struct config *config)
{
    size_t bytes_max = (size_t)config->batch.memory_bytes_max;
    arena_pool_init(&lane->pool, POOL_KEPT_BYTES_MAX);
    for (int i = 0; i < LANE_BATCHES; i++)
        batch_init(&lane->batches[i], (size_t)config->batch.events_max, bytes_max, &lane->pool);
    lane->batch = &lane->batches[0];
    arena_init_pooled(&lane->apply.arena, bytes_max, &lane->pool);
    arena_init_pooled(&lane->apply.piece, bytes_max, &lane->pool);
    arena_init(&lane->publish.arena, bytes_max, PUBLISH_KEPT_BYTES_MAX);
}

enum status lane_setup(struct lane *lane, struct config *config, int index,
                       struct counters *counters, struct error *err)
{
    *lane = (struct lane){.config = config, .counters = counters};
    arena_init(&lane->arena, ARENA_BYTES_MAX, ARENA_BYTES_MAX);
    arena_init(&lane->assign_arena, ASSIGN_BYTES_MAX, 0);
    set_kafka(lane, config, index);
    set_postgres(lane, config, index);
    set_stages(lane, config);
    lane->schema_wait.wait_ms_max = SCHEMA_WAIT_MS_MAX;
    breaker_init(&lane->breaker, config->breaker.window_records, &lane->arena, counters);
    lane_take_config(lane);
    set_memory(lane, config);

    enum status status = crypto_start(err);
    uint64_t seed;
    if (status != STATUS_OK)
        return status;
    crypto_random(&seed, sizeof seed);
    map_seed(seed);
    status = keyring_open(&lane->keyring, config->keys_directory, err);
    if (status == STATUS_OK)
        status = open_schemas(lane, config, err);
    if (status == STATUS_OK)
        status = encoder_open(&lane->maker.encoder, err);
    lane->prepare.keyring = lane->keyring;
    lane->decode.schemas = lane->schemas;
    return status;
}

/* --- connecting ---------------------------------------------------------------------------------
 */

static enum status know_version(struct lane *lane, const char *subject,
                                const struct schema_version *version, bool single,
                                struct error *err)
{
    struct framing framing;
    enum status status =
        schemas_framing(lane->schemas, subject, version->text, single, &framing, err);
    if (status == STATUS_FATAL)
        return STATUS_OK; /* never registered, so nothing is stored with it */
    if (status == STATUS_OK)
        status = encoder_know_results(lane->maker.encoder, &framing, version->text, err);
    return status;
}

/* How stored results may be framed, whatever wrote them: a DUPLICATE tells what the first one said.
 */
static enum status know_results(struct lane *lane, const char *subject, bool single,
                                struct error *err)
{
    enum status status = STATUS_OK;
    for (const struct schema_version *v = schema_versions; v->name && status == STATUS_OK; v++) {
        if (strcmp(v->name, "ProvisioningResult") != 0)
            continue;
        status = know_version(lane, subject, v, true, err);
        if (status == STATUS_OK && !single)
            status = know_version(lane, subject, v, false, err);
    }
    return status;
}

static enum status find_framing(struct lane *lane, struct error *err)
{
    bool single = config_result_framing(lane->config) == RESULT_FRAMING_SINGLE_OBJECT;
    struct text results = text_format(&lane->arena, "%s-value", lane->config->kafka.topic_results);
    struct text changes = text_format(&lane->arena, "%s-value", lane->config->kafka.topic_changes);
    if (lane->is_framed)
        return STATUS_OK;
    enum status status = schemas_framing(lane->schemas, results.data, schema_provisioning_result,
                                         single, &lane->maker.result_framing, err);
    if (status == STATUS_OK)
        status = schemas_framing(lane->schemas, changes.data, schema_change_record, single,
                                 &lane->maker.change_framing, err);
    if (status == STATUS_OK)
        status = know_results(lane, results.data, single, err);
    lane->is_framed = status == STATUS_OK;
    return status;
}

static enum status ask_number(struct lane *lane, const char *question, int64_t *ret_number,
                              struct error *err)
{
    struct result *result = NULL;
    enum status status = postgres_query(lane->apply.pg, question, NULL, 0, &result, err);
    if (status != STATUS_OK)
        return error_prefix(err, status, "asking for the version of the database schema");
    *ret_number = result_int(result, 0, 0);
    result_close(result);
    return STATUS_OK;
}

static enum status check_schema_version(struct lane *lane, struct error *err)
{
    int64_t version;
    enum status status = ask_number(lane, sql_schema_version, &version, err);
    if (status != STATUS_OK)
        return status;
    if (version == PROVD_SCHEMA_VERSION)
        return STATUS_OK;
    /* Workers are upgraded one by one, after the database: a newer one says which it still fits. */
    int64_t serves_from = INT64_MAX;
    if (version > PROVD_SCHEMA_VERSION)
        status = ask_number(lane, "SELECT provd.schema_serves_from()", &serves_from, err);
    if (status != STATUS_OK || serves_from <= PROVD_SCHEMA_VERSION)
        return status;
    return error_set(err, STATUS_FATAL, NULL,
                     "the database has schema version %" PRId64 ", this worker needs %d: run "
                     "tools/migrate deploy, or the worker that fits",
                     version, PROVD_SCHEMA_VERSION);
}

enum status lane_connect_database(struct lane *lane, struct error *err)
{
    if (postgres_usable(lane->apply.pg))
        return STATUS_OK;
    enum status status = apply_connect(&lane->apply, err);
    if (status == STATUS_OK)
        status = check_schema_version(lane, err);
    if (status != STATUS_OK)
        apply_close(&lane->apply);
    return status;
}

static enum status find_cluster(struct lane *lane, struct error *err)
{
    if (lane->is_identified)
        return STATUS_OK;
    enum status status =
        kafka_cluster_id(lane->consume.consumer, (int)lane->config->kafka.request_timeout_ms,
                         &lane->arena, &lane->maker.cluster_id, err);
    lane->is_identified = status == STATUS_OK;
    return status;
}

enum status lane_connect(struct lane *lane, const struct kafka_rebalance *rebalance,
                         struct error *err)
{
    enum status status = lane_connect_database(lane, err);
    if (status == STATUS_OK)
        status = find_framing(lane, err);
    if (status == STATUS_OK)
        status = publish_connect(&lane->publish, err);
    if (status == STATUS_OK && !lane->consume.consumer)
        status = kafka_consumer_open(&lane->consume.consumer, &lane->kafka_options, rebalance, err);
    lane->publish.consumer = lane->consume.consumer;
    return status == STATUS_OK ? find_cluster(lane, err) : status;
}

void lane_close(struct lane *lane)
{
    publish_close(&lane->publish);
    consume_close(&lane->consume);
    for (int i = 0; i < LANE_BATCHES; i++)
        batch_close(&lane->batches[i]);
    kafka_consumer_close(lane->consume.consumer);
    apply_close(&lane->apply);
    prepare_close(&lane->prepare);
    encoder_close(lane->maker.encoder);
    schemas_close(lane->schemas);
    keyring_close(lane->keyring);
    arena_close(&lane->apply.arena);
    arena_close(&lane->apply.piece);
    arena_pool_close(&lane->pool);
    buffer_close(&lane->maker.scratch);
    free(lane->assignment.partitions);
    arena_close(&lane->assign_arena);
    arena_close(&lane->arena);
}
