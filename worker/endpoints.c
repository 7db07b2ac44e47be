#include "endpoints.h"

#include "base/clock.h"
#include "metrics.h"
#include "version.h"
#include "wire/http_server.h"

#include <inttypes.h>
#include <string.h>

/* A reason stands in shared memory that its lane may write at this moment: it is copied within its
 * bounds, and control characters are left out so that it stays one line. */
static void put_reason(struct buffer *out, const char reason[COUNTERS_REASON_MAX],
                       const char *otherwise)
{
    size_t len = strnlen(reason, COUNTERS_REASON_MAX);
    if (len == 0)
        buffer_put_text(out, text_from(otherwise));
    for (size_t i = 0; i < len; i++)
        buffer_put_char(out, (unsigned char)reason[i] < ' ' ? ' ' : reason[i]);
}

static bool put_lane(struct buffer *out, int index, const struct counters *lane)
{
    switch ((enum lane_state)gauge_get(&lane->state)) {
    case LANE_RUNNING:
        return true;
    case LANE_STARTING:
        buffer_printf(out, "lane %d is starting; ask again in a moment\n", index);
        return false;
    case LANE_WAITING:
        buffer_printf(out, "lane %d waits: ", index);
        put_reason(out, lane->waiting_for, "the log says for what");
        buffer_printf(out, "; it goes on by itself, `provctl check` tries each connection\n");
        return false;
    case LANE_STOPPING:
        buffer_printf(out, "lane %d is stopping\n", index);
        return false;
    case LANE_FAILED:
        break;
    }
    buffer_printf(out, "lane %d has failed: ", index);
    put_reason(out, lane->waiting_for, "the log says why");
    buffer_printf(out, "; it is started again within a minute, at once by SIGHUP\n");
    return false;
}

static bool put_halts(struct buffer *out, int index, const struct counters *lane)
{
    bool none = true;
    for (int i = 0; i < COUNTERS_PARTITIONS_MAX; i++) {
        const struct partition_counters *partition = &lane->partitions[i];
        if (gauge_get(&partition->state) != PARTITION_HALTED)
            continue;
        buffer_printf(out, "partition %" PRId64 " (lane %d) is halted: ",
                      gauge_get(&partition->partition), index);
        put_reason(out, partition->reason, "the log says why");
        buffer_put_char(out, '\n');
        none = false;
    }
    return none;
}

bool endpoints_readiness(const struct endpoints *endpoints, struct buffer *out)
{
    bool ready = !endpoints->is_stopping;
    if (endpoints->is_stopping)
        buffer_printf(out, "provd is stopping\n");
    for (int i = 0; i < endpoints->lane_count; i++) {
        ready &= put_lane(out, i, &endpoints->lanes[i]);
        ready &= put_halts(out, i, &endpoints->lanes[i]);
    }
    return ready;
}

static void answer_livez(const struct endpoints *endpoints, struct http_reply *reply)
{
    (void)endpoints;
    buffer_printf(&reply->body, "alive\n");
}

static void answer_readyz(const struct endpoints *endpoints, struct http_reply *reply)
{
    if (endpoints_readiness(endpoints, &reply->body))
        buffer_printf(&reply->body, "ready\n");
    else
        reply->status = 503;
}

static void answer_metrics(const struct endpoints *endpoints, struct http_reply *reply)
{
    reply->content_type = METRICS_CONTENT_TYPE;
    metrics_write(&reply->body, &(struct metrics_source){
                                    .lanes = endpoints->lanes,
                                    .lane_count = endpoints->lane_count,
                                    .topic = endpoints->topic,
                                    .now_us = clock_now_us(),
                                });
}

/* Both values are our own and need no escaping. */
static void answer_version(const struct endpoints *endpoints, struct http_reply *reply)
{
    (void)endpoints;
    reply->content_type = "application/json";
    buffer_printf(&reply->body, "{\"name\":\"provd\",\"version\":\"%s\",\"commit\":\"%s\"}\n",
                  PROVD_VERSION, provd_commit);
}

void endpoints_answer(void *context, const char *path, struct http_reply *reply)
{
    static const struct {
        const char *path;
        void (*answer)(const struct endpoints *endpoints, struct http_reply *reply);
    } routes[] = {
        {"/livez", answer_livez},
        {"/readyz", answer_readyz},
        {"/metrics", answer_metrics},
        {"/version", answer_version},
    };
    for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
        if (strcmp(path, routes[i].path) == 0) {
            routes[i].answer(context, reply);
            return;
        }
    }
    reply->status = 404;
    buffer_printf(&reply->body, "there is /livez, /readyz, /metrics and /version\n");
}
