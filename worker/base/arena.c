/* Blocks of memory that are handed out front to back and reused after a reset. */
#include "base/arena.h"

#include "base/memory.h"

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

enum { BLOCK_BYTES_MIN = 128 * 1024, ALIGNMENT = 16 };

struct arena_block {
    struct arena_block *next;
    size_t capacity; /* bytes behind this header */
    size_t used;
    _Alignas(ALIGNMENT) char bytes[];
};

void arena_init(struct arena *arena, size_t used_bytes_max, size_t keep_bytes_max)
{
    *arena = (struct arena){.used_bytes_max = used_bytes_max, .keep_bytes_max = keep_bytes_max};
}

static void free_blocks(struct arena_block *block)
{
    while (block != NULL) {
        struct arena_block *next = block->next;
        ASAN_UNPOISON_MEMORY_REGION(block->bytes, block->capacity);
        free(block);
        block = next;
    }
}

void arena_close(struct arena *arena)
{
    free_blocks(arena->first);
    arena->first = NULL;
    arena->current = NULL;
    arena->used_bytes = 0;
}

void arena_reset(struct arena *arena)
{
    size_t kept_bytes = 0;
    for (struct arena_block **link = &arena->first; *link != NULL;) {
        struct arena_block *block = *link;
        if (kept_bytes + block->capacity > arena->keep_bytes_max) {
            *link = block->next;
            block->next = NULL;
            free_blocks(block);
            continue;
        }
        kept_bytes += block->capacity;
        block->used = 0;
        ASAN_POISON_MEMORY_REGION(block->bytes, block->capacity);
        link = &block->next;
    }
    arena->current = arena->first;
    arena->used_bytes = 0;
}

struct arena_mark arena_mark(const struct arena *arena)
{
    return (struct arena_mark){arena->current, arena->current != NULL ? arena->current->used : 0,
                               arena->used_bytes};
}

void arena_rewind(struct arena *arena, struct arena_mark mark)
{
    struct arena_block *later = mark.block != NULL ? mark.block->next : arena->first;
    for (; later != NULL; later = later->next) {
        later->used = 0;
        ASAN_POISON_MEMORY_REGION(later->bytes, later->capacity);
    }
    if (mark.block != NULL) {
        mark.block->used = mark.block_used;
        ASAN_POISON_MEMORY_REGION(mark.block->bytes + mark.block_used,
                                  mark.block->capacity - mark.block_used);
        arena->current = mark.block;
    } else {
        arena->current = arena->first;
    }
    arena->used_bytes = mark.used_bytes;
}

static _Noreturn void exhausted(struct arena *arena, size_t size)
{
    if (arena->exhausted != NULL)
        longjmp(*arena->exhausted, 1);
    memory_exhausted("arena", size);
}

/* A block with room for `size` bytes becomes the current one: the next when it is large enough,
 * else a new one in front of it, so that small blocks behind a large request are not lost. */
static void next_block(struct arena *arena, size_t size)
{
    struct arena_block *current = arena->current;
    struct arena_block *next = current != NULL ? current->next : arena->first;
    if (next == NULL || next->capacity < size) {
        size_t capacity = size > BLOCK_BYTES_MIN ? size : BLOCK_BYTES_MIN;
        struct arena_block *block = malloc(sizeof(*block) + capacity);
        if (block == NULL)
            exhausted(arena, size);
        *block = (struct arena_block){.next = next, .capacity = capacity};
        ASAN_POISON_MEMORY_REGION(block->bytes, capacity);
        if (current != NULL)
            current->next = block;
        else
            arena->first = block;
        next = block;
    }
    arena->current = next;
}

void *arena_alloc(struct arena *arena, size_t size)
{
    if (size > arena->used_bytes_max)
        exhausted(arena, size);
    size_t step = (size + GAP_BYTES + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
    if (step == 0)
        step = ALIGNMENT;
    if (step > arena->used_bytes_max - arena->used_bytes)
        exhausted(arena, size);
    if (arena->current == NULL || step > arena->current->capacity - arena->current->used)
        next_block(arena, step);
    char *memory = arena->current->bytes + arena->current->used;
    arena->current->used += step;
    arena->used_bytes += step;
    ASAN_UNPOISON_MEMORY_REGION(memory, size);
    return memory;
}

void *arena_zalloc(struct arena *arena, size_t count, size_t size)
{
    size_t total;
    if (__builtin_mul_overflow(count, size, &total))
        exhausted(arena, SIZE_MAX);
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
