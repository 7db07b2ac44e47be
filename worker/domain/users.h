/* Users as commands list them: each by the address, the uuid or the number of an account in the
 * event's context (rulings.md, 39). */
#ifndef PROVD_DOMAIN_USERS_H
#define PROVD_DOMAIN_USERS_H

#include <stdbool.h>

#include "domain/field.h"
#include "domain/keys.h"

struct account;
struct event;
struct outcome;
struct plan;
struct policy;

/* One of the three; the others are null, nil, INT_NULL. */
struct user {
    struct text address;
    struct uuid uuid;
    int64_t id;
};

struct users {
    struct user *items;
    size_t count;
};

/* Accounts without repetition. */
struct user_accounts {
    struct account **items;
    size_t count;
    struct map uuids; /* of them */
};

/* Reads and counts (event->users_listed) the texts of `field`; false after saying in the event's
 * fault which is none of the three. */
bool users_parse(struct event *event, const char *field, const struct texts *texts,
                 const struct policy *policy, struct arena *arena, struct users *ret_users);
/* False after saying in the event's fault that a user of `removing` is added as well; users who are
 * named in two ways show only when the accounts are known. */
bool users_differ(struct event *event, const struct users *adding, const struct users *removing,
                  struct arena *arena);
/* Asks for the accounts. */
void users_touch(const struct users *users, struct keys *keys);
/* The live accounts of the event's context, in the order of the list; false after saying
 * NO_SUCH_USER. `texts` are as the event has them, for the message. */
bool users_require(struct plan *plan, const struct users *users, const struct texts *texts,
                   struct outcome *outcome, struct user_accounts *ret_accounts);
bool user_accounts_have(const struct user_accounts *accounts, const struct uuid *uuid);

#endif
