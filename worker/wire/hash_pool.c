#include "wire/hash_pool.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/clock.h"

/* The jobs belong to the caller of hash_pool_run, who waits until all of them are finished. */
struct hash_pool {
    pthread_t threads[HASH_THREADS_MAX];
    int thread_count;
    pthread_mutex_t mutex;
    pthread_cond_t work, done;
    struct hash_cost cost;
    struct hash_job *jobs;
    size_t count, next, finished;
    int64_t deadline_us;
    const volatile sig_atomic_t *stop;
    bool is_closing;
};

static bool has_time(const struct hash_pool *pool, size_t job)
{
    bool is_stopping = pool->stop && *pool->stop;
    return job == 0 || !(is_stopping || deadline_passed(pool->deadline_us));
}

static void do_job(struct hash_job *job, const struct hash_cost *cost)
{
    job->status = STATUS_OK;
    if (text_is_null(job->stored))
        job->status = crypto_hash_password(job->plain, cost, job->hash, &job->error);
    else
        job->status = crypto_verify_password(job->plain, job->stored, &job->matches, &job->error);
    job->is_done = true;
}

/* With the mutex held; gives it back while hashing. False when nothing is left to be taken. */
static bool do_next_job(struct hash_pool *pool)
{
    if (pool->next == pool->count)
        return false;
    size_t next = pool->next++;
    if (has_time(pool, next)) {
        pthread_mutex_unlock(&pool->mutex);
        do_job(&pool->jobs[next], &pool->cost);
        pthread_mutex_lock(&pool->mutex);
    }
    if (++pool->finished == pool->count)
        pthread_cond_signal(&pool->done);
    return true;
}

static void *work(void *opaque)
{
    struct hash_pool *pool = opaque;
    pthread_mutex_lock(&pool->mutex);
    while (!pool->is_closing) {
        if (!do_next_job(pool))
            pthread_cond_wait(&pool->work, &pool->mutex);
    }
    pthread_mutex_unlock(&pool->mutex);
    return NULL;
}

struct hash_pool *hash_pool_open(int threads)
{
    struct hash_pool *pool = calloc(1, sizeof *pool);
    if (!pool)
        return NULL;
    pthread_mutex_init(&pool->mutex, NULL);
    pthread_cond_init(&pool->work, NULL);
    pthread_cond_init(&pool->done, NULL);
    /* A thread that cannot be had is missed by nobody: the caller does the jobs too. */
    for (int i = 0; i < threads - 1 && i < HASH_THREADS_MAX; i++) {
        if (pthread_create(&pool->threads[pool->thread_count], NULL, work, pool) == 0)
            pool->thread_count++;
    }
    return pool;
}

void hash_pool_close(struct hash_pool *pool)
{
    if (!pool)
        return;
    pthread_mutex_lock(&pool->mutex);
    pool->is_closing = true;
    pthread_cond_broadcast(&pool->work);
    pthread_mutex_unlock(&pool->mutex);
    for (int i = 0; i < pool->thread_count; i++)
        pthread_join(pool->threads[i], NULL);
    pthread_cond_destroy(&pool->work);
    pthread_cond_destroy(&pool->done);
    pthread_mutex_destroy(&pool->mutex);
    free(pool);
}

void hash_pool_run(struct hash_pool *pool, struct hash_job *jobs, size_t count,
                   const struct hash_cost *cost, int64_t deadline_us,
                   const volatile sig_atomic_t *stop)
{
    pthread_mutex_lock(&pool->mutex);
    pool->cost = *cost;
    pool->deadline_us = deadline_us;
    pool->stop = stop;
    pool->jobs = jobs;
    pool->count = count;
    pool->next = pool->finished = 0;
    pthread_cond_broadcast(&pool->work);
    while (do_next_job(pool))
        ;
    while (pool->finished < pool->count)
        pthread_cond_wait(&pool->done, &pool->mutex);
    pool->count = pool->next = 0;
    pthread_mutex_unlock(&pool->mutex);
}
