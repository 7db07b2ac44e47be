/* Memory that lives exactly as long as a batch.
 *
 * An arena hands out memory that is never freed piece by piece: `arena_reset` makes all of it
 * reusable at once and keeps the blocks for the next batch (up to `keep_bytes_max`). It has a
 * ceiling: hostile input can make a batch big, never endless. Allocation cannot fail for the
 * caller in the ordinary sense: past the ceiling or when malloc fails, `arena_alloc` jumps to the
 * batch's handler when one is set, see `arena_on_exhausted`. */
#ifndef PROVD_BASE_ARENA_H
#define PROVD_BASE_ARENA_H

#include <setjmp.h>
#include <stddef.h>

struct arena_block;

struct arena {
    struct arena_block *first; /* all blocks, kept for reuse */
    struct arena_block *current;
    size_t used_bytes;     /* handed out since the last reset */
    size_t used_bytes_max; /* the ceiling */
    size_t keep_bytes_max; /* blocks beyond this are given back at reset */
    jmp_buf *exhausted;    /* where to go when memory is out; NULL: memory_exhausted */
};

/* `used_bytes_max` > 0. No memory is taken before the first allocation. */
void arena_init(struct arena *arena, size_t used_bytes_max, size_t keep_bytes_max);

/* Gives back everything. Safe on a zeroed arena. */
void arena_close(struct arena *arena);

/* Forgets all allocations; keeps blocks for the next batch. */
void arena_reset(struct arena *arena);

/* A place to go back to: what was allocated after the mark is forgotten, what was before stays. A
 * mark is good until a reset or a rewind to an earlier one. */
struct arena_mark {
    struct arena_block *block;
    size_t block_used, used_bytes;
};
struct arena_mark arena_mark(const struct arena *arena);
void arena_rewind(struct arena *arena, struct arena_mark mark);

/* Uninitialised memory aligned for any type; `size` 0 gives a valid pointer. Never NULL. */
void *arena_alloc(struct arena *arena, size_t size) __attribute__((malloc, alloc_size(2)));

/* The same, zeroed, for `count` things of `size` bytes; a product that overflows counts as
 * exhaustion. */
void *arena_zalloc(struct arena *arena, size_t count, size_t size);

/* Sets where exhaustion goes (one batch-level setjmp; the code between must hold nothing that needs
 * closing). Returns the former target. */
jmp_buf *arena_on_exhausted(struct arena *arena, jmp_buf *target);

#define ARENA_NEW(arena, type) ((type *)arena_zalloc((arena), 1, sizeof(type)))
#define ARENA_ARRAY(arena, type, count) ((type *)arena_zalloc((arena), (count), sizeof(type)))

#endif
