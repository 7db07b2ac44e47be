#include "post.h"

#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "base/clock.h"
#include "brokers.h"
#include "configuration.h"
#include "envelope.h"
#include "shelf.h"
#include "wire/kafka_reader.h"
#include "wire/kafka_sender.h"
#include "wire/schemas.h"
#include "wire/schemas_embedded.h"

enum {
    POLL_MS = 200,
    SEND_TIMEOUT_MS = 60000,
    FRAMING_BYTES_MAX = 16,
};

struct post {
    struct invocation *invocation;
    struct kafka_options options;
    struct shelf *shelf;
    struct schemas *schemas;
    struct kafka_sender *sender;
    struct kafka_reader *results; /* NULL: nobody waits */
    struct framing framing;
    struct buffer bytes;
};

void letter_close(struct letter *letter)
{
    json_decref(letter->event);
    json_decref(letter->result);
    letter->event = letter->result = NULL;
}

/* --- opening ------------------------------------------------------------------------------------
 */

/* The id that the registry has for our schema, or its fingerprint where there is none. */
static enum status find_framing(struct post *post, struct error *err)
{
    const struct config *config = post->invocation->config;
    const struct config_registry *registry = &config->registry;
    struct schemas_options options = {
        .registry_url = registry->url,
        .username = registry->username,
        .password = registry->password,
        .token = registry->token,
        .ca_file = registry->ca_file,
        .timeout_ms = registry->timeout_ms,
    };
    struct text subject =
        text_format(post->invocation->arena, "%s-value", config->kafka.topic_events);
    enum status status = schemas_open(&post->schemas, &options, err);

    if (status != STATUS_OK)
        return status;
    return schemas_framing(post->schemas, subject.data, schema_provisioning_event, !*registry->url,
                           &post->framing, err);
}

static void delivered(void *opaque, void *tag, enum status status, int32_t partition,
                      int64_t offset, const struct error *err)
{
    struct letter *letter = tag;

    (void)opaque;
    letter->is_delivered = status == STATUS_OK;
    letter->partition = partition;
    letter->offset = offset;
    if (status != STATUS_OK)
        memcpy(letter->failure, err->message, sizeof letter->failure);
}

/* All partitions of the results, from now on. */
static enum status open_results(struct post *post, struct error *err)
{
    const char *topic = post->options.results_topic;
    int timeout_ms = (int)post->invocation->config->kafka.request_timeout_ms;
    struct kafka_range *ranges;
    int32_t count = 0;
    enum status status = brokers_partition_count(post->invocation, topic, &count, err);

    if (status != STATUS_OK)
        return status;
    ranges = ARENA_ARRAY(post->invocation->arena, struct kafka_range, (size_t)count);
    for (int32_t i = 0; i < count; i++)
        ranges[i] = (struct kafka_range){i, KAFKA_FROM_END, KAFKA_TO_NEVER};
    return kafka_reader_open(&post->results, &post->options, topic, ranges, (size_t)count,
                             timeout_ms, err);
}

static enum status connect_all(struct post *post, bool waits, struct error *err)
{
    enum status status = find_framing(post, err);

    if (status == STATUS_OK && waits)
        status = open_results(post, err);
    if (status == STATUS_OK)
        status = kafka_sender_open(&post->sender, &post->options, post->options.events_topic,
                                   delivered, NULL, err);
    return status;
}

int post_open(struct post **ret_post, struct invocation *invocation, bool is_check_only, bool waits)
{
    const struct config *config = invocation->config;
    struct post *post = calloc(1, sizeof *post);
    struct error err;
    enum status status;

    *ret_post = post;
    if (!post)
        return EX_OSERR;
    post->invocation = invocation;
    post->options = configuration_kafka(config);
    buffer_init(&post->bytes, (size_t)config->limits.event_bytes + FRAMING_BYTES_MAX);
    status = shelf_open(&post->shelf, config, &err);
    if (status != STATUS_OK)
        return complain_status(status, &err);
    if (is_check_only)
        return EX_OK;
    if (!configuration_needs(config->kafka.brokers, "kafka.brokers"))
        return EX_CONFIG;
    status = connect_all(post, waits, &err);
    return status == STATUS_OK ? EX_OK : complain_status(status, &err);
}

void post_close(struct post *post)
{
    if (!post)
        return;
    kafka_reader_close(post->results);
    kafka_sender_close(post->sender);
    schemas_close(post->schemas);
    shelf_close(post->shelf);
    buffer_close(&post->bytes);
    free(post);
}

/* --- sending ------------------------------------------------------------------------------------
 */

bool post_seal(struct post *post, json_t *event, const struct envelope *envelope,
               struct letter *ret_letter, struct error *err)
{
    struct arena *arena = post->invocation->arena;

    *ret_letter = (struct letter){.event = event};
    buffer_clear(&post->bytes);
    buffer_put(&post->bytes, post->framing.prefix, post->framing.prefix_len);
    if (!envelope_complete(event, envelope, err) ||
        !codec_encode(shelf_newest(post->shelf, RECORD_EVENT), event, &post->bytes, err)) {
        letter_close(ret_letter);
        return false;
    }
    ret_letter->event_id = json_member_z(event, "event_id");
    ret_letter->kind = envelope_kind(event);
    ret_letter->key = envelope->key ? text_from(envelope->key) : envelope_key(event, arena);
    ret_letter->value = text_copy(arena, buffer_text(&post->bytes));
    return true;
}

enum status post_send(struct post *post, struct letter *letters, size_t count, struct error *err)
{
    for (size_t i = 0; i < count; i++) {
        struct kafka_record record = {
            .partition = -1, .key = letters[i].key, .value = letters[i].value};
        enum status status =
            kafka_sender_send(post->sender, &record, &letters[i], SEND_TIMEOUT_MS, err);
        if (status != STATUS_OK) {
            memcpy(letters[i].failure, err->message, sizeof letters[i].failure);
            kafka_sender_flush(post->sender, SEND_TIMEOUT_MS, &(struct error){{0}, {0}});
            return status;
        }
    }
    return kafka_sender_flush(post->sender, SEND_TIMEOUT_MS, err);
}

/* --- waiting ------------------------------------------------------------------------------------
 */

static int by_coordinates(const void *a, const void *b)
{
    const struct letter *x = *(struct letter *const *)a;
    const struct letter *y = *(struct letter *const *)b;

    if (x->partition != y->partition)
        return x->partition < y->partition ? -1 : 1;
    return x->offset == y->offset ? 0 : x->offset < y->offset ? -1 : 1;
}

struct waiting {
    struct letter **letters; /* those delivered, by their coordinates */
    size_t count, left;
};

static void begin_waiting(struct waiting *waiting, struct post *post, struct letter *letters,
                          size_t count)
{
    waiting->letters = ARENA_ARRAY(post->invocation->arena, struct letter *, count);
    waiting->count = 0;
    for (size_t i = 0; i < count; i++) {
        if (letters[i].is_delivered && !letters[i].result)
            waiting->letters[waiting->count++] = &letters[i];
    }
    qsort(waiting->letters, waiting->count, sizeof(struct letter *), by_coordinates);
    waiting->left = waiting->count;
}

/* The letter that the result is about, by where the event lies: ids may have been sent twice. */
static struct letter *find_letter(const struct waiting *waiting, const struct post *post,
                                  const json_t *result)
{
    const json_t *source = json_object_get(result, "source");
    const char *topic = json_member_z(source, "topic");
    struct letter wanted = {0};
    struct letter *key = &wanted;
    struct letter **found;
    int64_t partition = -1;

    if (!topic || strcmp(topic, post->options.events_topic) != 0 ||
        !json_member_int64(source, "partition", &partition) ||
        !json_member_int64(source, "offset", &wanted.offset))
        return NULL;
    wanted.partition = (int32_t)partition;
    found =
        bsearch(&key, waiting->letters, waiting->count, sizeof(struct letter *), by_coordinates);
    return found ? *found : NULL;
}

static void say_provisional(const json_t *result)
{
    const char *message = json_member_z(result, "message");

    complain("event %s is %s%s%s; still waiting for its final result",
             json_member_z(result, "event_id"), json_member_z(result, "status"),
             message ? ": " : "", message ? message : "");
}

/* A result that cannot be read is not ours: another worker's, with a newer schema. */
static void take_result(struct waiting *waiting, struct post *post,
                        const struct kafka_message *message, post_answered *answered, void *opaque)
{
    struct text header = TEXT_NULL;
    struct error err;
    json_t *result;
    struct letter *letter;

    kafka_message_header_named(message, "__value_schema_id", &header);
    result =
        shelf_decode(post->shelf, RECORD_RESULT, kafka_message_value(message), header, NULL, &err);
    letter = result ? find_letter(waiting, post, result) : NULL;
    if (letter && json_is_false(json_object_get(result, "final"))) {
        say_provisional(result);
    } else if (letter && !letter->result) {
        letter->result = json_incref(result);
        waiting->left--;
        if (answered)
            answered(opaque, letter);
    }
    json_decref(result);
}

enum status post_wait(struct post *post, struct letter *letters, size_t count, int64_t timeout_ms,
                      post_answered *answered, void *opaque, struct error *err)
{
    int64_t deadline_us = deadline_in_ms(timeout_ms);
    struct waiting waiting;
    enum status status = STATUS_OK;

    begin_waiting(&waiting, post, letters, count);
    while (waiting.left > 0 && !deadline_passed(deadline_us)) {
        struct kafka_message *message = NULL;
        status = kafka_reader_next(post->results, POLL_MS, &message, err);
        if (status == STATUS_FATAL)
            return status;
        if (message) /* RETRY: librdkafka goes on by itself */
            take_result(&waiting, post, message, answered, opaque);
        kafka_message_close(message);
    }
    if (waiting.left == 0)
        return STATUS_OK;
    if (status != STATUS_OK)
        return status;
    return error_set(err, STATUS_RETRY, "NO_RESULT",
                     "no result of %zu of %zu events within %lld s: does a worker run (`provctl "
                     "fence show`)? Was the "
                     "event a dead letter (`provctl events tail dlq`)? Its result may still come "
                     "(`provctl ledger show EVENT_ID`)",
                     waiting.left, waiting.count, (long long)(timeout_ms / 1000));
}

int post_exit_code(const json_t *result)
{
    static const struct {
        const char *status;
        int code;
    } codes[] = {
        {"APPLIED", EX_OK},      {"NO_CHANGE", EX_OK},     {"DUPLICATE", EX_OK},
        {"PLANNED", EX_OK},      {"REJECTED", EX_DATAERR}, {"EXPIRED", EX_DATAERR},
        {"FAILED", EX_TEMPFAIL},
    };
    const char *status = json_member_z(result, "status");

    for (size_t i = 0; status && i < sizeof codes / sizeof *codes; i++) {
        if (strcmp(codes[i].status, status) == 0)
            return codes[i].code;
    }
    return EX_TEMPFAIL;
}
