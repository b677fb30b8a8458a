/* A shard: one lock, and under it a table of entries, their expiry times and an account of their memory.
 *
 * Every function but lock and unlock wants the lock held.
 */
#ifndef WKV_STORE_SHARD_H
#define WKV_STORE_SHARD_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "store/change.h"
#include "store/entry.h"
#include "store/keyspaces.h"
#include "store/memory.h"
#include "store/table.h"
#include "store/undo.h"
#include "store/wheel.h"
#include "support/hash.h"
#include "support/text.h"
#include "wascc_keyvalue/store.h"

#define WKV_KINDS 4

/* On cache lines of its own, so that two shards never share one. */
struct wkv_shard {
    alignas(128) pthread_mutex_t lock;
    struct wkv_memory memory;
    struct wkv_table table;
    struct wkv_wheel wheel;
    struct wkv_entry *graveyard; /* large values that are deleted but not yet freed */
    struct wkv_keyspaces keyspaces;
    struct wkv_change_log log;
    struct wkv_walk *walks; /* of views that have let go of the lock */
    struct wkv_undo *undo;  /* of the view that has the lock; NULL: what it changes stays */
    uint64_t keys_by_kind[WKV_KINDS];
    uint64_t notes; /* in the table, but no keys */
    uint64_t expired;
    uint64_t evicted;
    uint32_t hand; /* the place in the table where the next search for what may go begins */
};

/* Where a key lives. */
struct wkv_place {
    struct wkv_shard *shard;
    uint32_t hash;
};

/* pool NULL: all blocks are malloc's. Errors: false where the machine gives no lock. */
bool wkv_shard_init(struct wkv_shard *shard, struct wkv_budget *budget, struct wkv_pages *pool,
                    int64_t now_ns);
void wkv_shard_destroy(struct wkv_shard *shard);

void wkv_shard_lock(struct wkv_shard *shard);
void wkv_shard_unlock(struct wkv_shard *shard);

/* The key's entry, expired or not, or NULL. */
struct wkv_entry *wkv_shard_find(const struct wkv_shard *shard, uint32_t hash, struct wkv_key key);

/* Adds a fresh entry for a key that is not there. Returns false, with nothing changed, where memory is short.
 */
bool wkv_shard_insert(struct wkv_shard *shard, struct wkv_entry *entry);

/* Puts a fresh entry in the place of one with the same key, which is freed. Never needs memory. */
void wkv_shard_replace(struct wkv_shard *shard, struct wkv_entry *old, struct wkv_entry *fresh);

/* The same, where what lay behind the old one is now the fresh one's: nothing has changed. */
void wkv_shard_move(struct wkv_shard *shard, struct wkv_entry *old, struct wkv_entry *fresh);

/* What lies behind an entry is no longer where it was. */
void wkv_shard_break_walks(struct wkv_shard *shard, const struct wkv_entry *entry);

static inline bool wkv_entry_is_note(const struct wkv_entry *entry)
{
    return entry->keyspace == WKV_STORE_NOTES;
}

/* Every mutation says so, once. */
static inline void wkv_shard_changed(struct wkv_shard *shard, const struct wkv_entry *entry,
                                     enum wkv_change_kind what)
{
    if (shard->walks != NULL)
        wkv_shard_break_walks(shard, entry);
    if (shard->log.bytes != NULL && shard->undo == NULL && !wkv_entry_is_note(entry))
        wkv_change_note(&shard->log, entry, what);
}

/* Takes the entry out and frees it, at once where it is small, else piece by piece in maintain. */
void wkv_shard_remove(struct wkv_shard *shard, struct wkv_entry *entry);

/* The same, and it is a change: a call deletes the key, or its time is over. */
void wkv_shard_delete(struct wkv_shard *shard, struct wkv_entry *entry);
void wkv_shard_expire(struct wkv_shard *shard, struct wkv_entry *entry);

/* The same: the key goes to make room for others. No view has the lock. */
void wkv_shard_evict(struct wkv_shard *shard, struct wkv_entry *entry);

/* The entry, which has room for a timer unless that is 0, expires then. */
void wkv_shard_set_expiry(struct wkv_shard *shard, struct wkv_entry *entry, int64_t expires_at_ns);

/* Frees an entry that the table does not hold. */
void wkv_shard_discard(struct wkv_shard *shard, struct wkv_entry *entry);

/* Frees some of what lies in the graveyard. Returns whether there was anything. */
bool wkv_shard_bring_back(struct wkv_shard *shard);

/* One piece of tidying: does that, or evacuates a segment of the heap, unless
 * a view that has let go of the lock will go on where it was. Returns whether there was anything to do. No
 * other pointer to a block of the shard may be held. */
bool wkv_shard_compact(struct wkv_shard *shard);

/* Does up to max_steps pieces of upkeep. Returns true where some is left. */
bool wkv_shard_maintain(struct wkv_shard *shard, int64_t now_ns, unsigned max_steps);

#endif
