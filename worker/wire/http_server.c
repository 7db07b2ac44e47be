#include "wire/http_server.h"

#include <microhttpd.h>

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    BACKLOG = 64,
    CONNECTIONS_MAX = 64,
    CONNECTION_BYTES_MAX = 16 * 1024, /* request line, headers and what is kept of them */
    IDLE_S_MAX = 10,                  /* then a silent connection is closed */
    PORT_TEXT_BYTES = 16,
};

struct http_server {
    struct MHD_Daemon *daemon;
    http_handler handler;
    void *context;
    int port;
    int epoll_fd;
};

/* --- listening ------------------------------------------------------------------------------- */

static enum status cannot_listen(const struct http_options *options, int error_number,
                                 struct error *err)
{
    const char *remedy = "";
    if (error_number == EADDRINUSE)
        remedy = "; another program listens there: stop it, or set another http.port (0: no HTTP)";
    if (error_number == EADDRNOTAVAIL)
        remedy = "; this machine has no such address: set http.address to one of its own";
    if (error_number == EACCES)
        remedy = "; ports below 1024 need CAP_NET_BIND_SERVICE: set a higher http.port";
    return error_set(err, STATUS_FATAL, "HTTP", "http: cannot listen on %s port %d: %s%s",
                     options->address, options->port, strerror(error_number), remedy);
}

static int bound_port(int fd)
{
    struct sockaddr_storage address;
    socklen_t len = sizeof(address);
    char port[PORT_TEXT_BYTES];
    if (getsockname(fd, (struct sockaddr *)&address, &len) != 0 ||
        getnameinfo((struct sockaddr *)&address, len, NULL, 0, port, sizeof(port),
                    NI_NUMERICSERV) != 0)
        return 0;
    int64_t number = 0;
    text_to_int64(text_from(port), &number);
    return (int)number;
}

/* A socket bound to the address, or -1 with errno set. */
static int bind_socket(const struct addrinfo *address)
{
    int fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -1;
    int on = 1;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0 &&
        bind(fd, address->ai_addr, address->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0)
        return fd;
    int error_number = errno;
    close(fd);
    errno = error_number;
    return -1;
}

static enum status listen_at(const struct http_options *options, int *ret_fd, struct error *err)
{
    struct addrinfo hints = {.ai_family = AF_UNSPEC,
                             .ai_socktype = SOCK_STREAM,
                             .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    struct addrinfo *addresses;
    char port[PORT_TEXT_BYTES];
    snprintf(port, sizeof(port), "%d", options->port);
    int failed = getaddrinfo(options->address, port, &hints, &addresses);
    if (failed != 0)
        return error_set(err, STATUS_FATAL, "HTTP",
                         "http: address %s: %s; set http.address to an "
                         "address of this machine",
                         options->address, gai_strerror(failed));
    int fd = bind_socket(addresses);
    int error_number = errno;
    freeaddrinfo(addresses);
    if (fd < 0)
        return cannot_listen(options, error_number, err);
    *ret_fd = fd;
    return STATUS_OK;
}

/* --- answering ------------------------------------------------------------------------------- */

static enum MHD_Result send_reply(struct MHD_Connection *connection, struct http_reply *reply)
{
    struct MHD_Response *response =
        MHD_create_response_from_buffer(reply->body.len, reply->body.data, MHD_RESPMEM_MUST_FREE);
    if (response == NULL) {
        buffer_close(&reply->body);
        return MHD_NO;
    }
    MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, reply->content_type);
    MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    if (reply->status == MHD_HTTP_METHOD_NOT_ALLOWED)
        MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
    enum MHD_Result result = MHD_queue_response(connection, reply->status, response);
    MHD_destroy_response(response);
    return result;
}

/* MHD calls this first when the headers are there; an answer at that point also spares the body of
 * a request that has one. */
static enum MHD_Result answer(void *context, struct MHD_Connection *connection, const char *url,
                              const char *method, const char *version, const char *upload,
                              size_t *upload_len, void **state)
{
    struct http_server *server = context;
    (void)version, (void)upload, (void)upload_len, (void)state;

    struct http_reply reply = {.status = MHD_HTTP_OK, .content_type = "text/plain; charset=utf-8"};
    buffer_init(&reply.body, HTTP_BODY_BYTES_MAX);
    if (strcmp(method, MHD_HTTP_METHOD_GET) == 0 || strcmp(method, MHD_HTTP_METHOD_HEAD) == 0) {
        server->handler(server->context, url, &reply);
    } else {
        reply.status = MHD_HTTP_METHOD_NOT_ALLOWED;
        buffer_printf(&reply.body, "only GET and HEAD are answered\n");
    }
    if (reply.body.failed) {
        reply.status = MHD_HTTP_INTERNAL_SERVER_ERROR;
        buffer_clear(&reply.body);
        buffer_printf(&reply.body, "the answer does not fit into %d bytes\n", HTTP_BODY_BYTES_MAX);
    }
    return send_reply(connection, &reply);
}

/* --- server ---------------------------------------------------------------------------------- */

static enum status start_daemon(struct http_server *server, int listen_fd, struct error *err)
{
    server->daemon = MHD_start_daemon(
        MHD_USE_EPOLL, 0, NULL, NULL, answer, server, MHD_OPTION_LISTEN_SOCKET,
        (MHD_socket)listen_fd, MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS_MAX,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_BYTES_MAX,
        MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_S_MAX, MHD_OPTION_END);
    if (server->daemon == NULL)
        return error_set(err, STATUS_FATAL, "HTTP", "http: libmicrohttpd cannot start: %s",
                         strerror(errno));
    const union MHD_DaemonInfo *info =
        MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    server->epoll_fd = info->epoll_fd;
    return STATUS_OK;
}

enum status http_server_open(struct http_server **ret_server, const struct http_options *options,
                             struct error *err)
{
    int listen_fd = -1;
    enum status status = listen_at(options, &listen_fd, err);
    if (status != STATUS_OK)
        return status;
    struct http_server *server = calloc(1, sizeof(*server));
    if (server == NULL) {
        close(listen_fd);
        return error_set(err, STATUS_FATAL, "MEMORY", "http: out of memory");
    }
    server->handler = options->handler;
    server->context = options->context;
    server->port = bound_port(listen_fd);
    status = start_daemon(server, listen_fd, err);
    if (status != STATUS_OK) {
        close(listen_fd);
        free(server);
        return status;
    }
    *ret_server = server;
    return STATUS_OK;
}

void http_server_close(struct http_server *server)
{
    if (server == NULL)
        return;
    MHD_stop_daemon(server->daemon);
    free(server);
}

int http_server_port(const struct http_server *server)
{
    return server->port;
}

int http_server_fd(const struct http_server *server)
{
    return server->epoll_fd;
}

int http_server_wait_ms(const struct http_server *server, int wait_ms_max)
{
    MHD_UNSIGNED_LONG_LONG wait_ms;
    if (MHD_get_timeout(server->daemon, &wait_ms) != MHD_YES ||
        wait_ms > (MHD_UNSIGNED_LONG_LONG)wait_ms_max)
        return wait_ms_max;
    return (int)wait_ms;
}

void http_server_turn(struct http_server *server)
{
    MHD_run(server->daemon);
}
