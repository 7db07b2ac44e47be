/* Stories: tables of events and what must become of them. Each story is told to the plan twice, as
 * one batch and event by event: what comes of it may not depend on that. */
#ifndef PROVD_TESTS_HARNESS_H
#define PROVD_TESTS_HARNESS_H

#include "check.h"
#include "event_json.h"
#include "world.h"

/* An event, in JSON with ' for ": its payload, and members of the envelope where these are unusual.
 */
#define EVENT(kind, payload) "{'kind':'" kind "','payload':{" payload "}}"
#define EVENT_WITH(envelope, kind, payload)                                                        \
    "{'kind':'" kind "','payload':{" payload "}," envelope "}"
#define DRY_RUN "'mode':'DRY_RUN'"
#define AS_USER(address) "'actor':{'kind':'USER','id':'" address "'}"
#define BOB "'ref':'bob@example.org'"

/* Days after the first event. */
#define DAYS(n) (EVENT_EPOCH_US + INT64_C(86400) * US_PER_S * (n))

/* Most steps leave out what they do not look at. */
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"
struct step {
    const char *event;
    const char
        *becomes;     /* how world_outcome_line begins: "APPLIED", "REJECTED NO_SUCH_DOMAIN ->-" */
    const char *says; /* what world_outcome_text contains; NULL: whatever */
    /* Instead of an event: a row, and what its columns ("a=1 b=2") must be; "absent". */
    const char *row;
};
#define ROW(key, values)                                                                           \
    {                                                                                              \
        .row = (key), .becomes = (values)                                                          \
    }

/* Settings of the world that a story needs; may be NULL. */
typedef void story_prelude(struct world *world);

void story_play(const struct step *steps, size_t count, story_prelude *prelude);
#define PLAY(steps) story_play((steps), COUNT_OF(steps), NULL)

/* Context 1 with domain example.org. */
#define BEGIN_DOMAIN                                                                               \
    {EVENT("CreateContext", "'name':'1'"), "APPLIED ->1"},                                         \
    {                                                                                              \
        EVENT("CreateDomain", "'domain':'example.org'"), "APPLIED ->1"                             \
    }
/* And in it bob, with all services. */
#define BEGIN_BOB                                                                                  \
    BEGIN_DOMAIN,                                                                                  \
    {                                                                                              \
        EVENT("CreateAccount", "'address':'bob@example.org','password':'{SSHA256}c2FsdA=='"),      \
            "APPLIED ->1"                                                                          \
    }

/* Compares with tests/rules/expected/NAME. With PROVD_TEST_WRITE_EXPECTED set it is written
 * instead. */
void expect_file(const char *name, struct text text);

#endif
