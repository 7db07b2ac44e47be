/* Time: wall clock in microseconds since 1970 for what is stored or shown, monotonic clock for
 * deadlines. Nothing in domain/ includes this file: the plan reads no clock. */
#ifndef PROVD_BASE_CLOCK_H
#define PROVD_BASE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

int64_t clock_now_us(void);       /* wall clock, microseconds since 1970 UTC */
int64_t clock_monotonic_us(void); /* never goes back; unrelated to the wall clock */
void clock_sleep_ms(int64_t duration_ms);

/* A deadline is a monotonic time in microseconds. */
int64_t deadline_in_ms(int64_t duration_ms);
bool deadline_passed(int64_t deadline_us);
/* Milliseconds left, rounded up, at least 0, clamped to INT32_MAX: for poll(). */
int deadline_left_ms(int64_t deadline_us);

#endif
