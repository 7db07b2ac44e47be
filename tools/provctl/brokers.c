#include "brokers.h"

#include "command.h"
#include "configuration.h"
#include "wire/kafka_admin.h"

enum status brokers_partition_count(struct invocation *invocation, const char *topic,
                                    int32_t *ret_count, struct error *err)
{
    struct kafka_options options = configuration_kafka(invocation->config);
    int timeout_ms = (int)invocation->config->kafka.request_timeout_ms;
    struct kafka_topic found = {0};
    struct kafka_admin *admin;
    enum status status = kafka_admin_open(&admin, &options, err);

    if (status != STATUS_OK)
        return status;
    status =
        kafka_admin_describe_topics(admin, &topic, 1, timeout_ms, invocation->arena, &found, err);
    kafka_admin_close(admin);
    if (status != STATUS_OK)
        return status;
    if (!found.exists)
        return error_set(
            err, STATUS_FATAL, "NO_TOPIC",
            "there is no topic %s: make it with `provctl topics ensure`, or check its name", topic);
    *ret_count = found.partition_count;
    return STATUS_OK;
}
