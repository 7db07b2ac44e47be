/* `provctl topics ...`: the four topics of a worker: what is there, what is not as it should be,
 * making what is missing. Existing topics are never changed: partitions cannot be taken back, and
 * settings may be meant. */
#include "commands.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "configuration.h"
#include "wire/kafka_admin.h"

enum {
    TOPICS = 4,
    SETTINGS_MAX = 8,
    PARTITIONS_DEFAULT = 12,
    PARTITIONS_MAX = 10000,
    REPLICATION_DEFAULT = 3,
    REPLICATION_MAX = 32,
    IN_SYNC_BELOW_REPLICATION = 1,       /* so that one broker may be away */
    DEAD_LETTER_ROOM_BYTES = 128 * 1024, /* the headers that a dead letter gets */
    RESULT_BYTES_MIN = 2 * 1024 * 1024,  /* results list up to 100 items */
};

static int run_plan(struct invocation *invocation);
static int run_ensure(struct invocation *invocation);

#define WISH_OPTIONS                                                                               \
    {"partitions",                                                                                 \
     'p',                                                                                          \
     "N",                                                                                          \
     "of each topic; default 12. Results lie in source order when all have the same number",       \
     false,                                                                                        \
     false},                                                                                       \
        {"replication", 'r', "N", "copies of each partition; default 3", false, false},            \
        {"events-retention",                                                                       \
         0,                                                                                        \
         "TIME",                                                                                   \
         "how long events are kept, which a replay reads; default 7d",                             \
         false,                                                                                    \
         false},                                                                                   \
        {"results-retention",                                                                      \
         0,                                                                                        \
         "TIME",                                                                                   \
         "how long results and change records are kept; default 30d",                              \
         false,                                                                                    \
         false},                                                                                   \
    {                                                                                              \
        "dlq-retention", 0, "TIME", "how long dead letters are kept; default 30d", false, false    \
    }

static const struct option_row options[] = {WISH_OPTIONS, {.name = NULL}};
static const struct option_row ensure_options[] = {
    WISH_OPTIONS,
    {"dry-run", 0, NULL, "ask the brokers whether they would, and make nothing", false, false},
    {.name = NULL},
};

const struct command topics_commands[] = {
    {
        .group = "topics",
        .name = "plan",
        .arguments = "",
        .summary = "what is missing or differs in the topics",
        .help =
            "Compares the topics of events, results, changes and dead letters with what they "
            "should be: partitions, "
            "replication, retention, sizes. Differences of existing topics are shown and left to "
            "you "
            "(kafka-configs.sh, kafka-topics.sh). Exit code 65: something is missing or differs.",
        .examples = "  provctl topics plan --partitions 24\n"
                    "  provctl topics plan -o json\n",
        .options = options,
        .run = run_plan,
    },
    {
        .group = "topics",
        .name = "ensure",
        .arguments = "",
        .summary = "make the topics that are missing",
        .help = "Makes the topics that are missing, and leaves existing ones as they are. The "
                "worker itself never makes "
                "topics. The principal needs CREATE on the topics, or on the cluster.",
        .examples = "  provctl topics ensure --partitions 24 --replication 3\n"
                    "  provctl topics ensure --partitions 3 --replication 1 --dry-run\n",
        .options = ensure_options,
        .run = run_ensure,
    },
    {.group = NULL},
};

static const struct output_column columns[] = {
    {"topic", NULL, 0},
    {"state", NULL, 0},
    {"setting", NULL, 0},
    {"is", NULL, OUTPUT_RIGHT},
    {"wanted", NULL, OUTPUT_RIGHT},
    {"why", NULL, 0},
    {.key = NULL},
};

/* A topic as it should be. */
struct wish {
    const char *name;
    struct kafka_property settings[SETTINGS_MAX + 1];
    const char *reasons[SETTINGS_MAX];
    size_t count;
};

struct plan_of_topics {
    struct invocation *invocation;
    struct kafka_admin *admin;
    int64_t partitions, replication;
    int64_t events_ms, results_ms, dlq_ms;
    struct wish wishes[TOPICS];
    struct kafka_topic topics[TOPICS];
    bool is_complete;
};

static void want(struct plan_of_topics *plan, struct wish *wish, const char *name, int64_t number,
                 const char *text, const char *reason)
{
    const char *value = text ? text : text_format(plan->invocation->arena, "%" PRId64, number).data;

    wish->settings[wish->count] = (struct kafka_property){name, value};
    wish->reasons[wish->count++] = reason;
}

/* Sizes follow the settings of the worker, so that nothing it accepts or makes is refused by a
 * broker. */
static void make_wishes(struct plan_of_topics *plan)
{
    const struct config *config = plan->invocation->config;
    const char *names[TOPICS] = {config->kafka.topic_events, config->kafka.topic_results,
                                 config->kafka.topic_changes, config->kafka.topic_dlq};
    int64_t retention[TOPICS] = {plan->events_ms, plan->results_ms, plan->results_ms, plan->dlq_ms};
    int64_t event_bytes =
        config->limits.event_bytes + config->limits.header_bytes + DEAD_LETTER_ROOM_BYTES;
    int64_t output_bytes = config->kafka.output_bytes_max > RESULT_BYTES_MIN
                               ? config->kafka.output_bytes_max
                               : RESULT_BYTES_MIN;

    for (int i = 0; i < TOPICS; i++) {
        struct wish *wish = &plan->wishes[i];
        bool is_output = i > 0;
        wish->name = names[i];
        want(plan, wish, "cleanup.policy", 0, "delete",
             i == 0 ? "compaction would take events away"
                    : "each record counts, not only the last of a key");
        want(plan, wish, "retention.ms", retention[i], NULL, "as wished");
        want(plan, wish, "max.message.bytes",
             is_output && output_bytes > event_bytes ? output_bytes : event_bytes, NULL,
             is_output ? "room for what the worker makes (kafka.output_bytes)"
                       : "room for limits.event_bytes and headers");
        want(plan, wish, "message.timestamp.type", 0, "CreateTime",
             i == 0 ? "expires_at is judged by the sender's time"
                    : "results carry the worker's time");
        if (plan->replication > 2)
            want(plan, wish, "min.insync.replicas", plan->replication - IN_SYNC_BELOW_REPLICATION,
                 NULL, "a lost broker must not lose records");
    }
}

static bool read_options(struct plan_of_topics *plan)
{
    const struct invocation *invocation = plan->invocation;
    const int64_t day_ms = INT64_C(86400000);

    plan->partitions = PARTITIONS_DEFAULT;
    plan->replication = REPLICATION_DEFAULT;
    plan->events_ms = 7 * day_ms;
    plan->results_ms = plan->dlq_ms = 30 * day_ms;
    return option_number(invocation, "partitions", 1, PARTITIONS_MAX, &plan->partitions) &&
           option_number(invocation, "replication", 1, REPLICATION_MAX, &plan->replication) &&
           option_duration(invocation, "events-retention", &plan->events_ms) &&
           option_duration(invocation, "results-retention", &plan->results_ms) &&
           option_duration(invocation, "dlq-retention", &plan->dlq_ms);
}

static int timeout_of(const struct plan_of_topics *plan)
{
    return (int)plan->invocation->config->kafka.request_timeout_ms;
}

static enum status look(struct plan_of_topics *plan, struct error *err)
{
    struct arena *arena = plan->invocation->arena;
    const char *names[TOPICS];
    enum status status;

    for (int i = 0; i < TOPICS; i++)
        names[i] = plan->wishes[i].name;
    status = kafka_admin_describe_topics(plan->admin, names, TOPICS, timeout_of(plan), arena,
                                         plan->topics, err);
    for (int i = 0; status == STATUS_OK && i < TOPICS; i++) {
        if (plan->topics[i].exists)
            status = kafka_admin_topic_settings(plan->admin, timeout_of(plan), arena,
                                                &plan->topics[i], err);
    }
    return status;
}

/* --- showing ------------------------------------------------------------------------------------
 */

static void put_row(struct plan_of_topics *plan, const char *topic, const char *state,
                    const char *setting, const char *is, const char *wanted, const char *why)
{
    plan->is_complete = plan->is_complete && strcmp(state, "ok") == 0;
    output_row(plan->invocation->output,
               json_pack("{ss ss ss? ss? ss? ss?}", "topic", topic, "state", state, "setting",
                         setting, "is", is, "wanted", wanted, "why", why));
}

static const char *number(struct plan_of_topics *plan, int64_t value)
{
    return text_format(plan->invocation->arena, "%" PRId64, value).data;
}

static const struct kafka_topic_setting *find_setting(const struct kafka_topic *topic,
                                                      const char *name)
{
    for (size_t i = 0; i < topic->setting_count; i++) {
        if (text_equal_z(topic->settings[i].name, name))
            return &topic->settings[i];
    }
    return NULL;
}

/* Sizes may be larger than asked for, and so may copies. */
static bool fits(const char *setting, struct text is, const char *wanted)
{
    int64_t have;
    int64_t want_number;

    if (strcmp(setting, "max.message.bytes") == 0 && text_to_int64(is, &have) &&
        text_to_int64(text_from(wanted), &want_number))
        return have >= want_number;
    return text_equal_z(is, wanted);
}

static bool put_differences(struct plan_of_topics *plan, const struct wish *wish,
                            const struct kafka_topic *topic)
{
    bool differs = false;

    if (topic->partition_count != plan->partitions) {
        put_row(plan, wish->name, "differs", "partitions", number(plan, topic->partition_count),
                number(plan, plan->partitions),
                "keys keep their order only while this stays as it is");
        differs = true;
    }
    if (topic->replication_factor < plan->replication) {
        put_row(plan, wish->name, "differs", "replication", number(plan, topic->replication_factor),
                number(plan, plan->replication), "a lost broker must not lose records");
        differs = true;
    }
    if (topic->has_leaderless) {
        put_row(plan, wish->name, "differs", "leaders", "missing", "all",
                "some partition cannot be read or written now");
        differs = true;
    }
    for (size_t i = 0; i < wish->count; i++) {
        const struct kafka_topic_setting *setting = find_setting(topic, wish->settings[i].name);
        struct text is = setting ? setting->value : TEXT_NULL;
        if (fits(wish->settings[i].name, is, wish->settings[i].value))
            continue;
        put_row(plan, wish->name, "differs", wish->settings[i].name,
                text_to_z(plan->invocation->arena, is), wish->settings[i].value, wish->reasons[i]);
        differs = true;
    }
    return differs;
}

static void put_missing(struct plan_of_topics *plan, const struct wish *wish)
{
    put_row(plan, wish->name, "missing", "partitions", NULL, number(plan, plan->partitions), NULL);
    put_row(plan, wish->name, "missing", "replication", NULL, number(plan, plan->replication),
            NULL);
    for (size_t i = 0; i < wish->count; i++)
        put_row(plan, wish->name, "missing", wish->settings[i].name, NULL, wish->settings[i].value,
                wish->reasons[i]);
}

static int show(struct plan_of_topics *plan)
{
    plan->is_complete = true;
    output_begin(plan->invocation->output, columns);
    for (int i = 0; i < TOPICS; i++) {
        if (!plan->topics[i].exists)
            put_missing(plan, &plan->wishes[i]);
        else if (!put_differences(plan, &plan->wishes[i], &plan->topics[i]))
            put_row(plan, plan->wishes[i].name, "ok", NULL, NULL, NULL, NULL);
    }
    output_end(plan->invocation->output, NULL);
    return plan->is_complete ? EX_OK : EX_DATAERR;
}

/* --- making -------------------------------------------------------------------------------------
 */

static int put_made(struct plan_of_topics *plan, const struct kafka_new_topic *topics,
                    const struct error *errors, size_t count, bool is_dry)
{
    int code = EX_OK;

    for (size_t i = 0; i < count; i++) {
        /* Somebody else may have made it in the meantime. */
        bool is_there = strcmp(errors[i].code, "TOPIC_ALREADY_EXISTS") == 0;
        bool is_made = errors[i].code[0] == '\0';
        put_row(plan, topics[i].name,
                is_made    ? (is_dry ? "would be made" : "made")
                : is_there ? "ok"
                           : "failed",
                "partitions", NULL, number(plan, topics[i].partition_count),
                is_made || is_there ? NULL : errors[i].message);
        if (!is_made && !is_there)
            code = EX_UNAVAILABLE;
    }
    return code;
}

static int make(struct plan_of_topics *plan, const struct kafka_new_topic *topics, size_t count)
{
    bool is_dry = option_given(plan->invocation, "dry-run");
    struct error errors[TOPICS] = {{{0}, {0}}};
    struct error err;
    bool is_told = false;
    enum status status = kafka_admin_create_topics(plan->admin, topics, count, is_dry,
                                                   timeout_of(plan), errors, &err);

    for (size_t i = 0; i < count; i++)
        is_told = is_told || errors[i].code[0] != '\0';
    if (status != STATUS_OK &&
        !is_told) /* not a topic's fault: the brokers were not reached, say */
        return complain_status(status, &err);
    return put_made(plan, topics, errors, count, is_dry);
}

static int ensure(struct plan_of_topics *plan)
{
    struct kafka_new_topic topics[TOPICS];
    size_t count = 0;
    int code = EX_OK;

    output_begin(plan->invocation->output, columns);
    for (int i = 0; i < TOPICS; i++) {
        if (plan->topics[i].exists)
            put_row(plan, plan->wishes[i].name, "ok", "partitions",
                    number(plan, plan->topics[i].partition_count), NULL,
                    "it is there, and left as it is");
        else
            topics[count++] =
                (struct kafka_new_topic){plan->wishes[i].name, (int32_t)plan->partitions,
                                         (int32_t)plan->replication, plan->wishes[i].settings};
    }
    if (count > 0)
        code = make(plan, topics, count);
    output_end(plan->invocation->output, NULL);
    return code;
}

static int run(struct invocation *invocation, int (*act)(struct plan_of_topics *plan))
{
    struct plan_of_topics plan = {.invocation = invocation};
    struct kafka_options kafka = configuration_kafka(invocation->config);
    struct error err;
    enum status status;
    int code = EX_USAGE;

    if (!read_options(&plan))
        return EX_USAGE;
    if (!configuration_needs(invocation->config->kafka.brokers, "kafka.brokers"))
        return EX_CONFIG;
    make_wishes(&plan);
    status = kafka_admin_open(&plan.admin, &kafka, &err);
    if (status == STATUS_OK)
        status = look(&plan, &err);
    code = status == STATUS_OK ? act(&plan) : complain_status(status, &err);
    kafka_admin_close(plan.admin);
    return code;
}

static int run_plan(struct invocation *invocation)
{
    return run(invocation, show);
}

static int run_ensure(struct invocation *invocation)
{
    return run(invocation, ensure);
}
