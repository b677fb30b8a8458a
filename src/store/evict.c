/* Room in the budget: keys that were not asked for lately go before a write, with no lock held but that of
 * the shard that they are in.
 *
 * Each shard has a hand that goes round its keys, in the order of their hashes or, where only keys that
 * expire may go, in that of the wheel. It takes 1 from the uses of each key that it passes (entry.h) and
 * evicts those that have none. So a key that is asked for only once goes at the hand's next round, whatever
 * else is read or written meanwhile, and one that was asked for often stays for some rounds more. Nothing is
 * kept in order, and nothing is written by a read but the two bits of its key. */
#include <string.h>

#include "store/store.h"

/* A write that finds less than this left makes room, so that several may at once, and for what its value
 * costs beside its bytes. */
#define SPARE_BYTES ((uint64_t)1 << 20)

/* Pieces of work that one write does at most, beside those for its own bytes: some microseconds each. */
#define MAX_PIECES 64u
/* The smallest key takes about this; so a write of many bytes may evict as many keys as they ask for. */
#define PIECE_BYTES 64u

/* Keys and buckets that the hand passes at the most before it takes the key with the fewest uses. */
#define MAX_STEPS 64u
#define MAX_VICTIMS 16u

bool wkv_evict_parse(const char *name, enum wkv_evict *evict)
{
    static const char *const names[] = {
        [WKV_EVICT_NONE] = "none", [WKV_EVICT_ANY] = "any", [WKV_EVICT_EXPIRING] = "expiring"};
    for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(name, names[i]) != 0)
            continue;
        *evict = (enum wkv_evict)i;
        return true;
    }
    return false;
}

static uint64_t spare_bytes(const struct wkv_store *store)
{
    uint64_t part = store->budget.max_bytes / 16;
    return part < SPARE_BYTES ? part : SPARE_BYTES;
}

static bool is_short(const struct wkv_store *store, uint64_t bytes)
{
    uint64_t used = atomic_load_explicit(&store->budget.used_bytes, memory_order_relaxed) +
                    atomic_load_explicit(&store->promised_bytes, memory_order_relaxed);
    return used + bytes + spare_bytes(store) > store->budget.max_bytes;
}

/* Whether there would not be room even if all keys went: then none does. */
static bool is_hopeless(const struct wkv_store *store, size_t bytes)
{
    uint64_t fixed_bytes = sizeof *store + store->shard_count * sizeof(struct wkv_shard) +
                           atomic_load_explicit(&store->budget.reserved_bytes, memory_order_relaxed);
    return fixed_bytes > store->budget.max_bytes || bytes > store->budget.max_bytes - fixed_bytes;
}

/* Whether the shard has keys that may go. Each note has an expiry. */
static bool has_some(const struct wkv_store *store, const struct wkv_shard *shard)
{
    uint64_t all = store->evict == WKV_EVICT_ANY ? shard->table.count : shard->wheel.armed;
    return all > shard->notes;
}

/* What the hand has passed. */
struct pass {
    int64_t now_ns;
    struct wkv_entry *victims[MAX_VICTIMS]; /* without a use, or expired */
    size_t count;
    struct wkv_entry *least; /* the one with the fewest uses; NULL: none */
    unsigned steps;
};

static void consider(struct pass *pass, struct wkv_entry *entry)
{
    pass->steps++;
    if (wkv_entry_is_note(entry))
        return;
    if (entry->used == 0 || wkv_entry_is_expired(entry, pass->now_ns)) {
        if (pass->count < MAX_VICTIMS)
            pass->victims[pass->count++] = entry;
        return;
    }
    if (pass->least == NULL || entry->used <= pass->least->used)
        pass->least = entry;
    entry->used--;
}

static void consider_item(void *context, struct wkv_table_item *item)
{
    consider(context, (struct wkv_entry *)item);
}

static void pass_keys(struct pass *pass, enum wkv_evict evict, struct wkv_shard *shard)
{
    while (pass->count == 0 && pass->steps < MAX_STEPS) {
        if (evict == WKV_EVICT_ANY) {
            shard->hand = wkv_table_walk(&shard->table, shard->hand, consider_item, pass) + 1;
            pass->steps++;
            continue;
        }
        struct wkv_timer *timer = wkv_wheel_turn(&shard->wheel);
        if (timer == NULL)
            return;
        consider(pass, wkv_entry_of_timer(timer));
    }
    if (pass->count == 0 && pass->least != NULL)
        pass->victims[pass->count++] = pass->least;
}

/* Whether a view works at the key: this one, or one that lets others have its locks for a moment. */
static bool is_at_work(const struct wkv_view *view, const struct wkv_shard *shard,
                       const struct wkv_entry *entry)
{
    for (const struct wkv_walk *walk = shard->walks; walk != NULL; walk = walk->next)
        if (walk->hash == entry->item.hash)
            return true;
    for (size_t i = 0; i < view->count; i++) {
        struct wkv_place place = wkv_view_place(view, i);
        if (place.shard == shard && place.hash == entry->item.hash)
            return true;
    }
    return false;
}

/* What is found together goes together unless it is large, so that the hand has to pass no key for nothing.
 */
static void evict_some(const struct wkv_view *view, struct wkv_shard *shard, uint64_t bytes)
{
    struct pass pass = {.now_ns = view->now_ns};
    uint64_t wanted = bytes + spare_bytes(view->store) / 16;
    pass_keys(&pass, view->store->evict, shard);
    for (size_t i = 0; i < pass.count; i++) {
        if (wkv_entry_is_expired(pass.victims[i], view->now_ns))
            wkv_shard_expire(shard, pass.victims[i]);
        else if (is_short(view->store, wanted) && !is_at_work(view, shard, pass.victims[i]))
            wkv_shard_evict(shard, pass.victims[i]);
    }
}

/* One piece: brings back some of what lies dead in the shard, or else evicts. Returns whether there was
 * anything to do; *dead says whether some is left to bring back. */
static bool work_at(const struct wkv_view *view, struct wkv_shard *shard, uint64_t bytes, bool *dead)
{
    wkv_shard_lock(shard);
    bool busy = wkv_shard_bring_back(shard);
    if (!busy && has_some(view->store, shard)) {
        evict_some(view, shard, bytes);
        busy = true;
    }
    *dead = shard->graveyard != NULL;
    wkv_shard_unlock(shard);
    return busy;
}

static struct wkv_shard *next_shard(struct wkv_store *store)
{
    uint32_t turn = atomic_fetch_add_explicit(&store->turn, 1, memory_order_relaxed);
    return &store->shards[turn & (store->shard_count - 1)];
}

void wkv_store_evict(const struct wkv_view *view, size_t bytes)
{
    struct wkv_store *store = view->store;
    uint64_t wanted = bytes - view->promised_bytes; /* beside that */
    if (!is_short(store, wanted) || is_hopeless(store, bytes))
        return;
    atomic_store_explicit(&store->barren_bytes, 0, memory_order_relaxed); /* there will be holes */
    size_t pieces = MAX_PIECES + bytes / PIECE_BYTES;
    uint32_t idle = 0; /* shards in a row that have nothing to give */
    struct wkv_shard *shard = NULL;
    bool dead = false; /* what is in the shard goes on */
    while (pieces > 0 && idle < store->shard_count && is_short(store, wanted)) {
        if (!dead)
            shard = next_shard(store);
        bool busy = work_at(view, shard, wanted, &dead);
        idle = busy ? 0 : idle + 1;
        pieces -= busy;
    }
}
