/* How the heap's blocks and segments lie in memory. */
#ifndef WKV_STORE_BLOCK_H
#define WKV_STORE_BLOCK_H

#include <assert.h>
#include <stdalign.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "store/heap.h"

/* A block's info, and how a free block looks. Its size stands at its end once more, so that the block behind
 * it finds where it begins:
 *
 *   31        5        4      3     0          +------+-------+------+------+-- - - --+------+
 *   +---------+--------+------+-----+          | info | -     | next | prev |         | size |
 *   | size/8  | before | kind       |          +------+-------+------+------+-- - - --+------+
 *   +---------+--------+------------+          0      4       8      16               -4
 *
 * A free block below WKV_BLOCK_MIN_BYTES has no room for the links and is in no bin; it waits for its
 * neighbours.
 */
#define WKV_BLOCK_UNIT_BYTES 8u
#define WKV_BLOCK_KIND_MASK 0xfu
#define WKV_BLOCK_BEFORE_IS_FREE 0x10u
#define WKV_BLOCK_SIZE_SHIFT 5
#define WKV_BLOCK_MIN_BYTES 32u

/* On a cache line of its own: blocks of 64 bytes, as of a small key with a small value, then lie on one each.
 */
struct wkv_segment {
    alignas(64) struct wkv_segment *next; /* of the same level */
    struct wkv_segment *prev;
    uint32_t live_bytes;
    uint32_t level;
};

struct wkv_free_block {
    struct wkv_block word;
    struct wkv_free_block *next; /* of the same bin */
    struct wkv_free_block *prev;
};

static_assert(sizeof(struct wkv_free_block) <= WKV_BLOCK_MIN_BYTES, "the links fit");
static_assert(sizeof(struct wkv_segment) % WKV_BLOCK_UNIT_BYTES == 0, "the first block is aligned");

static inline bool wkv_block_is_free(const struct wkv_block *block)
{
    return (block->info & WKV_BLOCK_KIND_MASK) == WKV_BLOCK_FREE;
}

static inline size_t wkv_block_size(const struct wkv_block *block)
{
    return (size_t)(block->info >> WKV_BLOCK_SIZE_SHIFT) * WKV_BLOCK_UNIT_BYTES;
}

static inline struct wkv_block *wkv_block_at(const void *bytes)
{
    return (struct wkv_block *)bytes - 1;
}

static inline struct wkv_segment *wkv_block_segment(const struct wkv_block *block)
{
    return (struct wkv_segment *)((uintptr_t)block & ~(uintptr_t)(WKV_SEGMENT_BYTES - 1));
}

static inline struct wkv_block *wkv_block_first(const struct wkv_segment *segment)
{
    return (struct wkv_block *)(segment + 1);
}

/* The block behind, or NULL at the segment's end. */
static inline struct wkv_block *wkv_block_next(const struct wkv_block *block)
{
    char *next = (char *)block + wkv_block_size(block);
    return ((uintptr_t)next & (WKV_SEGMENT_BYTES - 1)) == 0 ? NULL : (struct wkv_block *)next;
}

/* The free block before one that has WKV_BLOCK_BEFORE_IS_FREE. */
static inline struct wkv_block *wkv_block_before(const struct wkv_block *block)
{
    uint32_t units;
    memcpy(&units, (const char *)block - sizeof units, sizeof units);
    return (struct wkv_block *)((char *)block - (size_t)units * WKV_BLOCK_UNIT_BYTES);
}

/* Writes the word of a block in use; what it says of the block before stays. */
static inline void wkv_block_set_used(struct wkv_block *block, size_t size, enum wkv_block_kind kind)
{
    block->info = (uint32_t)(size / WKV_BLOCK_UNIT_BYTES) << WKV_BLOCK_SIZE_SHIFT |
                  (block->info & WKV_BLOCK_BEFORE_IS_FREE) | (uint32_t)kind;
    struct wkv_block *next = wkv_block_next(block);
    if (next != NULL)
        next->info &= ~WKV_BLOCK_BEFORE_IS_FREE;
}

/* Writes what a free block has. The last of a segment has no end mark: it would cost a page for nobody. */
static inline void wkv_block_set_free(struct wkv_block *block, size_t size)
{
    uint32_t units = (uint32_t)(size / WKV_BLOCK_UNIT_BYTES);
    block->info = units << WKV_BLOCK_SIZE_SHIFT | (block->info & WKV_BLOCK_BEFORE_IS_FREE) | WKV_BLOCK_FREE;
    struct wkv_block *next = wkv_block_next(block);
    if (next == NULL)
        return;
    memcpy((char *)next - sizeof units, &units, sizeof units);
    next->info |= WKV_BLOCK_BEFORE_IS_FREE;
}

/* ---- bins: one for each size below 512 bytes, eight for each power of two above ---- */

#define WKV_BLOCK_EXACT_UNITS 64u
#define WKV_BLOCK_FIRST_POWER 6
#define WKV_BLOCK_PARTS_SHIFT 3

static inline unsigned wkv_block_bin(size_t size)
{
    unsigned units = (unsigned)(size / WKV_BLOCK_UNIT_BYTES);
    if (units < WKV_BLOCK_EXACT_UNITS)
        return units;
    unsigned power = 31u - (unsigned)__builtin_clz(units);
    unsigned part = units >> (power - WKV_BLOCK_PARTS_SHIFT) & ((1u << WKV_BLOCK_PARTS_SHIFT) - 1);
    return WKV_BLOCK_EXACT_UNITS + ((power - WKV_BLOCK_FIRST_POWER) << WKV_BLOCK_PARTS_SHIFT) + part;
}

static_assert((WKV_SEGMENT_BYTES / WKV_BLOCK_UNIT_BYTES) >> (WKV_BLOCK_FIRST_POWER + 7) == 1,
              "the largest free block has power 12");
static_assert(WKV_BLOCK_EXACT_UNITS + (7u << WKV_BLOCK_PARTS_SHIFT) <= WKV_HEAP_BINS, "and so a bin");

#endif
