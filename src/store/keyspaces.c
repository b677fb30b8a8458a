#include "store/keyspaces.h"

#include <string.h>

/* One less than a power of two, like every length that follows but the last: with malloc's word the block is
 * about a power of two. */
#define FIRST_KEYSPACES 7u

void wkv_keyspaces_init(struct wkv_keyspaces *keyspaces)
{
    keyspaces->keys = NULL;
    keyspaces->count = 0;
}

void wkv_keyspaces_destroy(struct wkv_keyspaces *keyspaces, struct wkv_memory *memory)
{
    wkv_memory_free(memory, keyspaces->keys);
    wkv_keyspaces_init(keyspaces);
}

static uint32_t grown_count(const struct wkv_keyspaces *keyspaces, uint32_t keyspace)
{
    uint32_t count = keyspaces->count == 0 ? FIRST_KEYSPACES : keyspaces->count;
    while (count <= keyspace)
        count = count * 2 + 1;
    /* No longer than what is counted, so that a key that was not counted when it came is not when it goes. */
    return count < WKV_STORE_COUNTED_KEYSPACES ? count : WKV_STORE_COUNTED_KEYSPACES;
}

size_t wkv_keyspaces_growth(const struct wkv_keyspaces *keyspaces, uint32_t keyspace)
{
    bool grows = keyspace >= keyspaces->count && keyspace < WKV_STORE_COUNTED_KEYSPACES;
    return grows ? grown_count(keyspaces, keyspace) * sizeof *keyspaces->keys : 0;
}

bool wkv_keyspaces_grow(struct wkv_keyspaces *keyspaces, struct wkv_memory *memory, uint32_t keyspace)
{
    uint32_t count = grown_count(keyspaces, keyspace);
    uint64_t *keys = wkv_memory_alloc(memory, WKV_BLOCK_FIXED, count * sizeof *keys);
    if (keys == NULL)
        return false;
    if (keyspaces->count > 0)
        memcpy(keys, keyspaces->keys, keyspaces->count * sizeof *keys);
    memset(keys + keyspaces->count, 0, (count - keyspaces->count) * sizeof *keys);
    wkv_memory_free(memory, keyspaces->keys);
    keyspaces->keys = keys;
    keyspaces->count = count;
    return true;
}
