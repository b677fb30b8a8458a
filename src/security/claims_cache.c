#include "security/claims_cache.h"

#include <sodium.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "security/token.h"
#include "support/hash.h"

/* Slots are one array; each is in the chain of its bucket, or in the chain of free slots. Chains are of slot
 * numbers:
 *
 *   buckets  | 2 | - | 0 | - | …        power of two, at least one per slot
 *              │       └──────────┐
 *   slots    [0] next - ◄─────────┘  [1] free   [2] next 5   …   [5] next -
 *             ▲ hand: goes round all slots when room is wanted
 */
#define NONE UINT32_MAX

/* How many bytes of a token are hashed: its end, which is 18 bytes of the signature. Those that whoever signs
 * can make end alike are too few to fill a bucket with (a pair takes 2^72 signatures), and the whole token is
 * compared after that. */
#define HASHED_BYTES 24

struct slot {
    uint64_t hash;
    char *token; /* owned; NULL in a free slot */
    uint32_t len;
    uint32_t next;
    uint64_t generation; /* of the trust lists that the issuer was last found in */
    bool found;          /* since the hand last came by */
    struct wkv_claims claims;
};

/* struct wkv_claims_cache_stats, as the cache's own thread counts and any other may read it. */
struct counters {
    _Atomic uint64_t hits;
    _Atomic uint64_t misses;
    _Atomic uint64_t evictions;
    _Atomic uint64_t entries;
    _Atomic uint64_t bytes;
};

struct wkv_claims_cache {
    struct wkv_hasher hasher;
    struct slot *slots;
    uint32_t *buckets;
    uint32_t slot_count;
    uint32_t bucket_mask;
    uint32_t free_head;
    uint32_t hand;
    size_t max_bytes;
    struct counters counters;
    struct wkv_claims_tally *tally; /* NULL: none; under its lock: */
    struct wkv_claims_cache *next;
};

_Static_assert(WKV_CLAIMS_CACHE_KEY_BYTES == crypto_shorthash_KEYBYTES,
               "the header names libsodium's key size");

/* There is one writer, so a plain load and store are enough. */
static uint64_t read_counter(const _Atomic uint64_t *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

static void add(_Atomic uint64_t *counter, uint64_t number)
{
    atomic_store_explicit(counter, read_counter(counter) + number, memory_order_relaxed);
}

static void subtract(_Atomic uint64_t *counter, uint64_t number)
{
    atomic_store_explicit(counter, read_counter(counter) - number, memory_order_relaxed);
}

static bool allocate(struct wkv_claims_cache *cache, uint32_t slot_count)
{
    uint32_t buckets = 1;
    while (buckets < slot_count)
        buckets *= 2;
    cache->slots = calloc(slot_count, sizeof *cache->slots);
    cache->buckets = malloc(buckets * sizeof *cache->buckets);
    if (cache->slots == NULL || cache->buckets == NULL)
        return false;
    cache->slot_count = slot_count;
    cache->bucket_mask = buckets - 1;
    for (uint32_t i = 0; i < buckets; i++)
        cache->buckets[i] = NONE;
    for (uint32_t i = 0; i < slot_count; i++)
        cache->slots[i].next = i + 1 < slot_count ? i + 1 : NONE;
    cache->free_head = 0;
    return true;
}

/* ---- all caches together ---- */

void wkv_claims_tally_init(struct wkv_claims_tally *tally)
{
    *tally = (struct wkv_claims_tally){.lock = PTHREAD_MUTEX_INITIALIZER};
}

void wkv_claims_tally_destroy(struct wkv_claims_tally *tally)
{
    (void)pthread_mutex_destroy(&tally->lock);
}

static void add_stats(const struct wkv_claims_cache *cache, struct wkv_claims_cache_stats *sum)
{
    struct wkv_claims_cache_stats one;
    wkv_claims_cache_stats(cache, &one);
    sum->hits += one.hits;
    sum->misses += one.misses;
    sum->evictions += one.evictions;
    sum->entries += one.entries;
    sum->bytes += one.bytes;
}

void wkv_claims_tally_add_up(struct wkv_claims_tally *tally, struct wkv_claims_cache_stats *sum)
{
    (void)pthread_mutex_lock(&tally->lock);
    *sum = tally->former;
    for (const struct wkv_claims_cache *cache = tally->first; cache != NULL; cache = cache->next)
        add_stats(cache, sum);
    (void)pthread_mutex_unlock(&tally->lock);
}

static void join(struct wkv_claims_cache *cache, struct wkv_claims_tally *tally)
{
    (void)pthread_mutex_lock(&tally->lock);
    cache->tally = tally;
    cache->next = tally->first;
    tally->first = cache;
    (void)pthread_mutex_unlock(&tally->lock);
}

static void leave(struct wkv_claims_cache *cache)
{
    struct wkv_claims_tally *tally = cache->tally;
    (void)pthread_mutex_lock(&tally->lock);
    struct wkv_claims_cache **link = &tally->first;
    while (*link != cache)
        link = &(*link)->next;
    *link = cache->next;
    add_stats(cache, &tally->former);
    tally->former.entries = 0;
    tally->former.bytes = 0;
    (void)pthread_mutex_unlock(&tally->lock);
}

/* ---- one cache ---- */

enum wkv_code wkv_claims_cache_create(const struct wkv_claims_cache_options *options,
                                      struct wkv_claims_cache **cache, struct wkv_error *error)
{
    uint32_t entries = options->max_entries == 0 ? WKV_CLAIMS_CACHE_ENTRIES : options->max_entries;
    if (entries > WKV_CLAIMS_CACHE_MAX_ENTRIES)
        return wkv_fail(error, WKV_BAD_REQUEST, "at most %u tokens can be remembered, not %u",
                        WKV_CLAIMS_CACHE_MAX_ENTRIES, entries);
    struct wkv_claims_cache *made = sodium_init() < 0 ? NULL : calloc(1, sizeof *made);
    if (made == NULL || !allocate(made, entries)) {
        wkv_claims_cache_destroy(made);
        return wkv_fail(error, WKV_NO_MEMORY, "no memory to remember tokens in");
    }
    made->max_bytes = options->max_bytes == 0 ? WKV_CLAIMS_CACHE_BYTES : options->max_bytes;
    if (options->hash_key != NULL)
        memcpy(made->hasher.seed, options->hash_key, sizeof made->hasher.seed);
    else
        wkv_hasher_init(&made->hasher);
    if (options->tally != NULL)
        join(made, options->tally);
    *cache = made;
    return WKV_OK;
}

/* Under a key, so that senders of tokens cannot choose which of them share a bucket. */
static uint64_t hash_of(const struct wkv_claims_cache *cache, const char *token, size_t len)
{
    size_t hashed = len < HASHED_BYTES ? len : HASHED_BYTES;
    return wkv_hash(&cache->hasher, 0, (struct wkv_text){token + len - hashed, hashed});
}

/* Whether len bytes are the same, in a time that does not depend on where they differ. It does what
 * sodium_memcmp does, eight bytes at a time: byte by byte it would cost more than all the rest of a look-up.
 */
static bool same_bytes(const char *a, const char *b, size_t len)
{
    uint64_t differ = 0;
    size_t i = 0;
    for (; i + sizeof(uint64_t) <= len; i += sizeof(uint64_t)) {
        uint64_t x, y;
        memcpy(&x, a + i, sizeof x);
        memcpy(&y, b + i, sizeof y);
        differ |= x ^ y;
    }
    for (; i < len; i++)
        differ |= (uint64_t)(unsigned char)(a[i] ^ b[i]);
    /* What differ holds is hidden from the compiler, so that it cannot leave the loop early. */
    __asm__("" : "+r"(differ));
    return differ == 0;
}

static void drop(struct wkv_claims_cache *cache, uint32_t index)
{
    struct slot *slot = &cache->slots[index];
    uint32_t *link = &cache->buckets[slot->hash & cache->bucket_mask];
    while (*link != index)
        link = &cache->slots[*link].next;
    *link = slot->next;
    subtract(&cache->counters.entries, 1);
    subtract(&cache->counters.bytes, slot->len);
    free(slot->token);
    slot->token = NULL;
    slot->next = cache->free_head;
    cache->free_head = index;
}

/* "never outlives `exp`", and a reload that takes an issuer away takes its tokens away. */
static bool still_holds(struct slot *slot, const struct wkv_trust *trust, int64_t now_s)
{
    if (wkv_token_expired(slot->claims.expires_s, now_s))
        return false;
    uint64_t generation = wkv_trust_generation(trust);
    if (slot->generation != generation) {
        if (!wkv_trust_has(trust, WKV_TRUST_ISSUERS, slot->claims.issuer))
            return false;
        slot->generation = generation;
    }
    return true;
}

const struct wkv_claims *wkv_claims_cache_find(struct wkv_claims_cache *cache, const char *token, size_t len,
                                               const struct wkv_trust *trust, int64_t now_s)
{
    uint64_t hash = hash_of(cache, token, len);
    for (uint32_t i = cache->buckets[hash & cache->bucket_mask]; i != NONE; i = cache->slots[i].next) {
        struct slot *slot = &cache->slots[i];
        if (slot->hash != hash || slot->len != len || !same_bytes(slot->token, token, len))
            continue;
        if (!still_holds(slot, trust, now_s)) {
            drop(cache, i);
            break;
        }
        if (wkv_token_too_early(slot->claims.not_before_s, now_s))
            break;
        slot->found = true;
        add(&cache->counters.hits, 1);
        return &slot->claims;
    }
    add(&cache->counters.misses, 1);
    return NULL;
}

/* Moves the hand to the next token that was not found since it last came by, and drops that. There is one, at
 * the latest the second time round. */
static void evict_one(struct wkv_claims_cache *cache)
{
    for (;;) {
        uint32_t index = cache->hand;
        cache->hand = index + 1 == cache->slot_count ? 0 : index + 1;
        struct slot *slot = &cache->slots[index];
        if (slot->token == NULL)
            continue;
        if (slot->found) {
            slot->found = false;
            continue;
        }
        drop(cache, index);
        add(&cache->counters.evictions, 1);
        return;
    }
}

void wkv_claims_cache_add(struct wkv_claims_cache *cache, const char *token, size_t len,
                          const struct wkv_claims *claims, const struct wkv_trust *trust)
{
    if (len == 0 || len > cache->max_bytes || len > WKV_TOKEN_MAX_BYTES)
        return;
    char *copy = malloc(len);
    if (copy == NULL)
        return;
    memcpy(copy, token, len);
    while (read_counter(&cache->counters.entries) > 0 &&
           (cache->free_head == NONE || read_counter(&cache->counters.bytes) > cache->max_bytes - len))
        evict_one(cache);
    uint32_t index = cache->free_head;
    struct slot *slot = &cache->slots[index];
    cache->free_head = slot->next;
    slot->hash = hash_of(cache, token, len);
    slot->token = copy;
    slot->len = (uint32_t)len;
    slot->generation = wkv_trust_generation(trust);
    slot->found = false;
    slot->claims = *claims;
    uint32_t *bucket = &cache->buckets[slot->hash & cache->bucket_mask];
    slot->next = *bucket;
    *bucket = index;
    add(&cache->counters.entries, 1);
    add(&cache->counters.bytes, len);
}

void wkv_claims_cache_stats(const struct wkv_claims_cache *cache, struct wkv_claims_cache_stats *stats)
{
    const struct counters *counters = &cache->counters;
    *stats = (struct wkv_claims_cache_stats){.hits = read_counter(&counters->hits),
                                             .misses = read_counter(&counters->misses),
                                             .evictions = read_counter(&counters->evictions),
                                             .entries = (uint32_t)read_counter(&counters->entries),
                                             .bytes = (size_t)read_counter(&counters->bytes)};
}

void wkv_claims_cache_destroy(struct wkv_claims_cache *cache)
{
    if (cache == NULL)
        return;
    if (cache->tally != NULL)
        leave(cache);
    for (uint32_t i = 0; i < cache->slot_count; i++)
        free(cache->slots[i].token);
    free(cache->slots);
    free(cache->buckets);
    sodium_memzero(&cache->hasher, sizeof cache->hasher);
    free(cache);
}
