/* What the files of this room share: the store itself, and how a call gets to its entry. */
#ifndef WKV_STORE_STORE_H
#define WKV_STORE_STORE_H

#include "store/shard.h"
#include "store/undo.h"
#include "wascc_keyvalue/store.h"

struct wkv_store {
    struct wkv_hasher hasher;
    uint64_t advised_bytes;
    struct wkv_budget budget;
    struct wkv_pages pool;
    bool pooled;           /* blocks come from the pool; else all are malloc's */
    _Atomic uint32_t turn; /* the shard where the next search for room begins */
    _Atomic uint64_t
        barren_bytes;         /* holes that there were when nothing was left to tidy; 0: there is something */
    _Atomic bool observed;    /* there is an observer of changes, */
    _Atomic bool any_changes; /* and there may be some */
    enum wkv_evict evict;
    _Atomic uint64_t promised_bytes; /* to views under way, for which keys are evicted */
    uint32_t shard_count;            /* a power of two */
    struct wkv_shard *shards;
};

/* Where the key lives: the shard from the hash's upper half, the place in the shard's table from its lower.
 */
static inline struct wkv_place wkv_store_place_of(const struct wkv_store *store, uint64_t hash)
{
    return (struct wkv_place){&store->shards[(uint32_t)(hash >> 32) & (store->shard_count - 1)],
                              (uint32_t)hash};
}

static inline struct wkv_place wkv_store_place(const struct wkv_store *store, struct wkv_key key)
{
    return wkv_store_place_of(store, wkv_hash(&store->hasher, key.keyspace, key.name));
}

/* Before the view writes about so many bytes, with no lock held: where the budget comes near its bound and
 * keys may go, evicts some that are none of the view's (evict.c); and where the pool does, moves blocks
 * together until there is room, or until there is nothing to gain (room.c). */
void wkv_store_make_room(const struct wkv_view *view, size_t bytes);
void wkv_store_evict(const struct wkv_view *view, size_t bytes);

/* Writes up to this find room in the spare that is kept; larger ones are promised theirs, but for those that
 * want half of all, which may never fit. */
#define WKV_PROMISE_BYTES ((size_t)4096)

/* Makes room, and keeps others from the view's until it ends. */
static inline void wkv_store_promise(struct wkv_view *view, size_t bytes)
{
    struct wkv_store *store = view->store;
    if (store->evict != WKV_EVICT_NONE && bytes > WKV_PROMISE_BYTES && bytes < store->budget.max_bytes / 2) {
        view->promised_bytes = bytes;
        atomic_fetch_add_explicit(&store->promised_bytes, bytes, memory_order_relaxed);
    }
    wkv_store_make_room(view, bytes);
}

static inline void wkv_store_keep_promise(struct wkv_view *view)
{
    atomic_fetch_sub_explicit(&view->store->promised_bytes, view->promised_bytes, memory_order_relaxed);
    view->promised_bytes = 0;
}

/* A piece of a scan in the one shard that the cursor is in (NULL: the cursor is behind all), which the caller
 * has locked. */
struct wkv_shard *wkv_scan_shard_of(const struct wkv_store *store, uint64_t cursor);
void wkv_scan_locked(struct wkv_store *store, uint32_t keyspace, uint64_t cursor, int64_t now_ns,
                     struct wkv_store_scan *scan);

/* Where the view's key lives. */
static inline struct wkv_place wkv_view_place(const struct wkv_view *view, size_t key)
{
    assert(key < view->count);
    return wkv_store_place_of(view->store, view->hashes[key]);
}

/* Called for each text of so many bytes that a call looks at: lets others have the locks when it is time.
 * Returns false where they have changed a key of the view: no pointer into the store is good any more. */
bool wkv_view_breathe(struct wkv_view *view, size_t bytes);

/* The two halves of that, for work without the locks. let_go returns false where the view keeps them. */
bool wkv_view_let_go(struct wkv_view *view);
bool wkv_view_hold_again(struct wkv_view *view);

/* The key's entry, or NULL where there is none or it has expired: for a look that is no use of the key. */
static inline struct wkv_entry *wkv_view_look(const struct wkv_view *view, size_t key)
{
    struct wkv_place place = wkv_view_place(view, key);
    struct wkv_entry *entry = wkv_shard_find(place.shard, place.hash, view->keys[key]);
    return entry != NULL && wkv_entry_is_expired(entry, view->now_ns) ? NULL : entry;
}

/* The same for reads, which change nothing of what the key holds. */
static inline struct wkv_entry *wkv_view_find(const struct wkv_view *view, size_t key)
{
    struct wkv_entry *entry = wkv_view_look(view, key);
    if (entry != NULL)
        wkv_entry_use(entry);
    return entry;
}

/* The key's entry, or NULL, and where it lives: for writes. One that has expired is taken out on the way. */
static inline struct wkv_entry *wkv_view_claim(struct wkv_view *view, size_t key, struct wkv_place *place)
{
    *place = wkv_view_place(view, key);
    view->writes = true;
    view->claimed = key;
    place->shard->memory.owner = place->hash;
    struct wkv_entry *entry = wkv_shard_find(place->shard, place->hash, view->keys[key]);
    if (entry == NULL)
        return NULL;
    wkv_entry_use(entry);
    if (!wkv_entry_is_expired(entry, view->now_ns))
        return entry;
    wkv_shard_expire(place->shard, entry);
    return NULL;
}

#endif
