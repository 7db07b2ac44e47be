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

/* The same for a change of all accounts of a domain at once (rulings.md, 37): the sums are then
 * known from the counts alone. The domain must be loaded locked. `bytes` and `messages` INT_NULL:
 * they stay. Says LIMIT_EXCEEDED and returns true; else the usage of a limited domain is brought in
 * line. */
bool usage_set_quotas(struct plan *plan, struct domain *domain, int64_t bytes, int64_t messages,
                      struct outcome *outcome);
bool usage_set_override(struct plan *plan, struct domain *domain, bool overrides,
                        struct outcome *outcome);

/* Checks the limits for an account that is to be as `after` (and was as `before`, NULL: not there).
 * Says LIMIT_EXCEEDED and returns true when one would be exceeded. */
bool usage_exceeds(struct plan *plan, const struct domain *domain, const struct account *before,
                   const struct account *after, struct outcome *outcome);

#endif
