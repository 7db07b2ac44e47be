#include "domain/keys.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"

static void set_init(struct key_set *set, struct arena *arena, size_t expected)
{
    map_init(&set->map, arena, expected);
}

static void set_add(struct key_set *set, struct text key)
{
    if (key.data)
        map_put(&set->map, key, set); /* any value but NULL: key_set_has looks for one */
}

void keys_init(struct keys *keys, struct arena *arena, size_t expected)
{
    enum { FEW = 16 };
    keys->arena = arena;
    set_init(&keys->contexts, arena, FEW);
    set_init(&keys->contexts_locked, arena, FEW);
    set_init(&keys->domains, arena, FEW);
    set_init(&keys->domains_locked, arena, FEW);
    set_init(&keys->addresses, arena, expected);
    set_init(&keys->uuids, arena, FEW);
    set_init(&keys->groups, arena, FEW);
    set_init(&keys->groups_numbered, arena, FEW);
    set_init(&keys->groups_whole, arena, FEW);
    set_init(&keys->account_ids, arena, FEW);
    keys->belongings = keys->memberships = false;
}

void keys_context(struct keys *keys, struct text name)
{
    set_add(&keys->contexts, name);
}

void keys_context_locked(struct keys *keys, struct text name)
{
    set_add(&keys->contexts_locked, name);
}

void keys_domain(struct keys *keys, struct text name)
{
    set_add(&keys->domains, name);
}

void keys_domain_locked(struct keys *keys, struct text name)
{
    set_add(&keys->domains_locked, name);
}

void keys_user_address(struct keys *keys, struct text address)
{
    set_add(&keys->addresses, address);
    set_add(&keys->domains, address_domain(address));
}

void keys_user_uuid(struct keys *keys, const struct uuid *uuid)
{
    set_add(&keys->uuids, uuid_key(uuid));
}

void keys_user_id(struct keys *keys, int64_t id)
{
    set_add(&keys->account_ids, text_copy(keys->arena, number_key(&id)));
}

void keys_address(struct keys *keys, struct text address)
{
    keys_user_address(keys, address);
    keys->belongings = true;
}

void keys_ref(struct keys *keys, const struct ref *ref)
{
    if (ref->address.data)
        keys_user_address(keys, ref->address);
    if (!uuid_is_nil(&ref->uuid))
        keys_user_uuid(keys, &ref->uuid);
    keys->belongings = true;
}

void keys_group(struct keys *keys, struct text context, struct text name)
{
    if (name.data)
        set_add(&keys->groups, group_key(keys->arena, context, name));
}

void keys_group_numbered(struct keys *keys, struct text context, int64_t number)
{
    set_add(&keys->groups_numbered, group_number_key(keys->arena, context, number));
}

void keys_group_whole(struct keys *keys, struct text context, int64_t number)
{
    keys_group_numbered(keys, context, number);
    set_add(&keys->groups_whole, group_number_key(keys->arena, context, number));
}

void keys_memberships(struct keys *keys)
{
    keys->memberships = true;
}

static int compare_texts(const void *a, const void *b)
{
    return text_compare(*(const struct text *)a, *(const struct text *)b);
}

struct texts key_set_sorted(const struct key_set *set, struct arena *arena)
{
    struct texts sorted = {ARENA_ARRAY(arena, struct text, set->map.count), set->map.count};
    for (size_t i = 0; i < sorted.count; i++)
        sorted.items[i] = set->map.entries[i].key;
    if (sorted.count > 1)
        qsort(sorted.items, sorted.count, sizeof *sorted.items, compare_texts);
    return sorted;
}

bool key_set_has(const struct key_set *set, struct text key)
{
    return map_get(&set->map, key) != NULL;
}

struct text group_key(struct arena *arena, struct text context, struct text name)
{
    char *key = arena_alloc(arena, context.len + 1 + name.len);
    if (context.len)
        memcpy(key, context.data, context.len);
    key[context.len] = '\0';
    if (name.len)
        memcpy(key + context.len + 1, name.data, name.len);
    return (struct text){key, context.len + 1 + name.len};
}

struct text group_number_key(struct arena *arena, struct text context, int64_t number)
{
    return group_key(arena, context, number_key(&number));
}

struct text group_key_context(struct text key, int64_t *ret_number)
{
    size_t split = key.len - sizeof *ret_number;
    *ret_number = key_number(text_slice(key, split, SIZE_MAX));
    return text_slice(key, 0, split - 1);
}

struct text uuid_key(const struct uuid *uuid)
{
    return (struct text){(const char *)uuid->bytes, sizeof uuid->bytes};
}

struct text number_key(const int64_t *number)
{
    return (struct text){(const char *)number, sizeof *number};
}

int64_t key_number(struct text key)
{
    int64_t number;
    memcpy(&number, key.data, sizeof number);
    return number;
}

struct text address_domain(struct text address)
{
    size_t at = address.data ? text_find_last(address, '@') : SIZE_MAX;
    if (at == SIZE_MAX)
        return TEXT_NULL;
    return (struct text){address.data + at + 1, address.len - at - 1};
}

struct text address_local(struct text address)
{
    size_t at = address.data ? text_find_last(address, '@') : SIZE_MAX;
    return at == SIZE_MAX ? TEXT_NULL : (struct text){address.data, at};
}
