#include "security/replay.h"

#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

/* A shard keeps its ids in one array of slots. A slot that is in use is in two chains of slot numbers: that
 * of its bucket, to be found by, and that of its second, to be reclaimed by:
 *
 *   buckets | 4 | - | 7 | …            seconds | - | 7 | 4 | …    WHEEL of them, expires_s modulo WHEEL
 *                                                  ▲ swept_s: everything before it was looked at
 *
 * A call looks at the seconds that have passed since the last one and frees what has expired in them, so each
 * id is touched once more after it was noted. The chain of a second is only a hint: what is freed is told by
 * expires_s.
 */
#define NONE UINT32_MAX
#define WHEEL 256
#define DIGEST_BYTES 16
#define DEFAULT_SHARDS 16u
#define MAX_SHARDS 256u

_Static_assert(WKV_REPLAY_MAX_AHEAD_S < WHEEL, "no two seconds that are kept may share a place");
_Static_assert(DIGEST_BYTES == crypto_shorthash_siphashx24_BYTES, "libsodium makes digests of this size");

struct slot {
    unsigned char digest[DIGEST_BYTES];
    int64_t expires_s; /* the last second in which the id could be sent again */
    uint32_t next_in_bucket;
    uint32_t next_in_second; /* also chains the free slots that were used before */
};

struct shard {
    pthread_mutex_t lock;
    struct slot *slots;
    uint32_t *buckets;
    uint32_t capacity;
    uint32_t bucket_mask;
    uint32_t used; /* slots that were ever used: those after them were never touched, so take no memory yet */
    uint32_t free_head; /* of slots that were used before */
    uint32_t count;
    int64_t swept_s;
    int64_t forgotten_s; /* the largest expires_s of what was freed */
    uint32_t seconds[WHEEL];
};

struct wkv_replay {
    unsigned char key[crypto_shorthash_siphashx24_KEYBYTES];
    uint32_t shard_mask;
    uint32_t shard_count; /* that were initialised */
    struct shard shards[];
};

static bool shard_init(struct shard *shard, uint32_t capacity)
{
    uint32_t buckets = 1;
    while (buckets < capacity)
        buckets *= 2;
    shard->slots = calloc(capacity, sizeof *shard->slots);
    /* A bucket holds slot number + 1, so that fresh zeroed memory is empty without being written to. */
    shard->buckets = calloc(buckets, sizeof *shard->buckets);
    if (shard->slots == NULL || shard->buckets == NULL || pthread_mutex_init(&shard->lock, NULL) != 0) {
        free(shard->slots);
        free(shard->buckets);
        return false;
    }
    shard->capacity = capacity;
    shard->bucket_mask = buckets - 1;
    shard->free_head = NONE;
    shard->swept_s = INT64_MIN;
    shard->forgotten_s = INT64_MIN;
    for (int i = 0; i < WHEEL; i++)
        shard->seconds[i] = NONE;
    return true;
}

enum wkv_code wkv_replay_create(const struct wkv_replay_options *options, struct wkv_replay **replay,
                                struct wkv_error *error)
{
    uint32_t entries = options->max_entries == 0 ? WKV_REPLAY_ENTRIES : options->max_entries;
    uint32_t shards = options->shards == 0 ? DEFAULT_SHARDS : options->shards;
    if (shards > MAX_SHARDS || (shards & (shards - 1)) != 0)
        return wkv_fail(error, WKV_BAD_REQUEST,
                        "the replay window has a power of two of shards up to %u, not %u", MAX_SHARDS,
                        shards);
    if (entries > WKV_REPLAY_MAX_ENTRIES || entries < shards)
        return wkv_fail(error, WKV_BAD_REQUEST, "the replay window has %u to %u entries, not %u", shards,
                        WKV_REPLAY_MAX_ENTRIES, entries);
    struct wkv_replay *made =
        sodium_init() < 0 ? NULL : calloc(1, sizeof *made + shards * sizeof made->shards[0]);
    if (made == NULL)
        return wkv_fail(error, WKV_NO_MEMORY, "no memory for the replay window");
    made->shard_mask = shards - 1;
    randombytes_buf(made->key, sizeof made->key);
    for (; made->shard_count < shards; made->shard_count++)
        if (!shard_init(&made->shards[made->shard_count], entries / shards)) {
            wkv_replay_destroy(made);
            return wkv_fail(error, WKV_NO_MEMORY, "no memory for the replay window");
        }
    *replay = made;
    return WKV_OK;
}

/* The keyed digest of the host and the id's own one. Whatever a digest is worth, the same host and id have
 * the same, so a replay is always found: two invocations of one digest would only have the second refused. */
static void digest_of(const struct wkv_replay *replay, const unsigned char host[WKV_NKEY_BYTES],
                      const char *id, size_t id_len, unsigned char digest[DIGEST_BYTES])
{
    unsigned char both[WKV_NKEY_BYTES + DIGEST_BYTES];
    memcpy(both, host, WKV_NKEY_BYTES);
    (void)crypto_shorthash_siphashx24(both + WKV_NKEY_BYTES, (const unsigned char *)id, id_len, replay->key);
    (void)crypto_shorthash_siphashx24(digest, both, sizeof both, replay->key);
}

static uint32_t *bucket_of(struct shard *shard, const unsigned char digest[DIGEST_BYTES])
{
    uint32_t hash;
    memcpy(&hash, digest, sizeof hash);
    return &shard->buckets[hash & shard->bucket_mask];
}

static uint32_t *second_of(struct shard *shard, int64_t time_s)
{
    return &shard->seconds[(uint64_t)time_s % WHEEL];
}

/* Takes a slot out of its bucket and gives it to the free ones. */
static void free_slot(struct shard *shard, uint32_t index)
{
    struct slot *slot = &shard->slots[index];
    uint32_t *link = bucket_of(shard, slot->digest);
    while (*link != index + 1)
        link = &shard->slots[*link - 1].next_in_bucket;
    *link = slot->next_in_bucket;
    if (slot->expires_s > shard->forgotten_s)
        shard->forgotten_s = slot->expires_s;
    slot->next_in_second = shard->free_head;
    shard->free_head = index;
    shard->count--;
}

/* Frees what has expired among the ids of one second. */
static void sweep_second(struct shard *shard, int64_t second, int64_t now_s)
{
    uint32_t *link = second_of(shard, second);
    while (*link != NONE) {
        uint32_t index = *link;
        struct slot *slot = &shard->slots[index];
        if (slot->expires_s >= now_s) {
            link = &slot->next_in_second;
            continue;
        }
        *link = slot->next_in_second;
        free_slot(shard, index);
    }
}

static void sweep(struct shard *shard, int64_t now_s)
{
    if (now_s < shard->swept_s) /* The clock went back: the seconds to come were looked at too early. */
        shard->swept_s = now_s;
    int64_t from = shard->swept_s;
    if (from < now_s - WHEEL)
        from = now_s - WHEEL; /* The wheel once round is everything. */
    for (int64_t second = from; second < now_s; second++)
        sweep_second(shard, second, now_s);
    shard->swept_s = now_s;
}

static bool seen(struct shard *shard, const unsigned char digest[DIGEST_BYTES])
{
    for (uint32_t i = *bucket_of(shard, digest); i != 0; i = shard->slots[i - 1].next_in_bucket)
        if (memcmp(shard->slots[i - 1].digest, digest, DIGEST_BYTES) == 0)
            return true;
    return false;
}

static void insert(struct shard *shard, const unsigned char digest[DIGEST_BYTES], int64_t expires_s)
{
    uint32_t index = shard->free_head;
    if (index != NONE)
        shard->free_head = shard->slots[index].next_in_second;
    else
        index = shard->used++;
    struct slot *slot = &shard->slots[index];
    memcpy(slot->digest, digest, DIGEST_BYTES);
    slot->expires_s = expires_s;
    uint32_t *bucket = bucket_of(shard, digest);
    slot->next_in_bucket = *bucket;
    *bucket = index + 1;
    uint32_t *second = second_of(shard, expires_s);
    slot->next_in_second = *second;
    *second = index;
    shard->count++;
}

static enum wkv_code note(struct shard *shard, const unsigned char digest[DIGEST_BYTES], int64_t expires_s,
                          int64_t now_s, struct wkv_error *error)
{
    sweep(shard, now_s);
    if (seen(shard, digest))
        return wkv_fail(error, WKV_FORBIDDEN,
                        "the invocation was seen before: every invocation needs an id of its own");
    if (expires_s < now_s || expires_s <= shard->forgotten_s)
        return wkv_fail(error, WKV_FORBIDDEN,
                        "the invocation is so old that it may have been seen before: send a new one");
    /* Contract: "a replayed id … is 403"; a window that forgot an id early would serve it. */
    if (shard->count == shard->capacity)
        return wkv_fail(error, WKV_UNAVAILABLE,
                        "too many invocations within a minute to tell a replay: try again later");
    insert(shard, digest, expires_s);
    return WKV_OK;
}

enum wkv_code wkv_replay_note(struct wkv_replay *replay, const unsigned char host[WKV_NKEY_BYTES],
                              const char *id, size_t id_len, int64_t expires_s, int64_t now_s,
                              struct wkv_error *error)
{
    if (expires_s > now_s && expires_s - now_s > WKV_REPLAY_MAX_AHEAD_S)
        return wkv_fail(error, WKV_UNAVAILABLE,
                        "the invocation would have to be remembered for more than %d s",
                        WKV_REPLAY_MAX_AHEAD_S);
    unsigned char digest[DIGEST_BYTES];
    digest_of(replay, host, id, id_len, digest);
    /* The last byte chooses the shard, the first four the bucket. */
    struct shard *shard = &replay->shards[digest[DIGEST_BYTES - 1] & replay->shard_mask];
    pthread_mutex_lock(&shard->lock);
    enum wkv_code code = note(shard, digest, expires_s, now_s, error);
    pthread_mutex_unlock(&shard->lock);
    return code;
}

void wkv_replay_destroy(struct wkv_replay *replay)
{
    if (replay == NULL)
        return;
    for (uint32_t i = 0; i < replay->shard_count; i++) {
        pthread_mutex_destroy(&replay->shards[i].lock);
        free(replay->shards[i].slots);
        free(replay->shards[i].buckets);
    }
    sodium_memzero(replay->key, sizeof replay->key);
    free(replay);
}
