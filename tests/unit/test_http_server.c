/* The HTTP server without threads, asked by clients that behave and by others. Client and server
 * take turns in this one thread. */
#include "wire/http_server.h"

#include "base/clock.h"
#include "http_client.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

enum { ANSWER_BYTES_MAX = 64 * 1024, PATIENCE_MS = 20000 };

static struct http_server *server;
static char answer[ANSWER_BYTES_MAX];
static int calls;

static void echo(void *context, const char *path, struct http_reply *reply)
{
    assert_string_equal(context, "context");
    calls++;
    if (strcmp(path, "/missing") == 0)
        reply->status = 404;
    if (strcmp(path, "/huge") == 0)
        assert_null(buffer_reserve(&reply->body, HTTP_BODY_BYTES_MAX + 1));
    else if (strcmp(path, "/empty") != 0)
        buffer_printf(&reply->body, "you asked for %s", path);
}

static char context[] = "context";
static const struct http_options local = {
    .address = "127.0.0.1", .port = 0, .handler = echo, .context = context};

static int setup(void **state)
{
    struct error err;
    (void)state;
    calls = 0;
    return http_server_open(&server, &local, &err) == STATUS_OK ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    http_server_close(server);
    server = NULL;
    return 0;
}

/* Turns the server until it closes the connection. */
static const char *receive_all(int fd)
{
    size_t len = 0;
    int64_t deadline_us = deadline_in_ms(PATIENCE_MS);
    do {
        http_server_turn(server);
        assert_false(deadline_passed(deadline_us));
    } while (http_receive(fd, answer, &len, sizeof(answer)));
    return answer;
}

static const char *ask_bytes(const char *request, size_t len)
{
    int fd = http_connect(http_server_port(server));
    assert_true(fd >= 0);
    send(fd, request, len, MSG_NOSIGNAL);
    receive_all(fd);
    close(fd);
    return answer;
}

static const char *ask(const char *method, const char *path)
{
    char request[512];
    snprintf(request, sizeof(request), "%s %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
             method, path);
    return ask_bytes(request, strlen(request));
}

static void get_brings_what_the_handler_wrote(void **state)
{
    (void)state;
    ask("GET", "/livez");
    assert_memory_equal(answer, "HTTP/1.1 200 ", 13);
    assert_non_null(strstr(answer, "Content-Type: text/plain; charset=utf-8\r\n"));
    assert_non_null(strstr(answer, "Cache-Control: no-store\r\n"));
    assert_non_null(strstr(answer, "\r\n\r\nyou asked for /livez"));
}

static void status_of_the_handler_is_sent(void **state)
{
    (void)state;
    assert_memory_equal(ask("GET", "/missing"), "HTTP/1.1 404 ", 13);
    assert_non_null(strstr(answer, "you asked for /missing"));
}

static void query_is_not_part_of_the_path(void **state)
{
    (void)state;
    assert_non_null(strstr(ask("GET", "/metrics?name=x"), "\r\n\r\nyou asked for /metrics"));
    assert_null(strstr(answer, "name=x"));
}

static void empty_answer_is_an_answer(void **state)
{
    (void)state;
    assert_memory_equal(ask("GET", "/empty"), "HTTP/1.1 200 ", 13);
    assert_non_null(strstr(answer, "Content-Length: 0\r\n"));
}

static void head_has_the_length_but_no_body(void **state)
{
    (void)state;
    ask("HEAD", "/livez");
    assert_memory_equal(answer, "HTTP/1.1 200 ", 13);
    assert_non_null(strstr(answer, "Content-Length: 20\r\n"));
    assert_string_equal(strstr(answer, "\r\n\r\n"), "\r\n\r\n");
}

static void other_methods_are_refused(void **state)
{
    static const char *const methods[] = {"PUT", "DELETE", "OPTIONS", "PATCH", "BREW"};
    (void)state;
    for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
        assert_memory_equal(ask(methods[i], "/livez"), "HTTP/1.1 405 ", 13);
        assert_non_null(strstr(answer, "Allow: GET, HEAD\r\n"));
    }
    assert_int_equal(calls, 0);
}

static void body_of_a_post_is_not_read(void **state)
{
    static const char request[] = "POST /livez HTTP/1.1\r\nHost: x\r\nContent-Length: 100000000\r\n"
                                  "\r\nabc";
    (void)state;
    assert_memory_equal(ask_bytes(request, strlen(request)), "HTTP/1.1 405 ", 13);
}

static void answer_over_the_limit_is_an_error_of_ours(void **state)
{
    (void)state;
    assert_memory_equal(ask("GET", "/huge"), "HTTP/1.1 500 ", 13);
    assert_non_null(strstr(answer, "does not fit"));
}

static void endless_request_line_is_refused(void **state)
{
    static char request[64 * 1024];
    (void)state;
    memset(request, 'a', sizeof(request));
    memcpy(request, "GET /", 5);
    ask_bytes(request, sizeof(request));
    assert_int_equal(calls, 0);
    assert_true(answer[0] == '\0' || strstr(answer, "HTTP/1.1 4") == answer);
}

static void nonsense_is_refused_and_the_next_client_served(void **state)
{
    static const char nonsense[] = "\0\1\2\xff\xfe HTTP\r\n\r\n\r\nGET\r\n: : :\r\n\r\n";
    (void)state;
    ask_bytes(nonsense, sizeof(nonsense) - 1);
    assert_int_equal(calls, 0);
    assert_memory_equal(ask("GET", "/livez"), "HTTP/1.1 200 ", 13);
}

static void request_in_single_bytes_is_served(void **state)
{
    static const char request[] = "GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    (void)state;
    int fd = http_connect(http_server_port(server));
    for (size_t i = 0; i < strlen(request); i++) {
        assert_int_equal(send(fd, request + i, 1, MSG_NOSIGNAL), 1);
        http_server_turn(server);
    }
    assert_memory_equal(receive_all(fd), "HTTP/1.1 200 ", 13);
    close(fd);
}

static void hundred_silent_clients_harm_nobody(void **state)
{
    int fds[100];
    (void)state;
    for (size_t i = 0; i < 100; i++) {
        fds[i] = http_connect(http_server_port(server));
        http_server_turn(server);
    }
    for (size_t i = 0; i < 100; i++)
        close(fds[i]);
    assert_memory_equal(ask("GET", "/livez"), "HTTP/1.1 200 ", 13);
}

static void descriptor_is_readable_when_a_client_comes(void **state)
{
    (void)state;
    assert_true(http_server_fd(server) >= 0);
    assert_int_equal(http_server_wait_ms(server, 123), 123);
    assert_memory_equal(ask("GET", "/livez"), "HTTP/1.1 200 ", 13);
}

static void port_in_use_is_named_with_what_to_do(void **state)
{
    struct http_options taken = local;
    struct http_server *second = NULL;
    struct error err;
    char port[32];
    (void)state;
    taken.port = http_server_port(server);
    snprintf(port, sizeof(port), "port %d", taken.port);
    assert_int_equal(http_server_open(&second, &taken, &err), STATUS_FATAL);
    assert_null(second);
    assert_non_null(strstr(err.message, port));
    assert_non_null(strstr(err.message, "set another http.port"));
}

static void address_of_another_machine_is_refused(void **state)
{
    struct http_server *second = NULL;
    struct http_options elsewhere = local;
    struct error err;
    (void)state;
    elsewhere.address = "192.0.2.1"; /* RFC 5737: nobody's */
    assert_int_equal(http_server_open(&second, &elsewhere, &err), STATUS_FATAL);
    assert_non_null(strstr(err.message, "set http.address"));
    elsewhere.address = "256.1.2.3.4";
    assert_int_equal(http_server_open(&second, &elsewhere, &err), STATUS_FATAL);
    assert_non_null(strstr(err.message, "256.1.2.3.4"));
    assert_null(second);
}

static void closing_nothing_is_fine(void **state)
{
    (void)state;
    http_server_close(NULL);
}

int main(void)
{
#define SERVED(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        SERVED(get_brings_what_the_handler_wrote),
        SERVED(status_of_the_handler_is_sent),
        SERVED(query_is_not_part_of_the_path),
        SERVED(empty_answer_is_an_answer),
        SERVED(head_has_the_length_but_no_body),
        SERVED(other_methods_are_refused),
        SERVED(body_of_a_post_is_not_read),
        SERVED(answer_over_the_limit_is_an_error_of_ours),
        SERVED(endless_request_line_is_refused),
        SERVED(nonsense_is_refused_and_the_next_client_served),
        SERVED(request_in_single_bytes_is_served),
        SERVED(hundred_silent_clients_harm_nobody),
        SERVED(descriptor_is_readable_when_a_client_comes),
        SERVED(port_in_use_is_named_with_what_to_do),
        SERVED(address_of_another_machine_is_refused),
        cmocka_unit_test(closing_nothing_is_fine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
