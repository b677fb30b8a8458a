/* The small blocks of one shard: a heap in segments of 64 KiB, whose blocks can be moved.
 *
 * Blocks that are freed join their free neighbours and are used again by size. Where that leaves holes that
 * nothing fits, a segment is evacuated: its blocks move to the others' holes, or to a fresh segment where
 * they lie without any, and the segment goes back to the pool. The owner of a block is told
 * (wkv_heap_relink).
 *
 * A segment, and the word in front of each block:
 *
 *   0                64                                                       65536
 *   +----------------+------+---------------+------+-- - - --+------+-----------+
 *   | struct segment | word | block         | word | (free)  | word | block ... |
 *   +----------------+------+---------------+------+-- - - --+------+-----------+
 *
 * Not thread-safe: the shard's lock guards it.
 */
#ifndef WKV_STORE_HEAP_H
#define WKV_STORE_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/pages.h"

#define WKV_SEGMENT_BYTES ((size_t)65536)

/* The largest block with its word: at least five go into a segment. */
#define WKV_HEAP_MAX_BYTES ((size_t)12 * 1024)

/* What a block is, and so who points to it. */
enum wkv_block_kind {
    WKV_BLOCK_FREE,
    WKV_BLOCK_ENTRY,
    WKV_BLOCK_CHUNK,     /* of a list */
    WKV_BLOCK_PACKED,    /* members of a small set */
    WKV_BLOCK_MEMBER,    /* of a large set */
    WKV_BLOCK_DIRECTORY, /* of a table, */
    WKV_BLOCK_BUCKETS,   /* its segments of buckets, */
    WKV_BLOCK_FURTHER,   /* and a bucket that others point to. These two lie on cache lines */
    WKV_BLOCK_FIXED,     /* never moves, and so is none of the heap's */
};

/* The word in front of each block. */
struct wkv_block {
    uint32_t info;  /* size, flags, kind: heap.c */
    uint32_t owner; /* the hash of the key that the block belongs to */
};

#define WKV_HEAP_BINS 128
#define WKV_HEAP_LEVELS 8

struct wkv_heap {
    struct wkv_pages *pool;                      /* borrowed */
    uint64_t filled[WKV_HEAP_BINS / 64];         /* bit i: bins[i] is not empty */
    struct wkv_free_block *bins[WKV_HEAP_BINS];  /* free blocks by size */
    struct wkv_segment *levels[WKV_HEAP_LEVELS]; /* segments by how full they are */
    const struct wkv_segment *target;            /* what the last evacuation filled; NULL: none */
    uint32_t segments;
    uint32_t fruitless;   /* evacuations in a row that gave nothing back */
    uint32_t unmoved;     /* blocks whose owner an evacuation did not find, ever */
    uint64_t tired_bytes; /* no further one before so much is free */
    uint64_t live_bytes;  /* of blocks in use, with their words */
};

/* A block for so many bytes takes this, with its word. */
size_t wkv_heap_round(size_t bytes);

/* Returns `bytes` bytes (wkv_heap_round(bytes) is at most WKV_HEAP_MAX_BYTES). Errors: NULL where the pool
 * has no segment. */
void *wkv_heap_alloc(struct wkv_heap *heap, enum wkv_block_kind kind, uint32_t owner, size_t bytes,
                     uint64_t credit_bytes);

/* Frees a block. */
void wkv_heap_free(struct wkv_heap *heap, void *bytes);

/* Cuts a block to fewer bytes, in place. */
void wkv_heap_shrink(struct wkv_heap *heap, void *block, size_t bytes);

/* What the block takes, with its word, and what it is. */
size_t wkv_heap_bytes(const void *block);
enum wkv_block_kind wkv_block_kind(const struct wkv_block *word);

/* Points what points to the block at `old` to its copy at `fresh`. Returns false, with nothing changed, where
 * that is not known. */
typedef bool (*wkv_heap_relink)(void *context, const struct wkv_block *word, void *old, void *fresh);

/* Whether a segment and a sixty-fourth of what is in use is free, and moving blocks was not for nothing of
 * late. */
bool wkv_heap_is_sparse(const struct wkv_heap *heap);

/* Evacuates the emptiest segment: at most 56 KiB are copied. No pointer to a block may be held meanwhile,
 * except those that relink finds. Returns whether a segment was given back. */
bool wkv_heap_evacuate(struct wkv_heap *heap, wkv_heap_relink relink, void *context);

#endif
