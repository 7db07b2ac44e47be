/* What became of an event: the plan writes one for each event, the apply stage turns it into the
 * bytes of a ProvisioningResult and of its change records. */
#ifndef PROVD_DOMAIN_OUTCOME_H
#define PROVD_DOMAIN_OUTCOME_H

#include <stdbool.h>
#include <stdint.h>

#include "domain/code.h"
#include "domain/event.h"
#include "domain/value.h"

struct account;
struct change;
struct member;
struct service;

/* The numbers are stored in the ledger: append only. */
enum outcome_status {
    OUTCOME_APPLIED = 0,
    OUTCOME_NO_CHANGE = 1,
    OUTCOME_DUPLICATE = 2,
    OUTCOME_PLANNED = 3,
    OUTCOME_REJECTED = 4,
    OUTCOME_FAILED = 5,
    OUTCOME_EXPIRED = 6,
    OUTCOME_PARKED = 7,
    OUTCOME_HELD = 8,
    OUTCOME_STATUS_COUNT
};
/* Stored for a record that became a dead letter; it has no result. */
enum { OUTCOME_DEAD_LETTER = 100 };

extern const char *const outcome_status_names[];

/* APPLIED, NO_CHANGE, REJECTED and EXPIRED use up their event id (rulings.md, 3). */
bool outcome_uses_id(enum outcome_status status);

/* What the ledger knows of an event id, or the outcome memory of a record's coordinates. */
struct memory {
    bool
        is_same_record; /* the coordinates are those of the event itself: it was processed before */
    int32_t fence_id;   /* of the first record's partition */
    struct text topic;  /* of the first record */
    int32_t partition;
    int64_t offset;
    uint8_t payload_hash[PAYLOAD_HASH_LEN];
    enum outcome_status status; /* or OUTCOME_DEAD_LETTER */
    struct text result;         /* the published value as it was framed; null for a dead letter */
    int64_t chain_seq;          /* the first change record; INT_NULL: none */
    int64_t change_count;
    int64_t applied_at;
    /* dead letters */
    struct text stage, code, message;
    int64_t recorded_at;
};

/* One object of a fan-out, for the result's list. */
struct outcome_item {
    struct text object;
    enum outcome_status status;
    enum code code;
    struct text message;
};
enum { OUTCOME_ITEMS_SHOWN_MAX = 100 };

/* The sets of a fan-out (a barrier): how many objects came out how. */
struct outcome_items {
    struct outcome_item *items; /* the first OUTCOME_ITEMS_SHOWN_MAX */
    size_t count;
    int64_t total, applied, unchanged, rejected;
};

/* An account that came into a group, or went, by an event about the group. */
struct outcome_member {
    const struct member *member;
    bool has_left;
};

struct fanout;

struct outcome {
    enum outcome_status status;
    enum code code;
    struct text message; /* null when nothing is to be said */
    bool recalled; /* processed before: `memory` has the very bytes to publish; nothing is stored
                      again */

    bool stale;   /* prepare's facts are of another row: the batch goes back to prepare */
    bool derived; /* follows from the ledger alone (DUPLICATE, ID_REUSED): a re-read derives it
                     again */

    const struct memory *memory;         /* recalled, or DUPLICATE of an earlier batch */
    const struct outcome *first_outcome; /* DUPLICATE of an event in this batch */
    const struct event *first_event;

    struct account *account; /* whose uuid and id the result names; NULL: none */
    struct service
        *services[SERVICE_COUNT]; /* service accounts as they were after this event; NULL: absent */
    int64_t version_before, version_after; /* of the target, INT_NULL: none */
    struct text generated_password;        /* sealed to the requester */

    struct change *changes; /* applied, or planned when PLANNED, or the refusal; in order */
    size_t change_count;
    struct fanout
        *fanout; /* what the apply stage is to do to a whole domain (fanout.h); NULL: nothing */
    struct outcome_items items;
    struct outcome_member *members; /* each gets a row in the change log */
    size_t member_count;

    /* Filled in by the apply stage. */
    int64_t chain_seq; /* of the first change; INT_NULL: none */
};

/* Ends an event: sets status, code and a one-line message of at most OUTCOME_MESSAGE_MAX
 * characters. `format` NULL leaves the message null. Returns the status. */
enum { OUTCOME_MESSAGE_MAX = 500 };
enum outcome_status outcome_say(struct outcome *outcome, struct arena *arena,
                                enum outcome_status status, enum code code, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

#endif
