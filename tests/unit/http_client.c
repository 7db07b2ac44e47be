#include "http_client.h"

#include "base/clock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct sockaddr_in local(int port)
{
    return (struct sockaddr_in){.sin_family = AF_INET,
                                .sin_port = htons((uint16_t)port),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

int http_connect(int port)
{
    struct sockaddr_in address = local(port);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
        close(fd);
        return -1;
    }
    fcntl(fd, F_SETFL, O_NONBLOCK);
    return fd;
}

bool http_receive(int fd, char *text, size_t *len, size_t bytes_max)
{
    ssize_t got = recv(fd, text + *len, bytes_max - 1 - *len, 0);
    if (got > 0)
        *len += (size_t)got;
    text[*len] = '\0';
    return got > 0 || (got < 0 && (errno == EAGAIN || errno == EINTR));
}

int http_free_port(void)
{
    static int reserved = -1;
    struct sockaddr_in address = local(0);
    socklen_t len = sizeof(address);
    int on = 1;
    if (reserved >= 0)
        close(reserved);
    reserved = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool is_ours = setsockopt(reserved, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0 &&
                   bind(reserved, (struct sockaddr *)&address, sizeof(address)) == 0 &&
                   getsockname(reserved, (struct sockaddr *)&address, &len) == 0;
    return is_ours ? ntohs(address.sin_port) : -1;
}

int http_get(int port, const char *path, char *ret_text, size_t bytes_max, int patience_ms)
{
    char request[256];
    size_t len = 0;
    int64_t deadline_us = deadline_in_ms(patience_ms);
    ret_text[0] = '\0';
    int fd = http_connect(port);
    if (fd < 0)
        return 0;
    snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
             path);
    send(fd, request, strlen(request), MSG_NOSIGNAL);
    while (!deadline_passed(deadline_us) && http_receive(fd, ret_text, &len, bytes_max)) {
        struct pollfd waiting = {.fd = fd, .events = POLLIN};
        poll(&waiting, 1, 50);
    }
    close(fd);
    return len > 12 && strncmp(ret_text, "HTTP/1.1 ", 9) == 0 ? atoi(ret_text + 9) : 0;
}
