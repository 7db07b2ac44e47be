#include "shelf.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "file.h"
#include "wire/avro.h"
#include "wire/registry.h"
#include "wire/schemas.h"
#include "wire/schemas_history.h"

enum {
    BOOKS_MAX = 1024, /* schemas that are kept */
    SCHEMA_FILE_BYTES_MAX = 4 << 20,
    SCHEMA_NAME_MAX = 64,
};

const char *const record_type_names[] = {"ProvisioningEvent", "ProvisioningResult", "ChangeRecord"};

/* One schema, and what it is found by. */
struct book {
    char name[SCHEMA_NAME_MAX];
    enum record_type type; /* RECORD_TYPE_COUNT: of somebody else */
    uint64_t fingerprint;
    bool has_id, has_guid;
    uint32_t id;
    struct uuid guid;
    struct codec *codec;
};

struct shelf {
    const struct config *config;
    struct registry *registry; /* opened when it is needed first */
    struct book *books; /* BOOKS_MAX; the built-in ones first, each type's versions in order */
    size_t count;
    struct book *bare; /* NULL: none is configured */
};

static struct book *add_book(struct shelf *shelf, const char *name, struct text text,
                             struct error *err)
{
    struct book *book = &shelf->books[shelf->count];

    if (shelf->count == BOOKS_MAX) {
        error_set(err, STATUS_FATAL, NULL, "more than %d schemas", BOOKS_MAX);
        return NULL;
    }
    *book = (struct book){.type = RECORD_TYPE_COUNT};
    snprintf(book->name, sizeof book->name, "%s", name);
    if (!schema_fingerprint(text, &book->fingerprint)) {
        error_set(err, STATUS_FATAL, NULL, "%s is no Avro schema", name);
        return NULL;
    }
    if (!(book->codec = codec_open(text, err)))
        return NULL;
    shelf->count++;
    return book;
}

static enum status add_built_in(struct shelf *shelf, struct error *err)
{
    for (const struct schema_version *version = schema_versions; version->name; version++) {
        char name[SCHEMA_NAME_MAX];
        struct book *book;
        snprintf(name, sizeof name, "%s v%d", version->name, version->version);
        if (!(book = add_book(shelf, name, text_from(version->text), err)))
            return STATUS_FATAL;
        for (int type = 0; type < RECORD_TYPE_COUNT; type++) {
            if (strcmp(record_type_names[type], version->name) == 0)
                book->type = (enum record_type)type;
        }
    }
    return STATUS_OK;
}

static enum status add_file(struct shelf *shelf, const char *path, struct book **ret_book,
                            struct error *err)
{
    struct arena arena;
    struct text text;
    const char *slash = strrchr(path, '/');
    enum status status;

    arena_init(&arena, 2 * (size_t)SCHEMA_FILE_BYTES_MAX, 0);
    status = file_read(path, SCHEMA_FILE_BYTES_MAX, &arena, &text, err);
    if (status == STATUS_OK && !(*ret_book = add_book(shelf, slash ? slash + 1 : path, text, err)))
        status = error_prefix(err, STATUS_FATAL, "%s", path);
    arena_close(&arena);
    return status;
}

static enum status add_directory(struct shelf *shelf, const char *path, struct error *err)
{
    DIR *directory = opendir(path);
    enum status status = STATUS_OK;
    struct dirent *entry;

    if (!directory)
        return error_set(err, STATUS_FATAL, NULL, "schemas.directory: %s: %s", path,
                         strerror(errno));
    while (status == STATUS_OK && (entry = readdir(directory))) {
        const char *dot = strrchr(entry->d_name, '.');
        char file[4096];
        struct book *book;
        if (!dot || strcmp(dot, ".avsc") != 0)
            continue;
        snprintf(file, sizeof file, "%s/%s", path, entry->d_name);
        status = add_file(shelf, file, &book, err);
    }
    closedir(directory);
    return status;
}

static enum status fill(struct shelf *shelf, struct error *err)
{
    const struct config_schemas *schemas = &shelf->config->schemas;
    enum status status = add_built_in(shelf, err);

    if (status == STATUS_OK && *schemas->directory)
        status = add_directory(shelf, schemas->directory, err);
    if (status == STATUS_OK && *schemas->bare_file)
        status = add_file(shelf, schemas->bare_file, &shelf->bare, err);
    return status;
}

enum status shelf_open(struct shelf **ret_shelf, const struct config *config, struct error *err)
{
    struct shelf *shelf = calloc(1, sizeof *shelf);
    enum status status;

    if (!shelf || !(shelf->books = calloc(BOOKS_MAX, sizeof *shelf->books))) {
        free(shelf);
        return error_set(err, STATUS_RETRY, NULL, "out of memory");
    }
    shelf->config = config;
    status = fill(shelf, err);
    if (status != STATUS_OK)
        shelf_close(shelf);
    else
        *ret_shelf = shelf;
    return status;
}

void shelf_close(struct shelf *shelf)
{
    if (!shelf)
        return;
    for (size_t i = 0; i < shelf->count; i++)
        codec_close(shelf->books[i].codec);
    registry_close(shelf->registry);
    free(shelf->books);
    free(shelf);
}

static const struct book *newest(const struct shelf *shelf, enum record_type type)
{
    for (size_t i = shelf->count; i > 0; i--) {
        if (shelf->books[i - 1].type == type)
            return &shelf->books[i - 1];
    }
    abort(); /* the build embeds at least one version of each */
}

const struct codec *shelf_newest(const struct shelf *shelf, enum record_type type)
{
    return newest(shelf, type)->codec;
}

uint64_t shelf_newest_fingerprint(const struct shelf *shelf, enum record_type type)
{
    return newest(shelf, type)->fingerprint;
}

/* --- from the framing to the schema -------------------------------------------------------------
 */

static enum status open_registry(struct shelf *shelf, struct error *err)
{
    const struct config_registry *settings = &shelf->config->registry;
    struct http_options options = {settings->username, settings->password, settings->token,
                                   settings->ca_file, settings->timeout_ms};

    if (!*settings->url)
        return error_set(err, STATUS_FATAL, NULL,
                         "its schema has a number of a registry, but registry.url is not set");
    return shelf->registry ? STATUS_OK
                           : registry_open(&shelf->registry, settings->url, &options, err);
}

/* The registry's schema, asked for once. */
static struct book *fetch(struct shelf *shelf, const uint32_t *id, const struct uuid *guid,
                          struct error *err)
{
    struct buffer json;
    char name[SCHEMA_NAME_MAX] = "registry guid";
    struct book *book = NULL;
    enum registry_answer answer;
    enum status status;

    if (open_registry(shelf, err) != STATUS_OK)
        return NULL;
    if (id)
        snprintf(name, sizeof name, "registry id %" PRIu32, *id);
    buffer_init(&json, SCHEMA_FILE_BYTES_MAX);
    status = id ? registry_schema_of_id(shelf->registry, *id, &json, &answer, err)
                : registry_schema_of_guid(shelf->registry, guid, &json, &answer, err);
    if (status == STATUS_OK && answer == REGISTRY_ABSENT)
        error_set(err, STATUS_FATAL, NULL, "the registry has no such schema (%s)", name);
    else if (status == STATUS_OK && answer == REGISTRY_FOUND &&
             (book = add_book(shelf, name, buffer_text(&json), err))) {
        book->has_id = id != NULL;
        book->has_guid = guid != NULL;
        book->id = id ? *id : 0;
        book->guid = guid ? *guid : UUID_NIL;
    }
    buffer_close(&json);
    return book;
}

static struct book *by_id(struct shelf *shelf, uint32_t id, struct error *err)
{
    for (size_t i = 0; i < shelf->count; i++) {
        if (shelf->books[i].has_id && shelf->books[i].id == id)
            return &shelf->books[i];
    }
    return fetch(shelf, &id, NULL, err);
}

static struct book *by_guid(struct shelf *shelf, const struct uuid *guid, struct error *err)
{
    for (size_t i = 0; i < shelf->count; i++) {
        if (shelf->books[i].has_guid && uuid_equal(&shelf->books[i].guid, guid))
            return &shelf->books[i];
    }
    return fetch(shelf, NULL, guid, err);
}

static struct book *by_fingerprint(struct shelf *shelf, uint64_t fingerprint, struct error *err)
{
    for (size_t i = 0; i < shelf->count; i++) {
        if (shelf->books[i].fingerprint == fingerprint)
            return &shelf->books[i];
    }
    error_set(err, STATUS_FATAL, NULL,
              "no schema with the fingerprint %016" PRIx64 " is known: add its file to "
              "schemas.directory",
              fingerprint);
    return NULL;
}

/* The schema of a framed value, and what is behind the framing. */
static struct book *unframe(struct shelf *shelf, struct text value, struct text header,
                            struct text *ret_body, struct error *err)
{
    struct frame frame;
    enum code code = frame_parse(value, header, shelf->bare != NULL, &frame);

    if (code != CODE_NONE) {
        error_set(err, STATUS_FATAL, code_name(code), "%s: %s", code_name(code), code_doc(code));
        return NULL;
    }
    *ret_body = frame.body;
    switch (frame.kind) {
    case FRAMING_CONFLUENT_ID:
        return by_id(shelf, frame.id, err);
    case FRAMING_CONFLUENT_GUID:
        return by_guid(shelf, &frame.guid, err);
    case FRAMING_SINGLE_OBJECT:
        return by_fingerprint(shelf, frame.fingerprint, err);
    default:
        return shelf->bare;
    }
}

json_t *shelf_decode(struct shelf *shelf, enum record_type type, struct text value,
                     struct text schema_header, char ret_schema[64], struct error *err)
{
    struct text body;
    struct book *book = unframe(shelf, value, schema_header, &body, err);

    if (!book)
        return NULL;
    if (ret_schema)
        snprintf(ret_schema, SCHEMA_NAME_MAX, "%s", book->name);
    if (book->type != RECORD_TYPE_COUNT && book->type != type) {
        error_set(err, STATUS_FATAL, NULL, "it is a %s, not a %s", record_type_names[book->type],
                  record_type_names[type]);
        return NULL;
    }
    return codec_decode(book->codec, body, err);
}

/* Each version reads all bytes or fails, so the one that succeeds wrote them. */
json_t *shelf_decode_change(struct shelf *shelf, struct text bytes, struct error *err)
{
    json_t *change = NULL;

    for (size_t i = shelf->count; !change && i > 0; i--) {
        if (shelf->books[i - 1].type == RECORD_CHANGE)
            change = codec_decode(shelf->books[i - 1].codec, bytes, err);
    }
    return change;
}
