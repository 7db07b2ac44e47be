/* Plain HTTP requests with bounds on time and size: wire/http.c is the only file that sees
 * <curl/curl.h>. No redirect is followed, so credentials go nowhere but to the configured host. */
#ifndef PROVD_WIRE_HTTP_H
#define PROVD_WIRE_HTTP_H

#include "base/status.h"
#include "base/text.h"

struct http_options {
    const char *username, *password; /* basic authentication; NULL or "": none */
    const char *token;               /* bearer; NULL or "": none */
    const char *ca_file;             /* PEM; NULL or "": the system's */
    int64_t timeout_ms;              /* of a whole request */
};

/* One connection that is kept open between requests. One thread at a time. */
struct http;
enum status http_open(struct http **ret_http, const struct http_options *options,
                      struct error *err);
void http_close(struct http *http); /* NULL is fine */

/* GET, or POST of `json` when it is not null. OK whenever an answer came: *ret_code is its HTTP
 * status, `answer` (cleared first) its body; answer->failed when that was larger than the buffer's
 * ceiling. RETRY when none came; `err` says why, without credentials. */
enum status http_request(struct http *http, const char *url, struct text json,
                         struct buffer *answer, long *ret_code, struct error *err);

/* The same with a method of the caller's, e.g. "PUT". */
enum status http_send(struct http *http, const char *method, const char *url, struct text json,
                      struct buffer *answer, long *ret_code, struct error *err);

/* Appends `text` with everything but letters, digits and -._~ as %XX. */
void http_escape(struct buffer *url, const char *text);

#endif
