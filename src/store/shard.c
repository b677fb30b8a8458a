#include "store/shard.h"

#include <assert.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "store/relink.h"

/* Pieces (chunks of a list, members of a set) that may be freed in the call that deletes them: some
 * microseconds' worth. More goes to the graveyard. */
#define FREE_AT_ONCE 64u

/* Pieces that are freed at a time where room is wanted. */
#define COMPACT_STEPS 1000u

/* A lock is held for less than a microsecond mostly: who finds it taken looks again a few times before it
 * sleeps, which with the waking takes ten times as long. */
static bool init_lock(pthread_mutex_t *lock)
{
    pthread_mutexattr_t attributes;
    if (pthread_mutexattr_init(&attributes) != 0)
        return false;
    bool made = pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_ADAPTIVE_NP) == 0 &&
                pthread_mutex_init(lock, &attributes) == 0;
    (void)pthread_mutexattr_destroy(&attributes);
    return made;
}

bool wkv_shard_init(struct wkv_shard *shard, struct wkv_budget *budget, struct wkv_pages *pool,
                    int64_t now_ns)
{
    memset(shard, 0, sizeof *shard);
    shard->memory.budget = budget;
    shard->memory.heap.pool = pool;
    wkv_table_init(&shard->table);
    wkv_keyspaces_init(&shard->keyspaces);
    wkv_wheel_init(&shard->wheel, now_ns);
    return init_lock(&shard->lock);
}

static void dispose_entry(struct wkv_memory *memory, struct wkv_table_item *item)
{
    unsigned steps = UINT_MAX;
    (void)wkv_entry_drain((struct wkv_entry *)item, memory, &steps);
}

/* A dead entry needs its hash and its keyspace no more: the link to the next one takes their place. */
static struct wkv_entry *next_dead(const struct wkv_entry *entry)
{
    struct wkv_entry *next;
    memcpy(&next, (const void *)entry, sizeof(void *));
    return next;
}

static void bury(struct wkv_shard *shard, struct wkv_entry *entry)
{
    static_assert(sizeof(void *) <= offsetof(struct wkv_entry, key_len), "a link fits");
    memcpy((void *)entry, &shard->graveyard, sizeof(void *));
    shard->graveyard = entry;
}

static bool drain_graveyard(struct wkv_shard *shard, unsigned *steps)
{
    while (shard->graveyard != NULL) {
        struct wkv_entry *entry = shard->graveyard;
        struct wkv_entry *next = next_dead(entry);
        if (*steps == 0 || !wkv_entry_drain(entry, &shard->memory, steps))
            return false;
        if (*steps > 0)
            (*steps)--;
        shard->graveyard = next;
    }
    return true;
}

void wkv_shard_destroy(struct wkv_shard *shard)
{
    unsigned steps = UINT_MAX;
    while (!wkv_table_drain(&shard->table, &shard->memory, &steps, dispose_entry))
        steps = UINT_MAX;
    while (!drain_graveyard(shard, &steps))
        steps = UINT_MAX;
    wkv_wheel_destroy(&shard->wheel, &shard->memory);
    wkv_keyspaces_destroy(&shard->keyspaces, &shard->memory);
    assert(shard->memory.used_bytes == 0);
    (void)pthread_mutex_destroy(&shard->lock);
}

void wkv_shard_lock(struct wkv_shard *shard)
{
    (void)pthread_mutex_lock(&shard->lock);
}

void wkv_shard_unlock(struct wkv_shard *shard)
{
    (void)pthread_mutex_unlock(&shard->lock);
}

static bool entry_matches(const struct wkv_table_item *item, const void *sought)
{
    const struct wkv_entry *entry = (const struct wkv_entry *)item;
    const struct wkv_key *key = sought;
    return entry->keyspace == key->keyspace && wkv_text_same(key->name, wkv_entry_name(entry));
}

struct wkv_entry *wkv_shard_find(const struct wkv_shard *shard, uint32_t hash, struct wkv_key key)
{
    return (struct wkv_entry *)wkv_table_find(&shard->table, hash, entry_matches, &key);
}

/* Where the entry is counted. */
static uint64_t *count_of(struct wkv_shard *shard, const struct wkv_entry *entry)
{
    return wkv_entry_is_note(entry) ? &shard->notes : &shard->keys_by_kind[entry->kind];
}

bool wkv_shard_insert(struct wkv_shard *shard, struct wkv_entry *entry)
{
    if (!wkv_keyspaces_reserve(&shard->keyspaces, &shard->memory, entry->keyspace) ||
        !wkv_table_insert(&shard->table, &shard->memory, &entry->item))
        return false;
    wkv_keyspaces_add(&shard->keyspaces, entry->keyspace);
    ++*count_of(shard, entry);
    return true;
}

static size_t pieces_of(const struct wkv_entry *entry)
{
    const void *block = wkv_entry_block(entry);
    if (wkv_memory_has_pages(block) && wkv_memory_block_bytes(block) > WKV_ENTRY_PIECE_BYTES)
        return SIZE_MAX;
    if (entry->kind == WKV_LIST)
        return wkv_entry_list(entry)->chunks;
    if (entry->kind == WKV_SET)
        return wkv_entry_set(entry)->hashed ? wkv_entry_set(entry)->size : 1;
    return 0;
}

void wkv_shard_discard(struct wkv_shard *shard, struct wkv_entry *entry)
{
    unsigned steps = UINT_MAX;
    if (entry->timed)
        wkv_wheel_disarm(&shard->wheel, wkv_entry_timer(entry));
    if (pieces_of(entry) > FREE_AT_ONCE)
        bury(shard, entry);
    else
        (void)wkv_entry_drain(entry, &shard->memory, &steps);
}

void wkv_shard_replace(struct wkv_shard *shard, struct wkv_entry *old, struct wkv_entry *fresh)
{
    wkv_table_replace(&shard->table, &old->item, &fresh->item);
    shard->keys_by_kind[fresh->kind]++;
    shard->keys_by_kind[old->kind]--;
    wkv_shard_discard(shard, old);
}

void wkv_shard_move(struct wkv_shard *shard, struct wkv_entry *old, struct wkv_entry *fresh)
{
    wkv_shard_break_walks(shard, old);
    wkv_table_replace(&shard->table, &old->item, &fresh->item);
    old->kind = WKV_SCALAR;
    wkv_shard_discard(shard, old);
}

void wkv_shard_remove(struct wkv_shard *shard, struct wkv_entry *entry)
{
    wkv_table_remove(&shard->table, &shard->memory, &entry->item);
    wkv_keyspaces_take(&shard->keyspaces, entry->keyspace);
    --*count_of(shard, entry);
    wkv_shard_discard(shard, entry);
}

void wkv_shard_break_walks(struct wkv_shard *shard, const struct wkv_entry *entry)
{
    for (struct wkv_walk *walk = shard->walks; walk != NULL; walk = walk->next)
        walk->broken |= walk->hash == entry->item.hash;
}

void wkv_shard_delete(struct wkv_shard *shard, struct wkv_entry *entry)
{
    wkv_shard_changed(shard, entry, WKV_CHANGE_DELETE);
    if (shard->undo != NULL)
        wkv_undo_hide(shard->undo, entry);
    else
        wkv_shard_remove(shard, entry);
}

void wkv_shard_expire(struct wkv_shard *shard, struct wkv_entry *entry)
{
    shard->expired += !wkv_entry_is_note(entry);
    struct wkv_undo *undo = shard->undo;
    shard->undo = NULL; /* its time is over, whatever is taken back */
    wkv_shard_changed(shard, entry, WKV_CHANGE_EXPIRE);
    wkv_shard_remove(shard, entry);
    shard->undo = undo;
}

void wkv_shard_evict(struct wkv_shard *shard, struct wkv_entry *entry)
{
    shard->evicted++;
    wkv_shard_changed(shard, entry, WKV_CHANGE_EVICT);
    wkv_shard_remove(shard, entry);
}

void wkv_shard_set_expiry(struct wkv_shard *shard, struct wkv_entry *entry, int64_t expires_at_ns)
{
    if (entry->timed)
        wkv_wheel_disarm(&shard->wheel, wkv_entry_timer(entry));
    if (expires_at_ns != 0)
        wkv_wheel_arm(&shard->wheel, wkv_entry_timer(entry), expires_at_ns);
}

bool wkv_shard_maintain(struct wkv_shard *shard, int64_t now_ns, unsigned max_steps)
{
    unsigned steps = max_steps;
    struct wkv_timer *timer;
    while ((timer = wkv_wheel_next_due(&shard->wheel, now_ns, &steps)) != NULL)
        wkv_shard_expire(shard, wkv_entry_of_timer(timer));
    if (!drain_graveyard(shard, &steps) || steps == 0)
        return true;
    return wkv_shard_compact(shard) && wkv_heap_is_sparse(&shard->memory.heap);
}

bool wkv_shard_bring_back(struct wkv_shard *shard)
{
    unsigned steps = COMPACT_STEPS;
    if (shard->graveyard == NULL)
        return false;
    (void)drain_graveyard(shard, &steps);
    return true;
}

bool wkv_shard_compact(struct wkv_shard *shard)
{
    if (wkv_shard_bring_back(shard))
        return true;
    if (shard->walks != NULL || !wkv_heap_is_sparse(&shard->memory.heap))
        return false;
    (void)wkv_heap_evacuate(&shard->memory.heap, wkv_shard_relink, shard);
    return true;
}
