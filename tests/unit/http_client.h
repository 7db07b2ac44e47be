/* A raw HTTP client for tests: sends bytes as they are, and sees what comes back. */
#ifndef PROVD_TESTS_UNIT_HTTP_CLIENT_H
#define PROVD_TESTS_UNIT_HTTP_CLIENT_H

#include <stdbool.h>
#include <stddef.h>

/* A connection to 127.0.0.1, non-blocking, or -1. */
int http_connect(int port);
/* Reads what is there. False when the other side has closed. */
bool http_receive(int fd, char *text, size_t *len, size_t bytes_max);
/* A port of 127.0.0.1 that nobody else is given before the next call; -1: none. */
int http_free_port(void);
/* One GET on a connection of its own against another process; waits up to `patience_ms`. The
 * status, or 0 when there was no answer. The answer with its headers goes to `ret_text`. */
int http_get(int port, const char *path, char *ret_text, size_t bytes_max, int patience_ms);

#endif
