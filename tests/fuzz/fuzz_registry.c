/* Any answers of a Schema Registry: HTTP codes, bodies that are JSON or not, schemas with
 * references. The input is one choice of a question, then answers: a choice of a code, and a body
 * up to the next NUL. */
#include "wire/registry.h"

#include "choices.h"
#include "fuzz.h"
#include "wire/avro.h"
#include "wire/crypto.h"
#include "wire/json.h"

#include <assert.h>
#include <stdlib.h>

enum {
    SCHEMA_BYTES_MAX = 1 << 20,
    REQUESTS_MAX = 200, /* for one question, whatever is answered */
};

/* --- the far end
 * ----------------------------------------------------------------------------------
 */

static struct choices answers;
static int requests;

enum status http_open(struct http **ret_http, const struct http_options *options, struct error *err)
{
    (void)options, (void)err;
    *ret_http = NULL;
    return STATUS_OK;
}

void http_close(struct http *http)
{
    assert(!http);
}

enum status http_request(struct http *http, const char *url, struct text json,
                         struct buffer *answer, long *ret_code, struct error *err)
{
    static const long codes[] = {200, 200, 200, 200, 404, 401, 429, 500, 302, 204};
    (void)http, (void)json;
    assert(++requests <= REQUESTS_MAX);
    assert(strncmp(url, "http://registry", strlen("http://registry")) == 0);
    for (const char *c = url; *c; c++)
        assert(*c > ' ' && *c < 0x7F);
    buffer_clear(answer);
    if (answers.left == 0)
        return error_set(err, STATUS_RETRY, NULL, "nobody answers");
    *ret_code = codes[choose_below(&answers, sizeof codes / sizeof codes[0])];
    const uint8_t *end = answers.left ? memchr(answers.at, 0, answers.left) : NULL;
    size_t len = end ? (size_t)(end - answers.at) : answers.left;
    buffer_put(answer, answers.at, len);
    len += end != NULL;
    answers.at += len;
    answers.left -= len;
    return STATUS_OK;
}

enum status http_send(struct http *http, const char *method, const char *url, struct text json,
                      struct buffer *answer, long *ret_code, struct error *err)
{
    (void)method;
    return http_request(http, url, json, answer, ret_code, err);
}

/* As wire/http.c does it. */
void http_escape(struct buffer *url, const char *text)
{
    for (; *text; text++) {
        char c = *text;
        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'))
            buffer_put_char(url, c);
        else
            buffer_printf(url, "%%%02X", (unsigned char)c);
    }
}

/* --- questions
 * ------------------------------------------------------------------------------------
 */

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    struct error err;
    (void)argc, (void)argv;
    if (crypto_start(&err) != STATUS_OK)
        abort();
    return 0;
}

/* What was found is a document, and can be compiled or is refused with a reason. */
static void use_schema(struct text json)
{
    struct error err = {.message = ""};
    uint64_t fingerprint;
    json_t *document = json_from_text(json, SCHEMA_BYTES_MAX, &err);
    assert(document);
    json_decref(document);
    schema_fingerprint(json, &fingerprint);
    struct writer_schema *schema = writer_schema_compile(json, &err);
    assert(schema || *err.message);
    writer_schema_close(schema);
}

static enum status ask(struct registry *registry, struct buffer *json,
                       enum registry_answer *ret_answer, struct error *err)
{
    static const struct uuid guid = {{1, 2, 3}};
    uint32_t id = UINT32_MAX;
    switch (choose_below(&answers, 4)) {
    case 0:
        return registry_schema_of_guid(registry, &guid, json, ret_answer, err);
    case 1: {
        enum status status =
            registry_id_of_schema(registry, "a subject/value", "\"string\"", &id, ret_answer, err);
        assert(status != STATUS_OK || *ret_answer != REGISTRY_FOUND || id <= INT32_MAX);
        buffer_put_text(json, TEXT("\"string\""));
        return status;
    }
    default:
        return registry_schema_of_id(registry, 7, json, ret_answer, err);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    static const struct http_options options = {.timeout_ms = 1};
    struct registry *registry;
    struct buffer json;
    struct error err = {.message = ""};
    enum registry_answer answer = REGISTRY_FOUND;
    answers = (struct choices){bytes, len};
    requests = 0;
    buffer_init(&json, SCHEMA_BYTES_MAX);
    if (registry_open(&registry, "http://registry/apis//", &options, &err) != STATUS_OK)
        abort();
    enum status status = ask(registry, &json, &answer, &err);
    assert(status == STATUS_OK || *err.message);
    if (status == STATUS_OK && answer == REGISTRY_FOUND)
        use_schema(buffer_text(&json));
    if (status == STATUS_OK && answer == REGISTRY_UNUSABLE)
        assert(*err.message);
    registry_close(registry);
    buffer_close(&json);
    return 0;
}
