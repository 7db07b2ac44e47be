/* Memory that is let go of all at once: that of a batch, or of a transaction.
 *
 * An arena hands out memory that is never freed piece by piece: `arena_reset` makes all of it
 * reusable at once. Its blocks go back to a pool, from which the next batch takes them: a pool of
 * its own, or one that several arenas share, so that together they hold no more than what they use
 * at the same time. An arena has a ceiling: hostile input can make a batch big, never endless.
 * Allocation cannot fail for the caller in the ordinary sense: past the ceiling or when malloc
 * fails, `arena_alloc` jumps to the batch's handler when one is set, see `arena_on_exhausted`. */
#ifndef PROVD_BASE_ARENA_H
#define PROVD_BASE_ARENA_H

#include <setjmp.h>
#include <stdbool.h>
#include <stddef.h>

struct arena_block;

/* Blocks that are not in use. The arenas that share one belong to the same thread. */
struct arena_pool {
    struct arena_block *blocks; /* all of one size */
    struct arena_block *large;  /* others, made for one request each */
    size_t kept_bytes;
    size_t keep_bytes_max; /* what comes back beyond this is freed */
};

struct arena {
    struct arena_block *current; /* the top of a stack; allocations are made from it */
    struct arena_block *large;   /* a stack of blocks with one allocation each */
    struct arena_pool own;
    struct arena_pool *shared; /* NULL: `own` */
    size_t used_bytes;         /* handed out since the last reset */
    size_t used_bytes_max;     /* the ceiling */
    bool is_exceeded;          /* more was asked for, since the last reset or rewind */
    jmp_buf *exhausted;        /* where to go when memory is out; NULL: memory_exhausted */
};

void arena_pool_init(struct arena_pool *pool, size_t keep_bytes_max);
/* After the arenas that share it. */
void arena_pool_close(struct arena_pool *pool);

/* `used_bytes_max` > 0; blocks of up to `keep_bytes_max` are kept at reset. No memory is taken
 * before the first allocation. */
void arena_init(struct arena *arena, size_t used_bytes_max, size_t keep_bytes_max);
/* With a pool that outlives the arena. NULL: one of its own, which keeps nothing. */
void arena_init_pooled(struct arena *arena, size_t used_bytes_max, struct arena_pool *pool);

/* Gives back everything. Safe on a zeroed arena. */
void arena_close(struct arena *arena);

/* Forgets all allocations; their blocks go back to the pool. */
void arena_reset(struct arena *arena);

/* A place to go back to: what was allocated after the mark is forgotten, what was before stays. A
 * mark is good until a reset or a rewind to an earlier one. */
struct arena_mark {
    struct arena_block *block, *large;
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
