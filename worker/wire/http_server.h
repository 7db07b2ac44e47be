/* A small HTTP server for GET and HEAD without threads: the caller's poll loop drives it, so that
 * the process can fork at any time. The one place that includes <microhttpd.h>.
 *
 * What a request may cost is bounded: connections, memory of each, idle time, size of an answer.
 * It refuses everything with a body. It has no TLS and no authentication: bind it to a local
 * address, or put a proxy before it. */
#ifndef PROVD_WIRE_HTTP_SERVER_H
#define PROVD_WIRE_HTTP_SERVER_H

#include "base/status.h"
#include "base/text.h"

enum { HTTP_BODY_BYTES_MAX = 32 * 1024 * 1024 };

struct http_server;

/* What the handler fills in. The body is the server's to free. */
struct http_reply {
    unsigned status;          /* 200 at first */
    const char *content_type; /* "text/plain; charset=utf-8" at first; must outlive the server */
    struct buffer body;       /* empty; at most HTTP_BODY_BYTES_MAX */
};

/* Answers a GET (or HEAD: the body is left out later) of `path`, which comes without its query. */
typedef void (*http_handler)(void *context, const char *path, struct http_reply *reply);

struct http_options {
    const char *address; /* numeric, or a name of this host */
    int port;            /* 0: any free one */
    http_handler handler;
    void *context; /* for the handler */
};

/* Listens. FATAL when the address cannot be had, saying which and why. Never RETRY. The caller
 * closes *ret_server, but not in a process forked later, where closing its descriptors is enough.
 */
enum status http_server_open(struct http_server **ret_server, const struct http_options *options,
                             struct error *err);
void http_server_close(struct http_server *server); /* NULL is fine */

int http_server_port(const struct http_server *server);
/* Readable when http_server_turn has something to do. */
int http_server_fd(const struct http_server *server);
/* How long poll() may wait before the next turn, at most `wait_ms_max`. */
int http_server_wait_ms(const struct http_server *server, int wait_ms_max);
/* Takes connections, reads, calls the handler, writes; never blocks. */
void http_server_turn(struct http_server *server);

#endif
