/* How far a long command is, on stderr: a bar with rate and time left on a terminal, a line of JSON
 * every few seconds otherwise. Nothing for what is done at once. */
#ifndef PROVCTL_PROGRESS_H
#define PROVCTL_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct progress {
    const char *unit;
    int64_t total; /* 0: not known */
    int64_t done;
    double share;               /* of the whole; -1: done / total tells it */
    int64_t begun_us, shown_us; /* monotonic */
    bool is_terminal, was_shown;
};

void progress_begin(struct progress *progress, const char *unit, int64_t total);
void progress_show(struct progress *progress, int64_t done);
/* The same where the total is not known, but how much of the way lies behind: 0 to 1. */
void progress_show_share(struct progress *progress, int64_t done, double share);
/* Takes the bar away. */
void progress_end(struct progress *progress);

#endif
