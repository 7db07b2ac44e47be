/* The commands about groups: their payloads and rules (events.md, section 5; rulings.md, 42). */
#ifndef PROVD_DOMAIN_GROUP_EVENTS_H
#define PROVD_DOMAIN_GROUP_EVENTS_H

#include "domain/group.h"
#include "domain/kind.h"
#include "domain/users.h"

struct set_group_members {
    int64_t group;
    struct text name; /* null: stays as it is; of a new group: its number */
    struct texts members;
    struct users users; /* what members say */
};

struct change_group_members {
    int64_t group;
    struct texts add, remove;
    struct users adding, removing; /* what these say */
};

extern const struct field set_group_members_fields[], change_group_members_fields[];

bool set_group_members_check(struct event *event, const struct policy *policy, struct arena *arena);
void set_group_members_touch(const struct event *event, struct keys *keys);
enum outcome_status set_group_members_rule(struct plan *plan, const struct event *event,
                                           struct outcome *outcome);

bool change_group_members_check(struct event *event, const struct policy *policy,
                                struct arena *arena);
void change_group_members_touch(const struct event *event, struct keys *keys);
enum outcome_status change_group_members_rule(struct plan *plan, const struct event *event,
                                              struct outcome *outcome);

/* --- for the rules about accounts ---------------------------------------------------------------
 */

/* The account becomes a member, if it is not; with `is_own` the group becomes its own. */
struct member *group_join(struct plan *plan, struct group *group, const struct account *account,
                          bool is_own);

#endif
