/* The two clocks of the kernel. */
#include "base/clock.h"

#include <time.h>

static int64_t read_clock_us(clockid_t id)
{
    struct timespec now;
    clock_gettime(id, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t clock_now_us(void)
{
    return read_clock_us(CLOCK_REALTIME);
}

int64_t clock_monotonic_us(void)
{
    return read_clock_us(CLOCK_MONOTONIC);
}

/* A signal ends the sleep early on purpose: whoever sleeps looks for a request to stop afterwards.
 */
void clock_sleep_ms(int64_t duration_ms)
{
    if (duration_ms <= 0)
        return;
    struct timespec duration = {.tv_sec = duration_ms / 1000,
                                .tv_nsec = (duration_ms % 1000) * 1000000};
    nanosleep(&duration, NULL);
}

int64_t deadline_in_ms(int64_t duration_ms)
{
    int64_t duration_us, deadline_us;
    if (__builtin_mul_overflow(duration_ms, (int64_t)1000, &duration_us) ||
        __builtin_add_overflow(clock_monotonic_us(), duration_us, &deadline_us))
        return duration_ms < 0 ? INT64_MIN : INT64_MAX;
    return deadline_us;
}

bool deadline_passed(int64_t deadline_us)
{
    return clock_monotonic_us() >= deadline_us;
}

int deadline_left_ms(int64_t deadline_us)
{
    int64_t now_us = clock_monotonic_us();
    if (deadline_us <= now_us)
        return 0;
    int64_t left_us = deadline_us - now_us;
    int64_t left_ms = left_us / 1000 + (left_us % 1000 != 0);
    return left_ms > INT32_MAX ? INT32_MAX : (int)left_ms;
}
