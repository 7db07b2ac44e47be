/* Where a partition starts: the decision between the fence row in the database and the offsets in
 * Kafka, as a table (design.md, section 3). Pure. */
#ifndef PROVD_DOMAIN_FENCE_H
#define PROVD_DOMAIN_FENCE_H

#include <stdbool.h>
#include <stdint.h>

/* What is known of a partition when it is assigned. */
struct fence_facts {
    bool has_row;
    int64_t fence;          /* F: next_offset of the fence row */
    int64_t committed;      /* C: the group's committed offset; -1: none */
    int64_t published_upto; /* of the fence row: beyond the first offset, offsets were committed */
    int64_t log_start, log_end;
    bool only_control_records; /* C > F, and [F, C) holds no record */
    int64_t republish_below;   /* of the fence row: C of the last rewind that was begun; 0: none */
    enum { FENCE_PERMIT_NONE, FENCE_PERMIT_ACCEPT, FENCE_PERMIT_ADOPT } permission;
    bool policy_rewind; /* the setting for F < C */
};

enum fence_action { FENCE_GO, FENCE_HALT };

struct fence_decision {
    const char *name; /* of the row that decided, e.g. "reread" */
    enum fence_action action;
    int64_t start;          /* GO: the first offset to read */
    int64_t next_offset;    /* GO: what the fence row shall say from now on */
    int64_t published_upto; /* the same */
    bool sets_committed;    /* GO: Kafka shall say `start` from now on: the decision lasts */
    bool republished;       /* results of what is read again are marked so */
    bool uses_permission;   /* the one-use permission is spent, and the change log records it */
    bool alarm;             /* worth a warning even though it goes on */
    int64_t gone;           /* offsets that retention took too early: unread, or not published */
    const char *reason;     /* for logs, /readyz and `provctl fence show` */
    const char *remedy;     /* the command that helps; NULL: none needed */
};

struct fence_decision fence_decide(const struct fence_facts *facts);

/* All rows of the decision table, for tests and documentation; ended by a NULL name. */
struct fence_rule {
    const char *name;
    bool (*holds)(const struct fence_facts *facts);
    enum fence_action action;
    enum { FENCE_FROM_FENCE, FENCE_FROM_COMMITTED, FENCE_FROM_LOG_START, FENCE_FROM_NOWHERE } start;
    bool republished, uses_permission, alarm;
    const char *reason, *remedy;
};
extern const struct fence_rule fence_rules[];

#endif
