/* The rows a batch needs, gathered from its events before anything is loaded: sets of keys, without
 * repetition, sorted before they are asked for, so that two lanes lock in the same order. */
#ifndef PROVD_DOMAIN_KEYS_H
#define PROVD_DOMAIN_KEYS_H

#include "base/map.h"
#include "domain/value.h"

struct arena;

/* A set of texts (uuids as their 16 bytes; groups as "context\0name"). */
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
    struct key_set groups;
};

void keys_init(struct keys *keys, struct arena *arena, size_t expected);

void keys_context(struct keys *keys, struct text name);
void keys_context_locked(struct keys *keys, struct text name);
void keys_domain(struct keys *keys, struct text name);
void keys_domain_locked(struct keys *keys, struct text name);
/* The account, live or deleted, and its domain. */
void keys_address(struct keys *keys, struct text address);
void keys_uuid(struct keys *keys, const struct uuid *uuid);
void keys_ref(struct keys *keys, const struct ref *ref);
void keys_group(struct keys *keys, struct text context, struct text name);

/* The members in bytewise order, in the keys' arena. */
struct texts key_set_sorted(const struct key_set *set, struct arena *arena);
bool key_set_has(const struct key_set *set, struct text key);
/* The key of a group, in the arena. */
struct text group_key(struct arena *arena, struct text context, struct text name);

/* "example.org" of "bob@example.org"; null when there is no '@'. */
struct text address_domain(struct text address);
struct text address_local(struct text address);

#endif
