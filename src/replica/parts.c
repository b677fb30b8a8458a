#include "replica/parts.h"

#include <stdlib.h>
#include <string.h>

#include "replica/rules.h"

bool wkv_own_keys_set(struct wkv_own_keys *own, struct wkv_key key, uint64_t position)
{
    struct wkv_store_options options = {.shards = 1, .blocks = WKV_STORE_BLOCKS_MALLOC};
    struct wkv_view view;
    if (own->store == NULL)
        own->store = wkv_store_create(&options, 0);
    if (own->store == NULL)
        return false;
    (void)wkv_store_begin(&view, own->store, &key, 1, key.name.len + sizeof position, 0);
    bool done = wkv_view_set(&view, 0, (struct wkv_text){(const char *)&position, sizeof position}, 0) ==
                WKV_STORE_OK;
    wkv_store_end(&view);
    return done;
}

static bool copy(void *position, struct wkv_text text)
{
    memcpy(position, text.data, sizeof(uint64_t));
    return false;
}

bool wkv_own_keys_find(const struct wkv_own_keys *own, struct wkv_key key, uint64_t *position)
{
    struct wkv_view view;
    if (own->store == NULL)
        return false;
    (void)wkv_store_begin(&view, own->store, &key, 1, WKV_STORE_READS, 0);
    bool found = wkv_view_get(&view, 0, copy, position) == WKV_STORE_OK;
    wkv_store_end(&view);
    return found;
}

uint64_t wkv_own_keys_bytes(const struct wkv_own_keys *own)
{
    struct wkv_store_stats stats = {.bytes = 0};
    if (own->store != NULL)
        wkv_store_stats(own->store, &stats);
    return stats.bytes;
}

void wkv_own_keys_destroy(struct wkv_own_keys *own)
{
    wkv_store_destroy(own->store);
    own->store = NULL;
}

bool wkv_parts_add(struct wkv_parts *parts, uint64_t from, uint64_t to, uint64_t position)
{
    if (from != (parts->count == 0 ? WKV_STORE_SCAN_BEGIN : parts->all[parts->count - 1].to))
        return false;
    if (parts->count == parts->capacity) {
        size_t capacity = parts->capacity == 0 ? 64 : 2 * parts->capacity;
        struct wkv_part *all = realloc(parts->all, capacity * sizeof *all);
        if (all == NULL)
            return false;
        parts->all = all;
        parts->capacity = capacity;
    }
    parts->all[parts->count++] = (struct wkv_part){to, position};
    parts->last = position > parts->last ? position : parts->last;
    return true;
}

static uint64_t position_of_rank(const struct wkv_parts *parts, uint64_t rank)
{
    size_t low = 0, high = parts->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (rank < parts->all[middle].to)
            high = middle;
        else
            low = middle + 1;
    }
    return low < parts->count ? parts->all[low].position : 0;
}

uint64_t wkv_parts_position(const struct wkv_parts *parts, const struct wkv_store *store, struct wkv_key key)
{
    uint64_t position, by_rank = position_of_rank(parts, wkv_store_rank(store, &key));
    if (!wkv_own_keys_find(&parts->own, key, &position))
        return by_rank;
    return WKV_WRONG(WKV_READ_TWICE) && by_rank > position ? by_rank : position;
}

void wkv_parts_destroy(struct wkv_parts *parts)
{
    wkv_own_keys_destroy(&parts->own);
    free(parts->all);
    *parts = (struct wkv_parts){.all = NULL};
}
