/* A hash map from short byte keys to pointers, for the working set and the batch: open addressing,
 * memory from the arena, no removal. Hostile keys: seeded per process (map_seed), so that nobody
 * can choose colliding keys; iteration order is insertion order and does not depend on the seed. */
#ifndef PROVD_BASE_MAP_H
#define PROVD_BASE_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"

struct arena;

struct map_entry {
    struct text key; /* not copied: must live as long as the map */
    void *value;
    uint64_t hash;
};

struct map {
    struct arena *arena;
    struct map_entry *entries; /* insertion order, `count` of them */
    uint32_t *slots;           /* index + 1 into entries; 0 is empty */
    size_t count;
    size_t slot_count; /* a power of two, at least twice count */
    size_t entry_capacity;
};

/* `expected` is a hint. */
void map_init(struct map *map, struct arena *arena, size_t expected);
void *map_get(const struct map *map, struct text key); /* NULL when absent */
/* Puts or replaces; returns the former value or NULL. */
void *map_put(struct map *map, struct text key, void *value);
/* The entry for `key`, made with a NULL value when absent: look up and insert in one probe. Valid
 * until the next insertion. */
struct map_entry *map_slot(struct map *map, struct text key);

/* Sets the process-wide hash seed, once, before the first map is made (from the kernel's random
 * numbers); tests leave it. */
void map_seed(uint64_t seed);

#endif
