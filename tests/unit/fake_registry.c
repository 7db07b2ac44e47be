#include "fake_registry.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

static bool is_whole(const char *request)
{
    const char *end = strstr(request, "\r\n\r\n");
    const char *length = strstr(request, "Content-Length: ");

    if (end == NULL)
        return false;
    return length == NULL || length > end ||
           strlen(end + 4) >= strtoul(length + strlen("Content-Length: "), NULL, 10);
}

static bool read_request(int connection, char *request, size_t size)
{
    size_t len = 0;

    request[0] = '\0';
    while (!is_whole(request)) {
        ssize_t got = recv(connection, request + len, size - 1 - len, 0);

        if (got <= 0)
            return false;
        len += (size_t)got;
        request[len] = '\0';
    }
    return true;
}

static struct fake_answer answer_for(struct fake_registry *fake, const char *request)
{
    const char *path = strchr(request, ' ') + 1;
    struct fake_answer answer = {.code = 404, .body = "<html>nothing here</html>"};

    pthread_mutex_lock(&fake->lock);
    fake->requests++;
    snprintf(fake->last_request, sizeof fake->last_request, "%s", request);
    for (size_t i = 0; fake->answers[i].path != NULL; i++) {
        if (strncmp(path, fake->answers[i].path, strlen(fake->answers[i].path)) == 0) {
            answer = fake->answers[i];
            break;
        }
    }
    pthread_mutex_unlock(&fake->lock);
    return answer;
}

static void *serve(void *user)
{
    struct fake_registry *fake = user;
    static char request[FAKE_REQUEST_MAX];
    char head[256];
    int connection;

    while ((connection = accept(fake->listener, NULL, NULL)) >= 0) {
        const struct timeval patience = {.tv_sec = 2};
        const int yes = 1;

        setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
        setsockopt(connection, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
        while (read_request(connection, request, sizeof request)) {
            struct fake_answer answer = answer_for(fake, request);

            if (answer.body == NULL)
                break;
            snprintf(head, sizeof head, "HTTP/1.1 %d Canned\r\nContent-Length: %zu\r\n%s\r\n",
                     answer.code, strlen(answer.body),
                     answer.code / 100 == 3 ? "Location: file:///etc/passwd\r\n" : "");
            send(connection, head, strlen(head), MSG_NOSIGNAL);
            send(connection, answer.body, strlen(answer.body), MSG_NOSIGNAL);
        }
        close(connection);
    }
    return NULL;
}

void fake_registry_start(struct fake_registry *fake)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t len = sizeof address;

    memset(fake, 0, sizeof *fake);
    pthread_mutex_init(&fake->lock, NULL);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    fake->listener = socket(AF_INET, SOCK_STREAM, 0);
    if (fake->listener < 0 ||
        bind(fake->listener, (struct sockaddr *)&address, sizeof address) != 0 ||
        listen(fake->listener, 8) != 0 ||
        getsockname(fake->listener, (struct sockaddr *)&address, &len) != 0 ||
        pthread_create(&fake->thread, NULL, serve, fake) != 0)
        abort();
    snprintf(fake->url, sizeof fake->url, "http://127.0.0.1:%d/api/", ntohs(address.sin_port));
}

void fake_registry_stop(struct fake_registry *fake)
{
    shutdown(fake->listener, SHUT_RDWR);
    close(fake->listener);
    pthread_join(fake->thread, NULL);
    pthread_mutex_destroy(&fake->lock);
}

void fake_registry_answer(struct fake_registry *fake, const struct fake_answer *answers)
{
    size_t count = 0;

    pthread_mutex_lock(&fake->lock);
    memset(fake->answers, 0, sizeof fake->answers);
    for (; answers[count].path != NULL; count++)
        fake->answers[count] = answers[count];
    fake->requests = 0;
    pthread_mutex_unlock(&fake->lock);
}

int fake_registry_requests(struct fake_registry *fake)
{
    int requests;

    pthread_mutex_lock(&fake->lock);
    requests = fake->requests;
    pthread_mutex_unlock(&fake->lock);
    return requests;
}

bool fake_registry_was_told(struct fake_registry *fake, const char *part)
{
    bool was_told;

    pthread_mutex_lock(&fake->lock);
    was_told = strstr(fake->last_request, part) != NULL;
    pthread_mutex_unlock(&fake->lock);
    return was_told;
}
