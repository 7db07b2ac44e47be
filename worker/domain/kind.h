/* The kinds of events: one row per branch of the schema's union says everything the path needs to
 * know of it. Adding a kind is a branch in the schema, a struct with its fields and a rule, a row
 * here. */
#ifndef PROVD_DOMAIN_KIND_H
#define PROVD_DOMAIN_KIND_H

#include "domain/event.h"
#include "domain/keys.h"
#include "domain/outcome.h"

struct plan;

enum kind_flag {
    KIND_UNCOUNTED = 1, /* changes do not count as a version (ObserveLogin) */
    KIND_NO_VERSION =
        2, /* takes no expected_version when it fans out: the target is not one object */
    KIND_OWN_CONTEXT = 4, /* names its context itself: the envelope's may be empty */
};

/* Who may send it, besides SYSTEM (events.md 6). */
enum kind_right {
    RIGHT_SYSTEM,  /* nobody else */
    RIGHT_MAILBOX, /* a mailbox admin of the account's context or domain */
    RIGHT_GROUP,   /* and a group admin of the account's group */
    RIGHT_OWN,     /* and the account's own user */
};

struct kind {
    const char *name; /* branch of the union */
    const char *doc;
    size_t payload_size;
    const struct field *fields;
    unsigned flags;
    enum kind_right right;
    /* Rules over several fields, without a database; after field_check. May be NULL. */
    bool (*check)(struct event *event, const struct policy *policy, struct arena *arena);
    /* Which rows does this event need? */
    void (*touch)(const struct event *event, struct keys *keys);
    /* True when the event fans out over a whole domain: the batch is cut there (fanout.h). NULL:
     * never. */
    bool (*fans_out)(const struct event *event);
    /* The account that the event is about, for the actor's rights; NULL when there is none yet. */
    const struct account *(*target)(struct plan *plan, const struct event *event);
    /* What does it do to them? */
    enum outcome_status (*rule)(struct plan *plan, const struct event *event,
                                struct outcome *outcome);
    /* For the documentation: the codes the rule can give; ended by CODE_NONE. */
    const enum code *codes;
};

/* Ended by a NULL name. */
extern const struct kind kinds[];
/* NULL for a branch that has no row. */
const struct kind *kind_find(struct text name);

#endif
