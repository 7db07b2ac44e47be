/* Where avro-c gets its memory from: a scratch area while hostile bytes are read, else the heap. */
#include "wire/avro_private.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    SCRATCH_ALIGNMENT = 16,
    SCRATCH_SMALL_MAX = 128, /* avro-c's own little structs */
    SCRATCH_SMALL_TOTAL = 4096,
    HEAP_BYTES_MAX = 16 << 20, /* a stored result with a broken length; schemas are far smaller */
};

/* Process-wide, as avro-c's allocator is. */
static struct {
    char *scratch; /* NULL: not started */
    size_t size, used, live;
    bool is_scratch;
    size_t bytes_max, refused;
} memory;

static size_t rounded(size_t size)
{
    return (size + SCRATCH_ALIGNMENT - 1) / SCRATCH_ALIGNMENT * SCRATCH_ALIGNMENT;
}

static void *scratch_allocate(void *old, size_t old_size, size_t size)
{
    void *bytes;

    if (size > memory.bytes_max && size > SCRATCH_SMALL_MAX) {
        memory.refused = size;
        return NULL;
    }
    if (rounded(size) > memory.size - memory.used) {
        memory.refused = size;
        return NULL;
    }
    bytes = memory.scratch + memory.used;
    memory.used += rounded(size);
    if (old != NULL)
        memcpy(bytes, old, old_size < size ? old_size : size);
    else
        memory.live++;
    return bytes;
}

/* avro-c frees what it took for one value before it reads the next, so the area begins anew each
 * time. */
static void scratch_free(void *old)
{
    if (old != NULL && --memory.live == 0)
        memory.used = 0;
}

/* avro-c looks whether there was room for a string or bytes, but not for anything small. */
static void *heap_allocate(void *old, size_t size)
{
    void *bytes;

    if (size > HEAP_BYTES_MAX)
        return NULL;
    bytes = realloc(old, size);

    if (bytes == NULL) {
        fprintf(stderr, "avro: out of memory (%zu bytes)\n", size);
        abort();
    }
    return bytes;
}

static void *allocate(void *user, void *old, size_t old_size, size_t size)
{
    (void)user;
    if (memory.is_scratch) {
        if (size > 0)
            return scratch_allocate(old, old_size, size);
        scratch_free(old);
        return NULL;
    }
    if (size > 0)
        return heap_allocate(old, size);
    free(old);
    return NULL;
}

void avro_start(size_t allocation_bytes_max)
{
    if (memory.scratch != NULL)
        return;
    memory.size = rounded(allocation_bytes_max + 1) + SCRATCH_SMALL_TOTAL;
    memory.scratch = malloc(memory.size);
    if (memory.scratch == NULL)
        abort();
    avro_set_allocator(allocate, NULL);
}

bool avro_memory_is_started(void)
{
    return memory.scratch != NULL;
}

void avro_memory_begin_scratch(size_t bytes_max)
{
    assert(memory.scratch != NULL);
    memory.is_scratch = true;
    memory.used = memory.live = memory.refused = 0;
    memory.bytes_max = bytes_max;
}

void avro_memory_end_scratch(void)
{
    memory.is_scratch = false;
}

size_t avro_memory_refused(void)
{
    return memory.refused;
}
