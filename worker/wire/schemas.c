#include "wire/schemas.h"

#include "base/clock.h"
#include "base/memory.h"
#include "wire/avro_names.h"
#include "wire/registry.h"
#include "wire/schemas_absent.h"
#include "wire/schemas_embedded.h"
#include "wire/schemas_library.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    KNOWN_MAX = 256,
    ASK_AGAIN_MS = 1000, /* for a schema that may be on its way */
    SCAN_AGAIN_MS = ASK_AGAIN_MS,
    US_PER_MS = 1000,
    SHOWN_MAX = 80,
    SINGLE_OBJECT_PREFIX_LEN = 10,
    CONFLUENT_PREFIX_LEN = 5,
};

/* What a frame names, in a form that can be compared. */
struct key {
    uint8_t bytes[17]; /* the kind, then id, GUID or fingerprint */
};

struct known {
    struct key key;
    struct writer_schema *schema; /* NULL: unusable */
    char reason[ERROR_MESSAGE_MAX];
};

struct schemas {
    struct schemas_options options;
    struct registry *registry;      /* NULL: none */
    struct known *known[KNOWN_MAX]; /* the one used last is the first */
    size_t known_count;
    struct absentees absentees;
    struct lookups lookups;
    struct library library;
    int64_t scanned_us;
    struct writer_schema *bare;
    struct buffer json;
};

static struct key key_of(const struct frame *frame);
static void show(const struct frame *frame, char shown[SHOWN_MAX]);
static struct known *known_find(struct schemas *schemas, const struct key *key);
static enum status learn(struct schemas *schemas, const struct frame *frame,
                         struct known **ret_known, enum code *ret_code, struct error *err);

static bool is_set(const char *z)
{
    return z != NULL && z[0] != '\0';
}

/* --- opening ---------------------------------------------------------------------------------- */

static enum status open_registry(struct schemas *schemas, struct error *err)
{
    const struct schemas_options *options = &schemas->options;
    const struct http_options http = {
        .username = options->username,
        .password = options->password,
        .token = options->token,
        .ca_file = options->ca_file,
        .timeout_ms = options->timeout_ms,
    };

    if (!is_set(options->registry_url))
        return STATUS_OK;
    return registry_open(&schemas->registry, options->registry_url, &http, err);
}

static enum status open_bare(struct schemas *schemas, struct error *err)
{
    char *json;

    if (!is_set(schemas->options.bare_file))
        return STATUS_OK;
    json = schema_file_read(schemas->options.bare_file, err);
    if (json == NULL)
        return STATUS_FATAL;
    schemas->bare = writer_schema_compile(text_from(json), err);
    free(json);
    if (schemas->bare == NULL)
        return error_prefix(err, STATUS_FATAL, "%s", schemas->options.bare_file);
    return STATUS_OK;
}

static enum status open_library(struct schemas *schemas, struct error *err)
{
    library_add(&schemas->library, text_from(schema_provisioning_event));
    schemas->scanned_us = clock_monotonic_us();
    if (!is_set(schemas->options.directory))
        return STATUS_OK;
    return library_scan(&schemas->library, schemas->options.directory, err);
}

enum status schemas_open(struct schemas **ret_schemas, const struct schemas_options *options,
                         struct error *err)
{
    struct schemas *schemas = calloc(1, sizeof *schemas);
    enum status status;

    if (schemas == NULL)
        return error_set(err, STATUS_RETRY, NULL, "schemas: out of memory");
    schemas->options = *options;
    absentees_init(&schemas->absentees);
    buffer_init(&schemas->json, AVRO_SCHEMA_BYTES_MAX);
    status = open_registry(schemas, err);
    if (status == STATUS_OK)
        status = open_bare(schemas, err);
    if (status == STATUS_OK)
        status = open_library(schemas, err);
    if (status != STATUS_OK) {
        schemas_close(schemas);
        return status;
    }
    *ret_schemas = schemas;
    return STATUS_OK;
}

static void known_close(struct known *known)
{
    writer_schema_close(known->schema);
    free(known);
}

void schemas_close(struct schemas *schemas)
{
    if (schemas == NULL)
        return;
    for (size_t i = 0; i < schemas->known_count; i++)
        known_close(schemas->known[i]);
    registry_close(schemas->registry);
    absentees_close(&schemas->absentees);
    library_close(&schemas->library);
    writer_schema_close(schemas->bare);
    buffer_close(&schemas->json);
    free(schemas);
}

/* --- finding ---------------------------------------------------------------------------------- */

enum status schemas_find(struct schemas *schemas, const struct frame *frame, bool may_ask,
                         struct writer_schema **ret_schema, enum code *ret_code, struct error *err)
{
    struct key key = key_of(frame);
    struct known *known;
    enum status status;

    *ret_schema = NULL;
    *ret_code = CODE_UNKNOWN_SCHEMA;
    if (frame->kind == FRAMING_BARE) {
        if (schemas->bare == NULL)
            error_set(err, STATUS_OK, NULL, "bare Avro, and no schema is configured for it");
        *ret_schema = schemas->bare;
        return STATUS_OK;
    }
    known = known_find(schemas, &key);
    if (known == NULL && !may_ask)
        return error_set(err, STATUS_RETRY, NULL, "schemas: not asked for now");
    if (known == NULL) {
        status = learn(schemas, frame, &known, ret_code, err);
        if (status != STATUS_OK || known == NULL)
            return status;
    }
    *ret_schema = known->schema;
    if (known->schema == NULL) {
        *ret_code = CODE_UNUSABLE_SCHEMA;
        error_set(err, STATUS_OK, NULL, "%s", known->reason);
    }
    return STATUS_OK;
}

static struct key key_of(const struct frame *frame)
{
    struct key key = {{(uint8_t)frame->kind}};

    switch (frame->kind) {
    case FRAMING_CONFLUENT_ID:
        memcpy(key.bytes + 1, &frame->id, sizeof frame->id);
        break;
    case FRAMING_CONFLUENT_GUID:
        memcpy(key.bytes + 1, frame->guid.bytes, sizeof frame->guid.bytes);
        break;
    case FRAMING_SINGLE_OBJECT:
        memcpy(key.bytes + 1, &frame->fingerprint, sizeof frame->fingerprint);
        break;
    case FRAMING_BARE:
        break;
    }
    return key;
}

static void show(const struct frame *frame, char shown[SHOWN_MAX])
{
    char guid[UUID_TEXT_LEN + 1];

    switch (frame->kind) {
    case FRAMING_CONFLUENT_ID:
        snprintf(shown, SHOWN_MAX, "id %" PRIu32, frame->id);
        break;
    case FRAMING_CONFLUENT_GUID:
        uuid_format(&frame->guid, guid);
        snprintf(shown, SHOWN_MAX, "GUID %s", guid);
        break;
    case FRAMING_SINGLE_OBJECT:
        snprintf(shown, SHOWN_MAX, "fingerprint %016" PRIx64, frame->fingerprint);
        break;
    case FRAMING_BARE:
        snprintf(shown, SHOWN_MAX, "no name");
        break;
    }
}

static struct known *known_find(struct schemas *schemas, const struct key *key)
{
    for (size_t i = 0; i < schemas->known_count; i++) {
        struct known *known = schemas->known[i];

        if (memcmp(&known->key, key, sizeof *key) != 0)
            continue;
        memmove(&schemas->known[1], &schemas->known[0], i * sizeof schemas->known[0]);
        schemas->known[0] = known;
        return known;
    }
    return NULL;
}

/* `schema` NULL: unusable, for the reason. */
static struct known *known_add(struct schemas *schemas, const struct key *key,
                               struct writer_schema *schema, const char *reason)
{
    struct known *known = memory_zalloc("schemas", 1, sizeof *known);

    if (schemas->known_count == KNOWN_MAX)
        known_close(schemas->known[--schemas->known_count]);
    memmove(&schemas->known[1], &schemas->known[0],
            schemas->known_count * sizeof schemas->known[0]);
    schemas->known[0] = known;
    schemas->known_count++;
    known->key = *key;
    known->schema = schema;
    snprintf(known->reason, sizeof known->reason, "%s", reason);
    return known;
}

/* --- what is not there ------------------------------------------------------------------------ */

/* Whether it may still come is judged by the record's age, or by the first lookup where the
 * record's clock is ahead. */
static bool is_overdue(const struct schemas *schemas, const struct frame *frame,
                       const struct absentee *absentee, int64_t now_us)
{
    int64_t patience_us = schemas->options.not_found_after_ms * US_PER_MS;
    int64_t age_us = frame->timestamp_us > 0 ? clock_now_us() - frame->timestamp_us : 0;

    return age_us >= patience_us || now_us - absentee->first_us >= patience_us;
}

static enum status still_waiting(const struct frame *frame, struct error *err)
{
    char shown[SHOWN_MAX];

    show(frame, shown);
    return error_set(err, STATUS_RETRY, NULL,
                     "schemas: there is no schema with %s yet; waiting for it", shown);
}

static enum status not_there(const struct schemas *schemas, const struct frame *frame,
                             struct error *err)
{
    bool needs_registry = frame->kind != FRAMING_SINGLE_OBJECT;
    char shown[SHOWN_MAX];

    show(frame, shown);
    error_set(err, STATUS_OK, NULL, "there is no schema with %s%s", shown,
              needs_registry && schemas->registry == NULL
                  ? ": no schema registry is configured (registry.url)"
                  : "");
    return STATUS_OK;
}

/* It was just looked for in vain. */
static enum status note_absent(struct schemas *schemas, const struct frame *frame,
                               const struct key *key, struct error *err)
{
    struct text name = {(const char *)key->bytes, sizeof key->bytes};
    struct absentee *absentee = absentees_note(&schemas->absentees, name);
    int64_t now_us = clock_monotonic_us();

    if (absentee->first_us == 0)
        absentee->first_us = now_us;
    if (!absentee->is_believed && !is_overdue(schemas, frame, absentee, now_us)) {
        absentee->ask_again_us = now_us + ASK_AGAIN_MS * US_PER_MS;
        return still_waiting(frame, err);
    }
    absentee->is_believed = true;
    absentee->ask_again_us = now_us + schemas->options.negative_cache_ms * US_PER_MS;
    return not_there(schemas, frame, err);
}

/* True when what is remembered answers it; *ret_status is the answer. */
static bool recall_absent(struct schemas *schemas, const struct frame *frame, const struct key *key,
                          enum status *ret_status, struct error *err)
{
    struct text name = {(const char *)key->bytes, sizeof key->bytes};
    struct absentee *absentee = absentees_find(&schemas->absentees, name);
    int64_t now_us = clock_monotonic_us();

    if (absentee == NULL || absentee->first_us == 0)
        return false;
    if (!absentee->is_believed && is_overdue(schemas, frame, absentee, now_us))
        return false;
    if (now_us >= absentee->ask_again_us)
        return false;
    *ret_status =
        absentee->is_believed ? not_there(schemas, frame, err) : still_waiting(frame, err);
    return true;
}

/* --- learning --------------------------------------------------------------------------------- */

static enum status ask_registry(struct schemas *schemas, const struct frame *frame,
                                enum registry_answer *ret_answer, struct error *err)
{
    if (schemas->registry == NULL) {
        *ret_answer = REGISTRY_ABSENT;
        return STATUS_OK;
    }
    if (!lookups_take(&schemas->lookups, clock_monotonic_us()))
        return error_set(
            err, STATUS_RETRY, NULL,
            "schemas: too many unknown schema ids at once; asking for the others later");
    if (frame->kind == FRAMING_CONFLUENT_ID)
        return registry_schema_of_id(schemas->registry, frame->id, &schemas->json, ret_answer, err);
    return registry_schema_of_guid(schemas->registry, &frame->guid, &schemas->json, ret_answer,
                                   err);
}

static void search_library(struct schemas *schemas, uint64_t fingerprint,
                           enum registry_answer *ret_answer)
{
    struct text json = library_find(&schemas->library, fingerprint);
    int64_t now_us = clock_monotonic_us();

    if (json.data == NULL && is_set(schemas->options.directory) &&
        now_us - schemas->scanned_us >= SCAN_AGAIN_MS * US_PER_MS) {
        schemas->scanned_us = now_us;
        library_scan(&schemas->library, schemas->options.directory, NULL);
        json = library_find(&schemas->library, fingerprint);
    }
    *ret_answer = json.data != NULL ? REGISTRY_FOUND : REGISTRY_ABSENT;
    if (json.data != NULL)
        buffer_put_text(&schemas->json, json);
}

static struct known *compile(struct schemas *schemas, const struct key *key)
{
    struct error reason = {.message = ""};
    struct text json = buffer_text(&schemas->json);
    struct writer_schema *schema = writer_schema_compile(json, &reason);

    library_add(&schemas->library, json);
    return known_add(schemas, key, schema, reason.message);
}

/* *ret_known is NULL when it is not there. */
static enum status learn(struct schemas *schemas, const struct frame *frame,
                         struct known **ret_known, enum code *ret_code, struct error *err)
{
    struct key key = key_of(frame);
    enum registry_answer answer = REGISTRY_ABSENT;
    struct error reason = {.message = ""};
    enum status status = STATUS_OK;

    *ret_known = NULL;
    *ret_code = CODE_UNKNOWN_SCHEMA;
    if (recall_absent(schemas, frame, &key, &status, err))
        return status;
    buffer_clear(&schemas->json);
    if (frame->kind == FRAMING_SINGLE_OBJECT)
        search_library(schemas, frame->fingerprint, &answer);
    else
        status = ask_registry(schemas, frame, &answer, &reason);
    if (status != STATUS_OK)
        return error_set(err, status, NULL, "%s", reason.message);
    if (answer == REGISTRY_ABSENT)
        return note_absent(schemas, frame, &key, err);
    *ret_known = answer == REGISTRY_FOUND ? compile(schemas, &key)
                                          : known_add(schemas, &key, NULL, reason.message);
    return STATUS_OK;
}

/* --- our own output --------------------------------------------------------------------------- */

static enum status frame_single_object(const char *schema_json, struct framing *ret_framing,
                                       struct error *err)
{
    uint64_t fingerprint;

    if (!schema_fingerprint(text_from(schema_json), &fingerprint))
        return error_set(err, STATUS_FATAL, NULL, "schemas: an output schema is broken");
    *ret_framing = (struct framing){.prefix = {0xC3, 0x01}, .prefix_len = SINGLE_OBJECT_PREFIX_LEN};
    for (int i = 0; i < 8; i++)
        ret_framing->prefix[2 + i] = (uint8_t)(fingerprint >> (8 * i));
    return STATUS_OK;
}

enum status schemas_framing(struct schemas *schemas, const char *subject, const char *schema_json,
                            bool single_object, struct framing *ret_framing, struct error *err)
{
    enum registry_answer answer;
    enum status status;
    uint32_t id = 0;

    if (single_object)
        return frame_single_object(schema_json, ret_framing, err);
    if (schemas->registry == NULL)
        return error_set(err, STATUS_FATAL, NULL,
                         "schemas: Confluent framing of %s needs a registry: set registry.url, or "
                         "single-object framing",
                         subject);
    status = registry_id_of_schema(schemas->registry, subject, schema_json, &id, &answer, err);
    if (status != STATUS_OK)
        return status;
    if (answer != REGISTRY_FOUND)
        return error_set(err, STATUS_FATAL, NULL,
                         "schemas: the registry does not have this version's schema under %s: run "
                         "`provctl schema register`",
                         subject);
    *ret_framing = (struct framing){.prefix_len = CONFLUENT_PREFIX_LEN};
    for (int i = 0; i < 4; i++)
        ret_framing->prefix[1 + i] = (uint8_t)(id >> (24 - 8 * i));
    return STATUS_OK;
}
