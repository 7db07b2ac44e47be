/* A change of every live account of a domain by one event (a barrier): the event's rule describes
 * it, the apply stage carries it out as one set-based statement at the event's place in the order,
 * and writes an audit row per account with the same edit in C. */
#ifndef PROVD_DOMAIN_FANOUT_H
#define PROVD_DOMAIN_FANOUT_H

#include "domain/account.h"
#include "domain/change.h"
#include "domain/outcome.h"

struct domain;
struct fanout;
struct plan;

/* What the statement does, done to one row; but version, revision and updated_at, which every
 * fan-out's statement sets. The statement and this must agree: tests hold them against each other.
 */
typedef void fanout_edit(const struct fanout *fanout, struct account *account);

struct fanout {
    const char *statement; /* name of the UPDATE in worker/sql */
    fanout_edit *edit;
    enum change_action action;
    struct text domain;
    int64_t occurred_at;
    int64_t numbers[3]; /* parameters of statement and edit, in this order behind domain and
                           occurred_at */
    int number_count;
    bool is_dry_run;
};

/* For a rule: the current event's change of all live accounts of `domain`; without numbers. */
struct fanout *fanout_new(struct plan *plan, const char *statement, fanout_edit *edit,
                          enum change_action action, const struct domain *domain);

#endif
