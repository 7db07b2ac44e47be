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
    *progress = (struct progress){
        .unit = unit, .total = total, .share = -1, .begun_us = clock_monotonic_us()};
    progress->shown_us = progress->begun_us;
    progress->is_terminal = isatty(STDERR_FILENO) == 1;
}

/* "12" of what is not known to be how many, or "12/40". */
static void put_count(const struct progress *progress)
{
    fprintf(stderr, "%" PRId64, progress->done);
    if (progress->total > 0)
        fprintf(stderr, "/%" PRId64, progress->total);
    fprintf(stderr, " %s", progress->unit);
}

static void show_bar(const struct progress *progress, double share, double rate, int64_t left_s)
{
    char bar[BAR_CELLS + 1];
    int filled = (int)(BAR_CELLS * share);

    memset(bar, '-', BAR_CELLS);
    memset(bar, '#', (size_t)(filled < BAR_CELLS ? filled : BAR_CELLS));
    bar[BAR_CELLS] = '\0';
    fprintf(stderr, "\r[%s] %3.0f%%, ", bar, 100 * share);
    put_count(progress);
    fprintf(stderr, ", %.0f/s, %" PRId64 ":%02" PRId64 " left \033[K", rate, left_s / 60,
            left_s % 60);
}

/* How much is done, 0 to 1; -1 where nobody knows. */
static double share_of(const struct progress *progress)
{
    if (progress->share >= 0)
        return progress->share;
    return progress->total > 0 ? (double)progress->done / (double)progress->total : -1;
}

static void show_line(const struct progress *progress, double share, double rate, int64_t left_s)
{
    fprintf(stderr,
            "{\"done\":%" PRId64 ",\"total\":%" PRId64 ",\"unit\":\"%s\",\"per_second\":%.0f",
            progress->done, progress->total, progress->unit, rate);
    if (share >= 0)
        fprintf(stderr, ",\"share\":%.3f,\"left_s\":%" PRId64, share, left_s);
    fputs("}\n", stderr);
}

static void show(struct progress *progress, int64_t now_us)
{
    double seconds = (double)(now_us - progress->begun_us) / (double)US_PER_S;
    double rate = seconds > 0 ? (double)progress->done / seconds : 0;
    double share = share_of(progress);
    int64_t left_s = share > 0 ? (int64_t)(seconds / share - seconds) : 0;

    if (!progress->is_terminal) {
        show_line(progress, share, rate, left_s);
    } else if (share >= 0) {
        show_bar(progress, share, rate, left_s);
    } else {
        fputs("\r", stderr);
        put_count(progress);
        fprintf(stderr, ", %.0f/s \033[K", rate);
    }
    progress->was_shown = true;
    progress->shown_us = now_us;
}

void progress_show_share(struct progress *progress, int64_t done, double share)
{
    int64_t now_us = clock_monotonic_us();
    int64_t period_ms = progress->is_terminal ? TERMINAL_PERIOD_MS : LINE_PERIOD_MS;

    progress->done = done;
    progress->share = share;
    if (now_us - progress->begun_us >= QUIET_MS * INT64_C(1000) &&
        now_us - progress->shown_us >= period_ms * 1000)
        show(progress, now_us);
}

void progress_show(struct progress *progress, int64_t done)
{
    progress_show_share(progress, done, -1);
}

void progress_end(struct progress *progress)
{
    if (progress->was_shown && progress->is_terminal)
        fputs("\r\033[K", stderr);
}
