/* A thread that runs one job at a time for its owner, who goes on meanwhile: what the job works
 * with belongs to the job from background_run until background_wait has returned. */
#ifndef PROVD_BASE_BACKGROUND_H
#define PROVD_BASE_BACKGROUND_H

#include <stdbool.h>

struct background;

/* NULL when there is no memory or no thread. All signals are left to the other threads. */
struct background *background_open(void);
/* Waits for the job that runs. NULL is fine. */
void background_close(struct background *background);

/* Starts the job; the one before it must have been waited for. */
void background_run(struct background *background, void (*job)(void *argument), void *argument);
/* True when no job is running. */
bool background_is_done(struct background *background);
/* Waits until the job has returned; at once when there is none. */
void background_wait(struct background *background);
/* The same for so long at most; false when the job still runs. */
bool background_wait_ms(struct background *background, int ms);

#endif
