/* Room at the pool's bound: blocks of any shard are moved together before a write, with no lock held but that
 * of the shard that is tidied. */
#include "store/store.h"

/* A write that finds less than this left goes and looks for more, so that several may at once. */
#define SPARE_BYTES ((uint64_t)1 << 20)

/* Pieces of tidying that one write does at most, beside those for what it wants itself: some tens of
 * microseconds each. */
#define MAX_PIECES 16u

/* Holes have to grow by this before a search that found nothing is worth another. */
#define BARREN_STEP_BYTES ((uint64_t)256 << 10)

static bool is_tight(const struct wkv_store *store, size_t bytes)
{
    uint64_t max_bytes = store->pool.max_bytes;
    uint64_t spare = max_bytes / 16 < SPARE_BYTES ? max_bytes / 16 : SPARE_BYTES;
    return max_bytes != 0 && wkv_pages_held(&store->pool) + bytes + spare > max_bytes;
}

/* What is held and not in use. */
static uint64_t hole_bytes(const struct wkv_store *store)
{
    uint64_t held = wkv_pages_held(&store->pool);
    uint64_t used = atomic_load_explicit(&store->budget.used_bytes, memory_order_relaxed);
    return held > used ? held - used : 0;
}

/* Tidies shards in turn until there is room or the work is enough for one write. Returns false where there is
 * nothing left to tidy. */
static bool tidy(struct wkv_store *store, size_t bytes)
{
    unsigned pieces = MAX_PIECES + 4 * (unsigned)(bytes / WKV_SEGMENT_BYTES);
    uint32_t idle = 0; /* shards in a row that have nothing to tidy */
    while (pieces > 0 && idle < store->shard_count && is_tight(store, bytes)) {
        uint32_t turn = atomic_fetch_add_explicit(&store->turn, 1, memory_order_relaxed);
        struct wkv_shard *shard = &store->shards[turn & (store->shard_count - 1)];
        wkv_shard_lock(shard);
        bool busy = wkv_shard_compact(shard);
        wkv_shard_unlock(shard);
        idle = busy ? 0 : idle + 1;
        pieces -= busy;
    }
    return idle < store->shard_count;
}

void wkv_store_make_room(const struct wkv_view *view, size_t bytes)
{
    struct wkv_store *store = view->store;
    if (store->evict != WKV_EVICT_NONE)
        wkv_store_evict(view, bytes);
    if (!is_tight(store, bytes))
        return;
    uint64_t barren = atomic_load_explicit(&store->barren_bytes, memory_order_relaxed);
    if (barren != 0 && hole_bytes(store) < barren + BARREN_STEP_BYTES)
        return;
    barren = tidy(store, bytes) ? 0 : hole_bytes(store) + 1;
    atomic_store_explicit(&store->barren_bytes, barren, memory_order_relaxed);
}
