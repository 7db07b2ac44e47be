/* The rows that the events of a batch touch, in memory: loaded before the plan, changed by it,
 * stored after it. One write per row however many events changed it. */
#ifndef PROVD_DOMAIN_WORKING_SET_H
#define PROVD_DOMAIN_WORKING_SET_H

#include "base/map.h"
#include "domain/account.h"
#include "domain/domain.h"
#include "domain/group.h"

struct arena;

/* A growing list of rows, in the order in which they came. */
struct rows {
    struct row **items;
    size_t count, capacity;
};

struct working_set {
    struct arena *arena;
    struct map contexts, domains, groups; /* by name / name / "context\0name" */
    struct map groups_by_number;          /* "context\0number" */
    struct map accounts_by_address, accounts_by_uuid;
    struct map accounts_by_id; /* empty, unless working_set_number_accounts was called */
    struct map members;        /* uuid and number */
    struct rows context_rows, domain_rows, group_rows, account_rows, service_rows, recovery_rows;
    struct rows member_rows;
};

/* Appends; memory from the arena. */
void rows_add(struct rows *rows, struct arena *arena, struct row *row);

void working_set_init(struct working_set *set, struct arena *arena, size_t expected);

/* Puts a row, loaded or new, into its maps. The row and the texts in it live in the set's arena. */
void working_set_add_context(struct working_set *set, struct context *context);
void working_set_add_domain(struct working_set *set, struct domain *domain);
/* A group that is there already stays; the new one is left out. */
void working_set_add_group(struct working_set *set, struct group *group);
/* Once more, under the name that it has now. */
void working_set_rename_group(struct working_set *set, struct group *group);
void working_set_add_account(struct working_set *set, struct account *account);
/* Hangs it on its account, which must be there. */
void working_set_add_service(struct working_set *set, struct service *service);
void working_set_add_recovery(struct working_set *set, struct recovery *recovery);
/* Hangs it on its account and its group, where these are in the set. A member that is there already
 * stays; the new one is left out. */
void working_set_add_member(struct working_set *set, struct member *member);
/* Makes loaded accounts known by their numbers. */
void working_set_number_accounts(struct working_set *set);
/* Groups and members of a context that is deleted are not written: they go with it. */
void working_set_drop_orphans(struct working_set *set);

/* NULL when absent or gone. */
struct context *working_set_context(const struct working_set *set, struct text name);
struct domain *working_set_domain(const struct working_set *set, struct text name);
struct group *working_set_group(const struct working_set *set, struct text context,
                                struct text name);
struct group *working_set_group_numbered(const struct working_set *set, struct text context,
                                         int64_t number);
struct member *working_set_member(const struct working_set *set, const struct uuid *account,
                                  int64_t number);
/* The live account of an address. */
struct account *working_set_live(const struct working_set *set, struct text address);
/* The deleted account of an address that was deleted last. */
struct account *working_set_last_deleted(const struct working_set *set, struct text address);
struct account *working_set_uuid(const struct working_set *set, const struct uuid *uuid);
struct account *working_set_account_id(const struct working_set *set, int64_t id);

#endif
