#include "stage/prepare.h"

#include "base/arena.h"
#include "base/clock.h"
#include "base/map.h"
#include "domain/kind.h"
#include "domain/password.h"
#include "wire/hash_pool.h"
#include "wire/passwords.h"

/* A password of an event of the batch, and what is to be done with it. Texts are in the batch's
 * arena. */
struct task {
    struct event *event;
    size_t record;
    struct stored_password *compared; /* NULL: to be hashed and stored */
};

struct tasks {
    struct task *items;
    struct hash_job *jobs; /* by task */
    size_t count;
};

/* --- what an event asks for ---------------------------------------------------------------------
 */

/* The secret of the event that is hashed and stored, or compared with what is stored; or NULL. */
static struct secret *secret_of(const struct event *event, enum field_flag purpose)
{
    for (const struct field *field = event->kind->fields; field->type != FIELD_END; field++) {
        if (field->type == FIELD_SECRET && field->flags & purpose)
            return (struct secret *)((char *)event->payload + field->offset);
    }
    return NULL;
}

static const struct ref *ref_of(const struct event *event)
{
    for (const struct field *field = event->kind->fields; field->type != FIELD_END; field++) {
        if (field->type == FIELD_REF)
            return (const struct ref *)((const char *)event->payload + field->offset);
    }
    return NULL;
}

/* Is there something to be found out for the event? */
static bool is_open(const struct batch *batch, size_t i)
{
    const struct event *event = batch->events[i];
    return event && event->kind && !batch->records[i].is_reread && !event->fault.code &&
           !event->prepared.fault.code;
}

/* Most passwords come as hashes, which are stored as they are. */
static bool needs_hashing(const struct secret *secret)
{
    struct text plain;
    if (!secret || secret->type == SECRET_NONE)
        return false;
    return secret->type != SECRET_HASH || password_is_cleartext(secret->hash, &plain);
}

static bool wants_hash(const struct batch *batch, size_t i)
{
    return is_open(batch, i) && text_is_null(batch->events[i]->prepared.password_hash) &&
           needs_hashing(secret_of(batch->events[i], FIELD_STORED_HASH));
}

static bool wants_comparison(const struct batch *batch, size_t i)
{
    return is_open(batch, i) && batch->events[i]->prepared.verified == VERIFY_NONE &&
           secret_of(batch->events[i], FIELD_COMPARED);
}

bool prepare_needs_database(const struct batch *batch)
{
    for (size_t i = 0; i < batch->count; i++) {
        if (wants_comparison(batch, i))
            return true;
    }
    return false;
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
static bool plain_to_store(struct prepare *prepare, struct event *event, struct arena *arena,
                           struct text *ret_plain)
{
    const struct secret *secret = secret_of(event, FIELD_STORED_HASH);
    switch (secret->type) {
    case SECRET_NONE:
        return false;
    case SECRET_HASH:
        if (!password_is_cleartext(secret->hash, ret_plain))
            return false;
        *ret_plain = text_copy(arena, *ret_plain);
        break;
    case SECRET_SEALED:
        if (!unseal(prepare, event, secret, arena, ret_plain))
            return false;
        break;
    case SECRET_GENERATED:
        return generate(event, secret, arena, ret_plain);
    }
    if (judge_plain(prepare, event, *ret_plain, arena))
        return true;
    crypto_wipe(*ret_plain);
    return false;
}

/* What is compared may be anything: what cannot be a password of ours is a wrong one. */
static bool plain_to_compare(struct prepare *prepare, struct event *event, struct arena *arena,
                             struct text *ret_plain)
{
    const struct secret *secret = secret_of(event, FIELD_COMPARED);
    if (secret->type != SECRET_SEALED)
        return fault_set(&event->prepared.fault, arena, CODE_INVALID_FIELD,
                         "the secret must be sealed: what is compared is a password, not a hash");
    return unseal(prepare, event, secret, arena, ret_plain);
}

/* --- the tasks of a batch -----------------------------------------------------------------------
 */

/* How many records from the front can be prepared together: up to the first that is to be compared
 * with a password that one before it may change, since what is stored now says nothing about that.
 * An account that goes by its address here and by its uuid there is not noticed; apply notices. */
static size_t count_foreseeable(struct batch *batch)
{
    struct map changed;
    if (!prepare_needs_database(batch))
        return batch->count;
    map_init(&changed, &batch->arena, batch->count);
    for (size_t i = 0; i < batch->count; i++) {
        struct event *event = batch->events[i];
        if (!event || !event->kind || event->fault.code)
            continue;
        struct text address = address_of(event);
        if (text_is_null(address))
            continue;
        if (wants_comparison(batch, i) && map_get(&changed, address))
            return i;
        if (!(event->kind->flags & KIND_UNCOUNTED) && !secret_of(event, FIELD_COMPARED))
            map_put(&changed, address, event);
    }
    return batch->count;
}

/* Memory is for the events that have something to be found out: most batches have none of these. */
static size_t count_wanting(const struct batch *batch, size_t ready)
{
    size_t count = 0;
    for (size_t i = 0; i < ready; i++)
        count += wants_comparison(batch, i) || wants_hash(batch, i);
    return count;
}

bool prepare_is_due(const struct batch *batch)
{
    return count_wanting(batch, batch->count) > 0;
}

static enum status load_compared(struct prepare *prepare, struct batch *batch, size_t ready,
                                 size_t wanting, struct stored_password **ret_compared,
                                 struct error *err)
{
    struct stored_password *items = ARENA_ARRAY(&batch->arena, struct stored_password, wanting);
    size_t count = 0;
    for (size_t i = 0; i < ready; i++) {
        const struct event *event = batch->events[i];
        if (wants_comparison(batch, i))
            items[count++] =
                (struct stored_password){.context = event->context, .ref = *ref_of(event)};
    }
    *ret_compared = items;
    return count ? passwords_load(*prepare->pg, items, count, &batch->arena, err) : STATUS_OK;
}

/* Where there is nothing to compare with, a password of nobody is hashed: the answer takes about as
 * long as with a stored hash of the configured scheme and cost. Stored hashes of other schemes can
 * still be told apart by their time, by whoever may send VerifyPassword and is patient. */
static void add_task(struct tasks *tasks, const struct task *task, struct text plain,
                     struct arena *arena)
{
    struct hash_job *job = &tasks->jobs[tasks->count];
    tasks->items[tasks->count++] = *task;
    *job = (struct hash_job){.plain = plain};
    if (task->compared && !text_is_null(task->compared->hash)) {
        job->stored = task->compared->hash;
        return;
    }
    job->hash = arena_alloc(arena, PASSWORD_HASH_MAX);
    if (task->compared) {
        crypto_wipe(plain);
        job->plain = text_copy(arena, TEXT("nobody's password"));
    }
}

static void gather(struct prepare *prepare, struct batch *batch, size_t ready, size_t wanting,
                   struct stored_password *compared, struct tasks *tasks)
{
    tasks->items = ARENA_ARRAY(&batch->arena, struct task, wanting);
    tasks->jobs = ARENA_ARRAY(&batch->arena, struct hash_job, wanting);
    for (size_t i = 0; i < ready; i++) {
        struct task task = {.event = batch->events[i], .record = i};
        struct text plain = TEXT_NULL;
        bool has_plain = false;
        if (wants_comparison(batch, i)) {
            task.compared = compared++;
            has_plain = plain_to_compare(prepare, task.event, &batch->arena, &plain);
        } else if (wants_hash(batch, i)) {
            has_plain = plain_to_store(prepare, task.event, &batch->arena, &plain);
        }
        if (has_plain)
            add_task(tasks, &task, plain, &batch->arena);
    }
}

/* --- what came out ------------------------------------------------------------------------------
 */

static void take_result(const struct task *task, const struct hash_job *job)
{
    struct prepared *prepared = &task->event->prepared;
    if (!task->compared) {
        prepared->password_hash = text_from(job->hash);
        return;
    }
    prepared->verified_uuid = task->compared->uuid;
    prepared->verified_hash = task->compared->hash;
    prepared->verified = !task->compared->is_found ? VERIFY_NO_ACCOUNT
                         : job->matches            ? VERIFY_RIGHT
                                                   : VERIFY_WRONG;
}

/* Keeps what is done. The batch ends before the first password that is not; when that is the first
 * record of all, there is nothing to go on with. */
static enum status take_results(const struct tasks *tasks, size_t *ready, struct error *err)
{
    enum status status = STATUS_OK;
    size_t first_missing = *ready;
    for (size_t i = tasks->count; i-- > 0;) {
        const struct hash_job *job = &tasks->jobs[i];
        crypto_wipe(job->plain);
        if (job->is_done && job->status == STATUS_OK) {
            take_result(&tasks->items[i], job);
            continue;
        }
        first_missing = tasks->items[i].record;
        status = job->is_done ? job->status : STATUS_OK;
        if (status != STATUS_OK)
            *err = job->error;
    }
    if (status == STATUS_FATAL || (status != STATUS_OK && first_missing == 0))
        return status;
    *ready = first_missing;
    return STATUS_OK;
}

static enum status run_tasks(struct prepare *prepare, struct tasks *tasks, struct error *err)
{
    if (tasks->count == 0)
        return STATUS_OK;
    if (!prepare->pool)
        prepare->pool = hash_pool_open(prepare->threads);
    if (prepare->pool) {
        hash_pool_run(prepare->pool, tasks->jobs, tasks->count, &prepare->cost,
                      deadline_in_ms(prepare->deadline_ms), prepare->stop);
        return STATUS_OK;
    }
    for (size_t i = 0; i < tasks->count; i++)
        crypto_wipe(tasks->jobs[i].plain);
    return error_set(err, STATUS_RETRY, "ENOMEM", "no memory for hashing passwords");
}

enum status prepare_run(struct prepare *prepare, struct batch *batch, size_t *ret_ready,
                        struct error *err)
{
    size_t ready = count_foreseeable(batch);
    size_t wanting = count_wanting(batch, ready);
    struct stored_password *compared;
    struct tasks tasks = {.count = 0};
    enum status status = load_compared(prepare, batch, ready, wanting, &compared, err);
    if (status != STATUS_OK)
        return status;
    gather(prepare, batch, ready, wanting, compared, &tasks);
    status = run_tasks(prepare, &tasks, err);
    if (status == STATUS_OK)
        status = take_results(&tasks, &ready, err);
    if (status == STATUS_OK)
        *ret_ready = ready;
    return status;
}

void prepare_close(struct prepare *prepare)
{
    hash_pool_close(prepare->pool);
    prepare->pool = NULL;
}
