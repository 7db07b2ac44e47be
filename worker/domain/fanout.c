#include "domain/fanout.h"

#include "base/arena.h"
#include "domain/domain.h"
#include "domain/plan.h"

struct fanout *fanout_new(struct plan *plan, const char *statement, fanout_edit *edit,
                          enum change_action action, const struct domain *domain)
{
    struct fanout *fanout = ARENA_NEW(plan->arena, struct fanout);
    *fanout = (struct fanout){
        .statement = statement,
        .edit = edit,
        .action = action,
        .domain = domain->name,
        .occurred_at = plan->event->occurred_at,
        .is_dry_run = plan->event->mode == MODE_DRY_RUN,
    };
    return fanout;
}
