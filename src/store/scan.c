/* Scans: from shard to shard, and through each by the places of its keys (table.h).
 *
 * A cursor is a rank among all keys of the store, which follows from a key's 64-bit hash alone and so
 * outlasts whatever happens to the tables:
 *
 *    63        52 51                            20 19               0
 *   +------------+--------------------------------+------------------+
 *   | shard      | place: the hash's lower half,  | tie: the hash's  |
 *   |            | its bits in reverse order      | uppermost bits   |
 *   +------------+--------------------------------+------------------+
 *
 * The entries keep no more of the hash than the place, so a tie is hashed again where it is needed and is 0
 * elsewhere. It is needed where two keys of a keyspace have one place: then a piece can end between them, as
 * it must where more of them than fit it have one place (three keys of 65535 bytes do not fit). Keys that tie
 * even so have the same 64-bit hash under a secret seed, and are taken to be none.
 */
#include <assert.h>
#include <string.h>

#include "store/store.h"

#define TIE_BITS 20
#define SHARD_SHIFT 52
#define SHARD_END (UINT64_C(1) << SHARD_SHIFT) /* above every rank within a shard */

/* Items looked at and buckets and shards gone to in one call, at the most, but for the rest of the last
 * bucket. Each is a cache miss. */
#define MAX_STEPS 512u

static_assert(WKV_STORE_MAX_SHARDS <= UINT64_C(1) << (64 - SHARD_SHIFT), "a shard's number fits a cursor");
static_assert(WKV_STORE_SCAN_BYTES >= WKV_STORE_MAX_KEY_BYTES, "any key fits a piece");

struct found {
    const struct wkv_entry *entry;
    uint64_t rank; /* within the shard */
};

/* What a call has found in the shard that it is at. */
struct search {
    const struct wkv_hasher *hasher;
    uint32_t keyspace;
    int64_t now_ns;
    unsigned steps;
    uint64_t from;     /* the least rank that is wanted, */
    uint64_t end;      /* and the one where this piece ends: from there on not every key is among the found */
    size_t room;       /* keys that may be found */
    size_t bytes_room; /* bytes of their names after which no further bucket is looked at */
    size_t bytes;
    size_t count;
    struct found found[WKV_STORE_SCAN_KEYS]; /* the lowest ranks, in order */
};

static bool same_place(uint64_t rank, uint64_t other)
{
    return rank >> TIE_BITS == other >> TIE_BITS;
}

static bool has_tie(uint64_t rank)
{
    return (rank & ((UINT64_C(1) << TIE_BITS) - 1)) != 0;
}

static void find_tie(const struct search *search, struct found *found)
{
    const struct wkv_entry *entry = found->entry;
    struct wkv_text name = {wkv_entry_key(entry), entry->key_len};
    found->rank |= wkv_hash(search->hasher, entry->keyspace, name) >> (64 - TIE_BITS);
}

/* Where the key is to stand among those found so far: most come behind all others. */
static size_t slot_for(struct search *search, struct found *fresh)
{
    size_t slot = search->count;
    for (; slot > 0; slot--) {
        struct found *before = &search->found[slot - 1];
        if (same_place(before->rank, fresh->rank)) {
            find_tie(search, before);
            find_tie(search, fresh);
        }
        if (before->rank <= fresh->rank)
            break;
    }
    return slot;
}

/* Keeps the key if it is among the lowest that there is room for. What there is no room for ends the piece.
 */
static void keep(struct search *search, struct found fresh)
{
    size_t slot = slot_for(search, &fresh);
    if (search->count == search->room) {
        search->end = slot == search->room ? fresh.rank : search->found[search->room - 1].rank;
        if (slot == search->room)
            return;
        search->count--;
    }
    memmove(&search->found[slot + 1], &search->found[slot], (search->count - slot) * sizeof fresh);
    search->found[slot] = fresh;
    search->count++;
    search->bytes += fresh.entry->key_len;
}

static void consider(void *context, struct wkv_table_item *item)
{
    struct search *search = context;
    struct found found = {(const struct wkv_entry *)item, (uint64_t)wkv_table_place(item->hash) << TIE_BITS};
    search->steps++;
    bool wanted = search->keyspace == found.entry->keyspace || search->keyspace == WKV_STORE_ALL_KEYSPACES;
    if (!wanted || wkv_entry_is_expired(found.entry, search->now_ns))
        return;
    if ((same_place(found.rank, search->from) && has_tie(search->from)) ||
        (same_place(found.rank, search->end) && has_tie(search->end)))
        find_tie(search, &found);
    if (found.rank >= search->from && found.rank < search->end)
        keep(search, found);
}

/* Goes from bucket to bucket until enough is found, enough looked at, or the shard at its end. */
static void search_table(struct search *search, const struct wkv_table *table)
{
    uint64_t next = search->from;
    search->end = SHARD_END;
    while (next < search->end) {
        uint32_t last = wkv_table_walk(table, (uint32_t)(next >> TIE_BITS), consider, search);
        next = ((uint64_t)last + 1) << TIE_BITS;
        search->steps++;
        if (search->steps >= MAX_STEPS || search->count == search->room ||
            search->bytes >= search->bytes_room)
            break;
    }
    if (next < search->end)
        search->end = next;
}

/* Shows what was found in this shard, as far as there is room for the names. */
static void show(struct search *search, uint64_t shard_cursor, struct wkv_store_scan *scan)
{
    char *at = scan->bytes + sizeof scan->bytes - search->bytes_room;
    for (size_t i = 0; i < search->count; i++) {
        const struct wkv_entry *entry = search->found[i].entry;
        if (entry->key_len > (size_t)(scan->bytes + sizeof scan->bytes - at)) {
            search->end = search->found[i].rank;
            break;
        }
        memcpy(at, wkv_entry_key(entry), entry->key_len);
        scan->keys[scan->count].cursor = shard_cursor + search->found[i].rank;
        scan->keys[scan->count].keyspace = entry->keyspace;
        scan->keys[scan->count].name = (struct wkv_text){at, entry->key_len};
        wkv_entry_info(entry, &scan->keys[scan->count].info);
        scan->count++;
        at += entry->key_len;
    }
    search->bytes_room = (size_t)(scan->bytes + sizeof scan->bytes - at);
}

/* Under the shard's lock. */
static void scan_shard(struct search *search, struct wkv_shard *shard, uint64_t shard_cursor,
                       struct wkv_store_scan *scan)
{
    search->room = WKV_STORE_SCAN_KEYS - scan->count;
    search->count = 0;
    search->bytes = 0;
    search_table(search, &shard->table);
    show(search, shard_cursor, scan);
}

/* Searches shard by shard from the search's rank on, and says where it ended. */
static uint64_t scan_shards(struct search *search, struct wkv_store *store, uint64_t shard,
                            struct wkv_store_scan *scan)
{
    for (; shard < store->shard_count; shard++) {
        if (search->steps >= MAX_STEPS || scan->count == WKV_STORE_SCAN_KEYS)
            return shard << SHARD_SHIFT;
        wkv_shard_lock(&store->shards[shard]);
        scan_shard(search, &store->shards[shard], shard << SHARD_SHIFT, scan);
        wkv_shard_unlock(&store->shards[shard]);
        if (search->end < SHARD_END)
            return (shard << SHARD_SHIFT) + search->end;
        search->from = 0;
    }
    return WKV_STORE_SCAN_END;
}

static struct search begin(const struct wkv_store *store, uint32_t keyspace, uint64_t cursor, int64_t now_ns)
{
    return (struct search){.hasher = &store->hasher,
                           .keyspace = keyspace,
                           .now_ns = now_ns,
                           .from = cursor & (SHARD_END - 1),
                           .bytes_room = WKV_STORE_SCAN_BYTES};
}

/* Not even keys that tie, against all odds, hold a scan up for ever. */
static void end(struct wkv_store_scan *scan, uint64_t cursor, uint64_t next)
{
    scan->next = next > cursor ? next : cursor + 1;
}

void wkv_store_scan(struct wkv_store *store, uint32_t keyspace, uint64_t cursor, int64_t now_ns,
                    struct wkv_store_scan *scan)
{
    struct search search = begin(store, keyspace, cursor, now_ns);
    scan->count = 0;
    scan->next = WKV_STORE_SCAN_END;
    if (cursor != WKV_STORE_SCAN_END)
        end(scan, cursor, scan_shards(&search, store, cursor >> SHARD_SHIFT, scan));
}

struct wkv_shard *wkv_scan_shard_of(const struct wkv_store *store, uint64_t cursor)
{
    uint64_t shard = cursor >> SHARD_SHIFT;
    return cursor == WKV_STORE_SCAN_END || shard >= store->shard_count ? NULL : &store->shards[shard];
}

void wkv_scan_locked(struct wkv_store *store, uint32_t keyspace, uint64_t cursor, int64_t now_ns,
                     struct wkv_store_scan *scan)
{
    struct search search = begin(store, keyspace, cursor, now_ns);
    uint64_t shard = cursor >> SHARD_SHIFT;
    uint64_t behind = shard + 1 < store->shard_count ? (shard + 1) << SHARD_SHIFT : WKV_STORE_SCAN_END;
    scan->count = 0;
    scan_shard(&search, &store->shards[shard], shard << SHARD_SHIFT, scan);
    end(scan, cursor, search.end < SHARD_END ? (shard << SHARD_SHIFT) + search.end : behind);
}

uint64_t wkv_store_rank(const struct wkv_store *store, const struct wkv_key *key)
{
    uint64_t hash = wkv_hash(&store->hasher, key->keyspace, key->name);
    uint64_t shard = (uint32_t)(hash >> 32) & (store->shard_count - 1);
    return shard << SHARD_SHIFT | (uint64_t)wkv_table_place((uint32_t)hash) << TIE_BITS |
           hash >> (64 - TIE_BITS);
}

uint64_t wkv_store_stamp(const struct wkv_store *store, const char *purpose)
{
    return wkv_hash(&store->hasher, UINT32_MAX, (struct wkv_text){purpose, strlen(purpose)});
}
