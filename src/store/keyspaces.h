/* How many keys of each keyspace a shard holds: an array by keyspace number, as long as the highest number
 * that was ever used in the shard asks for. Each shard has its own, so counting touches no memory that two
 * shards share.
 *
 * Keyspaces from WKV_STORE_COUNTED_KEYSPACES on are not counted: the array must not be as long as a number is
 * high.
 *
 * Not thread-safe: the shard's lock guards it.
 */
#ifndef WKV_STORE_KEYSPACES_H
#define WKV_STORE_KEYSPACES_H

#include <stdbool.h>
#include <stdint.h>

#include "store/memory.h"
#include "wascc_keyvalue/store.h"

struct wkv_keyspaces {
    uint64_t *keys;
    uint32_t count; /* of keyspaces in `keys` */
};

void wkv_keyspaces_init(struct wkv_keyspaces *keyspaces);
void wkv_keyspaces_destroy(struct wkv_keyspaces *keyspaces, struct wkv_memory *memory);

/* Makes the array longer for that keyspace; the slow half of reserve. */
bool wkv_keyspaces_grow(struct wkv_keyspaces *keyspaces, struct wkv_memory *memory, uint32_t keyspace);

/* Bytes that reserve would allocate. */
size_t wkv_keyspaces_growth(const struct wkv_keyspaces *keyspaces, uint32_t keyspace);

/* Makes sure that add will not need memory. Returns false, with nothing changed, where memory is short. */
static inline bool wkv_keyspaces_reserve(struct wkv_keyspaces *keyspaces, struct wkv_memory *memory,
                                         uint32_t keyspace)
{
    return keyspace < keyspaces->count || keyspace >= WKV_STORE_COUNTED_KEYSPACES ||
           wkv_keyspaces_grow(keyspaces, memory, keyspace);
}

/* One key more in a keyspace; reserve has been called. */
static inline void wkv_keyspaces_add(struct wkv_keyspaces *keyspaces, uint32_t keyspace)
{
    if (keyspace < keyspaces->count)
        keyspaces->keys[keyspace]++;
}

/* One key less. */
static inline void wkv_keyspaces_take(struct wkv_keyspaces *keyspaces, uint32_t keyspace)
{
    if (keyspace < keyspaces->count)
        keyspaces->keys[keyspace]--;
}

#endif
