#include "stage/prepare.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "domain/kind.h"
#include "domain/password.h"

enum { THREADS_MAX = 16 };

/* One password to hash. Plain and hash are in the batch's arena. */
struct job {
    struct event *event;
    struct text plain;
    char *hash; /* PASSWORD_HASH_MAX */
    enum status status;
    struct error error;
};

/* Threads that take jobs one by one until none is left. The arrays belong to the caller of
 * pool_run. */
struct prepare_pool {
    pthread_t threads[THREADS_MAX];
    int thread_count;
    pthread_mutex_t mutex;
    pthread_cond_t work, done;
    struct hash_cost cost;
    struct job *jobs;
    size_t count, next, finished;
    int64_t deadline_us;
    bool is_closing;
};

/* With the mutex held; gives it back while hashing. False when there is nothing left to do in time.
 */
static bool do_next_job(struct prepare_pool *pool)
{
    if (pool->next == pool->count)
        return false;
    struct job *job = &pool->jobs[pool->next++];
    bool in_time = !deadline_passed(pool->deadline_us);
    pthread_mutex_unlock(&pool->mutex);
    job->status = in_time ? crypto_hash_password(job->plain, &pool->cost, job->hash, &job->error)
                          : error_set(&job->error, STATUS_RETRY, "DEADLINE",
                                      "hashing of passwords takes longer than hashing.deadline");
    pthread_mutex_lock(&pool->mutex);
    if (++pool->finished == pool->count)
        pthread_cond_signal(&pool->done);
    return true;
}

static void *work(void *opaque)
{
    struct prepare_pool *pool = opaque;
    pthread_mutex_lock(&pool->mutex);
    while (!pool->is_closing) {
        if (!do_next_job(pool))
            pthread_cond_wait(&pool->work, &pool->mutex);
    }
    pthread_mutex_unlock(&pool->mutex);
    return NULL;
}

static struct prepare_pool *pool_open(int threads)
{
    struct prepare_pool *pool = calloc(1, sizeof *pool);
    if (!pool)
        return NULL;
    pthread_mutex_init(&pool->mutex, NULL);
    pthread_cond_init(&pool->work, NULL);
    pthread_cond_init(&pool->done, NULL);
    /* The lane's own thread hashes too, while it waits for the others. */
    for (int i = 0; i < threads - 1 && i < THREADS_MAX; i++) {
        if (pthread_create(&pool->threads[pool->thread_count], NULL, work, pool) == 0)
            pool->thread_count++;
    }
    return pool;
}

void prepare_close(struct prepare *prepare)
{
    struct prepare_pool *pool = prepare->pool;
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
    prepare->pool = NULL;
}

static void pool_run(struct prepare_pool *pool, struct job *jobs, size_t count,
                     const struct hash_cost *cost, int64_t deadline_us)
{
    pthread_mutex_lock(&pool->mutex);
    pool->cost = *cost;
    pool->deadline_us = deadline_us;
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

/* --- which passwords ----------------------------------------------------------------------------
 */

/* The secret of the event that is to be stored, or NULL. */
static struct secret *secret_of(struct event *event)
{
    for (const struct field *field = event->kind->fields; field->type != FIELD_END; field++) {
        if (field->type == FIELD_SECRET && field->flags & FIELD_STORED_HASH)
            return (struct secret *)((char *)event->payload + field->offset);
    }
    return NULL;
}

/* The address of the account, when the event names it: a password must not be its local part. */
static struct text address_of(const struct event *event)
{
    for (const struct field *field = event->kind->fields; field->type != FIELD_END; field++) {
        const char *place = (const char *)event->payload + field->offset;
        if (field->type == FIELD_ADDRESS)
            return *(const struct text *)place;
        if (field->type == FIELD_REF)
            return ((const struct ref *)place)->address;
    }
    return TEXT_NULL;
}

static bool unseal(struct prepare *prepare, struct event *event, const struct secret *secret,
                   struct arena *arena, struct text *ret_plain)
{
    struct fault *fault = &event->prepared.fault;
    switch (
        keyring_unseal(prepare->keyring, secret->key_id, secret->ciphertext, arena, ret_plain)) {
    case UNSEAL_OK:
        return true;
    case UNSEAL_NO_KEY: {
        enum { SHOWN_MAX = 64 };
        struct text shown = text_quote(arena, secret->key_id, SHOWN_MAX);
        return fault_set(fault, arena, CODE_INVALID_FIELD,
                         "the password is sealed to key %.*s, which this worker does not have",
                         TEXT_ARG(shown));
    }
    case UNSEAL_BROKEN:
        break;
    }
    return fault_set(fault, arena, CODE_INVALID_FIELD,
                     "the sealed password does not open: it is damaged, or sealed to another key");
}

static bool judge_plain(struct prepare *prepare, struct event *event, struct text plain,
                        struct arena *arena)
{
    struct fault *fault = &event->prepared.fault;
    size_t bytes_max = crypto_password_bytes_max(prepare->cost.scheme);
    if (!text_is_utf8(plain) || text_has_control(plain, NULL))
        return fault_set(fault, arena, CODE_BAD_CHARACTER,
                         "the password has a control character or is not UTF-8");
    if (plain.len > bytes_max || text_characters(plain) > PASSWORD_CHARACTERS_MAX)
        return fault_set(fault, arena, CODE_INVALID_FIELD,
                         "the password is longer than the configured hash takes (%zu bytes)",
                         bytes_max);
    if (password_strength(plain, address_of(event)) != CODE_NONE)
        return fault_set(fault, arena, CODE_WEAK_PASSWORD,
                         "the password is shorter than 8 characters or equals the local part");
    return true;
}

static bool generate(struct event *event, const struct secret *secret, struct arena *arena,
                     struct text *ret_plain)
{
    crypto_generate_password(arena, (size_t)secret->length, ret_plain);
    if (crypto_seal(secret->public_key, *ret_plain, arena, &event->prepared.sealed_password))
        return true;
    crypto_wipe(*ret_plain);
    return fault_set(&event->prepared.fault, arena, CODE_INVALID_FIELD,
                     "public_key is no X25519 key to which a password can be sealed");
}

/* True and the clear password when the event has one to hash. */
static bool plain_of(struct prepare *prepare, struct event *event, struct arena *arena,
                     struct text *ret_plain)
{
    struct secret *secret = secret_of(event);
    if (!secret)
        return false;
    switch (secret->type) {
    case SECRET_NONE:
        return false;
    case SECRET_HASH:
        if (!password_is_cleartext(secret->hash, ret_plain))
            return false;
        *ret_plain = text_copy(arena, *ret_plain);
        return judge_plain(prepare, event, *ret_plain, arena);
    case SECRET_SEALED:
        return unseal(prepare, event, secret, arena, ret_plain) &&
               judge_plain(prepare, event, *ret_plain, arena);
    case SECRET_GENERATED:
        return generate(event, secret, arena, ret_plain);
    }
    return false;
}

static bool needs_preparing(const struct batch *batch, size_t i)
{
    const struct event *event = batch->events[i];
    return event && event->kind && !batch->records[i].is_reread && !event->fault.code &&
           !event->prepared.fault.code && text_is_null(event->prepared.password_hash);
}

static size_t gather_jobs(struct prepare *prepare, struct batch *batch, struct job *jobs)
{
    size_t count = 0;
    for (size_t i = 0; i < batch->count; i++) {
        struct text plain;
        if (needs_preparing(batch, i) && plain_of(prepare, batch->events[i], &batch->arena, &plain))
            jobs[count++] = (struct job){
                .event = batch->events[i],
                .plain = plain,
                .hash = arena_alloc(&batch->arena, PASSWORD_HASH_MAX),
            };
    }
    return count;
}

static size_t count_secrets(const struct batch *batch)
{
    size_t count = 0;
    for (size_t i = 0; i < batch->count; i++)
        count += needs_preparing(batch, i) && secret_of(batch->events[i]);
    return count;
}

/* Keeps what was hashed; the first failure is the stage's. */
static enum status take_hashes(struct job *jobs, size_t count, struct error *err)
{
    enum status status = STATUS_OK;
    for (size_t i = 0; i < count; i++) {
        crypto_wipe(jobs[i].plain);
        if (jobs[i].status == STATUS_OK) {
            jobs[i].event->prepared.password_hash = text_from(jobs[i].hash);
        } else if (status == STATUS_OK) {
            status = jobs[i].status;
            *err = jobs[i].error;
        }
    }
    return status;
}

enum status prepare_run(struct prepare *prepare, struct batch *batch, struct error *err)
{
    size_t secrets = count_secrets(batch);
    if (secrets == 0)
        return STATUS_OK;
    struct job *jobs = ARENA_ARRAY(&batch->arena, struct job, secrets);
    size_t count = gather_jobs(prepare, batch, jobs);
    if (!prepare->pool)
        prepare->pool = pool_open(prepare->threads);
    if (!prepare->pool)
        return error_set(err, STATUS_RETRY, "ENOMEM", "no memory for hashing passwords");
    if (count)
        pool_run(prepare->pool, jobs, count, &prepare->cost, deadline_in_ms(prepare->deadline_ms));
    enum status status = take_hashes(jobs, count, err);
    return status;
}
