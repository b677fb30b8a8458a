#include "store/store.h"

#include <stdlib.h>
#include <string.h>

static uint32_t round_up_to_power_of_two(uint32_t n)
{
    uint32_t power = 1;
    while (power < n && power < WKV_STORE_MAX_SHARDS)
        power *= 2;
    return power;
}

static bool make_shards(struct wkv_store *store, uint32_t count, int64_t now_ns)
{
    store->shards = aligned_alloc(alignof(struct wkv_shard), count * sizeof *store->shards);
    if (store->shards == NULL)
        return false;
    for (; store->shard_count < count; store->shard_count++)
        if (!wkv_shard_init(&store->shards[store->shard_count], &store->budget,
                            store->pooled ? &store->pool : NULL, now_ns))
            return false;
    return true;
}

/* The sanitizer finds what is used after it is freed among malloc's blocks, not among ours. */
#if defined(__SANITIZE_ADDRESS__)
#define WATCHED_MALLOC true
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define WATCHED_MALLOC true
#endif
#endif
#ifndef WATCHED_MALLOC
#define WATCHED_MALLOC false
#endif

/* More would be of use only to so many threads at once. */
#define MOST_SPARE_SEGMENTS 16u

/* The pool may hold the budget, an eighth of it for holes, and a segment for each shard, which may have but
 * one block in it. Some of the room for holes is for calls that move blocks together or replace them. */
static bool init_pool(struct wkv_pages *pool, uint64_t max_memory_bytes, uint32_t shards)
{
    uint64_t bytes;
    uint64_t holes = max_memory_bytes / 8 + shards * (uint64_t)WKV_SEGMENT_BYTES;
    uint64_t spare = holes / 8 / WKV_SEGMENT_BYTES;
    if (max_memory_bytes == 0 || __builtin_add_overflow(max_memory_bytes, holes, &bytes))
        return wkv_pages_init(pool, 0, 0);
    return wkv_pages_init(pool, bytes,
                          (spare < MOST_SPARE_SEGMENTS ? spare : MOST_SPARE_SEGMENTS) * WKV_SEGMENT_BYTES);
}

struct wkv_store *wkv_store_create(const struct wkv_store_options *options, int64_t now_ns)
{
    if (sodium_init() < 0)
        return NULL;
    struct wkv_store *store = calloc(1, sizeof *store);
    if (store == NULL)
        return NULL;
    if (options->hash_seed != NULL)
        memcpy(store->hasher.seed, options->hash_seed, sizeof store->hasher.seed);
    else
        wkv_hasher_init(&store->hasher);
    uint32_t shards =
        round_up_to_power_of_two(options->shards == 0 ? WKV_STORE_DEFAULT_SHARDS : options->shards);
    store->pooled = options->blocks == WKV_STORE_BLOCKS_POOLED ||
                    (options->blocks == WKV_STORE_BLOCKS_DEFAULT && !WATCHED_MALLOC);
    if (!init_pool(&store->pool, options->max_memory_bytes, shards)) {
        free(store);
        return NULL;
    }
    uint64_t fixed_bytes = sizeof *store + shards * sizeof(struct wkv_shard);
    store->budget.max_bytes = options->max_memory_bytes;
    store->advised_bytes = options->advised_bytes;
    store->evict = options->max_memory_bytes == 0 ? WKV_EVICT_NONE : options->evict;
    atomic_init(&store->budget.used_bytes, fixed_bytes);
    bool affordable = store->budget.max_bytes == 0 || fixed_bytes <= store->budget.max_bytes;
    if (!affordable || !make_shards(store, shards, now_ns)) {
        wkv_store_destroy(store);
        return NULL;
    }
    return store;
}

void wkv_store_destroy(struct wkv_store *store)
{
    if (store == NULL)
        return;
    for (uint32_t i = 0; i < store->shard_count; i++)
        wkv_shard_destroy(&store->shards[i]);
    free(store->shards);
    wkv_pages_destroy(&store->pool);
    sodium_memzero(&store->hasher, sizeof store->hasher);
    free(store);
}

/* Two rounds, because an entry's address is in its bucket: a look-up misses the cache once for each, and here
 * all keys miss at the same time. */
void wkv_store_prefetch(struct wkv_store *store, const struct wkv_key *keys, size_t count)
{
    struct wkv_place places[WKV_STORE_PREFETCH];
    assert(count <= WKV_STORE_PREFETCH);
    for (size_t i = 0; i < count; i++) {
        places[i] = wkv_store_place(store, keys[i]);
        wkv_shard_lock(places[i].shard);
        wkv_table_prefetch_bucket(&places[i].shard->table, places[i].hash);
        wkv_shard_unlock(places[i].shard);
    }
    for (size_t i = 0; i < count; i++) {
        wkv_shard_lock(places[i].shard);
        wkv_table_prefetch_item(&places[i].shard->table, places[i].hash);
        wkv_shard_unlock(places[i].shard);
    }
}

bool wkv_store_maintain(struct wkv_store *store, int64_t now_ns, unsigned max_steps)
{
    bool more = false;
    for (uint32_t i = 0; i < store->shard_count; i++) {
        struct wkv_shard *shard = &store->shards[i];
        wkv_shard_lock(shard);
        more |= wkv_shard_maintain(shard, now_ns, max_steps);
        wkv_shard_unlock(shard);
    }
    if (!more)
        wkv_pages_trim(&store->pool);
    return more;
}

void wkv_store_stats(struct wkv_store *store, struct wkv_store_stats *stats)
{
    memset(stats, 0, sizeof *stats);
    stats->shards = store->shard_count;
    stats->budget_bytes = store->budget.max_bytes != 0 ? store->budget.max_bytes : store->advised_bytes;
    stats->held_bytes = wkv_pages_held(&store->pool);
    stats->bytes = sizeof *store + store->shard_count * sizeof(struct wkv_shard);
    stats->shard_keys_min = UINT64_MAX;
    for (uint32_t i = 0; i < store->shard_count; i++) {
        struct wkv_shard *shard = &store->shards[i];
        wkv_shard_lock(shard);
        uint64_t keys = shard->table.count - shard->notes;
        stats->keys += keys;
        stats->shard_keys_min = keys < stats->shard_keys_min ? keys : stats->shard_keys_min;
        stats->shard_keys_max = keys > stats->shard_keys_max ? keys : stats->shard_keys_max;
        for (unsigned kind = 0; kind < WKV_KINDS; kind++)
            stats->keys_by_kind[kind] += shard->keys_by_kind[kind];
        stats->bytes += shard->memory.used_bytes;
        stats->expired += shard->expired;
        stats->evicted += shard->evicted;
        wkv_shard_unlock(shard);
    }
    stats->bytes += atomic_load_explicit(&store->budget.reserved_bytes, memory_order_relaxed);
}
