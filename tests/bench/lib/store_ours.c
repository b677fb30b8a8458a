#include <string.h>

#include "contenders.h"
#include "wascc_keyvalue/store.h"

#define NOW 1
#define UPKEEP_STEPS 32

struct copy {
    char *value;
    size_t len;
};

static void *open_ours(void)
{
    return wkv_store_create(&(struct wkv_store_options){0}, NOW);
}

static void close_ours(void *store)
{
    wkv_store_destroy(store);
}

static struct wkv_key key_of(const char *name)
{
    return (struct wkv_key){1, {name, BENCH_KEY_BYTES}};
}

static bool set(void *store, const char *name, const char *value, size_t len)
{
    struct wkv_key key = key_of(name);
    struct wkv_view view;
    (void)wkv_store_begin(&view, store, &key, 1, BENCH_KEY_BYTES + len, NOW);
    enum wkv_store_status status = wkv_view_set(&view, 0, (struct wkv_text){value, len}, 0);
    wkv_store_end(&view);
    return status == WKV_STORE_OK;
}

static bool take_copy(void *context, struct wkv_text text)
{
    struct copy *copy = context;
    copy->len = text.len < BENCH_MAX_STORED_BYTES ? text.len : BENCH_MAX_STORED_BYTES;
    memcpy(copy->value, text.data, copy->len);
    return true;
}

static size_t get(void *store, const char *name, char *value)
{
    struct wkv_key key = key_of(name);
    struct copy copy = {value, 0};
    struct wkv_view view;
    (void)wkv_store_begin(&view, store, &key, 1, WKV_STORE_READS, NOW);
    (void)wkv_view_get(&view, 0, take_copy, &copy);
    wkv_store_end(&view);
    return copy.len;
}

static size_t get_many(void *store, const char (*names)[BENCH_KEY_BYTES], char *value)
{
    struct wkv_key keys[BENCH_MANY_KEYS];
    size_t len = 1;
    for (size_t i = 0; i < BENCH_MANY_KEYS; i++)
        keys[i] = key_of(names[i]);
    wkv_store_prefetch(store, keys, BENCH_MANY_KEYS);
    for (size_t i = 0; i < BENCH_MANY_KEYS && len > 0; i++)
        len = get(store, names[i], value);
    return len;
}

static int64_t add(void *store, const char *name, int64_t delta)
{
    struct wkv_key key = key_of(name);
    struct wkv_view view;
    int64_t sum = 0;
    (void)wkv_store_begin(&view, store, &key, 1, BENCH_KEY_BYTES, NOW);
    (void)wkv_view_add(&view, 0, delta, WKV_INT64_RANGE, &sum);
    wkv_store_end(&view);
    return sum;
}

static void settle(void *store)
{
    while (wkv_store_maintain(store, NOW, UPKEEP_STEPS))
        continue;
}

static uint64_t count(void *store)
{
    struct wkv_store_stats stats;
    wkv_store_stats(store, &stats);
    return stats.bytes;
}

const struct bench_contender bench_ours = {.name = "ours",
                                           .open = open_ours,
                                           .close = close_ours,
                                           .set = set,
                                           .get = get,
                                           .get_many = get_many,
                                           .add = add,
                                           .settle = settle,
                                           .count = count};
