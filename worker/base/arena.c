/* Blocks of memory that are handed out front to back, and given back to a pool. */
#include "base/arena.h"

#include "base/memory.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
/* A gap behind each allocation and everything not handed out are off limits under the sanitizer. */
enum { GAP_BYTES = 16 };
#else
#define ASAN_POISON_MEMORY_REGION(address, size) ((void)(address), (void)(size))
#define ASAN_UNPOISON_MEMORY_REGION(address, size) ((void)(address), (void)(size))
enum { GAP_BYTES = 0 };
#endif

enum {
    ALIGNMENT = 16,
    BLOCK_BYTES = 128 * 1024,
    LARGE_BYTES = BLOCK_BYTES / 4, /* requests from here on have a block of their own: what is left
                                      of the current one is not lost */
};

struct arena_block {
    struct arena_block *below; /* the one before it in its stack */
    size_t capacity;           /* bytes behind this header */
    size_t used;
    _Alignas(ALIGNMENT) char bytes[];
};

/* --- the pool -----------------------------------------------------------------------------------
 */

void arena_pool_init(struct arena_pool *pool, size_t keep_bytes_max)
{
    *pool = (struct arena_pool){.keep_bytes_max = keep_bytes_max};
}

static void free_block(struct arena_block *block)
{
    ASAN_UNPOISON_MEMORY_REGION(block->bytes, block->capacity);
    free(block);
}

static void close_stack(struct arena_block *block)
{
    while (block != NULL) {
        struct arena_block *below = block->below;
        free_block(block);
        block = below;
    }
}

void arena_pool_close(struct arena_pool *pool)
{
    close_stack(pool->blocks);
    close_stack(pool->large);
    arena_pool_init(pool, pool->keep_bytes_max);
}

static void give_back(struct arena_pool *pool, struct arena_block *block)
{
    struct arena_block **stack = block->capacity == BLOCK_BYTES ? &pool->blocks : &pool->large;
    if (block->capacity > pool->keep_bytes_max - pool->kept_bytes) {
        free_block(block);
        return;
    }
    ASAN_POISON_MEMORY_REGION(block->bytes, block->capacity);
    block->below = *stack;
    *stack = block;
    pool->kept_bytes += block->capacity;
}

/* The smallest one that is large enough; else the largest there is. They are few. */
static struct arena_block **best_of_large(struct arena_pool *pool, size_t size)
{
    struct arena_block **best = &pool->large;
    for (struct arena_block **link = best; *link != NULL; link = &(*link)->below) {
        size_t capacity = (*link)->capacity, best_capacity = (*best)->capacity;
        if (best_capacity < size ? capacity > best_capacity
                                 : capacity >= size && capacity < best_capacity)
            best = link;
    }
    return best;
}

/* What is asked for is mostly an array that has grown from batch to batch: some room for more.
 * Never of the size of the others: that tells them apart. */
static size_t large_capacity(size_t size)
{
    size_t capacity = (size + size / 8 + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
    return capacity == BLOCK_BYTES ? capacity + ALIGNMENT : capacity;
}

static struct arena_block *new_block(size_t capacity)
{
    struct arena_block *block = malloc(sizeof(*block) + capacity);
    if (block != NULL) {
        block->capacity = capacity;
        ASAN_POISON_MEMORY_REGION(block->bytes, capacity);
    }
    return block;
}

/* A block with room for `size` bytes, kept or new; NULL: no memory. A large one that has become too
 * small goes when a larger one is made, so that no more are kept than were in use at once. */
static struct arena_block *take_block(struct arena_pool *pool, size_t size)
{
    bool is_large = size >= LARGE_BYTES;
    struct arena_block **kept = is_large ? best_of_large(pool, size) : &pool->blocks;
    struct arena_block *block = *kept;
    if (block != NULL) {
        *kept = block->below;
        pool->kept_bytes -= block->capacity;
    }
    if (block != NULL && block->capacity < size) {
        free_block(block);
        block = NULL;
    }
    if (block == NULL)
        block = new_block(is_large ? large_capacity(size) : BLOCK_BYTES);
    if (block != NULL)
        block->used = 0;
    return block;
}

/* --- the arena ----------------------------------------------------------------------------------
 */

void arena_init(struct arena *arena, size_t used_bytes_max, size_t keep_bytes_max)
{
    *arena = (struct arena){.used_bytes_max = used_bytes_max};
    arena_pool_init(&arena->own, keep_bytes_max);
}

void arena_init_pooled(struct arena *arena, size_t used_bytes_max, struct arena_pool *pool)
{
    arena_init(arena, used_bytes_max, 0);
    arena->shared = pool;
}

static struct arena_pool *pool_of(struct arena *arena)
{
    return arena->shared != NULL ? arena->shared : &arena->own;
}

void arena_close(struct arena *arena)
{
    arena_reset(arena);
    arena_pool_close(&arena->own);
}

void arena_reset(struct arena *arena)
{
    arena_rewind(arena, (struct arena_mark){.block = NULL});
}

struct arena_mark arena_mark(const struct arena *arena)
{
    return (struct arena_mark){arena->current, arena->large,
                               arena->current != NULL ? arena->current->used : 0,
                               arena->used_bytes};
}

static void give_back_above(struct arena_pool *pool, struct arena_block **top,
                            const struct arena_block *bottom)
{
    while (*top != bottom) {
        struct arena_block *block = *top;
        *top = block->below;
        give_back(pool, block);
    }
}

void arena_rewind(struct arena *arena, struct arena_mark mark)
{
    give_back_above(pool_of(arena), &arena->current, mark.block);
    give_back_above(pool_of(arena), &arena->large, mark.large);
    if (mark.block != NULL) {
        mark.block->used = mark.block_used;
        ASAN_POISON_MEMORY_REGION(mark.block->bytes + mark.block_used,
                                  mark.block->capacity - mark.block_used);
    }
    arena->used_bytes = mark.used_bytes;
    arena->is_exceeded = false;
}

static _Noreturn void out_of_memory(struct arena *arena, size_t size)
{
    if (arena->exhausted != NULL)
        longjmp(*arena->exhausted, 1);
    memory_exhausted("arena", size);
}

static _Noreturn void exceeded(struct arena *arena, size_t size)
{
    arena->is_exceeded = true;
    out_of_memory(arena, size);
}

/* The block that the next `size` bytes come from. */
static struct arena_block *block_for(struct arena *arena, size_t size)
{
    struct arena_block *current = arena->current;
    struct arena_block **stack = size >= LARGE_BYTES ? &arena->large : &arena->current;
    if (size < LARGE_BYTES && current != NULL && size <= current->capacity - current->used)
        return current;
    struct arena_block *block = take_block(pool_of(arena), size);
    if (block == NULL)
        out_of_memory(arena, size);
    block->below = *stack;
    return *stack = block;
}

void *arena_alloc(struct arena *arena, size_t size)
{
    if (size > arena->used_bytes_max)
        exceeded(arena, size);
    size_t step = (size + GAP_BYTES + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
    if (step == 0)
        step = ALIGNMENT;
    if (step > arena->used_bytes_max - arena->used_bytes)
        exceeded(arena, size);
    struct arena_block *block = block_for(arena, step);
    char *memory = block->bytes + block->used;
    block->used += step;
    arena->used_bytes += step;
    ASAN_UNPOISON_MEMORY_REGION(memory, size);
    return memory;
}

void *arena_zalloc(struct arena *arena, size_t count, size_t size)
{
    size_t total;
    if (__builtin_mul_overflow(count, size, &total))
        exceeded(arena, SIZE_MAX);
    void *memory = arena_alloc(arena, total);
    memset(memory, 0, total);
    return memory;
}

jmp_buf *arena_on_exhausted(struct arena *arena, jmp_buf *target)
{
    jmp_buf *former = arena->exhausted;
    arena->exhausted = target;
    return former;
}
