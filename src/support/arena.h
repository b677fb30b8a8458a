/* An arena: memory for one request, handed out by moving a pointer and taken back all at once.
 *
 * The first block is kept between requests, so a request that fits it allocates nothing. A larger request
 * gets further blocks, which reset gives back. Not thread-safe: one arena belongs to one worker.
 */
#ifndef WKV_SUPPORT_ARENA_H
#define WKV_SUPPORT_ARENA_H

#include <stdbool.h>
#include <stddef.h>

struct wkv_arena_block;

struct wkv_arena {
    struct wkv_arena_block *first;   /* kept by reset */
    struct wkv_arena_block *current; /* the block that allocations come from */
    size_t total_bytes;              /* of all blocks */
    size_t max_bytes;                /* what total_bytes may reach */
    size_t held_bytes;               /* of the first block: reset keeps them */
    bool bounded;                    /* since the last reset max_bytes has refused something */
};

/* Makes an arena with a first block of first_bytes (> 0) that may grow to max_bytes in all.
 * Returns false where memory is short. */
bool wkv_arena_init(struct wkv_arena *arena, size_t first_bytes, size_t max_bytes);

/* Returns size bytes aligned for any type (at least one byte), valid until the next reset.
 * Errors: NULL where max_bytes would be passed, which `bounded` then says, or memory is short. */
void *wkv_arena_alloc(struct wkv_arena *arena, size_t size);

/* Forgets every allocation that is not held. Blocks after the first go back to the system. */
void wkv_arena_reset(struct wkv_arena *arena);

/* Forgets what was allocated since the mark was made, of which there was no reset. */
struct wkv_arena_mark {
    struct wkv_arena_block *block;
    size_t used;
    bool bounded;
};
struct wkv_arena_mark wkv_arena_mark(const struct wkv_arena *arena);
void wkv_arena_back(struct wkv_arena *arena, struct wkv_arena_mark mark);

/* From now on reset keeps all that there is, if that is no more than half of the first block: else false, and
 * nothing has changed. unhold: it keeps nothing again. */
bool wkv_arena_hold(struct wkv_arena *arena);
void wkv_arena_unhold(struct wkv_arena *arena);

/* Frees everything. The arena may be initialised again afterwards. */
void wkv_arena_destroy(struct wkv_arena *arena);

#endif
