#include "store/heap.h"

#include <assert.h>
#include <string.h>

#include "store/block.h"

#define LINE_BYTES 64u

/* The segments of these levels, less than seven eighths full, are worth an evacuation. */
#define SPARSE_LEVELS 7u

/* Evacuations in a row that gave nothing back: blocks lie as close as their sizes let them. Several of
 * segments that are rather full come before one that is gained. */
#define FRUITLESS 12u

static_assert(WKV_HEAP_MAX_BYTES + LINE_BYTES < WKV_SEGMENT_BYTES - sizeof(struct wkv_segment),
              "any block fits a fresh segment");

#define ROOM_BYTES (WKV_SEGMENT_BYTES - sizeof(struct wkv_segment))

enum wkv_block_kind wkv_block_kind(const struct wkv_block *word)
{
    return (enum wkv_block_kind)(word->info & WKV_BLOCK_KIND_MASK);
}

/* ---- bins ---- */

static void bin_put(struct wkv_heap *heap, struct wkv_block *block)
{
    size_t size = wkv_block_size(block);
    if (size < WKV_BLOCK_MIN_BYTES)
        return;
    unsigned bin = wkv_block_bin(size);
    struct wkv_free_block *fresh = (struct wkv_free_block *)block;
    fresh->prev = NULL;
    fresh->next = heap->bins[bin];
    if (fresh->next != NULL)
        fresh->next->prev = fresh;
    heap->bins[bin] = fresh;
    heap->filled[bin / 64] |= UINT64_C(1) << bin % 64;
}

static void bin_take(struct wkv_heap *heap, struct wkv_block *block)
{
    size_t size = wkv_block_size(block);
    if (size < WKV_BLOCK_MIN_BYTES)
        return;
    unsigned bin = wkv_block_bin(size);
    struct wkv_free_block *old = (struct wkv_free_block *)block;
    if (old->next != NULL)
        old->next->prev = old->prev;
    if (old->prev != NULL)
        old->prev->next = old->next;
    else
        heap->bins[bin] = old->next;
    if (heap->bins[bin] == NULL)
        heap->filled[bin / 64] &= ~(UINT64_C(1) << bin % 64);
}

/* The first bin from `bin` on that is not empty, or WKV_HEAP_BINS. */
static unsigned filled_from(const struct wkv_heap *heap, unsigned bin)
{
    for (unsigned word = bin / 64; word < WKV_HEAP_BINS / 64; word++, bin = word * 64) {
        uint64_t filled = heap->filled[word] >> bin % 64;
        if (filled != 0)
            return bin + (unsigned)__builtin_ctzll(filled);
    }
    return WKV_HEAP_BINS;
}

/* Free blocks of a bin that are looked at before a larger one is cut. */
#define LOOK_AT 8

/* A free block of at least that size, or NULL. All in the bins above the size's own are large enough; in its
 * own one may be. */
static struct wkv_block *find_free(const struct wkv_heap *heap, size_t size)
{
    unsigned own = wkv_block_bin(size);
    struct wkv_free_block *at = heap->bins[own];
    for (unsigned i = 0; i < LOOK_AT && at != NULL; i++, at = at->next)
        if (wkv_block_size(&at->word) >= size)
            return &at->word;
    if (own + 1 >= WKV_HEAP_BINS)
        return NULL;
    unsigned bin = filled_from(heap, own + 1);
    return bin == WKV_HEAP_BINS ? NULL : &heap->bins[bin]->word;
}

/* ---- segments ---- */

static void level_put(struct wkv_heap *heap, struct wkv_segment *segment, unsigned level)
{
    segment->level = level;
    segment->prev = NULL;
    segment->next = heap->levels[level];
    if (segment->next != NULL)
        segment->next->prev = segment;
    heap->levels[level] = segment;
}

static void level_take(struct wkv_heap *heap, struct wkv_segment *segment)
{
    if (segment->next != NULL)
        segment->next->prev = segment->prev;
    if (segment->prev != NULL)
        segment->prev->next = segment->next;
    else
        heap->levels[segment->level] = segment->next;
}

static void add_live(struct wkv_heap *heap, struct wkv_segment *segment, size_t added, size_t taken)
{
    heap->live_bytes += added - taken;
    segment->live_bytes += (uint32_t)(added - taken);
    unsigned level = segment->live_bytes / (unsigned)(WKV_SEGMENT_BYTES / WKV_HEAP_LEVELS);
    if (level == segment->level)
        return;
    level_take(heap, segment);
    level_put(heap, segment, level);
}

static struct wkv_segment *add_segment(struct wkv_heap *heap, uint64_t credit_bytes)
{
    size_t has;
    struct wkv_segment *segment = wkv_pages_take(heap->pool, WKV_SEGMENT_BYTES, credit_bytes, &has);
    if (segment == NULL)
        return NULL;
    segment->live_bytes = 0;
    level_put(heap, segment, 0);
    heap->segments++;
    struct wkv_block *all = wkv_block_first(segment);
    all->info = 0;
    wkv_block_set_free(all, ROOM_BYTES);
    bin_put(heap, all);
    return segment;
}

/* Gives back a segment that nothing points to any more: no bin and no level. */
static void give_segment(struct wkv_heap *heap, struct wkv_segment *segment)
{
    if (heap->target == segment)
        heap->target = NULL;
    heap->segments--;
    wkv_pages_give(heap->pool, segment, WKV_SEGMENT_BYTES, WKV_SEGMENT_BYTES);
}

/* ---- blocks ---- */

size_t wkv_heap_round(size_t bytes)
{
    size_t size =
        (bytes + sizeof(struct wkv_block) + WKV_BLOCK_UNIT_BYTES - 1) & ~(size_t)(WKV_BLOCK_UNIT_BYTES - 1);
    return size < WKV_BLOCK_MIN_BYTES ? WKV_BLOCK_MIN_BYTES : size;
}

static bool lies_on_lines(enum wkv_block_kind kind)
{
    return kind == WKV_BLOCK_BUCKETS || kind == WKV_BLOCK_FURTHER;
}

/* Bytes to leave free at the start of a block so that what follows the word lies on a line. */
static size_t bytes_to_line(const struct wkv_block *block)
{
    return -(uintptr_t)(block + 1) & (LINE_BYTES - 1);
}

/* Makes a block of a part of a free one, which is in its bin. */
static struct wkv_block *carve(struct wkv_heap *heap, struct wkv_block *free_block, enum wkv_block_kind kind,
                               size_t size)
{
    size_t room = wkv_block_size(free_block);
    size_t skip = lies_on_lines(kind) ? bytes_to_line(free_block) : 0;
    struct wkv_block *block = (struct wkv_block *)((char *)free_block + skip);
    bin_take(heap, free_block);
    if (skip > 0) {
        block->info = 0;
        wkv_block_set_used(block, room - skip, kind);
        wkv_block_set_free(free_block, skip);
        bin_put(heap, free_block);
    }
    if (room - skip > size) {
        struct wkv_block *rest = (struct wkv_block *)((char *)block + size);
        rest->info = 0;
        wkv_block_set_free(rest, room - skip - size);
        bin_put(heap, rest);
    }
    wkv_block_set_used(block, size, kind);
    add_live(heap, wkv_block_segment(block), size, 0);
    return block;
}

/* Finds or makes room for a block. *added is the segment that had to be added for it, or NULL. */
static struct wkv_block *take(struct wkv_heap *heap, enum wkv_block_kind kind, size_t size,
                              uint64_t credit_bytes, struct wkv_segment **added)
{
    size_t needed = lies_on_lines(kind) ? size + LINE_BYTES : size;
    struct wkv_block *found = find_free(heap, needed);
    *added = NULL;
    if (found == NULL) {
        *added = add_segment(heap, credit_bytes);
        if (*added == NULL)
            return NULL;
        found = wkv_block_first(*added);
    }
    return carve(heap, found, kind, size);
}

void *wkv_heap_alloc(struct wkv_heap *heap, enum wkv_block_kind kind, uint32_t owner, size_t bytes,
                     uint64_t credit_bytes)
{
    struct wkv_segment *added;
    size_t size = wkv_heap_round(bytes);
    assert(size <= WKV_HEAP_MAX_BYTES && kind != WKV_BLOCK_FREE && kind != WKV_BLOCK_FIXED);
    struct wkv_block *block = take(heap, kind, size, credit_bytes, &added);
    if (block == NULL)
        return NULL;
    block->owner = owner;
    return block + 1;
}

/* Makes a block free and joins it with its free neighbours. */
static void join(struct wkv_heap *heap, struct wkv_block *block)
{
    size_t size = wkv_block_size(block);
    struct wkv_block *next = wkv_block_next(block);
    if (next != NULL && wkv_block_is_free(next)) {
        bin_take(heap, next);
        size += wkv_block_size(next);
    }
    if ((block->info & WKV_BLOCK_BEFORE_IS_FREE) != 0) {
        block = wkv_block_before(block);
        bin_take(heap, block);
        size += wkv_block_size(block);
    }
    wkv_block_set_free(block, size);
    bin_put(heap, block);
}

void wkv_heap_free(struct wkv_heap *heap, void *bytes)
{
    struct wkv_block *block = wkv_block_at(bytes);
    struct wkv_segment *segment = wkv_block_segment(block);
    assert(!wkv_block_is_free(block));
    add_live(heap, segment, 0, wkv_block_size(block));
    join(heap, block);
    if (segment->live_bytes > 0)
        return;
    bin_take(heap, wkv_block_first(segment));
    level_take(heap, segment);
    give_segment(heap, segment);
}

void wkv_heap_shrink(struct wkv_heap *heap, void *bytes, size_t wanted)
{
    struct wkv_block *block = wkv_block_at(bytes);
    size_t old = wkv_block_size(block);
    size_t size = wkv_heap_round(wanted);
    if (size >= old)
        return;
    struct wkv_block *rest = (struct wkv_block *)((char *)block + size);
    rest->info = 0;
    wkv_block_set_used(block, size, wkv_block_kind(block));
    wkv_block_set_used(rest, old - size, WKV_BLOCK_FIXED); /* for the moment */
    add_live(heap, wkv_block_segment(block), 0, old - size);
    join(heap, rest);
}

size_t wkv_heap_bytes(const void *block)
{
    return wkv_block_size(wkv_block_at(block));
}

/* ---- evacuation ---- */

/* The emptiest segment, but not the one that evacuations fill. */
static struct wkv_segment *emptiest(const struct wkv_heap *heap)
{
    for (unsigned level = 0; level < SPARSE_LEVELS; level++)
        for (struct wkv_segment *segment = heap->levels[level]; segment != NULL; segment = segment->next)
            if (segment != heap->target)
                return segment;
    return NULL;
}

static uint64_t free_bytes(const struct wkv_heap *heap)
{
    return heap->segments * (uint64_t)ROOM_BYTES - heap->live_bytes;
}

bool wkv_heap_is_sparse(const struct wkv_heap *heap)
{
    uint64_t enough = WKV_SEGMENT_BYTES + heap->live_bytes / 64;
    uint64_t bytes = free_bytes(heap);
    return bytes >= enough && bytes >= heap->tired_bytes && emptiest(heap) != NULL;
}

/* Takes a segment out of the bins and levels, so that nothing is put there while it is emptied. */
static void withdraw(struct wkv_heap *heap, struct wkv_segment *segment)
{
    for (struct wkv_block *block = wkv_block_first(segment); block != NULL; block = wkv_block_next(block))
        if (wkv_block_is_free(block))
            bin_take(heap, block);
    level_take(heap, segment);
    heap->live_bytes -= segment->live_bytes;
    heap->segments--;
}

/* Moves one block out of its segment. What is left there looks free and is in no bin. */
static bool move(struct wkv_heap *heap, struct wkv_block *block, wkv_heap_relink relink, void *context)
{
    struct wkv_segment *added;
    struct wkv_block *fresh =
        take(heap, wkv_block_kind(block), wkv_block_size(block), heap->pool->spare_bytes, &added);
    if (fresh == NULL)
        return false;
    if (added != NULL)
        heap->target = added;
    fresh->owner = block->owner;
    memcpy(fresh + 1, block + 1, wkv_block_size(block) - sizeof *block);
    if (!relink(context, fresh, block + 1, fresh + 1)) {
        wkv_heap_free(heap, fresh + 1);
        heap->unmoved++;
        return false;
    }
    block->info &= ~WKV_BLOCK_KIND_MASK;
    return true;
}

/* Puts back a segment of which not all could be moved. It counts as full until the next free block in it:
 * there is no use in trying it again and again. */
static void put_back(struct wkv_heap *heap, struct wkv_segment *segment)
{
    size_t live_bytes = 0;
    struct wkv_block *next;
    for (struct wkv_block *block = wkv_block_first(segment); block != NULL; block = next) {
        next = wkv_block_next(block);
        if (!wkv_block_is_free(block)) {
            live_bytes += wkv_block_size(block);
            continue;
        }
        size_t size = wkv_block_size(block);
        for (; next != NULL && wkv_block_is_free(next); next = wkv_block_next(next))
            size += wkv_block_size(next);
        wkv_block_set_free(block, size);
        bin_put(heap, block);
    }
    segment->live_bytes = (uint32_t)live_bytes;
    heap->live_bytes += live_bytes;
    heap->segments++;
    level_put(heap, segment, WKV_HEAP_LEVELS - 1);
}

/* Moves all blocks of a segment that is withdrawn. Returns false where some had to stay. */
static bool move_all(struct wkv_heap *heap, struct wkv_segment *segment, wkv_heap_relink relink,
                     void *context)
{
    bool empty = true;
    for (struct wkv_block *block = wkv_block_first(segment); block != NULL; block = wkv_block_next(block))
        if (!wkv_block_is_free(block) && !move(heap, block, relink, context))
            empty = false;
    return empty;
}

/* Remembers how many evacuations were for nothing, and after some lets the heap be until it has more holes.
 */
static void judge(struct wkv_heap *heap, bool gained)
{
    heap->fruitless = gained ? 0 : heap->fruitless + 1;
    heap->tired_bytes = heap->fruitless < FRUITLESS ? 0 : free_bytes(heap) + WKV_SEGMENT_BYTES;
}

bool wkv_heap_evacuate(struct wkv_heap *heap, wkv_heap_relink relink, void *context)
{
    struct wkv_segment *segment = emptiest(heap);
    if (segment == NULL)
        return false;
    uint32_t before = heap->segments;
    withdraw(heap, segment);
    if (move_all(heap, segment, relink, context)) {
        heap->segments++; /* give_segment counts it off again */
        give_segment(heap, segment);
    } else {
        put_back(heap, segment);
    }
    judge(heap, heap->segments < before);
    return heap->segments < before;
}
