#include "progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"

#define US_PER_S INT64_C(1000000)

enum { BAR_CELLS = 30, TERMINAL_PERIOD_MS = 100, LINE_PERIOD_MS = 5000, QUIET_MS = 1000 };

void progress_begin(struct progress *progress, const char *unit, int64_t total)
{
    *progress = (struct progress){.unit = unit, .total = total, .begun_us = clock_monotonic_us()};
    progress->shown_us = progress->begun_us;
    progress->is_terminal = isatty(STDERR_FILENO) == 1;
}

static void show_bar(const struct progress *progress, double rate, int64_t left_s)
{
    char bar[BAR_CELLS + 1];
    int filled = (int)(BAR_CELLS * progress->done / progress->total);

    memset(bar, '-', BAR_CELLS);
    memset(bar, '#', (size_t)(filled < BAR_CELLS ? filled : BAR_CELLS));
    bar[BAR_CELLS] = '\0';
    fprintf(stderr,
            "\r[%s] %" PRId64 "/%" PRId64 " %s, %.0f/s, %" PRId64 ":%02" PRId64 " left \033[K", bar,
            progress->done, progress->total, progress->unit, rate, left_s / 60, left_s % 60);
}

static void show(struct progress *progress, int64_t now_us)
{
    double seconds = (double)(now_us - progress->begun_us) / (double)US_PER_S;
    double rate = seconds > 0 ? (double)progress->done / seconds : 0;
    int64_t left = progress->total > progress->done ? progress->total - progress->done : 0;
    int64_t left_s = rate > 0 ? (int64_t)((double)left / rate) : 0;

    if (!progress->is_terminal)
        fprintf(stderr,
                "{\"done\":%" PRId64 ",\"total\":%" PRId64
                ",\"unit\":\"%s\",\"per_second\":%.0f,\"left_s\":%" PRId64 "}\n",
                progress->done, progress->total, progress->unit, rate, left_s);
    else if (progress->total > 0)
        show_bar(progress, rate, left_s);
    else
        fprintf(stderr, "\r%" PRId64 " %s, %.0f/s \033[K", progress->done, progress->unit, rate);
    progress->was_shown = true;
    progress->shown_us = now_us;
}

void progress_show(struct progress *progress, int64_t done)
{
    int64_t now_us = clock_monotonic_us();
    int64_t period_ms = progress->is_terminal ? TERMINAL_PERIOD_MS : LINE_PERIOD_MS;

    progress->done = done;
    if (now_us - progress->begun_us >= QUIET_MS * INT64_C(1000) &&
        now_us - progress->shown_us >= period_ms * 1000)
        show(progress, now_us);
}

void progress_end(struct progress *progress)
{
    if (progress->was_shown && progress->is_terminal)
        fputs("\r\033[K", stderr);
}
