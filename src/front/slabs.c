#include "front/slabs.h"

#include <stdlib.h>

/* A request that is decoded within this many bytes allocates nothing; a larger one borrows more, in
 * proportion to its payload. */
#define SLAB_BYTES ((size_t)64 * 1024)
#define SPARE_MAX 16

static void destroy(struct wkv_slab *slab)
{
    wkv_arena_destroy(&slab->arena);
    free(slab);
}

static struct wkv_slab *take(struct wkv_slabs *slabs)
{
    struct wkv_slab *slab = slabs->spare;
    if (slab != NULL) {
        slabs->spare = slab->next;
        slabs->spare_count--;
        return slab;
    }
    slab = calloc(1, sizeof *slab);
    if (slab == NULL || wkv_arena_init(&slab->arena, SLAB_BYTES, SLAB_BYTES))
        return slab;
    free(slab);
    return NULL;
}

bool wkv_slabs_init(struct wkv_slabs *slabs)
{
    *slabs = (struct wkv_slabs){0};
    slabs->current = take(slabs);
    return slabs->current != NULL;
}

void wkv_slabs_destroy(struct wkv_slabs *slabs)
{
    if (slabs->current != NULL)
        destroy(slabs->current);
    while (slabs->spare != NULL)
        destroy(take(slabs));
    *slabs = (struct wkv_slabs){0};
}

struct wkv_arena *wkv_slabs_begin(struct wkv_slabs *slabs)
{
    wkv_arena_reset(&slabs->current->arena);
    return &slabs->current->arena;
}

struct wkv_slab *wkv_slabs_hold(struct wkv_slabs *slabs, size_t *bytes)
{
    struct wkv_slab *slab = slabs->current;
    struct wkv_slab *next = slab;
    size_t held = slab->arena.held_bytes;
    if (!wkv_arena_hold(&slab->arena))
        next = take(slabs);
    if (next == NULL)
        return NULL;
    *bytes = next == slab ? slab->arena.held_bytes - held : slab->arena.total_bytes - held;
    slab->holders++;
    slabs->current = next;
    return slab;
}

void wkv_slabs_release(struct wkv_slabs *slabs, struct wkv_slab *slab)
{
    if (--slab->holders > 0)
        return;
    wkv_arena_unhold(&slab->arena);
    if (slab == slabs->current)
        return;
    if (slabs->spare_count == SPARE_MAX) {
        destroy(slab);
        return;
    }
    wkv_arena_reset(&slab->arena);
    slab->next = slabs->spare;
    slabs->spare = slab;
    slabs->spare_count++;
}
