/* What the store allocates is counted here, as the allocator really takes it: the usable size of each block
 * and the word that malloc keeps in front of it. One account belongs to one shard and is touched under its
 * lock; the budget is shared by all shards.
 */
#ifndef WKV_STORE_MEMORY_H
#define WKV_STORE_MEMORY_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

struct wkv_budget {
    uint64_t max_bytes; /* 0: no bound, and used_bytes is not kept */
    _Atomic uint64_t used_bytes;
    _Atomic uint64_t reserved_bytes; /* for what others keep; in used_bytes where those are kept */
};

struct wkv_memory {
    struct wkv_budget *budget; /* borrowed */
    uint64_t used_bytes;
};

/* Returns size bytes (> 0). Errors: NULL where the budget or the machine has no more; nothing is counted
 * then. */
void *wkv_memory_alloc(struct wkv_memory *memory, size_t size);

/* The same on a 64-byte boundary, a cache line's. size is a multiple of 64. */
void *wkv_memory_alloc_line(struct wkv_memory *memory, size_t size);

/* What a block of these is counted as. */
uint64_t wkv_memory_block_bytes(void *block);

/* Gives a block back. NULL is allowed. */
void wkv_memory_free(struct wkv_memory *memory, void *block);

#endif
