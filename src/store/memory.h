/* The memory of one shard, counted: what its blocks take goes to the budget that all shards share. Small
 * blocks lie in the shard's heap, large ones in pages of their own, both from the pool; what never moves, and
 * everything where there is no pool (a sanitizer watches malloc better than a heap of ours), is malloc's.
 *
 * Two bounds: the budget bounds what is counted, the pool what is held, which is that and the holes in it.
 *
 * One account belongs to one shard and is touched under its lock. A zeroed account with a budget is as good
 * as any, and malloc's.
 */
#ifndef WKV_STORE_MEMORY_H
#define WKV_STORE_MEMORY_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/heap.h"

struct wkv_budget {
    uint64_t max_bytes; /* 0: no bound, and used_bytes is not kept */
    _Atomic uint64_t used_bytes;
    _Atomic uint64_t reserved_bytes; /* for what others keep; in used_bytes where those are kept */
};

struct wkv_memory {
    struct wkv_budget *budget; /* borrowed */
    uint64_t used_bytes;
    uint64_t credit_bytes;   /* what the caller frees right after what it allocates now: the budget may be
                                passed by so much, the pool's bound by that and its spare */
    uint64_t *prepaid_bytes; /* of the budget, for the view that has the lock; NULL: it has none */
    uint32_t owner;          /* the hash of the key that is worked at: blocks remember it */
    struct wkv_heap heap;    /* heap.pool NULL: all blocks are malloc's */
};

/* Adds bytes to what is used unless that would pass the bound. The check and the addition are one atomic step
 * seen from outside, because an addition that went too far is taken back before the caller is told yes. */
static inline bool wkv_budget_charge_beyond(struct wkv_budget *budget, uint64_t bytes, uint64_t credit_bytes)
{
    if (budget->max_bytes == 0)
        return true;
    uint64_t max_bytes = budget->max_bytes + credit_bytes;
    uint64_t before = atomic_fetch_add_explicit(&budget->used_bytes, bytes, memory_order_relaxed);
    if (before <= max_bytes && bytes <= max_bytes - before)
        return true;
    atomic_fetch_sub_explicit(&budget->used_bytes, bytes, memory_order_relaxed);
    return false;
}

static inline bool wkv_budget_charge(struct wkv_budget *budget, uint64_t bytes)
{
    return wkv_budget_charge_beyond(budget, bytes, 0);
}

static inline void wkv_budget_discharge(struct wkv_budget *budget, uint64_t bytes)
{
    if (budget->max_bytes != 0)
        atomic_fetch_sub_explicit(&budget->used_bytes, bytes, memory_order_relaxed);
}

/* What a block of so many bytes is counted as, at the most. */
static inline uint64_t wkv_memory_bound(size_t size)
{
    return size + 128 + (size >= WKV_PAGE_BYTES ? 2 * WKV_PAGE_BYTES : 0);
}

/* Between the two, allocations do not draw on what is prepaid: for those that can do without memory. */
static inline uint64_t *wkv_memory_spare_prepaid(struct wkv_memory *memory)
{
    uint64_t *prepaid_bytes = memory->prepaid_bytes;
    memory->prepaid_bytes = NULL;
    return prepaid_bytes;
}

/* Returns size bytes (> 0) of the given kind, those of buckets on a 64-byte boundary, a cache line's. Errors:
 * NULL where the budget, the pool or the machine has no more; nothing is counted then. */
void *wkv_memory_alloc(struct wkv_memory *memory, enum wkv_block_kind kind, size_t size);

/* Bytes of a block that may be written to: at the least what was asked for. */
size_t wkv_memory_block_room(const void *block);

/* Whether a block has pages of its own, and so keeps one of them where it is cut. */
bool wkv_memory_has_pages(const void *block);

/* What a block of these is counted as. */
uint64_t wkv_memory_block_bytes(const void *block);

/* Cuts a block to fewer bytes, in place. What it is counted as may stay the same. */
void wkv_memory_shrink(struct wkv_memory *memory, void *block, size_t size);

/* Gives a block back. NULL is allowed. */
void wkv_memory_free(struct wkv_memory *memory, void *block);

#endif
