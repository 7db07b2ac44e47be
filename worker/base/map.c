/* Open addressing over an array of entries in insertion order. */
#include "base/map.h"

#include "base/arena.h"
#include "base/siphash.h"

#include <assert.h>
#include <string.h>

enum { ENTRIES_MIN = 8 };

static struct siphash_key seed_key = {0x70726f7664206d61, 0x7020736565642030};

void map_seed(uint64_t seed)
{
    seed_key.k0 ^= seed;
    seed_key.k1 += seed;
}

static void allocate(struct map *map, size_t entry_capacity)
{
    size_t slot_count = 2 * ENTRIES_MIN;
    while (slot_count < 2 * entry_capacity)
        slot_count *= 2;
    /* Slots hold index + 1 in 32 bits; the arena's ceiling stops growth long before. */
    assert(slot_count <= UINT32_MAX);
    struct map_entry *entries = ARENA_ARRAY(map->arena, struct map_entry, slot_count / 2);
    if (map->count > 0)
        memcpy(entries, map->entries, map->count * sizeof(*entries));
    map->slots = ARENA_ARRAY(map->arena, uint32_t, slot_count);
    map->entries = entries;
    map->entry_capacity = slot_count / 2;
    map->slot_count = slot_count;
}

void map_init(struct map *map, struct arena *arena, size_t expected)
{
    *map = (struct map){.arena = arena};
    allocate(map, expected);
}

/* The slot that holds `key`, or the empty one where it belongs. */
static uint32_t *probe(const struct map *map, struct text key, uint64_t hash)
{
    size_t mask = map->slot_count - 1;
    for (size_t i = hash & mask;; i = (i + 1) & mask) {
        uint32_t *slot = &map->slots[i];
        if (*slot == 0)
            return slot;
        const struct map_entry *entry = &map->entries[*slot - 1];
        if (entry->hash == hash && text_equal(entry->key, key))
            return slot;
    }
}

static void grow(struct map *map)
{
    allocate(map, 2 * map->entry_capacity);
    size_t mask = map->slot_count - 1;
    for (size_t n = 0; n < map->count; n++) {
        size_t i = map->entries[n].hash & mask;
        while (map->slots[i] != 0)
            i = (i + 1) & mask;
        map->slots[i] = (uint32_t)n + 1;
    }
}

void *map_get(const struct map *map, struct text key)
{
    const uint32_t *slot = probe(map, key, siphash(seed_key, key));
    return *slot == 0 ? NULL : map->entries[*slot - 1].value;
}

struct map_entry *map_slot(struct map *map, struct text key)
{
    uint64_t hash = siphash(seed_key, key);
    uint32_t *slot = probe(map, key, hash);
    if (*slot != 0)
        return &map->entries[*slot - 1];
    if (map->count == map->entry_capacity) {
        grow(map);
        slot = probe(map, key, hash);
    }
    *slot = (uint32_t)map->count + 1;
    struct map_entry *entry = &map->entries[map->count++];
    *entry = (struct map_entry){.key = key, .hash = hash};
    return entry;
}

void *map_put(struct map *map, struct text key, void *value)
{
    struct map_entry *entry = map_slot(map, key);
    void *former = entry->value;
    entry->value = value;
    return former;
}
