#include "moment.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define US_PER_S INT64_C(1000000)
#define YEAR_0_US (INT64_C(-62167219200) * US_PER_S)
#define YEAR_9999_END_US (INT64_C(253402300800) * US_PER_S - 1)

/* Takes exactly `count` digits off the front. */
static bool take_digits(struct text *t, size_t count, int *ret_value)
{
    int value = 0;

    if (t->len < count)
        return false;
    for (size_t i = 0; i < count; i++) {
        if (t->data[i] < '0' || t->data[i] > '9')
            return false;
        value = value * 10 + (t->data[i] - '0');
    }
    *t = text_slice(*t, count, SIZE_MAX);
    *ret_value = value;
    return true;
}

static bool take_char(struct text *t, const char *allowed)
{
    if (t->len == 0 || !strchr(allowed, t->data[0]))
        return false;
    *t = text_slice(*t, 1, SIZE_MAX);
    return true;
}

static bool take_date(struct text *t, struct tm *tm)
{
    if (!take_digits(t, 4, &tm->tm_year) || !take_char(t, "-") || !take_digits(t, 2, &tm->tm_mon) ||
        !take_char(t, "-") || !take_digits(t, 2, &tm->tm_mday))
        return false;
    tm->tm_year -= 1900;
    tm->tm_mon -= 1;
    return true;
}

static bool take_clock(struct text *t, struct tm *tm)
{
    return take_char(t, "Tt ") && take_digits(t, 2, &tm->tm_hour) && take_char(t, ":") &&
           take_digits(t, 2, &tm->tm_min) && take_char(t, ":") && take_digits(t, 2, &tm->tm_sec) &&
           tm->tm_hour < 24 && tm->tm_min < 60 && tm->tm_sec < 60;
}

/* The decimals of a second; none is fine. */
static bool take_fraction(struct text *t, int64_t *ret_us)
{
    int64_t us = 0;
    int digits = 0;
    int digit;

    *ret_us = 0;
    if (!take_char(t, "."))
        return true;
    for (; digits < 9 && take_digits(t, 1, &digit); digits++) {
        if (digits < 6)
            us = us * 10 + digit;
    }
    for (int i = digits; i < 6; i++)
        us *= 10;
    *ret_us = us;
    return digits > 0;
}

static bool take_offset(struct text *t, int64_t *ret_seconds)
{
    int hours;
    int minutes;
    bool is_behind;

    *ret_seconds = 0;
    if (take_char(t, "Zz"))
        return true;
    is_behind = t->len > 0 && t->data[0] == '-';
    if (!take_char(t, "+-") || !take_digits(t, 2, &hours) || !take_char(t, ":") ||
        !take_digits(t, 2, &minutes) || hours > 23 || minutes > 59)
        return false;
    *ret_seconds = (is_behind ? -1 : 1) * (hours * 3600 + minutes * 60);
    return true;
}

bool moment_parse(struct text t, int64_t *ret_us)
{
    struct tm tm = {0};
    struct tm check;
    int64_t fraction_us;
    int64_t offset_s;
    time_t seconds;

    if (!take_date(&t, &tm) || !take_clock(&t, &tm) || !take_fraction(&t, &fraction_us) ||
        !take_offset(&t, &offset_s) || t.len > 0)
        return false;
    check = tm;
    seconds = timegm(&check);
    if (check.tm_mday != tm.tm_mday || check.tm_mon != tm.tm_mon)
        return false; /* 30 February */
    *ret_us = ((int64_t)seconds - offset_s) * US_PER_S + fraction_us;
    return true;
}

void moment_format(int64_t us, char ret_text[MOMENT_TEXT_MAX])
{
    struct tm tm;
    time_t seconds;
    int64_t fraction_us;
    size_t len;

    if (us < YEAR_0_US || us > YEAR_9999_END_US) {
        snprintf(ret_text, MOMENT_TEXT_MAX, "%" PRId64, us);
        return;
    }
    seconds = (time_t)(us / US_PER_S);
    fraction_us = us % US_PER_S;
    if (fraction_us < 0) {
        fraction_us += US_PER_S;
        seconds--;
    }
    gmtime_r(&seconds, &tm);
    /* %Y would write the year 26 without its zeros, which nobody reads again. */
    len = (size_t)snprintf(ret_text, MOMENT_TEXT_MAX, "%04d", tm.tm_year + 1900);
    len += strftime(ret_text + len, MOMENT_TEXT_MAX - len, "-%m-%dT%H:%M:%S", &tm);
    if (fraction_us == 0)
        snprintf(ret_text + len, MOMENT_TEXT_MAX - len, "Z");
    else
        snprintf(ret_text + len, MOMENT_TEXT_MAX - len, ".%06" PRId64 "Z", fraction_us);
}

bool moment_parse_duration(struct text t, int64_t *ret_ms)
{
    static const struct {
        const char *unit;
        int64_t ms;
    } units[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}};
    size_t digits = 0;
    int64_t number;

    while (digits < t.len && t.data[digits] >= '0' && t.data[digits] <= '9')
        digits++;
    if (digits == 0 || !text_to_int64(text_slice(t, 0, digits), &number))
        return false;
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        if (text_equal_z(text_slice(t, digits, SIZE_MAX), units[i].unit))
            return !__builtin_mul_overflow(number, units[i].ms, ret_ms) &&
                   *ret_ms < INT64_MAX / 1000;
    }
    return false;
}
