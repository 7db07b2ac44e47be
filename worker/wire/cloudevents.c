#include "wire/cloudevents.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { MS_PER_S = 1000 };

static void format_time(int64_t timestamp_ms, char *ret_text)
{
    time_t seconds = (time_t)(timestamp_ms / MS_PER_S);
    struct tm utc;
    gmtime_r(&seconds, &utc);
    size_t len = strftime(ret_text, CLOUDEVENTS_TIME_MAX, "%Y-%m-%dT%H:%M:%S", &utc);
    snprintf(ret_text + len, CLOUDEVENTS_TIME_MAX - len, ".%03dZ", (int)(timestamp_ms % MS_PER_S));
}

/* A record without a timestamp (-1) counts as of 1970. */
void cloudevents_headers(struct cloudevents *ce, const struct uuid *result_id, size_t number,
                         int64_t timestamp_ms, struct kafka_header *ret_headers)
{
    uuid_format(result_id, ce->id);
    if (number > 0)
        snprintf(ce->id + UUID_TEXT_LEN, sizeof ce->id - UUID_TEXT_LEN, "/%zu", number);
    format_time(timestamp_ms < 0 ? 0 : timestamp_ms, ce->time);
    const struct kafka_header headers[CLOUDEVENTS_HEADERS] = {
        {TEXT("ce_specversion"), TEXT("1.0")},
        {TEXT("ce_type"), number > 0 ? TEXT("provisioning.change") : TEXT("provisioning.result")},
        {TEXT("ce_source"), TEXT("/provd")},
        {TEXT("ce_id"), text_from(ce->id)},
        {TEXT("ce_time"), text_from(ce->time)},
    };
    memcpy(ret_headers, headers, sizeof headers);
}
