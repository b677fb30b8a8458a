/* A hash table that grows and shrinks one bucket at a time (linear hashing), so that no call ever waits for a
 * rehash of the whole. It holds pointers to items whose first member is their 32-bit hash; it owns its
 * buckets, never the items.
 *
 * The buckets are numbered 0 to buckets - 1. With mask + 1 the largest power of two that is not above
 * `buckets`, an item is in bucket `hash & (2 * mask + 1)` where that one exists yet, else in `hash & mask`.
 * Growing adds bucket number `buckets` and moves to it what belongs there from one other bucket; shrinking is
 * the reverse.
 *
 * Not thread-safe: the shard's lock guards it.
 */
#ifndef WKV_STORE_TABLE_H
#define WKV_STORE_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/memory.h"

struct wkv_table_item {
    uint32_t hash;
};

struct wkv_table_bucket;

struct wkv_table {
    struct wkv_table_bucket **segments; /* 64 buckets each, but the first starts with 4 */
    uint32_t segment_slots;             /* how many pointers fit `segments` */
    uint32_t first_buckets;             /* how many buckets fit the first segment */
    uint32_t buckets;
    uint32_t mask;
    size_t count; /* items */
};

/* Whether item is the one that is looked for. Called only where the hashes are equal. */
typedef bool (*wkv_table_match)(const struct wkv_table_item *item, const void *sought);

/* An empty table; it allocates with the first insertion. A zeroed struct is as good. */
void wkv_table_init(struct wkv_table *table);

/* The item with that hash that matches, or NULL. */
struct wkv_table_item *wkv_table_find(const struct wkv_table *table, uint32_t hash, wkv_table_match match,
                                      const void *sought);

/* Ask the processor for the memory of the bucket, and then of the item, that a look-up of that hash would
 * read. */
void wkv_table_prefetch_bucket(const struct wkv_table *table, uint32_t hash);
void wkv_table_prefetch_item(const struct wkv_table *table, uint32_t hash);

/* Adds an item that is not there yet. Returns false, with nothing changed, where memory is short. */
bool wkv_table_insert(struct wkv_table *table, struct wkv_memory *memory, struct wkv_table_item *item);

/* Puts `fresh`, with the same hash, in the place of `old`, which must be there. */
void wkv_table_replace(struct wkv_table *table, const struct wkv_table_item *old,
                       struct wkv_table_item *fresh);

/* Asks is_it of each item with that hash until it says yes. Returns whether it did. */
bool wkv_table_try(const struct wkv_table *table, uint32_t hash,
                   bool (*is_it)(void *context, struct wkv_table_item *item), void *context);

/* An item that was at `old` lies at `fresh` now, or a block of the table's own does. Return false, with
 * nothing changed, where it is none of the table's. */
bool wkv_table_item_moved(struct wkv_table *table, const void *old, struct wkv_table_item *fresh);
bool wkv_table_block_moved(struct wkv_table *table, enum wkv_block_kind kind, const void *old, void *fresh);

/* A block of the largest size that an insertion into a table that has had its item before may need: freed
 * just before, there is one. Errors: NULL. */
void *wkv_table_spare_bucket(struct wkv_memory *memory);

/* Takes out an item that must be there. Never needs memory. */
void wkv_table_remove(struct wkv_table *table, struct wkv_memory *memory, const struct wkv_table_item *item);

/* Calls visit for each item, until it returns false. visit must not change the table. */
void wkv_table_each(const struct wkv_table *table, bool (*visit)(void *context, struct wkv_table_item *item),
                    void *context);

/* ---- a walk that growing and shrinking leave alone ----
 *
 * An item's place is its hash with the bits in reverse order. The items of a bucket are alike in the low bits
 * of their hashes, and so in the high bits of their places: a bucket holds one unbroken range of places and
 * the buckets together hold all of them. Growing cuts one range in two halves, and shrinking joins them
 * again; no item ever changes its place:
 *
 *   places      00000000                                          ffffffff
 *   4 buckets   |     0     |     2     |     1     |     3     |
 *   5 buckets   |  0  |  4  |     2     |     1     |     3     |
 *   6 buckets   |  0  |  4  |     2     |  1  |  5  |     3     |
 *
 * So a walk that goes by places, and remembers how far it came, sees every item once, whatever the table does
 * in between. */

/* The place of a hash, and the hash of a place. */
static inline uint32_t wkv_table_place(uint32_t hash)
{
    hash = (hash & 0x55555555u) << 1 | (hash >> 1 & 0x55555555u);
    hash = (hash & 0x33333333u) << 2 | (hash >> 2 & 0x33333333u);
    hash = (hash & 0x0f0f0f0fu) << 4 | (hash >> 4 & 0x0f0f0f0fu);
    return __builtin_bswap32(hash);
}

/* Calls visit for each item of the bucket whose range that place lies in, in no promised order and those with
 * earlier places too. Returns the last place of the range: one more than that is the next bucket's, and
 * UINT32_MAX was the last bucket (also of a table that has no buckets yet). visit must not change the table.
 */
uint32_t wkv_table_walk(const struct wkv_table *table, uint32_t place,
                        void (*visit)(void *context, struct wkv_table_item *item), void *context);

/* Takes out items bucket by bucket and hands each to dispose, until about *steps items or buckets have been
 * seen (*steps counts down) or the table is empty and all its memory has come back. Returns true when it is.
 * A table that is being drained may only be drained on. */
bool wkv_table_drain(struct wkv_table *table, struct wkv_memory *memory, unsigned *steps,
                     void (*dispose)(struct wkv_memory *memory, struct wkv_table_item *item));

#endif
