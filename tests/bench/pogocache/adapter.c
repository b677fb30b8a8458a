/* pogocache, embedded, as a contender: compiled by lib/store_pogocache.c with the sources of a checkout. */
#include <malloc.h>
#include <string.h>

#include "contender.h"
#include "pogocache.h"

#define NOW 1
#define SHARDS 4096

struct store {
    struct pogocache *cache;
    uint64_t before; /* malloc's bytes */
};

struct copy {
    char *value;
    size_t len;
};

struct sum {
    struct bench_number number;
    struct pogocache_update update;
    int64_t delta, sum;
};

extern const struct bench_contender bench_pogocache;

static uint64_t malloced(void)
{
    struct mallinfo2 info = mallinfo2();
    return info.uordblks + info.hblkhd;
}

static void *open_cache(void)
{
    struct pogocache_opts options = {.nshards = SHARDS, .noevict = true};
    uint64_t before = malloced();
    struct store *store = calloc(1, sizeof *store);
    if (store == NULL)
        return NULL;
    *store = (struct store){pogocache_new(&options), before};
    if (store->cache != NULL)
        return store;
    free(store);
    return NULL;
}

static void close_cache(void *store)
{
    pogocache_free(((struct store *)store)->cache);
    free(store);
}

static bool set(void *store, const char *key, const char *value, size_t len)
{
    struct pogocache_store_opts options = {.time = NOW};
    int status = pogocache_store(((struct store *)store)->cache, key, BENCH_KEY_BYTES, value, len, &options);
    return status == POGOCACHE_INSERTED || status == POGOCACHE_REPLACED;
}

static void take_copy(int shard, int64_t time, const void *key, size_t keylen, const void *value,
                      size_t valuelen, int64_t expires, uint32_t flags, uint64_t cas,
                      struct pogocache_update **update, void *udata)
{
    struct copy *copy = udata;
    (void)shard, (void)time, (void)key, (void)keylen, (void)expires, (void)flags, (void)cas, (void)update;
    copy->len = valuelen < BENCH_MAX_STORED_BYTES ? valuelen : BENCH_MAX_STORED_BYTES;
    memcpy(copy->value, value, copy->len);
}

static size_t get(void *store, const char *key, char *value)
{
    struct copy copy = {value, 0};
    struct pogocache_load_opts options = {.time = NOW, .entry = take_copy, .udata = &copy};
    (void)pogocache_load(((struct store *)store)->cache, key, BENCH_KEY_BYTES, &options);
    return copy.len;
}

static void take_sum(int shard, int64_t time, const void *key, size_t keylen, const void *value,
                     size_t valuelen, int64_t expires, uint32_t flags, uint64_t cas,
                     struct pogocache_update **update, void *udata)
{
    struct sum *sum = udata;
    (void)shard, (void)time, (void)key, (void)keylen, (void)cas;
    sum->sum = bench_number_add(&sum->number, value, valuelen, sum->delta);
    sum->update = (struct pogocache_update){sum->number.text, sum->number.len, flags, expires};
    *update = &sum->update;
}

/* The first of a key is no race here: counters are made by one thread each. */
static int64_t add(void *store, const char *key, int64_t delta)
{
    struct sum sum = {.delta = delta};
    struct pogocache_load_opts options = {.time = NOW, .entry = take_sum, .udata = &sum};
    int status = pogocache_load(((struct store *)store)->cache, key, BENCH_KEY_BYTES, &options);
    if (status != POGOCACHE_NOTFOUND)
        return status == POGOCACHE_FOUND ? sum.sum : 0;
    sum.sum = bench_number_add(&sum.number, "", 0, delta);
    return set(store, key, sum.number.text, sum.number.len) ? sum.sum : 0;
}

static uint64_t count(void *store)
{
    return malloced() - ((struct store *)store)->before;
}

const struct bench_contender bench_pogocache = {.name = "pogocache",
                                                .open = open_cache,
                                                .close = close_cache,
                                                .set = set,
                                                .get = get,
                                                .add = add,
                                                .count = count};
