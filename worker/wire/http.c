#include "wire/http.h"

#include "wire/certificate.h"

#include <curl/curl.h>

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

struct http {
    CURL *curl;
    struct curl_slist *headers;
    char reason[CURL_ERROR_SIZE];
};

static bool is_set(const char *z)
{
    return z != NULL && z[0] != '\0';
}

static size_t take_answer(char *bytes, size_t size, size_t count, void *user)
{
    struct buffer *answer = user;

    buffer_put(answer, bytes, size * count);
    return answer->failed ? 0 : size * count; /* 0 makes curl stop */
}

static void set_credentials(CURL *curl, const struct http_options *options)
{
    if (is_set(options->username)) {
        curl_easy_setopt(curl, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
        curl_easy_setopt(curl, CURLOPT_USERNAME, options->username);
        curl_easy_setopt(curl, CURLOPT_PASSWORD,
                         is_set(options->password) ? options->password : "");
    } else if (is_set(options->token)) {
        curl_easy_setopt(curl, CURLOPT_HTTPAUTH, (long)CURLAUTH_BEARER);
        curl_easy_setopt(curl, CURLOPT_XOAUTH2_BEARER, options->token);
    }
}

static void set_bounds(struct http *http, const struct http_options *options)
{
    CURL *curl = http->curl;

    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)options->timeout_ms);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)options->timeout_ms);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 1L);
    curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 2L);
    if (is_set(options->ca_file))
        curl_easy_setopt(curl, CURLOPT_CAINFO, options->ca_file);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, http->reason);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, http->headers);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_answer);
}

enum status http_open(struct http **ret_http, const struct http_options *options, struct error *err)
{
    struct http *http = calloc(1, sizeof *http);

    if (http == NULL || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        free(http);
        return error_set(err, STATUS_FATAL, NULL, "http: libcurl does not start");
    }
    http->curl = curl_easy_init();
    http->headers = curl_slist_append(http->headers, "Content-Type: application/json");
    http->headers = curl_slist_append(
        http->headers, "Accept: application/vnd.schemaregistry.v1+json, application/json");
    /* Without this, curl waits a second for leave to send more than a kilobyte. */
    http->headers = curl_slist_append(http->headers, "Expect:");
    if (http->curl == NULL || http->headers == NULL) {
        http_close(http);
        return error_set(err, STATUS_RETRY, NULL, "http: out of memory");
    }
    set_bounds(http, options);
    set_credentials(http->curl, options);
    *ret_http = http;
    return STATUS_OK;
}

void http_close(struct http *http)
{
    if (http == NULL)
        return;
    curl_easy_cleanup(http->curl);
    curl_slist_free_all(http->headers);
    curl_global_cleanup();
    free(http);
}

enum status http_request(struct http *http, const char *url, struct text json,
                         struct buffer *answer, long *ret_code, struct error *err)
{
    return http_send(http, json.data != NULL ? "POST" : "GET", url, json, answer, ret_code, err);
}

enum status http_send(struct http *http, const char *method, const char *url, struct text json,
                      struct buffer *answer, long *ret_code, struct error *err)
{
    CURLcode result;

    buffer_clear(answer);
    http->reason[0] = '\0';
    curl_easy_setopt(http->curl, CURLOPT_URL, url);
    curl_easy_setopt(http->curl, CURLOPT_WRITEDATA, answer);
    if (json.data != NULL) {
        curl_easy_setopt(http->curl, CURLOPT_POSTFIELDSIZE, (long)json.len);
        curl_easy_setopt(http->curl, CURLOPT_POSTFIELDS, json.data);
    } else {
        curl_easy_setopt(http->curl, CURLOPT_HTTPGET, 1L);
    }
    curl_easy_setopt(http->curl, CURLOPT_CUSTOMREQUEST, method);
    result = curl_easy_perform(http->curl);
    if (result != CURLE_OK && !(result == CURLE_WRITE_ERROR && answer->failed)) {
        const char *why = is_set(http->reason) ? http->reason : curl_easy_strerror(result);
        const char *advice = certificate_advice(why);
        return error_set(err, STATUS_RETRY, NULL, "%s: %s%s%s", url, why, advice ? "; " : "",
                         advice ? advice : "");
    }
    curl_easy_getinfo(http->curl, CURLINFO_RESPONSE_CODE, ret_code);
    return STATUS_OK;
}

void http_escape(struct buffer *url, const char *text)
{
    for (; *text != '\0'; text++) {
        if (isalnum((unsigned char)*text) || strchr("-._~", *text) != NULL)
            buffer_put_char(url, *text);
        else
            buffer_printf(url, "%%%02X", (unsigned)(unsigned char)*text);
    }
}
