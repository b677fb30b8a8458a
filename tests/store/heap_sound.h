/* Looks at every block of every segment of a heap. */
#ifndef WKV_TEST_HEAP_SOUND_H
#define WKV_TEST_HEAP_SOUND_H

#include "store/block.h"

static inline bool segment_is_sound(const struct wkv_segment *segment, size_t *free_blocks)
{
    size_t live_bytes = 0;
    bool before_is_free = false;
    const char *end = (const char *)segment + WKV_SEGMENT_BYTES;
    const struct wkv_block *block = wkv_block_first(segment);
    for (; block != NULL; block = wkv_block_next(block)) {
        bool free_now = wkv_block_is_free(block);
        if (wkv_block_size(block) == 0 || (const char *)block + wkv_block_size(block) > end ||
            (free_now && before_is_free) || ((block->info & WKV_BLOCK_BEFORE_IS_FREE) != 0) != before_is_free)
            return false;
        live_bytes += free_now ? 0 : wkv_block_size(block);
        *free_blocks += free_now && wkv_block_size(block) >= WKV_BLOCK_MIN_BYTES;
        before_is_free = free_now;
    }
    return live_bytes == segment->live_bytes && live_bytes > 0;
}

static inline bool bin_is_sound(const struct wkv_heap *heap, unsigned bin, size_t *binned)
{
    const struct wkv_free_block *prev = NULL;
    for (const struct wkv_free_block *at = heap->bins[bin]; at != NULL; prev = at, at = at->next, ++*binned)
        if (!wkv_block_is_free(&at->word) || wkv_block_bin(wkv_block_size(&at->word)) != bin ||
            at->prev != prev)
            return false;
    return (heap->bins[bin] != NULL) == ((heap->filled[bin / 64] >> bin % 64 & 1) != 0);
}

/* Whether all is as it should be. */
static inline bool heap_is_sound(const struct wkv_heap *heap)
{
    size_t free_blocks = 0, binned = 0, segments = 0;
    uint64_t live_bytes = 0;
    for (unsigned level = 0; level < WKV_HEAP_LEVELS; level++) {
        for (const struct wkv_segment *at = heap->levels[level]; at != NULL; at = at->next) {
            if (at->level != level || !segment_is_sound(at, &free_blocks))
                return false;
            live_bytes += at->live_bytes;
            segments++;
        }
    }
    for (unsigned bin = 0; bin < WKV_HEAP_BINS; bin++)
        if (!bin_is_sound(heap, bin, &binned))
            return false;
    return free_blocks == binned && segments == heap->segments && live_bytes == heap->live_bytes;
}

#endif
