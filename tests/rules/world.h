/* A database in memory that does around the plan what the apply stage does: recall from the ledger,
 * load by keys, plan, draw ids, store, fan out. So rules are tested with the rows that they would
 * have been given, in batches as they would have come. After each transaction it checks what the
 * tables' constraints and the counts in domains and contexts promise. */
#ifndef PROVD_TESTS_WORLD_H
#define PROVD_TESTS_WORLD_H

#include "base/arena.h"
#include "domain/plan.h"

/* The rows of one noun. */
struct table {
    const struct noun *noun;
    struct rows rows;
};

enum {
    WORLD_CONTEXTS,
    WORLD_DOMAINS,
    WORLD_GROUPS,
    WORLD_ACCOUNTS,
    WORLD_SERVICES,
    WORLD_RECOVERIES,
    WORLD_MEMBERS,
    WORLD_TABLES
};

struct known_event;

struct world {
    struct arena arena; /* of everything, until world_close */
    struct policy policy;
    struct table tables[WORLD_TABLES];
    int64_t next_account_id, next_service_id;
    int64_t next_offset; /* the fence: what lies below was processed */
    struct known_event *known;
    int64_t rows_written; /* inserts, updates and deletes of the last transaction */
    bool cuts_at_verify;  /* commit before each VerifyPassword, so that it is compared with what is
                             stored */
    bool is_beyond_counting; /* the quotas of a domain were more than an int64 together: how much
                                of its limits is used is not checked any more */
};

void world_init(struct world *world);
void world_close(struct world *world);

/* Checks, prepares and applies a batch in one transaction (but see cuts_at_verify). Outcomes live
 * as long as the world. Events whose offset is below the fence are a re-read. */
struct outcome *world_apply(struct world *world, struct event *const *events, size_t count);

/* Forgets what the ledger knows, as pruning does. */
void world_forget(struct world *world);

/* One line: status, code, versions before and after ("-" is null). */
struct text world_outcome_line(const struct outcome *outcome, struct arena *arena);
/* The same with message, account, services, items and changes: all that is the same however the
 * history is cut into batches. */
struct text world_outcome_text(const struct outcome *outcome, struct arena *arena);
/* All rows with all their columns but drawn ids and revisions, sorted. */
struct text world_rows_text(const struct world *world, struct arena *arena);
/* "name=value" of each named column ("a, b") of the row whose key reads `key`: "account
 * bob@example.org" (the live one, else the last), "domain example.org", "context 1", "mail_group
 * staff"; "services bob@example.org" (ids), "members staff" (addresses, * when it is their own). */
struct text world_row_text(const struct world *world, const char *key, const char *columns,
                           struct arena *arena);

#endif
