/* How much of a domain's limits its accounts use (rulings.md, 35). The counts are kept in the
 * domain's row while it is limited; the plan keeps them up by itself for every edit of an account.
 */
#ifndef PROVD_DOMAIN_USAGE_H
#define PROVD_DOMAIN_USAGE_H

#include "domain/account.h"
#include "domain/domain.h"
#include "domain/plan.h"

/* vpopmail's flag: the account does not count, and no limit holds for it. */
enum { FLAG_OVERRIDE_LIMITS = 0x2000 };

/* Called when an event is settled: brings the usage of domains in line with the accounts that the
 * event made, changed or deleted. */
void usage_follow_edits(struct plan *plan);

/* Checks the limits for an account that is to be as `after` (and was as `before`, NULL: not there).
 * Says LIMIT_EXCEEDED and returns true when one would be exceeded. */
bool usage_exceeds(struct plan *plan, const struct domain *domain, const struct account *before,
                   const struct account *after, struct outcome *outcome);

#endif
