/* A decoded event: the envelope, the payload of its kind, and what is already known to be wrong.
 *
 * Events live in the batch's arena, their texts in the message. The decode stage fills in
 * everything but `prepared`. */
#ifndef PROVD_DOMAIN_EVENT_H
#define PROVD_DOMAIN_EVENT_H

#include <stdbool.h>
#include <stdint.h>

#include "domain/field.h"
#include "domain/value.h"

struct kind;

struct actor {
    int64_t kind; /* enum actor_kind */
    struct text id;
    struct text ip;
    struct text reason;
    struct text ticket;
};

/* Where a record came from. `source` is the number of its partition; the timestamp is
 * the record's own (it judges expires_at, so that a replay decides the same). */
enum { NO_TIMESTAMP_US = -1 };
struct position {
    int32_t source;
    int64_t offset;
    int64_t timestamp_us;
};

/* What the prepare stage found out or made. */
struct prepared {
    struct text password_hash;   /* scheme-prefixed; null: none was needed */
    struct text sealed_password; /* GENERATED: the password, sealed to the requester's key */
    struct fault fault;          /* e.g. the sealed secret does not open, or the password is weak */
    /* VerifyPassword: the comparison, and the row it was made against. */
    enum { VERIFY_NONE, VERIFY_RIGHT, VERIFY_WRONG, VERIFY_NO_ACCOUNT } verified;
    struct uuid verified_uuid;
    struct text
        verified_hash; /* the stored hash that was compared; apply checks it is still there */
};

enum { PAYLOAD_HASH_LEN = 16, EVENT_ID_SHOWN_MAX = 64 };

struct event {
    const struct kind *kind; /* NULL: a branch this version does not know: REJECTED / UNSUPPORTED */
    struct text kind_name;   /* as in the schema */
    void *payload;           /* the kind's struct; NULL when kind is NULL */

    struct text event_id_text; /* as sent, cut to EVENT_ID_SHOWN_MAX */
    struct uuid event_id;      /* nil: missing or not a UUID, then `fault` is set */
    int64_t occurred_at;       /* microseconds */
    struct text source;
    struct text context;
    struct actor *actor; /* never NULL after event_check */
    struct text correlation_id;
    int64_t mode;             /* enum mode */
    int64_t expected_version; /* INT_NULL: no precondition */
    int64_t expires_at;       /* INT_NULL: never */

    struct position position;
    uint8_t payload_hash[PAYLOAD_HASH_LEN];
    struct uuid
        object_uuid; /* the identity of an account that this event creates; made from event_id */
    size_t users_listed; /* by an event about many users: what it takes to apply grows with them */
    struct fault fault;  /* the first envelope or field rule that is broken */
    struct prepared prepared;
};

/* The envelope's own fields, but the payload; offsets are in struct event. */
extern const struct field event_fields[];

/* Judges envelope and payload (events.md 1, rulings.md 4, 14, 15) after both were decoded and
 * hashed: sets `fault`. `timestamp_us` is the record's. */
void event_check(struct event *event, const struct policy *policy, struct arena *arena);

#endif
