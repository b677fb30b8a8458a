/* A view: the locks of its keys' shards, and what is done under them to keys of any kind. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "store/store.h"

/* Of what is not for the way of a single key, which would save more registers on its account. */
#define NOT_INLINE __attribute__((noinline))

static size_t words_of(const struct wkv_store *store)
{
    return (store->shard_count + 63) / 64;
}

/* Calls `how` for the view's shards, each once and in order, so that two views never wait for each other. */
static void for_each_shard(const struct wkv_view *view, void (*how)(struct wkv_shard *shard))
{
    for (size_t word = 0; view->count > 0 && word < words_of(view->store); word++)
        for (uint64_t bits = view->locked[word]; bits != 0; bits &= bits - 1)
            how(&view->store->shards[word * 64 + (unsigned)__builtin_ctzll(bits)]);
}

/* All keys miss the cache at the same time: first for their buckets, then for their entries. */
static void prefetch(const struct wkv_view *view)
{
    for (size_t i = 0; i < view->count; i++) {
        struct wkv_place place = wkv_view_place(view, i);
        wkv_table_prefetch_bucket(&place.shard->table, place.hash);
    }
    for (size_t i = 0; i < view->count; i++) {
        struct wkv_place place = wkv_view_place(view, i);
        wkv_table_prefetch_item(&place.shard->table, place.hash);
    }
}

static void lock_several(struct wkv_view *view)
{
    memset(view->locked, 0, words_of(view->store) * sizeof view->locked[0]);
    for (size_t i = 0; i < view->count; i++) {
        size_t shard = (size_t)(wkv_view_place(view, i).shard - view->store->shards);
        view->locked[shard / 64] |= UINT64_C(1) << shard % 64;
    }
    for_each_shard(view, wkv_shard_lock);
    prefetch(view);
}

static void hash_key(struct wkv_view *view, size_t key)
{
    view->hashes[key] = wkv_hash(&view->store->hasher, view->keys[key].keyspace, view->keys[key].name);
}

NOT_INLINE static enum wkv_store_status begin_several(struct wkv_view *view, size_t count, size_t write_bytes)
{
    view->count = 0;
    if (count > WKV_VIEW_FEW_KEYS)
        view->hashes = calloc(count, sizeof *view->hashes);
    if (view->hashes == NULL)
        return WKV_STORE_NO_MEMORY;
    view->count = count;
    for (size_t i = 0; i < count; i++)
        hash_key(view, i);
    if (write_bytes != WKV_STORE_READS)
        wkv_store_promise(view, write_bytes);
    lock_several(view);
    return WKV_STORE_OK;
}

enum wkv_store_status wkv_store_begin(struct wkv_view *view, struct wkv_store *store,
                                      const struct wkv_key *keys, size_t count, size_t write_bytes,
                                      int64_t now_ns)
{
    view->store = store;
    view->keys = keys;
    view->now_ns = now_ns;
    view->hashes = view->few_hashes;
    view->walks = NULL;
    view->scratch = NULL;
    view->steps = 0;
    view->tries = 0;
    view->writes = false;
    view->prepaid = false;
    view->promised_bytes = 0;
    view->undo = NULL;
    if (count != 1)
        return begin_several(view, count, write_bytes);
    view->count = 1;
    hash_key(view, 0);
    if (write_bytes != WKV_STORE_READS && store->pool.max_bytes != 0)
        wkv_store_promise(view, write_bytes);
    view->shard = wkv_view_place(view, 0).shard;
    wkv_shard_lock(view->shard);
    return WKV_STORE_OK;
}

static void lock_all(const struct wkv_view *view)
{
    if (view->count == 1)
        wkv_shard_lock(view->shard);
    else
        for_each_shard(view, wkv_shard_lock);
}

static void unlock_all(const struct wkv_view *view)
{
    if (view->count == 1)
        wkv_shard_unlock(view->shard);
    else
        for_each_shard(view, wkv_shard_unlock);
}

/* ---- letting go of the locks ---- */

/* Steps (items looked at, or 64 bytes shown) of the first try between two times: some hundred microseconds.
 */
#define PIECE_STEPS 2048u
#define MOST_TRIES 8u

/* A thread that waits for a lock has it when this is over. */
#define PAUSE_NS 1000

static bool begin_walks(struct wkv_view *view)
{
    view->walks =
        view->count <= WKV_VIEW_FEW_KEYS ? view->few_walks : calloc(view->count, sizeof *view->walks);
    for (size_t i = 0; view->walks != NULL && i < view->count; i++) {
        struct wkv_place place = wkv_view_place(view, i);
        view->walks[i] = (struct wkv_walk){.next = place.shard->walks, .hash = place.hash};
        place.shard->walks = &view->walks[i];
    }
    return view->walks != NULL;
}

static void end_walks(struct wkv_view *view)
{
    for (size_t i = 0; view->walks != NULL && i < view->count; i++) {
        struct wkv_walk **at = &wkv_view_place(view, i).shard->walks;
        while (*at != &view->walks[i])
            at = &(*at)->next;
        *at = view->walks[i].next;
    }
    if (view->walks != view->few_walks)
        free(view->walks);
    view->walks = NULL;
}

bool wkv_view_let_go(struct wkv_view *view)
{
    view->steps = 0;
    if (view->writes || (view->walks == NULL && !begin_walks(view)))
        return false;
    wkv_undo_pause(view);
    unlock_all(view);
    return true;
}

bool wkv_view_hold_again(struct wkv_view *view)
{
    lock_all(view);
    wkv_undo_resume(view);
    for (size_t i = 0; i < view->count; i++)
        if (view->walks[i].broken)
            return false;
    return true;
}

bool wkv_view_breathe(struct wkv_view *view, size_t bytes)
{
    view->steps += 1 + (unsigned)(bytes / 64);
    if (view->steps < PIECE_STEPS << view->tries || !wkv_view_let_go(view))
        return true;
    (void)nanosleep(&(struct timespec){0, PAUSE_NS}, NULL);
    return wkv_view_hold_again(view);
}

bool wkv_view_again(struct wkv_view *view)
{
    view->steps = 0;
    end_walks(view);
    return ++view->tries < MOST_TRIES;
}

/* ---- memory for all calls ---- */

/* Most members and bytes that a set moves when it becomes a table: those of a packed one, and one more. */
#define MOVED_MEMBERS (WKV_SET_PACKED_MEMBERS + 1)

/* A table's: the directory and first buckets of one that is empty, and what a chain grows by. */
static uint64_t insertion_bound(void)
{
    return wkv_memory_bound(64) + wkv_memory_bound(32) + wkv_memory_bound(256);
}

static uint64_t value_bound(const struct wkv_view_call *call)
{
    switch (call->what) {
    case WKV_CALL_PUSH:
        return wkv_memory_bound(WKV_LIST_CHUNK_BYTES + 16 + call->value_bytes);
    case WKV_CALL_SET_ADD:
        return wkv_memory_bound(call->value_bytes + 8) + insertion_bound() +
               wkv_memory_bound(2 * WKV_SET_PACKED_BYTES) + WKV_SET_PACKED_BYTES +
               MOVED_MEMBERS * (wkv_memory_bound(8) + wkv_memory_bound(64));
    default:
        return 0;
    }
}

static uint64_t call_bound(const struct wkv_view *view, const struct wkv_view_call *call)
{
    const struct wkv_shard *shard = wkv_view_place(view, call->key).shard;
    size_t in_entry = call->what == WKV_CALL_SET ? call->value_bytes : 0;
    return value_bound(call) + insertion_bound() +
           wkv_memory_bound(wkv_entry_most_bytes(view->keys[call->key].name.len, in_entry)) +
           wkv_memory_bound(wkv_keyspaces_growth(&shard->keyspaces, view->keys[call->key].keyspace)) +
           wkv_memory_bound(shard->wheel.slots == NULL ? WKV_WHEEL_BYTES : 0);
}

static void set_prepaid(const struct wkv_view *view, uint64_t *prepaid_bytes)
{
    for (size_t i = 0; i < view->count; i++)
        wkv_view_place(view, i).shard->memory.prepaid_bytes = prepaid_bytes;
}

enum wkv_store_status wkv_view_reserve(struct wkv_view *view, const struct wkv_view_call *calls, size_t count)
{
    uint64_t bytes = 0;
    assert(!view->prepaid);
    for (size_t i = 0; i < count; i++)
        bytes += call_bound(view, &calls[i]);
    if (!wkv_budget_charge(&view->store->budget, bytes))
        return WKV_STORE_NO_MEMORY;
    view->prepaid = true;
    view->prepaid_bytes = bytes;
    set_prepaid(view, &view->prepaid_bytes);
    return WKV_STORE_OK;
}

static void end_reserve(struct wkv_view *view)
{
    set_prepaid(view, NULL);
    wkv_budget_discharge(&view->store->budget, view->prepaid_bytes);
}

NOT_INLINE static void end_all(struct wkv_view *view)
{
    if (view->walks != NULL)
        end_walks(view);
    if (view->prepaid)
        end_reserve(view);
    if (view->promised_bytes != 0)
        wkv_store_keep_promise(view);
    unlock_all(view);
    free(view->scratch);
    if (view->hashes != view->few_hashes)
        free(view->hashes);
}

void wkv_store_end(struct wkv_view *view)
{
    assert(view->undo == NULL);
    if (view->count == 1 && view->walks == NULL && view->scratch == NULL && !view->prepaid &&
        view->promised_bytes == 0)
        wkv_shard_unlock(view->shard);
    else
        end_all(view);
}

enum wkv_store_status wkv_view_exists(struct wkv_view *view, size_t key, enum wkv_kind *kind)
{
    const struct wkv_entry *entry = wkv_view_find(view, key);
    if (entry != NULL && kind != NULL)
        *kind = (enum wkv_kind)entry->kind;
    return entry == NULL ? WKV_STORE_MISSING : WKV_STORE_OK;
}

enum wkv_store_status wkv_view_inspect(struct wkv_view *view, size_t key, struct wkv_store_info *info)
{
    const struct wkv_entry *entry = wkv_view_look(view, key);
    if (entry != NULL)
        wkv_entry_info(entry, info);
    return entry == NULL ? WKV_STORE_MISSING : WKV_STORE_OK;
}

enum wkv_store_status wkv_view_delete(struct wkv_view *view, size_t key)
{
    struct wkv_place place;
    struct wkv_entry *entry = wkv_view_claim(view, key, &place);
    if (entry != NULL)
        wkv_shard_delete(place.shard, entry);
    return entry == NULL ? WKV_STORE_MISSING : WKV_STORE_OK;
}
