#include "configuration.h"

#include <stdlib.h>
#include <unistd.h>

#include "command.h"

const char *configuration_file(const struct invocation *invocation)
{
    const char *given = option_value(invocation, "config");

    if (!given)
        given = getenv("PROVD_CONFIG");
    if (given && *given)
        return given;
    return access(CONFIGURATION_DEFAULT_FILE, F_OK) == 0 ? CONFIGURATION_DEFAULT_FILE : NULL;
}

enum status configuration_load(const struct invocation *invocation, struct config **ret_config,
                               struct error *err)
{
    const char *sets[OPTION_VALUES_MAX];
    struct config_options options = {.file = configuration_file(invocation), .sets = sets};
    size_t index = 0;
    const char *value;

    while ((value = option_next(invocation, "set", &index)))
        sets[options.set_count++] = value;
    index = 0;
    while ((value = option_next(invocation, "property", &index)))
        sets[options.set_count++] = text_format(invocation->arena, "kafka.client.%s", value).data;
    return config_load(ret_config, &options, err);
}

bool configuration_needs(const char *value, const char *path)
{
    char name[CONFIG_ENVIRONMENT_NAME_MAX];

    if (*value)
        return true;
    config_environment_name(path, name);
    complain(
        "%s is not set: give it in the configuration file (--config), as %s, or by --set %s=...",
        path, name, path);
    return false;
}

struct kafka_options configuration_kafka(const struct config *config)
{
    const struct config_kafka *kafka = &config->kafka;

    return (struct kafka_options){
        .brokers = kafka->brokers,
        .client_id = "provctl",
        .group_id = kafka->group_id,
        .events_topic = kafka->topic_events,
        .results_topic = kafka->topic_results,
        .changes_topic = kafka->topic_changes,
        .dlq_topic = kafka->topic_dlq,
        .transaction_timeout_ms = kafka->transaction_timeout_ms,
        .session_timeout_ms = kafka->session_timeout_ms,
        .fetch_memory_bytes_max = kafka->fetch_memory_bytes,
        .outputs_per_batch_max = config->batch.events_max,
        .output_bytes_max = kafka->output_bytes_max,
        .client = kafka->client_effective.items,
        .consumer = kafka->consumer.items,
        .producer = kafka->producer.items,
    };
}
