#include "registrar.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "wire/http.h"

enum {
    URL_BYTES_MAX = 4096,
    ANSWER_BYTES_MAX = 8 << 20,
    HTTP_OK = 200,
    HTTP_UNAUTHORIZED = 401,
    HTTP_FORBIDDEN = 403,
    HTTP_NOT_FOUND = 404,
    HTTP_SERVER_ERROR = 500,
};

struct registrar {
    const char *base;
    struct http *http;
    struct buffer url, answer;
};

/* What the registry answered. */
struct answer {
    long code;    /* HTTP's */
    json_t *body; /* NULL: none, or no JSON */
};

struct registrar *registrar_open(const struct config *config, struct error *err)
{
    const struct config_registry *settings = &config->registry;
    struct http_options options = {settings->username, settings->password, settings->token,
                                   settings->ca_file, settings->timeout_ms};
    struct registrar *registrar = calloc(1, sizeof *registrar);

    if (!registrar || http_open(&registrar->http, &options, err) != STATUS_OK) {
        free(registrar);
        return NULL;
    }
    registrar->base = settings->url;
    buffer_init(&registrar->url, URL_BYTES_MAX);
    buffer_init(&registrar->answer, ANSWER_BYTES_MAX);
    return registrar;
}

void registrar_close(struct registrar *registrar)
{
    if (!registrar)
        return;
    http_close(registrar->http);
    buffer_close(&registrar->url);
    buffer_close(&registrar->answer);
    free(registrar);
}

/* The registry's own words. */
static const char *message_of(const struct answer *answer)
{
    const char *message = json_member_z(answer->body, "message");

    return message ? message : "";
}

/* Answers about our rights and the registry's own troubles are no answers to the question. */
static enum status judge(struct answer *answer, struct error *err)
{
    enum status status = STATUS_OK;

    if (answer->code == HTTP_UNAUTHORIZED || answer->code == HTTP_FORBIDDEN)
        status = error_set(
            err, STATUS_FATAL, "REGISTRY_RIGHTS",
            "registry: it refuses us (HTTP %ld): check registry.username, registry.password or "
            "registry.token, and the rights of that user",
            answer->code);
    else if (answer->code >= HTTP_SERVER_ERROR)
        status = error_set(err, STATUS_RETRY, "REGISTRY_ERROR", "registry: HTTP %ld: %.300s",
                           answer->code, message_of(answer));
    if (status != STATUS_OK)
        json_decref(answer->body);
    return status;
}

/* Sends `body` (taken over; NULL: none) to the path made of three parts, the middle one escaped. */
static enum status ask(struct registrar *registrar, const char *method, const char *before,
                       const char *subject, const char *after, json_t *body,
                       struct answer *ret_answer, struct error *err)
{
    char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
    size_t base = strlen(registrar->base);
    struct error no_json;
    enum status status;

    json_decref(body);
    while (base > 0 && registrar->base[base - 1] == '/')
        base--;
    buffer_clear(&registrar->url);
    buffer_printf(&registrar->url, "%.*s%s", (int)base, registrar->base, before);
    http_escape(&registrar->url, subject);
    buffer_put(&registrar->url, after, strlen(after) + 1);
    status = registrar->url.failed
                 ? error_set(err, STATUS_FATAL, NULL, "registry: the URL for '%.60s' is too long",
                             subject)
                 : http_send(registrar->http, method, registrar->url.data, text_from(text),
                             &registrar->answer, &ret_answer->code, err);
    free(text);
    if (status != STATUS_OK)
        return error_prefix(err, status, "registry");
    ret_answer->body = json_from_text(buffer_text(&registrar->answer), ANSWER_BYTES_MAX, &no_json);
    return judge(ret_answer, err);
}

/* An answer that is neither what was asked for nor "not found". */
static enum status unexpected(const struct answer *answer, const char *what, struct error *err)
{
    return error_set(err, STATUS_FATAL, "REGISTRY_REFUSED", "registry: %s: HTTP %ld: %.300s", what,
                     answer->code, message_of(answer));
}

enum status registrar_versions(struct registrar *registrar, const char *subject,
                               json_t **ret_versions, struct error *err)
{
    struct answer answer;
    enum status status =
        ask(registrar, "GET", "/subjects/", subject, "/versions", NULL, &answer, err);

    if (status != STATUS_OK)
        return status;
    if (answer.code == HTTP_OK && json_is_array(answer.body))
        *ret_versions = json_incref(answer.body);
    else if (answer.code == HTTP_NOT_FOUND)
        *ret_versions = json_array();
    else
        status = unexpected(&answer, subject, err);
    json_decref(answer.body);
    return status;
}

static json_t *schema_body(const char *schema)
{
    return json_pack("{ss ss}", "schemaType", "AVRO", "schema", schema);
}

enum status registrar_lookup(struct registrar *registrar, const char *subject, const char *schema,
                             int64_t *ret_version, int64_t *ret_id, struct error *err)
{
    struct answer answer;
    enum status status =
        ask(registrar, "POST", "/subjects/", subject, "", schema_body(schema), &answer, err);

    if (status != STATUS_OK)
        return status;
    *ret_version = *ret_id = 0;
    if (answer.code == HTTP_OK) {
        json_member_int64(answer.body, "version", ret_version);
        json_member_int64(answer.body, "id", ret_id);
    } else if (answer.code != HTTP_NOT_FOUND) {
        status = unexpected(&answer, subject, err);
    }
    json_decref(answer.body);
    return status;
}

/* The messages of a verbose answer in one line. */
static struct text reason_of(const struct answer *answer, struct arena *arena)
{
    struct text reason = TEXT("");
    size_t index;
    json_t *message;

    json_array_foreach(json_object_get(answer->body, "messages"), index, message)
    {
        const char *z = json_string_value(message);
        if (z)
            reason = text_format(arena, "%.*s%s%s", TEXT_ARG(reason), reason.len ? "; " : "", z);
    }
    return reason;
}

enum status registrar_is_compatible(struct registrar *registrar, const char *subject,
                                    const char *schema, struct arena *arena,
                                    bool *ret_is_compatible, struct text *ret_reason,
                                    struct error *err)
{
    struct answer answer;
    enum status status = ask(registrar, "POST", "/compatibility/subjects/", subject,
                             "/versions?verbose=true", schema_body(schema), &answer, err);

    if (status != STATUS_OK)
        return status;
    *ret_is_compatible = json_is_true(json_object_get(answer.body, "is_compatible"));
    *ret_reason = reason_of(&answer, arena);
    if (answer.code == HTTP_NOT_FOUND)
        *ret_is_compatible = true; /* with nothing there, anything is */
    else if (answer.code != HTTP_OK)
        status = unexpected(&answer, subject, err);
    json_decref(answer.body);
    return status;
}

enum status registrar_register(struct registrar *registrar, const char *subject, const char *schema,
                               int64_t *ret_id, struct error *err)
{
    struct answer answer;
    enum status status = ask(registrar, "POST", "/subjects/", subject, "/versions",
                             schema_body(schema), &answer, err);

    if (status != STATUS_OK)
        return status;
    if (answer.code != HTTP_OK || !json_member_int64(answer.body, "id", ret_id))
        status = unexpected(&answer, subject, err);
    json_decref(answer.body);
    return status;
}

enum status registrar_level(struct registrar *registrar, const char *subject, struct arena *arena,
                            struct text *ret_level, struct error *err)
{
    struct answer answer;
    enum status status = ask(registrar, "GET", "/config/", subject, "", NULL, &answer, err);

    if (status != STATUS_OK)
        return status;
    *ret_level = TEXT_NULL;
    if (answer.code == HTTP_OK)
        *ret_level = text_copy(arena, text_from(json_member_z(answer.body, "compatibilityLevel")));
    else if (answer.code != HTTP_NOT_FOUND)
        status = unexpected(&answer, subject, err);
    json_decref(answer.body);
    return status;
}

enum status registrar_set_level(struct registrar *registrar, const char *subject, const char *level,
                                struct error *err)
{
    struct answer answer;
    enum status status = ask(registrar, "PUT", "/config/", subject, "",
                             json_pack("{ss}", "compatibility", level), &answer, err);

    if (status != STATUS_OK)
        return status;
    if (answer.code != HTTP_OK)
        status = unexpected(&answer, subject, err);
    json_decref(answer.body);
    return status;
}
