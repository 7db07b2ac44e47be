/* An HTTP server on 127.0.0.1 with canned answers, in a thread of its own. */
#ifndef TESTS_UNIT_FAKE_REGISTRY_H
#define TESTS_UNIT_FAKE_REGISTRY_H

#include <pthread.h>
#include <stdbool.h>

enum { FAKE_ANSWERS_MAX = 16, FAKE_REQUEST_MAX = 1 << 16 };

struct fake_answer {
    const char *path; /* what the request's path begins with; the first that fits is taken */
    int code;
    const char *body; /* NULL: closes the connection without an answer */
};

struct fake_registry {
    pthread_t thread;
    pthread_mutex_t lock;
    int listener;
    char url[64];
    struct fake_answer
        answers[FAKE_ANSWERS_MAX];       /* ended by a NULL path; else 404 without a code */
    int requests;                        /* how many came */
    char last_request[FAKE_REQUEST_MAX]; /* line, headers and body */
};

void fake_registry_start(struct fake_registry *fake);
void fake_registry_stop(struct fake_registry *fake);
/* Replaces the answers, ended by a NULL path, and forgets the count. */
void fake_registry_answer(struct fake_registry *fake, const struct fake_answer *answers);
int fake_registry_requests(struct fake_registry *fake);
bool fake_registry_was_told(struct fake_registry *fake, const char *part);

#endif
