/* What the files of this room share: the store itself, and how a call gets to its entry. */
#ifndef WKV_STORE_STORE_H
#define WKV_STORE_STORE_H

#include "store/shard.h"
#include "wascc_keyvalue/store.h"

struct wkv_store {
    struct wkv_hasher hasher;
    struct wkv_budget budget;
    struct wkv_pages pool;
    bool pooled;           /* blocks come from the pool; else all are malloc's */
    _Atomic uint32_t turn; /* the shard where the next search for room begins */
    _Atomic uint64_t
        barren_bytes;     /* holes that there were when nothing was left to tidy; 0: there is something */
    uint32_t shard_count; /* a power of two */
    struct wkv_shard *shards;
};

/* Where the key lives: the shard from the hash's upper half, the place in the shard's table from its lower.
 */
static inline struct wkv_place wkv_store_place(const struct wkv_store *store, struct wkv_key key)
{
    uint64_t hash = wkv_hash(&store->hasher, key.keyspace, key.name);
    return (struct wkv_place){&store->shards[(uint32_t)(hash >> 32) & (store->shard_count - 1)],
                              (uint32_t)hash};
}

/* Before a write of about so many bytes, with no lock held: where the pool comes near its bound, moves blocks
 * together until there is room, or until there is nothing to gain (room.c). */
void wkv_store_make_room(struct wkv_store *store, size_t bytes);

/* Locks the key's shard and finds its entry (NULL where there is none). The caller unlocks place->shard. */
static inline struct wkv_entry *wkv_store_enter(struct wkv_store *store, struct wkv_key key, int64_t now_ns,
                                                struct wkv_place *place)
{
    *place = wkv_store_place(store, key);
    wkv_shard_lock(place->shard);
    place->shard->memory.owner = place->hash;
    return wkv_shard_find(place->shard, place->hash, key, now_ns);
}

#endif
