/* Groups of accounts and their members: the rows. */
#ifndef PROVD_DOMAIN_GROUP_H
#define PROVD_DOMAIN_GROUP_H

#include "domain/column.h"
#include "domain/value.h"

struct account;
struct change;
struct column_change;
struct context;
struct outcome_member;
struct member;

struct group {
    struct row row;
    struct text context;
    int64_t number;   /* what group events and atmail name; stays */
    struct text name; /* what account events name; may change */
    int64_t version, revision, created_at, updated_at;

    /* Columns of the audit only: how many came and went by one event; INT_NULL: none. */
    int64_t members_added, members_removed;

    /* Not columns. */
    const struct context *owner; /* goes with it; NULL: not loaded, since no event deletes it */
    struct member *members;      /* those in the working set: all of them for SetGroupMembers */
    size_t members_loaded;       /* all, or GROUP_MEMBERS_MAX + 1 of more */
};

/* An account in a group. One of its groups may be its own: the one that CreateAccount and
 * UpdateAccount name. */
struct member {
    struct row row;
    struct text context;
    int64_t number;
    struct uuid account_uuid;
    int64_t is_own;
    int64_t created_at;

    /* Not columns. */
    struct text address; /* of the account */
    const struct context *owner;
    struct member *next_of_group, *next_of_account;
};

/* What SetGroupMembers replaces at once; a group may have more by other events. */
enum { GROUP_MEMBERS_MAX = 100000 };

extern const struct noun group_noun, member_noun;

/* Neither undone, nor gone with its context. */
bool group_is_there(const struct group *group);
bool member_is_there(const struct member *member);
/* The membership in the account's own group, or NULL. The account's memberships must be loaded
 * (keys_memberships). */
struct member *account_own_membership(const struct account *account);
/* What the change log says of an account that came into a group or went: one column. */
void member_change(const struct outcome_member *member, struct column_change *column,
                   struct change *ret_change);

#endif
