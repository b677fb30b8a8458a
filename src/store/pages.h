/* Where the memory of the store comes from: pages of the system, and every page that is held is counted.
 *
 * What is taken lies in a slot, a stretch of addresses whose size is a power of two; only the pages that were
 * asked for are ever touched. A slot that is given back loses its pages (madvise) and keeps its addresses for
 * the next one of its size. So nothing that is free is kept in memory for want of a neighbour, which is what
 * fragmentation is, and no other part of the process shares these pages.
 *
 * Thread-safety: any thread at any time. The pool's lock is taken under a shard's, never the other way round.
 */
#ifndef WKV_STORE_PAGES_H
#define WKV_STORE_PAGES_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WKV_PAGE_BYTES ((size_t)4096)
#define WKV_PAGES_CLASSES 18 /* slots of 16 KiB to 2 GiB */

/* Slots that are free: those that have pages still (warm), and those that have none (cold). */
struct wkv_pages_class {
    struct wkv_pages_slot *warm;
    void **cold;
    size_t warm_count;
    size_t cold_count;
    size_t slots; /* taken or free; there is room for so many in both arrays */
};

struct wkv_pages {
    pthread_mutex_t lock;
    uint64_t max_bytes;          /* what held_bytes may reach, but for credit; 0: no bound */
    uint64_t spare_bytes;        /* the credit of calls that give a segment back soon */
    _Atomic uint64_t held_bytes; /* taken, and warm */
    uint64_t warm_bytes;
    struct wkv_pages_mapping *mappings;
    struct wkv_pages_class classes[WKV_PAGES_CLASSES];
};

/* Makes an empty pool that holds max_bytes at the most (0: no bound), the last spare_bytes of them for credit
 * alone. Errors: false where the machine gives no lock. */
bool wkv_pages_init(struct wkv_pages *pool, uint64_t max_bytes, uint64_t spare_bytes);

/* Gives everything back to the system, what is still taken included. */
void wkv_pages_destroy(struct wkv_pages *pool);

/* Bytes in whole pages. */
static inline size_t wkv_pages_round(size_t bytes)
{
    return (bytes + WKV_PAGE_BYTES - 1) & ~(WKV_PAGE_BYTES - 1);
}

/* The credit of a call whose bytes are set aside. */
#define WKV_PAGES_ALL_CREDIT UINT64_MAX

/* Takes so many bytes (whole pages, at most 2 GiB), of any content. They begin on a page, those of a slot of
 * WKV_SEGMENT_BYTES on a multiple of that. *has is how many have pages: those, or up to a quarter more, which
 * the slot had from before. credit_bytes: how far the bound may be passed, by a caller that is about to give
 * as much back. Errors: NULL where the bound or the machine has no more. */
void *wkv_pages_take(struct wkv_pages *pool, size_t bytes, uint64_t credit_bytes, size_t *has);

/* Gives back what was taken: `taken` is how many bytes were asked for, `has` how many have pages. */
void wkv_pages_give(struct wkv_pages *pool, void *at, size_t taken, size_t has);

/* Gives back the pages of all but the first `left` bytes (whole pages, at least one). */
void wkv_pages_shrink(struct wkv_pages *pool, void *at, size_t has, size_t left);

/* Gives the pages of free slots back to the system. */
void wkv_pages_trim(struct wkv_pages *pool);

/* Count bytes that others hold as held, and count them no longer: the bound is one on the pool's and theirs.
 */
static inline void wkv_pages_count(struct wkv_pages *pool, uint64_t bytes)
{
    (void)atomic_fetch_add_explicit(&pool->held_bytes, bytes, memory_order_relaxed);
}

static inline void wkv_pages_uncount(struct wkv_pages *pool, uint64_t bytes)
{
    (void)atomic_fetch_sub_explicit(&pool->held_bytes, bytes, memory_order_relaxed);
}

static inline uint64_t wkv_pages_held(const struct wkv_pages *pool)
{
    return atomic_load_explicit(&pool->held_bytes, memory_order_relaxed);
}

#endif
