/* Sending events and waiting for their results: for `events send` and all commands that send. */
#ifndef PROVCTL_POST_H
#define PROVCTL_POST_H

#include "command.h"
#include "wire/json.h"

struct post;

enum { POST_WAIT_DEFAULT_MS = 30000 };

/* One event on its way. Plain; texts are in the invocation's arena. */
struct letter {
    const char *event_id, *kind;
    struct text key;   /* null: none */
    struct text value; /* framed */
    json_t *event;     /* as it is sent, complete; owned */
    bool is_delivered;
    int32_t partition;
    int64_t offset;
    json_t *result;                  /* the final one; NULL: none yet; owned */
    char failure[ERROR_MESSAGE_MAX]; /* why it was not delivered; "": nothing known */
};
void letter_close(struct letter *letter);

/* What fills the envelope fields that an event does not have. */
struct envelope {
    const char *source;  /* NULL: provctl */
    const char *context; /* NULL: none */
    const char *key;     /* NULL: by the kind */
    bool is_dry_run;
};

/* Reads settings and, unless `is_check_only`, connects; with `waits` the results are read from
 * their end on, so that no result of what is sent later is missed. Exit code, after saying what is
 * wrong; post_close is due in any case. */
int post_open(struct post **ret_post, struct invocation *invocation, bool is_check_only,
              bool waits);
void post_close(struct post *post); /* NULL is fine */

/* Completes the event (taken over) and encodes it. False: `err` says at which place of it what is
 * wrong. */
bool post_seal(struct post *post, json_t *event, const struct envelope *envelope,
               struct letter *ret_letter, struct error *err);
/* Sends them and waits until the brokers have them all. Letters that were not delivered say why. */
enum status post_send(struct post *post, struct letter *letters, size_t count, struct error *err);

/* Called for each final result as it comes. */
typedef void post_answered(void *opaque, struct letter *letter);
/* Waits for the results of all delivered letters. RETRY when `timeout_ms` is over: letters without
 * a result have had none. `answered` may be NULL. */
enum status post_wait(struct post *post, struct letter *letters, size_t count, int64_t timeout_ms,
                      post_answered *answered, void *opaque, struct error *err);

/* What became of an event as an exit code: 0 done (or already so), 65 refused, 75 not now. */
int post_exit_code(const json_t *result);

#endif
