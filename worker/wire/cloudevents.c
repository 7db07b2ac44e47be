#include "wire/cloudevents.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "domain/value.h"

enum { MS_PER_S = 1000 };

/* The text of the second is kept: most records are of the same one as the record before. */
static void format_time(struct cloudevents *ce, int64_t timestamp_ms)
{
    int64_t second = timestamp_ms / MS_PER_S;
    unsigned ms = (unsigned)(timestamp_ms % MS_PER_S);

    if (ce->second_len == 0 || second != ce->second) {
        struct tm utc;
        gmtime_r(&second, &utc);
        ce->second_len = strftime(ce->time, CLOUDEVENTS_TIME_MAX, "%Y-%m-%dT%H:%M:%S", &utc);
        ce->second = second;
    }
    const char fraction[] = {
        '.', (char)('0' + ms / 100), (char)('0' + ms / 10 % 10), (char)('0' + ms % 10), 'Z', '\0'};
    memcpy(ce->time + ce->second_len, fraction, sizeof fraction);
}

/* RFC 3339 has years of four digits: as for record_time_us (batch.h), times outside of those that
 * it can write, and none (-1), count as the nearest. */
static int64_t within_years(int64_t timestamp_ms)
{
    static const int64_t last_ms = TIME_MAX_US / 1000;

    if (timestamp_ms < 0)
        return 0;
    return timestamp_ms < last_ms ? timestamp_ms : last_ms;
}

void cloudevents_headers(struct cloudevents *ce, const struct uuid *result_id, size_t number,
                         int64_t timestamp_ms, struct kafka_header *ret_headers)
{
    uuid_format(result_id, ce->id);
    if (number > 0)
        snprintf(ce->id + UUID_TEXT_LEN, sizeof ce->id - UUID_TEXT_LEN, "/%zu", number);
    format_time(ce, within_years(timestamp_ms));
    const struct kafka_header headers[CLOUDEVENTS_HEADERS] = {
        {TEXT("ce_specversion"), TEXT("1.0")},
        {TEXT("ce_type"), number > 0 ? TEXT("provisioning.change") : TEXT("provisioning.result")},
        {TEXT("ce_source"), TEXT("/provd")},
        {TEXT("ce_id"), text_from(ce->id)},
        {TEXT("ce_time"), text_from(ce->time)},
    };
    memcpy(ret_headers, headers, sizeof headers);
}
