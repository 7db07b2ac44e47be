#include "wire/registry.h"

#include "wire/avro_references.h"
#include "wire/json.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum {
    ANSWER_BYTES_MAX = 4 << 20,
    URL_BYTES_MAX = 4096,
    ANSWER_SHOWN_MAX = 120,
    REFERENCES_DEPTH_MAX = 8,
    /* The registry's own error codes for "there is none" are 40401 to 40499. */
    ABSENT_FIRST = 40401,
    ABSENT_LAST = 40499,
    HTTP_OK = 200,
    HTTP_UNAUTHORIZED = 401,
    HTTP_FORBIDDEN = 403,
    HTTP_NOT_FOUND = 404,
    HTTP_TOO_MANY = 429,
    HTTP_SERVER_ERROR = 500,
};

struct registry {
    struct http *http;
    char *base_url; /* without a slash at its end */
    struct buffer url, answer;
};

static enum status fetch_schema(struct registry *registry, struct references *references, int depth,
                                json_t **ret_schema, enum registry_answer *ret_answer,
                                struct error *err);

enum status registry_open(struct registry **ret_registry, const char *url,
                          const struct http_options *options, struct error *err)
{
    struct registry *registry;
    size_t len = strlen(url);
    enum status status;

    if (strchr(url, '@') != NULL)
        return error_set(err, STATUS_FATAL, NULL,
                         "registry: the URL has credentials in it: set username and password");
    registry = calloc(1, sizeof *registry);
    if (registry == NULL || (registry->base_url = strdup(url)) == NULL) {
        free(registry);
        return error_set(err, STATUS_RETRY, NULL, "registry: out of memory");
    }
    while (len > 0 && registry->base_url[len - 1] == '/')
        registry->base_url[--len] = '\0';
    buffer_init(&registry->url, URL_BYTES_MAX);
    buffer_init(&registry->answer, ANSWER_BYTES_MAX);
    status = http_open(&registry->http, options, err);
    if (status != STATUS_OK) {
        registry_close(registry);
        return status;
    }
    *ret_registry = registry;
    return STATUS_OK;
}

void registry_close(struct registry *registry)
{
    if (registry == NULL)
        return;
    http_close(registry->http);
    buffer_close(&registry->url);
    buffer_close(&registry->answer);
    free(registry->base_url);
    free(registry);
}

/* There is an answer, but no event can be read with it; nothing is wrong with the world. */
static enum status unusable(enum registry_answer *ret_answer, struct error *err, const char *why)
{
    *ret_answer = REGISTRY_UNUSABLE;
    error_set(err, STATUS_OK, NULL, "%s", why);
    return STATUS_OK;
}

/* --- one request ------------------------------------------------------------------------------ */

static void url_begin(struct registry *registry, const char *path)
{
    buffer_clear(&registry->url);
    buffer_printf(&registry->url, "%s%s", registry->base_url, path);
}

static enum status world_error(struct registry *registry, long code, struct error *err)
{
    const char *advice = "";

    if (code == HTTP_UNAUTHORIZED || code == HTTP_FORBIDDEN)
        advice = ": check registry.username, registry.password or registry.token";
    else if (code != HTTP_TOO_MANY && code < HTTP_SERVER_ERROR)
        advice = ": that is not a Schema Registry: check registry.url";
    return error_set(err, STATUS_RETRY, NULL, "registry: %s answers HTTP %ld%s", registry->url.data,
                     code, advice);
}

/* Asks for something that every registry has: is the URL right? */
static bool is_registry(struct registry *registry)
{
    struct error ignored;
    json_t *types;
    long code;
    bool is_right;

    url_begin(registry, "/schemas/types");
    buffer_put_char(&registry->url, '\0');
    if (registry->url.failed || http_request(registry->http, registry->url.data, TEXT_NULL,
                                             &registry->answer, &code, &ignored) != STATUS_OK)
        return false;
    types = json_from_text(buffer_text(&registry->answer), ANSWER_BYTES_MAX, NULL);
    is_right = code == HTTP_OK && json_is_array(types);
    json_decref(types);
    return is_right;
}

/* What an answer other than 200 means. */
static enum status refused(struct registry *registry, long code, enum registry_answer *ret_answer,
                           struct error *err)
{
    json_t *answer = json_from_text(buffer_text(&registry->answer), ANSWER_BYTES_MAX, NULL);
    int64_t error_code = 0;
    bool is_world = code < 400 || code == HTTP_UNAUTHORIZED || code == HTTP_FORBIDDEN ||
                    code == HTTP_TOO_MANY || code >= HTTP_SERVER_ERROR;

    json_member_int64(answer, "error_code", &error_code);
    json_decref(answer);
    if (is_world)
        return world_error(registry, code, err);
    if ((error_code < ABSENT_FIRST || error_code > ABSENT_LAST) && !is_registry(registry))
        return world_error(registry, code, err);
    *ret_answer = REGISTRY_ABSENT;
    return STATUS_OK;
}

/* The answer to the request at registry->url, parsed; *ret_json is NULL unless FOUND. */
static enum status ask(struct registry *registry, struct text body, json_t **ret_json,
                       enum registry_answer *ret_answer, struct error *err)
{
    long code = 0;
    enum status status;

    *ret_json = NULL;
    buffer_put_char(&registry->url, '\0');
    if (registry->url.failed)
        return unusable(ret_answer, err, "the name of a subject is too long");
    status = http_request(registry->http, registry->url.data, body, &registry->answer, &code, err);
    if (status != STATUS_OK)
        return error_prefix(err, status, "registry");
    if (registry->answer.failed)
        return unusable(ret_answer, err, "the registry's answer is larger than 4 MiB");
    if (code != HTTP_OK)
        return refused(registry, code, ret_answer, err);
    *ret_json = json_from_text(buffer_text(&registry->answer), ANSWER_BYTES_MAX, err);
    if (!json_is_object(*ret_json)) {
        json_decref(*ret_json);
        *ret_json = NULL;
        return error_set(err, STATUS_RETRY, NULL, "registry: %s answers no JSON object",
                         registry->url.data);
    }
    *ret_answer = REGISTRY_FOUND;
    return STATUS_OK;
}

/* --- a schema and what it refers to ----------------------------------------------------------- */

/* The text of the schema, or NULL and UNUSABLE. */
static const char *schema_of_answer(const json_t *answer, enum registry_answer *ret_answer,
                                    struct error *err)
{
    const char *type = json_member_z(answer, "schemaType");
    const char *schema = json_member_z(answer, "schema");

    if (type != NULL && strcmp(type, "AVRO") != 0) {
        unusable(ret_answer, err, "the schema is no Avro schema");
        return NULL;
    }
    if (schema == NULL)
        unusable(ret_answer, err, "the registry's answer has no schema");
    return schema;
}

static void url_of_reference(struct registry *registry, const char *subject, int64_t version)
{
    url_begin(registry, "/subjects/");
    http_escape(&registry->url, subject);
    buffer_printf(&registry->url, "/versions/%" PRId64, version);
}

/* Fetches what an answer refers to, deepest first, into `references`. */
static enum status fetch_references(struct registry *registry, const json_t *answer,
                                    struct references *references, int depth,
                                    enum registry_answer *ret_answer, struct error *err)
{
    const json_t *list = json_object_get(answer, "references");

    for (size_t i = 0; i < json_array_size(list) && *ret_answer == REGISTRY_FOUND; i++) {
        const json_t *reference = json_array_get(list, i);
        const char *subject = json_member_z(reference, "subject");
        json_t *schema = NULL;
        enum status status;
        int64_t version;

        if (subject == NULL || !json_member_int64(reference, "version", &version) ||
            depth >= REFERENCES_DEPTH_MAX || references_are_full(references))
            return unusable(ret_answer, err,
                            "the schema's references are broken, too deep or too many");
        url_of_reference(registry, subject, version);
        status = fetch_schema(registry, references, depth + 1, &schema, ret_answer, err);
        if (status != STATUS_OK)
            return status;
        if (schema != NULL)
            references_add(references, schema);
    }
    return STATUS_OK;
}

/* The schema at registry->url as parsed JSON. */
static enum status fetch_schema(struct registry *registry, struct references *references, int depth,
                                json_t **ret_schema, enum registry_answer *ret_answer,
                                struct error *err)
{
    const char *schema;
    json_t *answer;
    enum status status = ask(registry, TEXT_NULL, &answer, ret_answer, err);

    if (status != STATUS_OK || answer == NULL)
        return status;
    schema = schema_of_answer(answer, ret_answer, err);
    if (schema != NULL)
        status = fetch_references(registry, answer, references, depth, ret_answer, err);
    if (status == STATUS_OK && *ret_answer == REGISTRY_FOUND) {
        *ret_schema = json_from_text(text_from(schema), ANSWER_BYTES_MAX, err);
        if (*ret_schema == NULL)
            *ret_answer = REGISTRY_UNUSABLE;
    }
    json_decref(answer);
    return status;
}

static enum status fetch_whole(struct registry *registry, struct buffer *json,
                               enum registry_answer *ret_answer, struct error *err)
{
    struct references references = {.count = 0};
    json_t *schema = NULL;
    enum status status = fetch_schema(registry, &references, 0, &schema, ret_answer, err);

    if (status == STATUS_OK && schema != NULL && !references_resolve(&references, schema, json))
        unusable(ret_answer, err, "the schema with its references is too large");
    json_decref(schema);
    references_release(&references);
    return status;
}

enum status registry_schema_of_id(struct registry *registry, uint32_t id, struct buffer *json,
                                  enum registry_answer *ret_answer, struct error *err)
{
    /* Ids are signed in every registry: nobody can have that one. */
    if (id > INT32_MAX) {
        *ret_answer = REGISTRY_ABSENT;
        return STATUS_OK;
    }
    url_begin(registry, "/schemas/ids/");
    buffer_printf(&registry->url, "%" PRIu32, id);
    return fetch_whole(registry, json, ret_answer, err);
}

enum status registry_schema_of_guid(struct registry *registry, const struct uuid *guid,
                                    struct buffer *json, enum registry_answer *ret_answer,
                                    struct error *err)
{
    char text[UUID_TEXT_LEN + 1];

    uuid_format(guid, text);
    url_begin(registry, "/schemas/guids/");
    buffer_printf(&registry->url, "%s", text);
    return fetch_whole(registry, json, ret_answer, err);
}

enum status registry_id_of_schema(struct registry *registry, const char *subject,
                                  const char *schema_json, uint32_t *ret_id,
                                  enum registry_answer *ret_answer, struct error *err)
{
    json_t *question = json_pack("{s:s}", "schema", schema_json);
    char *body = question != NULL ? json_dumps(question, JSON_COMPACT) : NULL;
    json_t *answer = NULL;
    enum status status = STATUS_FATAL;
    int64_t id;

    json_decref(question);
    if (body == NULL)
        return error_set(err, STATUS_FATAL, NULL, "registry: the schema for %s is not UTF-8",
                         subject);
    url_begin(registry, "/subjects/");
    http_escape(&registry->url, subject);
    status = ask(registry, text_from(body), &answer, ret_answer, err);
    free(body);
    if (status == STATUS_OK && answer != NULL) {
        if (json_member_int64(answer, "id", &id) && id >= 0 && id <= INT32_MAX)
            *ret_id = (uint32_t)id;
        else
            status = error_set(err, STATUS_RETRY, NULL, "registry: %s answers without an id",
                               registry->url.data);
    }
    json_decref(answer);
    return status;
}
