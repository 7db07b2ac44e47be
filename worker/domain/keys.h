/* The rows a batch needs, gathered from its events before anything is loaded: sets of keys, without
 * repetition, sorted before they are asked for, so that two lanes lock in the same order. */
#ifndef PROVD_DOMAIN_KEYS_H
#define PROVD_DOMAIN_KEYS_H

#include "base/map.h"
#include "domain/value.h"

struct arena;

/* A set of texts (uuids as their 16 bytes, numbers as their 8; groups as "context\0name", or with
 * the number's bytes). */
struct key_set {
    struct map map;
};

struct keys {
    struct arena *arena;
    struct key_set contexts;        /* relied on: FOR KEY SHARE */
    struct key_set contexts_locked; /* changed: FOR UPDATE */
    struct key_set domains;         /* relied on: FOR KEY SHARE */
    struct key_set domains_locked;  /* changed: FOR UPDATE, and their accounts are counted */
    struct key_set addresses;
    struct key_set uuids;
    struct key_set groups;          /* relied on by name: FOR KEY SHARE */
    struct key_set groups_numbered; /* the same by number */
    struct key_set groups_whole;    /* with all their members; also in groups_numbered */
    struct key_set account_ids;
    bool belongings;  /* what belongs to the accounts: services, recovery */
    bool memberships; /* the groups of the accounts */
};

void keys_init(struct keys *keys, struct arena *arena, size_t expected);

void keys_context(struct keys *keys, struct text name);
void keys_context_locked(struct keys *keys, struct text name);
void keys_domain(struct keys *keys, struct text name);
void keys_domain_locked(struct keys *keys, struct text name);
/* The account, live or deleted, with its belongings, and its domain. */
void keys_address(struct keys *keys, struct text address);
void keys_ref(struct keys *keys, const struct ref *ref);
/* The same without the belongings, for an event that lists users. */
void keys_user_address(struct keys *keys, struct text address);
void keys_user_uuid(struct keys *keys, const struct uuid *uuid);
void keys_user_id(struct keys *keys, int64_t id);
void keys_group(struct keys *keys, struct text context, struct text name);
void keys_group_numbered(struct keys *keys, struct text context, int64_t number);
void keys_group_whole(struct keys *keys, struct text context, int64_t number);
/* Whatever groups the accounts of the batch are in. */
void keys_memberships(struct keys *keys);

/* The members in bytewise order, in the keys' arena. */
struct texts key_set_sorted(const struct key_set *set, struct arena *arena);
bool key_set_has(const struct key_set *set, struct text key);
/* The key of a group, in the arena. */
struct text group_key(struct arena *arena, struct text context, struct text name);
struct text group_number_key(struct arena *arena, struct text context, int64_t number);
/* And back: `ret_number` of such a key, and its context. */
struct text group_key_context(struct text key, int64_t *ret_number);
/* Maps point to what keys are made of: it must outlive them. */
struct text uuid_key(const struct uuid *uuid);
struct text number_key(const int64_t *number);
int64_t key_number(struct text key);

/* "example.org" of "bob@example.org"; null when there is no '@'. */
struct text address_domain(struct text address);
struct text address_local(struct text address);

#endif
