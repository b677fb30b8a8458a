#include "store/memory.h"

#include <malloc.h>
#include <stdlib.h>

#define CACHE_LINE_BYTES 64

uint64_t wkv_memory_block_bytes(void *block)
{
    return (uint64_t)malloc_usable_size(block) + sizeof(size_t);
}

/* Adds bytes to the budget unless they would pass it. The check and the addition are one atomic step seen
 * from outside, because an addition that went too far is taken back before anybody is told yes. */
static int charge(struct wkv_budget *budget, uint64_t bytes)
{
    if (budget->max_bytes == 0)
        return 0;
    uint64_t before = atomic_fetch_add_explicit(&budget->used_bytes, bytes, memory_order_relaxed);
    if (before <= budget->max_bytes && bytes <= budget->max_bytes - before)
        return 0;
    atomic_fetch_sub_explicit(&budget->used_bytes, bytes, memory_order_relaxed);
    return -1;
}

static void *count(struct wkv_memory *memory, void *block)
{
    if (block == NULL)
        return NULL;
    uint64_t bytes = wkv_memory_block_bytes(block);
    if (charge(memory->budget, bytes) != 0) {
        free(block);
        return NULL;
    }
    memory->used_bytes += bytes;
    return block;
}

/* A request that cannot fit is refused before the system is asked for it. */
static int hopeless(const struct wkv_memory *memory, size_t size)
{
    return memory->budget->max_bytes != 0 && size > memory->budget->max_bytes;
}

void *wkv_memory_alloc(struct wkv_memory *memory, size_t size)
{
    return hopeless(memory, size) ? NULL : count(memory, malloc(size));
}

void *wkv_memory_alloc_line(struct wkv_memory *memory, size_t size)
{
    return hopeless(memory, size) ? NULL : count(memory, aligned_alloc(CACHE_LINE_BYTES, size));
}

void wkv_memory_free(struct wkv_memory *memory, void *block)
{
    if (block == NULL)
        return;
    uint64_t bytes = wkv_memory_block_bytes(block);
    memory->used_bytes -= bytes;
    if (memory->budget->max_bytes != 0)
        atomic_fetch_sub_explicit(&memory->budget->used_bytes, bytes, memory_order_relaxed);
    free(block);
}
