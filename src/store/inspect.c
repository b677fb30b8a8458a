/* The keys of each keyspace, counted. */
#include "store/store.h"

/* Keyspaces that are added up under a lock at once: a few microseconds' worth. */
#define KEYSPACES_AT_ONCE 1024u

/* Adds the next keyspaces of a shard, from number `first` on. Returns the number to go on with, or count at
 * the end. */
static size_t add_some(struct wkv_shard *shard, uint64_t *keys, size_t first, size_t count)
{
    wkv_shard_lock(shard);
    size_t end = shard->keyspaces.count < count ? shard->keyspaces.count : count;
    bool more = end > first && end - first > KEYSPACES_AT_ONCE;
    if (more)
        end = first + KEYSPACES_AT_ONCE;
    for (size_t i = first; i < end; i++)
        keys[i] += shard->keyspaces.keys[i];
    wkv_shard_unlock(shard);
    return more ? end : count;
}

void wkv_store_keyspaces(struct wkv_store *store, uint64_t *keys, size_t count)
{
    for (uint32_t shard = 0; shard < store->shard_count; shard++)
        for (size_t next = 0; next < count;)
            next = add_some(&store->shards[shard], keys, next, count);
}
