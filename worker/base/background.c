#include "base/background.h"

#include <assert.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"

struct background {
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    void (*job)(void *argument); /* NULL: none */
    void *argument;
    bool is_closing;
};

static void *serve(void *opaque)
{
    struct background *background = opaque;

    pthread_mutex_lock(&background->mutex);
    for (;;) {
        while (!background->job && !background->is_closing)
            pthread_cond_wait(&background->changed, &background->mutex);
        if (!background->job)
            break;
        pthread_mutex_unlock(&background->mutex);
        background->job(background->argument);
        pthread_mutex_lock(&background->mutex);
        background->job = NULL;
        pthread_cond_broadcast(&background->changed);
    }
    pthread_mutex_unlock(&background->mutex);
    return NULL;
}

/* With all signals blocked: they are for the thread that loops. */
static bool start(struct background *background)
{
    sigset_t all, before;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = pthread_create(&background->thread, NULL, serve, background);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return failed == 0;
}

struct background *background_open(void)
{
    struct background *background = calloc(1, sizeof *background);

    if (!background)
        return NULL;
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&background->mutex, NULL);
    pthread_cond_init(&background->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    if (start(background))
        return background;
    pthread_cond_destroy(&background->changed);
    pthread_mutex_destroy(&background->mutex);
    free(background);
    return NULL;
}

void background_close(struct background *background)
{
    if (!background)
        return;
    pthread_mutex_lock(&background->mutex);
    background->is_closing = true;
    pthread_cond_broadcast(&background->changed);
    pthread_mutex_unlock(&background->mutex);
    pthread_join(background->thread, NULL);
    pthread_cond_destroy(&background->changed);
    pthread_mutex_destroy(&background->mutex);
    free(background);
}

void background_run(struct background *background, void (*job)(void *argument), void *argument)
{
    pthread_mutex_lock(&background->mutex);
    assert(!background->job);
    background->job = job;
    background->argument = argument;
    pthread_cond_broadcast(&background->changed);
    pthread_mutex_unlock(&background->mutex);
}

bool background_is_done(struct background *background)
{
    pthread_mutex_lock(&background->mutex);
    bool is_done = !background->job;
    pthread_mutex_unlock(&background->mutex);
    return is_done;
}

void background_wait(struct background *background)
{
    pthread_mutex_lock(&background->mutex);
    while (background->job)
        pthread_cond_wait(&background->changed, &background->mutex);
    pthread_mutex_unlock(&background->mutex);
}

bool background_wait_ms(struct background *background, int ms)
{
    int64_t until_us = deadline_in_ms(ms);
    const struct timespec until = {.tv_sec = (time_t)(until_us / 1000000),
                                   .tv_nsec = (long)(until_us % 1000000) * 1000};
    int failed = 0;

    pthread_mutex_lock(&background->mutex);
    while (background->job && !failed)
        failed = pthread_cond_timedwait(&background->changed, &background->mutex, &until);
    bool is_done = !background->job;
    pthread_mutex_unlock(&background->mutex);
    return is_done;
}
